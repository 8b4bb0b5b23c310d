//! What a release consists of: archives, completions, manual pages, SBOM, and the script that installs it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{Landfall, root};

const VERSION: &str = "9.8.7";
/// The target of this machine: what `install.sh` asks for.
const TARGET: &str = match (cfg!(target_arch = "x86_64"), cfg!(target_os = "macos")) {
    (true, false) => "x86_64-unknown-linux-musl",
    (false, false) => "aarch64-unknown-linux-musl",
    (true, true) => "x86_64-apple-darwin",
    (false, true) => "aarch64-apple-darwin",
};

/// A release of one program in a folder. The program is a few words of shell, as compressing ours takes long.
pub struct Release {
    pub folder: tempfile::TempDir,
}

impl Release {
    /// A program that is ours, installed by hand: it calls the one that was just built.
    pub fn of_this_build() -> Self {
        Self::of(&format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_landfall")))
    }

    fn of(script: &str) -> Self {
        let release = Self { folder: tempfile::tempdir().expect("a folder") };
        release.package(script, &release.path(""));
        release.finish();
        release
    }

    fn finish(&self) {
        let out = self.path("").display().to_string();
        let args = ["--finish", "--version", VERSION, "--repository", "ada/landfall", "--out", &out];
        let done = package(&args);
        assert!(done.status.success(), "{}", said(&done));
    }

    fn package(&self, script: &str, out: &Path) {
        let program = self.path("program");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        let binary = program.display().to_string();
        let out = out.display().to_string();
        let done = package(&[
            "--target",
            TARGET,
            "--binary",
            &binary,
            "--run",
            env!("CARGO_BIN_EXE_landfall"),
            "--version",
            VERSION,
            "--out",
            &out,
        ]);
        assert!(done.status.success(), "{}", said(&done));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn archive(&self) -> PathBuf {
        self.path(&format!("landfall-{VERSION}-{TARGET}.tar.gz"))
    }

    fn url(&self) -> String {
        format!("file://{}", self.folder.path().display())
    }

    /// What a buildspec takes: where the release is, and the SHA-256 of its script.
    pub fn variables(&self) -> Vec<(String, String)> {
        let script = std::fs::read(self.path("install.sh")).expect("the script");
        vec![
            ("LANDFALL_DOWNLOAD_URL".to_owned(), self.url()),
            ("LANDFALL_INSTALL_SHA256".to_owned(), hex::encode(Sha256::digest(script))),
        ]
    }
}

fn package(args: &[&str]) -> Output {
    Command::new(root().join("scripts/package")).args(args).output().expect("it runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Whether a program is on this machine.
fn there_is(program: &str) -> bool {
    let path = std::env::var_os("PATH").expect("a PATH");
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn verbs() -> Vec<String> {
    let help = Landfall::new(&["--help"]).run().expect_code(0).stdout();
    let commands = help.split("Commands:").nth(1).expect("a list").split("\n\n").next().expect("its end");
    let verb = |line: &str| {
        line.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty()).map(str::to_owned)
    };
    commands.lines().filter_map(verb).filter(|verb| verb != "help").collect()
}

#[test]
fn completions_are_scripts_of_their_shells_and_know_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    for (shell, check) in
        [("bash", "bash"), ("zsh", "zsh"), ("fish", "fish"), ("elvish", ""), ("powershell", "")]
    {
        let script = Landfall::new(&["completions", shell]).run().expect_code(0).stdout();
        for verb in verbs() {
            assert!(script.contains(&verb), "{shell} does not know {verb}");
        }
        let path = folder.path().join(shell);
        std::fs::write(&path, script).expect("written");
        if !check.is_empty() && there_is(check) {
            let read = Command::new(check).arg("-n").arg(&path).output().expect("the shell runs");
            assert!(read.status.success() && said(&read).is_empty(), "{shell}: {}", said(&read));
        }
    }
    assert!(there_is("bash"), "one of them is always read by its shell");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("man/man1");
    Landfall::new(&["manpage", "--out", out.to_str().expect("UTF-8")]).run().expect_code(0);
    let printed = Landfall::new(&["manpage"]).run().expect_code(0).stdout();
    assert_eq!(printed, std::fs::read_to_string(out.join("landfall.1")).expect("it is there"));
    for verb in verbs() {
        let page = std::fs::read_to_string(out.join(format!("landfall-{verb}.1"))).expect(&verb);
        for section in [".TH landfall-", ".SH NAME", ".SH SYNOPSIS"] {
            assert!(page.contains(section), "{verb} has no {section}");
        }
    }
    assert!(!out.join("landfall-help.1").exists());
    if !there_is("groff") {
        return;
    }
    for page in std::fs::read_dir(&out).expect("a folder") {
        let page = page.expect("a page").path();
        let groff = Command::new("groff").args(["-man", "-ww", "-Tutf8", "-z"]).arg(&page).output();
        let groff = groff.expect("groff runs");
        assert!(groff.status.success() && said(&groff).is_empty(), "{}: {}", page.display(), said(&groff));
    }
}

/// Path in the archive -> mode.
fn listed(archive: &Path) -> BTreeMap<String, u32> {
    let file = std::fs::File::open(archive).expect("it is there");
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let entries = tar.entries().expect("entries").map(|entry| {
        let entry = entry.expect("an entry");
        (entry.path().expect("a path").display().to_string(), entry.header().mode().expect("a mode"))
    });
    entries.collect()
}

#[test]
fn an_archive_has_what_is_needed_and_is_the_same_each_time() {
    let release = Release::of("echo landfall 9.8.7");
    let top = format!("landfall-{VERSION}-{TARGET}");
    let files = listed(&release.archive());
    assert_eq!(files[&format!("{top}/landfall")], 0o755);
    for name in [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "README.md",
        "completions/landfall.bash",
        "completions/_landfall",
        "completions/landfall.fish",
        "man/man1/landfall.1",
        "man/man1/landfall-deploy.1",
    ] {
        assert_eq!(files.get(&format!("{top}/{name}")), Some(&0o644), "{name}");
    }
    let bytes = std::fs::read(release.archive()).expect("it is there");
    let sum = format!("{}  {top}.tar.gz\n", hex::encode(Sha256::digest(&bytes)));
    let written = std::fs::read_to_string(release.path(&format!("{top}.tar.gz.sha256"))).expect("written");
    assert_eq!(written, sum);
    assert!(std::fs::read_to_string(release.path("SHA256SUMS")).expect("written").contains(&sum));

    let again = release.path("again");
    release.package("echo landfall 9.8.7", &again);
    for name in [format!("{top}.tar.gz"), format!("{top}.cdx.json")] {
        let same = std::fs::read(again.join(&name)).expect("again")
            == std::fs::read(release.path(&name)).expect("once");
        assert!(same, "{name} differs from one run to the next");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_linux_program_comes_with_the_context_of_its_image() {
    let release = Release::of("true");
    let machine = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    let program = release.path(&format!("image/linux/{machine}/landfall"));
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o7777;
    let modes = || (mode(&program), mode(&release.path("image/root/tmp")));
    assert_eq!(modes(), (0o755, 0o1777));
    // An artifact between two jobs keeps neither modes nor empty folders.
    std::fs::remove_dir_all(release.path("image/root")).expect("it was there");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).expect("set");
    release.finish();
    assert_eq!(modes(), (0o755, 0o1777));
    let bundle = std::fs::read_to_string(release.path("image/ca-certificates.crt")).expect("certificates");
    assert!(bundle.contains("BEGIN CERTIFICATE"));
}

#[test]
fn the_sbom_has_what_is_linked_and_nothing_else() {
    let release = Release::of("true");
    let path = release.path(&format!("landfall-{VERSION}-{TARGET}.cdx.json"));
    let sbom: Value = serde_json::from_slice(&std::fs::read(path).expect("it is there")).expect("JSON");
    assert_eq!((sbom["bomFormat"].as_str(), sbom["specVersion"].as_str()), (Some("CycloneDX"), Some("1.5")));
    assert_eq!(sbom["metadata"]["component"]["version"], VERSION);
    let components = sbom["components"].as_array().expect("components");
    let names: Vec<&str> = components.iter().map(|one| one["name"].as_str().expect("a name")).collect();
    for linked in ["aws-sdk-ecs", "rustls", "tokio", "landfall-envfile", "landfall-sandbox"] {
        assert!(names.contains(&linked), "{linked} is missing");
    }
    for other in ["insta", "proptest", "serde_derive", "cc", "windows-sys", "landfall"] {
        assert!(!names.contains(&other), "{other} is not linked");
    }
    // What comes from a registry has its checksum and a licence.
    for one in
        components.iter().filter(|one| !one["name"].as_str().is_some_and(|name| name.starts_with("landfall")))
    {
        assert_eq!(one["hashes"][0]["content"].as_str().map(str::len), Some(64), "{one}");
        assert!(one["licenses"][0]["expression"].is_string(), "{one}");
    }
    let references: Vec<&Value> = components.iter().map(|one| &one["bom-ref"]).collect();
    for node in sbom["dependencies"].as_array().expect("a graph") {
        for needed in node["dependsOn"].as_array().expect("a list") {
            assert!(references.contains(&needed), "{needed} is not among the components");
        }
    }
}

/// `install.sh`, with these arguments, in a home of its own.
struct Install {
    home: tempfile::TempDir,
    path: std::ffi::OsString,
}

impl Install {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a folder"), path: std::env::var_os("PATH").expect("a PATH") }
    }

    /// With no other programs than these, found on this machine, and those that are written down.
    fn with_only(programs: &[&str], written: &[(&str, &str)]) -> Self {
        let install = Self::new();
        let bin = install.home.path().join("programs");
        std::fs::create_dir(&bin).expect("a folder");
        for program in programs {
            let found = std::env::split_paths(&install.path).map(|folder| folder.join(program));
            let found =
                found.into_iter().find(|path| path.is_file()).unwrap_or_else(|| panic!("no {program} here"));
            symlink(found, bin.join(program)).expect("a link");
        }
        for (name, script) in written {
            std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).expect("written");
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(bin.join(name), mode).expect("it can be run");
        }
        Self { path: bin.into(), ..install }
    }

    fn run(&self, script: &Path, args: &[&str]) -> Output {
        let mut command = Command::new("/bin/sh");
        command.arg(script).args(args).env_clear();
        command.env("PATH", &self.path).env("HOME", self.home.path()).env("TMPDIR", self.home.path());
        command.output().expect("sh runs")
    }

    fn installed(&self) -> PathBuf {
        self.home.path().join(".local/bin/landfall")
    }

    #[track_caller]
    fn refused(&self, script: &Path, args: &[&str], why: &str) {
        let output = self.run(script, args);
        assert!(!output.status.success(), "{}", said(&output));
        assert!(said(&output).contains(why), "not for {why:?}: {}", said(&output));
        assert!(!self.installed().exists(), "it was installed all the same");
    }
}

const TOOLS: [&str; 18] = [
    "sh",
    "tar",
    "gzip",
    "uname",
    "mktemp",
    "rm",
    "cp",
    "chmod",
    "mv",
    "mkdir",
    "cut",
    "sed",
    "head",
    "cat",
    "sha256sum",
    "printf",
    "tr",
    "wget",
];

#[test]
fn the_script_of_a_release_installs_what_was_released_and_nothing_else() {
    let release = Release::of("echo landfall of the release");
    let script = release.path("install.sh");
    let install = Install::new();
    let output = install.run(&script, &["--from", &release.url()]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("SHA-256 verified"), "{}", said(&output));
    let program = Command::new(install.installed()).output().expect("it runs");
    assert_eq!(said(&program), "landfall of the release\n");
    // One that is there is replaced, and nothing else is left anywhere.
    let output = install.run(&script, &["--from", &release.url()]);
    assert!(output.status.success(), "{}", said(&output));
    let left: Vec<_> = std::fs::read_dir(install.home.path()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(std::fs::read_dir(install.home.path().join(".local/bin")).expect("a folder").count(), 1);

    // The archive and the checksum beside it are exchanged together: the script knows better.
    let mut bytes = std::fs::read(release.archive()).expect("it is there");
    bytes.push(0);
    std::fs::write(release.archive(), &bytes).expect("written");
    let sum = hex::encode(Sha256::digest(&bytes));
    let name = release.archive().file_name().expect("a name").to_string_lossy().into_owned();
    std::fs::write(release.path(&format!("{name}.sha256")), format!("{sum}  {name}\n")).expect("written");
    Install::new().refused(&script, &["--from", &release.url()], "is not what was released");
    std::fs::remove_file(release.archive()).expect("it was there");
    Install::new().refused(&script, &["--from", &release.url()], "there is no landfall-9.8.7-");
}

#[test]
fn the_script_of_the_repository_wants_the_checksum_file() {
    let release = Release::of("echo landfall");
    let script = root().join("install.sh");
    let from = release.url();
    let args = ["--from", from.as_str(), "--version", "v9.8.7"];
    // Without `--from`, it must know whose releases.
    Install::new().refused(&script, &["--version", "9.8.7"], "name the repository");
    Install::new().refused(&script, &["--version", "../../x", "--from", &from], "is not a version");
    Install::new().refused(
        &script,
        &["--version", "9.8.7", "--from", "http://example.test"],
        "is neither https://",
    );
    let output = Install::new().run(&script, &[&args[..], &["--repository", "ada/landfall"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let sums = release.path(&format!("landfall-{VERSION}-{TARGET}.tar.gz.sha256"));
    let good = std::fs::read_to_string(&sums).expect("it is there");
    for (wrong, why) in [
        (good.replacen(|c: char| c.is_ascii_hexdigit(), "g", 1), "is not what was released"),
        (good.replace(TARGET, "another"), "there is no SHA-256 of"),
        ("<html>not found</html>\n".to_owned(), "there is no SHA-256 of"),
        (String::new(), "there is no SHA-256 of"),
    ] {
        std::fs::write(&sums, wrong).expect("written");
        Install::new().refused(&script, &args, why);
    }
    std::fs::remove_file(&sums).expect("it was there");
    Install::new().refused(&script, &args, "there is no checksum");
}

#[test]
fn build_provenance_is_verified_where_gh_can() {
    let release = Release::of("echo landfall");
    let script = release.path("install.sh");
    let from = release.url();
    let args = ["--from", from.as_str()];
    let gh = |verified: &str| {
        format!(
            "case \"$1 $2\" in 'auth status') exit 0 ;; 'attestation verify') [ \"$4 $5\" = '--repo ada/landfall' ] && exit {verified} ;; esac; exit 9"
        )
    };
    let install = Install::with_only(&TOOLS, &[("gh", &gh("0"))]);
    let output = install.run(&script, &args);
    assert!(
        output.status.success() && said(&output).contains("build provenance verified"),
        "{}",
        said(&output)
    );
    let install = Install::with_only(&TOOLS, &[("gh", &gh("1"))]);
    install.refused(&script, &args, "gh does not find that ada/landfall built");
}

#[test]
fn wget_does_where_curl_is_missing() {
    let release = Release::of("echo landfall");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let folder = release.path("");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
            let first = lines.next().expect("a line").expect("text");
            // The rest of the request is read before the answer, so that the connection ends well.
            while lines.next().is_some_and(|line| !line.expect("text").is_empty()) {}
            let name = first.split(' ').nth(1).expect("a path").trim_start_matches('/');
            let (status, body) = match std::fs::read(folder.join(name)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).expect("answered");
        }
    });
    let install = Install::with_only(&TOOLS, &[]);
    let output = install.run(&release.path("install.sh"), &["--from", &url]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(install.installed().is_file());
    std::fs::remove_file(release.archive()).expect("it was there");
    Install::with_only(&TOOLS, &[]).refused(
        &release.path("install.sh"),
        &["--from", &url],
        "there is no landfall-",
    );
    let neither: Vec<&str> = TOOLS.into_iter().filter(|tool| *tool != "wget").collect();
    Install::with_only(&neither, &[]).refused(
        &release.path("install.sh"),
        &["--from", &url],
        "neither curl nor wget",
    );
}
