//! [`Emitter`]: how the core sends events to whoever reports them.

use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::event::{Event, Record, Step};

/// Sends events, stamped with the wall clock and, where one applies, with a service.
///
/// Sending never waits and never fails: a reporter that is gone must not stop a deployment.
#[derive(Debug, Clone)]
pub struct Emitter {
    sender: UnboundedSender<Record>,
    service: Option<String>,
}

impl Emitter {
    /// An emitter for the whole run, and the end at which its events arrive.
    pub fn channel() -> (Self, UnboundedReceiver<Record>) {
        let (sender, receiver) = unbounded_channel();
        (Self { sender, service: None }, receiver)
    }

    /// The same, for what concerns one service (its key in the configuration).
    #[must_use]
    pub fn for_service(&self, service: &str) -> Self {
        Self { sender: self.sender.clone(), service: Some(service.to_owned()) }
    }

    /// Sends one event.
    pub fn emit(&self, event: Event) {
        let record = Record { time: Timestamp::now(), service: self.service.clone(), event };
        // A closed channel means that the reporters are gone; the run goes on without them.
        let _ = self.sender.send(record);
    }

    /// Sends several events in order.
    pub fn emit_all(&self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.emit(event);
        }
    }

    /// Sends a warning.
    pub fn warn(&self, message: impl Into<String>, hint: Option<&str>) {
        self.emit(Event::Warning { message: message.into(), hint: hint.map(str::to_owned) });
    }
}

/// Emits that a step began and, if it ends well, how long it took.
pub struct StepTimer<'a> {
    events: &'a Emitter,
    step: Step,
    started: Instant,
}

impl<'a> StepTimer<'a> {
    /// The step begins.
    pub fn start(events: &'a Emitter, step: Step) -> Self {
        events.emit(Event::StepStarted { step });
        Self { events, step, started: Instant::now() }
    }

    /// It has ended well.
    pub fn finish(self) {
        let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.events.emit(Event::StepFinished { step: self.step, duration_ms });
    }
}
