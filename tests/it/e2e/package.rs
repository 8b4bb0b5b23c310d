//! The image of a release, built on the Docker engine without pulling anything, and used as a person would.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{docker, unique};
use crate::support::root;

fn run(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A release's program is static and 12 MB; this one is neither: its symbols are taken off, and its libraries go along. The
/// archive beside it, which no one reads here, is of a program that is soon compressed.
fn context(folder: &Path) {
    run(Command::new(root().join("scripts/package"))
        .args(["--target", target(), "--version", "9.8.7", "--run", env!("CARGO_BIN_EXE_landfall")])
        .arg("--binary")
        .arg(root().join("install.sh"))
        .arg("--out")
        .arg(folder));
    let program = folder.join("image/linux").join(machine()).join("landfall");
    run(Command::new("strip").arg("-o").arg(program).arg(env!("CARGO_BIN_EXE_landfall")));
    let libraries = run(Command::new("ldd").arg(env!("CARGO_BIN_EXE_landfall")));
    for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        let place = folder.join("image/root").join(library.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("made");
        std::fs::copy(library, &place).expect("copied");
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).expect("it can be read");
    }
}

fn target() -> &'static str {
    if cfg!(target_arch = "x86_64") { "x86_64-unknown-linux-musl" } else { "aarch64-unknown-linux-musl" }
}

/// What Docker calls the machine.
fn machine() -> &'static str {
    if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" }
}

#[test]
fn the_image_runs_as_nobody_in_particular_on_a_read_only_file_system() {
    let folder = tempfile::tempdir().expect("a folder");
    context(folder.path());
    let image = format!("{}:test", unique("landfall"));
    let arguments =
        ["VERSION=9.8.7".to_owned(), "REVISION=0a1b".to_owned(), format!("TARGETARCH={}", machine())];
    let file = root().join("Dockerfile").display().to_string();
    let context = folder.path().join("image").display().to_string();
    let mut args =
        vec!["build", "--quiet", "--pull=false", "--target", "package", "--tag", &image, "--file", &file];
    for argument in &arguments {
        args.extend(["--build-arg", argument]);
    }
    args.push(&context);
    // The classic builder: buildx is no part of the engine.
    super::docker_with_variables(&[("DOCKER_BUILDKIT", "0")], &args);

    let inspected: Value = serde_json::from_str(&docker(&["inspect", &image])).expect("JSON");
    let config = &inspected[0]["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], serde_json::json!(["/landfall"]));
    assert_eq!(config["Labels"]["org.opencontainers.image.version"], "9.8.7");
    assert_eq!(config["Labels"]["org.opencontainers.image.revision"], "0a1b");

    let harmless = ["run", "--rm", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
    let version = docker(&[&harmless[..], &["--network", "none", &image, "--version"]].concat());
    assert_eq!(version.trim(), format!("landfall {}", env!("CARGO_PKG_VERSION")));
    // The main job, with nothing but a temporary folder, and the configuration to read.
    let work = format!("{}:/work:ro", root().join("examples/hello").display());
    let told = docker(
        &[
            &harmless[..],
            &["--network", "none", "--tmpfs", "/tmp", "--volume", &work, &image, "deploy", "--sandbox"],
        ]
        .concat(),
    );
    assert!(told.contains("succeeded"), "{told}");

    // What it trusts, and where it may write.
    let container = docker(&["create", &image]);
    let exported = folder.path().join("exported.tar");
    docker(&["export", "--output", exported.to_str().expect("UTF-8"), container.trim()]);
    let mut tar = tar::Archive::new(std::fs::File::open(exported).expect("it is there"));
    let mut found = std::collections::BTreeMap::new();
    for entry in tar.entries().expect("entries") {
        let entry = entry.expect("an entry");
        let header = entry.header();
        let path = entry.path().expect("a path").display().to_string();
        found.insert(path, (header.mode().expect("a mode") & 0o7777, header.size().expect("a size")));
    }
    assert_eq!(found["tmp/"].0, 0o1777);
    assert!(found["etc/ssl/certs/ca-certificates.crt"].1 > 50_000, "{found:?}");
    assert_eq!(found["landfall"].0, 0o755);
    docker(&["rm", container.trim()]);
    docker(&["rmi", "--force", &image]);
}
