//! The published JSON Schemas are those of the types, and what the program prints.

use landfall::config::ConfigFile;
use landfall::event::Record;
use landfall::schema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::support::{Landfall, root};

const DESCRIPTION: &str = "One line of `landfall --output json` or `--record FILE`: an event with the instant at \
     which it happened and the service it concerns. Later versions may add events and fields; ignore what you \
     do not know.";

fn events_schema() -> Value {
    // The contract of what is written: a field that is always written is required.
    let schema =
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Record>();
    let Value::Object(mut generated) = schema.to_value() else { panic!("not an object") };
    // What a reader looks for first comes first.
    let mut object = serde_json::Map::new();
    object.extend(generated.remove_entry("$schema"));
    object.insert("title".to_owned(), "Landfall event".into());
    object.insert("description".to_owned(), DESCRIPTION.into());
    generated.retain(|key, _| !object.contains_key(key));
    object.extend(generated);
    Value::Object(object)
}

/// `UPDATE_GOLDENS=1` writes them anew.
#[test]
fn the_published_schemas_are_the_generated_ones() {
    let config = schemars::schema_for!(ConfigFile).to_value();
    for (published, generated, file) in [
        (schema::EVENTS, events_schema(), "docs/events.schema.json"),
        (schema::CONFIG, config, "docs/landfall.schema.json"),
    ] {
        let generated = format!("{}\n", serde_json::to_string_pretty(&generated).expect("JSON"));
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            std::fs::write(root().join(file), &generated).expect("written");
            continue; // The next build has them.
        }
        assert!(published == generated, "{file} is not up to date; UPDATE_GOLDENS=1 writes it anew");
    }
}

#[test]
fn the_schemas_in_docs_are_printed() {
    for (of, file) in [("events", "docs/events.schema.json"), ("config", "docs/landfall.schema.json")] {
        let ran = Landfall::new(&["schema", of]).run().expect_code(0);
        let kept = std::fs::read_to_string(root().join(file)).expect("read");
        assert!(ran.stdout() == kept, "{of}: not {file}");
    }
}
