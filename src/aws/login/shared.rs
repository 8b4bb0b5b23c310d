//! One login for all clients of a run, and its renewal before the session ends.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_async::time::TimeSource;
use tokio::sync::Mutex;

use super::assume::{Means, log_in};
use super::settings::LoginSettings;
use crate::aws::calls::CallCounter;
use crate::emit::Masks;
use crate::error::{Error, Result};

/// How long before its end a session is replaced; the SDK's cache waits for up to half of it, at random. The shortest
/// session lasts 15 minutes (facts 8.2).
const AHEAD: Duration = Duration::from_secs(300);
/// How long an attempt to replace it that failed is not repeated.
const PAUSE: Duration = Duration::from_secs(30);

/// A login. Clones are the same one, and nothing is asked before the first client needs it.
#[derive(Clone)]
pub struct Login(Arc<Shared>);

struct Shared {
    settings: Result<LoginSettings>,
    masks: Option<Masks>,
    clock: Clock,
    session: Mutex<Session>,
}

/// What time it is.
#[derive(Clone)]
struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        (self.0)()
    }
}

/// The credentials that there are.
#[derive(Default)]
struct Session {
    credentials: Option<Credentials>,
    /// Not to be replaced before, because that has just failed.
    not_before: Option<SystemTime>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Session {
    /// The credentials that serve at this time without a new login.
    fn fresh(&self, now: SystemTime) -> Option<Credentials> {
        let wait = self.not_before.is_some_and(|until| now < until);
        self.lasting(now, if wait { Duration::ZERO } else { AHEAD })
    }

    /// The credentials, if they last for so long still.
    fn lasting(&self, now: SystemTime, at_least: Duration) -> Option<Credentials> {
        let lasts = |credentials: &&Credentials| credentials.expiry().is_none_or(|end| end > now + at_least);
        self.credentials.as_ref().filter(lasts).cloned()
    }
}

impl Login {
    /// A login as it was asked for. What is wrong with it is told when it is needed; `masks` hide tokens and
    /// credentials from the log of a CI job.
    pub fn new(settings: Result<LoginSettings>, masks: Option<Masks>) -> Self {
        Self::by_clock(settings, masks, SystemTime::now)
    }

    /// The same by another clock than the machine's.
    pub fn by_clock(
        settings: Result<LoginSettings>,
        masks: Option<Masks>,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Self {
        let settings = settings.and_then(LoginSettings::checked);
        let clock = Clock(Arc::new(clock));
        Self(Arc::new(Shared { settings, masks, clock, session: Mutex::default() }))
    }

    /// The same configuration with the role's credentials, which are renewed for as long as it is used. Logs in, so
    /// that what STS refuses is told as it is.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for what cannot be;
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws) for what GitHub or STS refuses.
    pub(in crate::aws) async fn over(&self, config: SdkConfig, calls: &CallCounter) -> Result<SdkConfig> {
        let means = Means { config: config.clone(), calls: calls.clone(), masks: self.0.masks.clone() };
        let renewed = Renewed { login: self.clone(), means };
        renewed.credentials().await?;
        let cache = IdentityCache::lazy().buffer_time(AHEAD).build();
        let provider = SharedCredentialsProvider::new(renewed);
        let config = config.into_builder().identity_cache(cache).credentials_provider(provider);
        // The cache goes by the clock of the client that asks it.
        Ok(config.time_source(self.0.clock.clone()).build())
    }
}

/// What the SDK's cache asks when its credentials are about to end.
#[derive(Debug)]
struct Renewed {
    login: Login,
    means: Means,
}

impl Renewed {
    /// Credentials that serve now. Where a new login fails, those that there are serve until their end.
    async fn credentials(&self) -> Result<Credentials> {
        let now = self.login.0.clock.now();
        let settings = self.login.0.settings.as_ref().map_err(Error::again)?;
        let mut session = self.login.0.session.lock().await;
        if let Some(credentials) = session.fresh(now) {
            return Ok(credentials);
        }
        match log_in(settings, &self.means).await {
            Ok(credentials) => {
                *session = Session { credentials: Some(credentials.clone()), not_before: None };
                Ok(credentials)
            }
            Err(error) => {
                session.not_before = Some(now + PAUSE);
                session.lasting(now, Duration::ZERO).ok_or(error)
            }
        }
    }
}

impl ProvideCredentials for Renewed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.credentials().await.map_err(CredentialsError::provider_error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(lasts: u64) -> (Session, SystemTime) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let end = now + Duration::from_secs(lasts);
        let credentials = Credentials::new("k", "s", None, Some(end), "test");
        (Session { credentials: Some(credentials), not_before: None }, now)
    }

    #[test]
    fn a_session_is_replaced_ahead_of_its_end() {
        assert!(session(301).0.fresh(session(0).1).is_some());
        assert!(session(300).0.fresh(session(0).1).is_none());
        assert!(Session::default().fresh(SystemTime::UNIX_EPOCH).is_none());
    }

    #[test]
    fn after_a_failure_the_old_one_serves_until_its_end_and_is_not_replaced_at_once() {
        let (mut session, now) = session(100);
        session.not_before = Some(now + PAUSE);
        assert!(session.fresh(now).is_some());
        assert!(session.fresh(now + PAUSE).is_none());
        assert!(session.lasting(now + PAUSE, Duration::ZERO).is_some());
        assert!(session.lasting(now + Duration::from_secs(100), Duration::ZERO).is_none());
    }
}
