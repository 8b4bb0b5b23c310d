//! [`Registry`]: one registry, its address and its manifests.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, StatusCode, Url};

use super::answer::{Answer, Failure, printable, unanswered};
use super::auth::{Auth, CredentialsProvider, Token};
use super::http::Http;
use super::retry::{Policy, attempts};
use super::scope::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::image::digest;
use crate::image::document;
use crate::image::open::Manifest;
use crate::image::reference::{DOCKER_HUB, Reference};

/// For a request without a blob, from start to end.
pub(super) const REQUEST_LIMIT: Duration = Duration::from_secs(60);

/// One registry: resolves references and takes images. Cheap to clone; clones share connections and
/// credentials.
#[derive(Debug, Clone)]
pub struct Registry {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    http: Http,
    pub(super) host: String,
    base: Url,
    /// Where the registry is by its name, which may differ from `base`.
    nominal: Url,
    pub(super) auth: Auth,
    pub(super) policy: Policy,
}

impl Registry {
    /// The registry at `host` (as it stands in references, with its port if any).
    ///
    /// It is spoken to over HTTPS, on loopback (`localhost`, `127.0.0.0/8`, `[::1]`) over plain HTTP. With an
    /// `endpoint`, requests for this host go there instead: `http://127.0.0.1:4000`.
    ///
    /// # Errors
    ///
    /// Usage when the host or the endpoint is not an address.
    pub fn new(host: &str, endpoint: Option<&str>, credentials: CredentialsProvider) -> Result<Self> {
        Self::with_policy(host, endpoint, credentials, Policy::default())
    }

    pub(super) fn with_policy(
        host: &str,
        endpoint: Option<&str>,
        credentials: CredentialsProvider,
        policy: Policy,
    ) -> Result<Self> {
        let scheme = if is_loopback(host) { "http" } else { "https" };
        let address = if host == DOCKER_HUB { "registry-1.docker.io" } else { host };
        let nominal = parse_base(&format!("{scheme}://{address}"))?;
        let base = endpoint.map_or_else(|| Ok(nominal.clone()), parse_base)?;
        let http = Http::new(&base, !base.host_str().is_some_and(is_loopback))?;
        let auth = Auth::new(host, http.clone(), base.clone(), credentials);
        Ok(Self { inner: Arc::new(Inner { http, host: host.to_owned(), base, nominal, auth, policy }) })
    }

    /// As it stands in references, with its port if any.
    pub fn host(&self) -> &str {
        &self.inner.host
    }

    /// The digest that `reference` stands for now; by digest, whether it exists. `None` when there is no such
    /// manifest, or no such repository. Without tag and digest, the tag `latest` is meant.
    ///
    /// # Errors
    ///
    /// Registry when the registry refuses, or cannot be reached.
    pub async fn resolve(&self, reference: &Reference) -> Result<Option<String>> {
        self.inner.expect_host(reference)?;
        self.inner.resolve(&Scope::pull(&reference.repository), reference.manifest_name()).await
    }
}

impl Inner {
    /// Refuses a reference to another registry: it would be sent to the wrong place.
    pub(super) fn expect_host(&self, reference: &Reference) -> Result<()> {
        if reference.host == self.host {
            return Ok(());
        }
        Err(Error::internal(format!("the reference {reference} was given to the registry {}", self.host)))
    }

    /// The digest behind a tag, or a digest that exists; `scope` names the repository.
    pub(super) async fn resolve(&self, scope: &Scope, name: &str) -> Result<Option<String>> {
        let repository = scope.repository();
        let doing = &format!("look up {}/{repository}, manifest {name}", self.host);
        let path = &format!("/v2/{repository}/manifests/{name}");
        attempts(&self.policy, &self.auth, scope, doing, |token| async move {
            let ask = |method| self.request(method, self.url(path), &token).header(ACCEPT, document::ACCEPT);
            let answer = self.send(ask(Method::HEAD), doing).await?;
            match answer.status {
                StatusCode::NOT_FOUND => return Ok(None),
                StatusCode::OK if digest::hex_part(name).is_some() => return Ok(Some(name.to_owned())),
                StatusCode::OK | StatusCode::METHOD_NOT_ALLOWED => {}
                _ => return Err(answer.failure(doing)),
            }
            if answer.status.is_success()
                && let Some(found) = answer.digest().filter(|found| digest::hex_part(found).is_some())
            {
                return Ok(Some(found.to_owned()));
            }
            // Not every registry says the digest, and some have no HEAD; the content says it.
            let answer = self.send(ask(Method::GET), doing).await?;
            match answer.status {
                StatusCode::OK => Ok(Some(digest::of(&answer.body))),
                StatusCode::NOT_FOUND => Ok(None),
                _ => Err(answer.failure(doing)),
            }
        })
        .await
    }

    /// Sends a manifest, by digest or under a tag.
    pub(super) async fn put_manifest(
        &self,
        target: &Reference,
        name: &str,
        manifest: &Manifest,
    ) -> Result<()> {
        let doing = &format!("push the manifest {name} to {}/{}", self.host, target.repository);
        let url = &self.url(&format!("/v2/{}/manifests/{name}", target.repository));
        let scope = &Scope::push(&target.repository);
        attempts(&self.policy, &self.auth, scope, doing, |token| async move {
            let request = self
                .request(Method::PUT, url.clone(), &token)
                .header(CONTENT_TYPE, &manifest.media_type)
                .body(manifest.bytes.clone());
            let answer = self.send(request, doing).await?;
            if answer.status.is_success() {
                return match answer.digest() {
                    Some(found) if found != manifest.digest => Err(Failure::Final(
                        Error::new(
                            ErrorKind::Registry,
                            format!(
                                "cannot {doing}: the registry stored {} instead of {}",
                                printable(found),
                                manifest.digest
                            ),
                        )
                        .hint("a proxy or the registry changes manifests; push to it directly"),
                    )),
                    _ => Ok(()),
                };
            }
            Err(manifest_failure(answer, doing, target))
        })
        .await
    }

    /// A request to this registry or to where it led; credentials go to this registry alone.
    pub(super) fn request(&self, method: Method, url: Url, token: &Token) -> RequestBuilder {
        let ours = url.origin() == self.base.origin();
        let request = self.http.request(method, url);
        match &token.header {
            Some(header) if ours => request.header(AUTHORIZATION, header.clone()),
            _ => request,
        }
    }

    /// Sends a request that ends within a minute.
    pub(super) async fn send(&self, request: RequestBuilder, doing: &str) -> Result<Answer, Failure> {
        self.send_unlimited(request.timeout(REQUEST_LIMIT), doing).await
    }

    /// Sends a request that someone else limits.
    pub(super) async fn send_unlimited(
        &self,
        request: RequestBuilder,
        doing: &str,
    ) -> Result<Answer, Failure> {
        let fail = |error| unanswered(error, doing, &self.host);
        Answer::read(request.send().await.map_err(fail)?).await.map_err(fail)
    }

    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    /// Where a `Location` leads, relative or absolute; what names the registry goes to its endpoint.
    pub(super) fn follow(&self, from: &Url, location: &str) -> Option<Url> {
        let url = from.join(location).ok()?;
        if url.origin() != self.nominal.origin() || self.nominal.origin() == self.base.origin() {
            return matches!(url.scheme(), "http" | "https").then_some(url);
        }
        let mut moved = self.url(url.path());
        moved.set_query(url.query());
        Some(moved)
    }
}

/// What the answer to a manifest means beyond its status.
fn manifest_failure(answer: Answer, doing: &str, target: &Reference) -> Failure {
    let said = printable(&answer.said());
    let error = |kind| Error::new(kind, format!("cannot {doing}: the registry answered {said}"));
    if answer.has_code(&["NAME_UNKNOWN"]) {
        return Failure::Final(missing_repository(target));
    }
    if answer.has_code(&["BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN"]) {
        let hint =
            "the registry lost what it had confirmed, or its garbage collection ran meanwhile; run again";
        return Failure::NotYet(error(ErrorKind::Registry).hint(hint));
    }
    if said.contains("immutable") {
        let hint = "this tag is taken by another image and cannot move; push under a new tag, for example the commit";
        return Failure::Final(error(ErrorKind::Registry).hint(hint));
    }
    answer.failure(doing)
}

/// The repository does not exist: nothing was pushed, and a person has to decide.
pub fn missing_repository(target: &Reference) -> Error {
    let Reference { host, repository, .. } = target;
    let region = target.is_ecr().map(|ecr| format!(" --region {}", ecr.region)).unwrap_or_default();
    Error::new(ErrorKind::Preflight, format!("the registry {host} has no repository `{repository}`"))
        .hint(format!("create it: `aws ecr create-repository --repository-name {repository}{region}`"))
}

fn parse_base(text: &str) -> Result<Url> {
    let wrong = || {
        Error::usage("LANDFALL_REGISTRY_ENDPOINT is not the address of a registry")
            .hint("write it as `http://HOST:PORT` or `https://HOST`")
    };
    let url = Url::parse(text).map_err(|error| wrong().source(error))?;
    let plain = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain { Ok(url) } else { Err(wrong()) }
}

/// Whether a host, with or without port, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
