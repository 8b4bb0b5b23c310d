//! Asks a credential helper: a program `docker-credential-NAME` that gets the server on standard input and
//! answers in JSON (<https://github.com/docker/docker-credential-helpers>).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::Secreted;
use crate::error::{Error, ErrorKind, Result};
use crate::image::registry::{Credentials, printable};

/// A helper may ask a person for a password, or a cloud for a token.
const LIMIT: Duration = Duration::from_secs(30);
/// How every helper that is made of Docker's own library says that it has nothing.
const NOTHING: &str = "credentials not found in native keychain";
/// The user's name when the secret is an identity token.
const IDENTITY: &str = "<token>";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    secret: Secreted,
}

/// What the helper `name` knows of `server`; `config` is the file that names it.
///
/// # Errors
///
/// Usage when there is no such program; Registry when it fails, or takes longer than half a minute.
pub(super) async fn get(
    name: &str,
    server: &str,
    search_path: Option<&OsStr>,
    config: &Path,
) -> Result<Option<Credentials>> {
    get_within(LIMIT, name, server, search_path, config).await
}

pub(super) async fn get_within(
    limit: Duration,
    name: &str,
    server: &str,
    search_path: Option<&OsStr>,
    config: &Path,
) -> Result<Option<Credentials>> {
    let program = format!("docker-credential-{}", name.escape_debug());
    let path = find(name, search_path).ok_or_else(|| {
        Error::usage(format!(
            "{} keeps the credentials for {server} with `{program}`, and there is no such program",
            config.display()
        ))
        .hint(format!(
            "install `{program}` in a directory of PATH, or take it out of `credsStore` and `credHelpers` and run \
             `docker login` again"
        ))
    })?;
    let failed = |what: String| {
        Error::new(ErrorKind::Registry, format!("`{program}` gives no credentials for {server}: {what}"))
            .hint(format!("see what `echo {server} | {program} get` says"))
    };
    let output = match tokio::time::timeout(limit, run(&path, server)).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(failed("it cannot be run".to_owned()).source(error)),
        Err(_) => return Err(failed(format!("it did not answer within {} s", limit.as_secs_f32()))),
    };
    let (status, stdout) = (output.status, Zeroizing::new(output.stdout));
    if !status.success() {
        // Helpers write their errors to standard output.
        let said = String::from_utf8_lossy(&stdout);
        let said = if said.trim().is_empty() { String::from_utf8_lossy(&output.stderr) } else { said };
        let said = said.trim();
        if said == NOTHING {
            return Ok(None);
        }
        // What looks like credentials may be some.
        let said = if said.starts_with('{') { "" } else { said };
        return Err(failed(format!("{status} {}", printable(said)).trim_end().to_owned()));
    }
    // The parser's own message may quote the secret.
    let answer: Answer = serde_json::from_slice(&stdout)
        .map_err(|_| failed("its answer is not JSON with `Username` and `Secret`".to_owned()))?;
    let Answer { username, secret: Secreted(secret) } = answer;
    Ok(match (username.as_str(), secret.expose()) {
        (_, "") => None,
        (IDENTITY, _) => Some(Credentials::IdentityToken(secret)),
        _ => Some(Credentials::Login { user: username, password: secret }),
    })
}

/// The program, where it is installed. A name with a separator would lead out of the search path.
fn find(name: &str, search_path: Option<&OsStr>) -> Option<PathBuf> {
    if name.contains(['/', '\\']) {
        return None;
    }
    let folders = std::env::split_paths(search_path?);
    let mut programs = folders.map(|folder| folder.join(format!("docker-credential-{name}")));
    programs.find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    let Ok(found) = path.metadata() else { return false };
    #[cfg(unix)]
    let executable = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let executable = true;
    found.is_file() && executable
}

async fn run(program: &Path, server: &str) -> std::io::Result<Output> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that answers without listening is not wrong for that.
        let _ = stdin.write_all(server.as_bytes()).await;
    }
    child.wait_with_output().await
}
