//! What all requests share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{BlobStore, Objects, clock::Clock, journal::Journal};
use crate::world::{VirtualTime, World};

pub(crate) struct SharedParts {
    pub(crate) world: World,
    pub(crate) speed: f64,
    pub(crate) objects: Objects,
    pub(crate) blobs: BlobStore,
    pub(crate) host: String,
    pub(crate) region: String,
    pub(crate) account: String,
}

pub(crate) struct Shared {
    timed: Mutex<Timed>,
    pub(crate) journal: Journal,
    pub(crate) objects: Objects,
    pub(crate) blobs: BlobStore,
    /// `127.0.0.1:PORT`
    pub(crate) host: String,
    pub(crate) region: String,
    pub(crate) account: String,
}

/// The world and the clock that says what time it is there.
pub(crate) struct Timed {
    pub(crate) world: World,
    pub(crate) clock: Clock,
}

impl Timed {
    /// The world's time follows Tokio's clock from now on.
    pub(crate) fn new(world: World, speed: f64) -> Timed {
        let clock = Clock::new(world.now(), speed);
        Timed { world, clock }
    }

    pub(crate) fn now(&self) -> VirtualTime {
        self.clock.now()
    }
}

impl Shared {
    pub(crate) fn new(parts: SharedParts) -> Shared {
        Shared {
            timed: Mutex::new(Timed::new(parts.world, parts.speed)),
            journal: Journal::new(),
            objects: parts.objects,
            blobs: parts.blobs,
            host: parts.host,
            region: parts.region,
            account: parts.account,
        }
    }

    /// The world, for one short step; never held across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, Timed> {
        self.timed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
