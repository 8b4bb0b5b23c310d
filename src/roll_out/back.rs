//! Back to what was last good: after a failure, at the end of the time, for an interrupt.

use std::time::Duration;

use tokio::time::Instant;

use super::RollOut;
use crate::aws::LiveService;
use crate::emit::StepTimer;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, RollbackBy, Step, Verdict};
use crate::plan::short;
use crate::rollout::{self, LogEvidence, Outcome, Policy, Rollout, Undone};
use crate::task_definition::TaskDefinition;

/// Why a service is put back although nothing is wrong with it.
pub(super) const INTERRUPTED: &str = "the run was interrupted";
/// So soon has ECS to answer to an interrupted run, which ends a second later (design 8).
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

impl RollOut<'_> {
    /// The run is interrupted: sets the service back to what was last good, and does not wait.
    pub(super) async fn leave_for(&self, rollout: &Rollout) -> Result<()> {
        let Some(good) = self.last_good(rollout.task_definition()).await else { return Ok(()) };
        let force = self.attributes.needs_force();
        self.update(&good, force, self.known_with(rollout), &self.attributes.undo).await?;
        self.events.emit(Event::RollbackStarted {
            by: RollbackBy::Landfall,
            task_definition: good,
            reason: INTERRUPTED.to_owned(),
        });
        Ok(())
    }

    /// Sets the service to the revision that was last good and watches until it is steady.
    /// `verdict` is what that makes of the run; without it the verdict is [`Verdict::Failed`].
    pub(super) async fn put_back(
        &self,
        rollout: &Rollout,
        verdict: Verdict,
        reason: String,
    ) -> (Verdict, String) {
        let not_put_back = |why: String| not_put_back(verdict, &reason, &why);
        if !self.config.rollback {
            return not_put_back("the service was left as it is (rollback: never)".to_owned());
        }
        let Some(good) = self.last_good(rollout.task_definition()).await else {
            return not_put_back(self.without_a_past().await);
        };
        let step = StepTimer::start(self.events, Step::Rollback);
        let complete = match self.return_to(rollout, &good, &reason).await {
            Ok(complete) => complete,
            Err(error) => {
                return not_put_back(format!("going back to {} failed: {error}", short(&good)));
            }
        };
        step.finish();
        self.events.emit(Event::RollbackFinished {
            by: RollbackBy::Landfall,
            task_definition: good.clone(),
            complete,
        });
        if complete {
            (verdict, format!("{reason}; the service was put back to {}", short(&good)))
        } else {
            not_put_back(format!("the service was set back to {}, but is not steady", short(&good)))
        }
    }

    /// The revision that was last good: of a deployment that was listed before the run or, where none was, of ECS's
    /// history of service deployments (facts 4.1).
    async fn last_good(&self, failed: &str) -> Option<String> {
        // The same revision as it was before its service's attributes changed is something to go back to.
        let failed = if self.attributes.undo.is_empty() { failed } else { "" };
        if let Some(good) = last_good(self.before, failed) {
            return Some(good);
        }
        let history = self.aws.completed_revisions(self.cluster, &self.config.service).await;
        history.ok().flatten()?.into_iter().find(|arn| arn != failed)
    }

    /// What becomes of a service that has never been good, in a few words.
    async fn without_a_past(&self) -> String {
        let nothing = "there is no earlier revision to go back to";
        if !self.config.scale_to_zero_on_first_failure {
            return format!(
                "{nothing}, and ECS goes on trying (--on-first-failure scale-to-zero stops that)"
            );
        }
        if self.before.rules.daemon {
            return format!("{nothing}, and ECS goes on trying: nobody can scale a DAEMON service to zero");
        }
        match self.aws.scale_service(self.cluster, &self.config.service, 0).await {
            Ok(()) => format!("{nothing}, so its desired count was set to 0"),
            Err(error) => format!("{nothing}, and setting its desired count to 0 failed: {error}"),
        }
    }

    /// Ids of the deployments that a call of UpdateService from now on does not make.
    fn known_with(&self, rollout: &Rollout) -> Vec<String> {
        let before = self.before.service.deployments.iter().map(|known| known.id.clone());
        before.chain([rollout.deployment_id().to_owned()]).collect()
    }

    async fn return_to(&self, failed: &Rollout, revision: &str, reason: &str) -> Result<bool> {
        let force = self.attributes.needs_force();
        let updated = self.update(revision, force, self.known_with(failed), &self.attributes.undo).await?;
        // Said when it is true: an interrupt before the answer must not claim that ECS goes back.
        self.events.emit(Event::RollbackStarted {
            by: RollbackBy::Landfall,
            task_definition: revision.to_owned(),
            reason: reason.to_owned(),
        });
        let started = Instant::now();
        let undone = Undone {
            deployment_id: failed.deployment_id().to_owned(),
            task_definition: failed.task_definition().to_owned(),
        };
        let live = &updated.live;
        let mut followed = self.followed(live, updated.deployment_id, revision);
        followed.earlier_deployments.push(undone.deployment_id.clone());
        followed.earlier_task_definition = None;
        followed.seen_event_ids.extend(live.service.events.iter().map(|event| event.id.clone()));
        followed.resumed = false;
        followed.undoes = Some(undone);
        // What is healthy is judged by the revision that serves again, and what fails explained by it.
        let definition = self.definition_of(revision).await;
        let definition = definition.as_ref().unwrap_or(self.before_definition);
        followed.judge_by(definition);
        self.read_health_checks(&mut followed).await;
        let policy = self.policy(live, &followed, definition);
        let policy = Policy { wait_for: rollout::WaitFor::Steady, ..policy };
        let mut rollout = Rollout::new(followed, policy);
        let mut logs = LogEvidence::new(self.aws, definition, self.events).of_rollback();
        let outcome = self.watch(&mut rollout, started, &mut logs).await?;
        logs.finish().await;
        Ok(matches!(outcome, Outcome::Succeeded { .. }))
    }

    /// The document of a revision that is gone back to, where it is another one than the service ran before.
    async fn definition_of(&self, revision: &str) -> Option<TaskDefinition> {
        if revision == self.before.task_definition {
            return None;
        }
        let found = self.aws.describe_task_definition(revision).await.ok().flatten();
        found.map(|(_, definition)| definition)
    }
}

/// How a rollout ends that would have had `verdict` with the service put back.
pub(super) fn not_put_back(verdict: Verdict, reason: &str, why: &str) -> (Verdict, String) {
    let verdict = if verdict == Verdict::TimedOut { verdict } else { Verdict::Failed };
    (verdict, format!("{reason}; {why}"))
}

/// What ECS answers to an interrupted run that wants the service put back.
///
/// # Errors
/// That it was not put back, and why; also where there is no answer in time.
pub(super) async fn in_time<T>(asking: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = tokio::time::timeout(ANSWERED_WITHIN, asking).await.unwrap_or_else(|_| {
        let seconds = ANSWERED_WITHIN.as_secs();
        Err(Error::new(ErrorKind::Aws, format!("there was no answer within {seconds} s")))
    });
    answer.map_err(|error| {
        Error::new(error.kind(), format!("{INTERRUPTED}, and the service could not be put back"))
            .hint("`landfall status` says what ECS is doing; `landfall rollback` puts the service back.")
            .source(error)
    })
}

/// The revision of the newest deployment that was COMPLETED before this run (design 3: "last known
/// good"); a deployment without a rollout state counts when it is the only one.
pub(crate) fn last_good(before: &LiveService, failed: &str) -> Option<String> {
    let deployments = &before.service.deployments;
    let completed =
        deployments.iter().find(|deployment| deployment.rollout_state.as_deref() == Some("COMPLETED"));
    let only = match deployments.as_slice() {
        [only] if only.rollout_state.is_none() => Some(only),
        _ => None,
    };
    completed.or(only).map(|deployment| deployment.task_definition.clone()).filter(|arn| arn != failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_good_revision_is_the_one_that_was_completed() {
        let good =
            |deployments: &[(&str, Option<&str>)]| last_good(&LiveService::testing(deployments), "web:4");
        assert_eq!(good(&[("web:3", Some("COMPLETED"))]).as_deref(), Some("web:3"));
        // Not simply the one before: web:3 was still on its way, or had failed.
        let on_its_way = [("web:3", Some("IN_PROGRESS")), ("web:2", Some("COMPLETED"))];
        assert_eq!(good(&on_its_way).as_deref(), Some("web:2"));
        assert_eq!(good(&[("web:3", Some("FAILED"))]), None);
        assert_eq!(good(&[("web:3", None)]).as_deref(), Some("web:3"));
        // A redeployment of the same revision has nothing to go back to.
        assert_eq!(good(&[("web:4", Some("COMPLETED"))]), None);
        assert_eq!(good(&[]), None);
    }
}
