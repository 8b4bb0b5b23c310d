//! The JSON Schemas of what is written and read.
//!
//! The program carries the published documents; a test generates them from the types, which takes a third of a megabyte
//! of code.

/// The JSON Schema (2020-12) of one line of `--output json` and `--record FILE`.
pub const EVENTS: &str = include_str!("../docs/events.schema.json");

/// The JSON Schema (2020-12) of `landfall.yml`, for editors.
pub const CONFIG: &str = include_str!("../docs/landfall.schema.json");

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::testing::{all_scripts, finished};

    /// The published document; nothing, which no test takes, where it is no JSON.
    fn events() -> Value {
        serde_json::from_str(EVENTS).unwrap_or_default()
    }

    #[test]
    fn the_schema_says_what_it_is() {
        let schema = events();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["title"], "Landfall event");
        assert!(schema["description"].as_str().is_some_and(|text| text.contains("--output json")));
    }

    #[test]
    fn what_is_written_is_valid_and_what_is_wrong_is_not() {
        let validator = match jsonschema::validator_for(&events()) {
            Ok(validator) => validator,
            Err(error) => panic!("it is no schema: {error}"),
        };
        for (name, script) in all_scripts() {
            for record in finished(&script) {
                // A record has nothing that JSON cannot hold: its maps have texts as keys.
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
