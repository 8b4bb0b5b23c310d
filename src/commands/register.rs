//! A task definition that is registered, or rendered, with no service: what steps of GitHub's official actions do.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::env::{started, unless_interrupted};
use crate::aws::{Aws, AwsSettings};
use crate::emit::{Emitter, StepTimer};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, RunStarted, Step, Verdict};
use crate::secret::Secret;
use crate::task_definition::{Rendering, TaskDefinition, differences, load_to_render, verbatim_from_file};

/// A file whose task definition is to be registered, and no service updated.
pub struct RegisterJob {
    /// The file, taken as it stands.
    pub path: PathBuf,
    /// Keys whose empty values stay.
    pub keep: Vec<String>,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// Change nothing.
    pub dry_run: bool,
}

/// Registers a revision, unless the newest of its family is the same already.
///
/// # Errors
/// [`ErrorKind::Usage`] for the file, [`ErrorKind::Aws`].
pub async fn register(job: RegisterJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    let definition = verbatim_from_file(&job.path, &job.keep)?.content;
    let family = definition.family().to_owned();
    let aws = Aws::connect(AwsSettings { told: events.for_calls(), ..job.aws }).await?;
    events.emit(Event::RunStarted(RunStarted {
        services: vec![family.clone()],
        dry_run: job.dry_run,
        ..started("register", &aws.region, None)
    }));
    let work = async {
        let events = events.for_service(&family);
        let newest = aws.describe_task_definition(&family).await?;
        let same = newest.filter(|(_, newest)| differences(newest, &definition).is_empty());
        let (verdict, reason) = match same {
            Some((arn, _)) => {
                let reason = format!("{} is the same already", crate::plan::short(&arn));
                events.emit(Event::Planned {
                    ecs_service: String::new(),
                    current_task_definition: Some(arn),
                    changes: Vec::new(),
                    variables: Vec::new(),
                    details: None,
                    api_calls: aws.calls.counts().values().sum(),
                });
                (Verdict::Unchanged, reason)
            }
            None if job.dry_run => {
                (Verdict::Planned, "this was a dry run: nothing was registered".to_owned())
            }
            None => {
                let step = StepTimer::start(&events, Step::RegisterTaskDefinition);
                let arn = aws.register_task_definition(&definition).await?;
                events.emit(Event::TaskDefinitionRegistered { arn });
                step.finish();
                (Verdict::Succeeded, "the revision is registered; no service was to be updated".to_owned())
            }
        };
        events.emit(Event::RolloutFinished { verdict, reason, zero_downtime: None });
        Ok(())
    };
    let stands = "whether a revision was registered is not known; no service was updated";
    let result = unless_interrupted(interrupt, events, stands, work).await;
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result
}

/// What a rendering starts from.
#[derive(Debug, Clone)]
pub enum RenderBase {
    /// A file, taken as it stands.
    File(PathBuf),
    /// A revision: an ARN, `FAMILY:NUMBER` or a family.
    Revision(String),
}

/// A task definition that gets an image and more, and is written down.
pub struct RenderFileJob {
    /// What it starts from.
    pub base: RenderBase,
    /// What is set.
    pub rendering: Rendering,
    /// How to reach AWS, for a revision.
    pub aws: AwsSettings,
}

/// The rendered task definition. Neither AWS nor a file is changed.
///
/// # Errors
/// [`ErrorKind::Usage`] for the file or a container that is not there, [`ErrorKind::Preflight`] for a revision that is
/// not, [`ErrorKind::Aws`].
pub async fn render_file(job: RenderFileJob, events: &Emitter) -> Result<TaskDefinition> {
    events.mask(job.rendering.environment.iter().map(|(_, value)| Secret::new(value.expose())));
    let mut definition = match &job.base {
        RenderBase::File(path) => {
            let definition = load_to_render(path)?;
            events.emit(Event::RunStarted(RunStarted {
                services: vec![definition.family().to_owned()],
                dry_run: true,
                ..started("render", "", None)
            }));
            definition
        }
        RenderBase::Revision(name) => {
            let aws = Aws::connect(AwsSettings { told: events.for_calls(), ..job.aws }).await?;
            let found = aws.describe_task_definition(name).await?;
            let (_, definition) = found.ok_or_else(|| {
                Error::new(
                    ErrorKind::Preflight,
                    format!("there is no task definition {name} ({})", aws.region),
                )
                .hint("Name an ARN, FAMILY:NUMBER or a family with an ACTIVE revision.")
            })?;
            events.emit(Event::RunStarted(RunStarted {
                services: vec![definition.family().to_owned()],
                dry_run: true,
                ..started("render", &aws.region, None)
            }));
            events.emit(Event::ApiCalls { counts: aws.calls.counts() });
            definition
        }
    };
    definition.render(&job.rendering)?;
    Ok(definition)
}
