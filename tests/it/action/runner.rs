//! As much of GitHub's runner as a composite action of `run:` steps needs: inputs with their defaults, the few
//! expressions that action.yml uses, bash as the runner calls it, and the files that steps write to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{file_commands, root};

/// action.yml.
pub struct Action {
    document: Value,
}

/// The job of a step: its folders, and what is set for it.
pub struct Job {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    /// Added by steps, for later ones.
    path: Vec<String>,
    /// What a token would be.
    pub token: String,
    /// The folder that the action was fetched into.
    pub action_path: PathBuf,
}

/// How a step of the workflow ended.
#[derive(Debug, Default)]
pub struct Ended {
    pub code: i32,
    pub log: String,
    /// The outputs of the action.
    pub outputs: BTreeMap<String, String>,
    /// The job's summary.
    pub summary: String,
}

impl Ended {
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.log);
        self
    }

    /// An output that must be there.
    #[track_caller]
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("no output {name}\n{}", self.log))
    }
}

/// `with:` of a step. The runner hands YAML's booleans and numbers over as texts.
pub type With<'a> = &'a [(&'a str, &'a str)];

impl Action {
    pub fn read() -> Self {
        let text = fs::read_to_string(root().join("action.yml")).expect("action.yml");
        Self { document: serde_saphyr::from_str(&text).expect("YAML") }
    }

    /// The names of the inputs, as they are written.
    pub fn inputs(&self) -> Vec<String> {
        self.document["inputs"].as_object().expect("inputs").keys().cloned().collect()
    }

    /// The value of each input: given, its default, or empty. The runner's names know no case.
    fn values(&self, with: With<'_>, job: &Job) -> BTreeMap<String, String> {
        let declared = self.document["inputs"].as_object().expect("inputs");
        for (name, _) in with {
            assert!(
                declared.keys().any(|known| known.eq_ignore_ascii_case(name)),
                "Unexpected input(s) '{name}'"
            );
        }
        let value = |(name, input): (&String, &Value)| {
            let given = with.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
            let default = || {
                let text = input["default"].as_str().unwrap_or_default();
                replaced(text, &|expression| (expression == "github.token").then(|| job.token.clone()))
            };
            (name.to_lowercase(), given.map_or_else(default, |(_, value)| (*value).to_owned()))
        };
        declared.iter().map(value).collect()
    }

    /// Runs every step to its end.
    pub fn run(&self, job: &mut Job, with: With<'_>) -> Ended {
        self.start(job, with).wait(job)
    }

    /// Runs every step but the last one to its end, and starts that.
    pub fn start<'a>(&'a self, job: &mut Job, with: With<'_>) -> Running<'a> {
        let inputs = self.values(with, job);
        let steps = self.document["runs"]["steps"].as_array().expect("steps");
        let mut running = Running {
            action: self,
            outputs: BTreeMap::new(),
            log: String::new(),
            child: None,
            files: None,
            last: 0,
        };
        for (index, step) in steps.iter().enumerate() {
            let id = step["id"].as_str().unwrap_or_default().to_owned();
            let value = |expression: &str| match expression.split('.').collect::<Vec<_>>().as_slice() {
                ["inputs", name] => inputs.get(&name.to_lowercase()).cloned(),
                ["steps", step, "outputs", name] => {
                    Some(running.outputs.get(&format!("{step}.{name}")).cloned().unwrap_or_default())
                }
                ["github", "action_repository"] => Some("landfall/landfall".to_owned()),
                _ => None,
            };
            if let Some(condition) = step["if"].as_str()
                && !holds(condition, &value)
            {
                continue;
            }
            assert_eq!(step["shell"], "bash");
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let folder = replaced(step["working-directory"].as_str().unwrap_or("."), &value);
            let mut command = job.bash(&text(&step["run"]), &folder);
            for (name, written) in step["env"].as_object().into_iter().flatten() {
                command.env(name, replaced(&text(written), &value));
            }
            let files = job.files_of(&mut command);
            let child = command.spawn().expect("bash starts");
            running.child = Some(child);
            running.files = Some((id, files));
            if index + 1 < steps.len() && running.end(job) != 0 {
                break;
            }
        }
        running
    }
}

/// The files that one step writes to.
struct Files {
    folder: PathBuf,
}

/// An action one of whose steps runs.
pub struct Running<'a> {
    action: &'a Action,
    /// `STEP.NAME` to value.
    outputs: BTreeMap<String, String>,
    log: String,
    child: Option<Child>,
    files: Option<(String, Files)>,
    /// How the step before ended.
    last: i32,
}

impl Running<'_> {
    /// The process that the runner has started.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("a step runs").id()
    }

    /// Waits for the step that runs and takes in what it has written.
    fn end(&mut self, job: &mut Job) -> i32 {
        let (Some(mut child), Some((id, files))) = (self.child.take(), self.files.take()) else { return -1 };
        let code = child.wait().expect("it ends").code().unwrap_or(-1);
        let read = |name: &str| fs::read_to_string(files.folder.join(name)).expect("a file of the step");
        self.log.push_str(&read("log"));
        for (name, value) in file_commands(&read("output")) {
            self.outputs.insert(format!("{id}.{name}"), value);
        }
        job.path.splice(0..0, read("path").lines().map(str::to_owned));
        self.last = code;
        code
    }

    /// Waits for the end.
    pub fn wait(mut self, job: &mut Job) -> Ended {
        let summary = self.files.as_ref().map(|(_, files)| files.folder.join("summary"));
        if self.child.is_some() {
            self.end(job);
        }
        let value = |expression: &str| {
            let output = expression.strip_prefix("steps.")?.replace(".outputs.", ".");
            Some(self.outputs.get(&output).cloned().unwrap_or_default())
        };
        let declared = self.action.document["outputs"].as_object().expect("outputs").iter();
        let outputs = declared
            .map(|(name, output)| {
                (name.clone(), replaced(output["value"].as_str().expect("a value"), &value))
            })
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let summary = summary.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        Ended { code: self.last, log: self.log, outputs, summary }
    }
}

/// Every `${{ }}` replaced; one that is not known fails the test.
fn replaced(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after.split_once("}}").expect("an expression ends");
        let expression = expression.trim();
        result.push_str(before);
        result.push_str(&value(expression).unwrap_or_else(|| panic!("unknown expression {expression}")));
        rest = after;
    }
    result + rest
}

/// `VALUE != 'TEXT'`
fn holds(condition: &str, value: &dyn Fn(&str) -> Option<String>) -> bool {
    let (left, right) = condition.split_once(" != ").expect("a comparison");
    value(left.trim()).expect("a known value") != right.trim().trim_matches('\'')
}

impl Job {
    /// In an empty workspace.
    pub fn new(variables: &[(String, String)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["workspace", "temp", "tools", "home"] {
            fs::create_dir(folder.path().join(name)).expect("made");
        }
        fs::write(folder.path().join("event.json"), "{}").expect("written");
        Self {
            folder,
            variables: variables.to_vec(),
            path: Vec::new(),
            token: String::new(),
            action_path: root(),
        }
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    /// As a step before this one does by `GITHUB_PATH`.
    pub fn put_before_path(&mut self, folder: &Path) {
        self.path.insert(0, folder.display().to_string());
    }

    pub fn tools(&self) -> PathBuf {
        self.folder.path().join("tools")
    }

    /// What steps have added to the search path.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Puts a file into the workspace.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.workspace().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    /// A `run:` step of the workflow itself: exit code and log.
    pub fn script(&mut self, script: &str, variables: &[(String, String)]) -> (i32, String) {
        let mut command = self.bash(script, ".");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let files = self.files_of(&mut command);
        let status = command.status().expect("bash runs");
        let log = fs::read_to_string(files.folder.join("log")).expect("a log");
        (status.code().unwrap_or(-1), log)
    }

    /// The script as the runner runs it. It inherits nothing of whoever runs the tests.
    fn bash(&self, script: &str, folder: &str) -> Command {
        let file = self.folder.path().join("temp/step.sh");
        fs::write(&file, script).expect("written");
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]).arg(&file);
        command.env_clear().current_dir(self.workspace().join(folder)).stdin(Stdio::null());
        let inherited = std::env::var("PATH").expect("PATH");
        let path: Vec<&str> = self.path.iter().map(String::as_str).chain([inherited.as_str()]).collect();
        let folder = |name: &str| self.folder.path().join(name).display().to_string();
        let (system, arch) = (
            if cfg!(target_os = "macos") { "macOS" } else { "Linux" },
            if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" },
        );
        command.envs([
            ("PATH", path.join(":").as_str()),
            ("HOME", &folder("home")),
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTION_PATH", &self.action_path.display().to_string()),
            ("GITHUB_WORKSPACE", &folder("workspace")),
            ("GITHUB_EVENT_PATH", &folder("event.json")),
            ("GITHUB_SERVER_URL", "https://github.test"),
            ("GITHUB_REPOSITORY", "octo/web"),
            ("GITHUB_RUN_ID", "1"),
            ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
            ("GITHUB_EVENT_NAME", "push"),
            ("RUNNER_OS", system),
            ("RUNNER_ARCH", arch),
            ("RUNNER_TEMP", &folder("temp")),
            ("RUNNER_TOOL_CACHE", &folder("tools")),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Fresh files for a step's commands, and one that takes its log.
    fn files_of(&self, command: &mut Command) -> Files {
        let folder =
            tempfile::Builder::new().prefix("step-").tempdir_in(self.folder.path()).expect("a folder");
        let folder = folder.keep();
        let file = |name: &str| -> PathBuf {
            let path = folder.join(name);
            fs::write(&path, "").expect("written");
            path
        };
        let log = fs::File::create(folder.join("log")).expect("a log");
        command.stdout(log.try_clone().expect("a handle")).stderr(log);
        command.env("GITHUB_OUTPUT", file("output")).env("GITHUB_STEP_SUMMARY", file("summary"));
        command.env("GITHUB_PATH", file("path")).env("GITHUB_ENV", file("env"));
        Files { folder }
    }
}

/// The program that the tests are for, as `pre-built` takes it.
pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_landfall")
}

/// A copy of the action's own scripts, so that a test can give it a release.
pub fn action_of_a_release(folder: &Path, checksums: &str) {
    let scripts = folder.join("scripts/action");
    fs::create_dir_all(&scripts).expect("made");
    fs::copy(root().join("scripts/action/install.sh"), scripts.join("install.sh")).expect("copied");
    fs::write(scripts.join("VERSION"), "9.9.9\n").expect("written");
    fs::write(scripts.join("checksums.txt"), checksums).expect("written");
}
