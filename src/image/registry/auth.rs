//! Who we are to a registry. Basic credentials go with every request at once, until the registry asks for bearer
//! tokens; those are had from its token service, one for each [`Scope`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use reqwest::header::HeaderValue;
use reqwest::{StatusCode, Url};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::answer::{Answer, Failure, printable};
use super::bearer::Challenge;
use super::client::REQUEST_LIMIT;
use super::http::Http;
use super::scope::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::image::reference::DOCKER_HUB;
use crate::secret::Secret;

/// So often one request may be refused, with nothing else in between: the first time it went out with Basic
/// credentials or with an expired token, the second time with one that was refused to another request too.
const REFUSALS: u32 = 3;

/// What a registry, or its token service, takes for who we are.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A user name and a password, or a token in its place (ECR: `AWS` and what `GetAuthorizationToken` gave).
    Login {
        /// Not secret.
        user: String,
        /// Secret.
        password: Secret,
    },
    /// What a token service gave in place of a password; only it takes that.
    IdentityToken(Secret),
}

/// Gives the credentials of one registry: called at its first use, and again when what has been accepted before is
/// refused, as happens when a token has expired. `None` means that none are known.
pub type CredentialsProvider = Arc<dyn Fn() -> BoxFuture<'static, Result<Option<Credentials>>> + Send + Sync>;

/// What to send as `Authorization`.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: Option<HeaderValue>,
    /// Tells tokens apart.
    serial: u64,
    is_bearer: bool,
    /// Nobody logged in.
    anonymous: bool,
    /// Shared by all copies.
    accepted: Arc<AtomicBool>,
    /// When to have a new one.
    until: Option<Instant>,
}

impl Token {
    /// The registry took it. What it refuses after that is a matter of time.
    pub(super) fn accept(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    fn was_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }

    fn is_fresh(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// The credentials of one registry, shared by all requests to it.
pub(super) struct Auth {
    host: String,
    http: Http,
    /// Where requests to the registry go.
    base: Url,
    provider: CredentialsProvider,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the provider gave; `None` when it has to be asked.
    known: Option<Option<Credentials>>,
    /// Whether the token service has accepted what is known.
    proven: bool,
    /// Where tokens are to be had, once the registry has asked for some.
    challenge: Option<Challenge>,
    /// What goes with every request before that.
    plain: Option<Token>,
    bearers: Vec<(Scope, Token)>,
    serials: u64,
}

impl State {
    /// Whether the token is what other requests get now, too.
    fn holds(&self, token: &Token) -> bool {
        let is = |other: &Token| other.serial == token.serial;
        match self.challenge {
            Some(_) => self.bearers.iter().any(|(_, bearer)| is(bearer)),
            None => self.plain.as_ref().is_some_and(is),
        }
    }

    fn drop_token(&mut self, token: &Token) {
        self.bearers.retain(|(_, bearer)| bearer.serial != token.serial);
        self.plain.take_if(|plain| plain.serial == token.serial);
    }

    fn next_serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Auth {
    pub(super) fn new(host: &str, http: Http, base: Url, provider: CredentialsProvider) -> Self {
        Self { host: host.to_owned(), http, base, provider, state: Mutex::default() }
    }

    /// What to send with a request in `scope`; the first caller fetches it for all.
    ///
    /// # Errors
    ///
    /// [`Failure::Again`] when the token service is out of order; [`Failure::Final`] when it refuses, or the
    /// credentials cannot be read.
    pub(super) async fn token(&self, scope: &Scope, doing: &str) -> Result<Token, Failure> {
        let mut state = self.state.lock().await;
        let Some(challenge) = state.challenge.clone() else {
            if let Some(token) = &state.plain {
                return Ok(token.clone());
            }
            let known = self.credentials(&mut state).await?;
            let header = match &known {
                Some(Credentials::Login { user, password }) => {
                    Some(self.basic(user, password).map_err(Failure::Final)?)
                }
                _ => None,
            };
            let serial = state.next_serial();
            let token = Token {
                header,
                serial,
                is_bearer: false,
                anonymous: known.is_none(),
                accepted: Arc::default(),
                until: None,
            };
            state.plain = Some(token.clone());
            return Ok(token);
        };
        state.bearers.retain(|(_, bearer)| bearer.is_fresh());
        if let Some((_, token)) = state.bearers.iter().find(|(has, _)| has.covers(scope)) {
            return Ok(token.clone());
        }
        let token = self.fetch(&mut state, &challenge, scope, doing).await?;
        state.bearers.push((scope.clone(), token.clone()));
        Ok(token)
    }

    /// After `refused` was answered with 401 or 403: sees to it that [`Auth::token`] gives something else. Many
    /// requests may be refused at the same time: the first of them settles it for all.
    ///
    /// # Errors
    ///
    /// Registry, when nothing else would be accepted: what was refused is fresh, so it is a matter of permission.
    pub(super) async fn refused(
        &self,
        scope: &Scope,
        refused: &Token,
        answer: &Answer,
        doing: &str,
        in_a_row: u32,
    ) -> Result<()> {
        if in_a_row >= REFUSALS {
            return Err(self.denied(scope, refused, answer, doing));
        }
        let mut state = self.state.lock().await;
        if !state.holds(refused) {
            return Ok(());
        }
        let asked = self.challenge(refused, answer, doing).await?;
        if asked.is_some() && asked != state.challenge {
            state.challenge = asked;
            state.drop_token(refused);
            return Ok(());
        }
        // Without credentials there is nothing that could have expired, save an anonymous token.
        if !refused.was_accepted() || refused.header.is_none() {
            return Err(self.denied(scope, refused, answer, doing));
        }
        state.drop_token(refused);
        if !refused.is_bearer {
            state.known = None;
        }
        Ok(())
    }

    /// What the registry asks for. Others are not heard: an upload may have led to another host, and who asks
    /// decides where the credentials go.
    async fn challenge(&self, refused: &Token, answer: &Answer, doing: &str) -> Result<Option<Challenge>> {
        if answer.url.origin() != self.base.origin() {
            return Ok(None);
        }
        // GHCR answers a 403 without a challenge to Basic credentials, and asks only who sends none.
        if !refused.is_bearer && !refused.was_accepted() && answer.challenges().is_empty() {
            let mut url = self.base.clone();
            url.set_path(&format!("{}/v2/", self.base.path().trim_end_matches('/')));
            let Ok(response) = self.http.get(url).timeout(REQUEST_LIMIT).send().await else {
                return Ok(None);
            };
            let Ok(answer) = Answer::read(response).await else { return Ok(None) };
            return Challenge::of(&answer, &self.host, doing);
        }
        Challenge::of(answer, &self.host, doing)
    }

    /// What the provider knows; it is asked once, and again after that has been forgotten.
    async fn credentials(&self, state: &mut State) -> Result<Option<Credentials>, Failure> {
        if let Some(known) = &state.known {
            return Ok(known.clone());
        }
        let known = (self.provider)().await.map_err(Failure::Final)?;
        state.proven = false;
        state.known = Some(known.clone());
        Ok(known)
    }

    async fn fetch(
        &self,
        state: &mut State,
        challenge: &Challenge,
        scope: &Scope,
        doing: &str,
    ) -> Result<Token, Failure> {
        loop {
            let known = self.credentials(state).await?;
            let started = Instant::now();
            let granted = match challenge.fetch(&self.http, scope, known.as_ref(), doing).await {
                Ok(granted) => granted,
                Err(Failure::Denied(_)) if state.proven => {
                    state.known = None;
                    continue;
                }
                Err(Failure::Denied(answer)) => {
                    return Err(Failure::Final(self.not_logged_in(
                        known.is_none(),
                        challenge,
                        &answer,
                        doing,
                    )));
                }
                Err(failure) => return Err(failure),
            };
            state.proven = known.is_some();
            if let (Some(Credentials::IdentityToken(_)), Some(next)) = (&known, granted.identity) {
                state.known = Some(Some(Credentials::IdentityToken(next)));
            }
            let text = Secret::new(format!("Bearer {}", granted.token.expose()));
            return Ok(Token {
                header: Some(self.sensitive(&text).map_err(Failure::Final)?),
                serial: state.next_serial(),
                is_bearer: true,
                anonymous: known.is_none(),
                accepted: Arc::default(),
                // A request takes its time to arrive, and clocks differ.
                until: Some(started + granted.life * 5 / 6),
            });
        }
    }

    fn basic(&self, user: &str, password: &Secret) -> Result<HeaderValue> {
        let pair = Secret::new(format!("{user}:{}", password.expose()));
        self.sensitive(&Secret::new(format!("Basic {}", STANDARD.encode(pair.expose()))))
    }

    fn sensitive(&self, text: &Secret) -> Result<HeaderValue> {
        let mut header = HeaderValue::from_str(text.expose())
            .map_err(|_| Error::internal(format!("the credentials for {} cannot be sent", self.host)))?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// The token service does not know us.
    fn not_logged_in(&self, anonymous: bool, challenge: &Challenge, answer: &Answer, doing: &str) -> Error {
        let (host, realm) = (&self.host, challenge.realm_host());
        let said = printable(&answer.said());
        let (what, hint) = if anonymous {
            ("gives no token without credentials, and none are known", format!("run `docker login {host}`"))
        } else {
            ("refuses these credentials", format!("run `docker login {host}` again"))
        };
        Error::new(ErrorKind::Registry, format!("cannot {doing}: the token service {realm} {what} ({said})"))
            .hint(hint)
    }

    fn denied(&self, scope: &Scope, token: &Token, answer: &Answer, doing: &str) -> Error {
        let host = &self.host;
        let said = printable(&answer.said());
        let error =
            |what: &str| Error::new(ErrorKind::Registry, format!("cannot {doing}: {host} {what} ({said})"));
        if token.anonymous {
            return error("wants credentials, and none are known")
                .hint(format!("run `docker login {host}`; for ECR, give this run AWS credentials"));
        }
        // Who has a token is known; a 401 then means the same as a 403.
        if answer.status == StatusCode::UNAUTHORIZED && !token.is_bearer {
            return error("refuses these credentials").hint(format!(
                "run `docker login {host}` again; for ECR, see whose AWS credentials this run has"
            ));
        }
        error("refuses these credentials").hint(permission(host, scope))
    }
}

/// What has to be allowed, in the words of the registry.
fn permission(host: &str, scope: &Scope) -> String {
    let repository = scope.repository();
    match (host, scope.is_push()) {
        (DOCKER_HUB, true) => format!(
            "log in with an access token that may read and write, of a user who may push to `{repository}`; \
             a repository of an organization has to exist before"
        ),
        ("ghcr.io", true) => format!(
            "log in with a token that has `write:packages` (in a workflow: `permissions: packages: write`), and \
             give it write access to the package `{repository}`"
        ),
        ("ghcr.io", false) => format!(
            "log in with a token that has `read:packages` (in a workflow: `permissions: packages: read`), and \
             give it read access to the package `{repository}`"
        ),
        ("public.ecr.aws", true) => "allow the caller ecr-public:BatchCheckLayerAvailability, \
             ecr-public:InitiateLayerUpload, ecr-public:UploadLayerPart, ecr-public:CompleteLayerUpload and \
             ecr-public:PutImage on this repository, and see that it exists"
            .to_owned(),
        (_, true) => format!(
            "allow the caller ecr:BatchCheckLayerAvailability, ecr:InitiateLayerUpload, ecr:UploadLayerPart, \
             ecr:CompleteLayerUpload, ecr:PutImage and ecr:BatchGetImage on this repository; outside of ECR, log \
             in as a user who may push to `{repository}`"
        ),
        (_, false) => format!(
            "allow the caller ecr:BatchGetImage on this repository; outside of ECR, log in as a user who may \
             pull from `{repository}`"
        ),
    }
}
