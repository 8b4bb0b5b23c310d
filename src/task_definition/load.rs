//! Reading a task definition from a JSON or YAML file.

use std::path::Path;

use serde_json::Value;

use super::document::TaskDefinition;
use crate::config::yaml_error;
use crate::error::{Error, Result};

/// Reads a JSON or YAML file; YAML by the endings `.yml` and `.yaml`.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage), naming the file and, where the syntax is
/// wrong, line and column.
pub fn from_file(path: &Path) -> Result<TaskDefinition> {
    as_task_definition(path, read_document(path, "task definition", "task_definition")?)
}

/// Reads a document of AWS: JSON, or YAML by the endings `.yml` and `.yaml`. `what` it is and the `key` that names it
/// are for messages.
///
/// # Errors
/// As [`from_file`].
pub fn read_document(path: &Path, what: &str, key: &str) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::usage(format!("cannot read the {what} {}", path.display()))
            .source(error)
            .hint(format!("Correct `{key}`, or remove it to start from what the service has."))
    })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Value> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if matches!(ending, "yml" | "yaml") {
        return serde_saphyr::from_str(text).map_err(|error| yaml_error(path, &error));
    }
    // Editors on Windows put a byte-order mark in front, which JSON does not allow.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|error| {
        let full = error.to_string();
        let what = full.split(" at line ").next().unwrap_or(&full).to_owned();
        Error::usage(format!("{}:{}:{}: {what}", path.display(), error.line(), error.column()))
            .hint("The file must be JSON as the AWS CLI takes it (or YAML, named .yml).")
    })
}

fn as_task_definition(path: &Path, value: Value) -> Result<TaskDefinition> {
    TaskDefinition::from_value(value).map_err(|error| {
        let hint = error.hint_text().unwrap_or_default().to_owned();
        Error::usage(format!("{}: {error}", path.display())).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_text(path: &Path, text: &str) -> Result<TaskDefinition> {
        as_task_definition(path, parse(path, text)?)
    }

    #[test]
    fn json_and_yaml_give_the_same_document() {
        let json = r#"{"family":"web","cpu":"256","containerDefinitions":[{"name":"app","portMappings":[{"containerPort":80}]}]}"#;
        let yaml = "family: web\ncpu: '256'\ncontainerDefinitions:\n- name: app\n  portMappings:\n  - containerPort: 80\n";
        let from_json = from_text(Path::new("t.json"), json).unwrap();
        assert_eq!(from_json, from_text(Path::new("t.yml"), yaml).unwrap());
    }

    #[test]
    fn broken_syntax_names_line_and_column() {
        let error = from_text(Path::new("t.json"), "{\n  \"family\": \"web\",\n}").unwrap_err().to_string();
        assert!(error.starts_with("t.json:3:1: "), "{error}");
        let error = from_text(Path::new("t.yaml"), "family: web\n  bad: x\n").unwrap_err().to_string();
        assert!(error.starts_with("t.yaml:2:"), "{error}");
        let error = from_text(Path::new("t.json"), "{}").unwrap_err().to_string();
        assert_eq!(error, "t.json: `family` is missing");
    }
}
