//! How a rollout will go, computed before it begins (facts 3.5, 4.3). Pure.

use serde_json::{Map, Value};

use crate::event::RolloutForecast;
use crate::rollout::bounds;
use crate::task_definition::TaskDefinition;

/// From the decision to start a task to RUNNING, in seconds: its network interface, pulling its image. No rule of AWS:
/// what Fargate usually takes, from a small image to a large one.
const STARTUP_S: (u64, u64) = (10, 90);
/// Facts 3.5: a task that nobody checks is healthy this long after RUNNING.
const UNCHECKED_S: u64 = 40;
/// Facts 3.5: `deregistration_delay.timeout_seconds` where nothing else is set.
const DEREGISTRATION_S: u64 = 300;
/// Facts 3.3: between SIGTERM and SIGKILL where nothing else is set.
const STOP_TIMEOUT_S: u64 = 30;

/// The times of a target group, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetGroupTimes {
    /// Between two checks of a target.
    pub interval: u64,
    /// How many checks in a row make a target healthy.
    pub healthy_threshold: u64,
    /// How long a target drains that is taken away; `None` where it is not known.
    pub deregistration_delay: Option<u64>,
}

/// What a forecast is made from.
#[derive(Debug, Clone, Copy)]
pub struct Rolling<'a> {
    /// Tasks wanted.
    pub desired: u32,
    /// `deploymentConfiguration` of the service after the update.
    pub configuration: &'a Map<String, Value>,
    /// What the new tasks run.
    pub definition: &'a TaskDefinition,
    /// What the old tasks run: they are the ones to stop.
    pub old_definition: &'a TaskDefinition,
    /// Those of the service; empty where it has none.
    pub target_groups: &'a [TargetGroupTimes],
    /// Whether the service has a load balancer, also where nothing is known of its target groups.
    pub balanced: bool,
}

/// The bounds within which ECS replaces tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    floor: u32,
    ceiling: u32,
}

impl Bounds {
    fn of(desired: u32, minimum_healthy_percent: u32, maximum_percent: u32) -> Self {
        let (floor, ceiling) = bounds(desired, minimum_healthy_percent, maximum_percent);
        Self { floor, ceiling }
    }

    /// How many new tasks start at first, and in how many batches all of them do.
    ///
    /// In each turn ECS stops as many old tasks as leave `floor` healthy ones, and starts new ones up to `ceiling`; the
    /// next turn comes when these are healthy. A task that drains counts no more: it is not RUNNING.
    fn batches(self, desired: u32) -> (u32, u32) {
        let (mut old, mut new) = (desired, 0_u32);
        let (mut first, mut batches) = (0, 0);
        while new < desired {
            let can_stop = (old + new).saturating_sub(self.floor).min(old);
            old -= can_stop;
            let started = self.ceiling.saturating_sub(old + new).min(desired - new);
            if started == 0 && can_stop == 0 {
                break;
            }
            if started > 0 {
                batches += 1;
                first = first.max(started);
            }
            new += started;
        }
        (first, batches)
    }
}

/// Seconds, from the shortest to the longest.
type Range = (u64, u64);

/// What a rollout will look like; `None` where the service wants no tasks.
///
/// With `start` = 10 to 90 s until a task is RUNNING plus its time until healthy, and `stop` = deregistration delay plus
/// 0 s to stop timeout:
///
/// - ROLLING: `batches * start + stop`;
/// - BLUE_GREEN: `start + bakeTimeInMinutes + stop`;
/// - LINEAR: `start + (steps - 1 to steps) * stepBakeTimeInMinutes + bakeTimeInMinutes + stop`, with
///   `steps = ceil(100 / stepPercent)`;
/// - CANARY: `start + canaryBakeTimeInMinutes + bakeTimeInMinutes + stop`.
///
/// Until healthy: 40 s without any check; with a container check from one `interval` to
/// `startPeriod + retries * (interval + timeout)`; with a load balancer from one check at once to
/// `HealthyThresholdCount * interval`; of several the longest. Lifecycle hooks and alarms take what they take.
pub fn forecast(rolling: &Rolling<'_>) -> Option<RolloutForecast> {
    let desired = rolling.desired;
    if desired == 0 {
        return None;
    }
    let mut because = Vec::new();
    let healthy = until_healthy(rolling, &mut because);
    let start = (STARTUP_S.0 + healthy.0, STARTUP_S.1 + healthy.1);
    let stop = until_stopped(rolling, &mut because);
    let configuration = rolling.configuration;
    let strategy = configuration.get("strategy").and_then(Value::as_str).unwrap_or("ROLLING");
    let minutes = |value: Option<&Value>, default: u64| value.and_then(Value::as_u64).unwrap_or(default) * 60;
    let part = |name: &str, field: &str| configuration.get(name).and_then(|part| part.get(field));
    let bake = minutes(configuration.get("bakeTimeInMinutes"), 0);
    let percent =
        |name: &str, default| u32::try_from(number(configuration.get(name), default)).unwrap_or(u32::MAX);
    let (limits, at_a_time, batches, baked): (Bounds, u32, u32, Range) = match strategy {
        "BLUE_GREEN" | "LINEAR" | "CANARY" => {
            let shift = match strategy {
                "LINEAR" => {
                    let step = part("linearConfiguration", "stepPercent").and_then(Value::as_f64);
                    let steps = (100.0 / step.filter(|step| *step > 0.0).unwrap_or(10.0)).ceil() as u64;
                    let each = minutes(part("linearConfiguration", "stepBakeTimeInMinutes"), 6);
                    because.push(format!("{steps} steps of {}", told(each)));
                    (steps.saturating_sub(1) * each, steps * each)
                }
                "CANARY" => {
                    let canary = minutes(part("canaryConfiguration", "canaryBakeTimeInMinutes"), 10);
                    because.push(format!("the canary is watched for {}", told(canary)));
                    (canary, canary)
                }
                _ => (0, 0),
            };
            because.push(format!("a bake time of {}", told(bake)));
            let limits = Bounds { floor: desired, ceiling: desired.saturating_mul(2) };
            (limits, desired, 1, (shift.0 + bake, shift.1 + bake))
        }
        _ => {
            let limits =
                Bounds::of(desired, percent("minimumHealthyPercent", 100), percent("maximumPercent", 200));
            let (first, batches) = limits.batches(desired);
            (limits, first, batches, (0, 0))
        }
    };
    if configuration.get("lifecycleHooks").and_then(Value::as_array).is_some_and(|hooks| !hooks.is_empty()) {
        because.push("lifecycle hooks come on top".to_owned());
    }
    let alarms = configuration.get("alarms").and_then(|alarms| alarms.get("enable"));
    if alarms == Some(&Value::Bool(true)) {
        because.push("the bake time of the deployment alarms comes on top".to_owned());
    }
    let turns = u64::from(batches.max(1));
    Some(RolloutForecast {
        strategy: strategy.to_owned(),
        desired,
        floor: limits.floor,
        ceiling: limits.ceiling,
        at_a_time,
        batches,
        shortest_s: turns * start.0 + baked.0 + stop.0,
        longest_s: turns * start.1 + baked.1 + stop.1,
        because,
    })
}

fn number(value: Option<&Value>, default: u64) -> u64 {
    value.and_then(Value::as_u64).unwrap_or(default)
}

fn until_healthy(rolling: &Rolling<'_>, because: &mut Vec<String>) -> Range {
    let mut range: Range = (0, 0);
    let mut checked = false;
    let mut take = |other: Range| {
        checked = true;
        range = (range.0.max(other.0), range.1.max(other.1));
    };
    for container in rolling.definition.containers() {
        let essential = container.get("essential").and_then(Value::as_bool).unwrap_or(true);
        let Some(check) = container.get("healthCheck").and_then(Value::as_object).filter(|_| essential)
        else {
            continue;
        };
        let (interval, timeout) = (number(check.get("interval"), 30), number(check.get("timeout"), 5));
        let (retries, period) = (number(check.get("retries"), 3), number(check.get("startPeriod"), 0));
        let name = container.get("name").and_then(Value::as_str).unwrap_or("?");
        because.push(format!("container {name} is checked every {}", told(interval)));
        take((interval, period + retries * (interval + timeout)));
    }
    for group in rolling.target_groups {
        because.push(format!(
            "a target is healthy after at most {} checks, one every {}",
            group.healthy_threshold,
            told(group.interval)
        ));
        take((0, group.healthy_threshold * group.interval));
    }
    if rolling.balanced && rolling.target_groups.is_empty() {
        because.push(
            "how its target groups check is not known: 5 checks, one every 30 s, are assumed".to_owned(),
        );
        take((0, 5 * 30));
    }
    if !checked {
        because.push(format!("nothing checks its tasks: each counts as healthy after {UNCHECKED_S} s"));
        return (UNCHECKED_S, UNCHECKED_S);
    }
    range
}

fn until_stopped(rolling: &Rolling<'_>, because: &mut Vec<String>) -> Range {
    let delays = rolling.target_groups.iter().map(|group| group.deregistration_delay);
    let delay = delays.map(|delay| delay.unwrap_or(DEREGISTRATION_S)).max();
    let delay = delay.or(rolling.balanced.then_some(DEREGISTRATION_S)).unwrap_or(0);
    if delay > 0 {
        because.push(format!("old targets drain for {}", told(delay)));
    }
    let stop = |container: &Map<String, Value>| number(container.get("stopTimeout"), STOP_TIMEOUT_S);
    let stop = rolling.old_definition.containers().map(stop).max().unwrap_or(STOP_TIMEOUT_S);
    because.push(format!("a task has {} to stop", told(stop)));
    (delay, delay + stop)
}

/// `45 s`, `5 min`, `1 min 30 s`
fn told(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::rollout::is_blocked;

    fn definition(container: Value) -> TaskDefinition {
        TaskDefinition::from_value(json!({"family": "web", "containerDefinitions": [container]})).unwrap()
    }

    fn of(
        desired: u32,
        configuration: Value,
        container: Value,
        groups: &[TargetGroupTimes],
    ) -> RolloutForecast {
        let definition = definition(container);
        let configuration = configuration.as_object().unwrap().clone();
        let rolling = Rolling {
            desired,
            configuration: &configuration,
            definition: &definition,
            old_definition: &definition,
            target_groups: groups,
            balanced: !groups.is_empty(),
        };
        forecast(&rolling).unwrap()
    }

    #[test]
    fn percentages_become_counts_of_tasks() {
        for (desired, minimum, maximum, floor, ceiling, at_a_time, batches) in [
            (4, 100, 200, 4, 8, 4, 1),
            (4, 100, 150, 4, 6, 2, 2),
            (4, 50, 100, 2, 4, 2, 2),
            (4, 50, 200, 2, 8, 4, 1),
            (1, 0, 100, 0, 1, 1, 1),
            (3, 100, 134, 3, 4, 1, 3),
            (10, 75, 125, 8, 12, 4, 3),
        ] {
            let configuration = json!({"minimumHealthyPercent": minimum, "maximumPercent": maximum});
            let forecast = of(desired, configuration, json!({"name": "a"}), &[]);
            let told = (forecast.floor, forecast.ceiling, forecast.at_a_time, forecast.batches);
            assert_eq!(told, (floor, ceiling, at_a_time, batches), "{desired} {minimum} {maximum}");
        }
    }

    #[test]
    fn times_are_those_of_checks_and_draining() {
        let group = TargetGroupTimes { interval: 15, healthy_threshold: 3, deregistration_delay: Some(60) };
        let app = json!({"name": "a", "stopTimeout": 20});
        let forecast = of(2, json!({}), app, &[group]);
        assert_eq!((forecast.shortest_s, forecast.longest_s), (10 + 60, 90 + 45 + 60 + 20));
        let checked = json!({"name": "a", "healthCheck": {"command": ["CMD", "x"], "startPeriod": 60}});
        let forecast = of(2, json!({}), checked, &[]);
        assert_eq!((forecast.shortest_s, forecast.longest_s), (10 + 30, 90 + 60 + 105 + 30));
        let forecast = of(2, json!({}), json!({"name": "a"}), &[]);
        assert_eq!((forecast.shortest_s, forecast.longest_s), (50, 90 + 40 + 30));
    }

    #[test]
    fn strategies_of_ecs_bake() {
        let app = json!({"name": "a"});
        let blue = of(2, json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}), app.clone(), &[]);
        assert_eq!((blue.ceiling, blue.shortest_s), (4, 50 + 300));
        let linear = json!({"strategy": "LINEAR", "bakeTimeInMinutes": 1,
            "linearConfiguration": {"stepPercent": 25.0, "stepBakeTimeInMinutes": 2}});
        let linear = of(2, linear, app.clone(), &[]);
        assert_eq!((linear.shortest_s, linear.longest_s), (50 + 6 * 60 + 60, 160 + 8 * 60 + 60));
        let canary = of(2, json!({"strategy": "CANARY"}), app, &[]);
        assert_eq!(canary.shortest_s, 50 + 600);
    }

    proptest! {
        #[test]
        fn every_setting_that_does_not_block_comes_to_an_end(
            desired in 1_u32..200, minimum in 0_u32..=100, maximum in 100_u32..=200
        ) {
            let limits = Bounds::of(desired, minimum, maximum);
            let (at_a_time, batches) = limits.batches(desired);
            if is_blocked(desired, minimum, maximum) {
                prop_assert_eq!(at_a_time, 0);
            } else {
                prop_assert!(at_a_time > 0 && u64::from(at_a_time) * u64::from(batches) >= u64::from(desired));
                prop_assert!(limits.floor <= desired && limits.ceiling >= desired);
            }
        }
    }
}
