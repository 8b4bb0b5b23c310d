//! How virtual time follows real time.

use std::time::Duration;

use tokio::time::Instant;

use crate::world::VirtualTime;

/// Virtual time runs `speed` times as fast as real time.
pub(crate) struct Clock {
    origin: Instant,
    start: VirtualTime,
    speed: f64,
}

impl Clock {
    pub(crate) fn new(start: VirtualTime, speed: f64) -> Clock {
        let sane = speed.is_finite() && speed > 0.0;
        Clock { origin: Instant::now(), start, speed: if sane { speed } else { 1.0 } }
    }

    pub(crate) fn now(&self) -> VirtualTime {
        self.start + self.origin.elapsed().mul_f64(self.speed)
    }

    /// Goes on from another virtual time.
    pub(crate) fn jump(&mut self, to: VirtualTime) {
        self.origin = Instant::now();
        self.start = to;
    }

    /// The real time that a virtual span takes.
    pub(crate) fn real(&self, span: Duration) -> Duration {
        span.div_f64(self.speed)
    }
}
