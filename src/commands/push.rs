//! `landfall push`

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use crate::aws::{Aws, AwsSettings};
use crate::config::PushRequest;
use crate::emit::{Emitter, StepTimer};
use crate::error::{Error, Result};
use crate::event::{Event, RunStarted, Step, Transfer, Verdict};
use crate::image::{Destination, EcrHost, Progress, Reference, Registries, Source, open, push as send};
use crate::logins::{Workbench, registries};
use crate::targets::{create_missing, look, open_options};

/// What is asked of `landfall push`.
pub struct PushJob {
    /// What to push.
    pub requests: Vec<PushRequest>,
    /// How to reach AWS; only asked where ECR is involved.
    pub aws: AwsSettings,
    /// Image sources and logins.
    pub workbench: Workbench,
}

/// Pushes images, and tells everything by events. After an interrupt the run is dropped where it is.
///
/// # Errors
/// What kept the run from going on; the caller tells it.
pub async fn push(job: PushJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    check_stdin(&job.requests)?;
    let aws = match first_ecr(&job.requests) {
        Some(ecr) => {
            // An image's host says its Region, so that none has to be configured for it.
            let region = job.aws.region.clone().or(Some(ecr.region));
            Some(Aws::connect(AwsSettings { region, told: events.for_calls(), ..job.aws }).await?)
        }
        None => None,
    };
    events.emit(Event::RunStarted(RunStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: "push".to_owned(),
        region: aws.as_ref().map(|aws| aws.region.clone()).unwrap_or_default(),
        cluster: String::new(),
        services: job.requests.iter().map(|request| request.name.clone()).collect(),
        dry_run: false,
        detailed_exitcode: false,
        sandbox: None,
    }));
    let registries = registries(aws.as_ref(), &job.workbench);
    let all =
        job.requests.iter().map(|request| one(request, &job.workbench, aws.as_ref(), &registries, events));
    let result = tokio::select! {
        result = try_join_all(all) => result.map(|_| ()),
        () = interrupt.cancelled() => {
            let message = "what was sent stays in the registry, and no tag leads to half of an image; run the same command again to send the rest".to_owned();
            events.emit(Event::Interrupted { message });
            Ok(())
        }
    };
    if let Some(aws) = aws {
        events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    }
    result
}

async fn one(
    request: &PushRequest,
    workbench: &Workbench,
    aws: Option<&Aws>,
    registries: &Registries,
    events: &Emitter,
) -> Result<()> {
    let events = events.for_service(&request.name);
    let push = &request.push;
    let step = StepTimer::start(&events, Step::PushImage);
    let options = open_options(push, workbench, registries);
    for to in &push.to {
        warn_of(to, &events);
    }
    let (image, targets) = tokio::try_join!(open(&push.from, &options), look(push, aws, registries))?;
    for note in image.notes() {
        events.warn(format!("{}: {note}", image.source()), None);
    }
    create_missing(&targets, aws, &events).await?;
    let destinations: Vec<Destination> = targets.into_iter().map(|target| target.destination).collect();
    let container = request.name.rsplit('/').next().unwrap_or(&request.name);
    let pushed = send(&image, &destinations, &Progress::new(events.clone(), container)).await?;
    step.finish();
    let (verdict, reason) = match pushed.outcome {
        Transfer::Exists => (Verdict::Unchanged, "it is there already"),
        Transfer::Uploaded | Transfer::Mounted => (Verdict::Succeeded, "it is pushed"),
    };
    events.emit(Event::RolloutFinished { verdict, reason: reason.to_owned(), zero_downtime: None });
    Ok(())
}

/// Targets that are allowed, and seldom meant.
fn warn_of(to: &Reference, events: &Emitter) {
    if to.host == "docker.io" && to.repository.starts_with("library/") {
        let name = to.repository.trim_start_matches("library/");
        events.warn(
            format!("{to} is the place of Docker's own images on Docker Hub"),
            Some(&format!(
                "for another registry, write --to HOST/{name}; for your own images on Docker Hub, USER/{name}"
            )),
        );
    }
    if to.tag.is_none() && to.digest.is_none() {
        events.warn(
            format!("{to} has no tag: the image can only be found there by its digest"),
            Some(&format!("write {to}:TAG to give it one")),
        );
    }
}

/// The first registry of ECR that is pushed to or read from.
fn first_ecr(requests: &[PushRequest]) -> Option<EcrHost> {
    let sources = requests.iter().filter_map(|request| match &request.push.from {
        Source::Registry(reference) => Some(reference),
        _ => None,
    });
    let targets = requests.iter().flat_map(|request| &request.push.to);
    targets.chain(sources).find_map(Reference::is_ecr)
}

/// Standard input can only be read once.
fn check_stdin(requests: &[PushRequest]) -> Result<()> {
    let readers = requests.iter().filter(|request| request.push.from == Source::Stdin).count();
    if readers > 1 {
        return Err(Error::usage(format!(
            "{readers} images come from `-`, and standard input can be read once"
        ))
        .hint("write the archive to a file, and use `docker-archive:FILE` or `oci-archive:FILE`"));
    }
    Ok(())
}
