//! Where a service deployment with stages stands.

use std::time::Duration;

use serde_json::{Map, Value};

use super::hooks::Hook;
use crate::world::{
    VirtualTime,
    json::{list, number, text},
};

/// `lifecycleStage`, in order (facts 4.2). PRE_PRODUCTION_TRAFFIC_SHIFT is a stage of hooks that the
/// enumeration of stages lacks, so it is gone through only where a hook is configured for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    ReconcileService,
    PreScaleUp,
    ScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

impl Stage {
    pub(super) const ALL: [Stage; 11] = [
        Stage::ReconcileService,
        Stage::PreScaleUp,
        Stage::ScaleUp,
        Stage::PostScaleUp,
        Stage::TestTrafficShift,
        Stage::PostTestTrafficShift,
        Stage::PreProductionTrafficShift,
        Stage::ProductionTrafficShift,
        Stage::PostProductionTrafficShift,
        Stage::BakeTime,
        Stage::CleanUp,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Stage::ReconcileService => "RECONCILE_SERVICE",
            Stage::PreScaleUp => "PRE_SCALE_UP",
            Stage::ScaleUp => "SCALE_UP",
            Stage::PostScaleUp => "POST_SCALE_UP",
            Stage::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Stage::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Stage::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Stage::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Stage::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Stage::BakeTime => "BAKE_TIME",
            Stage::CleanUp => "CLEAN_UP",
        }
    }
}

/// A part of the traffic, and how long the next part waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    /// Percent of the production traffic that the new revision gets.
    pub(crate) percent: f64,
    pub(crate) hold: Duration,
}

/// A service deployment that goes through stages.
pub(crate) struct Native {
    pub(crate) stage: Option<Stage>,
    /// The stage does not end before.
    pub(crate) until: VirtualTime,
    /// What is left of the way to all traffic.
    pub(crate) steps: Vec<Step>,
    pub(crate) bake: Duration,
    /// Percent of the production traffic for the new revision.
    pub(crate) production: f64,
    /// Percent of the test traffic for the new revision.
    pub(crate) test: f64,
    pub(crate) has_test_traffic: bool,
    /// `deploymentConfiguration.lifecycleHooks`.
    pub(crate) configured: Vec<Value>,
    pub(crate) hooks: Vec<Hook>,
    /// The service revision that keeps running until CLEAN_UP.
    pub(crate) keeps: String,
    /// A rolling update with lifecycle hooks.
    pub(crate) rolling: bool,
}

impl Native {
    /// `None` for ROLLING without lifecycle hooks.
    pub(crate) fn new(settings: &Map<String, Value>, keeps: String, now: VirtualTime) -> Option<Native> {
        let configuration = settings.get("deploymentConfiguration")?;
        let configured = list(configuration, "lifecycleHooks").to_vec();
        let steps = steps(configuration);
        let rolling = steps.is_none();
        if rolling && configured.is_empty() {
            return None;
        }
        let steps = steps.unwrap_or_default();
        let balancers = settings.get("loadBalancers").and_then(Value::as_array);
        let has_test_traffic = balancers
            .into_iter()
            .flatten()
            .any(|balancer| text(&balancer["advancedConfiguration"], "testListenerRule").is_some());
        Some(Native {
            stage: None,
            until: now,
            steps,
            bake: minutes(configuration, "bakeTimeInMinutes", 0),
            production: 0.0,
            test: 0.0,
            has_test_traffic,
            configured,
            hooks: Vec::new(),
            keeps,
            rolling,
        })
    }

    /// Whether the old revision's tasks are still to be kept.
    pub(crate) fn keeps_old_tasks(&self) -> bool {
        if self.rolling { !self.scales_up() } else { self.holds_end() }
    }

    /// Whether it may not be completed yet.
    pub(crate) fn holds_end(&self) -> bool {
        self.stage != Some(Stage::CleanUp)
    }

    /// Whether a stage is passed over: a rolling update shifts no traffic, and PRE_PRODUCTION_TRAFFIC_SHIFT is a stage
    /// only where a hook is configured for it.
    pub(super) fn passes_over(&self, stage: Stage) -> bool {
        let of_traffic = stage >= Stage::TestTrafficShift && stage < Stage::CleanUp;
        match stage {
            _ if self.rolling && of_traffic => true,
            Stage::PreProductionTrafficShift => !self.has_hook_at(stage),
            _ => false,
        }
    }

    /// Whether tasks of the new revision are to run.
    pub(crate) fn scales_up(&self) -> bool {
        self.stage.is_some_and(|stage| stage >= Stage::ScaleUp)
    }
}

fn minutes(value: &Value, key: &str, default: i64) -> Duration {
    Duration::from_secs(60 * u64::try_from(number(value, key).unwrap_or(default)).unwrap_or(0))
}

/// The parts in which the traffic shifts, with the model's defaults (facts 4.3).
fn steps(configuration: &Value) -> Option<Vec<Step>> {
    let all = Step { percent: 100.0, hold: Duration::ZERO };
    match text(configuration, "strategy")? {
        "BLUE_GREEN" => Some(vec![all]),
        "CANARY" => {
            let canary = &configuration["canaryConfiguration"];
            let percent = canary["canaryPercent"].as_f64().unwrap_or(5.0).clamp(0.1, 100.0);
            let hold = minutes(canary, "canaryBakeTimeInMinutes", 10);
            Some(vec![Step { percent, hold }, all])
        }
        "LINEAR" => {
            let linear = &configuration["linearConfiguration"];
            let step = linear["stepPercent"].as_f64().unwrap_or(10.0).clamp(3.0, 100.0);
            let hold = minutes(linear, "stepBakeTimeInMinutes", 6);
            let mut steps = Vec::new();
            let mut percent = step;
            while percent < 100.0 {
                steps.push(Step { percent, hold });
                percent += step;
            }
            steps.push(all);
            Some(steps)
        }
        _ => None,
    }
}

/// The settings with which a new revision's tasks run: they are registered in that of the two target
/// groups of each load balancer that `running` does not use (facts 4.3).
pub(crate) fn other_target_groups(
    settings: &Map<String, Value>,
    running: &Map<String, Value>,
) -> Map<String, Value> {
    let mut settings = settings.clone();
    let in_use: Vec<String> = running
        .get("loadBalancers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|balancer| text(balancer, "targetGroupArn").map(str::to_owned))
        .collect();
    for balancer in settings.get_mut("loadBalancers").and_then(Value::as_array_mut).into_iter().flatten() {
        let main = text(balancer, "targetGroupArn").unwrap_or_default();
        let other = text(&balancer["advancedConfiguration"], "alternateTargetGroupArn");
        if let Some(other) = other.filter(|_| in_use.iter().any(|group| group == main)) {
            balancer["targetGroupArn"] = Value::from(other.to_owned());
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn percents(configuration: &Value) -> Vec<f64> {
        steps(configuration).unwrap().iter().map(|step| step.percent).collect()
    }

    #[test]
    fn traffic_shifts_in_the_steps_of_its_strategy() {
        assert_eq!(percents(&json!({ "strategy": "BLUE_GREEN" })), [100.0]);
        let linear = json!({ "strategy": "LINEAR", "linearConfiguration": { "stepPercent": 30.0 } });
        assert_eq!(percents(&linear), [30.0, 60.0, 90.0, 100.0]);
        let canary = json!({ "strategy": "CANARY" });
        assert_eq!(percents(&canary), [5.0, 100.0]);
        assert_eq!(steps(&canary).unwrap()[0].hold, Duration::from_secs(600));
        assert!(steps(&json!({ "strategy": "ROLLING" })).is_none());
    }

    #[test]
    fn the_new_revision_takes_the_target_group_that_is_free() {
        let balancer = json!([{
            "targetGroupArn": "blue",
            "advancedConfiguration": { "alternateTargetGroupArn": "green" },
        }]);
        let settings = json!({ "loadBalancers": balancer }).as_object().cloned().unwrap();
        let green = other_target_groups(&settings, &settings);
        assert_eq!(green["loadBalancers"][0]["targetGroupArn"], "green");
        let blue = other_target_groups(&settings, &green);
        assert_eq!(blue["loadBalancers"][0]["targetGroupArn"], "blue");
    }
}
