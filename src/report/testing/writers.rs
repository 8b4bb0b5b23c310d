//! Writers that remember, and playing scripts into reporters.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{InMemoryTerm, TermLike};

use super::scripts::at;
use crate::event::{Event, Record};
use crate::report::{Reporter, Sinks, Style, replay};
use crate::state::RunState;

/// A person's terminal without colours.
pub const TERMINAL: Style = Style { color: false, unicode: true, width: Some(80) };

/// A writer whose text can be read while it is in use.
#[derive(Clone, Default)]
pub struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(bytes.clone()).expect("UTF-8")
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to a terminal in memory as a process would.
pub struct TermWriter(pub InMemoryTerm);

impl Write for TermWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_str(&String::from_utf8_lossy(bytes).replace('\n', "\r\n"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn sinks_with(reporter: impl Reporter + 'static) -> Sinks {
    Sinks::new(Box::new(io::sink())).with("the reporter", reporter)
}

/// Plays a script into a reporter.
pub fn play(records: &[Record], reporter: impl Reporter + 'static) -> RunState {
    replay::run(records, sinks_with(reporter))
}

/// The state after a script.
pub fn state_of(records: &[Record]) -> RunState {
    replay::run(records, Sinks::new(Box::new(io::sink())))
}

/// A script with its last event.
pub fn finished(records: &[Record]) -> Vec<Record> {
    let event = Event::RunFinished(state_of(records).report());
    let last = Record { time: at(60_000), service: None, event };
    records.iter().cloned().chain([last]).collect()
}
