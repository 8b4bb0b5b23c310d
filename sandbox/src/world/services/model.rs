//! A service and its deployments.

use std::{collections::VecDeque, time::Duration};

use serde_json::{Map, Value, json};

use crate::world::{
    VirtualTime,
    json::{flag, number, text},
    rolling_update::Measurement,
};

/// `rolloutState` (facts 3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RolloutState {
    InProgress,
    Completed,
    Failed,
}

impl RolloutState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            RolloutState::InProgress => "IN_PROGRESS",
            RolloutState::Completed => "COMPLETED",
            RolloutState::Failed => "FAILED",
        }
    }
}

/// One entry of `deployments[]`. The first of a service's is PRIMARY, the others are ACTIVE.
pub(crate) struct Deployment {
    /// `ecs-svc/` and 19 digits.
    pub(crate) id: String,
    pub(crate) task_definition: String,
    /// The ARN of its service revision.
    pub(crate) service_revision: String,
    pub(crate) created_at: VirtualTime,
    pub(crate) updated_at: VirtualTime,
    pub(crate) rollout: RolloutState,
    pub(crate) reason: String,
    /// Consecutive failed tasks, as the circuit breaker counts them.
    pub(crate) failed_tasks: u32,
    /// Failed starts in a row, for the back-off.
    pub(crate) failed_starts: u32,
    /// No task is started before.
    pub(crate) retry_at: Option<VirtualTime>,
    /// Whether the scenario is in force for it.
    pub(crate) afflicted: bool,
    /// The service's settings when it was created: load balancers, network.
    pub(crate) settings: Map<String, Value>,
    /// Until when alarms are watched, once every task is healthy.
    pub(crate) bakes_until: Option<VirtualTime>,
    /// Whether "unable to stop or start tasks" was said already.
    pub(crate) said_blocked: bool,
}

impl Deployment {
    pub(crate) fn load_balancers(&self) -> &[Value] {
        self.settings.get("loadBalancers").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) created_at: VirtualTime,
    pub(crate) message: String,
}

/// `deploymentConfiguration.deploymentCircuitBreaker` (facts 3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CircuitBreaker {
    pub(crate) rollback: bool,
    pub(crate) threshold: u32,
    pub(crate) reset_on_healthy_task: bool,
}

/// A deployment and what it runs; that which was COMPLETED last is what a rollback goes back to
/// (facts 3.8).
#[derive(Clone)]
pub(crate) struct Completed {
    pub(crate) deployment: String,
    pub(crate) task_definition: String,
    pub(crate) service_revision: String,
}

pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) cluster: String,
    pub(crate) arn: String,
    pub(crate) created_at: VirtualTime,
    pub(crate) tags: Vec<Value>,
    /// The fields of CreateService and later UpdateService calls, as they came.
    pub(crate) settings: Map<String, Value>,
    /// Newest first.
    pub(crate) deployments: Vec<Deployment>,
    /// Newest first, at most 100.
    pub(crate) events: VecDeque<Event>,
    /// The newest deployment that was COMPLETED.
    pub(crate) last_completed: Option<Completed>,
    /// When the scheduler looks at the service next.
    pub(crate) wake_at: Option<VirtualTime>,
    /// When someone else is going to deploy.
    pub(crate) interference_at: Option<VirtualTime>,
    /// Whether someone else has deployed already.
    pub(crate) interfered: bool,
    /// Whether "has reached a steady state" is true and was said.
    pub(crate) steady: bool,
    /// DeleteService was called.
    pub(crate) deleted: bool,
    pub(crate) measurement: Measurement,
}

impl Service {
    fn configuration(&self) -> &Value {
        self.settings.get("deploymentConfiguration").unwrap_or(&Value::Null)
    }

    pub(crate) fn desired_count(&self) -> usize {
        let count = self.settings.get("desiredCount").and_then(Value::as_u64).unwrap_or(1);
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// One task on each container instance (facts 3.5's percentages apply, with other defaults).
    pub(crate) fn is_daemon(&self) -> bool {
        self.settings.get("schedulingStrategy").and_then(Value::as_str) == Some("DAEMON")
    }

    /// Tasks run on EC2 instances of the cluster and not on Fargate.
    pub(crate) fn runs_on_instances(&self) -> bool {
        self.settings.get("launchType").and_then(Value::as_str) == Some("EC2")
    }

    /// Whether alarms are watched before a deployment is completed (facts 3.9).
    pub(crate) fn watches_alarms(&self) -> bool {
        self.configuration().get("alarms").is_some_and(|alarms| flag(alarms, "enable"))
    }

    /// `earlySuccessCriteria` (facts 3.10): how many healthy tasks complete a deployment, and whether the old ones may
    /// still be there.
    pub(crate) fn early_success(&self) -> Option<(usize, bool)> {
        let criteria = self.configuration().get("earlySuccessCriteria").filter(|it| flag(it, "enable"))?;
        let percent = number(criteria, "healthyPercent").and_then(|it| usize::try_from(it).ok())?;
        let deferred = text(criteria, "sourceServiceRevisionCleanup") == Some("DEFERRED");
        Some(((self.desired_count() * percent).div_ceil(100), deferred))
    }

    /// ceil(desired × minimumHealthyPercent / 100) (facts 3.5).
    pub(crate) fn lower_bound(&self) -> usize {
        (self.desired_count() * self.percent("minimumHealthyPercent", 100)).div_ceil(100)
    }

    /// floor(desired × maximumPercent / 100) (facts 3.5).
    pub(crate) fn upper_bound(&self) -> usize {
        self.desired_count() * self.percent("maximumPercent", 200) / 100
    }

    fn percent(&self, key: &str, default: usize) -> usize {
        number(self.configuration(), key).and_then(|percent| usize::try_from(percent).ok()).unwrap_or(default)
    }

    pub(crate) fn grace_period(&self) -> Duration {
        let seconds = self.settings.get("healthCheckGracePeriodSeconds").and_then(Value::as_u64);
        Duration::from_secs(seconds.unwrap_or(0))
    }

    /// The circuit breaker, when it is enabled.
    pub(crate) fn circuit_breaker(&self) -> Option<CircuitBreaker> {
        let breaker = self.configuration().get("deploymentCircuitBreaker")?;
        flag(breaker, "enable").then(|| CircuitBreaker {
            rollback: flag(breaker, "rollback"),
            threshold: threshold(&breaker["thresholdConfiguration"], self.desired_count()),
            reset_on_healthy_task: breaker.get("resetOnHealthyTask") != Some(&Value::Bool(false)),
        })
    }

    /// Turns the circuit breaker on, with rollback.
    pub(crate) fn enable_circuit_breaker(&mut self) {
        let configuration = self.settings.entry("deploymentConfiguration").or_insert_with(|| json!({}));
        if let Some(configuration) = configuration.as_object_mut() {
            let breaker = json!({ "enable": true, "rollback": true });
            configuration.insert("deploymentCircuitBreaker".to_owned(), breaker);
        }
    }

    /// Lets the scheduler look at the service no later than `at`.
    pub(crate) fn wake(&mut self, at: VirtualTime) {
        self.wake_at = Some(self.wake_at.map_or(at, |before| before.min(at)));
    }

    pub(crate) fn deployment_mut(&mut self, id: &str) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|deployment| deployment.id == id)
    }

    pub(crate) fn is_primary(&self, id: &str) -> bool {
        self.deployments.first().is_some_and(|primary| primary.id == id)
    }
}

/// How many failed tasks trip the breaker (facts 3.8): half of the desired count, rounded up,
/// within 3..=200, unless `thresholdConfiguration` says otherwise.
fn threshold(configuration: &Value, desired: usize) -> u32 {
    let value = number(configuration, "value").and_then(|value| usize::try_from(value).ok());
    let percent = |percent: usize| (desired * percent).div_ceil(100);
    let count = match (text(configuration, "type"), value) {
        (Some("COUNT"), Some(count)) => count,
        (Some("UNBOUNDED_PERCENT"), Some(value)) => percent(value).max(1),
        (Some("BOUNDED_PERCENT"), Some(value)) => percent(value).clamp(3, 200),
        _ => percent(50).clamp(3, 200),
    };
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_breaker_trips_where_aws_says() {
        for (desired, trips_at) in [(1, 3), (2, 3), (25, 13), (400, 200), (1000, 200)] {
            assert_eq!(threshold(&Value::Null, desired), trips_at, "{desired}");
        }
        let own = |kind: &str, value: u32| json!({ "type": kind, "value": value });
        assert_eq!(threshold(&own("COUNT", 1), 10), 1);
        assert_eq!(threshold(&own("BOUNDED_PERCENT", 100), 2), 3);
        assert_eq!(threshold(&own("UNBOUNDED_PERCENT", 100), 2), 2);
    }
}
