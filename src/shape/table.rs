//! The shapes of ECS's requests, from its API model (model ecs, botocore 1.43): `ecs.json`. A name with `!` is
//! required; a type is `text`, `integer`, `number`, `boolean`, `any`, `one of A B`, the name of another shape, a list
//! of a type in brackets, or a map with the type of its values under `*`.

use std::sync::OnceLock;

use serde_json::{Map, Value};

/// A type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape<'a> {
    Text,
    Integer,
    Number,
    Boolean,
    /// Whatever JSON there is.
    Any,
    /// One of these texts; AWS may know more by now.
    OneOf(&'a str),
    List(&'a Value),
    Map(&'a Value),
    Object(&'a Map<String, Value>),
}

fn table() -> &'static Map<String, Value> {
    static TABLE: OnceLock<Map<String, Value>> = OnceLock::new();
    // A table that cannot be read would know no shape; `every_type_is_known` keeps that from happening.
    TABLE.get_or_init(|| serde_json::from_str(include_str!("ecs.json")).unwrap_or_default())
}

/// Fields that describing a service gives, or that only UpdateService takes: none of them is a mistake in a file.
const DESCRIBED_OF_SERVICE: [&str; 17] = [
    "clusterArn",
    "createdAt",
    "createdBy",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "deployments",
    "events",
    "forceNewDeployment",
    "pendingCount",
    "platformFamily",
    "resourceManagementType",
    "roleArn",
    "runningCount",
    "service",
    "serviceArn",
    "status",
    "taskSets",
];

/// Whether it is one of those.
pub(super) fn is_described_of_service(field: &str) -> bool {
    DESCRIBED_OF_SERVICE.contains(&field)
}

/// The fields of a named shape.
pub(super) fn named(name: &str) -> Shape<'static> {
    table().get(name).and_then(Value::as_object).map_or(Shape::Any, Shape::Object)
}

impl<'a> Shape<'a> {
    /// What an entry of the table says.
    pub(super) fn of(entry: &'a Value) -> Self {
        match entry {
            Value::String(name) => match name.as_str() {
                "text" => Self::Text,
                "integer" => Self::Integer,
                "number" => Self::Number,
                "boolean" => Self::Boolean,
                "any" => Self::Any,
                other => match other.strip_prefix("one of ") {
                    Some(texts) => Self::OneOf(texts),
                    None => named(other),
                },
            },
            Value::Array(list) => list.first().map_or(Self::Any, Self::List),
            Value::Object(map) => map.get("*").map_or(Self::Any, Self::Map),
            _ => Self::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_known() {
        assert!(table().len() > 70, "{}", table().len());
        let mut entries: Vec<&Value> =
            table().values().flat_map(|fields| fields.as_object().expect("fields").values()).collect();
        while let Some(entry) = entries.pop() {
            match Shape::of(entry) {
                Shape::Any => assert_eq!(entry, "any"),
                Shape::List(inner) | Shape::Map(inner) => entries.push(inner),
                _ => {}
            }
        }
    }
}
