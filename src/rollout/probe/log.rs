//! [`ProbeLog`]: what became of the requests. Pure: times come in, and a report goes out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::{ProbeFailure, ProbeFailures, ProbeLatency, ProbeReport};
use crate::rollout::zero_downtime::millis;

/// Counts requests. All times are since the first one was due.
#[derive(Debug, Default)]
pub(super) struct ProbeLog {
    sent: u64,
    failed: u64,
    missed: u64,
    latencies: Vec<Duration>,
    kinds: BTreeMap<String, u64>,
    first: Option<Failure>,
    series: Option<Series>,
    last_start: Duration,
    longest_gap: Duration,
    ended: Duration,
}

/// A request that was not answered as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// When it was started.
    pub started: Duration,
    /// `HTTP 502`
    pub what: String,
    /// What the tasks were doing.
    pub tasks: String,
}

/// Failures without a later success between them.
#[derive(Debug)]
struct Series {
    failed: u64,
    last_start: Duration,
}

/// What is worth an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The first failure of a series.
    Failed(Failure),
    /// A series is over.
    Recovered { started: Duration, failed: u64 },
}

impl ProbeLog {
    /// A request starts.
    pub fn started(&mut self, at: Duration) {
        self.sent += 1;
        self.gap_until(at);
        self.last_start = at;
    }

    /// So many requests were due and could not start.
    pub fn missed(&mut self, requests: u64) {
        self.missed += requests;
    }

    /// A request was answered as expected.
    pub fn succeeded(&mut self, started: Duration, took: Duration) -> Option<News> {
        self.latencies.push(took);
        // A request that was started before the last failure says nothing about now.
        let series = self.series.take_if(|series| started > series.last_start)?;
        Some(News::Recovered { started, failed: series.failed })
    }

    /// A request was not answered as expected.
    pub fn failed(&mut self, failure: Failure) -> Option<News> {
        self.failed += 1;
        *self.kinds.entry(failure.what.clone()).or_default() += 1;
        // A request can overtake another: what came to light first need not have been started first.
        if self.first.as_ref().is_none_or(|first| failure.started < first.started) {
            self.first = Some(failure.clone());
        }
        match &mut self.series {
            Some(series) => {
                series.failed += 1;
                series.last_start = series.last_start.max(failure.started);
                None
            }
            None => {
                self.series = Some(Series { failed: 1, last_start: failure.started });
                Some(News::Failed(failure))
            }
        }
    }

    /// No request is started any more.
    pub fn ended(&mut self, at: Duration) {
        self.gap_until(at);
        self.ended = at;
    }

    fn gap_until(&mut self, at: Duration) {
        self.longest_gap = self.longest_gap.max(at.saturating_sub(self.last_start));
    }

    /// What was measured. `updated` is the time of `UpdateService`.
    pub fn report(&self, updated: Duration) -> ProbeReport {
        let mut failures: Vec<ProbeFailures> = self
            .kinds
            .iter()
            .map(|(what, count)| ProbeFailures { what: what.clone(), count: *count })
            .collect();
        failures.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        ProbeReport {
            url: String::new(),
            interval_ms: 0,
            duration_ms: millis(self.ended),
            sent: self.sent,
            failed: self.failed,
            first_failure: self.first.as_ref().map(|first| ProbeFailure {
                at_ms: millis(first.started.saturating_sub(updated)),
                what: first.what.clone(),
                tasks: first.tasks.clone(),
            }),
            failures,
            latency: latency(self.latencies.clone()),
            longest_gap_ms: millis(self.longest_gap),
            missed: self.missed,
            checks: 0,
            failed_before: None,
            began_late: false,
        }
    }
}

/// Percentiles by nearest rank: each is a latency that was measured.
fn latency(mut all: Vec<Duration>) -> Option<ProbeLatency> {
    all.sort_unstable();
    let at = |percent: usize| {
        let rank = (all.len() * percent).div_ceil(100);
        all.get(rank.saturating_sub(1)).map(|found| millis(*found))
    };
    Some(ProbeLatency { p50_ms: at(50)?, p90_ms: at(90)?, p99_ms: at(99)?, max_ms: at(100)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn failure(at: u64, what: &str) -> Failure {
        Failure { started: ms(at), what: what.to_owned(), tasks: format!("tasks at {at}") }
    }

    #[test]
    fn nothing_measured_is_no_evidence() {
        let report = ProbeLog::default().report(ms(0));
        assert_eq!((report.sent, report.failed, report.latency), (0, 0, None));
        assert_eq!(report.doubt().as_deref(), Some("it sent no request"));
    }

    #[test]
    fn percentiles_are_latencies_that_were_measured() {
        let all: Vec<Duration> = (1..=100).rev().map(ms).collect();
        let expected = ProbeLatency { p50_ms: 50, p90_ms: 90, p99_ms: 99, max_ms: 100 };
        assert_eq!(latency(all), Some(expected));
        let one = ProbeLatency { p50_ms: 7, p90_ms: 7, p99_ms: 7, max_ms: 7 };
        assert_eq!(latency(vec![ms(7)]), Some(one));
        let two = ProbeLatency { p50_ms: 1, p90_ms: 9, p99_ms: 9, max_ms: 9 };
        assert_eq!(latency(vec![ms(9), ms(1)]), Some(two));
    }

    #[test]
    fn a_series_of_failures_is_told_at_its_beginning_and_its_end() {
        let mut log = ProbeLog::default();
        assert_eq!(log.succeeded(ms(0), ms(5)), None);
        assert_eq!(log.failed(failure(500, "HTTP 502")), Some(News::Failed(failure(500, "HTTP 502"))));
        assert_eq!(log.failed(failure(1000, "HTTP 502")), None);
        assert_eq!(log.failed(failure(1500, "timed out")), None);
        // It was started before the last failure.
        assert_eq!(log.succeeded(ms(750), ms(900)), None);
        assert_eq!(log.succeeded(ms(2000), ms(5)), Some(News::Recovered { started: ms(2000), failed: 3 }));
        assert_eq!(log.succeeded(ms(2500), ms(5)), None);
        assert!(log.failed(failure(3000, "HTTP 503")).is_some(), "a new series");
        let report = log.report(ms(200));
        let kinds: Vec<_> = report.failures.iter().map(|kind| (kind.what.as_str(), kind.count)).collect();
        assert_eq!(kinds, [("HTTP 502", 2), ("HTTP 503", 1), ("timed out", 1)]);
        assert_eq!(report.failed, 4);
        let first = report.first_failure.unwrap();
        assert_eq!((first.at_ms, first.tasks.as_str()), (300, "tasks at 500"));
    }

    #[test]
    fn the_first_failure_is_the_one_that_was_started_first() {
        let mut log = ProbeLog::default();
        log.failed(failure(900, "HTTP 502"));
        log.failed(failure(100, "timed out"));
        let first = log.report(ms(400)).first_failure.unwrap();
        // Before the update was accepted: it was under way.
        assert_eq!((first.what.as_str(), first.at_ms), ("timed out", 0));
    }

    #[test]
    fn the_longest_gap_may_be_at_the_end() {
        let mut log = ProbeLog::default();
        for at in [0, 500, 1700, 2200] {
            log.started(ms(at));
        }
        assert_eq!(log.report(ms(0)).longest_gap_ms, 1200);
        log.missed(2);
        log.ended(ms(4000));
        let report = ProbeReport { interval_ms: 500, ..log.report(ms(0)) };
        assert_eq!((report.sent, report.missed, report.duration_ms), (4, 2, 4000));
        assert_eq!(report.longest_gap_ms, 1800);
        assert_eq!(report.doubt().as_deref(), Some("no request was started for 1800 ms"));
        assert_eq!(ProbeReport { interval_ms: 600, ..report }.doubt(), None, "three intervals are put up with");
    }
}
