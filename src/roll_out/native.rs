//! Services whose strategy is BLUE_GREEN, LINEAR or CANARY: ECS goes through stages by itself, and what goes
//! wrong is put back by StopServiceDeployment (facts 4).

use std::time::Duration;

use tokio::time::Instant;

use super::back::{INTERRUPTED, in_time, not_put_back};
use super::{RollOut, short};
use crate::config::WaitFor;
use crate::emit::StepTimer;
use crate::error::Result;
use crate::event::{Event, RollbackBy, Step, Verdict};
use crate::rollout::{
    LogEvidence, Native, NativeEnd, NativeFollowed, NativeOutcome, Outcome, Policy, Rollout, find_native,
    follow_rollback, watch_native,
};

/// So many looks find a service deployment that was made a moment before an interrupt.
const INTERRUPT_LOOKS: u32 = 3;

/// The policy of the ordinary machine beside a service deployment: whose time it is and how long a pause or a bake may
/// last is for that one to say. A rolling update keeps its own.
pub(super) fn patient(native: &Native, policy: Policy) -> Policy {
    if native.followed().rolling {
        return policy;
    }
    let wait_for = crate::rollout::WaitFor::Steady;
    Policy { wait_for, timeout: Duration::MAX, stall_timeout: Duration::MAX, ..policy }
}

impl RollOut<'_> {
    /// What follows the service deployment, where it has stages or may be paused. Asked before
    /// the update, so that what is new afterwards is known. `is_new`: whether an update is going to be made.
    pub(super) async fn native(&self, revision: &str, is_new: bool) -> Result<Option<Native>> {
        let live = self.before;
        if !live.has_stages() || self.config.wait_for == WaitFor::None {
            return Ok(None);
        }
        let (cluster, service) = (self.cluster, &self.config.service);
        let rolling = !live.is_native();
        let mut known = Vec::new();
        if is_new {
            let listed = match self.aws.list_service_deployments(cluster, service, &[]).await {
                // A rolling update can be followed without; only pauses are not told then.
                Err(error) if rolling => {
                    self.events.warn(
                        format!("pauses at lifecycle hooks cannot be told: {error}"),
                        error.hint_text(),
                    );
                    return Ok(None);
                }
                listed => listed?,
            };
            known.extend(listed.unwrap_or_default().into_iter().map(|listed| listed.arn));
        }
        Ok(Some(Native::new(NativeFollowed {
            task_definition: revision.to_owned(),
            earlier_task_definition: self.earlier_revision(revision),
            name: self.config.name.clone(),
            known,
            until_healthy: self.config.wait_for == WaitFor::Healthy,
            timeout: if rolling { Duration::MAX } else { self.config.timeout },
            rolling,
            alternate_target_groups: live.alternate_target_groups.clone(),
        })))
    }

    /// Follows a service deployment to a verdict. `None` where the run was interrupted and ECS told to put the service
    /// back for that.
    pub(super) async fn roll_out_native(
        &self,
        rollout: &mut Rollout,
        mut native: Native,
        started: Instant,
        step: StepTimer<'_>,
        logs: &mut LogEvidence<'_>,
    ) -> Result<Option<(Verdict, String)>> {
        let service = &self.config.service;
        let end = tokio::select! {
            end = watch_native(self.watching, service, rollout, &mut native, self.events, started, logs) => Some(end?),
            () = self.interrupted() => None,
        };
        let Some(end) = end else {
            self.stop_for_interrupt(rollout, native).await?;
            return Ok(None);
        };
        Ok(Some(match end {
            NativeEnd::Native(NativeOutcome::Succeeded) => {
                step.finish();
                let reason = match native.followed().until_healthy {
                    true => "all production traffic goes to healthy tasks of the new revision",
                    false => "the service deployment is SUCCESSFUL: all traffic goes to the new revision",
                };
                (Verdict::Succeeded, reason.to_owned())
            }
            NativeEnd::Native(NativeOutcome::RolledBackByEcs { reason, complete: true }) => {
                (Verdict::RolledBack, format!("ECS put the service back: {}", cause(rollout, &reason)))
            }
            NativeEnd::Native(NativeOutcome::RolledBackByEcs { reason, complete: false }) => (
                Verdict::Failed,
                format!(
                    "ECS began to put the service back, but has not done so: {}",
                    cause(rollout, &reason)
                ),
            ),
            NativeEnd::Native(NativeOutcome::Stopped { reason }) => {
                (Verdict::Failed, format!("the service deployment was STOPPED where it was: {reason}"))
            }
            // The new tasks serve or can be made to, and somebody may be meant to say how to go on.
            NativeEnd::Native(NativeOutcome::TimedOut { reason }) if rollout.healthy_at().is_some() => (
                Verdict::TimedOut,
                format!(
                    "{reason}; the new tasks are healthy, so ECS goes on and the service was not put back"
                ),
            ),
            NativeEnd::Native(NativeOutcome::TimedOut { reason }) => {
                self.stop_native(rollout, native, Verdict::TimedOut, cause(rollout, &reason)).await
            }
            NativeEnd::Rollout(Outcome::Failed { reason }) => {
                self.stop_native(rollout, native, Verdict::RolledBack, reason).await
            }
            NativeEnd::Rollout(Outcome::TimedOut { reason }) if native.is_paused() => {
                let reason = format!("{reason}; {}", native.standing());
                match rollout.healthy_at() {
                    Some(_) => self.judge(rollout, Outcome::TimedOut { reason }).await,
                    None => self.stop_native(rollout, native, Verdict::TimedOut, reason).await,
                }
            }
            NativeEnd::Rollout(outcome) => {
                if matches!(outcome, Outcome::Succeeded { .. }) {
                    step.finish();
                }
                self.judge(rollout, outcome).await
            }
        }))
    }

    /// The run is interrupted: has ECS put the service back, and looks at it for as long as the run lasts.
    async fn stop_for_interrupt(&self, rollout: &Rollout, mut native: Native) -> Result<()> {
        let Some(good) = in_time(self.stop_or_leave(rollout, &mut native)).await? else { return Ok(()) };
        let service = &self.config.service;
        // Whoever interrupts will not wait: `deploy` cuts this short, and ECS goes on by itself.
        let limit = self.config.timeout;
        if follow_rollback(self.watching, service, &mut native.undo(), self.events, limit).await? {
            self.events.emit(Event::RollbackFinished {
                by: RollbackBy::Landfall,
                task_definition: good,
                complete: true,
            });
        }
        Ok(())
    }

    /// Has ECS put the service back; what its service deployment goes back to, if there is one that does.
    async fn stop_or_leave(&self, rollout: &Rollout, native: &mut Native) -> Result<Option<String>> {
        // The interrupt may have come before the service deployment was listed.
        if !find_native(self.watching, &self.config.service, native, INTERRUPT_LOOKS).await? {
            self.leave_for(rollout).await?;
            return Ok(None);
        }
        let Some(arn) = native.arn().map(str::to_owned) else { return Ok(None) };
        if !native.is_under_way() || native.is_rolling_back() {
            return Ok(None);
        }
        self.aws.stop_service_deployment(&arn).await?;
        let good = earlier(native);
        self.events.emit(Event::RollbackStarted {
            by: RollbackBy::Landfall,
            task_definition: good.clone(),
            reason: INTERRUPTED.to_owned(),
        });
        Ok(Some(good))
    }

    /// Has ECS put the service back, and waits until it has.
    async fn stop_native(
        &self,
        rollout: &Rollout,
        native: Native,
        verdict: Verdict,
        reason: String,
    ) -> (Verdict, String) {
        let not_put_back = |why: String| not_put_back(verdict, &reason, &why);
        if !self.config.rollback {
            return not_put_back("the service was left as it is (rollback: never)".to_owned());
        }
        let Some(arn) = native.arn().map(str::to_owned) else {
            // It was never found, or this endpoint has none: there is nothing to stop.
            return self.put_back(rollout, verdict, reason).await;
        };
        if !native.is_under_way() && native.followed().rolling {
            return self.put_back(rollout, verdict, reason).await;
        }
        if !native.is_under_way() {
            return not_put_back(format!("there is nothing left to stop: {}", native.standing()));
        }
        let good = earlier(&native);
        let step = StepTimer::start(self.events, Step::Rollback);
        if let Err(error) = self.aws.stop_service_deployment(&arn).await {
            return not_put_back(format!("going back to {} failed: {error}", short(&good)));
        }
        self.events.emit(Event::RollbackStarted {
            by: RollbackBy::Landfall,
            task_definition: good.clone(),
            reason: reason.clone(),
        });
        let (service, limit) = (&self.config.service, self.config.timeout);
        let mut native = native.undo();
        let complete = match follow_rollback(self.watching, service, &mut native, self.events, limit).await {
            Ok(complete) => complete,
            Err(error) => return not_put_back(format!("going back could not be followed: {error}")),
        };
        self.events.emit(Event::RollbackFinished {
            by: RollbackBy::Landfall,
            task_definition: good.clone(),
            complete,
        });
        if complete {
            step.finish();
            (verdict, format!("{reason}; the service was put back to {}", short(&good)))
        } else {
            not_put_back(format!(
                "the service deployment was told to go back to {}, and has not done so",
                short(&good)
            ))
        }
    }
}

/// What the service ran before.
fn earlier(native: &Native) -> String {
    let earlier = native.followed().earlier_task_definition.clone();
    earlier.unwrap_or_else(|| "the service revision before".to_owned())
}

/// A reason with the main finding, if there is one.
fn cause(rollout: &Rollout, reason: &str) -> String {
    let reason = reason.trim_end_matches('.');
    match rollout.findings().first() {
        Some(finding) => format!("{reason}: {}", finding.title),
        None => reason.to_owned(),
    }
}
