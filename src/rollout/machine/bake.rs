//! The time in which ECS watches the service's alarms and nothing moves.

use std::time::Duration;

use super::{Rollout, seconds};
use crate::event::Event;
use crate::rollout::conditions::Conditions;
use crate::rollout::observation::Observation;
use crate::rollout::zero_downtime::millis;
use crate::wording::list;

impl Rollout {
    /// After every task is healthy ECS goes on watching the service's alarms, by default for less than five minutes
    /// (facts 3.9), and says nothing of it. An event where that begins.
    pub(super) fn look_for_bake(
        &mut self,
        conditions: &Conditions,
        observation: &Observation,
    ) -> Option<Event> {
        let ours = observation.service.deployment(&self.followed.deployment_id);
        let bakes = conditions.healthy()
            && !self.followed.rules.alarms.is_empty()
            && ours.is_some_and(|ours| ours.is_in("IN_PROGRESS"));
        if !bakes {
            self.baking_since = None;
            return None;
        }
        if self.baking_since.is_some() {
            return None;
        }
        self.baking_since = Some(observation.at);
        Some(Event::Waiting {
            elapsed_ms: millis(observation.at),
            healthy: u32::try_from(conditions.ready.len()).unwrap_or(u32::MAX),
            desired: conditions.desired,
            reason: self.meanwhile(observation.at),
        })
    }

    /// What ECS does that shows in nothing, in words: watch alarms, and for how long it has.
    pub fn meanwhile(&self, at: Duration) -> Option<String> {
        let watched = at.saturating_sub(self.baking_since?);
        let alarms = &self.followed.rules.alarms;
        let noun = if alarms.len() == 1 { "the alarm" } else { "the alarms" };
        // What is looked at for the first time may have been so for long.
        let length = match watched.as_secs() {
            0 => String::new(),
            _ => format!(" (for at least {} so far)", seconds(watched)),
        };
        Some(format!(
            "every task is healthy, and ECS watches {noun} {} before it completes the deployment{length}",
            list(alarms)
        ))
    }
}
