//! What a runner gives to a step, and what the step leaves there.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{COMMIT, TOKEN};
use crate::support::{Landfall, file_commands, root};

/// A job of GitHub Actions, in a folder of its own.
pub struct Job {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Job {
    /// A push to `main`.
    pub fn new(api: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let workspace = root();
        let variables = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_API_URL", api),
            ("GITHUB_REPOSITORY", "octo/web"),
            ("GITHUB_SHA", COMMIT),
            ("GITHUB_REF_NAME", "x`</code>\n::set-output name=a::b"),
            ("GITHUB_RUN_ID", "12"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_WORKSPACE", workspace.to_str().expect("UTF-8")),
            ("GITHUB_STEP_SUMMARY", &path("summary.md")),
            ("GITHUB_OUTPUT", &path("output")),
            ("GITHUB_TOKEN", TOKEN),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { folder, variables }
    }

    /// Of a pull request, number 7.
    pub fn of_pull_request(api: &str) -> Self {
        let mut job = Self::new(api);
        let payload = job.path("event.json");
        let event =
            json!({ "pull_request": { "number": 7, "head": { "sha": COMMIT, "ref": "`@octocat`" } } });
        std::fs::write(&payload, event.to_string()).expect("written");
        job.set("GITHUB_EVENT_NAME", "pull_request");
        job.set("GITHUB_EVENT_PATH", payload.to_str().expect("UTF-8"));
        job
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// What the runner sets.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn landfall(&self, args: &[&str]) -> Landfall {
        Landfall::new(args).envs(&self.variables)
    }

    /// The outputs, as the runner reads them.
    pub fn outputs(&self) -> Vec<(String, String)> {
        file_commands(&self.read("output"))
    }

    #[track_caller]
    pub fn output(&self, name: &str) -> String {
        let outputs = self.outputs();
        let found = outputs.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no {name} in {outputs:?}")).1.clone()
    }
}
