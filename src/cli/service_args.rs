//! The clap types of the verbs that look at services or steer them: `status`, `rollback`, `continue`.

use clap::{Args, ValueEnum};

use super::args::{Global, given};
use crate::config::Overrides;

/// `landfall status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Only these services of the configuration [default: all]
    pub services: Vec<String>,
    /// Go on looking until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// ECS service: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
}

/// `landfall rollback`
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Only these services of the configuration [default: all]
    pub services: Vec<String>,
    /// To this revision: its number, family:number or its ARN [default: the one that was last good]
    #[arg(long, value_name = "REVISION")]
    pub to: Option<String>,
    /// Show where each service would go, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// ECS service: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
    /// How long it may take [default: 30m]
    #[arg(long, env = "LANDFALL_TIMEOUT", value_name = "DURATION")]
    pub timeout: Option<String>,
}

/// `landfall continue`
#[derive(Debug, Args)]
pub struct ContinueArgs {
    /// Only these services of the configuration [default: all]
    pub services: Vec<String>,
    /// Which way
    #[arg(long, value_enum, default_value_t = ContinueActionArg::Continue)]
    pub action: ContinueActionArg,
    /// ECS service: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
}

/// Which way a paused deployment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ContinueActionArg {
    /// To the next stage
    Continue,
    /// Back to the revision before
    Rollback,
}

impl StatusArgs {
    /// What the flags say over the file.
    pub fn overrides(&self, global: &Global) -> Overrides {
        Overrides { only_images: true, ..of(&self.services, &self.service, global) }
    }
}

impl RollbackArgs {
    /// What the flags say over the file.
    pub fn overrides(&self, global: &Global) -> Overrides {
        Overrides { timeout: given(&self.timeout), ..of(&self.services, &self.service, global) }
    }
}

impl ContinueArgs {
    /// What the flags say over the file.
    pub fn overrides(&self, global: &Global) -> Overrides {
        Overrides { only_images: true, ..of(&self.services, &self.service, global) }
    }
}

fn of(services: &[String], service: &Option<String>, global: &Global) -> Overrides {
    Overrides {
        only: services.to_vec(),
        region: given(&global.region),
        cluster: given(&global.cluster),
        service: given(service),
        ..Overrides::default()
    }
}
