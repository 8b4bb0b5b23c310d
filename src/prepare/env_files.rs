//! The env files of a deployment: read, checked, looked up in the store, and uploaded.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::{join_all, try_join_all};
use landfall_envfile::looks_like_credential;

use super::{LiveState, Prepared, definition_file, live_state};
use crate::aws::{Aws, NewObject, PutOutcome};
use crate::config::{Config, EnvStore, ServiceConfig, TaskDefinitionSource};
use crate::emit::Emitter;
use crate::envfile::{self, Content, LocalEnvFile, StoreKey, check_bucket, parse_arn};
use crate::error::{Error, Result};
use crate::event::{EnvFileReport, Event, Transfer};
use crate::lookup::Account;
use crate::plan::EnvFileFacts;
use crate::task_definition::TaskDefinition;

/// Tells where an env file is.
pub fn stored(file: &EnvFileFacts, outcome: Transfer) -> Event {
    Event::EnvFileStored(EnvFileReport {
        container: file.container.clone(),
        file: file.file.clone(),
        arn: file.arn.clone(),
        variables: u32::try_from(file.content.variables().len()).unwrap_or(u32::MAX),
        outcome,
    })
}

/// The env files of a service and where they are stored, without its images (`env push`). The service itself is
/// asked only where a container has no name: otherwise its definition is `base`'s or not known.
///
/// # Errors
/// As [`Prepared::gather`].
pub async fn gather_env_files(
    config: &Config,
    service: &ServiceConfig,
    aws: &Aws,
    account: &str,
    events: &Emitter,
) -> Result<Vec<EnvFileFacts>> {
    let base = definition_file(service, &config.expressions, &Account::of(aws)).await?;
    let mut base = base.map(|loaded| loaded.content);
    let files = read_env_files(config, service, events)?;
    let mut partition = partition_of(&aws.region).to_owned();
    if base.is_none() && files.iter().any(|(container, _)| container.is_none()) {
        let LiveState { live, live_definition, .. } = live_state(config, service, aws, None).await?;
        partition = live.task_definition.split(':').nth(1).unwrap_or("aws").to_owned();
        base = Some(live_definition);
    }
    let looked_at =
        EnvFiles { config, service, base: base.as_ref(), partition: &partition, account, aws, events };
    looked_at.look_at(files).await
}

/// The partition of a Region, by the beginnings of Region names that AWS documents (facts 2.1).
fn partition_of(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The env files of a service, with their containers. What is wrong in one is told, and refuses the run before
/// anything is asked of AWS.
pub(super) fn read_env_files(
    config: &Config,
    service: &ServiceConfig,
    events: &Emitter,
) -> Result<Vec<(Option<String>, LocalEnvFile)>> {
    mask_environment(service, events);
    let mut files = Vec::new();
    for container in &service.containers {
        for env_file in &container.env_files {
            let file = envfile::read(env_file)?;
            let check = file.check(container.name.as_deref());
            if let Err(refusal) = envfile::refuse(&check) {
                events.emit(Event::EnvFileChecked(check));
                return Err(refusal);
            }
            if let Some(content) = &file.content {
                let values = content.variables().iter().map(|variable| &variable.value);
                events.mask(values.filter(|value| !is_public(config, service, value.expose())).cloned());
            }
            files.push((container.name.clone(), file));
        }
    }
    Ok(files)
}

/// What reports name anyway: hidden, it would only make them unreadable.
fn is_public(config: &Config, service: &ServiceConfig, value: &str) -> bool {
    let names = [config.region.as_deref(), Some(config.cluster.as_str())];
    let containers = service.containers.iter().map(|container| container.name.as_deref());
    names
        .into_iter()
        .chain(containers)
        .chain([Some(service.name.as_str()), Some(service.service.as_str())])
        .flatten()
        .any(|name| name == value)
}

/// `environment` is for settings that nobody minds; what looks like a credential is there by mistake.
fn mask_environment(service: &ServiceConfig, events: &Emitter) {
    let variables = service.containers.iter().flat_map(|container| &container.environment);
    let credentials = variables.filter(|(name, value)| looks_like_credential(name, value.expose()));
    events.mask(credentials.map(|(_, value)| value.clone()));
}

/// What looking at env files takes.
pub(super) struct EnvFiles<'a> {
    pub(super) config: &'a Config,
    pub(super) service: &'a ServiceConfig,
    /// What the new revision is made from; `None` where the service is not asked.
    pub(super) base: Option<&'a TaskDefinition>,
    pub(super) partition: &'a str,
    pub(super) account: &'a str,
    pub(super) aws: &'a Aws,
    pub(super) events: &'a Emitter,
}

impl EnvFiles<'_> {
    /// The container that a configuration without a name means.
    fn only_container(&self) -> Result<String> {
        match self.base {
            Some(base) => base.only_container(),
            None => {
                Err(Error::usage(format!("service {} has an env file of no container", self.service.name))
                    .hint("Say which one with --container."))
            }
        }
    }

    /// Facts about each file: where it is stored, and whether it is there.
    pub(super) async fn look_at(
        &self,
        files: Vec<(Option<String>, LocalEnvFile)>,
    ) -> Result<Vec<EnvFileFacts>> {
        let Some(store) = &self.config.env_store else { return Ok(Vec::new()) };
        let mut facts = Vec::new();
        for (container, mut file) in files {
            let container = container.map_or_else(|| self.only_container(), Ok)?;
            let (environment, secrets) = self.names(&container);
            file.check_names(
                &environment.iter().map(String::as_str).collect::<Vec<_>>(),
                &secrets.iter().map(String::as_str).collect::<Vec<_>>(),
            );
            let check = file.check(Some(&container));
            let refusal = envfile::refuse(&check);
            if !check.findings.is_empty() {
                self.events.emit(Event::EnvFileChecked(check));
            }
            refusal?;
            let Some(content) = file.content else { continue };
            let key = StoreKey::new(store, &self.service.name, &container, content.hash());
            facts.push(EnvFileFacts {
                arn: key.arn(self.partition),
                arn_prefix: envfile::arn_prefix(self.partition, store, &self.service.name, &container),
                present: false,
                container,
                file: file.file,
                content,
                key,
            });
        }
        let there =
            facts.iter().map(|file| self.aws.object_exists(&file.key.bucket, &file.key.key, self.account));
        let there = try_join_all(there).await?;
        for (file, there) in facts.iter_mut().zip(there) {
            file.present = there;
        }
        if facts.iter().any(|file| !file.present) {
            let bucket = self.aws.bucket_facts(&store.bucket, self.account).await?;
            check_bucket(&store.bucket, &bucket, &self.aws.region, self.account)?;
        }
        Ok(facts)
    }

    /// The names that `environment` and `secrets` of a container will have. An empty value of what the service runs
    /// may be one that an earlier run has moved there, and hides nothing: it is taken away.
    fn names(&self, container: &str) -> (Vec<String>, Vec<String>) {
        let of_base = |key: &str| {
            let names = self.base.map(|base| base.names(container, key)).unwrap_or_default();
            names.into_iter().map(str::to_owned)
        };
        let configured = self
            .service
            .containers
            .iter()
            .filter(|configured| configured.name.as_deref().is_none_or(|name| name == container));
        let mut environment: Vec<String> = of_base("environment").collect();
        if let Some(base) = self.base
            && self.service.task_definition == TaskDefinitionSource::Live
        {
            environment.retain(|name| !base.is_empty_variable(container, name));
        }
        let mut secrets: Vec<String> = of_base("secrets").collect();
        for configured in configured {
            secrets.retain(|name| !configured.environment.iter().any(|(own, _)| own == name));
            environment.retain(|name| !configured.secrets.iter().any(|(own, _)| own == name));
            environment.extend(configured.environment.iter().map(|(name, _)| name.clone()));
            secrets.extend(configured.secrets.iter().map(|(name, _)| name.clone()));
        }
        (environment, secrets)
    }

    /// What is in the env files that the service runs with, and in those that stay: for comparing, so that what
    /// cannot be read is no error.
    pub(super) async fn stored(
        &self,
        live: &TaskDefinition,
        ours: &[EnvFileFacts],
    ) -> HashMap<String, Content> {
        let containers = self
            .service
            .containers
            .iter()
            .filter_map(|container| container.name.clone().or_else(|| self.only_container().ok()));
        let of_base = |name: &str| self.base.map(|base| base.env_files(name)).unwrap_or_default();
        let arns: BTreeSet<String> = containers
            .flat_map(|name| [live.env_files(&name), of_base(&name)].concat())
            .filter(|arn| !ours.iter().any(|file| file.arn == *arn))
            .collect();
        let read = arns.into_iter().map(|arn| async move {
            let content = read_stored(self.aws, &arn).await;
            (arn, content)
        });
        join_all(read).await.into_iter().collect()
    }
}

/// Reads an env file that a task definition names.
pub async fn read_stored(aws: &Aws, arn: &str) -> Content {
    let Some(key) = parse_arn(arn) else { return Content::Unread("it is no S3 ARN".to_owned()) };
    match aws.get_object(&key.bucket, &key.key).await {
        Ok(bytes) => match landfall_envfile::read_stored(&bytes) {
            Some(variables) => Content::Read { label: arn.to_owned(), variables },
            None => Content::Unread("it is not UTF-8".to_owned()),
        },
        Err(error) => Content::Unread(error.to_string()),
    }
}

/// Uploads the env files that are not there yet, side by side.
///
/// # Errors
/// [`ErrorKind::Aws`]; [`ErrorKind::Preflight`] where the bucket does not exist.
pub async fn upload_env_files(
    prepared: &Prepared,
    store: Option<&EnvStore>,
    aws: &Aws,
    events: &Emitter,
) -> Result<()> {
    try_join_all(prepared.env_files_to_upload().map(|file| async move {
        let outcome = upload_env_file(file, store, &prepared.account, aws).await?;
        events.emit(stored(file, outcome));
        Ok::<(), Error>(())
    }))
    .await?;
    Ok(())
}

/// Uploads an env file unless it is there. `account` must own the bucket.
///
/// # Errors
/// As [`upload_env_files`].
pub async fn upload_env_file(
    file: &EnvFileFacts,
    store: Option<&EnvStore>,
    account: &str,
    aws: &Aws,
) -> Result<Transfer> {
    if file.present { Ok(Transfer::Exists) } else { put(file, store, account, aws).await }
}

async fn put(file: &EnvFileFacts, store: Option<&EnvStore>, account: &str, aws: &Aws) -> Result<Transfer> {
    let object = NewObject {
        bucket: &file.key.bucket,
        key: &file.key.key,
        owner: account,
        encryption: store.and_then(|store| store.encryption.as_ref()),
        content: file.content.bytes(),
    };
    Ok(match aws.put_object_once(object).await? {
        PutOutcome::Written => Transfer::Uploaded,
        PutOutcome::AlreadyThere => Transfer::Exists,
    })
}

/// Looks again at the env files that were there when the plan was made, and stores again what is not: `landfall
/// prune` may have run in between, to which a file that no revision named yet was of no use. From the registration
/// of the revision on it is.
///
/// # Errors
/// As [`upload_env_file`].
pub async fn keep_env_files(
    prepared: &Prepared,
    store: Option<&EnvStore>,
    aws: &Aws,
    events: &Emitter,
) -> Result<()> {
    let were_there = prepared.snapshot.env_files.iter().filter(|file| file.present);
    try_join_all(were_there.map(|file| async move {
        if aws.object_exists(&file.key.bucket, &file.key.key, &prepared.account).await? {
            return Ok(());
        }
        let outcome = put(file, store, &prepared.account, aws).await?;
        events.emit(stored(file, outcome));
        Ok::<(), Error>(())
    }))
    .await?;
    Ok(())
}
