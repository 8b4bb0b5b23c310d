//! Getting a token: from GitHub's endpoint of the job (facts 8.2), or from a file.

use std::time::Duration;

use reqwest::{Client, StatusCode, Url, redirect};
use serde::Deserialize;

use super::settings::{ALLOW_TOKENS, FirstStep, GithubJob};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// How long each attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long is waited before another attempt, if the last one failed on GitHub's side or on the way.
const PAUSES: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(3)];

/// A new token; `None` where the first role is not assumed with one.
pub(super) async fn new_token(first: &FirstStep) -> Result<Option<Secret>> {
    match first {
        FirstStep::Github(job) => of_github(job).await.map(Some),
        FirstStep::File(path) => {
            let text = tokio::fs::read_to_string(path).await.map(Secret::new);
            let text = text.map_err(|error| {
                Error::usage(format!("cannot read the token in {}", path.display()))
                    .source(error)
                    .hint("Correct --web-identity-token-file.")
            })?;
            Ok(Some(Secret::new(text.expose().trim())))
        }
        FirstStep::Ambient | FirstStep::GithubWithoutToken => Ok(None),
    }
}

#[derive(Deserialize)]
struct Answer {
    value: String,
}

/// What an attempt came to that may be repeated.
enum Failed {
    ForGood(Error),
    ForNow(Error),
}

async fn of_github(job: &GithubJob) -> Result<Secret> {
    let mut url = Url::parse(&job.url).map_err(|error| {
        Error::usage("ACTIONS_ID_TOKEN_REQUEST_URL is not a URL")
            .source(error)
            .hint("GitHub's runner sets this variable: pass it on as it is.")
    })?;
    url.query_pairs_mut().append_pair("audience", &job.audience);
    let client = Client::builder()
        .timeout(PATIENCE)
        // The request's token is for this host alone.
        .redirect(redirect::Policy::none())
        .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Error::internal("cannot make an HTTP client").source(error))?;
    let mut pauses = PAUSES.into_iter();
    loop {
        match attempt(&client, &url, job).await {
            Ok(token) => return Ok(token),
            Err(Failed::ForGood(error)) => return Err(error),
            Err(Failed::ForNow(error)) => match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            },
        }
    }
}

async fn attempt(client: &Client, url: &Url, job: &GithubJob) -> Result<Secret, Failed> {
    let refused = |text: String| Error::new(ErrorKind::Aws, format!("GitHub's token endpoint: {text}"));
    let broken = |error: reqwest::Error| {
        // The URL has a query that is nobody's business.
        let error = error.without_url();
        Failed::ForNow(
            refused("no answer".to_owned())
                .source(error)
                .hint("The runner cannot reach GitHub: check its network and proxy, and run the job again."),
        )
    };
    let request =
        client.get(url.clone()).bearer_auth(job.token.expose()).header("accept", "application/json");
    let answer = request.send().await.map_err(broken)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(broken)?;
    let told = || format!("HTTP status {}", status.as_u16());
    match status {
        status if status.is_success() => match serde_json::from_slice::<Answer>(&body) {
            Ok(answer) if !answer.value.is_empty() => Ok(Secret::new(answer.value)),
            // What else the body says may be a part of a token.
            _ => Err(Failed::ForGood(
                refused("its answer has no token".to_owned())
                    .hint("Check what ACTIONS_ID_TOKEN_REQUEST_URL leads to."),
            )),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            Err(Failed::ForGood(refused(told()).hint(ALLOW_TOKENS)))
        }
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(Failed::ForNow(refused(told()).hint("GitHub fails for now: run the job again.")))
        }
        _ => Err(Failed::ForGood(refused(told()).hint("Check --oidc-audience."))),
    }
}
