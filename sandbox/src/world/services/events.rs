//! Service events (facts 3.7): newest first, at most 100.

use super::{Service, model::Event};
use crate::world::{VirtualTime, random::Random};

const KEPT: usize = 100;

impl Service {
    /// Adds `(service NAME) MESSAGE`.
    pub(crate) fn say(&mut self, message: &str, now: VirtualTime, random: &mut Random) {
        let message = format!("(service {}) {message}", self.name);
        self.push_event(message, now, random);
    }

    /// Adds `(service NAME, taskSet DEPLOYMENT) MESSAGE`, the form of events about draining.
    pub(crate) fn say_of_task_set(
        &mut self,
        deployment: &str,
        message: &str,
        now: VirtualTime,
        random: &mut Random,
    ) {
        let message = format!("(service {}, taskSet {deployment}) {message}", self.name);
        self.push_event(message, now, random);
    }

    fn push_event(&mut self, message: String, now: VirtualTime, random: &mut Random) {
        self.events.push_front(Event { id: random.uuid(), created_at: now, message });
        self.events.truncate(KEPT);
    }
}

/// `(task ID) (task ID)`
pub(crate) fn task_list<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    ids.into_iter().map(|id| format!("(task {id})")).collect::<Vec<_>>().join(" ")
}
