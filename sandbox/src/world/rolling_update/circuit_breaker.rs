//! Failed tasks, back-off, and the deployment circuit breaker (facts 3.6 and 3.8).

use std::time::Duration;

use crate::world::{World, services::RolloutState, tasks::Task};

/// After this many failed starts in a row ECS says that it is unable to start tasks.
const IMPAIRED_AFTER: u32 = 4;
/// The back-off ends here.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(27 * 60);

impl World {
    /// Notes that a task failed by itself: the scheduler waits before it starts another one, and
    /// the circuit breaker counts it when it never reached RUNNING.
    pub(super) fn note_failure(&mut self, index: usize, task: usize) {
        let task = &self.tasks[task];
        let never_ran = task.started_at.is_none();
        let id = task.deployment.clone();
        let reason = task.stopped_reason.clone().unwrap_or_default();
        let to_start = task.stop_code == Some("TaskFailedToStart");
        let now = self.now;
        let service = &mut self.services[index];
        if to_start {
            let message = format!("was unable to place a task. Reason: {}.", reason.trim_end_matches('.'));
            service.say(&message, now, &mut self.random);
        }
        let Some(deployment) = service.deployment_mut(&id) else { return };
        let impaired = if never_ran {
            deployment.failed_tasks += 1;
            deployment.failed_starts += 1;
            let wait = back_off(deployment.failed_starts);
            deployment.retry_at = Some(now + wait + self.random.between_ms(0, 2_000));
            deployment.failed_starts == IMPAIRED_AFTER
        } else {
            // No back-off for tasks that reached RUNNING.
            deployment.retry_at = Some(now + self.random.between_ms(4_000, 8_000));
            false
        };
        deployment.updated_at = now;
        if impaired {
            service.say("is unable to consistently start tasks successfully.", now, &mut self.random);
        }
    }

    /// A task that a health check stopped counts too, and is replaced at once.
    pub(super) fn note_health_failure(&mut self, index: usize, deployment: &str) {
        let now = self.now;
        if let Some(deployment) = self.services[index].deployment_mut(deployment) {
            deployment.failed_tasks += 1;
            deployment.updated_at = now;
        }
    }

    /// A task became healthy for the first time: the counters start again, unless the service says
    /// otherwise (`resetOnHealthyTask`).
    pub(super) fn note_healthy(&mut self, index: usize, deployment: &str) {
        let reset =
            self.services[index].circuit_breaker().is_none_or(|breaker| breaker.reset_on_healthy_task);
        if let Some(deployment) = self.services[index].deployment_mut(deployment) {
            deployment.failed_starts = 0;
            if reset {
                deployment.failed_tasks = 0;
            }
        }
    }

    /// Fails the PRIMARY deployment when the breaker's threshold is reached, and rolls back when
    /// that is wanted and there is something to go back to.
    pub(super) fn trip_circuit_breaker(&mut self, index: usize) {
        let now = self.now;
        let service = &mut self.services[index];
        let Some(breaker) = service.circuit_breaker() else { return };
        let Some(primary) = service.deployments.first_mut() else { return };
        if primary.rollout != RolloutState::InProgress || primary.failed_tasks < breaker.threshold {
            return;
        }
        primary.rollout = RolloutState::Failed;
        "ECS deployment circuit breaker: tasks failed to start.".clone_into(&mut primary.reason);
        primary.updated_at = now;
        let (failed, revision) = (primary.id.clone(), primary.task_definition.clone());
        let message = format!("(deployment {failed}) deployment failed: tasks failed to start.");
        service.say(&message, now, &mut self.random);

        let Some(good) = service.last_completed.clone() else { return };
        if !breaker.rollback || good.task_definition == revision {
            return;
        }
        let id = good.deployment.clone();
        service.say(&format!("rolling back to deployment {id}."), now, &mut self.random);
        self.roll_back(
            index,
            good,
            "Service deployment rolled back because the circuit breaker threshold was exceeded.",
        );
        if let Some(rollback) = self.services[index].deployments.first_mut() {
            rollback.reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {id}.");
        }
    }

    /// Whether a task that is no longer wanted failed by itself, as against being stopped.
    pub(super) fn failed_by_itself(task: &Task) -> bool {
        matches!(task.stop_code, Some("TaskFailedToStart" | "EssentialContainerExited"))
    }
}

/// 10 s, then half as long again each time.
fn back_off(failures: u32) -> Duration {
    let factor = 1.5_f64.powi(i32::try_from(failures.clamp(1, 30)).unwrap_or(30) - 1);
    Duration::from_secs(10).mul_f64(factor).min(LONGEST_BACK_OFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backs_off_up_to_27_minutes() {
        assert_eq!(back_off(1), Duration::from_secs(10));
        assert_eq!(back_off(2), Duration::from_secs(15));
        assert_eq!(back_off(u32::MAX), LONGEST_BACK_OFF);
    }
}
