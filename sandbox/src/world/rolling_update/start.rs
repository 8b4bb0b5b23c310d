//! A new deployment.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{
    Scenario,
    world::{
        World,
        services::{Completed, Deployment, RolloutState},
    },
};

/// The scheduler sees a new deployment this many milliseconds later.
const FIRST_LOOK_MS: (u64, u64) = (1_000, 2_500);
/// In the scenario `superseded`, someone else deploys this long after the deployment.
const INTERFERENCE_AFTER: Duration = Duration::from_secs(15);

impl World {
    /// Makes a PRIMARY deployment, and the service deployment that it belongs to; the one before it is
    /// ACTIVE from now on. With `adopt`, running tasks of the same revision become its own instead of
    /// being replaced.
    pub(crate) fn start_deployment(&mut self, index: usize, task_definition: String, adopt: bool) {
        let id = self.new_deployment_id();
        let (service_revision, settings) = self.note_service_deployment(index, &task_definition, &id);
        let revision = Completed { deployment: id, task_definition, service_revision };
        self.begin(index, revision, settings, adopt);
    }

    /// Makes the PRIMARY deployment that puts a service back to what was COMPLETED last.
    pub(crate) fn roll_back(&mut self, index: usize, good: Completed, reason: &str) {
        let id = self.new_deployment_id();
        self.note_rollback(index, &id, &good.service_revision, reason);
        let settings = match self.history.revision(&good.service_revision) {
            Some(revision) => revision.settings.clone(),
            None => self.services[index].settings.clone(),
        };
        self.begin(index, Completed { deployment: id, ..good }, settings, true);
    }

    fn new_deployment_id(&mut self) -> String {
        format!("ecs-svc/{}", 1_000_000_000_000_000_000 + self.random.below(8_999_999_999_999_999_999))
    }

    fn begin(&mut self, index: usize, what: Completed, settings: Map<String, Value>, adopt: bool) {
        let Completed { deployment: id, task_definition, service_revision } = what;
        let now = self.now;
        let afflicted = self.armed && !self.seeded_revisions.contains(&task_definition);
        let first_look = now + self.random.between_ms(FIRST_LOOK_MS.0, FIRST_LOOK_MS.1);

        let service = &mut self.services[index];
        let interfere = afflicted && self.scenario == Scenario::Superseded && !service.interfered;
        if interfere && service.interference_at.is_none() {
            service.interference_at = Some(now + INTERFERENCE_AFTER);
        }
        if adopt {
            for task in self.tasks.iter_mut().filter(|task| {
                task.wanted
                    && task.cluster == service.cluster
                    && task.service == service.name
                    && task.task_definition == task_definition
            }) {
                task.deployment.clone_from(&id);
            }
        }
        let deployment = Deployment {
            reason: format!("ECS deployment {id} in progress."),
            id,
            task_definition,
            service_revision,
            created_at: now,
            updated_at: now,
            rollout: RolloutState::InProgress,
            failed_tasks: 0,
            failed_starts: 0,
            retry_at: None,
            afflicted,
            settings,
            bakes_until: None,
            said_blocked: false,
        };
        service.deployments.insert(0, deployment);
        service.steady = false;
        service.wake_at = Some(first_look);
        service.measurement.restart(now);
    }
}
