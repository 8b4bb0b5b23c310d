//! The run: configure → plan → push image ∥ upload `.env` → register revision → update service →
//! watch → verdict → (rollback).
//!
//! Everything up to and including the plan only reads. Exactly one `UpdateService` is made for each
//! service; the deployment that is followed is the PRIMARY in its response, never one that was found
//! by listing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;

use crate::aws::{Aws, LiveService, Updated, Watching};
use crate::config::{Config, ServiceConfig, WaitFor};
use crate::emit::{Emitter, StepTimer};
use crate::error::{Error, Result};
use crate::event::{Event, RollbackBy, Step, Verdict, ZeroDowntime};
use crate::image::Registries;
use crate::logins::Workbench;
use crate::plan::{Action, Plan, Revision, plan};
use crate::prepare::{Prepared, keep_env_files, push_images, upload_env_files};
use crate::rollout::{
    self, Board, Followed, LogEvidence, Outcome, Policy, Probe, Rollout, Undone, floor, watch,
};

mod native;

/// How much longer than the health check's grace period nothing may move.
const GRACE_MARGIN: Duration = Duration::from_secs(60);

/// How long the settings of target groups are waited for.
const SETTINGS_LIMIT: Duration = Duration::from_secs(3);

/// What a deployment needs besides its configuration.
#[derive(Clone)]
pub struct Context<'a> {
    /// What is asked for.
    pub config: &'a Config,
    /// AWS.
    pub aws: &'a Aws,
    /// Image sources and registries.
    pub workbench: &'a Workbench,
    /// The registries of this run, logged in to at their first use.
    pub registries: &'a Registries,
    /// Where events go.
    pub events: &'a Emitter,
    /// Stop after the plan.
    pub dry_run: bool,
}

/// Deploys every service of the configuration. How each one ended is in the events; only what kept
/// the run from going on is an error.
///
/// # Errors
/// Any kind; before the first write for [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) and
/// [`ErrorKind::Preflight`](crate::error::ErrorKind::Preflight).
pub async fn deploy(context: &Context<'_>) -> Result<()> {
    let watching = Watching::new(context.aws, &context.config.cluster);
    let services = context.config.services.iter().map(|service| prepare(context, service, &watching));
    let services = try_join_all(services).await?;
    let mut ready = Vec::new();
    for service in services {
        match (&service.plan.action, context.dry_run) {
            (Action::Nothing, _) if service.plan.changes.is_empty() => {
                let revision = service.prepared.snapshot.live.task_definition.clone();
                service.finish(Verdict::Unchanged, format!("{} runs already", short(&revision)));
            }
            (_, true) => {
                service.finish(Verdict::Planned, "this was a dry run: nothing was changed".to_owned())
            }
            (_, false) => ready.push(service),
        }
    }
    // Images and env files of all services travel at the same time, before any service is touched.
    try_join_all(ready.iter().map(|service| service.send())).await?;
    let ready = try_join_all(ready.into_iter().map(|service| service.register())).await?;
    let outcomes = join_all(ready.into_iter().map(|(service, revision)| service.roll_out(revision))).await;
    outcomes.into_iter().collect::<Result<Vec<()>>>()?;
    Ok(())
}

/// One service on its way through the run.
struct Deployment<'a> {
    context: Context<'a>,
    config: &'a ServiceConfig,
    watching: &'a Watching,
    events: Emitter,
    prepared: Prepared,
    plan: Plan,
    /// What the tasks were last seen doing, for the probe.
    board: Arc<Board>,
}

async fn prepare<'a>(
    context: &Context<'a>,
    config: &'a ServiceConfig,
    watching: &'a Watching,
) -> Result<Deployment<'a>> {
    let board = Arc::new(Board::default());
    let events = context.events.for_service(&config.name).with_tap({
        let board = board.clone();
        move |event| board.take_in(event)
    });
    let step = StepTimer::start(&events, Step::Plan);
    let prepared =
        Prepared::gather(context.config, config, context.aws, context.workbench, context.registries, &events)
            .await?;
    let plan = plan(config, &prepared.snapshot)?;
    events.emit(Event::Planned {
        ecs_service: prepared.snapshot.live.name.clone(),
        current_task_definition: Some(prepared.snapshot.live.task_definition.clone()),
        changes: plan.changes.clone(),
        variables: plan.variables.clone(),
    });
    step.finish();
    prepared.tell_what_is_there(&events);
    Ok(Deployment { context: context.clone(), config, watching, events, prepared, plan, board })
}

impl Deployment<'_> {
    /// Pushes images and uploads env files, at the same time.
    async fn send(&self) -> Result<()> {
        let push = async {
            if self.prepared.images_to_push().next().is_none() {
                return Ok(());
            }
            let step = StepTimer::start(&self.events, Step::PushImage);
            push_images(&self.prepared, self.context.aws, &self.events).await?;
            step.finish();
            Ok(())
        };
        let upload = async {
            if self.prepared.env_files_to_upload().next().is_none() {
                return Ok(());
            }
            let step = StepTimer::start(&self.events, Step::UploadEnvFiles);
            let store = self.context.config.env_store.as_ref();
            upload_env_files(&self.prepared, store, self.context.aws, &self.events).await?;
            step.finish();
            Ok::<(), Error>(())
        };
        tokio::try_join!(push, upload)?;
        Ok(())
    }

    /// Registers the revision, unless it exists.
    async fn register(self) -> Result<(Self, String)> {
        let arn = match &self.plan.revision {
            Revision::Existing(arn) => arn.clone(),
            Revision::Register => {
                let step = StepTimer::start(&self.events, Step::RegisterTaskDefinition);
                let arn = self.context.aws.register_task_definition(&self.plan.definition).await?;
                self.events.emit(Event::TaskDefinitionRegistered { arn: arn.clone() });
                step.finish();
                arn
            }
        };
        let store = self.context.config.env_store.as_ref();
        keep_env_files(&self.prepared, store, self.context.aws, &self.events).await?;
        Ok((self, arn))
    }

    /// Updates the service and follows the deployment to a verdict.
    async fn roll_out(self, revision: String) -> Result<()> {
        let before = &self.prepared.snapshot.live;
        let updates = matches!(self.plan.action, Action::Update | Action::Redeploy);
        let native = self.native(&revision, updates).await?;
        let probe = self.start_probe().await?;
        let (deployment_id, live) = match &self.plan.action {
            Action::Nothing => {
                self.finish(Verdict::Unchanged, format!("{} runs already", short(&revision)));
                return Ok(());
            }
            Action::Follow(id) => {
                self.events.warn(
                    format!(
                        "{id} deploys {} already: it is followed, and the service is not updated",
                        short(&revision)
                    ),
                    None,
                );
                (id.clone(), before.clone())
            }
            Action::Update | Action::Redeploy => {
                let step = StepTimer::start(&self.events, Step::UpdateService);
                let known = before.service.deployments.iter().map(|known| known.id.clone()).collect();
                let force = self.plan.action == Action::Redeploy;
                let updated = self.update(&revision, force, known).await?;
                step.finish();
                (updated.deployment_id, updated.live)
            }
        };
        let started = Instant::now();
        self.events.emit(Event::ServiceUpdated {
            deployment_id: deployment_id.clone(),
            task_definition: revision.clone(),
            previous_task_definition: self.earlier_revision(&revision),
            desired_count: live.service.desired_count,
            floor: floor(live.service.desired_count, live.minimum_healthy_percent),
        });
        if self.config.wait_for == WaitFor::None {
            let reason = "the deployment was started and is not watched (wait for: none)".to_owned();
            self.finish(Verdict::Succeeded, reason);
            return Ok(());
        }

        let step = StepTimer::start(&self.events, Step::Watch);
        let mut followed = self.followed(&live, deployment_id, &revision);
        self.read_health_checks(&mut followed).await;
        let policy = if native.is_some() { self.native_policy(&live) } else { self.policy(&live) };
        let mut rollout = Rollout::new(followed, policy);
        let mut logs = LogEvidence::new(self.context.aws, &self.plan.definition, &self.events);
        let (verdict, reason) = match native {
            Some(native) => self.roll_out_native(&mut rollout, native, started, step, &mut logs).await?,
            None => {
                let outcome = self.watch(&mut rollout, started, Some(&mut logs)).await?;
                // A watch that ends badly is not a step that was done; reporters close it with the verdict.
                if matches!(outcome, Outcome::Succeeded { .. }) {
                    step.finish();
                }
                self.judge(&rollout, outcome).await
            }
        };
        logs.finish().await;
        let zero_downtime = Some(self.measured(&rollout, probe, verdict).await);
        self.events.emit(Event::RolloutFinished { verdict, reason, zero_downtime });
        Ok(())
    }

    /// Begins to send requests, where there is a rollout to watch and something that can answer.
    async fn start_probe(&self) -> Result<Option<Probe>> {
        let watched = self.plan.action != Action::Nothing && self.config.wait_for != WaitFor::None;
        let ran_before = self.prepared.snapshot.live.service.running_count > 0;
        let Some(config) = self.config.probe.as_ref().filter(|_| watched && ran_before) else {
            return Ok(None);
        };
        let follows = matches!(self.plan.action, Action::Follow(_));
        Probe::start(config, &self.board, &self.events, follows).await.map(Some)
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
    async fn update(&self, revision: &str, force: bool, known: Vec<String>) -> Result<Updated> {
        self.context
            .aws
            .update_service(&self.context.config.cluster, &self.config.service, revision, force, &known)
            .await
    }

    async fn watch(
        &self,
        rollout: &mut Rollout,
        started: Instant,
        logs: Option<&mut LogEvidence<'_>>,
    ) -> Result<Outcome> {
        watch(self.watching, &self.config.service, rollout, &self.events, started, logs).await
    }

    /// From how the rollout ended to a verdict, putting the service back where that is wanted.
    async fn judge(&self, rollout: &Rollout, outcome: Outcome) -> (Verdict, String) {
        match outcome {
            Outcome::Succeeded { .. } => (
                Verdict::Succeeded,
                "every task is healthy, and the followed deployment is the one that serves".to_owned(),
            ),
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

    /// Sets the service to the revision that was last good and watches until it is steady.
    /// `verdict` is what that makes of the run; without it the verdict is [`Verdict::Failed`].
    async fn put_back(&self, rollout: &Rollout, verdict: Verdict, reason: String) -> (Verdict, String) {
        let not_put_back = |why: String| match verdict {
            Verdict::TimedOut => (Verdict::TimedOut, format!("{reason}; {why}")),
            _ => (Verdict::Failed, format!("{reason}; {why}")),
        };
        if !self.config.rollback {
            return not_put_back("the service was left as it is (rollback: never)".to_owned());
        }
        let Some(good) = last_good(&self.prepared.snapshot.live, rollout.task_definition()) else {
            return not_put_back("there is no earlier revision to go back to".to_owned());
        };
        let step = StepTimer::start(&self.events, Step::Rollback);
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

    async fn return_to(&self, failed: &Rollout, revision: &str, reason: &str) -> Result<bool> {
        let before = self.prepared.snapshot.live.service.deployments.iter().map(|known| known.id.clone());
        let known = before.chain([failed.deployment_id().to_owned()]).collect();
        let updated = self.update(revision, false, known).await?;
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
        // What is healthy is judged by the revision that serves again.
        followed.health_checked_containers =
            self.prepared.snapshot.live_definition.health_checked_containers();
        let policy = Policy { wait_for: rollout::WaitFor::Steady, ..self.policy(live) };
        let mut rollout = Rollout::new(followed, policy);
        let outcome = self.watch(&mut rollout, started, None).await?;
        Ok(matches!(outcome, Outcome::Succeeded { .. }))
    }

    /// What the service ran before `revision`; a run that follows an interrupted one finds the service set
    /// to `revision` already.
    fn earlier_revision(&self, revision: &str) -> Option<String> {
        let before = &self.prepared.snapshot.live;
        if before.task_definition == revision {
            last_good(before, revision)
        } else {
            Some(before.task_definition.clone())
        }
    }

    fn followed(&self, live: &LiveService, deployment_id: String, revision: &str) -> Followed {
        let before = &self.prepared.snapshot.live;
        Followed {
            task_definition: revision.to_owned(),
            desired_count: live.service.desired_count,
            minimum_healthy_percent: live.minimum_healthy_percent,
            health_checked_containers: self.plan.definition.health_checked_containers(),
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
            resumed: matches!(self.plan.action, Action::Follow(_)),
            undoes: None,
        }
    }

    /// How the target groups check tasks, for findings alone: a missing permission or a slow answer keeps
    /// nothing from being watched.
    async fn read_health_checks(&self, followed: &mut Followed) {
        let arns: Vec<String> = followed.target_groups.iter().map(|group| group.arn.clone()).collect();
        if arns.is_empty() {
            return;
        }
        let settings = self.context.aws.target_group_settings(&arns);
        let Ok(Ok(settings)) = tokio::time::timeout(SETTINGS_LIMIT, settings).await else { return };
        for (arn, health_check) in settings {
            for group in followed.target_groups.iter_mut().filter(|group| group.arn == arn) {
                group.health_check = Some(health_check.clone());
            }
        }
    }

    fn policy(&self, live: &LiveService) -> Policy {
        Policy {
            wait_for: match self.config.wait_for {
                WaitFor::Healthy => rollout::WaitFor::Healthy,
                WaitFor::Steady | WaitFor::None => rollout::WaitFor::Steady,
            },
            timeout: self.config.timeout,
            // During the grace period a task that is not healthy yet has every right to stand still.
            stall_timeout: self.config.stall_timeout.max(live.health_check_grace_period + GRACE_MARGIN),
            max_failed_tasks: self.config.max_failed_tasks,
            ecs_rolls_back: live.circuit_breaker_rolls_back,
        }
    }

    fn finish(&self, verdict: Verdict, reason: String) {
        self.events.emit(Event::RolloutFinished { verdict, reason, zero_downtime: None });
    }
}

/// The revision of the newest deployment that was COMPLETED before this run (design 3: "last known
/// good"); a deployment without a rollout state counts when it is the only one.
fn last_good(before: &LiveService, failed: &str) -> Option<String> {
    let deployments = &before.service.deployments;
    let completed =
        deployments.iter().find(|deployment| deployment.rollout_state.as_deref() == Some("COMPLETED"));
    let only = match deployments.as_slice() {
        [only] if only.rollout_state.is_none() => Some(only),
        _ => None,
    };
    completed.or(only).map(|deployment| deployment.task_definition.clone()).filter(|arn| arn != failed)
}

fn short(arn: &str) -> &str {
    crate::plan::short(arn)
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
