//! [`ProbeLog`]: what became of the requests. Pure: times come in, and a report goes out.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event::{ProbeFailure, ProbeFailures, ProbeLatency, ProbeReport, ProbeSlice, ProbeWindow};
use crate::rollout::zero_downtime::millis;

/// How many series of failures a report lists.
const WINDOWS: usize = 50;
/// How many series are told while they happen: an address that fails now and then must not fill a log.
const TOLD: u32 = 10;

/// Counts requests. All times are since the observation began.
#[derive(Debug, Default)]
pub(super) struct ProbeLog {
    sent: u64,
    missed: u64,
    answers: Vec<Answer>,
    kinds: BTreeMap<String, u64>,
    first: Option<Failure>,
    series: Option<Series>,
    told: u32,
    last_start: Duration,
    longest_gap: Duration,
    ended: Duration,
}

/// What became of one request.
#[derive(Debug, Clone, Copy)]
struct Answer {
    started: Duration,
    /// How long the answer took; `None` for one that was not as expected.
    took: Option<Duration>,
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
    told: bool,
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
        self.answers.push(Answer { started, took: Some(took) });
        // A request that was started before the last failure says nothing about now.
        let series = self.series.take_if(|series| started > series.last_start)?;
        series.told.then_some(News::Recovered { started, failed: series.failed })
    }

    /// A request was not answered as expected.
    pub fn failed(&mut self, failure: Failure) -> Option<News> {
        self.answers.push(Answer { started: failure.started, took: None });
        *self.kinds.entry(failure.what.clone()).or_default() += 1;
        // A request can overtake another: what came to light first need not have been started first.
        if self.first.as_ref().is_none_or(|first| failure.started < first.started) {
            self.first = Some(failure.clone());
        }
        if let Some(series) = &mut self.series {
            series.failed += 1;
            series.last_start = series.last_start.max(failure.started);
            return None;
        }
        let told = self.told < TOLD;
        self.told += u32::from(told);
        self.series = Some(Series { failed: 1, last_start: failure.started, told });
        told.then_some(News::Failed(failure))
    }

    /// No request is started any more.
    pub fn ended(&mut self, at: Duration) {
        self.gap_until(at);
        self.ended = at;
    }

    fn gap_until(&mut self, at: Duration) {
        self.longest_gap = self.longest_gap.max(at.saturating_sub(self.last_start));
    }

    /// What was measured.
    pub fn report(&self) -> ProbeReport {
        let mut failures: Vec<ProbeFailures> = self
            .kinds
            .iter()
            .map(|(what, count)| ProbeFailures { what: what.clone(), count: *count })
            .collect();
        failures.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        let (windows, windows_left_out) = windows(self.answers.clone());
        let slice_ms = slice_ms(millis(self.ended));
        let over_time = over_time(&self.answers, slice_ms);
        ProbeReport {
            duration_ms: millis(self.ended),
            sent: self.sent,
            failed: self.kinds.values().sum(),
            first_failure: self.first.as_ref().map(Failure::told),
            failures,
            windows,
            windows_left_out,
            latency: latency(self.answers.iter().filter_map(|answer| answer.took).collect()),
            slice_ms: if over_time.is_empty() { 0 } else { slice_ms },
            over_time,
            longest_gap_ms: millis(self.longest_gap),
            missed: self.missed,
            ..ProbeReport::default()
        }
    }
}

impl Failure {
    /// As an event has it.
    pub fn told(&self) -> ProbeFailure {
        ProbeFailure { at_ms: millis(self.started), what: self.what.clone(), tasks: self.tasks.clone() }
    }
}

/// Failures that follow each other in the order of their starts, and how many such series are beyond the limit.
fn windows(mut answers: Vec<Answer>) -> (Vec<ProbeWindow>, u64) {
    answers.sort_by_key(|answer| answer.started);
    let series = answers.chunk_by(|one, next| one.took.is_none() == next.took.is_none());
    let mut windows: Vec<ProbeWindow> = series
        .filter_map(|series| match series {
            [first, .., last] | [first @ last] if first.took.is_none() => Some(ProbeWindow {
                from_ms: millis(first.started),
                to_ms: millis(last.started),
                failed: series.len() as u64,
            }),
            _ => None,
        })
        .collect();
    let left_out = windows.len().saturating_sub(WINDOWS) as u64;
    windows.truncate(WINDOWS);
    (windows, left_out)
}

/// How long the parts are into which an observation is divided: a round time, so that there are at most 100.
fn slice_ms(duration_ms: u64) -> u64 {
    const PARTS: u64 = 100;
    const STEPS: [u64; 3] = [1, 2, 5];
    let mut decade: u64 = 100;
    loop {
        if let Some(step) =
            STEPS.iter().map(|step| decade.saturating_mul(*step)).find(|step| duration_ms / step < PARTS)
        {
            return step;
        }
        // Ends: after at most 17 rounds a step is as long as any number of milliseconds.
        decade = decade.saturating_mul(10);
    }
}

/// What became of the requests that were started in each part.
fn over_time(answers: &[Answer], slice_ms: u64) -> Vec<ProbeSlice> {
    let mut parts: BTreeMap<u64, Vec<Option<Duration>>> = BTreeMap::new();
    for answer in answers {
        parts.entry(millis(answer.started) / slice_ms).or_default().push(answer.took);
    }
    let slice = |(number, took): (u64, Vec<Option<Duration>>)| ProbeSlice {
        from_ms: number * slice_ms,
        sent: took.len() as u64,
        failed: took.iter().filter(|took| took.is_none()).count() as u64,
        latency: latency(took.into_iter().flatten().collect()),
    };
    parts.into_iter().map(slice).collect()
}

/// Percentiles by nearest rank: each is a latency that was measured.
fn latency(mut all: Vec<Duration>) -> Option<ProbeLatency> {
    all.sort_unstable();
    let at = |percent: usize| {
        let rank = (all.len() * percent).div_ceil(100);
        all.get(rank.saturating_sub(1)).map(|found| millis(*found))
    };
    Some(ProbeLatency { p50_ms: at(50)?, p95_ms: at(95)?, p99_ms: at(99)?, max_ms: at(100)? })
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
        let report = ProbeLog::default().report();
        assert_eq!((report.sent, report.failed, report.latency), (0, 0, None));
        assert_eq!(report.doubt().as_deref(), Some("the probe sent no request"));
    }

    #[test]
    fn percentiles_are_latencies_that_were_measured() {
        let all: Vec<Duration> = (1..=100).rev().map(ms).collect();
        let expected = ProbeLatency { p50_ms: 50, p95_ms: 95, p99_ms: 99, max_ms: 100 };
        assert_eq!(latency(all), Some(expected));
        let one = ProbeLatency { p50_ms: 7, p95_ms: 7, p99_ms: 7, max_ms: 7 };
        assert_eq!(latency(vec![ms(7)]), Some(one));
        let two = ProbeLatency { p50_ms: 1, p95_ms: 9, p99_ms: 9, max_ms: 9 };
        assert_eq!(latency(vec![ms(9), ms(1)]), Some(two));
    }

    #[test]
    fn an_observation_has_at_most_a_hundred_parts() {
        assert_eq!([0, 9_999, 10_000, 61_000, 3_600_000].map(slice_ms), [100, 100, 200, 1_000, 50_000]);
        for duration in [1, 77_777, 10_000_001, u64::MAX] {
            assert!(duration / slice_ms(duration) < 100, "{duration}");
        }
    }

    #[test]
    fn each_part_of_an_observation_has_its_own_latency() {
        let mut log = ProbeLog::default();
        for (started, took) in [(0, 4), (50, 8), (120, 30)] {
            log.started(ms(started));
            log.succeeded(ms(started), ms(took));
        }
        log.started(ms(130));
        log.failed(failure(130, "HTTP 502"));
        log.started(ms(340));
        log.failed(failure(340, "HTTP 502"));
        log.ended(ms(400));
        let report = log.report();
        let told: Vec<_> = report
            .over_time
            .iter()
            .map(|slice| {
                (slice.from_ms, slice.sent, slice.failed, slice.latency.map(|l| (l.p50_ms, l.max_ms)))
            })
            .collect();
        // Nothing was started from 200 to 300.
        assert_eq!(told, [(0, 2, 0, Some((4, 8))), (100, 2, 1, Some((30, 30))), (300, 1, 1, None)]);
        assert_eq!(report.slice_ms, 100);
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
        let report = log.report();
        let kinds: Vec<_> = report.failures.iter().map(|kind| (kind.what.as_str(), kind.count)).collect();
        assert_eq!(kinds, [("HTTP 502", 2), ("HTTP 503", 1), ("timed out", 1)]);
        assert_eq!(report.failed, 4);
        let first = report.first_failure.unwrap();
        assert_eq!((first.at_ms, first.tasks.as_str()), (500, "tasks at 500"));
        // The report goes by the order of the starts, in which an answer came between the first two.
        let window = |from_ms, to_ms, failed| ProbeWindow { from_ms, to_ms, failed };
        assert_eq!(report.windows, [window(500, 500, 1), window(1000, 1500, 2), window(3000, 3000, 1)]);
    }

    #[test]
    fn failures_now_and_then_fill_neither_a_log_nor_a_report() {
        let mut log = ProbeLog::default();
        let mut told = 0;
        for at in (0..120).step_by(2) {
            told += u32::from(log.failed(failure(at, "HTTP 500")).is_some());
            told += u32::from(log.succeeded(ms(at + 1), ms(1)).is_some());
        }
        assert_eq!(told, 2 * TOLD, "each that is told has its end told");
        let report = log.report();
        assert_eq!((report.failed, report.windows.len(), report.windows_left_out), (60, 50, 10));
    }

    #[test]
    fn the_first_failure_is_the_one_that_was_started_first() {
        let mut log = ProbeLog::default();
        log.failed(failure(900, "HTTP 502"));
        log.failed(failure(100, "timed out"));
        let first = log.report().first_failure.unwrap();
        assert_eq!((first.what.as_str(), first.at_ms), ("timed out", 100));
    }

    #[test]
    fn the_longest_gap_may_be_at_the_end() {
        let mut log = ProbeLog::default();
        for at in [0, 500, 1700, 2200] {
            log.started(ms(at));
        }
        assert_eq!(log.report().longest_gap_ms, 1200);
        log.missed(2);
        log.ended(ms(4000));
        let report = ProbeReport { interval_ms: 500, ..log.report() };
        assert_eq!((report.sent, report.missed, report.duration_ms), (4, 2, 4000));
        assert_eq!(report.longest_gap_ms, 1800);
        assert_eq!(report.doubt().as_deref(), Some("the probe sent no request for 1800 ms"));
        assert_eq!(
            ProbeReport { interval_ms: 600, ..report }.doubt(),
            None,
            "three intervals are put up with"
        );
    }

    #[test]
    fn what_proves_nothing_says_why() {
        let good = ProbeReport { sent: 9, interval_ms: 50, longest_gap_ms: 1_000, ..ProbeReport::default() };
        assert_eq!(good.doubt(), None, "a second is put up with");
        let late = ProbeReport { began_late: true, ..good.clone() };
        assert_eq!(late.doubt().as_deref(), Some("the probe began after the update"));
        let early = ProbeReport { ended_early: true, ..good.clone() };
        assert_eq!(early.doubt().as_deref(), Some("the probe ended before the rollout was over"));
        let dead = ProbeReport { failed: 9, failed_before: Some("HTTP 404".to_owned()), ..good.clone() };
        assert!(!dead.shows_loss(), "it failed before the update just as it did after");
        assert!(dead.doubt().unwrap().ends_with("before anything was changed (HTTP 404)"));
        assert!(ProbeReport { failed: 1, ..good }.shows_loss());
    }
}
