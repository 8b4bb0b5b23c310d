//! The flags of `landfall logs`.

use std::time::Duration;

use clap::Args;

use super::args::{Global, given};
use super::env_args::age;
use crate::config::Overrides;
use crate::error::Result;

/// `landfall logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Only this service of the configuration [default: all]
    #[arg(value_name = "SERVICE")]
    pub only: Option<String>,
    /// Go on until Ctrl-C, with tasks that start in the meantime
    #[arg(short, long)]
    pub follow: bool,
    /// The last lines of tasks that failed within the last hour, and why each of them stopped
    #[arg(long, conflicts_with_all = ["follow", "since"])]
    pub failed: bool,
    /// How far back
    #[arg(long, value_name = "DURATION", default_value = "10m")]
    pub since: String,
    /// Only this container
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// Only this task: its id or how the id begins; one that has stopped, too
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// ECS service: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
}

impl LogsArgs {
    /// What the flags say over the file.
    pub fn overrides(&self, global: &Global) -> Overrides {
        Overrides {
            only: self.only.iter().cloned().collect(),
            region: given(&global.region),
            cluster: given(&global.cluster),
            service: given(&self.service),
            only_images: true,
            ..Overrides::default()
        }
    }

    /// `--since`
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for what is no duration.
    pub fn since(&self) -> Result<Duration> {
        age("--since", &self.since)
    }
}
