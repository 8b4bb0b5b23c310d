//! `landfall env push`

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::{check_cluster, started, store_of, unless_interrupted};
use crate::aws::{Aws, AwsSettings};
use crate::config::{Config, ServiceConfig, TaskDefinitionSource};
use crate::emit::{Emitter, StepTimer};
use crate::error::{Error, Result};
use crate::event::{Event, Step, Transfer, Verdict};
use crate::plan::EnvFileFacts;
use crate::prepare::{gather_env_files, stored, upload_env_file};

/// What is asked of `landfall env push`.
pub struct EnvPushJob {
    /// The services whose env files are stored; those without any are passed over.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// The services that were named, of which something is expected.
    pub named: Vec<String>,
}

/// Stores env files, and tells everything by events. Touches no service.
///
/// # Errors
/// What kept the run from going on; the caller tells it.
pub async fn push(mut job: EnvPushJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    let has_files =
        |service: &ServiceConfig| service.containers.iter().any(|container| !container.env_files.is_empty());
    let nothing = |what: &str| {
        Err(Error::usage(format!("{what} has no env file to push"))
            .hint("Give a container `env_file: FILE`, or use --env-file."))
    };
    if let Some(service) = job.config.services.iter().find(|s| job.named.contains(&s.name) && !has_files(s)) {
        return nothing(&format!("service {}", service.name));
    }
    job.config.services.retain(has_files);
    if job.config.services.is_empty() {
        return nothing("the configuration");
    }
    let config = &job.config;
    let store = store_of(config)?;
    if config.services.iter().any(asks_for_the_service) {
        check_cluster(config)?;
    }
    let aws =
        Aws::connect(AwsSettings { region: config.region.clone(), told: events.for_calls(), ..job.aws })
            .await?;
    events.emit(Event::RunStarted(started("env push", &aws.region, Some(config))));
    let work = async {
        let account = match &store.owner {
            Some(owner) => owner.clone(),
            None => aws.account().await?,
        };
        // All are looked at before the first is sent.
        let all = config.services.iter().map(|service| async {
            let events = events.for_service(&service.name);
            let files = gather_env_files(config, service, &aws, &account, &events).await?;
            Ok::<_, Error>((events, files))
        });
        let all = try_join_all(all).await?;
        try_join_all(all.iter().map(|(events, files)| send(config, files, &account, &aws, events))).await?;
        Ok(())
    };
    let result = unless_interrupted(
        interrupt,
        events,
        "what was stored stays, and no service reads it yet; run the same command again to store the rest",
        work,
    )
    .await;
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result
}

/// Only the service knows what a container without a name is called.
fn asks_for_the_service(service: &ServiceConfig) -> bool {
    service.task_definition == TaskDefinitionSource::Live
        && service.containers.iter().any(|c| c.name.is_none() && !c.env_files.is_empty())
}

async fn send(
    config: &Config,
    files: &[EnvFileFacts],
    account: &str,
    aws: &Aws,
    events: &Emitter,
) -> Result<()> {
    let step = StepTimer::start(events, Step::UploadEnvFiles);
    let store = config.env_store.as_ref();
    let outcomes = try_join_all(files.iter().map(|file| upload_env_file(file, store, account, aws))).await?;
    // In the order of the configuration, as they are printed.
    for (file, outcome) in files.iter().zip(&outcomes) {
        events.emit(stored(file, *outcome));
    }
    step.finish();
    let (verdict, reason) = if outcomes.contains(&Transfer::Uploaded) {
        (Verdict::Succeeded, "its env files are stored")
    } else {
        (Verdict::Unchanged, "its env files are stored already")
    };
    events.emit(Event::RolloutFinished { verdict, reason: reason.to_owned(), zero_downtime: None });
    Ok(())
}
