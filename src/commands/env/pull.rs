//! `landfall env pull`

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures_util::future::try_join_all;
use landfall_envfile::{Variable, as_dotenv_line, shown};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::write::{there_is, write_private};
use super::{check_cluster, counted, started, unless_interrupted};
use crate::aws::{Aws, AwsSettings};
use crate::config::{Config, ServiceConfig};
use crate::emit::Emitter;
use crate::envfile::Content;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Verdict};
use crate::plan::short;
use crate::prepare::read_stored;
use crate::secret::Secret;
use crate::task_definition::TaskDefinition;

/// What is asked of `landfall env pull`.
pub struct EnvPullJob {
    /// The one service whose variables are read.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// The container; `None`: the one of the configuration, or the only one.
    pub container: Option<String>,
    /// The file to write.
    pub to: PathBuf,
    /// Replace a file that is there.
    pub force: bool,
}

/// Writes what a running service has as environment into a `.env` file that only its owner can read.
///
/// # Errors
/// What kept the run from going on; the caller tells it.
pub async fn pull(job: EnvPullJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    let service = match job.config.services.as_slice() {
        [service] => service,
        services => {
            let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
            return Err(Error::usage("one file takes the variables of one service")
                .hint(format!("Choose one: landfall env pull {} --to FILE.", names.join(" | "))));
        }
    };
    check_cluster(&job.config)?;
    check_target(&job.to, job.force)?;
    let aws = Aws::connect(AwsSettings {
        region: job.config.region.clone(),
        told: events.for_calls(),
        ..job.aws.clone()
    })
    .await?;
    events.emit(Event::RunStarted(started("env pull", &aws.region, Some(&job.config))));
    let own = events.for_service(&service.name);
    let work = write(&job, service, &aws, &own);
    let stands = "no file was written; run the same command again";
    let result = unless_interrupted(interrupt, events, stands, work).await;
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result
}

/// Values go into a file that stays with its owner, and nowhere where they could be shown or logged.
fn check_target(to: &Path, force: bool) -> Result<()> {
    let refuse = |why: &str| {
        Err(Error::usage(format!("env pull does not write to {}", to.display())).hint(format!(
            "{why}: a terminal or the log of a CI job would keep the values. Name a file: --to .env.pulled."
        )))
    };
    if to.as_os_str() == "-" {
        return refuse("It never writes to standard output");
    }
    // A link, or `/dev/../dev/stdout`, leads there just as well.
    let leads_to = to.canonicalize().unwrap_or_else(|_| to.to_owned());
    if [to, leads_to.as_path()].iter().any(|path| path.starts_with("/dev") || path.starts_with("/proc")) {
        return refuse("It never writes to a device or to standard output");
    }
    match to.symlink_metadata() {
        Ok(found) if found.is_dir() => Err(Error::usage(format!("{} is a folder", to.display()))
            .hint("Name a file in it: --to FOLDER/.env.")),
        Ok(found) if !found.is_file() && !found.is_symlink() => refuse("It only writes ordinary files"),
        Ok(_) if !force => Err(there_is(to)),
        _ => Ok(()),
    }
}

async fn write(job: &EnvPullJob, service: &ServiceConfig, aws: &Aws, events: &Emitter) -> Result<()> {
    let (cluster, name) = (&job.config.cluster, &service.service);
    let live = aws.existing_service(cluster, name).await?;
    let (arn, definition) = aws.describe_task_definition(&live.task_definition).await?.ok_or_else(|| {
        Error::new(
            ErrorKind::Preflight,
            format!("the task definition {} of service {name} cannot be found", live.task_definition),
        )
    })?;
    let container = container_of(job, service, &definition)?;
    let files = try_join_all(definition.env_files(&container).into_iter().map(|arn| read(aws, arn))).await?;
    let pulled = Pulled::of(&definition, &container, files);
    events.mask(pulled.variables.values().cloned());
    let head = format!(
        "# Container {container} of service {} as revision {} has it, by `landfall env pull`.\n",
        live.name,
        short(&arn)
    );
    let text = pulled.text(&head);
    for name in &text.left_out {
        events.warn(
            format!(
                "{name} has a line break or a control character, and is left out of {}",
                job.to.display()
            ),
            Some("read it in the task definition or in the env file itself"),
        );
    }
    if text.unnamed > 0 {
        let what = counted(text.unnamed, "variable");
        events.warn(
            format!("{what} with a name that no .env file can hold: left out of {}", job.to.display()),
            Some("`landfall env check` finds such lines in the file that was stored"),
        );
    }
    write_private(&job.to, text.content.as_bytes(), job.force)?;
    let content = counted(text.written, "variable");
    let path = job.to.display().to_string();
    let reason = format!("{content} of {} in {path}", short(&arn));
    events.emit(Event::FileWritten { path, content });
    events.emit(Event::RolloutFinished { verdict: Verdict::Succeeded, reason, zero_downtime: None });
    Ok(())
}

/// The container that is meant, which must be there.
fn container_of(job: &EnvPullJob, service: &ServiceConfig, definition: &TaskDefinition) -> Result<String> {
    let configured = match service.containers.as_slice() {
        [only] => only.name.clone(),
        _ => None,
    };
    let name = match job.container.clone().or(configured) {
        Some(name) => name,
        None => definition.only_container()?,
    };
    if definition.container(&name).is_none() {
        return Err(Error::usage(format!(
            "the task definition {} has no container `{name}`",
            definition.family()
        ))
        .hint(format!("It has: {}.", definition.container_names().join(", "))));
    }
    Ok(name)
}

/// The variables of an env file that the revision names. Without all of them the result would be wrong.
async fn read(aws: &Aws, arn: String) -> Result<Vec<Variable>> {
    match read_stored(aws, &arn).await {
        Content::Read { variables, .. } => Ok(variables),
        Content::Unread(why) => {
            Err(Error::new(ErrorKind::Aws, format!("cannot read the env file {arn}: {why}")).hint(format!(
                "Allow the caller `s3:GetObject` on {arn}, and `kms:Decrypt` where a key of one's own encrypts it."
            )))
        }
    }
}

/// What a container has as environment.
#[derive(Default)]
struct Pulled {
    /// Name to value.
    variables: BTreeMap<String, Secret>,
    /// Name to the parameter or secret.
    secrets: BTreeMap<String, String>,
}

/// A `.env` file.
struct Text {
    content: Zeroizing<String>,
    /// Variables that it holds.
    written: usize,
    /// Names of variables that no line can hold.
    left_out: Vec<String>,
    /// How many are left out that cannot even be named.
    unnamed: usize,
}

impl Pulled {
    /// `secrets` and `environment` beat every file, and of the files the first one that has a name wins (facts
    /// 2.3); what is empty in a file is not set on Fargate (facts 2.2).
    fn of(definition: &TaskDefinition, container: &str, files: Vec<Vec<Variable>>) -> Self {
        let mut pulled = Self::default();
        let definition = definition.container(container);
        let entries = |list: &str, value: &str| {
            let entries = definition.and_then(|definition| definition.get(list)?.as_array());
            let pair = |entry: &Value| {
                let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
                Some((text("name")?, text(value)?))
            };
            entries.into_iter().flatten().filter_map(pair).collect::<Vec<_>>()
        };
        pulled.secrets.extend(entries("secrets", "valueFrom"));
        for (name, value) in entries("environment", "value") {
            pulled.add(name, Secret::new(value));
        }
        for variable in files.into_iter().flatten().filter(|v| !v.value.expose().is_empty()) {
            pulled.add(variable.name, variable.value);
        }
        pulled
    }

    fn add(&mut self, name: String, value: Secret) {
        if !self.secrets.contains_key(&name) {
            self.variables.entry(name).or_insert(value);
        }
    }

    /// The file: a line for each variable, sorted by name. The same service gives the same file.
    fn text(&self, head: &str) -> Text {
        let mut content = Zeroizing::new(head.to_owned());
        let (mut written, mut unnamed, mut left_out) = (0, 0, Vec::new());
        let names: BTreeSet<&String> = self.variables.keys().chain(self.secrets.keys()).collect();
        for name in names {
            let line = self.variables.get(name).map(|value| as_dotenv_line(name, value.expose()));
            match (line, shown(name)) {
                (Some(Some(line)), _) => {
                    content.push_str(line.expose());
                    content.push('\n');
                    written += 1;
                }
                (Some(None), Some(name)) => {
                    content.push_str(&format!(
                        "# {name} has a line break or a control character and is left out\n"
                    ));
                    left_out.push(name.to_owned());
                }
                (Some(None), None) => {
                    content.push_str("# A variable with a name that no line can hold is left out\n");
                    unnamed += 1;
                }
                (None, _) => {
                    let from = self.secrets.get(name).map(String::as_str).unwrap_or_default();
                    let comment = format!("{name} comes from {from}: its value is not read");
                    let comment: String = comment.chars().filter(|c| !c.is_control()).collect();
                    content.push_str(&format!("# {comment}\n"));
                }
            }
        }
        Text { content, written, left_out, unnamed }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(container: Value, files: &[&str]) -> Text {
        let definition =
            TaskDefinition::from_value(json!({"family": "web", "containerDefinitions": [container]}))
                .unwrap();
        let files =
            files.iter().map(|file| landfall_envfile::read_stored(file.as_bytes()).unwrap()).collect();
        Pulled::of(&definition, "app", files).text("# head\n")
    }

    #[test]
    fn the_strongest_source_of_each_name_is_written() {
        let text = text(
            json!({
                "name": "app",
                "environment": [{"name": "LEVEL", "value": "debug"}, {"name": "EMPTY", "value": ""},
                    {"name": "KEY_FILE", "value": "-----BEGIN\ncanary"}],
                "secrets": [{"name": "PASSWORD", "valueFrom": "/web/password"}]
            }),
            &["LEVEL=info\nFIRST=1\nUNSET=\nPASSWORD=old\ntwo words=x\n", "FIRST=2\nUNSET=no more\n"],
        );
        assert_eq!(
            text.content.as_str(),
            "# head\nEMPTY=\nFIRST=1\n# KEY_FILE has a line break or a control character and is left out\nLEVEL=debug\n# PASSWORD comes from /web/password: its value is not read\nUNSET=no more\n# A variable with a name that no line can hold is left out\n"
        );
        assert_eq!((text.written, text.left_out, text.unnamed), (4, vec!["KEY_FILE".to_owned()], 1));
    }

    #[test]
    fn only_ordinary_files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there.env");
        std::fs::write(&there, "").unwrap();
        for (to, force, expected) in [
            (Path::new("-"), true, "does not write to -"),
            (Path::new("/dev/stdout"), true, "/dev/stdout"),
            (Path::new("/proc/self/fd/1"), true, "does not write"),
            (folder.path(), true, "is a folder"),
            (there.as_path(), false, "already"),
        ] {
            let error = check_target(to, force).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint_text().is_some());
        }
        assert!(check_target(&there, true).is_ok());
        assert!(check_target(&folder.path().join("new.env"), false).is_ok());
    }
}
