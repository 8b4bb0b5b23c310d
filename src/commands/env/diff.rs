//! `landfall env diff`

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::{counted, started, unless_interrupted};
use crate::aws::{Aws, AwsSettings};
use crate::config::{Config, ServiceConfig};
use crate::emit::Emitter;
use crate::error::Result;
use crate::event::{Event, RunStarted, VariableChange, Verdict};
use crate::logins::{Workbench, registries};
use crate::plan::plan;
use crate::prepare::Prepared;

/// What is asked of `landfall env diff`.
pub struct EnvDiffJob {
    /// The services to compare. What it says about images is passed over.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// Only this container.
    pub container: Option<String>,
    /// Exit 10 where something differs.
    pub detailed_exitcode: bool,
}

/// Compares the variables that a deployment would give with those that the services have, and tells names by
/// events. Changes nothing.
///
/// # Errors
/// What kept the run from going on; the caller tells it.
pub async fn diff(mut job: EnvDiffJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    for service in &mut job.config.services {
        service.containers.retain(|container| job.container.is_none() || container.name == job.container);
        for container in &mut service.containers {
            // No registry is asked, and no image is opened: it need not even be built yet.
            container.image = None;
        }
    }
    let config = &job.config;
    let aws =
        Aws::connect(AwsSettings { region: config.region.clone(), told: events.for_calls(), ..job.aws })
            .await?;
    events.emit(Event::RunStarted(RunStarted {
        dry_run: true,
        detailed_exitcode: job.detailed_exitcode,
        ..started("env diff", &aws.region, Some(config))
    }));
    let work = async {
        let all = config.services.iter().map(|service| compare(config, service, &aws, events));
        try_join_all(all).await.map(|_| ())
    };
    let result = unless_interrupted(interrupt, events, "nothing was changed", work).await;
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result
}

async fn compare(config: &Config, service: &ServiceConfig, aws: &Aws, events: &Emitter) -> Result<()> {
    let events = events.for_service(&service.name);
    let workbench = Workbench::default();
    let registries = registries(None, &workbench);
    let prepared = Prepared::gather(config, service, aws, &workbench, &registries, &events).await?;
    let plan = plan(service, &prepared.snapshot)?;
    let (mut differing, mut unread) = (0, 0);
    for container in plan.variables {
        differing += container.variables.iter().filter(|v| v.change != VariableChange::Unchanged).count();
        unread += container.unread.len();
        events.emit(Event::EnvCompared(container));
    }
    let (verdict, mut reason) = match differing {
        0 => (Verdict::Unchanged, "no variable differs".to_owned()),
        1 => (Verdict::Planned, "1 variable differs".to_owned()),
        count => (Verdict::Planned, format!("{count} variables differ")),
    };
    if unread > 0 {
        reason.push_str(&format!(", as far as is known: {} could not be read", counted(unread, "env file")));
    }
    events.emit(Event::RolloutFinished { verdict, reason, zero_downtime: None });
    Ok(())
}
