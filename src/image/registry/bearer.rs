//! Bearer tokens: what a registry's challenge says, and how its token service is asked
//! (<https://distribution.github.io/distribution/spec/auth/>).

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;

use super::answer::{Answer, Failure, printable, unanswered};
use super::auth::Credentials;
use super::client::{REQUEST_LIMIT, is_loopback};
use super::http::Http;
use super::scope::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::image::docker_config::Secreted;
use crate::secret::Secret;

/// How this program calls itself to a token service.
const CLIENT_ID: &str = "landfall";
/// What the specification says where a token service says nothing. Those that say less are too old to be
/// believed, as in Docker; a token that ends earlier is answered with a 401 and fetched anew.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);
/// Where a token service says more, asking again costs nothing.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a registry's tokens are to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    realm: Url,
    service: Option<String>,
    /// Scopes that are not those of a repository (ECR Public wants `aws`). What stands there about repositories
    /// is left out: GHCR's challenge names a made-up one, and we know which one we want.
    extra: Vec<String>,
}

/// What a token service gave.
pub(super) struct Granted {
    pub(super) token: Secret,
    /// How long it is good for.
    pub(super) life: Duration,
    /// What to log in with from now on in place of the identity token.
    pub(super) identity: Option<Secret>,
}

#[derive(Deserialize)]
struct Body {
    token: Option<Secreted>,
    access_token: Option<Secreted>,
    refresh_token: Option<Secreted>,
    expires_in: Option<u64>,
}

impl Challenge {
    /// Reads the first Bearer challenge of an answer; `None` where there is none.
    ///
    /// # Errors
    ///
    /// Registry, when credentials could not be sent safely to where it leads.
    pub(super) fn of(answer: &Answer, host: &str, doing: &str) -> Result<Option<Self>> {
        let bearer = answer.challenges().into_iter().find(|(scheme, _)| scheme == "bearer");
        let Some((_, params)) = bearer else { return Ok(None) };
        let value = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let realm = value("realm").unwrap_or_default();
        let safe = Url::parse(realm).ok().filter(|url| match url.scheme() {
            "https" => url.has_host(),
            "http" => url.host_str().is_some_and(is_loopback),
            _ => false,
        });
        let realm = safe.ok_or_else(|| {
            Error::new(
                ErrorKind::Registry,
                format!(
                    "cannot {doing}: {host} sends us for a token to `{}`, and credentials go nowhere but to https",
                    printable(realm)
                ),
            )
            .hint("have the registry name its token service as `https://...` (the `realm` of its challenge)")
        })?;
        let extra = value("scope").unwrap_or_default().split(' ');
        let extra = extra.filter(|scope| !scope.is_empty() && !scope.starts_with("repository:"));
        Ok(Some(Self {
            realm,
            service: value("service").map(str::to_owned),
            extra: extra.map(str::to_owned).collect(),
        }))
    }

    /// The host of the token service, for messages.
    pub(super) fn realm_host(&self) -> &str {
        self.realm.host_str().unwrap_or_default()
    }

    /// Gets a token for `scope`.
    ///
    /// # Errors
    ///
    /// [`Failure::Denied`] when the token service does not accept the credentials, or wants some.
    pub(super) async fn fetch(
        &self,
        http: &Http,
        scope: &Scope,
        credentials: Option<&Credentials>,
        doing: &str,
    ) -> Result<Granted, Failure> {
        let host = self.realm_host();
        let fail = |error| unanswered(error, doing, host);
        let request = self.request(http, scope, credentials).timeout(REQUEST_LIMIT);
        let answer = Answer::read(request.send().await.map_err(fail)?).await.map_err(fail)?;
        if !answer.status.is_success() {
            return Err(answer.failure_of(&format!("the token service {host}"), doing));
        }
        // The parser's own message could quote the answer, and that has a token in it.
        let body: Option<Body> = serde_json::from_slice(&answer.body).ok();
        let (token, life, identity) = body
            .map(|body| (body.token.or(body.access_token), body.expires_in, body.refresh_token))
            .unwrap_or_default();
        let token = token.map(|Secreted(token)| token).filter(|token| !token.expose().is_empty());
        let token = token.ok_or_else(|| {
            Failure::Final(
                Error::new(
                    ErrorKind::Registry,
                    format!("cannot {doing}: the token service {host} answered without a token"),
                )
                .hint("the registry's challenge leads to something that is not its token service; tell its operator"),
            )
        })?;
        Ok(Granted {
            token,
            life: life.map_or(SHORTEST_LIFE, Duration::from_secs).clamp(SHORTEST_LIFE, LONGEST_LIFE),
            identity: identity.map(|Secreted(identity)| identity),
        })
    }

    fn request(&self, http: &Http, scope: &Scope, credentials: Option<&Credentials>) -> RequestBuilder {
        let mut scopes = scope.texts();
        scopes.extend_from_slice(&self.extra);
        if let Some(Credentials::IdentityToken(identity)) = credentials {
            let mut form = self.realm.clone();
            form.set_query(None);
            form.query_pairs_mut()
                .append_pair("grant_type", "refresh_token")
                .append_pair("service", self.service.as_deref().unwrap_or_default())
                .append_pair("client_id", CLIENT_ID)
                .append_pair("scope", &scopes.join(" "))
                .append_pair("refresh_token", identity.expose());
            return http
                .post(self.realm.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.query().unwrap_or_default().to_owned());
        }
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &self.service {
                query.append_pair("service", service);
            }
            for scope in &scopes {
                query.append_pair("scope", scope);
            }
            if let Some(Credentials::Login { user, .. }) = credentials {
                query.append_pair("account", user);
            }
            query.append_pair("client_id", CLIENT_ID);
        }
        match credentials {
            Some(Credentials::Login { user, password }) => {
                http.get(url).basic_auth(user, Some(password.expose()))
            }
            _ => http.get(url),
        }
    }
}
