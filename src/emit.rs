//! [`Emitter`]: how the core sends events to whoever reports them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zeroize::Zeroizing;

use crate::event::{Event, Record, Step};
use crate::secret::Secret;

/// Shorter values are words and numbers of everyday, as for the masks of a CI system.
const SHORTEST_HIDDEN: usize = 6;

/// Sends events, stamped with the wall clock and, where one applies, with a service.
///
/// Sending never waits and never fails: a reporter that is gone must not stop a deployment.
#[derive(Debug, Clone)]
pub struct Emitter {
    sender: UnboundedSender<Record>,
    service: Option<String>,
    masks: Option<Masks>,
    secrets: Arc<Mutex<Vec<Secret>>>,
    verbosity: u8,
    tap: Option<Tap>,
}

/// Where values go that a CI system should hide from its log. They are no events: those are recorded and shown.
#[derive(Clone)]
pub struct Masks(Arc<dyn Fn(&Secret) + Send + Sync>);

impl Masks {
    /// Hands each value to `hide`.
    pub fn new(hide: impl Fn(&Secret) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hide))
    }

    /// Has one value hidden.
    pub fn hide(&self, value: &Secret) {
        (self.0)(value);
    }
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masks")
    }
}

/// Someone in the core who has to know what is told.
#[derive(Clone)]
struct Tap(Arc<dyn Fn(&Event) + Send + Sync>);

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tap")
    }
}

impl Emitter {
    /// An emitter for the whole run, and the end at which its events arrive.
    pub fn channel() -> (Self, UnboundedReceiver<Record>) {
        let (sender, receiver) = unbounded_channel();
        (
            Self { sender, service: None, masks: None, secrets: Arc::default(), verbosity: 0, tap: None },
            receiver,
        )
    }

    /// The same, with somewhere to send values that are to be hidden.
    #[must_use]
    pub fn with_masks(mut self, masks: Option<Masks>) -> Self {
        self.masks = masks;
        self
    }

    /// The same for a run in which each call is told (1, `-v`), with its request id (2, `-vv`).
    #[must_use]
    pub fn with_verbosity(mut self, verbosity: u8) -> Self {
        self.verbosity = verbosity;
        self
    }

    /// Where each call is to be told; `None` where that is not wanted.
    pub fn for_calls(&self) -> Option<Self> {
        (self.verbosity > 0).then(|| self.clone())
    }

    /// Whether request ids are wanted.
    pub fn tells_request_ids(&self) -> bool {
        self.verbosity > 1
    }

    /// Has values hidden from the log of the CI system, before anything else is told, and from what
    /// [`hide`](Self::hide) is given.
    pub fn mask(&self, values: impl IntoIterator<Item = Secret>) {
        for value in values {
            if let Some(Masks(hide)) = &self.masks {
                hide(&value);
            }
            self.remember(&value);
        }
    }

    /// Keeps each line of a value that is long enough to be told from everyday words.
    fn remember(&self, value: &Secret) {
        let lines = value.expose().lines().map(str::trim);
        let lines = lines.filter(|line| line.chars().count() >= SHORTEST_HIDDEN);
        let mut secrets = self.secrets();
        for line in lines {
            // A log of JSON has it as a JSON text.
            let quoted = Zeroizing::new(serde_json::Value::from(line).to_string());
            let escaped = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            for form in [line, escaped.unwrap_or(line)] {
                if !secrets.iter().any(|known| known.expose() == form) {
                    secrets.push(Secret::new(form));
                }
            }
        }
        // The longest first: another value may be a part of it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
    }

    /// Foreign text with every value that [`mask`](Self::mask) was given replaced by `***`.
    pub fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets().iter() {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), "***");
            }
        }
        text
    }

    fn secrets(&self) -> std::sync::MutexGuard<'_, Vec<Secret>> {
        // A poisoned lock only means that another thread panicked beside it; the list is whole.
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, for what concerns one service (its key in the configuration).
    #[must_use]
    pub fn for_service(&self, service: &str) -> Self {
        Self { service: Some(service.to_owned()), ..self.clone() }
    }

    /// The same, with each of its events shown to `see` as well, before it is sent.
    #[must_use]
    pub fn with_tap(self, see: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self { tap: Some(Tap(Arc::new(see))), ..self }
    }

    /// Sends one event.
    pub fn emit(&self, event: Event) {
        if let Some(Tap(see)) = &self.tap {
            see(&event);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden_wherever_they_stand_and_in_json() {
        let (events, _receiver) = Emitter::channel();
        let clone = events.for_service("web");
        let values = ["hunter", "hunter22", "dev", "first line\nsecond\n", "pass\"w\\rd"];
        events.mask(values.map(Secret::new));
        assert_eq!(clone.hide("hunter22 and hunter, as dev"), "*** and ***, as dev");
        assert_eq!(clone.hide("the first line, the second"), "the ***, the ***");
        assert_eq!(clone.hide(r#"{"password":"pass\"w\\rd"}"#), r#"{"password":"***"}"#);
    }
}
