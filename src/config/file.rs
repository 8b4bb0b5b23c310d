//! `landfall.yml`: its types, and reading them with positions.

#[cfg(test)]
use std::collections::HashMap;
use std::path::Path;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::{Error as YamlError, Spanned};

use super::env::{EnvFiles, EnvStoreEntry, PolicyEntry};
use super::given::Given;
use super::model::{OnConflict, WaitFor};
use super::preflight::PreflightEntry;
use super::probe::ProbeEntry;
use super::push::ImageEntry;
use super::tfstate::StateEntry;
use crate::error::{Error, Result};

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// The version of this format: 1.
    pub version: u32,
    /// AWS Region.
    pub region: Option<String>,
    /// ECS cluster: name or ARN.
    pub cluster: Option<String>,
    /// Where `.env` files are stored: `s3://BUCKET/PREFIX`, or a map.
    pub env_store: Option<EnvStoreEntry>,
    /// What to do about lines of `.env` files that ECS reads otherwise than dotenv libraries do; default: `normalize`.
    pub env_policy: Option<Given<PolicyEntry>>,
    /// Where `${tfstate:ADDRESS}` is looked up: a Terraform state, or a map of them by name.
    pub tfstate: Option<StateEntry>,
    /// The services to deploy, by a name of your choice.
    pub services: IndexMap<String, ServiceEntry>,
}

/// One service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceEntry {
    /// The ECS service; default: the key.
    pub service: Option<String>,
    /// A JSON or YAML file, relative to this one; default: the revision that the service runs.
    pub task_definition: Option<String>,
    /// A JSON or YAML file with the service's attributes, relative to this one; default: they stay as they are.
    pub service_definition: Option<String>,
    /// Whether the `desiredCount` of `service_definition` is set; default: it is left to whoever scales the service.
    #[serde(default)]
    pub desired_count: Given<DesiredCountEntry>,
    /// Containers of the task definition, by name.
    #[serde(default)]
    pub containers: IndexMap<String, ContainerEntry>,
    /// When the rollout is over.
    #[serde(default)]
    pub wait: WaitEntry,
    /// How many tasks may fail before the rollout is given up; default: the larger of 2 and the desired count.
    pub max_failed_tasks: Option<Given<u32>>,
    /// Whether to put the service back when the rollout fails.
    #[serde(default)]
    pub rollback: Given<RollbackEntry>,
    /// What becomes of a service that fails and has nothing to go back to.
    #[serde(default)]
    pub on_first_failure: Given<FirstFailureEntry>,
    /// What becomes of the service when the run is interrupted.
    #[serde(default)]
    pub on_interrupt: Given<InterruptEntry>,
    /// What becomes of a deployment of the service that someone else has under way.
    #[serde(default)]
    pub on_conflict: Given<OnConflict>,
    /// The checks before a change.
    #[serde(default)]
    pub preflight: PreflightEntry,
    /// Requests that go on throughout the rollout, to prove that none is lost.
    #[schemars(with = "Option<ProbeEntry>")]
    pub probe: Option<Spanned<ProbeEntry>>,
    /// Reserved.
    #[schemars(skip)]
    pub before: Option<Spanned<serde_json::Value>>,
    /// Reserved.
    #[schemars(skip)]
    pub after: Option<Spanned<serde_json::Value>>,
}

/// One container.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerEntry {
    /// The image it gets.
    pub image: Option<ImageEntry>,
    /// `.env` files, relative to this file: a path, a map, or a list of which the first wins.
    #[serde(default)]
    pub env_file: EnvFiles,
    /// Variables to set in the task definition itself.
    #[serde(default)]
    pub environment: IndexMap<String, Scalar>,
    /// Variables whose values ECS reads from SSM Parameter Store or Secrets Manager: name -> `valueFrom`.
    #[serde(default)]
    pub secrets: IndexMap<String, String>,
}

/// A text, a number or a boolean, as it is written: ECS only knows texts, and `1.10` is not `1.1`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Scalar(#[schemars(with = "ScalarForm")] String);

/// What editors should accept for a [`Scalar`].
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum ScalarForm {
    Boolean(bool),
    Number(f64),
    Text(String),
}

impl Scalar {
    /// As it stands in the task definition.
    pub fn into_text(self) -> String {
        self.0
    }

    /// For expressions to be replaced in it.
    pub(super) fn text_mut(&mut self) -> &mut String {
        &mut self.0
    }
}

/// Who says how many tasks there are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DesiredCountEntry {
    /// Auto scaling, or a person: a deployment leaves it.
    #[default]
    Leave,
    /// `desiredCount` of the service definition.
    FromFile,
}

/// When the rollout is over.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitEntry {
    /// What to wait for; default: `steady`.
    #[serde(default, rename = "for")]
    pub wait_for: Given<WaitFor>,
    /// How long a rollout may take; default: `30m`.
    pub timeout: Option<String>,
    /// How long nothing may move while tasks are missing; default: `5m`.
    pub stall_timeout: Option<String>,
}

/// What becomes of a service that fails and has nothing to go back to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FirstFailureEntry {
    /// It stays as it is, and ECS goes on trying.
    #[default]
    Leave,
    /// Its desired count becomes 0.
    ScaleToZero,
}

/// What becomes of the service when the run is interrupted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InterruptEntry {
    /// ECS goes on with the deployment.
    #[default]
    Leave,
    /// It is set back to the revision that was last good.
    Rollback,
}

/// Whether to put the service back.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackEntry {
    /// When the rollout cannot succeed or runs out of time.
    #[default]
    OnFailure,
    /// Leave it as it is.
    Never,
}

/// Reads the text of a configuration file, and leaves expressions as they are. `path` is only used in messages.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) with `path:line:column`, what was expected
/// and, for an unknown key, the nearest known one.
pub(super) fn parse_raw(path: &Path, text: &str) -> Result<ConfigFile> {
    let mut file: ConfigFile = serde_saphyr::from_str(text).map_err(|error| yaml_error(path, &error))?;
    if file.version != 1 {
        return Err(Error::usage(format!("{}: version {} is not known", path.display(), file.version))
            .hint("This release of Landfall reads `version: 1`."));
    }
    if file.services.is_empty() {
        return Err(Error::usage(format!("{}: `services` is empty", path.display()))
            .hint("Name at least one ECS service under `services:`."));
    }
    for entry in file.services.values_mut() {
        refuse_reserved(path, entry)?;
        if let Some(probe) = &mut entry.probe {
            probe.value.written_at = Some(format!("{}:{}", path.display(), probe.referenced.line()));
        }
    }
    Ok(file)
}

/// Reads a file whose expressions are variables alone.
///
/// # Errors
/// As [`parse_raw`], and for what cannot be replaced.
#[cfg(test)]
pub(crate) fn parse(path: &Path, text: &str, variables: &HashMap<String, String>) -> Result<ConfigFile> {
    let mut file = parse_raw(path, text)?;
    let values = crate::lookup::Values { variables, found: &crate::lookup::Found::new() };
    file.first_texts().try_for_each(|value| super::texts::replace(value, path, text, values))?;
    file.replace(path, text, values)?;
    Ok(file)
}

fn refuse_reserved(path: &Path, entry: &ServiceEntry) -> Result<()> {
    let reserved = [("before", &entry.before), ("after", &entry.after)];
    for (key, value) in reserved {
        if let Some(value) = value {
            return Err(Error::usage(format!(
                "{}:{}: `{key}` is reserved for a later release and does nothing yet",
                path.display(),
                value.referenced.line(),
            ))
            .hint(format!("Remove `{key}`; Landfall refuses it so that nobody relies on it by mistake.")));
        }
    }
    Ok(())
}

/// Turns a YAML error into ours: position first, then what is wrong, then the nearest known key.
pub(crate) fn yaml_error(path: &Path, error: &YamlError) -> Error {
    let plain = error.without_snippet();
    let place = match plain.location() {
        Some(location) => format!("{}:{}:{}", path.display(), location.line(), location.column()),
        None => path.display().to_string(),
    };
    match plain {
        YamlError::SerdeUnknownField { field, expected, .. } => {
            let known = expected.iter().filter(|name| !RESERVED.contains(name));
            let nearest = known
                .clone()
                .max_by(|a, b| strsim::jaro_winkler(field, a).total_cmp(&strsim::jaro_winkler(field, b)));
            let error = Error::usage(format!("{place}: unknown key `{field}`"));
            match nearest {
                Some(name) if strsim::jaro_winkler(field, name) > 0.8 => {
                    error.hint(format!("Did you mean `{name}`?"))
                }
                _ => error.hint(format!(
                    "Known here: {}.",
                    known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                )),
            }
        }
        other => {
            // The message repeats the position; ours stands in front already.
            let text = other.to_string();
            let text = text.split(" at line ").next().unwrap_or(&text).replace('\n', " ");
            // What the parser says to programmers is not for users of a file.
            let text = text.split(", set DuplicateKeyPolicy").next().unwrap_or(&text).to_owned();
            // The parser speaks of events; a person writes lines.
            let text = text
                .replace("expected mapping start", "expected a map (`key: value` lines)")
                .replace("expected sequence start", "expected a list (`- item` lines)");
            // As a word of its own: "immutable" has one in it too.
            let hint = if text.split(|c: char| !c.is_alphabetic()).any(|word| matches!(word, "tab" | "tabs"))
            {
                "YAML is indented with spaces, never with tabs."
            } else {
                "See docs/configuration.md for every key with its meaning and type."
            };
            Error::usage(format!("{place}: {text}")).hint(hint)
        }
    }
}

const RESERVED: [&str; 2] = ["before", "after"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::merge::merge;
    use crate::config::{ImageConfig, Overrides};
    use crate::image::Compression;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<ConfigFile> {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        parse(Path::new("landfall.yml"), text, &variables)
    }

    fn refusal(text: &str) -> String {
        let error = read(text, &[]).expect_err("it should be refused");
        format!("{error} | {}", error.hint_text().unwrap_or("-"))
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_known_key() {
        let text = "version: 1\ncluster: c\nservices:\n  api:\n    contaners: {}\n";
        let message = refusal(text);
        assert!(message.starts_with("landfall.yml:5:"), "{message}");
        assert!(message.contains("unknown key `contaners`"), "{message}");
        assert!(message.ends_with("Did you mean `containers`?"), "{message}");
    }

    #[test]
    fn a_key_like_no_other_lists_the_known_ones_without_the_reserved() {
        let message = refusal("version: 1\nservices:\n  api:\n    zzz: 1\n");
        assert!(message.contains("Known here: `service`, `task_definition`"), "{message}");
        assert!(!message.contains("`before`"), "{message}");
    }

    #[test]
    fn reserved_keys_are_refused_with_their_line() {
        for key in RESERVED {
            let message =
                refusal(&format!("version: 1\nservices:\n  api:\n    service: a\n    {key}: [x]\n"));
            assert!(message.starts_with(&format!("landfall.yml:5: `{key}` is reserved")), "{message}");
        }
    }

    #[test]
    fn variables_are_replaced_in_values_alone() {
        let text = "version: 1\n# ${NOT_READ}\ncluster: ${STAGE}-${TIER:-one}\nservices: { api: {} }\n";
        let file = read(text, &[("STAGE", "prod: [x]")]).unwrap();
        assert_eq!(file.cluster.as_deref(), Some("prod: [x]-one"));
    }

    #[test]
    fn a_container_may_be_named_by_a_variable() {
        let text =
            "version: 1\ncluster: c\nservices:\n  api:\n    containers:\n      ${NAME}: {}\n      b: {}\n";
        let file = read(text, &[("NAME", "a")]).unwrap();
        let names: Vec<&String> = file.services["api"].containers.keys().collect();
        assert_eq!(names, ["a", "b"]);
        assert!(refusal(text).starts_with("landfall.yml:6:7: the environment variable `NAME` is not set"));
        assert!(read(text, &[("NAME", "b")]).unwrap_err().to_string().contains("b stands there twice"));
    }

    #[test]
    fn numbers_and_words_may_be_expressions() {
        let text = "version: 1
cluster: ${N}
env_policy: ${POLICY:-strict}
services:
  api:
    max_failed_tasks: ${N}
    desired_count: ${COUNT:-from-file}
    rollback: '${ROLLBACK:-never}'
    wait: { for: \"${W}\", timeout: '${T:-10m}' }
    containers:
      web:
        image: { from: 'oci:x', to: r.example/a, compression: '${C:-zstd}', create_repository: { scan_on_push: '${S:-false}' } }
        env_file: { path: .env, interpolate: '${I:-true}' }
";
        let load = |variables: &[(&str, &str)]| {
            let file = read(text, variables)?;
            let overrides =
                Overrides { env_store: Some("s3://bucket/prefix".to_owned()), ..Overrides::default() };
            merge(file, Path::new(""), &overrides).map(|config| config.services.into_iter().next().unwrap())
        };
        let api = load(&[("N", "3"), ("W", "healthy")]).unwrap();
        assert_eq!((api.max_failed_tasks, api.wait_for, api.rollback), (Some(3), WaitFor::Healthy, false));
        assert!(api.desired_count_from_file);
        assert!(api.containers[0].env_files[0].interpolate);
        let Some(ImageConfig::Push(push)) = &api.containers[0].image else { panic!("a push") };
        assert_eq!(push.compression, Compression::Zstd);
        assert!(!push.create_repository.as_ref().unwrap().scan_on_push);

        for (variables, expected) in [
            ([("N", "hunter2"), ("W", "none")], "landfall.yml:6:23: what `${N}` gives is not a whole number"),
            (
                [("N", "1"), ("W", "hunter2")],
                "landfall.yml:9:18: what `${W}` gives is not one of `steady`, `healthy`, `none`",
            ),
            ([("N", "-1"), ("W", "none")], "landfall.yml:6:23: what `${N}` gives is not a whole number"),
        ] {
            let error = load(&variables).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert!(error.hint_text().is_some());
        }
        let unset = load(&[("N", "1")]).unwrap_err().to_string();
        assert!(unset.starts_with("landfall.yml:9:19: the environment variable `W` is not set"), "{unset}");
        // Without an expression nothing has changed: what is wrong is said on its line.
        for wrong in ["max_failed_tasks: -1", "rollback: maybe", "wait: { for: 3 }"] {
            let message = refusal(&format!("version: 1\nservices:\n  api:\n    {wrong}\n"));
            assert!(message.starts_with("landfall.yml:4:"), "{message}");
        }
    }

    #[test]
    fn two_dollar_signs_are_one_and_a_single_one_stays() {
        let file = read("version: 1\ncluster: a$$b-$${X}-$1\nservices: { api: {} }\n", &[]).unwrap();
        assert_eq!(file.cluster.as_deref(), Some("a$b-${X}-$1"));
    }

    #[test]
    fn a_variable_that_is_not_set_is_an_error_with_its_line() {
        let message = refusal("version: 1\ncluster: ${STAGE}\nservices: { api: {} }\n");
        assert!(message.starts_with("landfall.yml:2:"), "{message}");
        assert!(message.contains("`STAGE` is not set"), "{message}");
        let message = refusal("version: 1\ncluster: ${STAGE:?choose a stage}\nservices: { api: {} }\n");
        assert!(message.contains("choose a stage"), "{message}");
    }

    #[test]
    fn wrong_types_versions_and_broken_yaml_have_positions() {
        for (text, expected) in [
            ("version: 2\nservices: { api: {} }\n", "version 2 is not known"),
            ("version: 1\nservices: {}\n", "`services` is empty"),
            ("version: 1\nservices:\n  api:\n    max_failed_tasks: many\n", "landfall.yml:4:"),
            ("version: 1\nservices: [\n", "landfall.yml:"),
            ("version: 1\nservices:\n  api: {}\n  api: {}\n", "landfall.yml:4:"),
            ("services: { api: {} }\n", "missing field `version`"),
            ("version: 1\nservices:\n\tapi: {}\n", "spaces, never with tabs"),
        ] {
            let message = refusal(text);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn values_reach_the_container_as_they_are_written() {
        let written = [
            ("8080", "8080"),
            ("false", "false"),
            ("1.10", "1.10"),
            ("01234", "01234"),
            ("12345678901234567890", "12345678901234567890"),
            ("0x1F", "0x1F"),
            ("yes", "yes"),
            ("'quoted'", "quoted"),
            ("${SHA}", "12345e7"),
            ("\"${SHA}\"", "12345e7"),
            ("'${PIN}'", "007"),
        ];
        for (value, expected) in written {
            let text = format!(
                "version: 1\nservices:\n  api:\n    containers:\n      web:\n        environment:\n          X: {value}\n"
            );
            let mut file = read(&text, &[("SHA", "12345e7"), ("PIN", "007")]).unwrap();
            let web = &mut file.services[0].containers[0];
            assert_eq!(
                web.environment.swap_remove("X").map(Scalar::into_text).as_deref(),
                Some(expected),
                "{value}"
            );
        }
    }
}
