//! When to try a request again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::answer::Failure;
use super::auth::{Auth, Token};
use crate::error::Result;

/// How often and how soon.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// For what trying again may mend.
    pub(super) general: ExponentialBuilder,
    /// For what a registry will see in a moment.
    pub(super) visibility: ExponentialBuilder,
}

impl Default for Policy {
    /// Four tries over about four seconds; six more over about five seconds for blobs that are not visible yet
    /// (registry facts 3 and 4).
    fn default() -> Self {
        Self {
            general: ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(500))
                .with_factor(2.0)
                .with_max_times(3)
                .with_jitter(),
            visibility: ExponentialBuilder::default()
                .with_min_delay(Duration::from_millis(100))
                .with_max_delay(Duration::from_secs(2))
                .with_factor(2.0)
                .with_max_times(6),
        }
    }
}

/// Runs `attempt` until it succeeds, cannot succeed, or has been tried often enough. A 401 or 403 costs no try:
/// it is answered with fresh credentials, once.
///
/// (An `AsyncFn` would read better, but a future that calls one cannot be proven `Send` for now.)
pub(super) async fn attempts<T, F>(
    policy: &Policy,
    auth: &Auth,
    doing: &str,
    attempt: impl Fn(Token) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut general = policy.general.build();
    let mut visibility = policy.visibility.build();
    let mut token = auth.token().await?;
    loop {
        let (error, delay) = match attempt(token.clone()).await {
            Ok(value) => return Ok(value),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Denied(answer)) => {
                token = auth.refresh(&token, &answer, doing).await?;
                continue;
            }
            Err(Failure::NotYet(error)) => (error, visibility.next()),
            Err(Failure::Again { error, after }) => {
                (error, general.next().map(|delay| delay.max(after.unwrap_or_default())))
            }
        };
        match delay {
            Some(delay) => tokio::time::sleep(delay).await,
            None => return Err(error),
        }
    }
}
