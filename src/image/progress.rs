//! Telling how far a push is: [`Progress`] for an image, [`Reading`] for a layer that is packed, [`Meter`] for a
//! blob that is sent.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::open::Blob;
use super::pack::Packed;
use crate::emit::Emitter;
use crate::event::{Event, Transfer};

/// Between two events about the progress of one layer or blob.
const PAUSE: Duration = Duration::from_millis(100);

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

    pub(super) fn emit(&self, make: impl FnOnce(String) -> Event) {
        self.emitter.emit(make(self.container.clone()));
    }

    pub(super) fn pushed(&self, digest: &str, size: u64, outcome: Transfer, duration_ms: u64) {
        let digest = digest.to_owned();
        self.emit(|container| Event::BlobPushed { container, digest, size, outcome, duration_ms });
    }

    /// For a layer of `size` bytes that is about to be read.
    pub(super) fn reading(&self, layer: &str, size: u64) -> Reading {
        Reading {
            progress: self.clone(),
            layer: layer.to_owned(),
            size,
            read: AtomicU64::new(0),
            pace: Pace::new(),
        }
    }
}

/// When the next event is due.
#[derive(Debug)]
struct Pace {
    started: Instant,
    /// In milliseconds since `started`.
    next: AtomicU64,
}

impl Pace {
    fn new() -> Self {
        Self { started: Instant::now(), next: AtomicU64::new(0) }
    }

    fn is_due(&self) -> bool {
        let now = millis(self.started.elapsed());
        let due = now >= self.next.load(Ordering::Relaxed);
        if due {
            self.next.store(now + millis(PAUSE), Ordering::Relaxed);
        }
        due
    }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Counts what has been read of one layer while it is packed, and says so now and then.
#[derive(Debug)]
pub(super) struct Reading {
    progress: Progress,
    /// Its uncompressed digest, or its name in an export as long as that is all that is known.
    layer: String,
    size: u64,
    read: AtomicU64,
    pace: Pace,
}

impl Reading {
    /// More has been read.
    pub(super) fn add(&self, bytes: u64) {
        let read = self.read.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.pace.is_due() {
            let (layer, size) = (self.layer.clone(), self.size);
            self.progress.emit(|container| Event::LayerProgress { container, layer, read, size });
        }
    }

    /// It has become this blob.
    pub(super) fn done(&self, packed: &Packed) {
        let duration_ms = millis(self.pace.started.elapsed());
        let Packed { diff_id, unpacked: uncompressed, digest, slice } = packed.clone();
        let (layer, size) = (self.layer.clone(), slice.len);
        self.progress.emit(|container| Event::LayerPacked {
            container,
            layer,
            diff_id,
            uncompressed,
            digest,
            size,
            duration_ms,
        });
    }
}

/// Counts what has been sent of one blob, and says so now and then.
#[derive(Debug)]
pub(super) struct Meter {
    progress: Progress,
    digest: String,
    size: u64,
    /// Bytes of this attempt.
    pub(super) sent: AtomicU64,
    pace: Pace,
}

impl Meter {
    pub(super) fn new(progress: Progress, blob: &Blob) -> Self {
        let sent = AtomicU64::new(0);
        Self { progress, digest: blob.digest.clone(), size: blob.size, sent, pace: Pace::new() }
    }

    /// A new attempt begins: what the last one sent does not count.
    pub(super) fn restart(&self) {
        if self.sent.swap(0, Ordering::Relaxed) > 0 {
            self.emit(0);
        }
    }

    /// More has been handed to the network.
    pub(super) fn add(&self, bytes: usize) {
        let sent = self.sent.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if self.pace.is_due() {
            self.emit(sent);
        }
    }

    /// How long it has taken.
    pub(super) fn elapsed_ms(&self) -> u64 {
        millis(self.pace.started.elapsed())
    }

    fn emit(&self, sent: u64) {
        let (digest, size) = (self.digest.clone(), self.size);
        self.progress.emit(|container| Event::BlobProgress { container, digest, sent, size });
    }
}
