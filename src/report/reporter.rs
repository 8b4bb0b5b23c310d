//! [`Reporter`]: what every sink of events is.

use std::io;

use jiff::Timestamp;

use crate::event::Record;
use crate::state::RunState;

/// Something that turns events into output. `state` is always the state after the event.
///
/// An error disables the reporter and nothing else; see [`Sinks`](super::Sinks).
pub trait Reporter: Send {
    /// An event happened.
    fn on_event(&mut self, record: &Record, state: &RunState) -> io::Result<()>;

    /// Time has passed. What moves without an event (a spinner, a running clock) moves here.
    fn tick(&mut self, _now: Timestamp, _state: &RunState) -> io::Result<()> {
        Ok(())
    }

    /// There will be no further event.
    fn finish(&mut self, state: &RunState) -> io::Result<()>;
}
