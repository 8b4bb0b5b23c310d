//! Comparing two documents as AWS would: what the server adds by default, and the order of lists that
//! have none, are no difference.

mod normal;
mod shown;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use self::normal::{normal, normal_attribute};
use self::shown::{Step, text_of, value_at};
use super::document::TaskDefinition;
use crate::event::{Difference, DifferenceKind};

pub(super) use self::normal::units;

/// How `wanted` differs from `current`, containers and what they contain by name. Empty when registering `wanted` would
/// give a revision that runs as `current` does. Values in which a credential may hide are not part of the result.
pub fn differences(current: &TaskDefinition, wanted: &TaskDefinition) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), &normal(current), &normal(wanted), &mut found);
    found
}

/// How an attribute of a service differs. `null` stands for one that is not set.
pub fn attribute_differences(name: &str, current: &Value, wanted: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    let (before, after) = (normal_attribute(name, current), normal_attribute(name, wanted));
    let says_nothing = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
    if !says_nothing(&before) || !says_nothing(&after) {
        compare(&mut vec![Step::Field(name.to_owned())], &before, &after, &mut found);
    }
    found
}

/// The document with `***` in the place of what [`differences`] would not show.
pub fn masked(definition: &TaskDefinition) -> Value {
    let mut value = definition.to_value();
    mask(&mut Vec::new(), &mut value);
    value
}

fn mask(path: &mut Vec<Step>, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                // Names are no values, but for a name that is none: then the value may stand there.
                let named = key == "name"
                    && value.as_str().is_some_and(|name| landfall_envfile::shown(name).is_some());
                if named {
                    continue;
                }
                path.push(Step::Field(key.clone()));
                mask(path, value);
                path.pop();
            }
        }
        Value::Array(items) => {
            if matches!(path.last(), Some(Step::Field(list)) if list == "command" || list == "entryPoint") {
                let shown = value_at(path, value).and_then(|text| serde_json::from_str(&text).ok());
                *value = shown.unwrap_or_else(|| Value::from("***"));
                return;
            }
            for item in items {
                let name = item.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                path.push(Step::Item(name));
                mask(path, item);
                path.pop();
            }
        }
        Value::String(_) if value_at(path, value).is_none() => *value = Value::from("***"),
        _ => {}
    }
}

fn compare(path: &mut Vec<Step>, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    let nothing = Map::new();
    let (a, b) = match (before, after) {
        (Value::Object(a), Value::Object(b)) => (a, b),
        (Value::Null, Value::Object(b)) if !b.is_empty() => (&nothing, b),
        (Value::Object(a), Value::Null) if !a.is_empty() => (a, &nothing),
        _ => {
            found.push(difference(path, before, after));
            return;
        }
    };
    let is_list = matches!(path.last(), Some(Step::Field(name)) if normal::is_named_list(name));
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for key in keys {
        path.push(if is_list { Step::Item(key.clone()) } else { Step::Field(key.clone()) });
        let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
        // Of a part that both have, what one does not say is what it is by default.
        let default = normal::default_of(key, if a.is_null() { b } else { a });
        let default = default.filter(|_| before.is_object() && after.is_object() && !is_list);
        let (a, b) = match (&default, a, b) {
            (Some(default), Value::Null, b) => (default, b),
            (Some(default), a, Value::Null) => (a, default),
            _ => (a, b),
        };
        // Of a variable there is only one thing to say.
        if is_list && matches!(path.iter().rev().nth(1), Some(Step::Field(list)) if list == "environment") {
            if a != b {
                found.push(difference(path, a, b));
            }
        } else {
            compare(path, a, b, found);
        }
        path.pop();
    }
}

fn difference(path: &[Step], before: &Value, after: &Value) -> Difference {
    let kind = match (before, after) {
        (Value::Null, _) => DifferenceKind::Added,
        (_, Value::Null) => DifferenceKind::Removed,
        _ => DifferenceKind::Changed,
    };
    let told = |value: &Value| if value.is_null() { Some(None) } else { value_at(path, value).map(Some) };
    let (before, after) = (told(before), told(after));
    // One of two values alone would tell less than none, and more than it should.
    let hidden = before.is_none() || after.is_none();
    let shown = |value: Option<Option<String>>| value.flatten().filter(|_| !hidden);
    Difference { path: text_of(path), kind, before: shown(before), after: shown(after), hidden }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(value: Value) -> TaskDefinition {
        TaskDefinition::from_value(value).unwrap()
    }

    fn told(before: &Value, after: &Value) -> Vec<String> {
        let differences = differences(&definition(before.clone()), &definition(after.clone()));
        let line = |found: &Difference| {
            let Difference { path, before, after, .. } = found;
            let values = match (before, after, found.hidden) {
                (_, _, true) => "not shown".to_owned(),
                (Some(before), Some(after), _) => format!("{before} -> {after}"),
                (before, after, _) => before.clone().or(after.clone()).expect("a value"),
            };
            let sign = match found.kind {
                DifferenceKind::Added => "+",
                DifferenceKind::Removed => "-",
                DifferenceKind::Changed => "~",
            };
            format!("{sign} {path}: {values}")
        };
        differences.iter().map(line).collect()
    }

    fn written() -> Value {
        json!({
            "family": "web", "networkMode": "awsvpc", "cpu": ".25 vCPU", "memory": "0.5GB",
            "requiresCompatibilities": ["FARGATE"],
            "volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
            "containerDefinitions": [{
                "name": "app", "image": "r/app@sha256:aa", "portMappings": [{"containerPort": 80}],
                "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
                "healthCheck": {"command": ["CMD", "true"]}
            }]
        })
    }

    fn described() -> Value {
        json!({
            "family": "web", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "requiresCompatibilities": ["FARGATE"], "placementConstraints": [], "enableFaultInjection": false,
            "volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"}}],
            "containerDefinitions": [{
                "name": "app", "image": "r/app@sha256:aa", "cpu": 0, "essential": true,
                "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
                "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "mountPoints": [], "volumesFrom": [],
                "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3}
            }]
        })
    }

    #[test]
    fn what_the_server_adds_is_no_difference() {
        assert_eq!(differences(&definition(described()), &definition(written())), Vec::new());
    }

    #[test]
    fn a_difference_is_named_by_its_path_and_shows_no_value_of_a_variable() {
        let mut changed = written();
        changed["containerDefinitions"][0]["environment"][1]["value"] = json!("canary-1");
        changed["containerDefinitions"][0]["image"] = json!("r/app@sha256:bb");
        changed["inventedField"] = json!({"x": 1});
        changed["memory"] = json!("1024");
        assert_eq!(
            told(&described(), &changed),
            [
                "~ containerDefinitions[app].environment[A]: not shown",
                "~ containerDefinitions[app].image: r/app@sha256:aa -> r/app@sha256:bb",
                "+ inventedField.x: 1",
                "~ memory: 512 -> 1024",
            ]
        );
    }

    #[test]
    fn what_is_not_said_is_shown_as_what_it_is_by_default() {
        let mut changed = written();
        changed["containerDefinitions"][0]["healthCheck"]["interval"] = json!(10);
        changed["containerDefinitions"][0]["readonlyRootFilesystem"] = json!(true);
        changed["containerDefinitions"][0]["restartPolicy"] = json!({"enabled": true});
        assert_eq!(
            told(&described(), &changed),
            [
                "~ containerDefinitions[app].healthCheck.interval: 30 -> 10",
                "~ containerDefinitions[app].readonlyRootFilesystem: false -> true",
                "+ containerDefinitions[app].restartPolicy.enabled: true",
            ]
        );
    }

    #[test]
    fn a_masked_document_has_every_field_and_no_value_of_a_variable() {
        let mut value = written();
        value["containerDefinitions"][0]["command"] = json!(["serve", "--password", "canary"]);
        value["containerDefinitions"][0]["environment"][0]["value"] = json!("canary");
        value["containerDefinitions"][0]["logConfiguration"] =
            json!({"logDriver": "splunk", "options": {"splunk-token": "canary", "splunk-url": "https://x"}});
        let masked = masked(&definition(value.clone()));
        assert!(!masked.to_string().contains("canary"), "{masked}");
        value["containerDefinitions"][0]["command"][2] = json!("***");
        value["containerDefinitions"][0]["logConfiguration"]["options"]["splunk-token"] = json!("***");
        for variable in value["containerDefinitions"][0]["environment"].as_array_mut().unwrap() {
            variable["value"] = json!("***");
        }
        assert_eq!(masked, value);
    }

    #[test]
    fn lists_whose_order_matters_differ_by_it() {
        let files = |order: [&str; 2]| {
            let mut value = written();
            value["containerDefinitions"][0]["environmentFiles"] =
                order.iter().map(|arn| json!({"type": "s3", "value": arn})).collect();
            definition(value)
        };
        assert!(differences(&files(["a", "b"]), &files(["a", "b"])).is_empty());
        assert_eq!(
            differences(&files(["a", "b"]), &files(["b", "a"]))[0].path,
            "containerDefinitions[app].environmentFiles"
        );
    }

    #[test]
    fn a_repeated_name_hides_nothing() {
        let mut twice = written();
        twice["containerDefinitions"][0]["environment"] =
            json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}]);
        assert!(!differences(&definition(described()), &definition(twice)).is_empty());
    }
}
