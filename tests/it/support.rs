//! Running the binary and reading what it says.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A run of `landfall` that is being put together. It inherits nothing of the environment that could
/// steer it: no AWS variables, no CI, no configuration of whoever runs the tests.
pub struct Landfall {
    command: Command,
}

impl Landfall {
    /// `landfall` with these arguments, in the repository's root.
    pub fn new(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.args(args).current_dir(root()).env_clear();
        for name in ["PATH", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // No profile, no credentials, no Docker login of the person at this machine; and nothing can be
        // remembered there, as /dev/null is no folder.
        command.env("HOME", "/dev/null").env("AWS_EC2_METADATA_DISABLED", "true");
        command.stdin(Stdio::null());
        Self { command }
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets several.
    pub fn envs(mut self, variables: &[(String, String)]) -> Self {
        self.command.envs(variables.iter().map(|(name, value)| (name, value)));
        self
    }

    /// Runs in another folder.
    pub fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives it something to read.
    pub fn stdin(mut self, from: Stdio) -> Self {
        self.command.stdin(from);
        self
    }

    /// Waits for the end.
    pub fn run(mut self) -> Ran {
        let output = self.command.output().expect("landfall starts");
        Ran { output }
    }

    /// The command itself, for what runs in the background.
    pub fn into_command(self) -> Command {
        self.command
    }
}

/// What a run said.
pub struct Ran {
    output: Output,
}

impl Ran {
    /// The exit code.
    pub fn code(&self) -> i32 {
        self.output.status.code().unwrap_or(-1)
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Both outputs, for messages of failed assertions.
    pub fn all(&self) -> String {
        format!("exit {}\n--- stdout\n{}\n--- stderr\n{}", self.code(), self.stdout(), self.stderr())
    }

    /// Panics with everything that was said unless the exit code is this one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{}", self.all());
        self
    }

    /// The JSON events of `--output json`.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let stdout = self.stdout();
        let events: Result<Vec<Value>, _> = stdout.lines().map(serde_json::from_str).collect();
        events.unwrap_or_else(|error| panic!("a line is not JSON: {error}\n{}", self.all()))
    }

    /// The last event, which must be `run_finished`.
    #[track_caller]
    pub fn report(&self) -> Value {
        let last = self.events().pop().unwrap_or_else(|| panic!("there are no events\n{}", self.all()));
        assert_eq!(last["event"], "run_finished", "{}", self.all());
        last
    }
}

/// What was pushed, according to a report: one entry for each repository.
pub fn pushes(report: &Value) -> Vec<Value> {
    report["services"][0]["pushes"].as_array().unwrap_or_else(|| panic!("no pushes: {report}")).clone()
}

/// The counts of AWS calls in a report.
pub fn api_calls(report: &Value) -> BTreeMap<String, u64> {
    let calls = report["api_calls"].as_object().expect("api_calls is an object");
    calls.iter().map(|(name, count)| (name.clone(), count.as_u64().expect("a count"))).collect()
}

/// The names of calls that change something.
pub fn writes(report: &Value) -> Vec<String> {
    let reads = ["Describe", "List", "Get", "Head", "Batch", "Simulate"];
    api_calls(report)
        .into_keys()
        .filter(|name| {
            let operation = name.split(':').nth(1).unwrap_or(name);
            !reads.iter().any(|read| operation.starts_with(read))
        })
        .collect()
}

/// The code of each finding of the first service.
pub fn findings(report: &Value) -> Vec<String> {
    let findings = report["services"][0]["findings"].as_array().expect("findings is a list");
    findings.iter().map(|finding| finding["code"].as_str().expect("a code").to_owned()).collect()
}

/// Sends a signal to a process: `INT`, `TERM`.
#[track_caller]
pub fn signal(name: &str, process: u32) {
    let sent = std::process::Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "no process {process}");
}

/// The head of a request, with the empty line that ends it; less where the connection ends.
pub fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// What a step has written into a file of the runner: `NAME=VALUE`, and `NAME<<MARK`, lines, `MARK`.
pub fn file_commands(text: &str) -> Vec<(String, String)> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let marked = line.split_once("<<").filter(|(name, _)| !name.contains('='));
        let (name, value) = match marked {
            Some((name, mark)) => {
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != mark).collect();
                (name, value.join("\n"))
            }
            None => {
                let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("no command: {line}"));
                (name, value.to_owned())
            }
        };
        found.push((name.to_owned(), value));
    }
    found
}
