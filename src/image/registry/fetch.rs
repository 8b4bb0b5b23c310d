//! Reads an image of a repository, as the source of a push.

use std::collections::{HashMap, VecDeque};

use futures_util::{FutureExt as _, TryFutureExt as _};
use reqwest::header::{ACCEPT, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};

use super::answer::{Answer, Failure, printable, unanswered};
use super::auth::Token;
use super::client::{Inner, Registry};
use super::retry::attempts;
use super::scope::Scope;
use super::side_by_side;
use crate::error::{Error, ErrorKind, Result};
use crate::image::digest;
use crate::image::document::{self, Descriptor, Document, Platform, is_image_config};
use crate::image::layout::{CONFIG_LIMIT, DEPTH_LIMIT, Found, Holdings, MANIFEST_COUNT_LIMIT, walk};
use crate::image::open::Variant;
use crate::image::reference::Reference;

/// Documents that are fetched at a time.
const FETCHES: usize = 8;
/// Redirects to where a blob is stored; real ones have one step.
const REDIRECTS: usize = 4;

/// Reads the manifests of an image, and its configurations where nothing else says the platform.
///
/// # Errors
///
/// Preflight when there is no such image, or it is not what it should be; Registry when the registry refuses or cannot
/// be reached.
pub(in crate::image) async fn fetch(registry: &Registry, reference: &Reference) -> Result<Found> {
    let inner = &registry.inner;
    inner.expect_host(reference)?;
    let repository = &reference.repository;
    let missing = || {
        Error::new(ErrorKind::Preflight, format!("the image {reference} does not exist"))
            .hint("see its name and tag; a private registry also says so when the login may not read it")
    };
    let name = reference.manifest_name();
    let (bytes, media_type) = inner.get_manifest(repository, name).await?.ok_or_else(missing)?;
    let top = Descriptor::new(&media_type, digest::of(&bytes), bytes.len() as u64);
    if reference.digest.as_ref().is_some_and(|wanted| *wanted != top.digest) {
        return Err(lies(&top.digest, name, &inner.host));
    }
    let mut documents = HashMap::from([(top.digest.clone(), bytes)]);
    let mut queue = VecDeque::from([(top.clone(), 0)]);
    let mut count = 0;
    while let Some((entry, depth)) = queue.pop_front() {
        let Some(bytes) = documents.get(&entry.digest) else { continue };
        // What cannot be read is told by the walk, with its place.
        let wanted: Vec<Descriptor> = match Document::parse(bytes, &entry.media_type) {
            Ok(Document::Index { manifests, .. }) if depth < DEPTH_LIMIT => manifests,
            Ok(Document::Image { config, .. })
                if is_image_config(&config.media_type)
                    && entry.platform.as_ref().and_then(Platform::name).is_none() =>
            {
                vec![config]
            }
            _ => continue,
        };
        let is_index = wanted.iter().any(|entry| !is_image_config(&entry.media_type));
        let wanted: Vec<Descriptor> =
            wanted.into_iter().filter(|entry| !documents.contains_key(&entry.digest)).collect();
        count += wanted.len();
        if count > 2 * MANIFEST_COUNT_LIMIT {
            break;
        }
        let fetches = wanted.iter().map(|entry| {
            let fetched = async move {
                if is_index {
                    let found = inner.get_manifest(repository, &entry.digest).await?;
                    found.map(|(bytes, _)| bytes).ok_or_else(|| lost(&entry.digest, reference))
                } else {
                    inner.get_small_blob(repository, entry).await
                }
            };
            fetched.map_ok(|bytes| (entry.digest.clone(), bytes)).boxed()
        });
        documents.extend(side_by_side(fetches, FETCHES).await?);
        queue.extend(wanted.into_iter().map(|entry| (entry, depth + 1)));
    }
    let holdings =
        Holdings::Repository { registry: registry.clone(), repository: repository.clone(), documents };
    walk(&holdings, &top)
}

/// What an image of a registry can run on, and the room that it needs there. What is no image (an attestation, an
/// artifact, an index of nothing else) is told here: a task could not run it (AWS facts 6.4).
///
/// # Errors
///
/// As for a source of a push.
pub async fn survey(registry: &Registry, reference: &Reference) -> Result<Vec<Variant>> {
    Ok(fetch(registry, reference).await?.variants)
}

fn lies(found: &str, name: &str, host: &str) -> Error {
    Error::new(ErrorKind::Registry, format!("{host} gave {found} where the manifest {name} was asked for"))
        .hint("a proxy or the registry changes manifests; read from it directly")
}

fn lost(digest: &str, reference: &Reference) -> Error {
    Error::new(ErrorKind::Preflight, format!("{reference} names {digest}, and its registry does not have it"))
        .hint("push the image to its registry again, with all of its platforms")
}

impl Inner {
    /// A manifest and what the registry calls it; `None` when it does not exist.
    async fn get_manifest(&self, repository: &str, name: &str) -> Result<Option<(Vec<u8>, String)>> {
        let doing = &format!("read {}/{repository}, manifest {name}", self.host);
        let path = &format!("/v2/{repository}/manifests/{name}");
        let found = attempts(&self.policy, &self.auth, &Scope::pull(repository), doing, |token| async move {
            let request = self.request(Method::GET, self.url(path), &token).header(ACCEPT, document::ACCEPT);
            let answer = self.send(request, doing).await?;
            match answer.status {
                StatusCode::OK => {
                    let called = answer.header("content-type").unwrap_or_default();
                    let called = called.split(';').next().unwrap_or_default().trim().to_owned();
                    Ok(Some((answer.body, called)))
                }
                StatusCode::NOT_FOUND => Ok(None),
                _ => Err(answer.failure(doing)),
            }
        })
        .await?;
        // What was asked for by digest has to have it.
        match &found {
            Some((bytes, _)) if digest::hex_part(name).is_some() && digest::of(bytes) != name => {
                Err(lies(&digest::of(bytes), name, &self.host))
            }
            _ => Ok(found),
        }
    }

    /// A configuration.
    async fn get_small_blob(&self, repository: &str, entry: &Descriptor) -> Result<Vec<u8>> {
        let doing = &format!("read {}/{repository}, blob {}", self.host, entry.digest);
        let fail = |error| unanswered(error, doing, &self.host);
        attempts(&self.policy, &self.auth, &Scope::pull(repository), doing, |token| async move {
            let mut response = self.get_blob(repository, &entry.digest, &token, doing).await?;
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(fail)? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() as u64 > CONFIG_LIMIT {
                    break;
                }
            }
            Ok(bytes)
        })
        .await
    }

    /// The answer whose body is the blob; redirects to where a registry stores it are followed, without credentials.
    pub(super) async fn get_blob(
        &self,
        repository: &str,
        digest: &str,
        token: &Token,
        doing: &str,
    ) -> Result<Response, Failure> {
        let fail = |error| unanswered(error, doing, &self.host);
        let mut url = self.url(&format!("/v2/{repository}/blobs/{digest}"));
        for _ in 0..=REDIRECTS {
            let response = self.request(Method::GET, url.clone(), token).send().await.map_err(fail)?;
            let status = response.status();
            if status == StatusCode::OK {
                return Ok(response);
            }
            let led: Option<Url> = response
                .headers()
                .get(LOCATION)
                .and_then(|location| location.to_str().ok())
                .and_then(|location| self.follow(&url, location));
            match led {
                Some(next) if status.is_redirection() => url = next,
                _ => {
                    let answer = Answer::read(response).await.map_err(fail)?;
                    if answer.status == StatusCode::NOT_FOUND {
                        return Err(Failure::Final(
                            Error::new(
                                ErrorKind::Preflight,
                                format!(
                                    "cannot {doing}: the registry does not have it ({})",
                                    printable(&answer.said())
                                ),
                            )
                            .hint("push the image to its registry again"),
                        ));
                    }
                    return Err(answer.failure(doing));
                }
            }
        }
        Err(Failure::Final(Error::new(
            ErrorKind::Registry,
            format!("cannot {doing}: the registry redirects again and again"),
        )))
    }
}
