//! `landfall diff`: two task definitions beside each other.

use std::str::FromStr;

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::env::{check_cluster, counted, started, unless_interrupted};
use super::render::planned;
use crate::aws::{Aws, AwsSettings};
use crate::config::{Config, ServiceConfig};
use crate::emit::Emitter;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, RunStarted, Verdict};
use crate::logins::Workbench;
use crate::plan::short;
use crate::task_definition::{TaskDefinition, differences};

/// What is asked of `landfall diff`.
pub struct DiffJob {
    /// The services to compare.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// Image sources and logins.
    pub workbench: Workbench,
    /// What is there before.
    pub from: Side,
    /// What comes after.
    pub to: Side,
    /// Exit 10 where something differs.
    pub detailed_exitcode: bool,
}

/// One of two task definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// What a deployment would register.
    File,
    /// What the service runs.
    Live,
    /// A revision: of the service's family by its number, or `family:number`, or an ARN.
    Revision(String),
}

impl FromStr for Side {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| text.parse::<u64>().is_ok_and(|number| number > 0);
        match text {
            "file" => Ok(Self::File),
            "live" => Ok(Self::Live),
            text if number(text) || text.rsplit_once(':').is_some_and(|(_, last)| number(last)) => {
                Ok(Self::Revision(text.to_owned()))
            }
            text => Err(Error::usage(format!("`{text}` is no task definition to compare")).hint(
                "Write `file` (what would be registered), `live`, the number of a revision, FAMILY:NUMBER or an ARN.",
            )),
        }
    }
}

/// Compares and tells by events. Changes nothing.
///
/// # Errors
/// What keeps one side from being known.
pub async fn diff(job: DiffJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    let config = &job.config;
    check_cluster(config)?;
    let settings = AwsSettings { region: config.region.clone(), told: events.for_calls(), ..job.aws.clone() };
    let aws = Aws::connect(settings).await?;
    events.emit(Event::RunStarted(RunStarted {
        dry_run: true,
        detailed_exitcode: job.detailed_exitcode,
        ..started("diff", &aws.region, Some(config))
    }));
    let work = async {
        let all = config.services.iter().map(|service| compare(&job, service, &aws, events));
        try_join_all(all).await.map(|_| ())
    };
    let result = unless_interrupted(interrupt, events, "nothing was changed", work).await;
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result
}

async fn compare(job: &DiffJob, service: &ServiceConfig, aws: &Aws, events: &Emitter) -> Result<()> {
    let (from, to) = sides(job, service, aws, events).await?;
    let events = events.for_service(&service.name);
    let found = differences(&from.1, &to.1);
    let (verdict, reason) = match found.len() {
        0 => (Verdict::Unchanged, format!("no difference between {} and {}", from.0, to.0)),
        number => (Verdict::Planned, counted(number, "difference")),
    };
    events.emit(Event::DefinitionsCompared { from: from.0, to: to.0, differences: found });
    events.emit(Event::RolloutFinished { verdict, reason, zero_downtime: None });
    Ok(())
}

type Named = (String, TaskDefinition);

/// Both sides with what they are called. The image is looked at only where a file is compared.
async fn sides(
    job: &DiffJob,
    service: &ServiceConfig,
    aws: &Aws,
    events: &Emitter,
) -> Result<(Named, Named)> {
    let wants = |side: &Side| job.from == *side || job.to == *side;
    let (file, live, live_arn) = if wants(&Side::File) {
        let (plan, prepared) = planned(&job.config, service, aws, &job.workbench, events).await?;
        let snapshot = prepared.snapshot;
        (Some(plan.definition), Some(snapshot.live_definition), snapshot.live.task_definition)
    } else {
        let live = aws.existing_service(&job.config.cluster, &service.service).await?;
        let definition =
            if wants(&Side::Live) { Some(revision(aws, &live.task_definition).await?.1) } else { None };
        (None, definition, live.task_definition)
    };
    let side = |side: &Side| {
        let (side, file, live, live_arn) = (side.clone(), file.clone(), live.clone(), live_arn.clone());
        async move {
            match (side, file, live) {
                (Side::File, Some(file), _) => Ok(("file".to_owned(), file)),
                (Side::Live, _, Some(live)) => Ok((format!("live ({})", short(&live_arn)), live)),
                (Side::Revision(name), ..) => revision(aws, &full(&live_arn, &name)).await,
                (Side::File | Side::Live, ..) => Err(Error::internal("a side was not read")),
            }
        }
    };
    tokio::try_join!(side(&job.from), side(&job.to))
}

/// A number alone is of the family that the service runs.
fn full(live_arn: &str, name: &str) -> String {
    match (name.parse::<u64>(), short(live_arn).rsplit_once(':')) {
        (Ok(number), Some((family, _))) => format!("{family}:{number}"),
        _ => name.to_owned(),
    }
}

async fn revision(aws: &Aws, name: &str) -> Result<Named> {
    let found = aws.describe_task_definition(name).await?.ok_or_else(|| {
        Error::new(ErrorKind::Preflight, format!("there is no task definition {}", short(name)))
            .hint("Name a revision: its number, FAMILY:NUMBER or its ARN.")
    })?;
    Ok((short(&found.0).to_owned(), found.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_is_a_file_the_service_or_a_revision() {
        let side = |text: &str| text.parse::<Side>().ok();
        assert_eq!(side("file"), Some(Side::File));
        assert_eq!(side("live"), Some(Side::Live));
        for revision in ["7", "web:7", "arn:aws:ecs:r:1:task-definition/web:7"] {
            assert_eq!(side(revision), Some(Side::Revision(revision.to_owned())));
        }
        for wrong in ["", "0", "web", "web:", "files"] {
            assert_eq!(side(wrong), None, "{wrong}");
        }
        assert_eq!(full("arn:aws:ecs:r:1:task-definition/web:7", "3"), "web:3");
    }
}
