//! From role to role: what is sent to STS.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::Builder;
use aws_sdk_sts::types::{Credentials as Answered, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::claims::Claims;
use super::errors::{Refusal, refused};
use super::settings::{LoginSettings, Step};
use super::token::new_token;
use crate::aws::calls::CallCounter;
use crate::aws::error::aws_error;
use crate::emit::Masks;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// What STS is called with.
#[derive(Debug, Clone)]
pub(super) struct Means {
    /// Region, retries, time limits, and the credentials of the environment.
    pub(super) config: SdkConfig,
    pub(super) calls: CallCounter,
    /// Where values go that the log of the job is not to show.
    pub(super) masks: Option<Masks>,
}

impl Means {
    /// A client that signs with these credentials, or with those of the environment.
    fn client(&self, credentials: Option<Credentials>) -> Client {
        let mut config = Builder::from(&self.config).interceptor(self.calls.clone());
        if let Some(credentials) = credentials {
            config = config.credentials_provider(SharedCredentialsProvider::new(credentials));
        }
        Client::from_conf(config.build())
    }

    fn hide(&self, value: &str) {
        if let Some(masks) = &self.masks {
            masks.hide(&Secret::new(value));
        }
    }

    fn region(&self) -> &str {
        self.config.region().map_or("", AsRef::as_ref)
    }
}

/// Assumes every role, each from the one before, and gives the credentials of the last.
pub(super) async fn log_in(settings: &LoginSettings, means: &Means) -> Result<Credentials> {
    let mut credentials = None;
    for step in settings.steps() {
        let answered = match step.by_token {
            true => by_token(settings, step, means).await?,
            false => by_credentials(step, credentials.take(), means).await?,
        };
        credentials = Some(taken(step, answered, means)?);
    }
    credentials.ok_or_else(|| Error::internal("a login without a role"))
}

/// AssumeRoleWithWebIdentity, which is not signed. A token that has expired is replaced once.
async fn by_token(settings: &LoginSettings, step: Step<'_>, means: &Means) -> Result<Option<Answered>> {
    let client = means.client(None);
    let mut is_second = false;
    loop {
        let token = new_token(&settings.first).await?;
        let token = token.ok_or_else(|| Error::internal("a login with a token has none"))?;
        means.hide(token.expose());
        let answer = client
            .assume_role_with_web_identity()
            .role_arn(step.role)
            .role_session_name(step.session_name)
            .web_identity_token(token.expose())
            .duration_seconds(seconds(step))
            .send()
            .await;
        match answer {
            Ok(answer) => return Ok(answer.credentials),
            Err(error) if error.code() == Some("ExpiredTokenException") && !is_second => is_second = true,
            Err(error) => return Err(explained(step, error, means, &Claims::of(&token))),
        }
    }
}

async fn by_credentials(
    step: Step<'_>,
    credentials: Option<Credentials>,
    means: &Means,
) -> Result<Option<Answered>> {
    let tags = step.tags.iter().map(|(key, value)| {
        Tag::builder().key(key).value(value).build().map_err(|error| Error::internal("a tag").source(error))
    });
    let tags = tags.collect::<Result<Vec<_>>>()?;
    let answer = means
        .client(credentials)
        .assume_role()
        .role_arn(step.role)
        .role_session_name(step.session_name)
        .duration_seconds(seconds(step))
        .set_external_id(step.external_id.map(str::to_owned))
        .set_tags((!tags.is_empty()).then_some(tags))
        .send()
        .await;
    match answer {
        Ok(answer) => Ok(answer.credentials),
        Err(error) => Err(explained(step, error, means, &Claims::default())),
    }
}

fn seconds(step: Step<'_>) -> i32 {
    // Twelve hours at most.
    i32::try_from(step.duration.as_secs()).unwrap_or(3_600)
}

/// What STS said, or that it said nothing.
fn explained<E>(step: Step<'_>, error: SdkError<E, HttpResponse>, means: &Means, claims: &Claims) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match (error.as_service_error().is_some(), error.code()) {
        (true, Some(code)) => {
            let message = error.message().unwrap_or_default();
            refused(&Refusal { step, code, message, region: means.region() }, claims)
        }
        _ => {
            let action = if step.by_token { "sts:AssumeRoleWithWebIdentity" } else { "sts:AssumeRole" };
            aws_error(action, step.role, error)
        }
    }
}

/// The credentials, hidden from the log of the job.
fn taken(step: Step<'_>, answered: Option<Answered>, means: &Means) -> Result<Credentials> {
    let answered =
        answered.ok_or_else(|| Error::internal(format!("STS gave no credentials of {}", step.role)))?;
    for value in [&answered.access_key_id, &answered.secret_access_key, &answered.session_token] {
        means.hide(value);
    }
    let ends = std::time::SystemTime::try_from(answered.expiration)
        .map_err(|error| Error::internal("STS gave a time that is none").source(error))?;
    Ok(Credentials::new(
        answered.access_key_id,
        answered.secret_access_key,
        Some(answered.session_token),
        Some(ends),
        "landfall login",
    ))
}
