//! The first step of the action: what it downloads must be what the action's own file says.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::runner::{Action, Ended, Job, action_of_a_release};

const TARGET: &str = match (cfg!(target_os = "macos"), cfg!(target_arch = "aarch64")) {
    (false, false) => "x86_64-unknown-linux-musl",
    (false, true) => "aarch64-unknown-linux-musl",
    (true, false) => "x86_64-apple-darwin",
    (true, true) => "aarch64-apple-darwin",
};

/// A release whose program is a script, on a server that counts.
struct Release {
    folder: tempfile::TempDir,
    url: String,
    asked: Arc<AtomicUsize>,
    checksums: String,
}

fn sha256(path: &Path) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(fs::read(path).expect("a file"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Release {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let name = format!("landfall-9.9.9-{TARGET}");
        let inner = folder.path().join(&name);
        fs::create_dir(&inner).expect("made");
        let program = inner.join("landfall");
        fs::write(&program, "#!/bin/sh\necho \"it runs: $*\"\n").expect("written");
        let archive = format!("{name}.tar.gz");
        let packed = Command::new("tar").args(["-czf", &archive, &name]).current_dir(folder.path()).status();
        assert!(packed.expect("tar runs").success());
        let checksums = format!(
            "{}  {archive}\n{}  {TARGET}/landfall\n",
            sha256(&folder.path().join(&archive)),
            sha256(&program)
        );
        let asked = Arc::new(AtomicUsize::new(0));
        let url = serve(folder.path().to_owned(), asked.clone());
        Self { folder, url, asked, checksums }
    }

    fn install(&self, job: &mut Job, checksums: &str) -> Ended {
        let action = self.folder.path().join("action");
        action_of_a_release(&action, checksums);
        job.action_path = action;
        job.set("LANDFALL_DOWNLOAD_URL", &self.url);
        Action::read().run(job, &[])
    }
}

/// Answers GET of a file's name, one connection after the other, for as long as the test runs.
fn serve(folder: std::path::PathBuf, asked: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let length = stream.read(&mut request).expect("a request");
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let name =
                request.split_whitespace().nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            asked.fetch_add(1, Ordering::SeqCst);
            let (status, body) = match fs::read(folder.join(name)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            // A client that has gone away is its own affair.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    url
}

#[test]
fn the_program_is_downloaded_once_checked_and_run() {
    let release = Release::new();
    let mut job = Job::new(&[]);
    for _ in 0..2 {
        let ended = release.install(&mut job, &release.checksums).expect_code(0);
        assert!(ended.log.contains("it runs: action"), "{}", ended.log);
    }
    assert_eq!(release.asked.load(Ordering::SeqCst), 1, "the second time it is in the tool cache");

    // Somebody else's job on the same machine has been there.
    let cached = job.tools().join(format!("landfall/9.9.9/{TARGET}/landfall"));
    fs::write(&cached, "#!/bin/sh\necho other program\n").expect("written");
    let ended = release.install(&mut job, &release.checksums).expect_code(0);
    assert!(ended.log.contains("it runs: action") && !ended.log.contains("other program"), "{}", ended.log);
}

/// A machine whose openssl cannot do it has another program that can.
#[cfg(unix)]
#[test]
fn a_checksum_does_not_depend_on_who_reckons_it() {
    use std::os::unix::fs::PermissionsExt;

    let release = Release::new();
    let folder = tempfile::tempdir().expect("a folder");
    let openssl = folder.path().join("openssl");
    fs::write(&openssl, "#!/bin/sh\ntouch \"$0.was-asked\"\nexit 1\n").expect("written");
    fs::set_permissions(&openssl, fs::Permissions::from_mode(0o755)).expect("set");
    let mut job = Job::new(&[]);
    job.put_before_path(folder.path());
    let ended = release.install(&mut job, &release.checksums).expect_code(0);
    assert!(ended.log.contains("it runs: action"), "{}", ended.log);
    assert!(folder.path().join("openssl.was-asked").exists());
}

#[test]
fn nothing_is_run_that_is_not_what_the_action_says() {
    let release = Release::new();
    let (archive, program) = release.checksums.split_once('\n').expect("two lines");
    let flipped = |line: &str| line.replacen(&line[..8], "00000000", 1);
    for checksums in [format!("{}\n{program}", flipped(archive)), format!("{archive}\n{}", flipped(program))]
    {
        let mut job = Job::new(&[]);
        let ended = release.install(&mut job, &checksums).expect_code(1);
        assert!(ended.log.contains("::error title=Landfall is not installed::"), "{}", ended.log);
        assert!(!ended.log.contains("it runs"), "{}", ended.log);
        assert!(!job.tools().join(format!("landfall/9.9.9/{TARGET}/landfall")).exists());
    }
}

#[test]
fn what_cannot_be_brought_is_said() {
    let release = Release::new();
    let mut job = Job::new(&[]);
    let ended = release.install(&mut job, "# none\n").expect_code(1);
    assert!(ended.log.contains("belongs to no release") && release.asked.load(Ordering::SeqCst) == 0);

    let gone = release.checksums.replace("9.9.9", "9.9.8");
    let ended = release.install(&mut job, &gone).expect_code(1);
    assert!(ended.log.contains("belongs to no release"), "{}", ended.log);

    let mut job = Job::new(&[]);
    job.set("RUNNER_OS", "Windows");
    let ended = release.install(&mut job, &release.checksums).expect_code(1);
    assert!(ended.log.contains("no release for Windows"), "{}", ended.log);

    let ended = Action::read().run(&mut Job::new(&[]), &[("pre-built", "not/there")]).expect_code(1);
    assert!(ended.log.contains("The input pre-built names no program"), "{}", ended.log);
}
