//! How many tasks could serve at each observation (design 3, "Zero downtime is a measurement").

use std::collections::BTreeSet;
use std::time::Duration;

use super::observation::{Observation, Target, TargetGroupHealth, Task};
use super::policy::{Followed, TargetGroupRef, floor};
use super::rules::TargetKind;
use super::targets;
use crate::event::{ZeroDowntime, ZeroDowntimeVerdict};

/// Answers no further apart than this are taken for one instant.
const COHERENT: Duration = Duration::from_millis(250);

/// Counts the healthy tasks, old and new together, against the floor.
#[derive(Debug)]
pub(super) struct Meter {
    floor: u32,
    lowest: Option<u32>,
    observations: u32,
    last: Option<Duration>,
    longest_gap: Duration,
    violated_at: Option<Duration>,
}

impl Meter {
    pub fn new(followed: &Followed) -> Self {
        Self {
            floor: floor(followed.desired_count, followed.minimum_healthy_percent),
            lowest: None,
            observations: 0,
            last: None,
            longest_gap: Duration::ZERO,
            violated_at: None,
        }
    }

    /// Takes one sample. `tasks` are those of the observation and those that it lacks for the moment.
    /// An observation without a fresh answer for every target group is none: the gap it leaves is reported.
    pub fn sample<'a>(
        &mut self,
        followed: &Followed,
        observation: &Observation,
        tasks: impl Iterator<Item = &'a Task>,
    ) {
        let groups: Option<Vec<_>> = followed
            .target_groups
            .iter()
            .map(|group| Some((group, observation.target_group(&group.arn)?)))
            .collect();
        let Some(groups) = groups else { return };
        let seen = if groups.is_empty() { observation.fresh.tasks } else { observation.fresh.targets };
        if !seen {
            return;
        }
        let tasks: Vec<&Task> = tasks.collect();
        // A task that has crashed serves nobody, even if its target has not been found out yet. Where the
        // answers are further apart, a task that is STOPPED in the one may rightly have been healthy in
        // the other: then the load balancer's word stands alone.
        let coherent = observation.spread <= COHERENT;
        let crashed = |group: &TargetGroupRef, target: &Target| {
            let mut here = tasks.iter().filter(|task| targets::is_of(target, group, task)).peekable();
            coherent && here.peek().is_some() && here.all(|task| task.is_stopped())
        };
        // A task with an address of its own is one, whatever the port: an older revision may have served on another
        // one. Tasks on one instance differ in nothing else.
        let healthy = |(group, health): &(&TargetGroupRef, &TargetGroupHealth)| {
            let targets = health.targets.iter().filter(|it| it.is_healthy() && !crashed(group, it));
            let shared = group.kind != TargetKind::Ip;
            let place = |target: &Target| (target.id.clone(), shared.then_some(target.port));
            targets.map(place).collect::<BTreeSet<_>>().len()
        };
        let serving = match groups.iter().map(healthy).min() {
            Some(least) => least,
            None => tasks.iter().filter(|task| task.last_status == "RUNNING").count(),
        };
        let healthy = u32::try_from(serving).unwrap_or(u32::MAX);

        // Scaling out does not make what ran before too little, and scaling in lowers what is wanted.
        let desired = followed.desired_count.min(observation.service.desired_count);
        let floor = floor(desired, followed.minimum_healthy_percent);
        self.floor = self.floor.min(floor);
        if healthy < floor {
            self.violated_at.get_or_insert(observation.at);
        }
        self.lowest = Some(self.lowest.map_or(healthy, |lowest| lowest.min(healthy)));
        if let Some(last) = self.last {
            self.longest_gap = self.longest_gap.max(observation.at.saturating_sub(last));
        }
        self.last = Some(observation.at);
        self.observations += 1;
    }

    /// What was measured so far.
    pub fn report(&self, followed: &Followed) -> ZeroDowntime {
        let verdict = if !followed.something_ran_before || self.observations == 0 {
            ZeroDowntimeVerdict::NotApplicable
        } else if self.violated_at.is_some() {
            ZeroDowntimeVerdict::Violated
        } else {
            ZeroDowntimeVerdict::Observed
        };
        ZeroDowntime {
            verdict,
            floor: self.floor,
            lowest: self.lowest.unwrap_or(0),
            observations: self.observations,
            longest_gap_ms: millis(self.longest_gap),
            violated_at_ms: self.violated_at.map(millis),
            probe: None,
        }
    }
}

/// As the events have it.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
