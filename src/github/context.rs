//! What GitHub tells a job about itself: variables of the runner and the payload of the event.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::secret::Secret;

/// GitHub cuts payloads off at 25 MB.
const LARGEST_PAYLOAD: u64 = 32 << 20;

/// The run of a workflow, as far as its runner tells. Whatever is missing is `None`: a part that needs it is left out.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// `OWNER/NAME`
    pub repository: Option<String>,
    /// The commit that triggered the run; of a pull request, its merge commit.
    pub sha: Option<String>,
    /// Branch or tag, short.
    pub ref_name: Option<String>,
    /// The run of the workflow, by number.
    pub run_id: Option<String>,
    /// From 1; grows when a run is repeated.
    pub run_attempt: Option<String>,
    /// `https://github.com`, or an Enterprise server's.
    pub server_url: String,
    /// `https://api.github.com`, or an Enterprise server's.
    pub api_url: String,
    /// `push`, `pull_request`, ...
    pub event_name: Option<String>,
    /// Who started the run.
    pub actor: Option<String>,
    /// Where the repository is checked out: annotations name files from here.
    pub workspace: Option<PathBuf>,
    /// The job's summary, which steps append to.
    pub step_summary: Option<PathBuf>,
    /// The outputs of the step.
    pub output: Option<PathBuf>,
    /// What may call the API.
    pub token: Option<Secret>,
    /// Whether the token is one that somebody made, and not the job's.
    pub own_token: bool,
    /// The pull request that triggered the run.
    pub pull_request: Option<PullRequest>,
}

/// The pull request that triggered a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// The newest commit of its branch.
    pub head_sha: Option<String>,
}

impl Context {
    /// From variables (`get` gives those that are set and not empty) and the payload that one of them names.
    pub fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let owned = |name: &str| get(name).map(str::to_owned);
        let path = |name: &str| get(name).map(PathBuf::from);
        let own = get("LANDFALL_GITHUB_TOKEN");
        let payload = get("GITHUB_EVENT_PATH").and_then(|path| read_payload(Path::new(path)));
        Self {
            repository: owned("GITHUB_REPOSITORY").filter(|name| is_repository(name)),
            sha: owned("GITHUB_SHA"),
            ref_name: owned("GITHUB_REF_NAME")
                .or_else(|| get("GITHUB_REF").map(|name| short_ref(name).to_owned())),
            run_id: owned("GITHUB_RUN_ID"),
            run_attempt: owned("GITHUB_RUN_ATTEMPT"),
            server_url: get("GITHUB_SERVER_URL").unwrap_or("https://github.com").to_owned(),
            api_url: get("GITHUB_API_URL").unwrap_or("https://api.github.com").to_owned(),
            event_name: owned("GITHUB_EVENT_NAME"),
            actor: owned("GITHUB_ACTOR"),
            workspace: path("GITHUB_WORKSPACE"),
            step_summary: path("GITHUB_STEP_SUMMARY"),
            output: path("GITHUB_OUTPUT"),
            token: own.or_else(|| get("GITHUB_TOKEN")).map(Secret::new),
            own_token: own.is_some(),
            pull_request: payload.as_ref().and_then(pull_request),
        }
    }

    /// Where a person reads the log of this run.
    pub fn run_url(&self) -> Option<String> {
        let (server, repository, run) = (&self.server_url, self.repository.as_ref()?, self.run_id.as_ref()?);
        let attempt = match self.run_attempt.as_deref() {
            None | Some("1") => String::new(),
            Some(attempt) => format!("/attempts/{attempt}"),
        };
        Some(format!("{}/{repository}/actions/runs/{run}{attempt}", server.trim_end_matches('/')))
    }

    /// The commit that is deployed: of a pull request the newest of its branch, not the merge that nobody made.
    pub fn commit(&self) -> Option<&str> {
        let head = self.pull_request.as_ref().and_then(|pull| pull.head_sha.as_deref());
        head.or(self.sha.as_deref())
    }
}

/// What stands in a path of the API as it is.
fn is_repository(name: &str) -> bool {
    let part = |part: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part.chars().all(known) && part != "." && part != ".."
    };
    name.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

fn short_ref(name: &str) -> &str {
    ["refs/heads/", "refs/tags/", "refs/"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name)
}

/// A payload that is not there or no JSON is as if there was none: nothing that is deployed hangs on it.
fn read_payload(path: &Path) -> Option<Value> {
    let size = std::fs::metadata(path).ok()?.len();
    (size <= LARGEST_PAYLOAD)
        .then(|| std::fs::read(path).ok())?
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

fn pull_request(payload: &Value) -> Option<PullRequest> {
    let pull = payload.get("pull_request")?;
    let sha = pull.pointer("/head/sha").and_then(Value::as_str);
    let sha = sha.filter(|sha| sha.chars().all(|c| c.is_ascii_hexdigit()));
    Some(PullRequest { number: pull.get("number")?.as_u64()?, head_sha: sha.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(variables: &[(&str, &str)]) -> Context {
        let of = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
                .filter(|v| !v.is_empty())
        };
        Context::read(of)
    }

    #[test]
    fn a_run_of_a_pull_request_is_read_from_the_payload() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        std::fs::write(&path, r#"{"pull_request": {"number": 7, "head": {"sha": "abc123", "ref": "`x`"}}}"#)
            .unwrap();
        let read = context(&[
            ("GITHUB_EVENT_PATH", path.to_str().unwrap()),
            ("GITHUB_SHA", "fff"),
            ("GITHUB_REPOSITORY", "octo/web.app"),
            ("GITHUB_RUN_ID", "12"),
            ("GITHUB_RUN_ATTEMPT", "3"),
            ("GITHUB_TOKEN", "the-token"),
        ]);
        assert_eq!(read.pull_request, Some(PullRequest { number: 7, head_sha: Some("abc123".to_owned()) }));
        assert_eq!(read.commit(), Some("abc123"));
        assert_eq!(read.run_url().unwrap(), "https://github.com/octo/web.app/actions/runs/12/attempts/3");
        assert_eq!(read.api_url, "https://api.github.com");
        assert!(!read.own_token && !format!("{read:?}").contains("the-token"));
    }

    #[test]
    fn what_is_missing_or_odd_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        for payload in ["", "[]", "{\"pull_request\": null}", "{\"pull_request\": {\"number\": \"7\"}}"] {
            std::fs::write(&path, payload).unwrap();
            assert_eq!(
                context(&[("GITHUB_EVENT_PATH", path.to_str().unwrap())]).pull_request,
                None,
                "{payload}"
            );
        }
        for repository in ["", "octo", "octo/web/more", "../..", "a/b?c", "a/b c"] {
            let read = context(&[("GITHUB_REPOSITORY", repository), ("GITHUB_RUN_ID", "1")]);
            assert_eq!((read.repository.clone(), read.run_url()), (None, None), "{repository}");
        }
        let read = context(&[
            ("GITHUB_REF", "refs/heads/a/b"),
            ("LANDFALL_GITHUB_TOKEN", "x"),
            ("GITHUB_TOKEN", "y"),
        ]);
        assert_eq!(read.ref_name.as_deref(), Some("a/b"));
        assert!(read.own_token && read.token.unwrap().expose() == "x");
    }
}
