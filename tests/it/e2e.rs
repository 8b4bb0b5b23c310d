//! Against parts that no one here wrote: ministack with a Docker engine (real containers, a load
//! balancer that carries requests), moto (another emulator, which runs nothing), Distribution behind Basic
//! authentication, Prism with GitHub's description of its API, and a browser.
//!
//! `scripts/test` starts them; its variables say where they are.

#[cfg(unix)]
mod action;
#[cfg(unix)]
mod codebuild;
mod distribution;
mod env;
mod failures;
mod github;
mod live;
mod load;
mod ministack;
mod moto;
#[cfg(target_os = "linux")]
mod package;
mod probe;
#[cfg(unix)]
mod push;
mod raw;
mod report;
mod rollout;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::root;

/// One of the variables of `scripts/parts env`.
pub fn part(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `scripts/test`, or `scripts/parts up` and export what `scripts/parts env` prints")
    })
}

/// The example program in some version, loaded into the Docker engine as `name:version`.
pub fn load_hello(folder: &Path, name: &str, version: &str) -> PathBuf {
    let archive = folder.join(format!("{version}.tar"));
    let tag = format!("{name}:{version}");
    let layout = folder.join(version);
    let built = Command::new(root().join("examples/hello/build-image"))
        .args(["--version", version, "--tag", &tag])
        .arg("--tar")
        .arg(&archive)
        .arg("--out")
        .arg(&layout)
        .output()
        .expect("build-image runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    docker(&["load", "-i", archive.to_str().expect("UTF-8")]);
    layout
}

/// Runs the docker client against the engine of the tests.
pub fn docker(args: &[&str]) -> String {
    // A login of these tests stays out of the home folder of whoever runs them.
    docker_with(Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/docker")), args)
}

/// The same with these variables.
#[cfg(target_os = "linux")]
pub fn docker_with_variables(variables: &[(&str, &str)], args: &[&str]) -> String {
    let mut command = docker_command(Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/docker")), args);
    let output = command.envs(variables.iter().copied()).output().expect("the docker client runs");
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The same with the logins in this folder.
pub fn docker_with(config: &Path, args: &[&str]) -> String {
    let output = docker_command(config, args).output().expect("the docker client runs");
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn docker_command(config: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.arg("--config").arg(config).args(["-H", &part("LANDFALL_E2E_DOCKER_HOST")]).args(args);
    command
}

/// Asks again and again until there is an answer; a part that never gives one fails the test.
pub async fn until<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(120), asking)
        .await
        .expect("an answer within two minutes")
}

/// A name that no other test and no earlier run has used: the parts may have been up for a while.
pub fn unique(name: &str) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock after 1970");
    format!("{name}-{:x}", now.as_micros() % 0x1_0000_0000)
}
