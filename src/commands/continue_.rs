//! `landfall continue`: answers the lifecycle hook that a service deployment waits at (facts 4.3).

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio_util::sync::CancellationToken;

use super::env::{check_cluster, started, unless_interrupted};
use crate::aws::{Aws, AwsSettings, HookAction};
use crate::config::{Config, ServiceConfig};
use crate::emit::Emitter;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Verdict};
use crate::rollout::{Native, NativeFollowed, ServiceDeployment};

/// What is asked of `landfall continue`.
pub struct ContinueJob {
    /// The services to look at.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// Which way.
    pub action: HookAction,
}

/// Lets the paused service deployments of services go on, or go back.
///
/// # Errors
/// [`ErrorKind::Preflight`] where none is paused; what AWS refuses.
pub async fn continue_paused(
    job: ContinueJob,
    events: &Emitter,
    interrupt: &CancellationToken,
) -> Result<()> {
    let config = &job.config;
    check_cluster(config)?;
    let settings = AwsSettings { region: config.region.clone(), told: events.for_calls(), ..job.aws };
    let aws = Aws::connect(settings).await?;
    events.emit(Event::RunStarted(started("continue", &aws.region, Some(config))));
    let stands = "what was answered goes on in ECS; `landfall status` shows where it stands";
    let work = async {
        let found = config.services.iter().map(async |service| {
            let current = current_service_deployment(&aws, config, service).await?;
            Ok((service, current.filter(|current| current.paused_hook().is_some())))
        });
        let found: Vec<_> = try_join_all(found).await?;
        if found.iter().all(|(_, paused)| paused.is_none()) {
            return Err(none_is_paused(config));
        }
        for (service, paused) in found {
            let events = events.for_service(&service.name);
            let reason = match paused {
                Some(paused) => answer(&aws, &paused, job.action).await?,
                None => "no service deployment of it is paused".to_owned(),
            };
            let verdict = Verdict::Succeeded;
            events.emit(Event::RolloutFinished { verdict, reason, zero_downtime: None });
        }
        Ok(())
    };
    let result = unless_interrupted(interrupt, events, stands, work).await;
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result
}

/// Answers every hook that waits; what went on.
async fn answer(aws: &Aws, paused: &ServiceDeployment, action: HookAction) -> Result<String> {
    for hook in paused.hooks.iter().filter(|hook| hook.is_paused()) {
        aws.continue_service_deployment(&paused.arn, &hook.id, action).await?;
    }
    let stage = paused.stage.as_deref().unwrap_or("its stage");
    let strategy = &paused.strategy;
    Ok(match action {
        HookAction::Continue => format!("the {strategy} deployment was paused at {stage} and goes on"),
        HookAction::Rollback => {
            format!("the {strategy} deployment was paused at {stage} and is rolled back by ECS")
        }
    })
}

fn none_is_paused(config: &Config) -> Error {
    let names: Vec<&str> = config.services.iter().map(|service| service.name.as_str()).collect();
    Error::new(ErrorKind::Preflight, format!("no service deployment of {} is paused", names.join(", ")))
        .hint("Only a lifecycle hook of type PAUSE waits for an answer; `landfall status` shows where the service stands.")
}

/// The service deployment that is under way, if one is and the endpoint has them.
///
/// # Errors
/// [`ErrorKind::Aws`]; [`ErrorKind::Preflight`] where the service does not exist.
pub(super) async fn current_service_deployment(
    aws: &Aws,
    config: &Config,
    service: &ServiceConfig,
) -> Result<Option<ServiceDeployment>> {
    const UNDER_WAY: [&str; 5] =
        ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"];
    let listed = aws.list_service_deployments(&config.cluster, &service.service, &UNDER_WAY).await?;
    let newest = listed.and_then(|listed| listed.into_iter().next());
    let Some(newest) = newest else { return Ok(None) };
    Ok(aws.describe_service_deployments(&[newest.arn]).await?.into_iter().next())
}

/// A machine that only tells where a service deployment stands.
pub(super) fn onlooker(service: &ServiceConfig) -> Native {
    Native::new(NativeFollowed {
        task_definition: String::new(),
        earlier_task_definition: None,
        name: service.name.clone(),
        known: Vec::new(),
        until_healthy: false,
        timeout: Duration::MAX,
        rolling: false,
        alternate_target_groups: Vec::new(),
    })
}
