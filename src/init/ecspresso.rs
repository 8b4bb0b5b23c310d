//! A configuration of ecspresso (version 1 or 2), with the definition files that it names.

use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::draft::{Draft, Drafted, Note};
use super::live::credentials;
use super::templates::{Converted, begins, convert, finish};
use super::yaml::{CONFIG, Lines, SERVICE_DEFINITION, TASK_DEFINITION, json_file, scalar};
use crate::error::{Error, Result};
use crate::lookup::{Reading, map_texts};
use crate::task_definition::TaskDefinition;
use crate::written::{Source, Step};

/// The files that a configuration names: their names, or their names and what they hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources<T = String> {
    /// The task definition.
    pub task_definition: Option<T>,
    /// The service definition.
    pub service_definition: Option<T>,
}

#[derive(Debug, Deserialize)]
struct File {
    region: Option<String>,
    cluster: Option<String>,
    service: Option<String>,
    service_definition: Option<String>,
    task_definition: Option<String>,
    timeout: Option<Value>,
    #[serde(default)]
    plugins: Vec<Plugin>,
    /// What is not converted: told by name.
    #[serde(flatten)]
    rest: IndexMap<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Plugin {
    name: String,
    #[serde(default)]
    config: IndexMap<String, Value>,
    #[serde(default)]
    func_prefix: String,
    /// Where it stands.
    #[serde(skip)]
    line: usize,
}

fn parse(path: &Path, text: &str) -> Result<(File, Converted)> {
    let mut converted = convert(text);
    converted.text = finish(&converted.text, Reading::Value);
    let source = Source::yaml(path, &converted.text);
    let mut file: File = source.read("A file without `jobs` is read as a configuration of ecspresso.")?;
    for (index, plugin) in file.plugins.iter_mut().enumerate() {
        plugin.line = source.line(&[Step::Key("plugins".to_owned()), Step::Index(index)]);
    }
    if file.service.is_none() && file.task_definition.is_none() {
        return Err(Error::usage(format!(
            "{}: it is neither a configuration of ecspresso nor a workflow",
            path.display()
        ))
        .hint("One of ecspresso has `service` and `task_definition`; a workflow has `jobs`."));
    }
    Ok((file, converted))
}

/// The files that a configuration names.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where it cannot be read.
pub fn sources_of_ecspresso(path: &Path, text: &str) -> Result<Sources> {
    let (file, _) = parse(path, text)?;
    // Jsonnet is a language of its own; the file is told in the notes.
    let json = |name: Option<String>| name.filter(|name| !is_jsonnet(name));
    Ok(Sources {
        task_definition: json(file.task_definition),
        service_definition: json(file.service_definition),
    })
}

fn is_jsonnet(name: &str) -> bool {
    name.ends_with(".jsonnet")
}

/// Converts a configuration and the definitions that it names. What is not converted is in the notes.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where a file cannot be read.
pub fn from_ecspresso(path: &Path, text: &str, sources: Sources<(String, String)>) -> Result<Drafted> {
    let (file, converted) = parse(path, text)?;
    let place = path.display().to_string();
    let mut notes = left_of(&place, &converted);
    for key in file.rest.keys().filter(|key| *key != "required_version") {
        notes.push(Note::at(&place, format!("`{key}` is not converted")));
    }
    let mut lines = Lines::default();
    lines.line(0, "version: 1");
    if let Some(region) = &file.region {
        lines.value(0, "region", region);
    }
    // What ecspresso takes where none is named.
    lines.value(0, "cluster", file.cluster.as_deref().unwrap_or("default"));
    plugins(&file, &place, &mut lines, &mut notes);
    lines.gap();
    lines.key(0, "services");
    let service = file.service.as_deref().unwrap_or("service");
    let key = if service.contains('$') { "service" } else { service };
    lines.key(1, key);
    if key != service {
        lines.value(2, "service", service);
    }
    let mut files = Vec::new();
    for (named, source, name) in [
        (&file.task_definition, sources.task_definition, TASK_DEFINITION),
        (&file.service_definition, sources.service_definition, SERVICE_DEFINITION),
    ] {
        match (named, source) {
            (_, Some(source)) => {
                let draft = definition(&source, name, &mut notes)?;
                match name == TASK_DEFINITION {
                    true => lines.value(2, "task_definition", &draft.name),
                    false => lines.service_definition(2),
                }
                files.push(draft);
            }
            (Some(named), None) if is_jsonnet(named) => notes.push(Note::at(
                &place,
                format!("{named} is Jsonnet and is not converted: `ecspresso render` writes it as JSON, which goes into {name}"),
            )),
            _ => {}
        }
    }
    match file
        .timeout
        .as_ref()
        .map(|timeout| timeout.as_str().map_or_else(|| timeout.to_string(), str::to_owned))
    {
        Some(timeout)
            if timeout.chars().all(|c| c.is_ascii_alphanumeric()) && timeout.ends_with(['s', 'm', 'h']) =>
        {
            lines.key(2, "wait");
            // Go writes 10m0s.
            lines.value(3, "timeout", &timeout);
        }
        Some(_) => notes.push(Note::at(&place, "`timeout` is no duration with a unit and is not converted")),
        None => {}
    }
    files.insert(0, Draft { name: CONFIG.to_owned(), text: lines.finish() });
    Ok(Drafted { files, notes })
}

/// The states that the plugins read.
fn plugins(file: &File, place: &str, lines: &mut Lines, notes: &mut Vec<Note>) {
    let mut states = Vec::new();
    for plugin in &file.plugins {
        let line = plugin.line;
        let text = |key: &str| plugin.config.get(key).and_then(Value::as_str);
        match plugin.name.as_str() {
            "tfstate" => match text("url").or_else(|| text("path")) {
                Some(location) => {
                    let name = plugin.func_prefix.trim_end_matches('_');
                    let name = if name.is_empty() { "main" } else { name };
                    states.push((name.to_owned(), location.to_owned()));
                    if location.contains("://") && !location.starts_with("s3://") {
                        let what = "is neither a file nor an object of S3: `terraform state pull` writes it to a file";
                        notes.push(Note::at(
                            format!("{place}:{line}"),
                            format!("the state {location} {what}"),
                        ));
                    }
                }
                None => notes.push(Note::at(format!("{place}:{line}"), "a tfstate plugin names no state")),
            },
            // They need no configuration here.
            "ssm" | "cloudformation" | "aws_cloudformation" => {}
            other => notes
                .push(Note::at(format!("{place}:{line}"), format!("the plugin `{other}` is not converted"))),
        }
    }
    match states.as_slice() {
        [] => {}
        [(name, location)] if name == "main" => lines.value(0, "tfstate", location),
        several => {
            lines.key(0, "tfstate");
            several.iter().for_each(|(name, location)| {
                lines.line(1, &format!("{}: {}", scalar(name), scalar(location)))
            });
        }
    }
}

/// A definition file with its templates replaced.
fn definition((name, text): &(String, String), to: &str, notes: &mut Vec<Note>) -> Result<Draft> {
    let converted = convert(text);
    notes.extend(left_of(name, &converted));
    let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    let parsed: Option<Value> = match is_yaml {
        true => serde_saphyr::from_str(&converted.text).ok(),
        false => serde_json::from_str(&unquoted_numbers(&converted.text)).ok(),
    };
    let Some(mut document) = parsed else {
        notes.push(Note::at(
            name,
            "it cannot be read as JSON once its templates are replaced: correct it by hand",
        ));
        let ending = if is_yaml { "yml" } else { "json" };
        let to = to.replace("json", ending);
        return Ok(Draft { name: to, text: finish(&converted.text, Reading::Value) });
    };
    map_texts(&mut document, &mut finish);
    if to == TASK_DEFINITION
        && let Ok(definition) = TaskDefinition::from_value(document.clone())
    {
        credentials(&definition, notes);
        document = definition.to_value();
    }
    Ok(Draft { name: to.to_owned(), text: json_file(&document) })
}

/// A template that stands for a number has no quotes around it; our expressions are texts, which become numbers where
/// ECS wants them.
fn unquoted_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_text = false;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' if in_text => {
                out.push(c);
                if let Some((_, next)) = characters.next() {
                    out.push(next);
                }
                continue;
            }
            '"' => in_text = !in_text,
            _ if !in_text && begins(&text[at..]) => {
                let end = text[at..].find('}').map_or(text.len(), |end| at + end + 1);
                out.push_str(&format!("\"{}\"", &text[at..end]));
                while characters.next_if(|(next, _)| *next < end).is_some() {}
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

fn left_of(file: &str, converted: &Converted) -> Vec<Note> {
    converted
        .left
        .iter()
        .map(|(line, written)| Note::at(format!("{file}:{line}"), format!("{written} is not converted")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG_FILE: &str = "region: '{{ must_env `AWS_REGION` }}'\ncluster: demo\nservice: api\nservice_definition: svc.json\ntask_definition: task.json\ntimeout: 10m0s\nignore: { tags: [x] }\nplugins:\n- name: tfstate\n  config:\n    url: s3://states/app\n- name: tfstate\n  config:\n    path: net.tfstate\n  func_prefix: net_\n- name: secretsmanager\n";

    fn converted(config: &str, task: &str) -> Drafted {
        let sources = Sources {
            task_definition: Some(("task.json".to_owned(), task.to_owned())),
            service_definition: Some((
                "svc.json".to_owned(),
                r#"{"desiredCount": {{ env `N` `2` }}}"#.to_owned(),
            )),
        };
        from_ecspresso(Path::new("ecspresso.yml"), config, sources).unwrap()
    }

    #[test]
    fn a_configuration_and_its_definitions_are_converted() {
        let task = r#"{ "family": "api", "cpu": "{{ env `CPU` `256` }}", "containerDefinitions": [{ "name": "app",
            "image": "x:{{ must_env `TAG` }}", "command": ["sh", "-c", "echo ${HOME}"],
            "portMappings": [{ "containerPort": {{ must_env `PORT` }} }],
            "environment": [{ "name": "A", "value": "{{ net_tfstate `aws_vpc.a['x'].id` }}{{ secretsmanager_arn `y` }}" }] }] }"#;
        let drafted = converted(CONFIG_FILE, task);
        let expected = "version: 1\nregion: ${AWS_REGION}\ncluster: demo\ntfstate:\n  main: s3://states/app\n  net: net.tfstate\n\nservices:\n  api:\n    task_definition: task-definition.json\n    service_definition: service-definition.json\n    wait:\n      timeout: 10m0s\n";
        assert_eq!(drafted.files[0].text, expected);
        let task: Value = serde_json::from_str(&drafted.files[1].text).unwrap();
        assert_eq!(task["cpu"], "${CPU:-256}");
        let app = &task["containerDefinitions"][0];
        assert_eq!(app["portMappings"][0]["containerPort"], "${PORT}");
        assert_eq!(
            app["environment"][0]["value"],
            "${tfstate.net:aws_vpc.a['x'].id}{{ secretsmanager_arn `y` }}"
        );
        assert_eq!(drafted.files[2].text, "{\n  \"desiredCount\": \"${N:-2}\"\n}\n");
        let notes = drafted.text();
        for told in [
            "ecspresso.yml: `ignore` is not converted",
            "ecspresso.yml:16: the plugin `secretsmanager`",
            "task.json:4: {{ secretsmanager_arn `y` }} is not converted",
        ] {
            assert!(notes.contains(told), "{told}: {notes}");
        }
    }

    #[test]
    fn jsonnet_is_listed() {
        let config = "region: r\nservice: api\ntask_definition: task.jsonnet\n";
        let path = Path::new("ecspresso.yml");
        assert_eq!(sources_of_ecspresso(path, config).unwrap(), Sources::default());
        let drafted = from_ecspresso(path, config, Sources::default()).unwrap();
        assert!(
            drafted.text().contains("task.jsonnet is Jsonnet and is not converted"),
            "{}",
            drafted.text()
        );
        assert!(sources_of_ecspresso(path, "a: 1\n").is_err());
    }
}
