//! From stage to stage.

use std::time::Duration;

use super::{hooks::Say, model::Stage};
use crate::world::{
    World,
    service_deployments::{ServiceDeployment, Status},
    services::RolloutState,
};

/// How long a stage lasts in which nothing has to be waited for.
const PLAIN: Duration = Duration::from_secs(5);

impl World {
    /// The stages that a service goes through at present, unless its update is a rolling one without hooks, or goes
    /// back already.
    pub(crate) fn staged(&self, index: usize) -> Option<&ServiceDeployment> {
        self.history
            .current(&self.services[index].arn)
            .filter(|current| matches!(current.status, Status::Pending | Status::InProgress))
            .filter(|current| current.native.is_some())
    }

    /// Whether the old revision's tasks are to be kept; the ARN of that service revision.
    pub(crate) fn kept_revision(&self, index: usize) -> Option<String> {
        let native = self.staged(index)?.native.as_ref()?;
        native.keeps_old_tasks().then(|| native.keeps.clone())
    }

    /// Whether stages forbid to complete what is there.
    pub(crate) fn holds_end(&self, index: usize) -> bool {
        let native = self.staged(index).and_then(|current| current.native.as_ref());
        native.is_some_and(|native| native.holds_end())
    }

    /// Whether both revisions run in full beside each other, whatever `maximumPercent` is.
    pub(crate) fn runs_both(&self, index: usize) -> bool {
        let native = self.staged(index).and_then(|current| current.native.as_ref());
        native.is_some_and(|native| !native.rolling)
    }

    /// Whether stages forbid to start tasks of the new revision for now.
    pub(crate) fn holds_new_tasks(&self, index: usize) -> bool {
        let native = self.staged(index).and_then(|current| current.native.as_ref());
        native.is_some_and(|native| !native.scales_up())
    }

    /// Goes on to the next stages as far as it can be gone now.
    pub(crate) fn advance_stages(&mut self, index: usize) {
        while self.advance_one_stage(index) {}
    }

    fn advance_one_stage(&mut self, index: usize) -> bool {
        let now = self.now;
        let ready = self.new_tasks_healthy(index);
        let arn = self.services[index].arn.clone();
        let Some(current) = self.history.current_mut(&arn) else { return false };
        if !matches!(current.status, Status::Pending | Status::InProgress) {
            return false;
        }
        let Some(native) = current.native.as_mut() else { return false };
        let Some(stage) = native.stage else {
            self.enter_stage(index, Stage::ReconcileService);
            return true;
        };
        match native.ask_hooks(now) {
            Say::GoBack => {
                current.reason = Some("A lifecycle hook asked for a rollback.".to_owned());
                current.become_status(Status::RollbackRequested, now);
                self.services[index].wake(now);
                return false;
            }
            Say::Wait(until) => {
                self.services[index].wake(until);
                return false;
            }
            Say::GoOn => {}
        }
        if now < native.until {
            let until = native.until;
            self.services[index].wake(until);
            return false;
        }
        if stage == Stage::ProductionTrafficShift && !native.steps.is_empty() {
            let step = native.steps.remove(0);
            native.production = step.percent;
            native.until = now + step.hold.max(PLAIN);
            current.updated_at = now;
            return true;
        }
        if stage == Stage::CleanUp || (stage == Stage::ScaleUp && !ready) {
            return false;
        }
        let next = Stage::ALL.into_iter().find(|next| *next > stage && !native.passes_over(*next));
        if let Some(next) = next {
            self.enter_stage(index, next);
        }
        next.is_some()
    }

    fn enter_stage(&mut self, index: usize, stage: Stage) {
        let now = self.now;
        let arn = self.services[index].arn.clone();
        let ids: Vec<String> = (0..20).map(|_| self.history.new_id()).collect();
        let mut ids = ids.into_iter();
        let Some(current) = self.history.current_mut(&arn) else { return };
        current.updated_at = now;
        let Some(native) = current.native.as_mut() else { return };
        native.stage = Some(stage);
        native.until = match stage {
            Stage::ScaleUp | Stage::ProductionTrafficShift | Stage::CleanUp => now,
            Stage::BakeTime => now + native.bake,
            _ => now + PLAIN,
        };
        if stage == Stage::TestTrafficShift && native.has_test_traffic {
            native.test = 100.0;
        }
        native.start_hooks(stage, now, || ids.next().unwrap_or_default());
    }

    fn new_tasks_healthy(&self, index: usize) -> bool {
        let service = &self.services[index];
        let Some(primary) = service.deployments.first() else { return false };
        let own = self.tasks_of(service).filter(|task| task.deployment == primary.id && task.wanted);
        own.filter(|task| self.is_healthy(task)).count() == service.desired_count()
    }

    /// Carries out what was asked for: ROLLBACK_REQUESTED becomes a rollback.
    pub(crate) fn carry_out_rollback(&mut self, index: usize) {
        let now = self.now;
        let arn = self.services[index].arn.clone();
        let Some(current) = self.history.current(&arn) else { return };
        if current.status != Status::RollbackRequested {
            return;
        }
        let reason = current.reason.clone().unwrap_or_default();
        let entry = current.deployment.clone();
        let service = &mut self.services[index];
        if let Some(entry) = service.deployment_mut(&entry) {
            entry.rollout = RolloutState::Failed;
            entry.reason = format!("ECS deployment {} was stopped.", entry.id);
            entry.updated_at = now;
        }
        let Some(good) = service.last_completed.clone() else { return };
        let id = good.deployment.clone();
        service.say(&format!("rolling back to deployment {id}."), now, &mut self.random);
        self.roll_back(index, good, &reason);
        if let Some(rollback) = self.services[index].deployments.first_mut() {
            rollback.reason = format!("Service deployment rolling back to deploymentId {id}.");
        }
    }
}
