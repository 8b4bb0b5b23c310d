//! `landfall deploy`

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::sandbox::{endpoint_of, start_sandbox};
use crate::aws::{Aws, AwsSettings};
use crate::config::{Config, ImageConfig};
use crate::deploy::{Context, deploy as run};
use crate::emit::Emitter;
use crate::error::{Error, Result};
use crate::event::{Event, RunStarted};
use crate::logins::{Workbench, registries};

/// An interrupted run ends within five seconds (design 8), put back or not.
const PUT_BACK_WITHIN: Duration = Duration::from_secs(4);

/// What is asked of `landfall deploy`.
pub struct DeployRequest {
    /// What to deploy.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// Image sources and logins.
    pub workbench: Workbench,
    /// Change nothing.
    pub dry_run: bool,
    /// A dry run with something to do exits 10.
    pub detailed_exitcode: bool,
    /// Run against the embedded stand-in: scenario, and how much faster its clock runs.
    pub sandbox: Option<(String, f64)>,
}

/// How to reach AWS, as far as the environment says.
pub fn aws_settings(s3_path_style: bool, registry_endpoint: Option<String>) -> AwsSettings {
    AwsSettings { s3_path_style, registry_endpoint, ..AwsSettings::default() }
}

/// Deploys, and tells everything by events. After an interrupt the run is dropped where it is.
///
/// # Errors
/// What kept the run from going on; the caller tells it.
pub async fn deploy(
    mut request: DeployRequest,
    events: &Emitter,
    interrupt: &CancellationToken,
) -> Result<()> {
    let mut settings =
        AwsSettings { region: request.config.region.clone(), told: events.for_calls(), ..request.aws };
    let sandbox = match &request.sandbox {
        Some((scenario, speed)) => {
            check_targets(&request.config)?;
            let sandbox = start_sandbox(scenario, *speed, None, Some(&request.config)).await?;
            endpoint_of(&sandbox, &mut settings);
            Some(sandbox)
        }
        None => None,
    };
    let aws = Aws::connect(settings).await?;
    events.emit(Event::RunStarted(RunStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: "deploy".to_owned(),
        region: aws.region.clone(),
        cluster: request.config.cluster.clone(),
        services: request.config.services.iter().map(|service| service.name.clone()).collect(),
        dry_run: request.dry_run,
        detailed_exitcode: request.detailed_exitcode,
        sandbox: request.sandbox.map(|(scenario, _)| scenario),
    }));
    if !request.config.origin.is_unknown() {
        events.emit(Event::Origin(request.config.origin.clone()));
    }
    if sandbox.is_some() {
        leave_probes_out(&mut request.config, events);
    }
    let registries = registries(Some(&aws), &request.workbench);
    let context = Context {
        config: &request.config,
        aws: &aws,
        workbench: &request.workbench,
        registries: &registries,
        events,
        dry_run: request.dry_run,
        interrupt,
    };
    let puts_back = request.config.puts_back_on_interrupt();
    let mut running = std::pin::pin!(run(&context));
    let ended = tokio::select! {
        biased;
        // ECS is told of services that are to be put back then; CI systems kill after a few seconds.
        () = interrupt.cancelled(), if puts_back => tokio::time::timeout(PUT_BACK_WITHIN, &mut running).await.ok(),
        () = interrupt.cancelled() => None,
        result = &mut running => Some(result),
    };
    // A run that puts services back for an interrupt may be done with that before it was heard of here. What has ended
    // otherwise keeps its verdict, and an error is told beside the interrupt.
    if ended.is_none() || (puts_back && interrupt.is_cancelled()) {
        let message = match puts_back {
            true => "ECS goes on with what was started; `landfall status` shows it",
            false => {
                "ECS goes on with any deployment that was started; run the same command again to follow it"
            }
        };
        events.emit(Event::Interrupted { message: message.to_owned() });
    }
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    if let Some(sandbox) = sandbox {
        sandbox.shutdown().await;
    }
    ended.unwrap_or(Ok(()))
}

/// The sandbox stays on this machine, and no task of it answers elsewhere.
fn leave_probes_out(config: &mut Config, events: &Emitter) {
    for service in &mut config.services {
        if let Some(probe) = service.probe.take_if(|probe| !probe.url.is_local()) {
            let message = format!(
                "the probe of {} is left out: the sandbox carries no requests to {}",
                service.name, probe.url
            );
            events.warn(message, None);
        }
    }
}

/// The sandbox stays on this machine: an image that would go to a registry elsewhere is refused.
fn check_targets(config: &Config) -> Result<()> {
    let images =
        config.services.iter().flat_map(|service| &service.containers).filter_map(|c| c.image.as_ref());
    for target in images.flat_map(ImageConfig::targets) {
        let name = target.host.split(':').next().unwrap_or_default();
        let local = name == "localhost" || name.starts_with("127.") || target.host.starts_with("[::1]");
        if target.is_ecr().is_none() && !local {
            return Err(Error::usage(format!("the sandbox does not talk to the registry {}", target.host)).hint(
                "With --sandbox, name an ECR host (123456789012.dkr.ecr.REGION.amazonaws.com, which it stands in for) or a registry on localhost.",
            ));
        }
    }
    Ok(())
}
