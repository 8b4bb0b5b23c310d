//! Target groups and targets.

use std::time::Duration;

use crate::world::VirtualTime;

/// How a target group checks and drains its targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroupOptions {
    /// The port that targets are registered with by default.
    pub port: u16,
    /// The path of the health check.
    pub health_check_path: String,
    /// Seconds between two health checks.
    pub interval_s: u64,
    /// Seconds that one health check may take.
    pub timeout_s: u64,
    /// Successes in a row that make a target healthy.
    pub healthy_threshold: u32,
    /// Failures in a row that make a target unhealthy.
    pub unhealthy_threshold: u32,
    /// Seconds that a leaving target is drained for. AWS's default is 300; the default here is 10
    /// so that a demonstration is quick.
    pub deregistration_delay_s: u64,
    /// The status codes that count as success, as ELB writes them.
    pub matcher: String,
    /// Its targets are EC2 instances and not addresses.
    pub instance_targets: bool,
}

impl Default for TargetGroupOptions {
    fn default() -> Self {
        TargetGroupOptions {
            port: 80,
            health_check_path: "/".to_owned(),
            interval_s: 5,
            timeout_s: 2,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            deregistration_delay_s: 10,
            matcher: "200".to_owned(),
            instance_targets: false,
        }
    }
}

impl TargetGroupOptions {
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_s.max(1))
    }

    pub(crate) fn deregistration_delay(&self) -> Duration {
        Duration::from_secs(self.deregistration_delay_s)
    }
}

pub(crate) struct TargetGroup {
    pub(crate) name: String,
    pub(crate) arn: String,
    /// `None`: no listener sends it anything.
    pub(crate) load_balancer: Option<String>,
    pub(crate) options: TargetGroupOptions,
    pub(crate) created_at: VirtualTime,
    pub(crate) targets: Vec<Target>,
}

/// Where a target stands (facts 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetState {
    Registering,
    FirstChecks,
    Healthy,
    Unhealthy,
    Draining { was_unhealthy: bool },
}

pub(crate) struct Target {
    pub(crate) task: String,
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) zone: String,
    pub(crate) state: TargetState,
    /// When the state changes by itself.
    pub(crate) next_at: Option<VirtualTime>,
    /// Whether its health checks will succeed.
    pub(crate) answers: bool,
    /// Health checks take this many times longer than they should.
    pub(crate) slowness: u32,
}
