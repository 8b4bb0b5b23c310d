//! The run: configure → plan → preflight → push image ∥ upload `.env` → register revision → update service →
//! watch → verdict → (rollback).
//!
//! Everything up to and including preflight only reads. Exactly one `UpdateService` is made for each
//! service; the deployment that is followed is the PRIMARY in its response, never one that was found
//! by listing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::aws::{Aws, Watching};
use crate::config::{Config, OnConflict, ServiceConfig};
use crate::emit::{Emitter, StepTimer};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, PlanDetails, PreflightSummary, Step, Verdict};
use crate::image::Registries;
use crate::logins::Workbench;
use crate::plan::{Action, Plan, Revision, Snapshot, draft, plan};
use crate::preflight::checks::service::conflict::conflict;
use crate::preflight::{self, Gather};
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
    let ready = tokio::select! {
        biased;
        // Such a run is not dropped where it is. No service has been touched: there is nothing to put back.
        () = context.interrupt.cancelled(), if context.config.puts_back_on_interrupt() => return Ok(()),
        ready = make_ready(context, &watching) => ready?,
    };
    let rollouts = ready.iter().map(|(service, revision)| service.roll_out(revision));
    let outcomes = join_all(rollouts).await;
    outcomes.into_iter().collect::<Result<Vec<()>>>()?;
    Ok(())
}

/// Everything that comes before a service is touched. What is given has a revision to roll out; the others have got
/// their verdict.
async fn make_ready<'a>(
    context: &Context<'a>,
    watching: &'a Watching,
) -> Result<Vec<(Deployment<'a>, String)>> {
    let services = context.config.services.iter().map(|service| prepare(context, service, watching, plan));
    let services = try_join_all(services).await?;
    let (idle, ready): (Vec<_>, Vec<_>) = services.into_iter().partition(Deployment::has_nothing_to_do);
    for service in idle {
        let revision = service.prepared.snapshot.live.task_definition.clone();
        service.finish(Verdict::Unchanged, format!("{} runs already", short(&revision)));
    }
    let found = join_all(ready.iter().map(|service| service.preflight())).await;
    refuse(&found)?;
    if context.dry_run {
        for service in ready {
            service.finish(Verdict::Planned, "this was a dry run: nothing was changed".to_owned());
        }
        return Ok(Vec::new());
    }
    // Images and env files of all services travel at the same time, before any service is touched.
    try_join_all(ready.iter().map(|service| service.send())).await?;
    try_join_all(ready.into_iter().map(|service| service.register())).await
}

/// Makes the checks of every service and changes nothing.
///
/// # Errors
/// [`ErrorKind::Preflight`] where a deployment would be refused; any other where the plan cannot be made.
pub async fn verify(context: &Context<'_>) -> Result<()> {
    let watching = Watching::new(context.aws, &context.config.cluster);
    let services = context.config.services.iter().map(|service| prepare(context, service, &watching, draft));
    let services = try_join_all(services).await?;
    let found = join_all(services.iter().map(|service| service.preflight())).await;
    for (service, found) in services.iter().zip(&found) {
        match found.errors {
            0 => service.finish(Verdict::Unchanged, "nothing stands in the way of a deployment".to_owned()),
            errors => service.finish(Verdict::Failed, format!("{} refuse a deployment", problems(errors))),
        }
    }
    refuse(&found)
}

fn problems(count: u32) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}

fn refuse(found: &[PreflightSummary]) -> Result<()> {
    match found.iter().map(|summary| summary.errors).sum() {
        0 => Ok(()),
        errors => Err(Error::new(
            ErrorKind::Preflight,
            format!(
                "the checks found {} that no deployment could succeed with: nothing was changed",
                problems(errors)
            ),
        )
        .hint("Correct what is named above, or turn a check off with --skip-check CODE.")),
    }
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

/// How a plan is made: by [`plan`] or [`draft`].
type MakePlan = fn(&ServiceConfig, &Snapshot) -> Result<Plan>;

async fn prepare<'a>(
    context: &Context<'a>,
    config: &'a ServiceConfig,
    watching: &'a Watching,
    make_plan: MakePlan,
) -> Result<Deployment<'a>> {
    let board = Arc::new(Board::default());
    let events = context.events.for_service(&config.name).with_tap({
        let board = board.clone();
        move |event| board.take_in(event)
    });
    let step = StepTimer::start(&events, Step::Plan);
    let look = || {
        Prepared::gather(context.config, config, context.aws, context.workbench, context.registries, &events)
    };
    let mut prepared = look().await?;
    let mut plan = make_plan(config, &prepared.snapshot)?;
    let waits = config.on_conflict == OnConflict::Wait && !context.dry_run;
    let deadline = Instant::now() + config.timeout;
    while let Some(id) = conflict(&prepared.snapshot.live, &plan.action).filter(|_| waits) {
        let text =
            format!("the deployment {id} of service {} is under way: waiting for its end", config.service);
        events.warn(text, None);
        wait_for_end(context, config, id, deadline).await?;
        prepared = look().await?;
        plan = make_plan(config, &prepared.snapshot)?;
    }
    let definition_file = config.task_definition.path().map(|path| path.display().to_string());
    events.emit(Event::Planned {
        ecs_service: prepared.snapshot.live.name.clone(),
        current_task_definition: Some(prepared.snapshot.live.task_definition.clone()),
        changes: plan.changes.clone(),
        variables: plan.variables.clone(),
        details: Some(Box::new(PlanDetails { definition_file, ..plan.details.clone() })),
        api_calls: context.aws.calls.counts().values().sum(),
    });
    step.finish();
    prepared.tell_what_is_there(&events);
    Ok(Deployment { context: context.clone(), config, watching, events, prepared, plan, board })
}

/// What writing tags takes where the account asks for it.
const TAG_RESOURCE: &str = "ecs:TagResource";

fn is_about_tags(error: &Error) -> bool {
    error.kind() == ErrorKind::Aws && error.full_message().contains(TAG_RESOURCE)
}

/// Between two looks at a deployment that is waited for.
const PACE: Duration = Duration::from_secs(2);

/// Waits until a deployment of someone else has ended, well or not.
async fn wait_for_end(
    context: &Context<'_>,
    config: &ServiceConfig,
    id: &str,
    deadline: Instant,
) -> Result<()> {
    loop {
        let live = context.aws.describe_service(&context.config.cluster, &config.service).await?;
        let deployments = live.map(|live| live.service.deployments).unwrap_or_default();
        if !deployments.iter().any(|known| known.id == id && known.is_in("IN_PROGRESS")) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let message = format!("the deployment {id} of service {} is still under way", config.service);
            return Err(Error::new(ErrorKind::Preflight, message).hint(
                "Run the same command again, give it more --timeout, or choose --on-conflict replace.",
            ));
        }
        tokio::time::sleep(PACE).await;
    }
}

impl Deployment<'_> {
    fn has_nothing_to_do(&self) -> bool {
        self.plan.action == Action::Nothing && self.plan.changes.is_empty()
    }

    /// Reads what the checks look at, makes them, and tells what they found.
    async fn preflight(&self) -> PreflightSummary {
        let began = Instant::now();
        let gather = Gather {
            aws: self.context.aws,
            registries: self.context.registries,
            config: self.context.config,
            service: self.config,
            snapshot: &self.prepared.snapshot,
            plan: &self.plan,
        };
        let gathered = gather.read().await;
        let reports = preflight::run(&gather.input(&gathered), &self.config.skip_checks);
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let summary = PreflightSummary::of(&reports, duration_ms);
        self.events.emit_all(reports.into_iter().map(Event::Checked));
        self.events.emit(Event::PreflightFinished(summary.clone()));
        summary
    }

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
                let arn = self.register_tagged().await?;
                self.events.emit(Event::TaskDefinitionRegistered { arn: arn.clone() });
                step.finish();
                arn
            }
        };
        let store = self.context.config.env_store.as_ref();
        keep_env_files(&self.prepared, store, self.context.aws, &self.events).await?;
        Ok((self, arn))
    }

    /// Registers the revision with tags that say where it comes from. They need a permission of their own where the
    /// account asks for it (`tagResourceAuthorization`), and a deployment is not refused for want of them.
    async fn register_tagged(&self) -> Result<String> {
        let (aws, plain) = (self.context.aws, &self.plan.definition);
        let tagged = plain.clone().tagged(&self.context.config.origin);
        match aws.register_task_definition(&tagged).await {
            Err(error) if tagged != *plain && is_about_tags(&error) => {
                let message = format!(
                    "the revision of {} gets no tags that say where it comes from: the caller may not {TAG_RESOURCE}",
                    plain.family()
                );
                self.events.warn(message, Some("allow it for task definitions; nothing else needs it"));
                aws.register_task_definition(plain).await
            }
            answer => answer,
        }
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
