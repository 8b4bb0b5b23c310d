//! `landfall rollback`: sets services back to the revision that was last good, or to one that is named, and watches
//! them as a deployment does.

use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::env::{check_cluster, started};
use crate::aws::{Aws, AwsSettings, LiveService, Watching};
use crate::config::{Config, ServiceConfig};
use crate::emit::{Emitter, StepTimer};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Change, Event, RunStarted, Step, Verdict};
use crate::plan::{Action, check_service, short};
use crate::roll_out::{RollOut, last_good};
use crate::rollout::Board;
use crate::service_definition::ServiceUpdate;
use crate::task_definition::TaskDefinition;

/// What is asked of `landfall rollback`.
pub struct RollbackJob {
    /// The services to set back.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// To which revision: its number, `family:number` or an ARN; without it, to the one that was last good.
    pub to: Option<String>,
    /// Change nothing.
    pub dry_run: bool,
}

/// Sets services back and follows them to a verdict.
///
/// # Errors
/// [`ErrorKind::Preflight`] where there is nothing to go back to; what keeps it from going on.
pub async fn rollback(job: RollbackJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    let config = &job.config;
    check_cluster(config)?;
    let settings = AwsSettings { region: config.region.clone(), told: events.for_calls(), ..job.aws.clone() };
    let aws = Aws::connect(settings).await?;
    let run = RunStarted { dry_run: job.dry_run, ..started("rollback", &aws.region, Some(config)) };
    events.emit(Event::RunStarted(run));
    let watching = Watching::new(&aws, &config.cluster);
    let work = async {
        let planned = config.services.iter().map(|service| plan(&job, service, &aws, events));
        // Of several services none is touched before it is known where each one goes.
        let planned: Vec<Planned> = try_join_all(planned).await?;
        let rolled_out = planned.iter().map(|planned| planned.roll_out(&job, &aws, &watching));
        try_join_all(rolled_out).await.map(|_| ())
    };
    let result = tokio::select! {
        result = work => result,
        () = interrupt.cancelled() => {
            let message = "ECS goes on with any deployment that was started; `landfall status --watch` shows it".to_owned();
            events.emit(Event::Interrupted { message });
            Ok(())
        }
    };
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result
}

struct Planned {
    service: ServiceConfig,
    events: Emitter,
    board: Arc<Board>,
    live: LiveService,
    running: TaskDefinition,
    target: String,
    definition: TaskDefinition,
    action: Action,
}

async fn plan(job: &RollbackJob, config: &ServiceConfig, aws: &Aws, events: &Emitter) -> Result<Planned> {
    let board = Arc::new(Board::default());
    let tap = board.clone();
    let events = events.for_service(&config.name).with_tap(move |event| tap.take_in(event));
    let step = StepTimer::start(&events, Step::Plan);
    let (cluster, name) = (&job.config.cluster, &config.service);
    let live = aws.existing_service(cluster, name).await?;
    check_service(&live)?;
    let (_, running) = revision(aws, &live.task_definition).await?;
    let target = match &job.to {
        Some(to) => named(&live.task_definition, to),
        None => last(aws, cluster, name, &live, &events).await?,
    };
    let (target, definition) = revision(aws, &target).await?;
    let primary = live.service.primary();
    let action = match primary {
        _ if target != live.task_definition => Action::Update,
        Some(primary) if primary.is_in("IN_PROGRESS") => Action::Follow(primary.id.clone()),
        Some(primary) if primary.is_in("FAILED") => Action::Redeploy,
        _ => Action::Nothing,
    };
    let change = Change {
        subject: "task definition".to_owned(),
        before: Some(short(&live.task_definition).to_owned()),
        after: Some(short(&target).to_owned()),
    };
    events.emit(Event::Planned {
        ecs_service: live.name.clone(),
        current_task_definition: Some(live.task_definition.clone()),
        changes: if action == Action::Update { vec![change] } else { Vec::new() },
        variables: Vec::new(),
        details: None,
        api_calls: aws.calls.counts().values().sum(),
    });
    step.finish();
    // What has been set back is not set forth again by itself.
    let service = ServiceConfig { rollback: false, ..config.clone() };
    Ok(Planned { service, events, board, live, running, target, definition, action })
}

impl Planned {
    async fn roll_out(&self, job: &RollbackJob, aws: &Aws, watching: &Watching) -> Result<()> {
        if job.dry_run && self.action != Action::Nothing {
            let reason = format!("it would go back to {}; nothing was changed", short(&self.target));
            self.events.emit(Event::RolloutFinished {
                verdict: Verdict::Planned,
                reason,
                zero_downtime: None,
            });
            return Ok(());
        }
        RollOut {
            aws,
            watching,
            cluster: &job.config.cluster,
            config: &self.service,
            events: &self.events,
            board: &self.board,
            before: &self.live,
            attributes: &ServiceUpdate::default(),
            before_definition: &self.running,
            definition: &self.definition,
            action: &self.action,
            interrupt: None,
        }
        .run(&self.target)
        .await
    }
}

/// A revision that has to be there.
async fn revision(aws: &Aws, name: &str) -> Result<(String, TaskDefinition)> {
    aws.describe_task_definition(name).await?.ok_or_else(|| {
        Error::new(ErrorKind::Preflight, format!("there is no task definition {}", short(name)))
            .hint("Name an ACTIVE revision: its number, family:number or its ARN.")
    })
}

/// `4`, `family:4` or an ARN; a number alone is of the family that the service runs.
fn named(current: &str, to: &str) -> String {
    match (to.parse::<u64>(), current.rsplit_once(':')) {
        (Ok(number), Some((family, _))) => format!("{family}:{number}"),
        _ => to.to_owned(),
    }
}

/// The revision that was last good: of a deployment that is still listed, from ECS's history of service deployments
/// (facts 4.1) or, where there is none, the previous ACTIVE revision, which is said.
async fn last(aws: &Aws, cluster: &str, name: &str, live: &LiveService, events: &Emitter) -> Result<String> {
    let current = &live.task_definition;
    if let Some(good) = last_good(live, current) {
        return Ok(good);
    }
    let history = aws.completed_revisions(cluster, name).await?;
    if let Some(good) = history.iter().flatten().find(|arn| *arn != current) {
        return Ok(good.clone());
    }
    let family = short(current).rsplit_once(':').map_or(short(current), |(family, _)| family);
    let previous = previous(current, &aws.active_revisions(family).await?).ok_or_else(|| {
        Error::new(
            ErrorKind::Preflight,
            format!("there is nothing to go back to: {} is the first revision", short(current)),
        )
        .hint("Name a revision with --to.")
    })?;
    events.warn(
        format!(
            "no earlier deployment of this service is known to have been COMPLETED: the previous ACTIVE revision, {}, is taken",
            short(&previous)
        ),
        Some("Name another one with --to."),
    );
    Ok(previous)
}

/// The ACTIVE revision with the highest number below the current one.
fn previous(current: &str, active: &[String]) -> Option<String> {
    let number = |arn: &str| arn.rsplit_once(':').and_then(|(_, number)| number.parse::<u64>().ok());
    let now = number(current)?;
    let below = active.iter().filter(|arn| number(arn).is_some_and(|number| number < now));
    below.max_by_key(|arn| number(arn)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_of_the_family_that_runs() {
        let current = "arn:aws:ecs:eu-west-1:123456789012:task-definition/app:7";
        assert_eq!(named(current, "4"), "arn:aws:ecs:eu-west-1:123456789012:task-definition/app:4");
        assert_eq!(named(current, "other:4"), "other:4");
    }

    #[test]
    fn the_previous_revision_is_the_highest_one_below() {
        let active = ["app:1", "app:9", "app:10", "app:12"].map(str::to_owned);
        assert_eq!(previous("app:12", &active).as_deref(), Some("app:10"));
        assert_eq!(previous("app:10", &active).as_deref(), Some("app:9"));
        assert_eq!(previous("app:1", &active), None);
    }
}
