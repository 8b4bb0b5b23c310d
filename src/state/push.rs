//! The pushes of a run, as far as they are.

use jiff::Timestamp;

use crate::event::{BlobReport, ImageReport, Transfer};

/// The push of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushState {
    /// The container whose image this is.
    pub container: String,
    /// Where it comes from, as configured.
    pub source: String,
    /// Repository and tags.
    pub target: String,
    /// When it began; the instant of the end where the beginning was not reported.
    pub started_at: Timestamp,
    /// Layers that have to be compressed first, in order of appearance.
    pub packing: Vec<PackingState>,
    /// Configuration and layers.
    pub blobs: Vec<BlobState>,
    /// Set once the registry has confirmed the manifest.
    pub done: Option<PushDone>,
}

/// How a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushDone {
    /// `host/repository@sha256:...`
    pub reference: String,
    /// `sha256:...` of the manifest.
    pub digest: String,
    /// Of the manifest; `None` where only its digest was looked up.
    pub media_type: Option<String>,
    /// Bytes of the manifest.
    pub manifest_size: Option<u64>,
    /// Bytes that went over the wire as blobs.
    pub bytes_sent: u64,
    /// `exists` when nothing had to be sent.
    pub outcome: Transfer,
    /// How long it took.
    pub duration_ms: u64,
}

/// How far the compression of one layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackingState {
    /// Its uncompressed digest, or its name in an export.
    pub layer: String,
    /// Uncompressed bytes in all.
    pub size: u64,
    /// Uncompressed bytes read so far.
    pub read: u64,
    /// When its first bytes were reported.
    pub started_at: Timestamp,
    /// Set once it is compressed.
    pub packed: Option<PackedState>,
}

/// What a layer has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedState {
    /// `sha256:...` of the uncompressed layer.
    pub diff_id: String,
    /// `sha256:...` of the blob.
    pub digest: String,
    /// How long it took.
    pub duration_ms: u64,
}

/// How far one blob of a push is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobState {
    /// `sha256:...`
    pub digest: String,
    /// Bytes in all.
    pub size: u64,
    /// Bytes sent so far.
    pub sent: u64,
    /// When its first bytes were reported.
    pub started_at: Option<Timestamp>,
    /// Set once the registry has confirmed it.
    pub outcome: Option<Transfer>,
    /// From the first look at it to the confirmation.
    pub duration_ms: u64,
}

impl PushState {
    pub(super) fn new(container: &str, time: Timestamp) -> Self {
        Self {
            container: container.to_owned(),
            source: String::new(),
            target: String::new(),
            started_at: time,
            packing: Vec::new(),
            blobs: Vec::new(),
            done: None,
        }
    }

    pub(super) fn packing_mut(&mut self, layer: &str, size: u64, time: Timestamp) -> &mut PackingState {
        let index = match self.packing.iter().position(|packing| packing.layer == layer) {
            Some(index) => index,
            None => {
                let layer = layer.to_owned();
                self.packing.push(PackingState { layer, size, read: 0, started_at: time, packed: None });
                self.packing.len() - 1
            }
        };
        &mut self.packing[index]
    }

    pub(super) fn blob_mut(&mut self, digest: &str, size: u64) -> &mut BlobState {
        let index = match self.blobs.iter().position(|blob| blob.digest == digest) {
            Some(index) => index,
            None => {
                let digest = digest.to_owned();
                let blob =
                    BlobState { digest, size, sent: 0, started_at: None, outcome: None, duration_ms: 0 };
                self.blobs.push(blob);
                self.blobs.len() - 1
            }
        };
        &mut self.blobs[index]
    }

    /// Bytes of all blobs.
    pub fn total(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }

    /// Layers that are compressed.
    pub fn packed(&self) -> usize {
        self.packing.iter().filter(|layer| layer.packed.is_some()).count()
    }

    /// Uncompressed bytes that have been read.
    pub fn read(&self) -> u64 {
        self.packing.iter().map(|layer| layer.read.min(layer.size)).sum()
    }

    /// Bytes that the registry has confirmed or been sent.
    pub fn sent(&self) -> u64 {
        self.blobs
            .iter()
            .map(|blob| if blob.outcome.is_some() { blob.size } else { blob.sent.min(blob.size) })
            .sum()
    }

    /// Blobs that the registry has confirmed.
    pub fn confirmed(&self) -> usize {
        self.blobs.iter().filter(|blob| blob.outcome.is_some()).count()
    }

    /// What the push came to; `None` while it is under way.
    pub fn report(&self) -> Option<ImageReport> {
        let done = self.done.as_ref()?;
        let bytes = |outcome: Transfer| {
            let with = self.blobs.iter().filter(|blob| blob.outcome == Some(outcome));
            with.map(|blob| blob.size).sum()
        };
        Some(ImageReport {
            container: self.container.clone(),
            source: Some(self.source.clone()).filter(|source| !source.is_empty()),
            reference: done.reference.clone(),
            digest: done.digest.clone(),
            media_type: done.media_type.clone(),
            manifest_size: done.manifest_size,
            outcome: done.outcome,
            blobs: self.blobs.iter().filter_map(|blob| self.blob_report(blob)).collect(),
            bytes_sent: done.bytes_sent,
            bytes_skipped: bytes(Transfer::Exists),
            bytes_mounted: bytes(Transfer::Mounted),
            duration_ms: done.duration_ms,
        })
    }

    fn blob_report(&self, blob: &BlobState) -> Option<BlobReport> {
        let packing = self
            .packing
            .iter()
            .find(|packing| packing.packed.as_ref().is_some_and(|packed| packed.digest == blob.digest));
        let packed = packing.and_then(|packing| packing.packed.as_ref());
        Some(BlobReport {
            digest: blob.digest.clone(),
            size: blob.size,
            outcome: blob.outcome?,
            duration_ms: blob.duration_ms,
            diff_id: packed.map(|packed| packed.diff_id.clone()),
            uncompressed: packing.map(|packing| packing.size),
            packing_ms: packed.map(|packed| packed.duration_ms),
        })
    }
}
