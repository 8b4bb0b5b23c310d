//! Pushes an image: what is missing, and nothing else (registry facts 4).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryFutureExt as _, TryStreamExt as _, stream};

use super::client::{Inner, Registry};
use super::scope::Scope;
use crate::emit::Emitter;
use crate::error::{Error, Result};
use crate::event::{self, Event, Transfer};
use crate::image::document::{DOCKER_LIST, OCI_INDEX};
use crate::image::open::{Blob, Manifest, OpenImage};
use crate::image::reference::Reference;

/// Blobs that are looked for at a time.
const LOOKUPS: usize = 16;
/// Blobs that are sent at a time: loopback is full at two or three, a real network wants about four, and many
/// make ECR reset connections (registry facts 1, AWS facts 6.2).
const UPLOADS: usize = 4;
/// Manifests that are sent at a time.
const MANIFESTS: usize = 4;
/// Between two events about the progress of one blob.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// Where the events of a push go, and for which container it is.
#[derive(Debug, Clone)]
pub struct Progress {
    emitter: Emitter,
    container: String,
}

impl Progress {
    /// Events go to `emitter`, as those of `container` (its name in the task definition).
    pub fn new(emitter: Emitter, container: impl Into<String>) -> Self {
        Self { emitter, container: container.into() }
    }

    fn emit(&self, make: impl FnOnce(String) -> Event) {
        self.emitter.emit(make(self.container.clone()));
    }

    fn pushed(&self, blob: &Blob, outcome: Transfer) {
        let (digest, size) = (blob.digest.clone(), blob.size);
        self.emit(|container| Event::BlobPushed { container, digest, size, outcome });
    }
}

/// What a push came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// `sha256:...`: what the target is now.
    pub digest: String,
    /// Bytes of blobs that the registry took.
    pub bytes_sent: u64,
    /// `Exists` when the target was this image already, and nothing was sent.
    pub outcome: Transfer,
}

impl Registry {
    /// Pushes an image under the tag of `target`; without a tag, by its digest alone.
    ///
    /// Nothing appears under the tag before all of the image is in the registry, so a push that breaks off is
    /// finished by running it again.
    ///
    /// # Errors
    ///
    /// Preflight when the repository does not exist; Usage when a file of the image is not what its digest says, or
    /// `target` names another digest; Registry when the registry refuses or breaks off beyond the retries.
    pub async fn push(&self, image: &OpenImage, target: &Reference, progress: &Progress) -> Result<Pushed> {
        let started = Instant::now();
        let inner = &self.inner;
        inner.expect_host(target)?;
        let digest = image.digest();
        if let Some(wanted) = target.digest.as_deref().filter(|wanted| *wanted != digest) {
            return Err(Error::usage(format!(
                "the target names the digest {wanted}, and the image {} has {digest}",
                image.source()
            ))
            .hint("leave the digest out of the target; it follows from the image"));
        }
        let blobs = image.blobs();
        progress.emit(|container| Event::ImagePushStarted {
            container,
            source: image.source().to_owned(),
            target: target.to_string(),
            blobs: blobs
                .iter()
                .map(|blob| event::Blob { digest: blob.digest.clone(), size: blob.size })
                .collect(),
        });

        let name = target.tag.as_deref().unwrap_or(digest);
        let there = inner.resolve(&Scope::push(&target.repository), name).await?;
        let (bytes_sent, outcome) = if there.as_deref() == Some(digest) {
            (0, Transfer::Exists)
        } else {
            let bytes_sent = inner.push_blobs(blobs, target, progress).await?;
            inner.push_manifests(image, target, name).await?;
            (bytes_sent, Transfer::Uploaded)
        };
        progress.emit(|container| Event::ImagePushed {
            container,
            reference: target.with_digest(digest),
            digest: digest.to_owned(),
            bytes_sent,
            outcome,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        Ok(Pushed { digest: digest.to_owned(), bytes_sent, outcome })
    }
}

impl Inner {
    /// Sends the blobs that are missing, the largest first; how many bytes those were.
    async fn push_blobs(&self, blobs: &[Blob], target: &Reference, progress: &Progress) -> Result<u64> {
        let lookups = blobs.iter().map(|blob| {
            let found = self.has_blob(target, &blob.digest);
            found.map_ok(|exists| (blob.digest.as_str(), exists)).boxed()
        });
        let found: HashMap<&str, bool> = side_by_side(lookups, LOOKUPS).await?.into_iter().collect();
        let (there, mut missing): (Vec<&Blob>, Vec<&Blob>) =
            blobs.iter().partition(|blob| found.get(blob.digest.as_str()) == Some(&true));
        for blob in there {
            progress.pushed(blob, Transfer::Exists);
        }
        missing.sort_by_key(|blob| Reverse(blob.size));
        let uploads = missing.iter().map(|blob| {
            async move {
                let meter = Arc::new(Meter::new(progress.clone(), blob));
                self.upload(target, blob, &meter).await?;
                progress.pushed(blob, Transfer::Uploaded);
                Ok(())
            }
            .boxed()
        });
        side_by_side(uploads, UPLOADS).await?;
        Ok(missing.iter().map(|blob| blob.size).sum())
    }

    /// Children by digest, then what goes under the tag: a registry refuses an index whose children it does not
    /// have (AWS facts 6.4).
    async fn push_manifests(&self, image: &OpenImage, target: &Reference, name: &str) -> Result<()> {
        let (indexes, images): (Vec<&Manifest>, Vec<&Manifest>) = image
            .children()
            .iter()
            .partition(|child| matches!(child.media_type.as_str(), OCI_INDEX | DOCKER_LIST));
        let puts = images.iter().map(|child| self.put_manifest(target, &child.digest, child).boxed());
        side_by_side(puts, MANIFESTS).await?;
        // An index may name another one, so these keep their order.
        for child in indexes {
            self.put_manifest(target, &child.digest, child).await?;
        }
        self.put_manifest(target, name, &image.top).await
    }
}

/// Runs futures, `limit` at a time, in order of start; the first error ends them all.
///
/// They are boxed and collected because a stream that maps borrowed items to futures cannot be proven `Send`.
async fn side_by_side<'a, T>(
    work: impl Iterator<Item = BoxFuture<'a, Result<T>>>,
    limit: usize,
) -> Result<Vec<T>> {
    let work: Vec<_> = work.collect();
    stream::iter(work).buffer_unordered(limit).try_collect().await
}

/// Counts what has been sent of one blob, and says so now and then.
#[derive(Debug)]
pub(super) struct Meter {
    progress: Progress,
    digest: String,
    size: u64,
    /// Bytes of this attempt.
    pub(super) sent: AtomicU64,
    started: Instant,
    /// In milliseconds since `started`.
    next_event: AtomicU64,
}

impl Meter {
    fn new(progress: Progress, blob: &Blob) -> Self {
        Self {
            progress,
            digest: blob.digest.clone(),
            size: blob.size,
            sent: AtomicU64::new(0),
            started: Instant::now(),
            next_event: AtomicU64::new(0),
        }
    }

    /// A new attempt begins: what an earlier one sent does not count.
    pub(super) fn restart(&self) {
        if self.sent.swap(0, Ordering::Relaxed) > 0 {
            self.emit(0);
        }
    }

    /// More has been handed to the network.
    pub(super) fn add(&self, bytes: usize) {
        let sent = self.sent.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let now = self.started.elapsed();
        let due = Duration::from_millis(self.next_event.load(Ordering::Relaxed));
        if now >= due {
            let next = u64::try_from((now + PROGRESS_PAUSE).as_millis()).unwrap_or(u64::MAX);
            self.next_event.store(next, Ordering::Relaxed);
            self.emit(sent);
        }
    }

    fn emit(&self, sent: u64) {
        let (digest, size) = (self.digest.clone(), self.size);
        self.progress.emit(|container| Event::BlobProgress { container, digest, sent, size });
    }
}
