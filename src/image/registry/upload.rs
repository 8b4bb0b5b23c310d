//! Sends one blob: a POST, then a single PUT that streams from disk. Never in chunks: ECR's answers to PATCH
//! are not dependable (registry facts 3).

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method, StatusCode, Url};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::answer::{Answer, Failure, printable};
use super::auth::Token;
use super::client::{Inner, missing_repository};
use super::push::Meter;
use super::retry::attempts;
use super::scope::Scope;
use crate::error::{Error, ErrorKind, Result};
use crate::image::digest;
use crate::image::gzip::{Slice, fill};
use crate::image::open::Blob;
use crate::image::reference::Reference;

/// Bytes that are read, hashed and sent at a time; a few of these are all the memory that a blob takes.
const CHUNK: usize = 256 * 1024;
/// Chunks that wait for the network.
const CHUNKS_AHEAD: usize = 2;
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

    /// Sends a blob, as often as it takes.
    ///
    /// # Errors
    ///
    /// Preflight when the repository does not exist; Usage when the file is not what its digest says (then the
    /// last bytes were never sent, and the registry has no such blob); else Registry.
    pub(super) async fn upload(&self, target: &Reference, blob: &Blob, meter: &Arc<Meter>) -> Result<()> {
        let doing = &format!("push the blob {} to {}/{}", blob.digest, self.host, target.repository);
        // After a broken attempt nobody knows whether the registry has the blob: asking is cheaper than sending.
        let ambiguous = &AtomicBool::new(false);
        let scope = &Scope::push(&target.repository);
        attempts(&self.policy, &self.auth, scope, doing, |token| async move {
            if ambiguous.swap(false, Ordering::Relaxed)
                && self.look_for_blob(target, &blob.digest, &token, doing).await?
            {
                return Ok(());
            }
            meter.restart();
            let outcome = self.upload_once(target, blob, &token, meter, doing).await;
            ambiguous.store(matches!(outcome, Err(Failure::Again { .. })), Ordering::Relaxed);
            outcome
        })
        .await
    }

    async fn upload_once(
        &self,
        target: &Reference,
        blob: &Blob,
        token: &Token,
        meter: &Arc<Meter>,
        doing: &str,
    ) -> Result<(), Failure> {
        let Some(url) = self.start_upload(target, blob, token, doing).await? else { return Ok(()) };
        let (body, verdict) = Reading::start(blob.clone()).into_body(Arc::clone(meter));
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
        // The registry saw a connection break; that the file is wrong is the cause.
        if let Some(Err(what)) = verdict.get() {
            return Err(Failure::Final(
                Error::usage(format!("cannot {doing}: the file {} {what}", blob.file.display()))
                    .hint("the image changed while it was pushed, or is damaged; build it again"),
            ));
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
        Ok(())
    }

    /// Opens an upload: where to send the blob; `None` when the registry has it after all.
    async fn start_upload(
        &self,
        target: &Reference,
        blob: &Blob,
        token: &Token,
        doing: &str,
    ) -> Result<Option<Url>, Failure> {
        let from = self.url(&format!("/v2/{}/blobs/uploads/", target.repository));
        let request = self.request(Method::POST, from.clone(), token).header(CONTENT_LENGTH, 0);
        let answer = self.send(request, doing).await.map_err(|failure| hint_at_ecr(failure, target))?;
        match answer.status {
            StatusCode::CREATED => return Ok(None),
            status if status.is_success() => {}
            StatusCode::NOT_FOUND => return Err(Failure::Final(missing_repository(target))),
            _ if answer.has_code(&["NAME_UNKNOWN"]) => {
                return Err(Failure::Final(missing_repository(target)));
            }
            _ => return Err(answer.failure(doing)),
        }
        match answer.location().and_then(|location| self.follow(&from, location)) {
            Some(url) => Ok(Some(with_digest(url, &blob.digest))),
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

/// A blob that a thread reads and hashes ahead of the network.
struct Reading {
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    /// Whether the file is what its digest says; unset until it has been read to the end.
    verdict: Verdict,
}

type Verdict = Arc<OnceLock<Result<(), String>>>;

impl Reading {
    fn start(blob: Blob) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let verdict = Verdict::default();
        let seen = Arc::clone(&verdict);
        tokio::task::spawn_blocking(move || {
            if let Err(what) = read(&blob, &sender, &verdict) {
                // It is unset: `read` sets it only before it succeeds.
                let _ = verdict.set(Err(what));
                // The body ends with an error, so that the request breaks off and is never complete. Nobody
                // may listen any more; then it has broken off already.
                let _ = sender.blocking_send(Err(io::Error::other("the file is not what it should be")));
            }
        });
        Self { chunks, verdict: seen }
    }

    /// The body of a request, and where the verdict will be.
    fn into_body(self, meter: Arc<Meter>) -> (Body, Verdict) {
        let mut chunks = self.chunks;
        let body = stream::poll_fn(move |context| {
            chunks
                .poll_recv(context)
                .map(|chunk| chunk.inspect(|chunk| meter.add(chunk.as_ref().map_or(0, Vec::len))))
        });
        (Body::wrap_stream(body), self.verdict)
    }
}

/// Reads, hashes and passes on a blob; the last chunk only after the digest is known to be right. Succeeds
/// also when nobody wants more.
fn read(
    blob: &Blob,
    sender: &mpsc::Sender<io::Result<Vec<u8>>>,
    verdict: &OnceLock<Result<(), String>>,
) -> Result<(), String> {
    let slice = Slice { file: blob.file.clone(), offset: blob.offset, len: blob.size };
    let unreadable = |error: io::Error| format!("cannot be read ({error})");
    let mut reader = slice.reader().map_err(unreadable)?;
    let mut hasher = Sha256::new();
    let mut left = blob.size;
    loop {
        let mut chunk = vec![0; usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
        let filled = fill(&mut reader, &mut chunk).map_err(unreadable)?;
        left -= filled as u64;
        if filled < chunk.len() {
            return Err(format!("ends {left} bytes too early"));
        }
        hasher.update(&chunk);
        if left == 0 {
            let found = digest::finish(std::mem::take(&mut hasher));
            if found != blob.digest {
                return Err(format!("has other content than announced: its digest is {found}"));
            }
            // Only this call sets it in the case of success.
            let _ = verdict.set(Ok(()));
        }
        if !chunk.is_empty() && sender.blocking_send(Ok(chunk)).is_err() {
            return Ok(());
        }
        if left == 0 {
            return Ok(());
        }
    }
}
