//! When to try a request again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::answer::Failure;
use super::auth::{Auth, Token};
use super::scope::Scope;
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
/// it is answered with fresh credentials, as long as [`Auth::refused`] sees sense in that.
///
/// (An `AsyncFn` would read better, but a future that calls one cannot be proven `Send` for now.)
pub(super) async fn attempts<T, F>(
    policy: &Policy,
    auth: &Auth,
    scope: &Scope,
    doing: &str,
    attempt: impl Fn(Token) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut general = policy.general.build();
    let mut visibility = policy.visibility.build();
    let mut refused_in_a_row = 0;
    loop {
        let failure = match auth.token(scope, doing).await {
            Err(failure) => failure,
            Ok(token) => match attempt(token.clone()).await {
                Ok(value) => {
                    token.accept();
                    return Ok(value);
                }
                Err(Failure::Denied(answer)) => {
                    refused_in_a_row += 1;
                    auth.refused(scope, &token, &answer, doing, refused_in_a_row).await?;
                    continue;
                }
                Err(failure) => {
                    refused_in_a_row = 0;
                    if matches!(failure, Failure::NotYet(_)) {
                        token.accept();
                    }
                    failure
                }
            },
        };
        let (error, delay) = match failure {
            Failure::Final(error) => return Err(error),
            // Of a token service this is Final, and of a registry it was seen to above.
            Failure::Denied(answer) => return Err(answer.error_of("the registry", doing)),
            Failure::NotYet(error) => (error, visibility.next()),
            Failure::Again { error, after } => {
                (error, general.next().map(|delay| delay.max(after.unwrap_or_default())))
            }
        };
        match delay {
            Some(delay) => tokio::time::sleep(delay).await,
            None => return Err(error),
        }
    }
}
