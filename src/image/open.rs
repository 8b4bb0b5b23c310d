//! [`OpenImage`]: an image that is ready to be pushed, and [`open`], which makes one from any source.

use std::path::PathBuf;

use tempfile::TempDir;

use super::source::{DockerOptions, Source};
use super::{docker, layout};
use crate::error::{Error, Result};

/// A configuration or a layer: a range of bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// `sha256:...`
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// As the manifest calls it.
    pub media_type: String,
    /// The file that holds it.
    pub(super) file: PathBuf,
    /// Where in the file it starts, in bytes.
    pub(super) offset: u64,
}

/// A manifest or an index, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// `sha256:...`, of `bytes`.
    pub digest: String,
    /// What it is sent as.
    pub media_type: String,
    /// What is sent.
    pub bytes: Vec<u8>,
}

/// An image that is ready to be pushed. Temporary files that it needed go away with it.
#[derive(Debug)]
pub struct OpenImage {
    pub(super) source: String,
    /// What is pushed under the tag.
    pub(super) top: Manifest,
    /// What an index names, children before their parents.
    pub(super) children: Vec<Manifest>,
    /// Each once.
    pub(super) blobs: Vec<Blob>,
    pub(super) platforms: Vec<String>,
    /// Deleted on drop; only its lifetime matters.
    pub(super) _scratch: Option<TempDir>,
}

impl OpenImage {
    /// Where it came from, as configured.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The digest of the manifest or index that goes under the tag.
    pub fn digest(&self) -> &str {
        &self.top.digest
    }

    /// The media type of what goes under the tag.
    pub fn media_type(&self) -> &str {
        &self.top.media_type
    }

    /// Configurations and layers, each once.
    pub fn blobs(&self) -> &[Blob] {
        &self.blobs
    }

    /// The manifests that the index under the tag names; none for an image of one platform.
    pub fn children(&self) -> &[Manifest] {
        &self.children
    }

    /// What it runs on: `linux/amd64`, `linux/arm64`, `linux/arm/v7`. Attestations are not counted. Empty
    /// where the image does not say.
    pub fn platforms(&self) -> Vec<String> {
        self.platforms.clone()
    }

    /// The size of all blobs in bytes, as they are sent (compressed).
    pub fn size(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }
}

/// Opens an image: reads and checks its manifests, and compresses its layers where they are not.
///
/// A layout's layers are checked for existence and size only; their digests are verified while they are
/// sent (registry facts 1: hashing twice buys nothing).
///
/// # Errors
///
/// Usage when what the source names is missing or broken; Preflight when the Docker engine cannot be reached
/// or does not have the image.
pub async fn open(source: &Source, docker: &DockerOptions) -> Result<OpenImage> {
    match source {
        Source::OciLayout { dir, reference } => {
            let (dir, reference, text) = (dir.clone(), reference.clone(), source.to_string());
            blocking(move || layout::open(&dir, reference.as_deref(), text)).await
        }
        Source::Docker { name } => docker::open(name, docker, source.to_string()).await,
    }
}

/// Runs file work on the threads that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal("a thread that read an image broke off").source(error)),
    }
}
