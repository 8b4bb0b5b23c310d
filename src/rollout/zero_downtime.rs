//! How many tasks could serve at each observation (design 3, "Zero downtime is a measurement").

use std::time::Duration;

use super::observation::{Observation, Task};
use super::policy::{Followed, floor};
use crate::event::{ZeroDowntime, ZeroDowntimeVerdict};

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
    /// An observation without an answer for every target group is none: the gap it leaves is reported.
    pub fn sample<'a>(
        &mut self,
        followed: &Followed,
        observation: &Observation,
        tasks: impl Iterator<Item = &'a Task>,
    ) {
        let groups: Option<Vec<_>> =
            followed.target_groups.iter().map(|group| observation.target_group(&group.arn)).collect();
        let Some(groups) = groups else { return };
        let serves = |task: &Task| match &task.private_ip {
            _ if task.is_stopped() => false,
            _ if groups.is_empty() => task.last_status == "RUNNING",
            // Any port: an older revision may have served on another one.
            Some(ip) => groups
                .iter()
                .all(|group| group.targets.iter().any(|target| target.id == *ip && target.is_healthy())),
            None => false,
        };
        let healthy = u32::try_from(tasks.filter(|task| serves(task)).count()).unwrap_or(u32::MAX);

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
        }
    }
}

/// As the events have it.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
