//! No output can steer a terminal or a CI log, and colours are only colours.

use indicatif::ProgressDrawTarget;

use crate::event::Record;
use crate::report::testing::*;
use crate::report::{Human, Json, Plain, Style, summary};

/// Every foreign text of a run, made as hostile as a text can be.
fn hostile(records: &[Record]) -> Vec<Record> {
    const EVIL: &str =
        "\\u001b[31m\\u001b]0;title\\u0007\\r\\n::error::evil\\n  ::add-mask::x\\n##[group]x\\u009b2J\\u202e";
    fn poison(value: &mut serde_json::Value, evil: &str) {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    let text =
                        ["message", "reason", "title", "cause", "fix", "hint", "subject", "after", "name"];
                    match value {
                        serde_json::Value::String(text_value) if text.contains(&key.as_str()) => {
                            text_value.push_str(evil);
                        }
                        serde_json::Value::Array(items) if key == "evidence" => {
                            items.push(evil.into());
                        }
                        other => poison(other, evil),
                    }
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| poison(item, evil)),
            _ => {}
        }
    }
    let evil: String = serde_json::from_str(&format!("\"{EVIL}\"")).expect("a string");
    records
        .iter()
        .map(|record| {
            let mut value = serde_json::to_value(record).expect("JSON");
            poison(&mut value, &evil);
            serde_json::from_value(value).expect("a record")
        })
        .collect()
}

#[test]
fn hostile_text_reaches_no_output_raw() {
    for (name, records) in all_scripts() {
        let records = hostile(&records);
        let (text, github, json) = (Buffer::default(), Buffer::default(), Buffer::default());
        play(&records, Plain::new(Box::new(text.clone()), TERMINAL));
        play(&records, Plain::github(Box::new(github.clone()), Style { color: true, ..TERMINAL }));
        play(&records, Json::new(Box::new(json.clone())));
        let human = Buffer::default();
        play(&records, Human::new(ProgressDrawTarget::hidden(), Box::new(human.clone()), TERMINAL, None));
        for text in [text.text(), github.text(), json.text()] {
            assert!(text.contains("error::evil"), "{name}: the hostile text is not in it: {text}");
        }
        for text in [text.text(), github.text(), json.text(), human.text()] {
            let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(bad), "{name}: {text:?}");
        }
        for text in [github.text(), json.text()] {
            for line in text.lines() {
                assert!(!line.trim_start().starts_with("::"), "{name}: {line}");
                assert!(!line.contains("##["), "{name}: {line}");
            }
        }
    }
}

#[test]
fn colours_say_nothing_that_the_text_does_not() {
    let color = Style { color: true, ..TERMINAL };
    for (name, records) in all_scripts() {
        let state = state_of(&records);
        let colored = summary(&state, color);
        assert!(colored.contains('\u{1b}'), "{name}");
        let stripped: String = anstream::adapter::strip_str(&colored).to_string();
        assert_eq!(stripped, summary(&state, TERMINAL), "{name}");
    }
}
