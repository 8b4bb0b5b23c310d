//! Empty values of a file, which the official action for GitHub drops before it registers a revision. Pure.

use serde_json::{Map, Value};

/// Drops null, empty texts, empty lists, and lists and objects that hold nothing else, wherever they are. What stands
/// under a key of `keep` stays as it is, at any depth.
///
/// ECS wants some values although they are empty: the `value` of a variable, and both parts of a property of an App
/// Mesh proxy. Those come back as empty texts.
pub fn drop_empty(document: &mut Value, keep: &[String]) {
    if let Value::Object(map) = document {
        clean_map(map, keep);
        restore(map);
    }
}

/// Keys of the document itself that DescribeTaskDefinition adds and RegisterTaskDefinition does not take (facts 8.1),
/// in the order of the file.
pub fn read_only_keys(document: &Value) -> Vec<String> {
    let inner = document.get("taskDefinition").filter(|inner| inner.is_object()).unwrap_or(document);
    let keys = inner.as_object().into_iter().flat_map(Map::keys);
    keys.filter(|key| super::document::READ_ONLY.contains(&key.as_str())).cloned().collect()
}

fn is_empty(value: &Value, keep: &[String]) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.iter().all(|item| is_empty(item, keep)),
        Value::Object(map) => map.iter().all(|(key, value)| !keep.contains(key) && is_empty(value, keep)),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn clean(value: &mut Value, keep: &[String]) {
    match value {
        Value::Array(list) => {
            list.retain(|item| !is_empty(item, keep));
            list.iter_mut().for_each(|item| clean(item, keep));
        }
        Value::Object(map) => clean_map(map, keep),
        _ => {}
    }
}

fn clean_map(map: &mut Map<String, Value>, keep: &[String]) {
    map.retain(|key, value| keep.contains(key) || !is_empty(value, keep));
    map.iter_mut().filter(|(key, _)| !keep.contains(key)).for_each(|(_, value)| clean(value, keep));
}

fn restore(document: &mut Map<String, Value>) {
    let with = |item: &mut Value, key: &str| {
        if let Value::Object(item) = item {
            item.entry(key).or_insert_with(|| Value::String(String::new()));
        }
    };
    let containers = document.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let variables = container.get_mut("environment").and_then(Value::as_array_mut);
        variables.into_iter().flatten().for_each(|variable| with(variable, "value"));
    }
    let proxy = document.get_mut("proxyConfiguration");
    let proxy = proxy.filter(|proxy| proxy.get("type").and_then(Value::as_str) == Some("APPMESH"));
    let properties = proxy.and_then(|proxy| proxy.get_mut("properties")?.as_array_mut());
    for property in properties.into_iter().flatten() {
        with(property, "value");
        with(property, "name");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cleaned(mut document: Value, keep: &[&str]) -> Value {
        let keep: Vec<String> = keep.iter().map(|key| (*key).to_owned()).collect();
        drop_empty(&mut document, &keep);
        document
    }

    #[test]
    fn what_is_empty_goes_at_any_depth_and_numbers_and_false_stay() {
        let document = json!({
            "family": "web", "cpu": null, "volumes": [], "tags": [{"key": "", "value": null}],
            "containerDefinitions": [
                {"name": "app", "cpu": 0, "essential": false, "command": ["sh", "", "-c"], "links": [null, []],
                 "linuxParameters": {"devices": [], "initProcessEnabled": null}}
            ]
        });
        let expected = json!({
            "family": "web",
            "containerDefinitions": [
                {"name": "app", "cpu": 0, "essential": false, "command": ["sh", "-c"]}
            ]
        });
        assert_eq!(cleaned(document, &[]), expected);
    }

    #[test]
    fn keys_that_are_kept_stay_as_they_are_and_hold_what_is_around_them() {
        let document = json!({
            "family": "web", "placementConstraints": [], "volumes": [],
            "containerDefinitions": [
                {"name": "app", "command": [], "entryPoint": [], "linuxParameters": {"tmpfs": [], "devices": [{}]}}
            ]
        });
        let expected = json!({
            "family": "web", "placementConstraints": [],
            "containerDefinitions": [
                {"name": "app", "command": [], "linuxParameters": {"devices": [{}]}}
            ]
        });
        assert_eq!(cleaned(document, &["placementConstraints", "command", "devices"]), expected);
    }

    #[test]
    fn an_empty_variable_is_still_a_variable() {
        let document = json!({
            "family": "web",
            "proxyConfiguration": {"type": "APPMESH", "properties": [{"name": "IgnoredUID", "value": ""}]},
            "containerDefinitions": [
                {"name": "app", "environment": [{"name": "EMPTY", "value": ""}, {"name": "", "value": ""}]}
            ]
        });
        let expected = json!({
            "family": "web",
            "proxyConfiguration": {"type": "APPMESH", "properties": [{"name": "IgnoredUID", "value": ""}]},
            "containerDefinitions": [{"name": "app", "environment": [{"name": "EMPTY", "value": ""}]}]
        });
        assert_eq!(cleaned(document, &[]), expected);
    }

    #[test]
    fn read_only_keys_are_found_where_a_description_has_them() {
        let described =
            json!({"taskDefinition": {"family": "web", "revision": 7, "status": "ACTIVE"}, "tags": []});
        assert_eq!(read_only_keys(&described), ["revision", "status"]);
        assert_eq!(read_only_keys(&json!({"family": "web"})), Vec::<String>::new());
    }
}
