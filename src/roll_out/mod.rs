//! From the update of a service to a verdict: UpdateService, watching, and putting it back where that is wanted.
//!
//! Exactly one `UpdateService` is made, and one more where the service is put back; the deployment that is followed is
//! the PRIMARY in its response, never one that was found by listing.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::aws::{Aws, LiveService, Updated, Watching};
use crate::config::{ServiceConfig, WaitFor};
use crate::emit::{Emitter, StepTimer};
use crate::error::Result;
use crate::event::{Event, Step, Verdict, ZeroDowntime};
use crate::plan::{Action, short};
use crate::rollout::{
    self, Board, Followed, LogEvidence, Native, Outcome, Policy, Probe, Rollout, container_check_time, floor,
    least_stall_timeout, watch,
};
use crate::service_definition::ServiceUpdate;
use crate::task_definition::TaskDefinition;

mod back;
mod native;

use back::in_time;
pub(crate) use back::last_good;

/// How long the settings of target groups are waited for.
const SETTINGS_LIMIT: Duration = Duration::from_secs(3);

/// One service that is about to be updated.
pub struct RollOut<'a> {
    /// AWS.
    pub aws: &'a Aws,
    /// What watchers of this run share.
    pub watching: &'a Watching,
    /// The ECS cluster.
    pub cluster: &'a str,
    /// The service, how long to wait, and whether to put it back.
    pub config: &'a ServiceConfig,
    /// Where events go.
    pub events: &'a Emitter,
    /// What the tasks were last seen doing, for the probe.
    pub board: &'a Arc<Board>,
    /// The service as it was before the update.
    pub before: &'a LiveService,
    /// The attributes of the service that change in the same call, and back with it.
    pub attributes: &'a ServiceUpdate,
    /// The revision that it ran.
    pub before_definition: &'a TaskDefinition,
    /// The revision that it shall run.
    pub definition: &'a TaskDefinition,
    /// What is done about it.
    pub action: &'a Action,
    /// Puts the service back when it is cancelled, where that is wanted.
    pub interrupt: Option<&'a CancellationToken>,
}

impl RollOut<'_> {
    /// Updates the service and follows the deployment to a verdict.
    ///
    /// # Errors
    /// What kept it from being followed. How the rollout ended is in the events.
    pub async fn run(&self, revision: &str) -> Result<()> {
        let before = self.before;
        let updates = matches!(*self.action, Action::Update | Action::Redeploy);
        if *self.action == Action::Adjust {
            return self.adjust().await;
        }
        let native = self.native(revision, updates).await?;
        let probe = self.start_probe().await?;
        let (deployment_id, live) = match self.action {
            Action::Nothing | Action::Adjust => {
                self.finish(Verdict::Unchanged, format!("{} runs already", short(revision)));
                return Ok(());
            }
            Action::Follow(id) => {
                self.events.warn(
                    format!(
                        "{id} deploys {} already: it is followed, and the service is not updated",
                        short(revision)
                    ),
                    None,
                );
                (id.clone(), before.clone())
            }
            // It would only be put back again.
            Action::Update | Action::Redeploy if self.is_interrupted() => return Ok(()),
            Action::Update | Action::Redeploy => {
                let step = StepTimer::start(self.events, Step::UpdateService);
                let known = before.service.deployments.iter().map(|known| known.id.clone()).collect();
                let force = *self.action == Action::Redeploy || self.attributes.needs_force();
                let updated = self.update(revision, force, known, &self.attributes.set).await?;
                step.finish();
                (updated.deployment_id, updated.live)
            }
        };
        let started = Instant::now();
        self.events.emit(Event::ServiceUpdated {
            deployment_id: deployment_id.clone(),
            task_definition: revision.to_owned(),
            previous_task_definition: self.earlier_revision(revision),
            desired_count: live.service.desired_count,
            floor: floor(live.service.desired_count, live.minimum_healthy_percent),
        });
        if self.config.wait_for == WaitFor::None {
            let reason = "the deployment was started and is not watched (wait for: none)".to_owned();
            self.finish(Verdict::Succeeded, reason);
            return Ok(());
        }

        let step = StepTimer::start(self.events, Step::Watch);
        let mut followed = self.followed(&live, deployment_id, revision);
        self.read_health_checks(&mut followed).await;
        let policy = self.policy(&live, &followed, self.definition);
        let policy = match &native {
            Some(native) => native::patient(native, policy),
            None => policy,
        };
        let mut rollout = Rollout::new(followed, policy);
        let mut logs = LogEvidence::new(self.aws, self.definition, self.events);
        let followed = self.follow(&mut rollout, native, started, step, &mut logs).await?;
        let Some((verdict, reason)) = followed else { return Ok(()) };
        logs.finish().await;
        let zero_downtime = Some(self.measured(&rollout, probe, verdict).await);
        self.events.emit(Event::RolloutFinished { verdict, reason, zero_downtime });
        Ok(())
    }

    /// Follows the deployment to a verdict, and puts the service back where that is wanted. `None` where the run was
    /// interrupted and the service set back for that.
    async fn follow(
        &self,
        rollout: &mut Rollout,
        native: Option<Native>,
        started: Instant,
        step: StepTimer<'_>,
        logs: &mut LogEvidence<'_>,
    ) -> Result<Option<(Verdict, String)>> {
        if let Some(native) = native {
            return self.roll_out_native(rollout, native, started, step, logs).await;
        }
        let outcome = tokio::select! {
            outcome = self.watch(rollout, started, logs) => Some(outcome?),
            () = self.interrupted() => None,
        };
        let Some(outcome) = outcome else {
            // Whoever interrupts will not wait: ECS is told, and goes on by itself.
            in_time(self.leave_for(rollout)).await?;
            return Ok(None);
        };
        // A watch that ends badly is not a step that was done; reporters close it with the verdict.
        if matches!(outcome, Outcome::Succeeded { .. }) {
            step.finish();
        }
        Ok(Some(self.judge(rollout, outcome).await))
    }

    /// Whether the run is interrupted, and services are to be put back for that.
    fn is_interrupted(&self) -> bool {
        self.interrupt.is_some_and(CancellationToken::is_cancelled)
    }

    /// Comes back when the run is interrupted and the service is to be put back for that; otherwise never.
    async fn interrupted(&self) {
        match self.interrupt {
            Some(interrupt) => interrupt.cancelled().await,
            None => std::future::pending().await,
        }
    }

    /// Begins to send requests, where there is a rollout to watch and something that can answer.
    async fn start_probe(&self) -> Result<Option<Probe>> {
        let watched = *self.action != Action::Nothing && self.config.wait_for != WaitFor::None;
        let ran_before = self.before.service.running_count > 0;
        let Some(config) = self.config.probe.as_ref().filter(|_| watched && ran_before) else {
            return Ok(None);
        };
        let follows = matches!(*self.action, Action::Follow(_));
        Probe::start(config, self.board, self.events, follows).await.map(Some)
    }

    async fn measured(&self, rollout: &Rollout, probe: Option<Probe>, verdict: Verdict) -> ZeroDowntime {
        let measured = rollout.zero_downtime();
        let Some(probe) = probe else { return measured };
        let over = match verdict {
            Verdict::Succeeded => self.config.wait_for == WaitFor::Steady,
            Verdict::RolledBack => true,
            _ => false,
        };
        measured.with_probe(probe.finish(over).await)
    }

    /// The one call of UpdateService. `known` are ids of deployments that it does not make.
    async fn update(
        &self,
        revision: &str,
        force: bool,
        known: Vec<String>,
        attributes: &Map<String, Value>,
    ) -> Result<Updated> {
        let service = &self.config.service;
        self.aws.update_service_and(self.cluster, service, revision, force, &known, attributes).await
    }

    /// Sets attributes that start no deployment: there is nothing to watch.
    async fn adjust(&self) -> Result<()> {
        let step = StepTimer::start(self.events, Step::UpdateService);
        self.aws.adjust_service(self.cluster, &self.config.service, &self.attributes.set).await?;
        step.finish();
        let reason = "only attributes that start no deployment were set: there was no rollout".to_owned();
        self.finish(Verdict::Succeeded, reason);
        Ok(())
    }

    async fn watch(
        &self,
        rollout: &mut Rollout,
        started: Instant,
        logs: &mut LogEvidence<'_>,
    ) -> Result<Outcome> {
        let (service, alternates) = (&self.config.service, &self.before.alternate_target_groups);
        watch(self.watching, service, rollout, alternates, self.events, started, Some(logs)).await
    }

    /// From how the rollout ended to a verdict, putting the service back where that is wanted.
    async fn judge(&self, rollout: &Rollout, outcome: Outcome) -> (Verdict, String) {
        match outcome {
            Outcome::Succeeded { .. } => {
                let reason = "every task is healthy, and the followed deployment is the one that serves";
                let but = rollout.unchecked().map(|unchecked| format!("; {unchecked}"));
                (Verdict::Succeeded, format!("{reason}{}", but.unwrap_or_default()))
            }
            Outcome::Superseded { by_deployment, task_definition } => (
                Verdict::Superseded,
                format!("another deployment, {by_deployment} of {}, took over", short(&task_definition)),
            ),
            Outcome::RolledBackByEcs { task_definition, complete: true } => {
                (Verdict::RolledBack, format!("ECS put the service back to {}", short(&task_definition)))
            }
            Outcome::RolledBackByEcs { task_definition, complete: false } => (
                Verdict::Failed,
                format!(
                    "ECS began to put the service back to {}, but it is not steady",
                    short(&task_definition)
                ),
            ),
            Outcome::ServiceGone => {
                (Verdict::Failed, "the service was deleted during the rollout".to_owned())
            }
            Outcome::Failed { reason } => self.put_back(rollout, Verdict::RolledBack, reason).await,
            // The new tasks serve; taking them away because old ones drain slowly would help nobody.
            Outcome::TimedOut { reason } if rollout.healthy_at().is_some() => (
                Verdict::TimedOut,
                format!("{reason}; the new tasks were healthy, so the service was not put back"),
            ),
            Outcome::TimedOut { reason } => self.put_back(rollout, Verdict::TimedOut, reason).await,
        }
    }

    /// What the service ran before `revision`; a run that follows an interrupted one finds the service set
    /// to `revision` already.
    fn earlier_revision(&self, revision: &str) -> Option<String> {
        let before = self.before;
        if before.task_definition == revision {
            last_good(before, revision)
        } else {
            Some(before.task_definition.clone())
        }
    }

    fn followed(&self, live: &LiveService, deployment_id: String, revision: &str) -> Followed {
        let before = self.before;
        let mut followed = Followed {
            task_definition: revision.to_owned(),
            desired_count: live.service.desired_count,
            minimum_healthy_percent: live.minimum_healthy_percent,
            rules: live.rules.clone(),
            health_checked_containers: Vec::new(),
            restart_policies: Vec::new(),
            target_groups: live.target_groups.clone(),
            health_check_grace_period: live.health_check_grace_period,
            earlier_deployments: before
                .service
                .deployments
                .iter()
                .chain(&live.service.deployments)
                .map(|deployment| deployment.id.clone())
                .filter(|id| *id != deployment_id)
                .collect(),
            earlier_task_definition: self.earlier_revision(revision),
            deployment_id,
            // Taken before the update, so that no clock decides which events are new.
            seen_event_ids: before.service.events.iter().map(|event| event.id.clone()).collect(),
            something_ran_before: before.service.running_count > 0,
            resumed: matches!(*self.action, Action::Follow(_)),
            undoes: None,
        };
        followed.judge_by(self.definition);
        followed
    }

    /// How the target groups check tasks, for findings and for patience: a missing permission or a slow answer keeps
    /// nothing from being watched.
    async fn read_health_checks(&self, followed: &mut Followed) {
        let arns: Vec<String> = followed.target_groups.iter().map(|group| group.arn.clone()).collect();
        if arns.is_empty() {
            return;
        }
        let settings = self.aws.target_group_settings(&arns);
        let Ok(Ok(settings)) = tokio::time::timeout(SETTINGS_LIMIT, settings).await else { return };
        for (arn, health_check) in settings {
            for group in followed.target_groups.iter_mut().filter(|group| group.arn == arn) {
                group.health_check = Some(health_check.clone());
            }
        }
    }

    fn policy(&self, live: &LiveService, followed: &Followed, definition: &TaskDefinition) -> Policy {
        Policy {
            wait_for: match self.config.wait_for {
                WaitFor::Healthy => rollout::WaitFor::Healthy,
                WaitFor::Steady | WaitFor::None => rollout::WaitFor::Steady,
            },
            timeout: self.config.timeout,
            stall_timeout: least_stall_timeout(
                self.config.stall_timeout,
                live.health_check_grace_period,
                container_check_time(definition),
                &followed.target_groups,
            ),
            max_failed_tasks: self.config.max_failed_tasks,
            ecs_rolls_back: live.circuit_breaker_rolls_back,
        }
    }

    fn finish(&self, verdict: Verdict, reason: String) {
        self.events.emit(Event::RolloutFinished { verdict, reason, zero_downtime: None });
    }
}
