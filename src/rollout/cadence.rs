//! When to look, and at what: about once a second at what the rollout waits for, and now and then at the rest, so that
//! what happens is known within a second and the account's request rates are left to others (facts 7.1).

use std::time::Duration;

use super::conditions::Awaited;
use crate::aws::Allowance;

/// Between two looks.
const PACE: Duration = Duration::from_millis(1000);
/// Between two looks after nothing has happened for [`QUIET`].
const EASY: Duration = Duration::from_millis(1500);
const QUIET: Duration = Duration::from_secs(180);
/// And after nothing has happened for [`STILL`], which is longer than targets drain by default (300 s).
const EASIEST: Duration = Duration::from_secs(3);
const STILL: Duration = Duration::from_secs(360);
/// What is not waited for is looked at this often.
const SERVICE_EVERY: Duration = Duration::from_secs(3);
const TARGETS_EVERY: Duration = Duration::from_secs(6);
/// Tasks on their way to RUNNING pass through states that only DescribeTasks tells.
const STARTING_EVERY: Duration = Duration::from_secs(5);
const TASKS_EVERY: Duration = Duration::from_secs(15);
/// Listings, where nothing calls for one.
const LISTED_EVERY: Duration = Duration::from_secs(60);
/// The longest pause for the sake of the average: what a look costs that asks about everything in one target group is
/// earned in it.
const LATEST: Duration = Duration::from_secs(3);
/// How much longer a pause gets by what is owed, as a share of it, for a burst of one call.
const GRADUALLY: f64 = 2.4;
/// The slowest pace, as a multiple, when AWS throttles.
const SLOWEST: u32 = 8;

/// What one look asks. Where the answer differs from what was known, the look goes on to everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Question {
    /// DescribeServices.
    pub service: bool,
    /// DescribeTasks of the tasks that are known and have not ended.
    pub tasks: bool,
    /// ListTasks, of what is to run and of what was stopped, and DescribeTasks of what is new.
    pub listing: bool,
    /// DescribeTargetHealth.
    pub targets: Groups,
}

/// Of which target groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Groups {
    #[default]
    None,
    /// The one of this index.
    One(usize),
    All,
}

impl Question {
    /// Everything.
    pub const ALL: Self = Self { service: true, tasks: true, listing: true, targets: Groups::All };

    /// A target group that is one of a pair is not looked at alone: a task is in one or the other.
    pub fn with_alternates(mut self, alternates: &[(String, String)]) -> Self {
        if !alternates.is_empty() && self.targets != Groups::None {
            self.targets = Groups::All;
        }
        self
    }
}

/// What a look brought, as far as the next one depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Which parts were answered, and that listings were.
    pub service: bool,
    pub tasks: bool,
    pub targets: bool,
    pub listing: bool,
    /// Anything differed from before.
    pub changed: bool,
    /// A task of the followed deployment is on its way to RUNNING.
    pub starting: bool,
    /// How many calls it took; one that several services share counts in part.
    pub calls: f64,
    /// AWS throttled one of them.
    pub throttled: bool,
}

/// Decides on each look from what the earlier ones brought.
#[derive(Debug)]
pub(super) struct Cadence {
    service: Option<Duration>,
    tasks: Option<Duration>,
    targets: Option<Duration>,
    listed: Option<Duration>,
    changed: Duration,
    starting: bool,
    allowance: f64,
    counted: Duration,
    slowness: u32,
}

impl Cadence {
    /// Nothing has been looked at yet.
    pub fn new() -> Self {
        Self {
            service: None,
            tasks: None,
            targets: None,
            listed: None,
            changed: Duration::ZERO,
            starting: true,
            // No more than a burst, whatever that comes to.
            allowance: f64::INFINITY,
            counted: Duration::ZERO,
            slowness: 1,
        }
    }

    /// What to ask now.
    pub fn question(&self, at: Duration, awaited: Awaited) -> Question {
        // Half a pace early is better than half a pace late.
        let due = |last: Option<Duration>, every: Duration| {
            last.is_none_or(|last| at.saturating_sub(last) + PACE / 2 >= every)
        };
        let tasks_every = if self.starting { STARTING_EVERY } else { TASKS_EVERY };
        let everything = awaited == Awaited::Everything;
        let listing = awaited == Awaited::Listing || due(self.listed, LISTED_EVERY);
        Question {
            service: everything || awaited == Awaited::Service || due(self.service, SERVICE_EVERY),
            listing,
            tasks: everything || listing || awaited == Awaited::Tasks || due(self.tasks, tasks_every),
            targets: match awaited {
                _ if everything || due(self.targets, TARGETS_EVERY) => Groups::All,
                Awaited::Targets(index) => Groups::One(index),
                _ => Groups::None,
            },
        }
    }

    /// Takes in what a look brought; how long to wait until the next one, so that calls keep to what is allowed.
    pub fn pause(&mut self, at: Duration, seen: Seen, allowed: Allowance) -> Duration {
        let Allowance { rate, burst } = allowed;
        let mark = |last: &mut Option<Duration>, now: bool| {
            if now {
                *last = Some(at);
            }
        };
        mark(&mut self.service, seen.service);
        mark(&mut self.tasks, seen.tasks);
        mark(&mut self.targets, seen.targets);
        mark(&mut self.listed, seen.listing);
        self.starting = seen.starting;
        if seen.changed {
            self.changed = at;
        }
        self.slowness = match seen.throttled {
            true => (self.slowness * 2).min(SLOWEST),
            false => (self.slowness / 2).max(1),
        };
        let earned = at.saturating_sub(self.counted).as_secs_f64() * rate;
        self.counted = at;
        self.allowance = (self.allowance + earned).min(burst) - seen.calls;
        let pace = match at.saturating_sub(self.changed) {
            quiet if quiet >= STILL => EASIEST,
            quiet if quiet >= QUIET => EASY,
            _ => PACE,
        };
        // Below zero, looks come later until it is earned again: all at once where little may be owed, and little by
        // little where it is as much as a burst, so that what follows a change is not seen late.
        let debt = Duration::from_secs_f64((-self.allowance).max(0.0) / rate);
        let gradual = PACE + debt.mul_f64(GRADUALLY / burst);
        (pace * self.slowness).max(debt.min(gradual).min(LATEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 1.4;
    const BURST: f64 = 24.0;
    const ALONE: Allowance = Allowance { rate: RATE, burst: BURST };
    const SEEN: Seen = Seen {
        service: true,
        tasks: true,
        targets: true,
        listing: true,
        changed: false,
        starting: false,
        calls: 1.0,
        throttled: false,
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_look_is_at_everything_and_later_ones_at_what_is_awaited() {
        let mut cadence = Cadence::new();
        assert_eq!(cadence.question(seconds(0), Awaited::Service), Question::ALL);
        cadence.pause(seconds(0), SEEN, ALONE);
        let ask = |awaited| cadence.question(seconds(1), awaited);
        let nothing = Question::default();
        assert_eq!(ask(Awaited::Service), Question { service: true, ..nothing });
        assert_eq!(ask(Awaited::Tasks), Question { tasks: true, ..nothing });
        assert_eq!(ask(Awaited::Listing), Question { tasks: true, listing: true, ..nothing });
        assert_eq!(ask(Awaited::Targets(3)), Question { targets: Groups::One(3), ..nothing });
        // The rest is not forgotten.
        let later = cadence.question(seconds(3), Awaited::Targets(0));
        assert_eq!(later, Question { service: true, targets: Groups::One(0), ..nothing });
        let later = cadence.question(seconds(6), Awaited::Tasks);
        assert_eq!(later, Question { service: true, tasks: true, targets: Groups::All, ..nothing });
    }

    /// Looks for so many seconds, each at the price that `cost` tells for its number: the pauses, and the calls.
    fn look_for(duration: u64, allowed: Allowance, cost: impl Fn(usize) -> f64) -> (Vec<Duration>, f64) {
        let mut cadence = Cadence::new();
        let (mut at, mut calls, mut pauses) = (Duration::ZERO, 0.0, Vec::new());
        while at < seconds(duration) {
            let cost = cost(pauses.len());
            let pause = cadence.pause(at, Seen { calls: cost, changed: true, ..SEEN }, allowed);
            pauses.push(pause);
            calls += cost;
            at += pause;
        }
        (pauses, calls)
    }

    /// Of looks that cost no more than the longest pause earns, whatever their order.
    #[test]
    fn the_average_is_kept_and_a_burst_is_free() {
        let shared = Allowance { rate: 0.5, burst: 1.0 };
        for allowed in [ALONE, shared] {
            let Allowance { rate, burst } = allowed;
            let dearest = LATEST.as_secs_f64() * rate;
            // So late that the dearest look is earned, a pause is at this debt; where it grows as fast as what is owed,
            // nothing is owed but the last look.
            let slope = GRADUALLY / burst;
            let owed = if slope < 1.0 { (LATEST - PACE).as_secs_f64() / slope * rate } else { dearest };
            for shares in [[1.0; 5], [0.2, 0.2, 1.0, 0.5, 0.7], [1.0, 0.02, 1.0, 1.0, 0.3]] {
                for minutes in 1..=10 {
                    let duration = minutes * 60;
                    let cost = |number: usize| dearest * shares[number % shares.len()];
                    let (pauses, calls) = look_for(duration, allowed, cost);
                    let most = duration as f64 * rate + burst + owed;
                    assert!(calls <= most, "{calls} calls in {duration} s, and {most} at most");
                    assert!(pauses.iter().all(|pause| *pause <= LATEST), "{pauses:?}");
                }
            }
            // What is within the average is never late.
            let (pauses, _) = look_for(240, allowed, |_| rate);
            assert!(pauses.iter().all(|pause| *pause == PACE), "{pauses:?}");
        }
        let (pauses, calls) = look_for(240, ALONE, |_| 4.0);
        assert!(pauses[..5].iter().all(|pause| *pause == PACE), "{pauses:?}");
        assert!(calls >= 240.0 * RATE, "{calls}");
    }

    #[test]
    fn what_costs_more_than_the_longest_pause_earns_comes_no_later() {
        let (pauses, _) = look_for(240, ALONE, |_| 8.0);
        assert_eq!(pauses.last(), Some(&LATEST));
        assert!(pauses.is_sorted(), "{pauses:?}");
    }

    #[test]
    fn looks_ease_while_nothing_happens() {
        let mut cadence = Cadence::new();
        let quiet = Seen { calls: 0.0, ..SEEN };
        let pace =
            |cadence: &mut Cadence, at, changed| cadence.pause(seconds(at), Seen { changed, ..quiet }, ALONE);
        assert_eq!(pace(&mut cadence, 10, true), PACE);
        assert_eq!(pace(&mut cadence, 189, false), PACE);
        assert_eq!(pace(&mut cadence, 190, false), EASY);
        assert_eq!(pace(&mut cadence, 369, false), EASY);
        assert_eq!(pace(&mut cadence, 370, false), EASIEST);
        assert_eq!(pace(&mut cadence, 371, true), PACE);
    }

    #[test]
    fn throttling_slows_it_down_and_nothing_else_does() {
        let mut cadence = Cadence::new();
        let throttled = Seen { throttled: true, changed: true, ..SEEN };
        let pauses: Vec<u64> =
            (1..6).map(|at| cadence.pause(seconds(at * 10), throttled, ALONE).as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 8, 8]);
        let clean = Seen { changed: true, ..SEEN };
        let pauses: Vec<u64> =
            (6..10).map(|at| cadence.pause(seconds(at * 10), clean, ALONE).as_secs()).collect();
        assert_eq!(pauses, [4, 2, 1, 1]);
        assert_eq!(cadence.pause(seconds(400), SEEN, ALONE), EASY);
    }
}
