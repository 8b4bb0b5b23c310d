//! How a service deployment follows what the scheduler does.

use serde_json::{Map, Value};

use super::{Native, ServiceDeployment, ServiceRevision, Status, model::Rollback, other_target_groups};
use crate::world::{World, services::RolloutState};

impl World {
    /// Notes that the service is to run `task_definition` from now on, as a service revision and a
    /// PENDING service deployment; whatever was under way is asked to stop (facts 3.4). The new
    /// revision's ARN and settings are the answer. `deployment` is the entry of `deployments[]` that
    /// begins.
    pub(crate) fn note_service_deployment(
        &mut self,
        index: usize,
        task_definition: &str,
        deployment: &str,
    ) -> (String, Map<String, Value>) {
        let now = self.now;
        let service = &self.services[index];
        let path = format!("{}/{}", service.cluster, service.name);
        let (revision, arn) = (self.history.new_id(), self.history.new_id());
        let revision = self.ecs_arn(&format!("service-revision/{path}/{revision}"));
        let arn = self.ecs_arn(&format!("service-deployment/{path}/{arn}"));
        let service = &self.services[index];
        let mut sources: Vec<String> = Vec::new();
        for entry in &service.deployments {
            if !sources.contains(&entry.service_revision) {
                sources.push(entry.service_revision.clone());
            }
        }
        let running =
            service.last_completed.as_ref().and_then(|good| self.history.revision(&good.service_revision));
        let native = running.and_then(|running| Native::new(&service.settings, running.arn.clone(), now));
        let settings = match running.filter(|_| native.as_ref().is_some_and(|native| !native.rolling)) {
            Some(running) => other_target_groups(&service.settings, &running.settings),
            None => service.settings.clone(),
        };
        for earlier in &mut self.history.deployments {
            if earlier.service_arn == service.arn && !earlier.status.is_terminal() {
                earlier.become_status(Status::StopRequested, now);
                earlier.reason = Some("Service deployment was replaced by a newer one.".to_owned());
            }
        }
        self.history.revisions.push(ServiceRevision {
            arn: revision.clone(),
            service_arn: service.arn.clone(),
            cluster: service.cluster.clone(),
            task_definition: task_definition.to_owned(),
            settings: settings.clone(),
            created_at: now,
        });
        self.history.deployments.push(ServiceDeployment {
            arn,
            service_arn: service.arn.clone(),
            cluster: service.cluster.clone(),
            deployment: deployment.to_owned(),
            sources,
            target: revision.clone(),
            status: Status::Pending,
            reason: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: now,
            rollback: None,
            configuration: service.settings.get("deploymentConfiguration").cloned().unwrap_or(Value::Null),
            native,
        });
        (revision, settings)
    }

    /// Notes that the entry `deployment` puts the service back to a service revision, as part of the
    /// service deployment that failed.
    pub(crate) fn note_rollback(&mut self, index: usize, deployment: &str, revision: &str, reason: &str) {
        let now = self.now;
        let service_arn = self.services[index].arn.clone();
        if let Some(current) = self.history.current_mut(&service_arn) {
            current.deployment = deployment.to_owned();
            current.reason = Some(reason.to_owned());
            current.rollback =
                Some(Rollback { reason: reason.to_owned(), started_at: now, revision: revision.to_owned() });
            if let Some(native) = &mut current.native {
                (native.production, native.test) = (0.0, 0.0);
            }
            current.become_status(Status::RollbackInProgress, now);
        }
    }

    /// The scheduler has looked at the service: its service deployments follow.
    pub(crate) fn follow_service_deployments(&mut self, index: usize) {
        let now = self.now;
        let service = &self.services[index];
        let own = |deployment: &&mut ServiceDeployment| {
            deployment.service_arn == service.arn && !deployment.status.is_terminal()
        };
        for deployment in self.history.deployments.iter_mut().filter(own) {
            let entry = service.deployments.iter().find(|entry| entry.id == deployment.deployment);
            let rollout = entry.map(|entry| entry.rollout);
            match (deployment.status, rollout) {
                // The entry is gone from the list once its tasks are.
                (Status::StopRequested, None | Some(RolloutState::Failed)) => {
                    deployment.become_status(Status::Stopped, now);
                }
                (Status::StopRequested, _) => {}
                (Status::RollbackInProgress, Some(RolloutState::Completed)) => {
                    deployment.become_status(Status::RollbackSuccessful, now);
                }
                (Status::RollbackInProgress, Some(RolloutState::Failed)) => {
                    deployment.become_status(Status::RollbackFailed, now);
                }
                (Status::RollbackRequested | Status::RollbackInProgress, _) => {}
                (_, Some(RolloutState::Completed)) => {
                    deployment.started_at.get_or_insert(now);
                    deployment.become_status(Status::Successful, now);
                }
                // Failed and nothing to go back to: the model knows no FAILED, and the page says that
                // the breaker stops the service deployment then (facts 4.2).
                (_, Some(RolloutState::Failed)) => {
                    deployment.reason = entry.map(|entry| entry.reason.clone());
                    deployment.become_status(Status::StopRequested, now);
                    deployment.become_status(Status::Stopped, now);
                }
                (Status::Pending, Some(RolloutState::InProgress)) => {
                    deployment.become_status(Status::InProgress, now);
                }
                _ => {}
            }
        }
    }
}
