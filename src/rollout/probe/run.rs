//! [`Probe`]: the clock of the requests, and what comes of them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::board::Board;
use super::log::{Failure, News, ProbeLog};
use super::request::Requester;
use crate::config::ProbeConfig;
use crate::emit::Emitter;
use crate::error::Result;
use crate::event::{Event, ProbeReport};
use crate::rollout::zero_downtime::millis;

/// How many requests before the update may fail until nothing can be proven.
const CHECKS: u32 = 3;
/// How many requests may be under way.
const UNDER_WAY: usize = 64;

/// Requests that go on by themselves until [`Probe::finish`]; dropping it ends them at once.
#[derive(Debug)]
pub struct Probe {
    stop: CancellationToken,
    running: AbortOnDropHandle<ProbeLog>,
    /// What is known before the end.
    report: ProbeReport,
}

impl Probe {
    /// Sees whether the address answers, and begins the observation, which all times of its report count from:
    /// `UpdateService` is to follow at once. `began_late` says that the service has been updated
    /// already.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where this machine cannot make such requests. An address that
    /// does not answer is a warning: the deployment may be what mends it.
    pub async fn start(
        config: &ProbeConfig,
        board: &Arc<Board>,
        events: &Emitter,
        began_late: bool,
    ) -> Result<Self> {
        let requester = Arc::new(Requester::new(config)?);
        let (checks, failed_before) = check(&requester, config.interval).await;
        let url = config.url.to_string();
        let interval_ms = millis(config.interval);
        if let Some(what) = &failed_before {
            let when = if began_late { "already" } else { "before anything was changed" };
            events.warn(
                format!("zero downtime cannot be proven: the probe failed {when} ({url}: {what})"),
                Some("See whether the address can be reached from here, and what `expect` says."),
            );
        } else {
            events.emit(Event::ProbeStarted { url: url.clone(), interval_ms });
        }
        let report =
            ProbeReport { url, interval_ms, checks, failed_before, began_late, ..ProbeReport::default() };
        let begun = Instant::now();
        let stop = CancellationToken::new();
        let running = {
            let (stop, interval) = (stop.clone(), config.interval);
            let (board, events) = (board.clone(), events.clone());
            // What failed before is told already, and is no news.
            let tells = report.failed_before.is_none();
            let send = move || {
                let requester = requester.clone();
                async move { limited(&requester).await }
            };
            let tell = move |news: News| {
                if tells {
                    events.emit(news.into());
                }
            };
            tokio::spawn(async move { run(begun, interval, &stop, send, || board.text(), tell).await })
        };
        Ok(Self { stop, running: AbortOnDropHandle::new(running), report })
    }

    /// Starts no further request, waits for the answers that are still to come, and says what was measured.
    /// `over` says that the rollout, or the rollback, has come to its end.
    pub async fn finish(self, over: bool) -> ProbeReport {
        self.stop.cancel();
        // One that broke off by itself has measured nothing, and that is what its report says.
        let log = self.running.await.unwrap_or_default();
        let measured = log.report();
        let ProbeReport { url, interval_ms, checks, failed_before, began_late, .. } = self.report;
        ProbeReport { url, interval_ms, checks, failed_before, began_late, ended_early: !over, ..measured }
    }
}

/// How many requests it took until one was answered as expected, and how the last failed where none was.
async fn check(requester: &Requester, interval: Duration) -> (u32, Option<String>) {
    let mut failed = None;
    for checks in 1..=CHECKS {
        let next = Instant::now() + interval;
        match limited(requester).await {
            Ok(()) => return (checks, None),
            Err(what) => failed = Some(what),
        }
        if checks < CHECKS {
            sleep_until(next).await;
        }
    }
    (CHECKS, failed)
}

async fn limited(requester: &Requester) -> Result<(), String> {
    timeout(requester.limit(), requester.send()).await.unwrap_or_else(|_| Err("timed out".to_owned()))
}

impl From<News> for Event {
    fn from(news: News) -> Self {
        match news {
            News::Failed(failure) => Self::ProbeFailed(failure.told()),
            News::Recovered { started, failed } => Self::ProbeRecovered { at_ms: millis(started), failed },
        }
    }
}

/// Starts a request at `begun + n * interval` for every n, whatever became of those before, until `stop`; then waits
/// for those under way.
async fn run<F: Future<Output = Result<(), String>>>(
    begun: Instant,
    interval: Duration,
    stop: &CancellationToken,
    send: impl Fn() -> F,
    tasks: impl Fn() -> String,
    tell: impl Fn(News),
) -> ProbeLog {
    let mut log = ProbeLog::default();
    let mut under_way = FuturesUnordered::new();
    let mut due = 0;
    let take_in = |log: &mut ProbeLog,
                   (started, tasks, result): (Duration, String, Result<Duration, String>)| {
        let news = match result {
            Ok(took) => log.succeeded(started, took),
            Err(what) => log.failed(Failure { started, what, tasks }),
        };
        news.into_iter().for_each(&tell);
    };
    loop {
        tokio::select! {
            // The clock first: nothing that comes in may hold a request up.
            biased;
            () = stop.cancelled() => break,
            () = sleep_until(begun + interval.saturating_mul(due)) => {
                let now = begun.elapsed();
                let next = intervals(now, interval) + 1;
                log.missed(u64::from(next.saturating_sub(due).saturating_sub(1)));
                due = next.max(due + 1);
                if under_way.len() >= UNDER_WAY {
                    log.missed(1);
                    continue;
                }
                log.started(now);
                let (request, tasks) = (send(), tasks());
                under_way.push(async move {
                    let result = request.await.map(|()| begun.elapsed().saturating_sub(now));
                    (now, tasks, result)
                });
            }
            Some(answer) = under_way.next() => take_in(&mut log, answer),
        }
    }
    log.ended(begun.elapsed());
    while let Some(answer) = under_way.next().await {
        take_in(&mut log, answer);
    }
    log
}

/// How many whole intervals have passed.
fn intervals(passed: Duration, interval: Duration) -> u32 {
    let nanos = interval.as_nanos().max(1);
    u32::try_from(passed.as_nanos() / nanos).unwrap_or(u32::MAX - 1)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Observes for `duration`; the answer to the n-th request is `answer(n)`: how long it takes, and what it is.
    async fn observe(
        duration: Duration,
        answer: impl Fn(u64) -> (Duration, Result<(), String>),
    ) -> (ProbeReport, Vec<News>) {
        let begun = Instant::now();
        let stop = CancellationToken::new();
        let (number, told) = (Cell::new(0), RefCell::new(Vec::new()));
        let send = || {
            let (delay, result) = answer(number.replace(number.get() + 1));
            async move {
                tokio::time::sleep(delay).await;
                result
            }
        };
        let tasks = || format!("as at {} ms", millis(begun.elapsed()));
        let ending = async {
            tokio::time::sleep(duration).await;
            stop.cancel();
        };
        let tell = |news| told.borrow_mut().push(news);
        let (log, ()) = tokio::join!(run(begun, INTERVAL, &stop, send, tasks, tell), ending);
        let report = ProbeReport { interval_ms: 100, ..log.report() };
        (report, told.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn requests_keep_time_whatever_the_answers_do() {
        // Each answer takes three and a half intervals.
        let (report, told) = observe(ms(950), |_| (ms(350), Ok(()))).await;
        assert_eq!((report.sent, report.failed, report.missed), (10, 0, 0));
        assert_eq!((report.duration_ms, report.longest_gap_ms), (950, 100));
        // Those that were under way at the end count.
        assert_eq!(report.latency.map(|latency| (latency.p50_ms, latency.max_ms)), Some((350, 350)));
        assert_eq!((told, report.doubt()), (Vec::new(), None));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_have_the_time_and_the_tasks_of_their_start() {
        let (report, told) = observe(ms(950), |number| match number {
            3..=5 => (ms(40), Err("HTTP 502".to_owned())),
            _ => (ms(10), Ok(())),
        })
        .await;
        let tasks = "as at 300 ms".to_owned();
        let first = Failure { started: ms(300), what: "HTTP 502".to_owned(), tasks };
        assert_eq!(report.first_failure, Some(first.told()));
        assert_eq!(told, [News::Failed(first), News::Recovered { started: ms(600), failed: 3 }]);
        assert_eq!((report.sent, report.failed), (10, 3));
        let windows: Vec<_> = report.windows.iter().map(|w| (w.from_ms, w.to_ms, w.failed)).collect();
        assert_eq!(windows, [(300, 500, 3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_do_not_fit_are_missed_and_not_hidden() {
        // 64 fit; they are answered after ten seconds, and meanwhile 36 are due.
        let (report, _) = observe(ms(9_950), |_| (ms(10_000), Ok(()))).await;
        assert_eq!((report.sent, report.missed), (64, 36));
        assert_eq!(report.longest_gap_ms, 9_950 - 6_300);
        assert!(report.doubt().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_this_machine_slept_through_is_a_gap() {
        let begun = Instant::now();
        let stop = CancellationToken::new();
        let running = run(begun, INTERVAL, &stop, async || Ok(()), String::new, |_| {});
        let ending = async {
            tokio::time::sleep(ms(250)).await;
            // The clock jumps, and no timer has fired on the way.
            tokio::time::advance(ms(2_500)).await;
            tokio::time::sleep(ms(100)).await;
            stop.cancel();
        };
        let (log, ()) = tokio::join!(running, ending);
        let report = ProbeReport { interval_ms: 100, ..log.report() };
        // At 0, 100, 200, 2750 and 2800.
        assert_eq!((report.sent, report.missed, report.longest_gap_ms), (5, 24, 2_550));
        assert_eq!(report.doubt().as_deref(), Some("the probe sent no request for 2550 ms"));
    }
}
