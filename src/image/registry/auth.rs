//! Basic authentication: sent at once with every request, refreshed once when it is refused.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;

use super::answer::{Answer, printable};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secret;

/// A user name and a password, or a token in its place (ECR: `AWS` and what `GetAuthorizationToken` gave).
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Not secret.
    pub user: String,
    /// Secret.
    pub password: Secret,
}

/// Gives the credentials of one registry: called at its first use, and once more when it answers 401 or 403,
/// as it does when a token has expired. `None` means that none are known.
pub type CredentialsProvider = Arc<dyn Fn() -> BoxFuture<'static, Result<Option<Credentials>>> + Send + Sync>;

/// What to send as `Authorization`, and how often it had been fetched by then.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: Option<HeaderValue>,
    fetched: u32,
}

/// The credentials of one registry, shared by all requests to it.
pub(super) struct Auth {
    host: String,
    provider: CredentialsProvider,
    current: Mutex<Option<Token>>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Auth {
    pub(super) fn new(host: &str, provider: CredentialsProvider) -> Self {
        Self { host: host.to_owned(), provider, current: Mutex::new(None) }
    }

    /// What to send; the first caller fetches it for all.
    pub(super) async fn token(&self) -> Result<Token> {
        let mut current = self.current.lock().await;
        if let Some(token) = &*current {
            return Ok(token.clone());
        }
        let token = self.fetch(1).await?;
        *current = Some(token.clone());
        Ok(token)
    }

    /// What to send after `refused` was answered with 401 or 403. Many requests may be refused at the same
    /// time: the first of them fetches anew, the others take what it got.
    ///
    /// # Errors
    ///
    /// Registry, when what was refused is fresh: then it is not a matter of time but of permission.
    pub(super) async fn refresh(&self, refused: &Token, answer: &Answer, doing: &str) -> Result<Token> {
        let mut current = self.current.lock().await;
        match &*current {
            Some(token) if token.fetched > refused.fetched => Ok(token.clone()),
            _ if refused.fetched >= 2 || answer.wants_bearer() => Err(self.denied(refused, answer, doing)),
            _ => {
                let token = self.fetch(refused.fetched + 1).await?;
                *current = Some(token.clone());
                if token.header.is_none() {
                    return Err(self.denied(&token, answer, doing));
                }
                Ok(token)
            }
        }
    }

    async fn fetch(&self, fetched: u32) -> Result<Token> {
        let header = (self.provider)().await?.map(|found| self.header(&found)).transpose()?;
        Ok(Token { header, fetched })
    }

    fn header(&self, found: &Credentials) -> Result<HeaderValue> {
        let pair = Secret::new(format!("{}:{}", found.user, found.password.expose()));
        let text = Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())));
        let mut header = HeaderValue::from_str(text.expose())
            .map_err(|_| Error::internal(format!("the credentials for {} cannot be sent", self.host)))?;
        header.set_sensitive(true);
        Ok(header)
    }

    fn denied(&self, token: &Token, answer: &Answer, doing: &str) -> Error {
        let host = &self.host;
        let said = printable(&answer.said());
        if answer.wants_bearer() {
            return Error::new(
                ErrorKind::Registry,
                format!("cannot {doing}: {host} wants a bearer token, and that is not supported yet"),
            )
            .hint("push to a registry with Basic authentication, as ECR has it");
        }
        if token.header.is_none() {
            return Error::new(
                ErrorKind::Registry,
                format!("cannot {doing}: {host} wants credentials, and none are known ({said})"),
            )
            .hint(format!("run `docker login {host}`; for ECR, give this run AWS credentials"));
        }
        let message = format!("cannot {doing}: {host} refuses these credentials ({said})");
        let hint = if answer.status == StatusCode::UNAUTHORIZED {
            format!("run `docker login {host}` again; for ECR, see whose AWS credentials this run has")
        } else {
            "allow the caller ecr:BatchCheckLayerAvailability, ecr:InitiateLayerUpload, ecr:UploadLayerPart, \
             ecr:CompleteLayerUpload, ecr:PutImage and ecr:BatchGetImage on this repository; outside of ECR, log in \
             as a user who may push to it"
                .to_owned()
        };
        Error::new(ErrorKind::Registry, message).hint(hint)
    }
}
