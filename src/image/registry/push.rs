//! Pushes an image: what is missing, and nothing else (registry facts 4).

use std::collections::HashMap;
use std::time::Instant;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::client::Inner;
use super::destination::Destination;
use super::sender::Sender;
use crate::error::{Error, Result};
use crate::event::{self, Event, Transfer};
use crate::image::document::{DOCKER_LIST, OCI_INDEX};
use crate::image::open::{Blob, Form, Manifest, OpenImage, Written};
use crate::image::progress::{Progress, millis};
use crate::image::reference::Reference;
use crate::image::unpacked::{Unpacked, config_blob};

/// Manifests that are sent at a time.
const MANIFESTS: usize = 4;

/// What a push came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// `sha256:...`: what the tags are now.
    pub digest: String,
    /// Bytes of blobs that registries took.
    pub bytes_sent: u64,
    /// `Exists` when nothing had to be sent, not even a manifest.
    pub outcome: Transfer,
}

/// Makes the digest of an image known without sending anything: packs the layers that the registry does not have.
///
/// # Errors
///
/// As [`push`].
pub async fn settle(image: &mut OpenImage, to: &Destination, progress: &Progress) -> Result<String> {
    let written = match &image.form {
        Form::Written(written) => return Ok(written.top.digest.clone()),
        Form::Unpacked(unpacked) => {
            // What has been pushed before needs no packing, as long as it is still there.
            if let Some(top) = unpacked.expected_manifest()
                && to.has(&top.digest).await?
            {
                return Ok(top.digest);
            }
            pack(unpacked, image, to, progress).await?
        }
    };
    let digest = written.top.digest.clone();
    image.form = Form::Written(written);
    Ok(digest)
}

async fn pack(
    unpacked: &Unpacked,
    image: &OpenImage,
    to: &Destination,
    progress: &Progress,
) -> Result<Written> {
    let expected = unpacked.expected();
    let there = to.which_exist(expected.iter().map(|(digest, _)| digest.as_str())).await?;
    let (mut layers, wanted) = unpacked.split(&there, &to.content());
    let (out, mut packed) = unbounded_channel();
    let outcome = unpacked.pack(wanted, image.scratch_dir()?, &out, progress).await?;
    drop(out);
    while let Some((diff_id, blob)) = packed.recv().await {
        layers.insert(diff_id, blob);
    }
    unpacked.write(outcome, &layers)
}

/// Pushes an image to every destination, one after another.
///
/// Nothing appears under a tag before all of the image is in its repository, so a push that breaks off is
/// finished by running it again.
///
/// # Errors
///
/// Preflight when a repository does not exist, a tag cannot move, or the source is broken; Usage when a file of the
/// image is not what its digest says, or a destination demands another digest; Registry when a registry refuses or
/// breaks off beyond the retries.
pub async fn push(image: &OpenImage, to: &[Destination], progress: &Progress) -> Result<Pushed> {
    let mut pushing = Pushing { image, written: None, complete: Vec::new(), progress };
    let mut all = Pushed { digest: String::new(), bytes_sent: 0, outcome: Transfer::Exists };
    // When a tag of a later repository cannot move, the first one gets nothing either.
    for destination in to.iter().skip(1).filter(|destination| !destination.immovable.is_empty()) {
        pushing.look_at_tags(destination).await?;
    }
    for destination in to {
        let pushed = pushing.push_to(destination).await?;
        pushing.complete.push(&destination.repository);
        all.digest = pushed.digest;
        all.bytes_sent += pushed.bytes_sent;
        if pushed.outcome != Transfer::Exists {
            all.outcome = pushed.outcome;
        }
    }
    if to.is_empty() { Err(Error::internal("a push has no destination")) } else { Ok(all) }
}

/// An image on its way to its destinations.
struct Pushing<'a> {
    image: &'a OpenImage,
    /// What it is, once its layers are packed.
    written: Option<Written>,
    /// Repositories that have all of it.
    complete: Vec<&'a Reference>,
    progress: &'a Progress,
}

impl<'a> Pushing<'a> {
    /// The image's manifests, or what is to be packed for them.
    fn form(&self) -> Result<&Written, &Unpacked> {
        match (&self.written, &self.image.form) {
            (Some(written), _) | (None, Form::Written(written)) => Ok(written),
            (None, Form::Unpacked(unpacked)) => Err(unpacked),
        }
    }

    /// What goes under the tags, when it is known.
    fn top(&self) -> Option<Manifest> {
        match self.form() {
            Ok(written) => Some(written.top.clone()),
            Err(unpacked) => unpacked.expected_manifest(),
        }
    }

    /// What the tags stand for; an error when one that cannot move is another image. Whether it is shows only when the
    /// digest is known, and until then nothing may be sent, so the layers are packed for that.
    async fn look_at_tags(&mut self, to: &'a Destination) -> Result<HashMap<&'a str, Option<String>>> {
        let now = to.tags_now().await?;
        let stuck = now.iter().any(|(tag, found)| found.is_some() && to.immovable.contains(*tag));
        if let (true, Err(unpacked)) = (stuck, self.form())
            && self.top().is_none()
        {
            self.written = Some(pack(unpacked, self.image, to, self.progress).await?);
        }
        if let Some(top) = self.top() {
            to.check_tags(&now, &top.digest)?;
        }
        Ok(now)
    }

    async fn push_to(&mut self, to: &'a Destination) -> Result<Pushed> {
        let started = Instant::now();
        let (inner, progress) = (to.inner(), self.progress);
        inner.expect_host(&to.repository)?;
        if let Some(top) = self.top() {
            self.check_digest(to, &top.digest)?;
        }
        let blobs: Vec<(String, u64)> = match self.form() {
            Ok(written) => written.blobs.iter().map(|blob| (blob.digest.clone(), blob.size)).collect(),
            Err(unpacked) => unpacked.expected(),
        };
        progress.emit(|container| Event::ImagePushStarted {
            container,
            source: self.image.source().to_owned(),
            target: to.text(),
            blobs: blobs
                .iter()
                .map(|(digest, size)| event::Blob { digest: digest.clone(), size: *size })
                .collect(),
        });

        let now = self.look_at_tags(to).await?;
        let top = self.top();
        let by_digest = match &top {
            Some(top) if to.tags.is_empty() => to.has(&top.digest).await?,
            _ => false,
        };
        let is_there = |digest: &str| {
            by_digest || !now.is_empty() && now.values().all(|found| found.as_deref() == Some(digest))
        };
        let (top, bytes_sent, outcome) = match top.filter(|top| is_there(&top.digest)) {
            Some(top) => (top, 0, Transfer::Exists),
            None => {
                let bytes_sent = self.send_blobs(to).await?;
                let Ok(written) = self.form() else {
                    return Err(Error::internal("an image was sent without a manifest"));
                };
                let digest = &written.top.digest;
                self.check_digest(to, digest)?;
                to.check_tags(&now, digest)?;
                let outcome = if is_there(digest) {
                    Transfer::Exists
                } else {
                    let tags = to.tags.iter().filter(|tag| {
                        now.get(tag.as_str()).is_none_or(|found| found.as_deref() != Some(digest.as_str()))
                    });
                    inner.push_manifests(written, &to.repository, tags).await?;
                    Transfer::Uploaded
                };
                (written.top.clone(), bytes_sent, outcome)
            }
        };
        let Manifest { digest, media_type, bytes } = top;
        progress.emit(|container| Event::ImagePushed {
            container,
            reference: to.repository.with_digest(&digest),
            digest: digest.clone(),
            media_type: Some(media_type),
            manifest_size: Some(bytes.len() as u64),
            bytes_sent,
            outcome,
            duration_ms: millis(started.elapsed()),
        });
        Ok(Pushed { digest, bytes_sent, outcome })
    }

    fn check_digest(&self, to: &Destination, digest: &str) -> Result<()> {
        match to.repository.digest.as_deref().filter(|wanted| *wanted != digest) {
            Some(wanted) => Err(Error::usage(format!(
                "the target names the digest {wanted}, and the image {} has {digest}",
                self.image.source()
            ))
            .hint("leave the digest out of the target; it follows from the image")),
            None => Ok(()),
        }
    }

    /// Sends the blobs that are missing; how many bytes that took. Afterwards the manifests are known.
    async fn send_blobs(&mut self, to: &'a Destination) -> Result<u64> {
        let other = self
            .complete
            .iter()
            .find(|other| other.host == to.repository.host && other.repository != to.repository.repository);
        let other = other.map(|other| other.repository.as_str());
        let sender = Sender { to, other, cache: &self.image.cache, progress: self.progress };
        match self.form() {
            Ok(written) => {
                let there = to.which_exist(written.blobs.iter().map(|blob| blob.digest.as_str())).await?;
                let (_, sent) = sender.send(written.blobs.clone(), &there, nothing_later()).await?;
                Ok(sent)
            }
            Err(unpacked) => {
                let (written, sent) = send_unpacked(unpacked, self.image, &sender).await?;
                self.written = Some(written);
                Ok(sent)
            }
        }
    }
}

/// Packs the layers that are missing, and sends each as soon as it is ready.
async fn send_unpacked(
    unpacked: &Unpacked,
    image: &OpenImage,
    sender: &Sender<'_>,
) -> Result<(Written, u64)> {
    let Sender { to, progress, .. } = sender;
    let expected = unpacked.expected();
    let mut there = to.which_exist(expected.iter().map(|(digest, _)| digest.as_str())).await?;
    let (mut layers, wanted) = unpacked.split(&there, &to.content());
    let (out, packed) = unbounded_channel();
    let packing = async {
        // The sender goes away with it: that is how the other side learns that nothing more comes.
        let out = out;
        unpacked.pack(wanted, image.scratch_dir()?, &out, progress).await
    };
    // A configuration that is known beforehand goes while layers are packed.
    let known_config = unpacked.config().map(|config| config_blob(config.to_vec()));
    let ready = layers.values().cloned().chain(known_config.clone()).collect();
    let sending = sender.send(ready, &there, packed);
    let (outcome, (sent, mut bytes_sent)) = tokio::try_join!(packing, sending)?;
    layers.extend(sent);
    let config = config_blob(outcome.config.clone());
    if known_config.is_none_or(|known| known.digest != config.digest) {
        there = to.which_exist(std::iter::once(config.digest.as_str())).await?;
        bytes_sent += sender.send(vec![config], &there, nothing_later()).await?.1;
    }
    Ok((unpacked.write(outcome, &layers)?, bytes_sent))
}

fn nothing_later() -> UnboundedReceiver<(String, Blob)> {
    unbounded_channel().1
}

impl Inner {
    /// Children by digest, then what goes under the tags: a registry refuses an index whose children it does not
    /// have (AWS facts 6.4).
    async fn push_manifests<'a>(
        &self,
        image: &Written,
        target: &Reference,
        tags: impl Iterator<Item = &'a String>,
    ) -> Result<()> {
        let (indexes, images): (Vec<&Manifest>, Vec<&Manifest>) = image
            .children
            .iter()
            .partition(|child| matches!(child.media_type.as_str(), OCI_INDEX | DOCKER_LIST));
        let puts = images.iter().map(|child| self.put_manifest(target, &child.digest, child).boxed());
        side_by_side(puts, MANIFESTS).await?;
        // An index may name another one, so these keep their order.
        for child in indexes {
            self.put_manifest(target, &child.digest, child).await?;
        }
        let top = &image.top;
        let tags: Vec<&String> = tags.collect();
        if tags.is_empty() {
            return self.put_manifest(target, &top.digest, top).await;
        }
        let puts = tags.into_iter().map(|tag| self.put_manifest(target, tag, top).boxed());
        side_by_side(puts, MANIFESTS).await.map(|_| ())
    }
}

/// Runs futures, `limit` at a time, in order of start; the first error ends them all.
///
/// They are boxed and collected because a stream that maps borrowed items to futures cannot be proven `Send`.
pub(in crate::image) async fn side_by_side<'a, T>(
    work: impl Iterator<Item = BoxFuture<'a, Result<T>>>,
    limit: usize,
) -> Result<Vec<T>> {
    let work: Vec<_> = work.collect();
    stream::iter(work).buffer_unordered(limit).try_collect().await
}
