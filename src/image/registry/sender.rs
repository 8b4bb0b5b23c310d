//! Sending blobs to one repository: a few at a time, the largest first.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc::UnboundedReceiver;

use super::destination::Destination;
use crate::error::Result;
use crate::event::Transfer;
use crate::image::cache::Cache;
use crate::image::open::{Blob, Content};
use crate::image::progress::{Meter, Progress};
use crate::image::reference::Reference;

/// Blobs that are sent at a time: loopback is full at two or three, a real network wants about four, and many
/// make ECR reset connections (registry facts 1, AWS facts 6.2).
const UPLOADS: usize = 4;
/// Bytes of a blob from which on it is worth to remember where it is.
const WORTH_MOUNTING: u64 = 64 * 1024;

/// Sends blobs to one repository.
pub(super) struct Sender<'a> {
    pub(super) to: &'a Destination,
    /// Another repository of its registry that has all of the image.
    pub(super) other: Option<&'a str>,
    pub(super) cache: &'a Cache,
    pub(super) progress: &'a Progress,
}

/// Waits for its turn; the largest goes first.
struct Queued(Blob);

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.0.size == other.0.size
    }
}

impl Eq for Queued {}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.size.cmp(&other.0.size)
    }
}

impl Sender<'_> {
    /// Sends the blobs that are not `there`, and those that come later after asking for each; a few at a time, the
    /// largest first. What came later, and how many bytes were sent.
    pub(super) async fn send(
        &self,
        blobs: Vec<Blob>,
        there: &HashSet<String>,
        mut later: UnboundedReceiver<(String, Blob)>,
    ) -> Result<(HashMap<String, Blob>, u64)> {
        let (exist, missing): (Vec<Blob>, Vec<Blob>) =
            blobs.into_iter().partition(|blob| there.contains(&blob.digest));
        for blob in exist {
            self.remember(&blob);
            self.progress.pushed(&blob.digest, blob.size, Transfer::Exists, 0);
        }
        let mut queue: BinaryHeap<Queued> = missing.into_iter().map(Queued).collect();
        let mut came: HashMap<String, Blob> = HashMap::new();
        let mut digests: HashSet<String> = HashSet::new();
        let mut running: FuturesUnordered<BoxFuture<'_, Result<u64>>> = FuturesUnordered::new();
        let (mut open, mut sent) = (true, 0);
        loop {
            while running.len() < UPLOADS
                && let Some(Queued(blob)) = queue.pop()
            {
                let is_later = digests.contains(&blob.digest);
                running.push(self.send_one(blob, is_later).boxed());
            }
            tokio::select! {
                Some(done) = running.next() => sent += done?,
                next = later.recv(), if open => match next {
                    Some((diff_id, blob)) => {
                        came.insert(diff_id, blob.clone());
                        // Two layers can be packed to the same bytes only if they are the same; but it costs
                        // nothing to be sure.
                        if digests.insert(blob.digest.clone()) {
                            queue.push(Queued(blob));
                        }
                    }
                    None => open = false,
                },
                else => return Ok((came, sent)),
            }
        }
    }

    /// Another repository of this registry that has the blob, or had it the last time.
    fn mount_from(&self, blob: &Blob) -> Option<String> {
        let Reference { host, repository, .. } = &self.to.repository;
        let found = match &blob.content {
            Content::Remote(registry, repository) if registry.host() == host => Some(repository.clone()),
            _ => self.other.map(str::to_owned).or_else(|| self.cache.place(host, &blob.digest)),
        };
        found.filter(|found| found != repository)
    }

    fn remember(&self, blob: &Blob) {
        if blob.size >= WORTH_MOUNTING {
            let Reference { host, repository, .. } = &self.to.repository;
            self.cache.remember_place(host, &blob.digest, repository);
        }
    }

    /// Sends one blob, after asking for it if nobody has; how many bytes that took.
    async fn send_one(&self, blob: Blob, ask: bool) -> Result<u64> {
        let inner = self.to.inner();
        let meter = Arc::new(Meter::new(self.progress.clone(), &blob));
        let outcome = if ask && !self.to.is_new && inner.has_blob(&self.to.repository, &blob.digest).await? {
            Transfer::Exists
        } else {
            let mount = self.mount_from(&blob);
            inner.upload(&self.to.repository, &blob, mount.as_deref(), &meter).await?
        };
        self.remember(&blob);
        self.progress.pushed(&blob.digest, blob.size, outcome, meter.elapsed_ms());
        Ok(if outcome == Transfer::Uploaded { blob.size } else { 0 })
    }
}
