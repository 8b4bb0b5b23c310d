//! GitHub's API: five calls, each with a time limit. What they come to is told as a [`Refusal`], never as an error of the
//! run.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use octocrab::Octocrab;
use reqwest::header::HeaderName;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::context::Context;
use crate::secret::Secret;

/// The longest time for one call.
pub const CALL: Duration = Duration::from_secs(10);
/// The version of the API that the calls are written for.
const VERSION: &str = "2022-11-28";
/// Comments on one page: as many as GitHub gives.
const PAGE: usize = 100;
/// So many pages are searched for a comment of ours.
const PAGES: usize = 50;

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// GitHub has answered so.
    Status(u16, String),
    /// There was no answer, or none that can be read.
    Lost(String),
}

impl Refusal {
    /// Whether the token may not do this. GitHub also says 404 where a token may not see.
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::Status(401 | 403 | 404, _)) && !self.is_rate()
    }

    /// Whether GitHub wants fewer calls.
    fn is_rate(&self) -> bool {
        match self {
            Self::Status(429, _) => true,
            Self::Status(403, message) => message.to_lowercase().contains("rate limit"),
            _ => false,
        }
    }

    /// Whether the same call may be answered another time.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Status(500 | 502..=504, _) | Self::Lost(_))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status, message) => write!(f, "HTTP {status}: {message}"),
            Self::Lost(why) => f.write_str(why),
        }
    }
}

/// A repository at GitHub.
pub struct Api {
    client: Octocrab,
    repository: String,
}

/// A new deployment; GitHub's names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewDeployment {
    /// What is deployed: a commit.
    #[serde(rename = "ref")]
    pub commit: String,
    /// `deploy`, `rollback`
    pub task: String,
    /// Nothing is merged for it.
    pub auto_merge: bool,
    /// It does not wait for checks: whoever runs this has decided.
    pub required_contexts: Vec<String>,
    /// What a program may want to know.
    pub payload: serde_json::Value,
    /// `production`
    pub environment: String,
    /// At most 140 characters.
    pub description: String,
}

/// A status of a deployment; GitHub's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewStatus {
    /// `queued`, `in_progress`, `success`, `failure`, `error` or `inactive`.
    pub state: &'static str,
    /// At most 140 characters.
    pub description: String,
    /// The run of the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_url: Option<String>,
    /// Where the environment is to be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment_url: Option<String>,
}

/// What is read of what was made.
#[derive(Debug, Deserialize)]
struct Made {
    id: u64,
}

/// A comment, as far as it matters whose it is.
#[derive(Debug, Clone, Deserialize)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// Absent where GitHub gives none.
    #[serde(default)]
    pub body: Option<String>,
    /// `OWNER`, `MEMBER`, `COLLABORATOR`, `CONTRIBUTOR`, `NONE`, ...
    #[serde(default)]
    pub author_association: String,
    /// `null` for an account that is gone.
    #[serde(default)]
    pub user: Option<Author>,
}

/// Who wrote a comment.
#[derive(Debug, Clone, Deserialize)]
pub struct Author {
    /// `User`, `Bot`, ...
    #[serde(rename = "type", default)]
    pub kind: String,
}

impl Api {
    /// A client for the repository of a run. It has to be made inside the async runtime.
    ///
    /// # Errors
    /// For an address of the API that is none.
    pub fn new(context: &Context, repository: &str, token: &Secret) -> Result<Self, Refusal> {
        // The machine's certificates and its proxy, as for every other call of this program.
        let http = reqwest::Client::builder()
            // The token is for this host alone.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Refusal::Lost(format!("cannot set up an HTTP client: {}", chain(&error))))?;
        let client = Octocrab::builder()
            .base_uri(context.api_url.trim_end_matches('/'))
            .map(|builder| {
                builder
                    .personal_token(token.expose().to_owned())
                    .add_header(HeaderName::from_static("x-github-api-version"), VERSION.to_owned())
            })
            .and_then(|builder| builder.build_with_reqwest(http))
            .map_err(|error| {
                Refusal::Lost(format!("{} is no address: {}", context.api_url, chain(&error)))
            })?;
        Ok(Self { client, repository: repository.to_owned() })
    }

    /// `POST /repos/{owner}/{repo}/deployments`: its id.
    ///
    /// # Errors
    /// When GitHub does not make it. It is not tried again: an answer that was lost may have made one.
    pub async fn create_deployment(&self, deployment: &NewDeployment) -> Result<u64, Refusal> {
        let route = format!("/repos/{}/deployments", self.repository);
        limited(self.client.post::<_, Made>(route, Some(deployment))).await.map(|made| made.id)
    }

    /// `POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses`
    ///
    /// # Errors
    /// When GitHub does not take it, twice where it may pass: the same status again says nothing new.
    pub async fn create_status(&self, deployment: u64, status: &NewStatus) -> Result<(), Refusal> {
        let route = format!("/repos/{}/deployments/{deployment}/statuses", self.repository);
        twice(|| limited(self.client.post::<_, Made>(&route, Some(status)))).await.map(drop)
    }

    /// `GET /repos/{owner}/{repo}/issues/{issue_number}/comments`, page by page until one is wanted.
    ///
    /// # Errors
    /// When GitHub does not show them.
    pub async fn find_comment(
        &self,
        issue: u64,
        wanted: impl Fn(&Comment) -> bool,
    ) -> Result<Option<u64>, Refusal> {
        let route = format!("/repos/{}/issues/{issue}/comments", self.repository);
        for page in 1..=PAGES {
            let query = [("per_page", PAGE), ("page", page)];
            let comments: Vec<Comment> = twice(|| limited(self.client.get(&route, Some(&query)))).await?;
            if let Some(found) = comments.iter().find(|comment| wanted(comment)) {
                return Ok(Some(found.id));
            }
            if comments.len() < PAGE {
                break;
            }
        }
        Ok(None)
    }

    /// `POST /repos/{owner}/{repo}/issues/{issue_number}/comments`
    ///
    /// # Errors
    /// When GitHub does not make it; it is not tried again, because there is to be one.
    pub async fn create_comment(&self, issue: u64, body: &str) -> Result<(), Refusal> {
        let route = format!("/repos/{}/issues/{issue}/comments", self.repository);
        limited(self.client.post::<_, Made>(route, Some(&json!({ "body": body })))).await.map(drop)
    }

    /// `PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}`
    ///
    /// # Errors
    /// When GitHub does not take it.
    pub async fn update_comment(&self, comment: u64, body: &str) -> Result<(), Refusal> {
        let route = format!("/repos/{}/issues/comments/{comment}", self.repository);
        let body = json!({ "body": body });
        twice(|| limited(self.client.patch::<Made, _, _>(&route, Some(&body)))).await.map(drop)
    }
}

/// Once more where that may help.
async fn twice<T, F: Future<Output = Result<T, Refusal>>>(call: impl Fn() -> F) -> Result<T, Refusal> {
    match call().await {
        Err(refusal) if refusal.may_pass() => {
            tokio::time::sleep(Duration::from_millis(500)).await;
            call().await
        }
        answer => answer,
    }
}

async fn limited<T>(call: impl Future<Output = octocrab::Result<T>>) -> Result<T, Refusal> {
    match tokio::time::timeout(CALL, call).await {
        Ok(answer) => answer.map_err(|error| refusal(&error)),
        Err(_) => Err(Refusal::Lost(format!("no answer within {} s", CALL.as_secs()))),
    }
}

fn refusal(error: &octocrab::Error) -> Refusal {
    match error {
        octocrab::Error::GitHub { source, .. } => {
            Refusal::Status(source.status_code.as_u16(), first_line(&source.message))
        }
        error => Refusal::Lost(chain(error)),
    }
}

/// An error with its sources, each once. Some errors of the client end with a backtrace, which is no use to anybody.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let part = first_line(&error.to_string());
        if !part.is_empty() && !parts.iter().any(|known| known.contains(&part)) {
            parts.push(part);
        }
        next = error.source();
    }
    parts.join(": ")
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_is_told_from_too_many_calls() {
        let status = |status: u16, message: &str| Refusal::Status(status, message.to_owned());
        assert!(status(403, "Resource not accessible by integration").is_permission());
        assert!(status(404, "Not Found").is_permission());
        assert!(!status(403, "You have exceeded a secondary rate limit").is_permission());
        assert!(!status(422, "Validation Failed").is_permission() && !status(422, "").may_pass());
        assert!(status(502, "").may_pass() && Refusal::Lost("reset".to_owned()).may_pass());
    }
}
