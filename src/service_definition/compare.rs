//! What UpdateService would change (facts 3.4). Pure.

use serde_json::{Map, Value, json};

use super::document::{OF_DEPLOYMENT, ServiceDefinition};
use crate::error::{Error, ErrorKind, Result};
use crate::event::AttributeChange;
use crate::task_definition::attribute_differences;

/// Changing one of these starts a deployment (facts 3.4). A capacity provider strategy does when it is forced, which is
/// what is done.
const STARTS_DEPLOYMENT: [&str; 8] = [
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    CAPACITY,
];
const CAPACITY: &str = "capacityProviderStrategy";
const CONFIGURATION: &str = "deploymentConfiguration";

/// What UpdateService does not take, and what to do instead.
const FIXED: [(&str, &str); 4] = [
    (
        "launchType",
        "Say where tasks run with capacityProviderStrategy (FARGATE, FARGATE_SPOT), which can be changed, or create the service again.",
    ),
    ("schedulingStrategy", "Create the service again under another name."),
    ("role", "Create the service again; services with several target groups use the service-linked role."),
    (
        "deploymentController",
        "Move the service to the ECS controller by itself first, while nothing is being deployed.",
    ),
];

/// One UpdateService besides its task definition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceUpdate {
    /// What changes, for people.
    pub changes: Vec<AttributeChange>,
    /// The attributes to send, as the file has them.
    pub set: Map<String, Value>,
    /// The same attributes as the service has them now: what a rollback sends.
    pub undo: Map<String, Value>,
}

impl ServiceUpdate {
    /// Whether ECS starts a deployment for it.
    pub fn starts_deployment(&self) -> bool {
        self.changes.iter().any(|change| change.starts_deployment)
    }

    /// Whether the new deployment must be asked for.
    pub fn needs_force(&self) -> bool {
        self.set.contains_key(CAPACITY)
    }
}

/// What UpdateService changes so that `live`, as DescribeServices shows it, is as the file says. What the file does not
/// say stays, and so does the desired count unless `count_too`: whoever scales the service sets that.
///
/// # Errors
/// [`ErrorKind::Preflight`] where the file wants what UpdateService cannot change.
pub fn service_update(
    file: &ServiceDefinition,
    live: &Map<String, Value>,
    count_too: bool,
) -> Result<ServiceUpdate> {
    refuse_fixed(file, live)?;
    let mut update = ServiceUpdate::default();
    let attributes = file.attributes().iter().filter(|(name, _)| {
        !FIXED.iter().any(|(fixed, _)| *fixed == name.as_str()) && (count_too || *name != "desiredCount")
    });
    for (name, wanted) in attributes {
        let current = current(live, name);
        // Of the deployment configuration only the given parts change.
        let compared = match (name.as_str(), &current, wanted) {
            (CONFIGURATION, Value::Object(all), Value::Object(given)) => {
                let parts = given.keys().filter_map(|key| Some((key.clone(), all.get(key)?.clone())));
                Value::Object(parts.collect())
            }
            _ => current.clone(),
        };
        let found =
            attribute_differences(name, &without_defaults(name, &compared), &without_defaults(name, wanted));
        if found.is_empty() {
            continue;
        }
        let starts_deployment = STARTS_DEPLOYMENT.contains(&name.as_str());
        update
            .changes
            .extend(found.into_iter().map(|difference| AttributeChange { difference, starts_deployment }));
        update.set.insert(name.clone(), wanted.clone());
        let before = if current.is_null() { unset(name, wanted) } else { current };
        if !before.is_null() {
            update.undo.insert(name.clone(), before);
        }
    }
    Ok(update)
}

/// The service as it will be after the update.
pub fn overlaid(live: &Map<String, Value>, update: &ServiceUpdate) -> Map<String, Value> {
    let mut service = live.clone();
    for (name, wanted) in &update.set {
        match (name.as_str(), service.get_mut(name), wanted) {
            (CONFIGURATION, Some(Value::Object(all)), Value::Object(given)) => all.extend(given.clone()),
            _ => {
                service.insert(name.clone(), wanted.clone());
            }
        }
    }
    service
}

/// An attribute as the service has it; null where it has none.
fn current(live: &Map<String, Value>, name: &str) -> Value {
    if let Some(value) = live.get(name).filter(|value| !value.is_null()) {
        return value.clone();
    }
    let deployments =
        live.get("deployments").and_then(Value::as_array).filter(|_| OF_DEPLOYMENT.contains(&name));
    let primary =
        deployments.into_iter().flatten().find(|found| found.get("status") == Some(&json!("PRIMARY")));
    primary.and_then(|primary| primary.get(name)).cloned().unwrap_or(Value::Null)
}

/// What stands for an attribute that is not set, in a call that takes it back.
fn unset(name: &str, wanted: &Value) -> Value {
    match (name, wanted) {
        ("platformVersion", _) => json!("LATEST"),
        ("propagateTags", _) => json!("NONE"),
        ("availabilityZoneRebalancing", _) => json!("DISABLED"),
        ("healthCheckGracePeriodSeconds", _) => json!(0),
        ("serviceConnectConfiguration", _) => json!({"enabled": false}),
        (_, Value::Array(_)) => json!([]),
        (_, Value::Bool(_)) => json!(false),
        _ => Value::Null,
    }
}

/// An attribute without what DescribeServices shows where nothing was said.
fn without_defaults(name: &str, value: &Value) -> Value {
    let mut value = value.clone();
    let default = match name {
        "platformVersion" => json!("LATEST"),
        "propagateTags" => json!("NONE"),
        "availabilityZoneRebalancing" => json!("DISABLED"),
        "healthCheckGracePeriodSeconds" => json!(0),
        _ => Value::Null,
    };
    if value == default {
        return Value::Null;
    }
    let drop = |map: Option<&mut Value>, defaults: &[(&str, Value)]| {
        let Some(Value::Object(map)) = map else { return };
        for (key, default) in defaults {
            if map.get(*key) == Some(default) {
                map.shift_remove(*key);
            }
        }
    };
    match name {
        "networkConfiguration" => {
            drop(value.get_mut("awsvpcConfiguration"), &[("assignPublicIp", json!("DISABLED"))]);
        }
        CAPACITY => {
            for provider in value.as_array_mut().into_iter().flatten() {
                drop(Some(provider), &[("base", json!(0)), ("weight", json!(0))]);
            }
        }
        CONFIGURATION => {
            if let Some(breaker) = value.get_mut("deploymentCircuitBreaker") {
                // Facts 3.8.
                let threshold = json!({"type": "BOUNDED_PERCENT", "value": 50});
                drop(
                    Some(breaker),
                    &[("resetOnHealthyTask", json!(true)), ("thresholdConfiguration", threshold)],
                );
            }
            // Facts 3.5 and 4.3.
            let defaults = [
                ("minimumHealthyPercent", json!(100)),
                ("maximumPercent", json!(200)),
                ("strategy", json!("ROLLING")),
                ("bakeTimeInMinutes", json!(0)),
            ];
            drop(Some(&mut value), &defaults);
        }
        _ => {}
    }
    value
}

fn refuse_fixed(file: &ServiceDefinition, live: &Map<String, Value>) -> Result<()> {
    for (name, what_to_do) in FIXED {
        let Some(wanted) = file.attributes().get(name) else { continue };
        let (current, default) = match name {
            "role" => (live.get("roleArn"), "no role"),
            "schedulingStrategy" => (live.get(name), "REPLICA"),
            "deploymentController" => (live.get(name), "ECS"),
            // Of a service with a capacity provider strategy there is none.
            _ => (live.get(name), "a capacity provider strategy"),
        };
        // A role may be given by its name; a controller is an object with a type.
        let text = |value: &Value| {
            let value = value.get("type").unwrap_or(value);
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.rsplit('/').next().unwrap_or(&text).to_owned()
        };
        let current = current.filter(|value| !value.is_null()).map_or_else(|| default.to_owned(), text);
        let wanted = text(wanted);
        // Without any strategy a service is on EC2.
        let nothing_said = name == "launchType"
            && live.get(CAPACITY).and_then(Value::as_array).is_none_or(Vec::is_empty)
            && live.get("launchType").is_none_or(Value::is_null);
        if wanted != current && !nothing_said {
            return Err(Error::new(
                ErrorKind::Preflight,
                format!(
                    "the service definition says {name} {wanted}, the service has {current}, and ECS cannot change that"
                ),
            )
            .hint(what_to_do));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn live() -> Map<String, Value> {
        object(json!({
            "serviceName": "web", "launchType": "FARGATE", "desiredCount": 2, "platformVersion": "LATEST",
            "schedulingStrategy": "REPLICA", "enableECSManagedTags": false, "propagateTags": "NONE",
            "healthCheckGracePeriodSeconds": 0, "loadBalancers": [], "serviceRegistries": [],
            "deploymentConfiguration": {
                "maximumPercent": 200, "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": {"enable": false, "rollback": false}
            },
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": ["subnet-b", "subnet-a"], "securityGroups": ["sg-a"], "assignPublicIp": "DISABLED"
            }},
            "deployments": [{"status": "PRIMARY", "serviceConnectConfiguration": {"enabled": true, "namespace": "n"}}]
        }))
    }

    fn update(file: Value) -> Result<ServiceUpdate> {
        service_update(&ServiceDefinition::from_value(file).unwrap(), &live(), false)
    }

    #[test]
    fn what_says_the_same_in_other_words_changes_nothing() {
        for same in [
            json!({}),
            json!({"desiredCount": 7, "loadBalancers": [], "enableExecuteCommand": false}),
            json!({"networkConfiguration": {"awsvpcConfiguration": {
                "securityGroups": ["sg-a"], "subnets": ["subnet-a", "subnet-b"]}}}),
            json!({"deploymentConfiguration": {"maximumPercent": 200, "strategy": "ROLLING"}}),
            json!({"deploymentConfiguration": {}, "healthCheckGracePeriodSeconds": null}),
            json!({"serviceConnectConfiguration": {"enabled": true, "namespace": "n"}}),
            json!({"launchType": "FARGATE", "schedulingStrategy": "REPLICA", "deploymentController": {"type": "ECS"}}),
            json!({"services": [live()]}),
        ] {
            assert_eq!(update(same.clone()).unwrap(), ServiceUpdate::default(), "{same}");
        }
    }

    #[test]
    fn each_change_says_whether_it_starts_a_deployment_and_how_to_take_it_back() {
        let file = json!({
            "healthCheckGracePeriodSeconds": 60, "invented": {"x": 1},
            "deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 200},
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-a"], "securityGroups": ["sg-a"]}}
        });
        let update = update(file.clone()).unwrap();
        let told: Vec<_> = update
            .changes
            .iter()
            .map(|change| (change.difference.path.as_str(), change.starts_deployment))
            .collect();
        assert_eq!(
            told,
            [
                ("healthCheckGracePeriodSeconds", false),
                ("invented.x", false),
                ("deploymentConfiguration.minimumHealthyPercent", false),
                ("networkConfiguration.awsvpcConfiguration.subnets", true),
            ]
        );
        let percent = &update.changes[2].difference;
        assert_eq!((percent.before.as_deref(), percent.after.as_deref()), (Some("100"), Some("50")));
        assert_eq!(Value::Object(update.set.clone()), file);
        assert_eq!(update.undo["healthCheckGracePeriodSeconds"], 0);
        assert_eq!(update.undo["networkConfiguration"], live()["networkConfiguration"]);
        assert!(update.starts_deployment() && !update.needs_force());
        let after = overlaid(&live(), &update);
        assert_eq!(after["deploymentConfiguration"]["deploymentCircuitBreaker"]["enable"], false);
        assert_eq!(after["deploymentConfiguration"]["minimumHealthyPercent"], 50);
    }

    #[test]
    fn a_capacity_provider_strategy_is_forced() {
        let update =
            update(json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}));
        let update = update.unwrap();
        assert!(update.needs_force() && update.starts_deployment());
        assert_eq!(update.undo["capacityProviderStrategy"], json!([]));
    }

    #[test]
    fn the_desired_count_is_set_where_that_is_asked_for() {
        let file = ServiceDefinition::from_value(json!({"desiredCount": 3})).unwrap();
        let update = service_update(&file, &live(), true).unwrap();
        assert_eq!(update.changes[0].difference.after.as_deref(), Some("3"));
        assert!(!update.starts_deployment());
    }

    #[test]
    fn what_cannot_be_changed_is_refused_with_a_way_out() {
        for file in [
            json!({"launchType": "EC2"}),
            json!({"schedulingStrategy": "DAEMON"}),
            json!({"role": "ecsServiceRole"}),
            json!({"deploymentController": {"type": "CODE_DEPLOY"}}),
        ] {
            let error = update(file.clone()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Preflight, "{file}");
            assert!(error.hint_text().is_some(), "{file}");
        }
    }
}
