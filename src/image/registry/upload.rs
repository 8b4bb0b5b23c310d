//! Sends one blob: a POST, then a single PUT that streams from disk. Never in chunks: ECR's answers to PATCH
//! are not dependable (registry facts 3).

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, StatusCode, Url};

use super::answer::{Answer, Failure, printable};
use super::auth::Token;
use super::body::{self, Wrong};
use super::client::{Inner, missing_repository};
use super::retry::attempts;
use super::scope::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Transfer;
use crate::image::open::{Blob, Content};
use crate::image::progress::Meter;
use crate::image::reference::Reference;

/// An upload of which nothing moved for this long, or that was not confirmed this long after its last byte, is
/// given up; at the latest after twice the time.
const STALL_LIMIT: Duration = Duration::from_secs(120);

impl Inner {
    /// Whether the repository has the blob.
    pub(super) async fn has_blob(&self, target: &Reference, digest: &str) -> Result<bool> {
        let doing = &format!("ask {}/{} for the blob {digest}", self.host, target.repository);
        let scope = &Scope::push(&target.repository);
        attempts(&self.policy, &self.auth, scope, doing, |token| async move {
            self.look_for_blob(target, digest, &token, doing).await
        })
        .await
    }

    async fn look_for_blob(
        &self,
        target: &Reference,
        digest: &str,
        token: &Token,
        doing: &str,
    ) -> Result<bool, Failure> {
        let url = self.url(&format!("/v2/{}/blobs/{digest}", target.repository));
        let answer = self.send(self.request(Method::HEAD, url, token), doing).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            // To where the blob is stored: so it is there.
            StatusCode::FOUND | StatusCode::SEE_OTHER | StatusCode::TEMPORARY_REDIRECT => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(answer.failure(doing)),
        }
    }

    /// Sends a blob, as often as it takes; or has it mounted, when another repository of this registry has it: the
    /// one that it comes from, or `other`.
    ///
    /// # Errors
    ///
    /// Preflight when the repository does not exist; Usage when the file is not what its digest says (then the
    /// last bytes were never sent, and the registry has no such blob); else Registry.
    pub(super) async fn upload(
        &self,
        target: &Reference,
        blob: &Blob,
        other: Option<&str>,
        meter: &Arc<Meter>,
    ) -> Result<Transfer> {
        let mount = self.mount_from(target, blob).or(other);
        let Some(repository) = mount else { return self.upload_or_mount(target, blob, None, meter).await };
        let mount = Mount { repository, denied: AtomicBool::new(false) };
        match self.upload_or_mount(target, blob, Some(&mount), meter).await {
            // Who may push here need not be allowed to read there.
            Err(_) if mount.denied.load(Ordering::Relaxed) => {
                self.upload_or_mount(target, blob, None, meter).await
            }
            outcome => outcome,
        }
    }

    async fn upload_or_mount(
        &self,
        target: &Reference,
        blob: &Blob,
        mount: Option<&Mount<'_>>,
        meter: &Arc<Meter>,
    ) -> Result<Transfer> {
        let doing = &format!("push the blob {} to {}/{}", blob.digest, self.host, target.repository);
        // After a broken attempt nobody knows whether the registry has the blob: asking is cheaper than sending.
        let ambiguous = &AtomicBool::new(false);
        let scope = Scope::push(&target.repository);
        let scope = &match mount {
            Some(mount) => scope.mounting_from(mount.repository),
            None => scope,
        };
        attempts(&self.policy, &self.auth, scope, doing, |token| async move {
            if ambiguous.swap(false, Ordering::Relaxed)
                && self.look_for_blob(target, &blob.digest, &token, doing).await?
            {
                return Ok(Transfer::Uploaded);
            }
            meter.restart();
            let outcome = self.upload_once(target, blob, mount, &token, meter, doing).await;
            ambiguous.store(matches!(outcome, Err(Failure::Again { .. })), Ordering::Relaxed);
            outcome
        })
        .await
    }

    /// The repository of this registry that the blob comes from, where that is another one.
    fn mount_from<'a>(&self, target: &Reference, blob: &'a Blob) -> Option<&'a str> {
        match &blob.content {
            Content::Remote(registry, repository)
                if registry.host() == self.host && *repository != target.repository =>
            {
                Some(repository)
            }
            _ => None,
        }
    }

    async fn upload_once(
        &self,
        target: &Reference,
        blob: &Blob,
        mount: Option<&Mount<'_>>,
        token: &Token,
        meter: &Arc<Meter>,
        doing: &str,
    ) -> Result<Transfer, Failure> {
        let url = match self.start_upload(target, blob, mount, token, doing).await? {
            Session::Open(url) => url,
            Session::Over(outcome) => return Ok(outcome),
        };
        let (body, verdict) = body::start(blob, meter).await?;
        let request = self
            .request(Method::PUT, url, token)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, blob.size)
            .body(body);
        let outcome = {
            let sending = pin!(self.send_unlimited(request, doing));
            let stalling = pin!(stalled(&meter.sent));
            match select(sending, stalling).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(((), _)) => Err(Failure::Again {
                    error: Error::new(
                        ErrorKind::Registry,
                        format!("cannot {doing}: the upload stands still"),
                    )
                    .hint("see what holds up the network between here and the registry, and run again"),
                    after: None,
                }),
            }
        };
        // The registry saw a connection break; what was wrong with the source is the cause.
        match verdict.get() {
            Some(Err(Wrong::Content(what))) => {
                return Err(Failure::Final(
                    Error::usage(format!("cannot {doing}: {what}"))
                        .hint("the image changed while it was pushed, or is damaged; build it again"),
                ));
            }
            Some(Err(Wrong::Source(what))) => {
                let error = Error::new(ErrorKind::Registry, format!("cannot {doing}: {what}")).hint(
                    "see what holds up the network between here and the source's registry, and run again",
                );
                return Err(Failure::Again { error, after: None });
            }
            _ => {}
        }
        let answer = outcome?;
        if !answer.status.is_success() {
            return Err(put_failure(answer, doing));
        }
        if verdict.get().is_none() {
            return Err(Failure::Again {
                error: Error::new(
                    ErrorKind::Registry,
                    format!("cannot {doing}: the registry confirmed it before it was sent"),
                ),
                after: None,
            });
        }
        Ok(Transfer::Uploaded)
    }

    /// Opens an upload: where to send the blob, unless the registry has it after all.
    async fn start_upload(
        &self,
        target: &Reference,
        blob: &Blob,
        mount: Option<&Mount<'_>>,
        token: &Token,
        doing: &str,
    ) -> Result<Session, Failure> {
        let mut from = self.url(&format!("/v2/{}/blobs/uploads/", target.repository));
        if let Some(Mount { repository, .. }) = mount {
            from.query_pairs_mut().append_pair("mount", &blob.digest).append_pair("from", repository);
        }
        let request = self.request(Method::POST, from.clone(), token).header(CONTENT_LENGTH, 0);
        let answer = self.send(request, doing).await.map_err(|failure| hint_at_ecr(failure, target))?;
        if let Some(mount) = mount {
            let denied = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
            mount.denied.store(denied, Ordering::Relaxed);
        }
        match answer.status {
            StatusCode::CREATED if mount.is_some() => return Ok(Session::Over(Transfer::Mounted)),
            StatusCode::CREATED => return Ok(Session::Over(Transfer::Exists)),
            // 202 to a mount is an ordinary upload: the registry could or would not (registry facts 3).
            status if status.is_success() => {}
            StatusCode::NOT_FOUND => return Err(Failure::Final(missing_repository(target))),
            _ if answer.has_code(&["NAME_UNKNOWN"]) => {
                return Err(Failure::Final(missing_repository(target)));
            }
            _ => return Err(answer.failure(doing)),
        }
        match answer.location().and_then(|location| self.follow(&from, location)) {
            Some(url) => Ok(Session::Open(with_digest(url, &blob.digest))),
            None => Err(Failure::Final(
                Error::new(
                    ErrorKind::Registry,
                    format!("cannot {doing}: the registry does not say where to send it ({})", answer.status),
                )
                .hint(format!("is {} a registry? its answer had no usable Location", self.host)),
            )),
        }
    }
}

/// A repository to have a blob mounted from.
struct Mount<'a> {
    repository: &'a str,
    /// Whether the last answer was that this is not allowed.
    denied: AtomicBool,
}

/// What a registry answers to the wish to upload.
enum Session {
    /// Send the blob here.
    Open(Url),
    /// The repository has it now.
    Over(Transfer),
}

/// Adds the digest to the query that came, and leaves that as it is.
fn with_digest(mut url: Url, digest: &str) -> Url {
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&digest={digest}"),
        _ => format!("digest={digest}"),
    };
    url.set_query(Some(&query));
    url
}

/// A lost upload is started anew; what else a registry says about a blob is final.
fn put_failure(answer: Answer, doing: &str) -> Failure {
    if answer.has_code(&["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"])
        || answer.status == StatusCode::RANGE_NOT_SATISFIABLE
    {
        let error = Error::new(
            ErrorKind::Registry,
            format!("cannot {doing}: the registry lost the upload ({})", printable(&answer.said())),
        )
        .hint("run again; several replicas of a registry need a storage that they share");
        return Failure::Again { error, after: None };
    }
    answer.failure(doing)
}

/// ECR drops the connection where another registry would say that the repository is missing (registry facts 3).
fn hint_at_ecr(failure: Failure, target: &Reference) -> Failure {
    match failure {
        Failure::Again { error, after } if target.is_ecr().is_some() => {
            let create = missing_repository(target);
            let create = create.hint_text().unwrap_or_default();
            let hint = format!("ECR also breaks off where a repository does not exist; {create}");
            Failure::Again { error: error.hint(hint), after }
        }
        other => other,
    }
}

/// Ends when nothing has moved for a while.
async fn stalled(sent: &AtomicU64) {
    let mut before = sent.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(STALL_LIMIT).await;
        let now = sent.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}
