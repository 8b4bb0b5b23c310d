//! ECS fails the deployment and puts the service back: that is followed, and never fought.

use std::time::Duration;

use super::{Outcome, Phase, Rollout};
use crate::event::{Event, RollbackBy};
use crate::rollout::history::{Leader, says_rollback};
use crate::rollout::observation::{Deployment, Service};

/// A FAILED deployment whose rollback does not begin within this time and this many observations has none.
const NO_ROLLBACK_AFTER: Duration = Duration::from_secs(20);
const NO_ROLLBACK_OBSERVATIONS: u32 = 3;

impl Rollout {
    /// FAILED comes of the circuit breaker or an alarm, and a rollback follows where one is configured
    /// (facts 3.6, 3.8, 3.9).
    pub(super) fn failed_by_ecs(&mut self, ours: &Deployment, at: Duration, events: &mut Vec<Event>) {
        let said = ours.rollout_state_reason.as_deref().filter(|text| !text.is_empty());
        let reason = match said {
            Some(text) => format!("ECS marked the deployment FAILED ({})", text.trim_end_matches('.')),
            None => "ECS marked the deployment FAILED".to_owned(),
        };
        if let Some(finding) = self.ledger.deployment_failed(&reason) {
            events.push(Event::FindingMade { finding });
        }
        let (since, observations) = match &self.phase {
            Phase::Failed { since, observations, .. } => (*since, observations + 1),
            _ => (at, 1),
        };
        if observations >= NO_ROLLBACK_OBSERVATIONS && at.saturating_sub(since) >= NO_ROLLBACK_AFTER {
            self.fail(self.with_cause(reason));
        } else {
            self.phase = Phase::Failed { since, observations, reason };
        }
    }

    pub(super) fn begin_rollback(
        &mut self,
        primary: &Deployment,
        ours: Option<&Deployment>,
        events: &mut Vec<Event>,
    ) {
        let said = |deployment: Option<&Deployment>| {
            deployment.and_then(|d| d.rollout_state_reason.clone()).filter(|text| !text.is_empty())
        };
        let reason = match &self.phase {
            Phase::Failed { reason, .. } => reason.clone(),
            _ => said(ours.filter(|ours| ours.is_in("FAILED")))
                .or_else(|| said(Some(primary)))
                .unwrap_or_else(|| "ECS put the service back".to_owned()),
        };
        if let Some(finding) = self.ledger.deployment_failed(&reason) {
            events.push(Event::FindingMade { finding });
        }
        events.push(Event::RollbackStarted {
            by: RollbackBy::Ecs,
            task_definition: primary.task_definition.clone(),
            reason: self.with_cause(reason),
        });
        self.phase = Phase::RollingBack {
            deployment: primary.id.clone(),
            task_definition: primary.task_definition.clone(),
        };
    }

    pub(super) fn follow_rollback(
        &mut self,
        id: &str,
        leader: Leader<'_>,
        service: &Service,
        events: &mut Vec<Event>,
    ) {
        let Some(primary) = service.primary() else { return };
        if primary.id != id {
            match leader {
                // The rollback itself was rolled back to something older still.
                Leader::Rollback(next) if says_rollback(next) => self.begin_rollback(next, None, events),
                Leader::Rollback(next) | Leader::Other(next) if self.history.is_newer(&next.id) => {
                    self.end_rollback(false, events);
                    self.superseded_by(next);
                }
                // Anything else is an answer from before.
                _ => {}
            }
            return;
        }
        if primary.is_in("FAILED") {
            self.end_rollback(false, events);
            let reason = format!("ECS's rollback to {} failed, too", primary.task_definition);
            self.fail(self.with_cause(reason));
            return;
        }
        let done = match primary.rollout_state {
            Some(_) => primary.is_in("COMPLETED"),
            None => {
                service.deployments.iter().all(|other| other.id == primary.id || other.status == "INACTIVE")
            }
        };
        if done && primary.running == service.desired_count && primary.pending == 0 {
            let task_definition = primary.task_definition.clone();
            self.end_rollback(true, events);
            self.outcome = Some(Outcome::RolledBackByEcs { task_definition, complete: true });
        }
    }

    pub(super) fn end_rollback(&self, complete: bool, events: &mut Vec<Event>) {
        if let Phase::RollingBack { task_definition, .. } = &self.phase {
            events.push(Event::RollbackFinished {
                by: RollbackBy::Ecs,
                task_definition: task_definition.clone(),
                complete,
            });
        }
    }
}
