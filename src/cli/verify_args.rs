//! The clap types of `landfall verify`, and of the checks that are a part of `deploy`.

use clap::{Args, ValueEnum};

use super::args::{Global, ServiceArgs, given_list};
use super::push_args::PushArgs;
use super::rollout_args::RolloutArgs;
use crate::config::{OnConflict, Overrides};
use crate::error::Result;

/// Checks before anything is changed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Checks")]
pub struct PreflightArgs {
    /// Turn a check off (docs/preflight.md lists them); may be repeated
    #[arg(long, env = "LANDFALL_SKIP_CHECK", value_name = "CODE")]
    pub skip_check: Vec<String>,
    /// What becomes of a deployment of the service that someone else has under way [default: replace]
    #[arg(long, env = "LANDFALL_ON_CONFLICT", value_enum)]
    pub on_conflict: Option<OnConflictArg>,
}

/// `--on-conflict`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnConflictArg {
    /// The new deployment takes its place
    Replace,
    /// Wait until it has ended
    Wait,
    /// Refuse, and change nothing
    Fail,
}

/// `landfall verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Only these services of the configuration [default: all]
    pub services: Vec<String>,
    /// What would be deployed, without or on top of a configuration file
    #[command(flatten)]
    pub service: ServiceArgs,
    /// How images would be pushed
    #[command(flatten)]
    pub push: PushArgs,
    /// When the rollout would be over
    #[command(flatten)]
    pub rollout: RolloutArgs,
    /// Checks before anything is changed
    #[command(flatten)]
    pub preflight: PreflightArgs,
}

impl PreflightArgs {
    /// What the flags say over the file, beside what is known of it.
    pub(super) fn over(&self, known: Overrides) -> Overrides {
        Overrides {
            skip_checks: given_list(&self.skip_check),
            on_conflict: self.on_conflict.map(|wanted| match wanted {
                OnConflictArg::Replace => OnConflict::Replace,
                OnConflictArg::Wait => OnConflict::Wait,
                OnConflictArg::Fail => OnConflict::Fail,
            }),
            ..known
        }
    }
}

impl VerifyArgs {
    /// What the flags say over the file.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a variable without a name.
    pub fn overrides(&self, global: &Global) -> Result<Overrides> {
        let known = Overrides { push: self.push.overrides()?, ..self.service.over(&self.services, global)? };
        Ok(self.preflight.over(self.rollout.over(known)))
    }
}
