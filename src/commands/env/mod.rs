//! `landfall env`

mod check;
mod diff;
mod pull;
mod push;
mod write;

use std::future::Future;

use tokio_util::sync::CancellationToken;

pub use check::{EnvCheckJob, check};
pub use diff::{EnvDiffJob, diff};
pub use pull::{EnvPullJob, pull};
pub use push::{EnvPushJob, push};

use crate::config::{Config, EnvStore};
use crate::emit::Emitter;
use crate::error::{Error, Result};
use crate::event::{Event, RunStarted};

/// The first event of a command that deploys nothing.
pub(super) fn started(command: &str, region: &str, config: Option<&Config>) -> RunStarted {
    RunStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command.to_owned(),
        region: region.to_owned(),
        cluster: config.map(|config| config.cluster.clone()).unwrap_or_default(),
        services: config
            .into_iter()
            .flat_map(|config| &config.services)
            .map(|service| service.name.clone())
            .collect(),
        dry_run: false,
        detailed_exitcode: false,
        sandbox: None,
    }
}

/// Does the work until it ends or a signal arrives; then the run is dropped where it is, and `stands` tells where
/// that is and how to go on.
pub(super) async fn unless_interrupted(
    interrupt: &CancellationToken,
    events: &Emitter,
    stands: &str,
    work: impl Future<Output = Result<()>>,
) -> Result<()> {
    tokio::select! {
        result = work => result,
        () = interrupt.cancelled() => {
            events.emit(Event::Interrupted { message: stands.to_owned() });
            Ok(())
        }
    }
}

/// The env store of a command that cannot do without.
pub(super) fn store_of(config: &Config) -> Result<&EnvStore> {
    config.env_store.as_ref().ok_or_else(|| {
        Error::usage("there is no env store")
            .hint("Set `env_store: s3://BUCKET/PREFIX` in landfall.yml, or --env-store.")
    })
}

/// The cluster of a command that asks for a service; a configuration for images alone may have none.
pub(super) fn check_cluster(config: &Config) -> Result<()> {
    if config.cluster.is_empty() {
        return Err(Error::usage("no cluster is configured")
            .hint("Set `cluster:` in landfall.yml, --cluster or LANDFALL_CLUSTER."));
    }
    Ok(())
}

/// `1 variable`, `2 variables`.
pub(super) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
