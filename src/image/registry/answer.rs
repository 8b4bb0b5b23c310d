//! What a registry answered, and what that means for the request: good, again, or an error.

use std::time::Duration;

use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;

use crate::error::{Error, ErrorKind};

/// Longest text of a registry that goes into a message, in characters.
const TEXT_LIMIT: usize = 300;
/// Longest body that is read, in bytes: the largest manifest.
const BODY_LIMIT: usize = super::super::document::MANIFEST_LIMIT as usize;
/// A registry cannot make us wait longer than this before the next try.
const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(60);

/// An answer, read in full.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Who answered.
    pub(super) url: Url,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why a request did not do what it should.
#[derive(Debug)]
pub(super) enum Failure {
    /// Trying again may help, not before `after`.
    Again { error: Error, after: Option<Duration> },
    /// The registry does not see yet what it has just confirmed (registry facts 3).
    NotYet(Error),
    /// 401 or 403.
    Denied(Answer),
    /// Trying again cannot help.
    Final(Error),
}

#[derive(Deserialize)]
struct Body {
    errors: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Answer {
    /// Reads the body, as far as a registry has reason to send one.
    pub(super) async fn read(mut response: Response) -> Result<Self, reqwest::Error> {
        let (status, url, headers) = (response.status(), response.url().clone(), response.headers().clone());
        let mut body = Vec::new();
        while body.len() <= BODY_LIMIT {
            let Some(chunk) = response.chunk().await? else { break };
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status, url, headers, body })
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }

    /// `Docker-Content-Digest`
    pub(super) fn digest(&self) -> Option<&str> {
        self.header("docker-content-digest").map(str::trim).filter(|digest| !digest.is_empty())
    }

    /// What `WWW-Authenticate` asks for: each scheme in lower case, with its parameters. What cannot be parsed is
    /// left out.
    pub(super) fn challenges(&self) -> Vec<(String, Vec<(String, String)>)> {
        let values = self.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let parsed = values.filter_map(|value| http_auth::parse_challenges(value).ok()).flatten();
        parsed
            .map(|challenge| {
                let params = challenge.params.iter();
                let params = params.map(|(name, value)| (name.to_ascii_lowercase(), value.to_unescaped()));
                (challenge.scheme.to_ascii_lowercase(), params.collect())
            })
            .collect()
    }

    fn retry_after(&self) -> Option<Duration> {
        // The other form, a date, would need a clock that agrees with the registry's.
        let seconds: u64 = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(RETRY_AFTER_LIMIT))
    }

    fn errors(&self) -> Vec<Said> {
        serde_json::from_slice::<Body>(&self.body).map(|body| body.errors).unwrap_or_default()
    }

    /// Whether the registry gave one of these error codes.
    pub(super) fn has_code(&self, codes: &[&str]) -> bool {
        self.errors().iter().any(|said| codes.contains(&said.code.as_str()))
    }

    /// The status and what the registry said about it: its JSON errors, else its text.
    pub(super) fn said(&self) -> String {
        let errors: Vec<String> = self
            .errors()
            .iter()
            .map(|said| format!("{} {}", said.code, said.message).trim().to_owned())
            .collect();
        let text = if errors.is_empty() {
            String::from_utf8_lossy(&self.body).trim().to_owned()
        } else {
            errors.join("; ")
        };
        if text.is_empty() { self.status.to_string() } else { format!("{}: {text}", self.status) }
    }

    /// What an answer of the registry that is not a success means in general.
    pub(super) fn failure(self, doing: &str) -> Failure {
        self.failure_of("the registry", doing)
    }

    /// What an answer of `who` that is not a success means in general.
    pub(super) fn failure_of(self, who: &str, doing: &str) -> Failure {
        let error = self.error_of(who, doing);
        match self.status.as_u16() {
            401 | 403 => Failure::Denied(self),
            408 | 429 | 500 | 502..=504 => Failure::Again {
                error: error.hint(format!("{who} is overloaded or out of order; run again later")),
                after: self.retry_after(),
            },
            _ => Failure::Final(error.hint("its own message says what it does not accept")),
        }
    }

    /// That `who` gave this answer.
    pub(super) fn error_of(&self, who: &str, doing: &str) -> Error {
        let said = printable(&self.said());
        Error::new(ErrorKind::Registry, format!("cannot {doing}: {who} answered {said}"))
    }
}

/// What a request that got no answer means.
pub(super) fn unanswered(error: reqwest::Error, doing: &str, host: &str) -> Failure {
    let hint = format!("see whether {host} can be reached from here, through which proxy, and run again");
    Failure::Again {
        // The URL of an upload holds the registry's own state, and may hold a signature.
        error: Error::new(ErrorKind::Registry, format!("cannot {doing}: no answer from {host}"))
            .hint(hint)
            .source(error.without_url()),
        after: None,
    }
}

/// Text of a registry for a message: on one line, without control characters, not too long.
pub(in super::super) fn printable(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(TEXT_LIMIT)
        .collect();
    if text.chars().nth(TEXT_LIMIT).is_some() {
        shown.push_str("...");
    }
    shown
}
