//! `landfall render`: the JSON that a deployment would register.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::env::{check_cluster, started, unless_interrupted};
use crate::aws::{Aws, AwsSettings};
use crate::config::{Config, ServiceConfig};
use crate::emit::Emitter;
use crate::error::{Error, Result};
use crate::event::{Event, RunStarted, Verdict};
use crate::logins::{Workbench, registries};
use crate::plan::{Plan, plan};
use crate::prepare::Prepared;
use crate::task_definition::masked;

/// What is asked of `landfall render`.
pub struct RenderJob {
    /// With one service.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// Image sources and logins.
    pub workbench: Workbench,
    /// Show what is masked otherwise: values of `environment` and what else may be a credential.
    pub show_values: bool,
}

/// The document that a deployment of the service would register. Changes nothing.
///
/// # Errors
/// What keeps a deployment from being planned; [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for several
/// services.
pub async fn render(
    job: RenderJob,
    events: &Emitter,
    interrupt: &CancellationToken,
) -> Result<Option<Value>> {
    let config = &job.config;
    check_cluster(config)?;
    let [service] = config.services.as_slice() else {
        let names: Vec<&str> = config.services.iter().map(|service| service.name.as_str()).collect();
        return Err(Error::usage("the configuration has several services, and one is rendered at a time")
            .hint(format!("Choose one: landfall render {}.", names.join(" | "))));
    };
    let settings = AwsSettings { region: config.region.clone(), told: events.for_calls(), ..job.aws.clone() };
    let aws = Aws::connect(settings).await?;
    events.emit(Event::RunStarted(RunStarted {
        dry_run: true,
        ..started("render", &aws.region, Some(config))
    }));
    let mut rendered = None;
    let work = async {
        let (plan, _) = planned(config, service, &aws, &job.workbench, events).await?;
        let reason = "what would be registered is on standard output".to_owned();
        let verdict = Verdict::Unchanged;
        let events = events.for_service(&service.name);
        events.emit(Event::RolloutFinished { verdict, reason, zero_downtime: None });
        rendered = Some(if job.show_values { plan.definition.to_value() } else { masked(&plan.definition) });
        Ok(())
    };
    let result = unless_interrupted(interrupt, events, "nothing was changed", work).await;
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result.map(|()| rendered)
}

/// The plan of a service, and what it was made from.
pub(super) async fn planned(
    config: &Config,
    service: &ServiceConfig,
    aws: &Aws,
    workbench: &Workbench,
    events: &Emitter,
) -> Result<(Plan, Prepared)> {
    let events = events.for_service(&service.name);
    let registries = registries(Some(aws), workbench);
    let prepared = Prepared::gather(config, service, aws, workbench, &registries, &events).await?;
    let plan = plan(service, &prepared.snapshot)?;
    Ok((plan, prepared))
}
