//! [`Sinks`] and [`drive`]: the one loop that writes.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::ProgressDrawTarget;
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::MissedTickBehavior;

use super::format::{Format, Terminal};
use super::human::Human;
use super::json::Json;
use super::markdown::Markdown;
use super::plain::Plain;
use super::record::Recorder;
use super::reporter::Reporter;
use crate::error::Result;
use crate::event::{Event, Record};
use crate::state::RunState;

/// How often time passes for reporters: fast enough for a spinner.
const TICK: Duration = Duration::from_millis(100);

/// Where output goes.
pub struct Streams {
    /// Standard output.
    pub stdout: Box<dyn Write + Send>,
    /// Standard error.
    pub stderr: Box<dyn Write + Send>,
    /// Where the live display is drawn: `ProgressDrawTarget::stderr()` outside tests.
    pub live: ProgressDrawTarget,
}

/// A writer for two.
#[derive(Clone)]
struct Shared(Arc<Mutex<Box<dyn Write + Send>>>);

impl Shared {
    fn new(writer: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// The reporters of a run, and the state that they share.
///
/// A reporter that fails is switched off and named on standard error, once; the others go on, and so
/// does the deployment. A broken pipe is not a failure: whoever read the output has seen enough.
pub struct Sinks {
    state: RunState,
    sinks: Vec<Sink>,
    errors: Box<dyn Write + Send>,
}

struct Sink {
    name: String,
    reporter: Box<dyn Reporter>,
}

impl Sinks {
    /// No reporters yet. Failures of reporters will be told on `errors`.
    pub fn new(errors: Box<dyn Write + Send>) -> Self {
        Self { state: RunState::default(), sinks: Vec::new(), errors }
    }

    /// Adds a reporter. `name` is what a person reads when it fails: `the recording run.ndjson`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, reporter: impl Reporter + 'static) -> Self {
        self.sinks.push(Sink { name: name.into(), reporter: Box::new(reporter) });
        self
    }

    /// The reporters for a format, and a recorder where a file is named.
    pub fn open(
        format: Format,
        terminal: &Terminal,
        streams: Streams,
        record: Option<&Path>,
    ) -> Result<Self> {
        let style = terminal.style(format);
        let Streams { stdout, stderr, live } = streams;
        let sinks = match format {
            Format::Human => {
                let human = Human::new(live, stderr, style, terminal.height.map(usize::from));
                Self::new(Box::new(human.scrollback())).with("the live display", human)
            }
            Format::Plain => Self::new(stderr).with("standard output", Plain::new(stdout, style)),
            Format::Github => Self::new(stderr).with("standard output", Plain::github(stdout, style)),
            Format::Markdown => {
                let log = Shared::new(stderr);
                Self::new(Box::new(log.clone()))
                    .with("standard error", Plain::new(Box::new(log), style))
                    .with("standard output", Markdown::new(stdout))
            }
            Format::Json => Self::new(stderr).with("standard output", Json::new(stdout)),
        };
        Ok(match record {
            Some(path) => sinks.with(format!("the recording {}", path.display()), Recorder::create(path)?),
            None => sinks,
        })
    }

    /// What is known so far.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Folds a record into the state and reports it.
    pub fn apply(&mut self, record: &Record) {
        self.state.apply(record);
        self.forward(record);
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Timestamp) {
        self.each(|reporter, state| reporter.tick(now, state));
    }

    /// Reports [`Event::RunFinished`], made from the state, and ends every reporter.
    pub fn finish(mut self, time: Timestamp) -> RunState {
        let record = Record { time, service: None, event: Event::RunFinished(self.state.report()) };
        self.forward(&record);
        self.each(|reporter, state| reporter.finish(state));
        self.state
    }

    fn forward(&mut self, record: &Record) {
        self.each(|reporter, state| reporter.on_event(record, state));
    }

    fn each(&mut self, mut call: impl FnMut(&mut dyn Reporter, &RunState) -> io::Result<()>) {
        let Self { state, sinks, errors } = self;
        let mut failures = String::new();
        sinks.retain_mut(|sink| match call(sink.reporter.as_mut(), state) {
            Ok(()) => true,
            Err(error) => {
                if error.kind() != io::ErrorKind::BrokenPipe {
                    failures.push_str(&format!(
                        "warning: writing to {} failed and has stopped; the run goes on: {error}\n",
                        sink.name
                    ));
                }
                false
            }
        });
        if !failures.is_empty() {
            // When standard error is gone too, there is no one left to tell.
            let _ = errors.write_all(failures.as_bytes()).and_then(|()| errors.flush());
        }
    }
}

/// Reports events until every [`Emitter`](crate::emit::Emitter) of the channel is gone, then reports
/// [`Event::RunFinished`] and returns what the run came to.
pub async fn drive(mut receiver: UnboundedReceiver<Record>, mut sinks: Sinks) -> RunState {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            record = receiver.recv() => match record {
                Some(record) => sinks.apply(&record),
                None => return sinks.finish(Timestamp::now()),
            },
            _ = ticks.tick() => sinks.tick(Timestamp::now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Buffer, success, warning};
    use super::*;
    use crate::emit::Emitter;
    use crate::event::Verdict;

    struct Broken(io::ErrorKind);

    impl Reporter for Broken {
        fn on_event(&mut self, _record: &Record, _state: &RunState) -> io::Result<()> {
            Err(io::Error::new(self.0, "no space left on device"))
        }

        fn finish(&mut self, _state: &RunState) -> io::Result<()> {
            panic!("a failed reporter is not used again");
        }
    }

    fn play_beside(broken: Broken) -> (String, String) {
        let (out, errors) = (Buffer::default(), Buffer::default());
        let mut sinks = Sinks::new(Box::new(errors.clone()))
            .with("the recording run.ndjson", broken)
            .with("standard output", Json::new(Box::new(out.clone())));
        for record in success() {
            sinks.apply(&record);
        }
        assert_eq!(sinks.finish(Timestamp::UNIX_EPOCH).verdict(), Verdict::Succeeded);
        (out.text(), errors.text())
    }

    #[test]
    fn a_failing_reporter_is_named_once_and_the_others_go_on() {
        let (out, errors) = play_beside(Broken(io::ErrorKind::StorageFull));
        assert_eq!(out.lines().count(), success().len() + 1);
        assert_eq!(
            errors,
            "warning: writing to the recording run.ndjson failed and has stopped; the run goes on: \
             no space left on device\n"
        );
    }

    #[test]
    fn a_broken_pipe_is_silent() {
        let (out, errors) = play_beside(Broken(io::ErrorKind::BrokenPipe));
        assert_eq!(out.lines().count(), success().len() + 1);
        assert_eq!(errors, "");
    }

    #[test]
    fn the_report_is_made_from_the_state() {
        let out = Buffer::default();
        let mut sinks = Sinks::new(Box::new(io::sink())).with("out", Json::new(Box::new(out.clone())));
        for record in success() {
            sinks.apply(&record);
        }
        let expected = sinks.state().report();
        // The process may end much later than the last event; the run has not become longer.
        let state = sinks.finish(Timestamp::MAX);
        assert_eq!(state.report(), expected);
        let last: Record =
            serde_json::from_str(out.text().lines().last().expect("a line")).expect("a record");
        assert_eq!(last.event, Event::RunFinished(expected));
        assert_eq!(last.time, Timestamp::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn the_loop_ends_when_the_last_emitter_is_gone() {
        let out = Buffer::default();
        let (emitter, receiver) = Emitter::channel();
        let sinks = Sinks::new(Box::new(io::sink())).with("out", Json::new(Box::new(out.clone())));
        let driver = tokio::spawn(drive(receiver, sinks));
        emitter.emit(warning("odd").event);
        drop(emitter);
        let state = driver.await.expect("driven");
        assert_eq!(state.warnings, ["odd"]);
        let events: Vec<String> = out
            .text()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["event"].to_string())
            .collect();
        assert_eq!(events, ["\"warning\"", "\"run_finished\""]);
    }

    struct Ticks(Buffer);

    impl Reporter for Ticks {
        fn on_event(&mut self, _record: &Record, _state: &RunState) -> io::Result<()> {
            Ok(())
        }

        fn tick(&mut self, _now: Timestamp, _state: &RunState) -> io::Result<()> {
            self.0.write_all(b"t")
        }

        fn finish(&mut self, _state: &RunState) -> io::Result<()> {
            self.0.write_all(b".")
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_passes_between_events() {
        let out = Buffer::default();
        let (emitter, receiver) = Emitter::channel();
        let driver =
            tokio::spawn(drive(receiver, Sinks::new(Box::new(io::sink())).with("ticks", Ticks(out.clone()))));
        // Virtual time: the clock of the runtime is paused.
        tokio::time::sleep(Duration::from_millis(350)).await;
        drop(emitter);
        driver.await.expect("driven");
        assert_eq!(out.text(), "tttt.");
    }
}
