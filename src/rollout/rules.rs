//! What a service and a revision are set to, as far as it decides how a rolling update goes: pure values and the
//! arithmetic on them.

use std::time::Duration;

use serde_json::{Map, Value};

use super::policy::TargetGroupRef;
use crate::task_definition::TaskDefinition;

/// How much longer than what is slow by its settings nothing may move.
const MARGIN: Duration = Duration::from_secs(60);

/// What the service's deployment configuration asks of a rolling update, beside `minimumHealthyPercent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// `maximumPercent` (facts 3.5).
    pub maximum_percent: u32,
    /// The scheduling strategy is DAEMON: one task on each container instance, so that ECS sets the desired count
    /// and nobody else can.
    pub daemon: bool,
    /// The names of the CloudWatch alarms that fail the deployment; empty where `alarms.enable` is not set (facts 3.9).
    pub alarms: Vec<String>,
    /// `earlySuccessCriteria`, where they are enabled (facts 3.10).
    pub early_success: Option<EarlySuccess>,
}

impl Default for Rules {
    /// ECS's defaults for a service of scheduling strategy REPLICA.
    fn default() -> Self {
        Self { maximum_percent: 200, daemon: false, alarms: Vec::new(), early_success: None }
    }
}

/// `deploymentConfiguration.earlySuccessCriteria` (facts 3.10): ECS says COMPLETED before the rollout is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlySuccess {
    /// `healthyPercent`: how many of the tasks wanted have to be healthy for that.
    pub healthy_percent: u32,
    /// `sourceServiceRevisionCleanup` is DEFERRED: old tasks may stay for up to two weeks.
    pub deferred: bool,
}

/// A container's `restartPolicy` that is enabled (facts 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPolicy {
    /// The container.
    pub container: String,
    /// `restartAttemptPeriod`: a container that has run for less is not restarted but ends for good.
    pub attempt_period: Duration,
    /// `ignoredExitCodes`: it is not restarted after these.
    pub ignored_exit_codes: Vec<i32>,
}

impl RestartPolicy {
    /// `restartAttemptPeriod` where none is set (facts 3.3).
    pub const ATTEMPT_PERIOD: Duration = Duration::from_secs(300);

    /// Those of a revision's containers.
    pub fn of(definition: &TaskDefinition) -> Vec<Self> {
        let policy = |container: &Map<String, Value>| {
            let policy = container.get("restartPolicy")?;
            let seconds = policy.get("restartAttemptPeriod").and_then(Value::as_u64);
            let ignored = policy.get("ignoredExitCodes").and_then(Value::as_array).into_iter().flatten();
            (policy.get("enabled") == Some(&Value::Bool(true))).then_some(Self {
                container: container.get("name")?.as_str()?.to_owned(),
                attempt_period: seconds.map_or(Self::ATTEMPT_PERIOD, Duration::from_secs),
                ignored_exit_codes: ignored.filter_map(|code| i32::try_from(code.as_i64()?).ok()).collect(),
            })
        };
        definition.containers().filter_map(policy).collect()
    }
}

/// How a target group knows a task. The network mode decides it: `awsvpc` needs target type `ip` (facts 9.3), and the
/// others need `instance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetKind {
    /// By the address of the task's own network interface, and the container's port.
    #[default]
    Ip,
    /// By the EC2 instance, and the host port that the container's port was bound to (network mode `bridge`).
    Instance,
    /// By the EC2 instance, and the container's own port (network mode `host`).
    Host,
}

impl TargetKind {
    /// Of a revision's tasks.
    pub fn of(definition: &TaskDefinition) -> Self {
        match definition.network_mode() {
            "awsvpc" => Self::Ip,
            "host" => Self::Host,
            _ => Self::Instance,
        }
    }
}

/// How long the slowest health check of a revision's containers may take to a result: `startPeriod + interval *
/// retries`, with the defaults of facts 3.2. Zero where no container has one.
pub fn container_check_time(definition: &TaskDefinition) -> Duration {
    let time = |container: &Map<String, Value>| {
        let check = container.get("healthCheck")?.as_object()?;
        let field = |key: &str, default: u64| check.get(key).and_then(Value::as_u64).unwrap_or(default);
        let rounds = field("interval", 30).saturating_mul(field("retries", 3));
        Some(Duration::from_secs(field("startPeriod", 0).saturating_add(rounds)))
    };
    definition.containers().filter_map(time).max().unwrap_or_default()
}

/// Lower and upper bound of a rolling update: `ceil(desired * minimum / 100)` RUNNING tasks at least,
/// `floor(desired * maximum / 100)` RUNNING and PENDING ones at most (facts 3.5).
pub fn bounds(desired: u32, minimum_healthy_percent: u32, maximum_percent: u32) -> (u32, u32) {
    let of = |percent: u32| u64::from(desired) * u64::from(percent);
    let whole = |tasks: u64| u32::try_from(tasks).unwrap_or(u32::MAX);
    (whole(of(minimum_healthy_percent).div_ceil(100)), whole(of(maximum_percent) / 100))
}

/// Whether the percentages permit neither an extra start nor a stop, so that ECS would wait for ever (facts 3.5).
pub fn is_blocked(desired: u32, minimum_healthy_percent: u32, maximum_percent: u32) -> bool {
    let (lower, upper) = bounds(desired, minimum_healthy_percent, maximum_percent);
    desired > 0 && upper <= desired && lower >= desired
}

/// How long nothing may change: `wanted`, but no less than a task may rightly stand still. After it is RUNNING bad
/// health is overlooked for `grace` (facts 3.5); its slowest container check takes `container_checks` (facts 3.2); and
/// a target group calls it healthy or unhealthy after as many checks in a row as its threshold says.
pub fn least_stall_timeout(
    wanted: Duration,
    grace: Duration,
    container_checks: Duration,
    groups: &[TargetGroupRef],
) -> Duration {
    let rounds = |group: &TargetGroupRef| {
        let check = group.health_check.as_ref()?;
        let checks = check.healthy_threshold.max(check.unhealthy_threshold);
        Some(Duration::from_secs(u64::from(check.interval) * u64::from(checks)))
    };
    let targets = groups.iter().filter_map(rounds).max().unwrap_or_default();
    wanted.max(grace.saturating_add(targets).saturating_add(container_checks).saturating_add(MARGIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::HealthCheck;

    #[test]
    fn what_is_blocked_is_what_leaves_no_step() {
        // The first two are of facts 3.5.
        for (desired, minimum, maximum, blocked) in [
            (1, 100, 100, true),
            (2, 75, 125, true),
            (1, 100, 150, true),
            (2, 100, 200, false),
            (2, 50, 100, false),
            (3, 100, 133, true),
            (3, 100, 134, false),
            // A DAEMON service with ECS's defaults, and one that may not stop a task first.
            (3, 0, 100, false),
            (3, 100, 100, true),
            (0, 100, 100, false),
        ] {
            assert_eq!(is_blocked(desired, minimum, maximum), blocked, "{desired} at {minimum}/{maximum}");
        }
        assert_eq!(bounds(5, 50, 130), (3, 6));
    }

    fn definition(more: &str, containers: &serde_json::Value) -> TaskDefinition {
        let document = serde_json::json!({
            "family": "web", "networkMode": more, "containerDefinitions": containers,
        });
        TaskDefinition::from_value(document).unwrap()
    }

    #[test]
    fn a_revision_says_what_is_restarted_how_long_checks_take_and_what_a_target_is() {
        let app = definition(
            "bridge",
            &serde_json::json!([
                { "name": "app", "restartPolicy": { "enabled": true, "ignoredExitCodes": [0], "restartAttemptPeriod": 60 },
                  "healthCheck": { "command": ["CMD", "x"], "startPeriod": 20, "interval": 10, "retries": 2 } },
                { "name": "log", "restartPolicy": { "enabled": true }, "healthCheck": { "command": ["CMD", "x"] } },
                { "name": "off", "restartPolicy": { "enabled": false } },
                { "name": "none" },
            ]),
        );
        let policies = RestartPolicy::of(&app);
        let seconds: Vec<_> =
            policies.iter().map(|it| (it.container.as_str(), it.attempt_period.as_secs())).collect();
        assert_eq!(seconds, [("app", 60), ("log", 300)]);
        assert_eq!(policies[0].ignored_exit_codes, [0]);
        assert_eq!(container_check_time(&app).as_secs(), 90, "the one with the defaults is slower");
        assert_eq!(TargetKind::of(&app), TargetKind::Instance);
        let none = serde_json::json!([{ "name": "app" }]);
        assert_eq!(container_check_time(&definition("awsvpc", &none)), Duration::ZERO);
        assert_eq!(TargetKind::of(&definition("awsvpc", &none)), TargetKind::Ip);
        assert_eq!(TargetKind::of(&definition("host", &none)), TargetKind::Host);
    }

    fn group(interval: u32, healthy_threshold: u32, unhealthy_threshold: u32) -> TargetGroupRef {
        TargetGroupRef {
            arn: "web".to_owned(),
            container_name: "web".to_owned(),
            container_port: 80,
            kind: TargetKind::Ip,
            health_check: Some(HealthCheck {
                protocol: "HTTP".to_owned(),
                path: None,
                port: "traffic-port".to_owned(),
                matcher: None,
                interval,
                timeout: 5,
                healthy_threshold,
                unhealthy_threshold,
            }),
        }
    }

    #[test]
    fn a_stall_is_nothing_that_the_settings_allow() {
        let seconds = Duration::from_secs;
        let least = |grace, checks, groups: &[TargetGroupRef]| {
            least_stall_timeout(seconds(300), seconds(grace), seconds(checks), groups).as_secs()
        };
        assert_eq!(least(0, 0, &[]), 300, "what was asked for");
        assert_eq!(least(400, 0, &[]), 460, "the grace period");
        assert_eq!(least(0, 0, &[group(300, 5, 2)]), 1560, "five checks, one every five minutes");
        assert_eq!(least(0, 0, &[group(30, 2, 10), group(10, 2, 2)]), 360, "the slowest group, either way");
        assert_eq!(least(0, 600, &[]), 660, "the container's own check");
        assert_eq!(least(120, 100, &[group(60, 5, 2)]), 580, "all of them, one after the other");
        let unknown = TargetGroupRef { health_check: None, ..group(300, 10, 10) };
        assert_eq!(least(0, 0, &[unknown]), 300, "settings that could not be read");
        assert_eq!(least_stall_timeout(Duration::MAX, seconds(1), seconds(1), &[]), Duration::MAX);
    }
}
