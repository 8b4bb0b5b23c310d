//! The clap types that say when a rollout is over, and what becomes of the service then.

use clap::{Args, ValueEnum};

use super::args::{given, raw};
use crate::config::{Overrides, ProbeOverrides, WaitFor};
use crate::secret::Secret;

/// When the rollout is over.
#[derive(Debug, Args)]
#[command(next_help_heading = "Rollout")]
pub struct RolloutArgs {
    /// What to wait for [default: steady]
    #[arg(long, env = "LANDFALL_WAIT_FOR", value_enum)]
    pub wait_for: Option<WaitForArg>,
    /// How long the rollout may take [default: 30m]
    #[arg(long, env = "LANDFALL_TIMEOUT", value_name = "DURATION")]
    pub timeout: Option<String>,
    /// How long nothing may move while tasks are missing [default: 5m]
    #[arg(long, env = "LANDFALL_STALL_TIMEOUT", value_name = "DURATION")]
    pub stall_timeout: Option<String>,
    /// How many tasks may fail [default: the larger of 2 and the desired count]
    #[arg(long, env = "LANDFALL_MAX_FAILED_TASKS", value_name = "COUNT")]
    pub max_failed_tasks: Option<u32>,
    /// Whether to put the service back when the rollout fails [default: on-failure]
    #[arg(long, env = "LANDFALL_ROLLBACK", value_enum)]
    pub rollback: Option<RollbackArg>,
    /// What becomes of a service that fails and has nothing to go back to [default: leave]
    #[arg(long, env = "LANDFALL_ON_FIRST_FAILURE", value_enum)]
    pub on_first_failure: Option<OnFirstFailureArg>,
    /// What becomes of the service when the run is interrupted [default: leave]
    #[arg(long, env = "LANDFALL_ON_INTERRUPT", value_enum)]
    pub on_interrupt: Option<OnInterruptArg>,
    /// Send requests to this address throughout the rollout, to prove that none is lost
    #[arg(long, env = "LANDFALL_PROBE_URL", value_name = "URL", hide_env_values = true, value_parser = raw)]
    pub probe_url: Option<Secret>,
    /// From one request of a probe to the next [default: 500ms]
    #[arg(long, env = "LANDFALL_PROBE_INTERVAL", value_name = "DURATION")]
    pub probe_interval: Option<String>,
}

/// `--wait-for`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum WaitForArg {
    /// Every new task is healthy and the old ones have drained
    Steady,
    /// Every new task is healthy
    Healthy,
    /// Return after UpdateService
    None,
}

/// `--rollback`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RollbackArg {
    /// To the revision that was last known good
    OnFailure,
    /// Leave the service as it is
    Never,
}

/// `--on-first-failure`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnFirstFailureArg {
    /// It stays as it is, and ECS goes on trying
    Leave,
    /// Its desired count becomes 0
    ScaleToZero,
}

/// `--on-interrupt`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnInterruptArg {
    /// ECS goes on with the deployment
    Leave,
    /// It is set back to the revision that was last good
    Rollback,
}

impl RolloutArgs {
    /// What the flags say over the file, beside what is known of it.
    pub(super) fn over(&self, known: Overrides) -> Overrides {
        Overrides {
            wait_for: self.wait_for.map(|wait| match wait {
                WaitForArg::Steady => WaitFor::Steady,
                WaitForArg::Healthy => WaitFor::Healthy,
                WaitForArg::None => WaitFor::None,
            }),
            timeout: given(&self.timeout),
            stall_timeout: given(&self.stall_timeout),
            max_failed_tasks: self.max_failed_tasks,
            rollback: self.rollback.map(|rollback| matches!(rollback, RollbackArg::OnFailure)),
            scale_to_zero_on_first_failure: self
                .on_first_failure
                .map(|wanted| wanted == OnFirstFailureArg::ScaleToZero),
            rollback_on_interrupt: self.on_interrupt.map(|wanted| wanted == OnInterruptArg::Rollback),
            probe: ProbeOverrides {
                url: self.probe_url.clone().filter(|url| !url.expose().is_empty()),
                interval: given(&self.probe_interval),
            },
            ..known
        }
    }
}
