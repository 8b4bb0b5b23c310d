//! [`Board`]: what the tasks were doing when they were last seen, in a few words.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, Role, TaskState};

/// The tasks by id. The watcher's events fill it, and the probe reads it.
#[derive(Debug, Default)]
pub struct Board(Mutex<BTreeMap<String, TaskState>>);

impl Board {
    /// Takes one event in.
    pub fn take_in(&self, event: &Event) {
        if let Event::TaskChanged { task } = event {
            // A panic elsewhere leaves a map that is whole.
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(task.id.clone(), task.clone());
        }
    }

    /// `2 new tasks were RUNNING (target initial), 1 old task was RUNNING (target draining)`
    pub fn text(&self) -> String {
        let tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut groups: BTreeMap<(u8, String), usize> = BTreeMap::new();
        for task in tasks.values() {
            *groups.entry((rank(task.role), doing(task))).or_default() += 1;
        }
        if groups.is_empty() {
            return "no task had been looked at yet".to_owned();
        }
        let group = |((rank, doing), count): (&(u8, String), &usize)| {
            let role = ["new", "old", "newer"][usize::from(*rank)];
            let tasks = if *count == 1 { "task was" } else { "tasks were" };
            format!("{count} {role} {tasks} {doing}")
        };
        groups.iter().map(group).collect::<Vec<_>>().join(", ")
    }
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Followed => 0,
        Role::Old => 1,
        Role::Newer => 2,
    }
}

fn doing(task: &TaskState) -> String {
    // ECS wants it gone, and it still runs: that is what a request can hit.
    let leaving = task.desired_status == "STOPPED" && task.last_status == "RUNNING";
    let status = if leaving { "RUNNING and leaving" } else { &task.last_status };
    if task.last_status == "STOPPED" {
        return status.to_owned();
    }
    let mut states: Vec<&str> = task.targets.iter().map(|target| target.state.as_str()).collect();
    states.sort_unstable();
    states.dedup();
    if states.is_empty() { status.to_owned() } else { format!("{status} (target {})", states.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::TargetState;

    fn task(id: &str, role: Role, last: &str, desired: &str, target: Option<&str>) -> Event {
        let state = |state: &str| TargetState {
            target_group: "tg".to_owned(),
            state: state.to_owned(),
            reason: None,
            description: None,
        };
        Event::TaskChanged {
            task: TaskState {
                id: id.to_owned(),
                role,
                task_definition: None,
                last_status: last.to_owned(),
                desired_status: desired.to_owned(),
                health: "UNKNOWN".to_owned(),
                targets: target.map(state).into_iter().collect(),
                stopped: None,
            },
        }
    }

    #[test]
    fn tasks_that_do_the_same_are_told_together() {
        let board = Board::default();
        assert_eq!(board.text(), "no task had been looked at yet");
        board.take_in(&task("a", Role::Old, "RUNNING", "RUNNING", Some("healthy")));
        board.take_in(&task("b", Role::Old, "RUNNING", "STOPPED", Some("draining")));
        board.take_in(&task("c", Role::Followed, "PENDING", "RUNNING", None));
        board.take_in(&task("d", Role::Followed, "PENDING", "RUNNING", None));
        board.take_in(&task("a", Role::Old, "STOPPED", "STOPPED", Some("draining")));
        assert_eq!(
            board.text(),
            "2 new tasks were PENDING, 1 old task was RUNNING and leaving (target draining), 1 old task was STOPPED"
        );
    }
}
