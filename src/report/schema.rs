//! The JSON Schema of the events: `docs/events.schema.json`.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::event::Record;

const DESCRIPTION: &str = "One line of `landfall --output json` or `--record FILE`: an event with the instant at \
     which it happened and the service it concerns. Later versions may add events and fields; ignore what you \
     do not know.";

/// The JSON Schema (2020-12) of one line of `--output json`, generated from the types.
pub fn events_schema() -> Value {
    // The contract of what is written: a field that is always written is required.
    let schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Record>();
    let Value::Object(mut generated) = schema.to_value() else { return Value::Bool(true) };
    // What a reader looks for first comes first.
    let mut object = serde_json::Map::new();
    object.extend(generated.remove_entry("$schema"));
    object.insert("title".to_owned(), "Landfall event".into());
    object.insert("description".to_owned(), DESCRIPTION.into());
    generated.retain(|key, _| !object.contains_key(key));
    object.extend(generated);
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all_scripts, finished};
    use super::*;

    #[test]
    fn the_published_schema_is_the_generated_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.schema.json");
        let published: Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or_default();
        assert!(
            published == events_schema(),
            "docs/events.schema.json is not up to date; write it anew with\n\
             cargo run -- schema events > docs/events.schema.json"
        );
    }

    #[test]
    fn the_schema_says_what_it_is() {
        let schema = events_schema();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["title"], "Landfall event");
        assert!(schema["description"].as_str().is_some_and(|text| text.contains("--output json")));
    }

    #[test]
    fn what_is_written_is_valid_and_what_is_wrong_is_not() {
        let validator = jsonschema::validator_for(&events_schema()).expect("a schema");
        for (name, script) in all_scripts() {
            for record in finished(&script) {
                let value = serde_json::to_value(&record).expect("JSON");
                let errors: Vec<String> =
                    validator.iter_errors(&value).map(|error| format!("{name}: {error}")).collect();
                assert_eq!(errors, Vec::<String>::new(), "{value}");
            }
        }
        let time = "2026-03-01T12:00:00Z";
        for wrong in [
            serde_json::json!({"time": time, "event": "unheard_of"}),
            serde_json::json!({"event": "healthy", "at_ms": 1}),
            serde_json::json!({"time": time, "event": "healthy"}),
            serde_json::json!({"time": time, "event": "step_started", "step": "dance"}),
        ] {
            assert!(!validator.is_valid(&wrong), "{wrong}");
        }
    }
}
