//! What differs from the observation before, as events.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::history::History;
use super::memory::Memory;
use super::observation::{Observation, ServiceEvent, Task, target_group_name};
use super::policy::Followed;
use super::targets;
use crate::event::{DeploymentState, Event, Role, Stopped, StoppedContainer, TargetState, TaskState};

/// What was last said about deployments, tasks and service events.
#[derive(Debug)]
pub(super) struct Changes {
    deployments: BTreeMap<String, DeploymentState>,
    tasks: BTreeMap<String, TaskState>,
    seen_events: HashSet<String>,
}

impl Changes {
    /// `seen_events` were there before the update.
    pub fn new(seen_events: HashSet<String>) -> Self {
        Self { deployments: BTreeMap::new(), tasks: BTreeMap::new(), seen_events }
    }

    /// The events that are new, oldest first. Deduplicated on their id (facts 3.7).
    pub fn new_service_events(&mut self, observation: &Observation) -> Vec<ServiceEvent> {
        let events = observation.service.events.iter().rev();
        events.filter(|event| self.seen_events.insert(event.id.clone())).cloned().collect()
    }

    /// Deployments that appeared, changed or went.
    pub fn deployments(
        &mut self,
        followed: &Followed,
        history: &History,
        observation: &Observation,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for found in &observation.service.deployments {
            let undone = followed.undoes.as_ref().map(|undone| undone.deployment_id.as_str());
            let role = match found.id.as_str() {
                // A rollback is told as a part of the run: what the run deployed stays the followed one.
                id if undone == Some(id) => Role::Followed,
                id if undone.is_some() && id == followed.deployment_id => Role::Newer,
                id if id == followed.deployment_id => Role::Followed,
                id if history.is_newer(id) => Role::Newer,
                _ => Role::Old,
            };
            let deployment = DeploymentState {
                id: found.id.clone(),
                role,
                task_definition: found.task_definition.clone(),
                status: found.status.clone(),
                rollout_state: found.rollout_state.clone(),
                desired: found.desired,
                running: found.running,
                pending: found.pending,
                failed: found.failed,
            };
            if self.deployments.get(&found.id) != Some(&deployment) {
                self.deployments.insert(found.id.clone(), deployment.clone());
                events.push(Event::DeploymentChanged { deployment });
            }
        }
        let listed: BTreeSet<&str> =
            observation.service.deployments.iter().map(|found| found.id.as_str()).collect();
        // A stale answer is one from before, and old deployments are in it; only ours can be lacking in error.
        let gone: Vec<String> = self
            .deployments
            .keys()
            .filter(|id| **id != followed.deployment_id && !listed.contains(id.as_str()))
            .cloned()
            .collect();
        for id in gone {
            self.deployments.remove(&id);
            events.push(Event::DeploymentGone { id });
        }
        events
    }

    /// Tasks that appeared or changed, with their targets.
    pub fn tasks(
        &mut self,
        followed: &Followed,
        history: &History,
        memory: &Memory,
        observation: &Observation,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for task in &observation.tasks {
            let role = role(followed, history, observation, task);
            let known = self.tasks.get(task.id());
            // AWS lists stopped tasks for an hour (facts 3.1): those of before are not this rollout's story.
            if known.is_none() && task.is_stopped() && memory.others().contains(task.id()) {
                continue;
            }
            let state = TaskState {
                id: task.id().to_owned(),
                role,
                task_definition: Some(task.task_definition.clone()),
                last_status: task.last_status.clone(),
                desired_status: task.desired_status.clone(),
                health: task.health_status.clone(),
                targets: target_states(followed, observation, task),
                stopped: stopped(task),
            };
            if known != Some(&state) {
                self.tasks.insert(state.id.clone(), state.clone());
                events.push(Event::TaskChanged { task: state });
            }
        }
        events
    }
}

fn role(followed: &Followed, history: &History, observation: &Observation, task: &Task) -> Role {
    if let Some(undone) = &followed.undoes {
        let started_by = task.started_by.as_deref();
        return match () {
            () if task.task_definition == undone.task_definition => Role::Followed,
            () if started_by == Some(&followed.deployment_id) => Role::Newer,
            () => Role::Old,
        };
    }
    if followed.owns(task) {
        return Role::Followed;
    }
    let newer = task.started_by.as_deref().is_some_and(|id| history.is_newer(id));
    // Where `startedBy` does not tell, a revision that only a newer deployment runs does.
    let runs_newer = || {
        let mut running =
            observation.service.deployments.iter().filter(|d| d.task_definition == task.task_definition);
        running.next().is_some_and(|first| history.is_newer(&first.id))
            && running.all(|d| history.is_newer(&d.id))
    };
    let told = task.started_by.as_deref().is_some_and(|id| id.starts_with("ecs-svc/"));
    if newer || (!told && runs_newer()) { Role::Newer } else { Role::Old }
}

fn target_states(followed: &Followed, observation: &Observation, task: &Task) -> Vec<TargetState> {
    // The address of a stopped task may be another one's already.
    if task.is_stopped() {
        return Vec::new();
    }
    let find = if followed.owns(task) { targets::target } else { targets::target_of_any };
    followed
        .target_groups
        .iter()
        .filter_map(|group| {
            let target = find(observation, group, task)?;
            Some(TargetState {
                target_group: target_group_name(&group.arn).to_owned(),
                state: target.state.clone(),
                reason: target.reason.clone(),
                description: target.description.clone(),
            })
        })
        .collect()
}

/// Why a task stopped or is being stopped; `None` while it is to run.
pub fn stopped(task: &Task) -> Option<Stopped> {
    if !task.is_leaving() || (task.stop_code.is_none() && task.stopped_reason.is_none() && !task.is_stopped())
    {
        return None;
    }
    let says_something = |container: &&super::observation::Container| {
        container.exit_code.is_some() || container.reason.is_some()
    };
    Some(Stopped {
        code: task.stop_code.clone(),
        reason: task.stopped_reason.clone(),
        containers: task
            .containers
            .iter()
            .filter(says_something)
            .map(|container| StoppedContainer {
                name: container.name.clone(),
                exit_code: container.exit_code,
                reason: container.reason.clone(),
            })
            .collect(),
    })
}
