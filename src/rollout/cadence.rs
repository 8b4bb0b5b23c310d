//! When to look, and at what: about once a second at what the rollout waits for, and now and then at the rest, so that
//! what happens is known within a second and the account's request rates are left to others (facts 7.1).

use std::time::Duration;

use super::conditions::Awaited;

/// Between two looks.
const PACE: Duration = Duration::from_millis(1000);
/// Between two looks after nothing has happened for [`QUIET`].
const EASY: Duration = Duration::from_millis(1500);
const QUIET: Duration = Duration::from_secs(180);
/// What is not waited for is looked at this often.
const SERVICE_EVERY: Duration = Duration::from_secs(3);
const TARGETS_EVERY: Duration = Duration::from_secs(6);
/// Tasks on their way to RUNNING pass through states that only DescribeTasks tells.
const STARTING_EVERY: Duration = Duration::from_secs(5);
const TASKS_EVERY: Duration = Duration::from_secs(15);
/// Listings, where nothing calls for one.
const LISTED_EVERY: Duration = Duration::from_secs(60);
/// How many calls may be made before the average counts.
const BURST: f64 = 24.0;
/// The longest pause for the sake of the average.
const LATEST: Duration = Duration::from_millis(2000);
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
            allowance: BURST,
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

    /// Takes in what a look brought; how long to wait until the next one, for an average of `rate` calls a second.
    pub fn pause(&mut self, at: Duration, seen: Seen, rate: f64) -> Duration {
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
        self.allowance = (self.allowance + earned).min(BURST) - seen.calls;
        let quiet = at.saturating_sub(self.changed) >= QUIET;
        let pace = if quiet { EASY } else { PACE } * self.slowness;
        // Below zero, looks come later until it is earned again, but never so late that it would be noticed.
        let debt = Duration::from_secs_f64((-self.allowance).max(0.0) / rate);
        pace.max(debt.min(PACE + debt / 10).min(LATEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 1.4;
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
        cadence.pause(seconds(0), SEEN, RATE);
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

    #[test]
    fn a_burst_is_free_and_what_costs_too_much_for_long_comes_later() {
        let run = |calls: f64| {
            let mut cadence = Cadence::new();
            let (mut at, mut pauses) = (Duration::ZERO, Vec::new());
            while at < seconds(240) {
                let pause = cadence.pause(at, Seen { calls, changed: true, ..SEEN }, RATE);
                pauses.push(pause);
                at += pause;
            }
            pauses
        };
        assert!(run(1.3).iter().all(|pause| *pause == PACE), "within the average");
        let dear = run(4.0);
        assert!(dear[..5].iter().all(|pause| *pause == PACE), "{dear:?}");
        assert_eq!(dear.last(), Some(&LATEST));
        assert!(dear.is_sorted(), "{dear:?}");
    }

    #[test]
    fn throttling_slows_it_down_and_nothing_else_does() {
        let mut cadence = Cadence::new();
        let throttled = Seen { throttled: true, changed: true, ..SEEN };
        let pauses: Vec<u64> =
            (1..6).map(|at| cadence.pause(seconds(at * 10), throttled, RATE).as_secs()).collect();
        assert_eq!(pauses, [2, 4, 8, 8, 8]);
        let clean = Seen { changed: true, ..SEEN };
        let pauses: Vec<u64> =
            (6..10).map(|at| cadence.pause(seconds(at * 10), clean, RATE).as_secs()).collect();
        assert_eq!(pauses, [4, 2, 1, 1]);
        assert_eq!(cadence.pause(seconds(400), SEEN, RATE), EASY);
    }
}
