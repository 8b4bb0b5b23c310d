//! The run: configure → plan → push image ∥ upload `.env` → register revision → update service →
//! watch → verdict → (rollback).
//!
//! Everything up to and including the plan only reads. Exactly one `UpdateService` is made for each
//! service; the deployment that is followed is the PRIMARY in its response, never one that was found
//! by listing.

use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};
use tokio_util::sync::CancellationToken;

use crate::aws::{Aws, Watching};
use crate::config::{Config, ServiceConfig};
use crate::emit::{Emitter, StepTimer};
use crate::error::{Error, Result};
use crate::event::{Event, Step, Verdict};
use crate::image::Registries;
use crate::logins::Workbench;
use crate::plan::{Action, Plan, Revision, plan};
use crate::prepare::{Prepared, keep_env_files, push_images, upload_env_files};
use crate::roll_out::RollOut;
use crate::rollout::Board;

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
    /// Is cancelled when the run is interrupted.
    pub interrupt: &'a CancellationToken,
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
    let rollouts = ready.iter().map(|(service, revision)| service.roll_out(revision));
    let outcomes = join_all(rollouts).await;
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
        details: Some(Box::new(plan.details.clone())),
        api_calls: context.aws.calls.counts().values().sum(),
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
    async fn roll_out(&self, revision: &str) -> Result<()> {
        RollOut {
            aws: self.context.aws,
            watching: self.watching,
            cluster: &self.context.config.cluster,
            config: self.config,
            events: &self.events,
            board: &self.board,
            before: &self.plan.after,
            attributes: &self.plan.attributes,
            before_definition: &self.prepared.snapshot.live_definition,
            definition: &self.plan.definition,
            action: &self.plan.action,
            interrupt: self.config.rollback_on_interrupt.then_some(self.context.interrupt),
        }
        .run(revision)
        .await
    }

    fn finish(&self, verdict: Verdict, reason: String) {
        self.events.emit(Event::RolloutFinished { verdict, reason, zero_downtime: None });
    }
}

fn short(arn: &str) -> &str {
    crate::plan::short(arn)
}
