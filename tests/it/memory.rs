//! `landfall push` as a program: what it sends, and that its memory does not grow with the image. The kernel tells
//! the peak of another process only on Linux.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::discard::Discard;
use crate::support::Landfall;

const GIB: u64 = 1 << 30;
/// Zeros that nothing has to store: sparse files are read as fast as memory.
const LARGE: u64 = 10 * GIB;
const LARGE_DIGEST: &str = "sha256:732377e7f4a2abdc13ddfa1eb4c9c497fd2a2b294674d056cf51581b47dd586d";

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn config() -> Vec<u8> {
    let rootfs = json!({"type": "layers", "diff_ids": [LARGE_DIGEST]});
    json!({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).to_string().into_bytes()
}

/// An OCI layout whose only layer is [`LARGE`].
fn layout(dir: &Path) {
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder");
    let blob = |bytes: &[u8]| {
        let digest = digest(bytes);
        fs::write(blobs.join(&digest[7..]), bytes).expect("a blob");
        (digest, bytes.len())
    };
    let entry = |kind: &str, (digest, size): (String, usize)| -> Value {
        json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest, "size": size})
    };
    File::create(blobs.join(&LARGE_DIGEST[7..])).and_then(|file| file.set_len(LARGE)).expect("a sparse file");
    let layer = json!({"mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": LARGE_DIGEST, "size": LARGE});
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": entry("config.v1+json", blob(&config())), "layers": [layer]});
    let manifest = entry("manifest.v1+json", blob(manifest.to_string().as_bytes()));
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(dir.join("index.json"), index.to_string()).expect("an index");
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a marker");
}

/// What `docker save` writes, with a layer of [`LARGE`].
fn archive(to: &Path) {
    let mut file = File::create(to).expect("a file");
    let manifest = json!([{"Config": "config.json", "RepoTags": ["app:v1"], "Layers": ["layer.tar"]}]);
    let mut add = |name: &str, bytes: &[u8], size: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).expect("a name");
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        file.write_all(header.as_bytes()).expect("a header");
        file.write_all(bytes).expect("its content");
        // Zeros up to the next block, without storing them.
        let end = file.stream_position().expect("a place") + (size - bytes.len() as u64);
        let end = end.next_multiple_of(512);
        file.set_len(end).expect("room");
        file.seek(SeekFrom::Start(end)).expect("its end");
    };
    add("manifest.json", manifest.to_string().as_bytes(), manifest.to_string().len() as u64);
    add("config.json", &config(), config().len() as u64);
    add("layer.tar", &[], LARGE);
    let end = file.stream_position().expect("a place");
    file.set_len(end + 1024).expect("the end mark");
}

/// Pushes, and gives the peak of the process in MiB, rounded up.
fn push(from: &str, registry: &Discard) -> u64 {
    let to = format!("{}/app:v1", registry.host);
    let mut command = Landfall::new(&["push", "--from", from, "--to", &to, "--no-cache", "--output", "json"])
        .into_command();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    registry.watch(child.id());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default();
    assert!(output.status.success(), "{last}\n{}", String::from_utf8_lossy(&output.stderr));
    registry.peak().div_ceil(1024)
}

/// In MiB, for the layout. A program that is not optimised is larger itself, and all of it that runs is resident;
/// what a layer takes on top is the same.
const LAYOUT_LIMIT: u64 = if cfg!(debug_assertions) { 48 } else { 32 };
/// In MiB: two buffers of a MiB for each of up to 18 batches are the most of it.
const ARCHIVE_LIMIT: u64 = 64;

#[test]
fn a_layout_with_ten_gibibytes_is_pushed_in_a_few_megabytes() {
    let dir = tempfile::tempdir().expect("a folder");
    layout(dir.path());
    let registry = Discard::start();
    let peak = push(&format!("oci:{}", dir.path().display()), &registry);
    println!("peak {peak} MiB");
    let mut blobs = registry.blobs();
    blobs.sort_unstable();
    assert_eq!(blobs, [config().len() as u64, LARGE]);
    assert!(peak <= LAYOUT_LIMIT, "{peak} MiB");
}

#[test]
fn an_archive_with_ten_gibibytes_is_packed_in_a_few_megabytes() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("archive.tar");
    archive(&file);
    let registry = Discard::start();
    let peak = push(&format!("docker-archive:{}", file.display()), &registry);
    println!("peak {peak} MiB");
    assert_eq!(registry.blobs().len(), 2);
    assert!(peak <= ARCHIVE_LIMIT, "{peak} MiB");
}
