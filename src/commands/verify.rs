//! `landfall verify`: the checks that a deployment makes before it changes anything, and no more.

use tokio_util::sync::CancellationToken;

use super::env::{check_cluster, started, unless_interrupted};
use crate::aws::{Aws, AwsSettings};
use crate::config::Config;
use crate::deploy::{Context, verify as run};
use crate::emit::Emitter;
use crate::error::Result;
use crate::event::Event;
use crate::logins::{Workbench, registries};

/// What is asked of `landfall verify`.
pub struct VerifyJob {
    /// What would be deployed.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// Image sources and logins.
    pub workbench: Workbench,
}

/// Plans and checks every service, and changes nothing.
///
/// # Errors
/// [`ErrorKind::Preflight`](crate::error::ErrorKind::Preflight) where a deployment would be refused; what else kept it
/// from looking. The caller tells it.
pub async fn verify(job: VerifyJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    check_cluster(&job.config)?;
    let settings = AwsSettings { region: job.config.region.clone(), told: events.for_calls(), ..job.aws };
    let aws = Aws::connect(settings).await?;
    events.emit(Event::RunStarted(started("verify", &aws.region, Some(&job.config))));
    let registries = registries(Some(&aws), &job.workbench);
    let context = Context {
        config: &job.config,
        aws: &aws,
        workbench: &job.workbench,
        registries: &registries,
        events,
        dry_run: true,
        interrupt,
    };
    let stands = "nothing was changed";
    let result = unless_interrupted(interrupt, events, stands, run(&context)).await;
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result
}
