//! The world's own clock.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

/// An instant of the world's clock: microseconds since the Unix epoch.
///
/// It runs apart from the machine's clock; whoever drives the world says what time it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualTime(u64);

impl VirtualTime {
    /// The instant `micros` microseconds after the Unix epoch.
    pub fn from_micros(micros: u64) -> Self {
        VirtualTime(micros)
    }

    /// Microseconds since the Unix epoch.
    pub fn as_micros(self) -> u64 {
        self.0
    }

    /// Seconds since the Unix epoch with millisecond precision, the form of a timestamp in AWS JSON.
    pub fn epoch_seconds(self) -> f64 {
        (self.0 / 1000) as f64 / 1000.0
    }

    /// Time since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: VirtualTime) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for VirtualTime {
    type Output = VirtualTime;

    fn add(self, span: Duration) -> VirtualTime {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        VirtualTime(self.0.saturating_add(micros))
    }
}

impl Sub<Duration> for VirtualTime {
    type Output = VirtualTime;

    fn sub(self, span: Duration) -> VirtualTime {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        VirtualTime(self.0.saturating_sub(micros))
    }
}
