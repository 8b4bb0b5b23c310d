//! Reading a task definition from a JSON or YAML file.

use std::path::Path;

use serde_json::Value;

use super::clean::drop_empty;
use super::document::TaskDefinition;
use crate::error::{Error, Result};
use crate::lookup::{Account, Expressions, Places, substitute_document, wanted_by_document};
use crate::shape::{Document, Remark, Source, check};

/// What a file has.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The document.
    pub content: T,
    /// What AWS's model does not know of it; it is sent as it stands.
    pub remarks: Vec<Remark>,
}

/// Reads a JSON or YAML file, YAML by the endings `.yml` and `.yaml`, and replaces the expressions in it.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage), naming the file and, where the syntax is
/// wrong or an expression cannot be replaced, line and column; likewise where AWS would refuse the form of the document.
pub async fn from_file(
    path: &Path,
    expressions: &Expressions,
    account: &Account,
) -> Result<Loaded<TaskDefinition>> {
    let kind = Document::TaskDefinition;
    let Loaded { content, remarks } = read_document(path, kind, expressions, account).await?;
    Ok(Loaded { content: as_task_definition(path, content)?, remarks })
}

/// Reads a JSON or YAML file as the official action for GitHub does: what looks like an expression stays as it is, and
/// empty values are dropped but for those under a key of `keep`.
///
/// # Errors
/// As [`from_file`].
pub fn verbatim_from_file(path: &Path, keep: &[String]) -> Result<Loaded<TaskDefinition>> {
    let source = Source::new(path, &read_text(path, "task definition", "task_definition")?);
    let mut value = source.value()?;
    let wrapped = value.get_mut("taskDefinition").filter(|inner| inner.is_object());
    match wrapped {
        Some(inner) => drop_empty(inner, keep),
        None => drop_empty(&mut value, keep),
    }
    let Loaded { content, remarks } = judged(path, &source, value, Document::TaskDefinition)?;
    Ok(Loaded { content: as_task_definition(path, content)?, remarks })
}

/// Reads a JSON or YAML file to edit it: nothing in it is an expression, nothing is dropped but what no revision takes,
/// and its form is not judged yet.
///
/// # Errors
/// As [`from_file`], for the syntax.
pub fn load_to_render(path: &Path) -> Result<TaskDefinition> {
    let source = Source::new(path, &read_text(path, "task definition", "task_definition")?);
    as_task_definition(path, source.value()?)
}

fn read_text(path: &Path, what: &str, key: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::usage(format!("cannot read the {what} {}", path.display()))
            .source(error)
            .hint(format!("Correct `{key}`, or remove it to start from what the service has."))
    })
}

/// Reads a document of AWS, JSON or YAML, and replaces the expressions in it.
///
/// # Errors
/// As [`from_file`].
pub async fn read_document(
    path: &Path,
    kind: Document,
    expressions: &Expressions,
    account: &Account,
) -> Result<Loaded<Value>> {
    let (what, key) = match kind {
        Document::TaskDefinition => ("task definition", "task_definition"),
        Document::Service => ("service definition", "service_definition"),
    };
    let text = read_text(path, what, key)?;
    parse(path, &text, kind, expressions, account).await
}

async fn parse(
    path: &Path,
    text: &str,
    kind: Document,
    expressions: &Expressions,
    account: &Account,
) -> Result<Loaded<Value>> {
    let source = Source::new(path, text);
    let mut value = source.value()?;
    let found = expressions.find(wanted_by_document(&value), account).await;
    substitute_document(&mut value, expressions.values(&found)).map_err(|(index, unresolved)| {
        let places = if source.is_yaml() { Places::of_yaml(path, text) } else { Places::of_json(path, text) };
        let place = places.of_value(index, &unresolved.expression);
        unresolved.into_error(&place)
    })?;
    judged(path, &source, value, kind)
}

/// Refuses what AWS would refuse for its form alone, and keeps what is worth a remark.
fn judged(path: &Path, source: &Source, value: Value, kind: Document) -> Result<Loaded<Value>> {
    let (errors, remarks): (Vec<Remark>, _) =
        check(source, &value, kind).into_iter().partition(|remark| remark.trouble.is_error());
    match errors.into_iter().next() {
        None => Ok(Loaded { content: value, remarks }),
        Some(remark) => Err(remark.into_error(path)),
    }
}

fn as_task_definition(path: &Path, value: Value) -> Result<TaskDefinition> {
    TaskDefinition::from_value(value).map_err(|error| {
        let hint = error.hint_text().unwrap_or_default().to_owned();
        Error::usage(format!("{}: {error}", path.display())).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use futures_util::FutureExt;

    use super::*;
    use crate::lookup::StateSources;

    fn from_text(path: &Path, text: &str) -> Result<TaskDefinition> {
        let variables = HashMap::from([("TAG".to_owned(), "a\"b".to_owned())]);
        let expressions = Expressions::new(variables, StateSources::default());
        let account = Account::none("no AWS here", "");
        let value = parse(path, text, Document::TaskDefinition, &expressions, &account);
        as_task_definition(path, value.now_or_never().unwrap()?.content)
    }

    #[test]
    fn expressions_are_replaced_in_both_and_what_is_not_set_has_its_place() {
        let json = "{\"family\": \"web\",\n \"containerDefinitions\": [{\"name\": \"app\", \"image\": \"x:${TAG}\",\n \"command\": [\"sh\", \"-c\", \"echo ${HOME}\"],\n \"user\": \"é${HOME}\"}]}";
        let error = from_text(Path::new("t.json"), json).unwrap_err().to_string();
        assert_eq!(error, "t.json:4:12: the environment variable `HOME` is not set");
        let document = from_text(Path::new("t.json"), &json.replace("é${HOME}", "$${HOME}")).unwrap();
        let app = document.container("app").unwrap();
        assert_eq!((app["image"].as_str(), app["user"].as_str()), (Some("x:a\"b"), Some("${HOME}")));
        assert_eq!(app["command"][2], "echo ${HOME}");
        let yaml = "family: web\ncontainerDefinitions:\n  - name: app # ${HOME}\n    command: [bash, -c, '${HOME}']\n    image: \"x:${HOME}\"\n";
        let error = from_text(Path::new("t.yml"), yaml).unwrap_err().to_string();
        assert_eq!(error, "t.yml:5:15: the environment variable `HOME` is not set");
        let yaml = yaml.replace("${HOME}\"", "${ssm:/x}\"");
        let error = from_text(Path::new("t.yml"), &yaml).unwrap_err().to_string();
        assert_eq!(error, "t.yml:5:15: no AWS here");
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
        assert_eq!(error, "t.json:1:1: `family` is missing [missing-field]");
    }
}
