//! A service as DescribeServices shows it.

use std::time::Duration;

use serde_json::{Map, Value};

#[cfg(test)]
use crate::rollout::Deployment;
use crate::rollout::{Rules, Service, TargetGroupRef};

/// A service as DescribeServices shows it, with what a plan and a rollout need of it.
#[derive(Debug, Clone)]
pub struct LiveService {
    /// The part that changes during a rollout.
    pub service: Service,
    /// The service's name.
    pub name: String,
    /// The revision that the service is set to, as an ARN.
    pub task_definition: String,
    /// `deploymentConfiguration.minimumHealthyPercent`; 100 where ECS gives none (facts 3.5), 0 for a DAEMON service.
    pub minimum_healthy_percent: u32,
    /// What else the deployment configuration asks of a rolling update.
    pub rules: Rules,
    /// The circuit breaker is on and rolls back.
    pub circuit_breaker_rolls_back: bool,
    /// `healthCheckGracePeriodSeconds`: how long bad health is overlooked after RUNNING (facts 3.5).
    pub health_check_grace_period: Duration,
    /// The target groups that its tasks are registered in.
    pub target_groups: Vec<TargetGroupRef>,
    /// The target groups of its load balancers between which a strategy shifts traffic: the one that
    /// `target_groups` names, and the other (facts 4.3).
    pub alternate_target_groups: Vec<(String, String)>,
    /// The service as DescribeServices shows it; empty where only a rollout is watched.
    pub document: Map<String, Value>,
    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    pub controller: String,
    /// `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`.
    pub strategy: String,
    /// `deploymentConfiguration.lifecycleHooks` has some: a deployment may wait at a stage, ROLLING ones too (facts 4.3).
    pub has_lifecycle_hooks: bool,
}

impl LiveService {
    /// As it will be after an update that makes its document this one, as far as a plan and a rollout depend on it.
    #[must_use]
    pub fn becoming(&self, document: Map<String, Value>) -> Self {
        let configuration = document.get("deploymentConfiguration");
        let part = |name: &str| configuration.and_then(|configuration| configuration.get(name));
        let percent = |name: &str, now: u32| {
            part(name).and_then(Value::as_u64).and_then(|value| u32::try_from(value).ok()).unwrap_or(now)
        };
        let desired = document.get("desiredCount").and_then(Value::as_u64);
        let desired = desired.and_then(|count| u32::try_from(count).ok());
        let grace = document.get("healthCheckGracePeriodSeconds").and_then(Value::as_u64);
        Self {
            minimum_healthy_percent: percent("minimumHealthyPercent", self.minimum_healthy_percent),
            rules: Rules {
                maximum_percent: percent("maximumPercent", self.rules.maximum_percent),
                ..self.rules.clone()
            },
            strategy: part("strategy").and_then(Value::as_str).unwrap_or(&self.strategy).to_owned(),
            has_lifecycle_hooks: part("lifecycleHooks")
                .and_then(Value::as_array)
                .map_or(self.has_lifecycle_hooks, |hooks| !hooks.is_empty()),
            health_check_grace_period: grace.map_or(self.health_check_grace_period, Duration::from_secs),
            service: Service {
                desired_count: desired.unwrap_or(self.service.desired_count),
                ..self.service.clone()
            },
            document,
            ..self.clone()
        }
    }

    /// Its deployments are seen whole only as service deployments: they go through stages, or may be paused.
    pub fn has_stages(&self) -> bool {
        self.is_native() || self.has_lifecycle_hooks
    }

    /// Its strategy is one that ECS carries out in stages (facts 4.3).
    pub fn is_native(&self) -> bool {
        matches!(self.strategy.as_str(), "BLUE_GREEN" | "LINEAR" | "CANARY")
    }
}

#[cfg(test)]
impl LiveService {
    /// An ACTIVE service `web` of two tasks whose deployments are these revisions, by rollout state; the
    /// first is PRIMARY.
    pub(crate) fn testing(deployments: &[(&str, Option<&str>)]) -> Self {
        let deployment = |(index, (revision, state)): (usize, &(&str, Option<&str>))| Deployment {
            id: format!("ecs-svc/{}", index + 1),
            status: if index == 0 { "PRIMARY" } else { "ACTIVE" }.to_owned(),
            task_definition: (*revision).to_owned(),
            rollout_state: state.map(str::to_owned),
            rollout_state_reason: None,
            desired: 2,
            running: 2,
            pending: 0,
            failed: 0,
        };
        Self {
            name: "web".to_owned(),
            document: Map::new(),
            task_definition: deployments
                .first()
                .map(|(revision, _)| (*revision).to_owned())
                .unwrap_or_default(),
            minimum_healthy_percent: 100,
            rules: Rules::default(),
            circuit_breaker_rolls_back: false,
            health_check_grace_period: Duration::ZERO,
            target_groups: Vec::new(),
            alternate_target_groups: Vec::new(),
            controller: "ECS".to_owned(),
            strategy: "ROLLING".to_owned(),
            has_lifecycle_hooks: false,
            service: Service {
                status: "ACTIVE".to_owned(),
                desired_count: 2,
                running_count: 2,
                pending_count: 0,
                deployments: deployments.iter().enumerate().map(deployment).collect(),
                events: Vec::new(),
            },
        }
    }
}
