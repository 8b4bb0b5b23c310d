//! Everything that a deployment reads and sends before a service is touched: opening images and env
//! files, looking at AWS and the registry; then pushing and uploading.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::{join_all, try_join_all};
use landfall_envfile::looks_like_credential;

use crate::aws::{Aws, NewObject, PutOutcome};
use crate::config::{Config, EnvStore, ImageConfig, PushConfig, ServiceConfig, TaskDefinitionSource};
use crate::emit::Emitter;
use crate::envfile::{self, Content, LocalEnvFile, StoreKey, check_bucket, parse_arn};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EnvFileReport, Event, Transfer};
use crate::image::{Destination, OpenImage, Progress, Reference, Registries, push, settle, survey};
use crate::logins::Workbench;
use crate::plan::{EnvFileFacts, ImageFacts, Snapshot, check_platform};
use crate::targets::{Target, create_missing, look, open_options};
use crate::task_definition::{TaskDefinition, from_file};

/// One service, ready to be planned and sent.
pub struct Prepared {
    /// What the plan is made from.
    pub snapshot: Snapshot,
    /// By container: the opened image and where it goes.
    images: HashMap<String, (OpenImage, Vec<Target>)>,
    /// The account that must own the bucket of the env files; empty where there are none.
    account: String,
}

impl Prepared {
    /// Opens what is local and looks at what is remote. Changes nothing.
    ///
    /// # Errors
    /// Any kind.
    pub async fn gather(
        config: &Config,
        service: &ServiceConfig,
        aws: &Aws,
        workbench: &Workbench,
        registries: &Registries,
        events: &Emitter,
    ) -> Result<Self> {
        // Local files first: what is wrong in them needs no network to be found.
        let from_file = match &service.task_definition {
            TaskDefinitionSource::File(path) => Some(from_file(path)?),
            TaskDefinitionSource::Live => None,
        };
        let files = read_env_files(config, service, events)?;
        let owner = config.env_store.as_ref().and_then(|store| store.owner.clone());
        let needs_account = !files.is_empty();
        let account = async {
            match owner {
                Some(owner) => Ok(owner),
                None if needs_account => aws.account().await,
                None => Ok(String::new()),
            }
        };
        let live = live_state(config, service, aws, from_file);
        let ((live, live_definition, base, latest), account) = tokio::try_join!(live, account)?;
        let partition = live.task_definition.split(':').nth(1).unwrap_or("aws").to_owned();

        let images = Images { base: &base, running: &live_definition, aws, workbench, registries, events };
        let images = &images;
        let containers = service.containers.iter().filter_map(|container| {
            let image = container.image.as_ref()?;
            let name = container.name.clone().map_or_else(|| base.only_container(), Ok);
            Some(async move { images.look_at(name?, image).await })
        });
        let images = try_join_all(containers);
        let base_is_live = service.task_definition == TaskDefinitionSource::Live;
        let looked_at = EnvFiles {
            config,
            service,
            base: Some(&base),
            partition: &partition,
            account: &account,
            aws,
            events,
        };
        let files = looked_at.look_at(files);
        let (images, env_files) = tokio::try_join!(images, files)?;
        let stored = looked_at.stored(&live_definition, &env_files).await;

        let mut facts = Vec::new();
        let mut open = HashMap::new();
        for (fact, opened) in images {
            if let Some(opened) = opened {
                open.insert(fact.container.clone(), opened);
            }
            facts.push(fact);
        }
        let snapshot =
            Snapshot { live, live_definition, base, latest, images: facts, env_files, base_is_live, stored };
        Ok(Self { snapshot, images: open, account })
    }

    /// The images that the registry does not have yet.
    pub fn images_to_push(&self) -> impl Iterator<Item = (&ImageFacts, &OpenImage, &[Target])> {
        self.snapshot.images.iter().filter(|facts| facts.ours && !facts.present).filter_map(|facts| {
            let (image, targets) = self.images.get(&facts.container)?;
            Some((facts, image, targets.as_slice()))
        })
    }

    /// The env files that the store does not have yet.
    pub fn env_files_to_upload(&self) -> impl Iterator<Item = &EnvFileFacts> {
        self.snapshot.env_files.iter().filter(|file| !file.present)
    }

    /// Tells which images and env files need not be sent.
    pub fn tell_what_is_there(&self, events: &Emitter) {
        for image in self.snapshot.images.iter().filter(|image| image.present) {
            events.emit(Event::ImagePushed {
                container: image.container.clone(),
                reference: image.target.with_digest(&image.digest),
                digest: image.digest.clone(),
                media_type: None,
                manifest_size: None,
                bytes_sent: 0,
                outcome: Transfer::Exists,
                duration_ms: 0,
            });
        }
        for file in self.snapshot.env_files.iter().filter(|file| file.present) {
            events.emit(stored(file, Transfer::Exists));
        }
    }
}

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

type LiveState = (crate::aws::LiveService, TaskDefinition, TaskDefinition, Option<(String, TaskDefinition)>);

/// The service, the revision it runs, the base of the new one, and the newest of its family.
async fn live_state(
    config: &Config,
    service: &ServiceConfig,
    aws: &Aws,
    from_file: Option<TaskDefinition>,
) -> Result<LiveState> {
    let missing = || {
        Error::new(
            ErrorKind::Preflight,
            format!("there is no service {} in cluster {} ({})", service.service, config.cluster, aws.region),
        )
        .hint("Check the service's name, the cluster, the Region and the account; Landfall does not create services yet.")
    };
    let family = from_file.as_ref().map(|definition| definition.family().to_owned());
    let newest_of = |family: String| async move { aws.describe_task_definition(&family).await };
    let live = async {
        let live = aws.describe_service(&config.cluster, &service.service).await?.ok_or_else(missing)?;
        let (_, definition) =
            aws.describe_task_definition(&live.task_definition).await?.ok_or_else(|| {
                Error::new(
                    ErrorKind::Preflight,
                    format!(
                        "the task definition {} of service {} cannot be found",
                        live.task_definition, live.name
                    ),
                )
            })?;
        Ok::<_, Error>((live, definition))
    };
    // With a file the family is known beforehand, so that the two look-ups overlap.
    let (live, definition, base, latest) = match from_file {
        Some(base) => {
            let family = family.unwrap_or_default();
            let ((live, definition), latest) = tokio::try_join!(live, newest_of(family))?;
            (live, definition, base, latest)
        }
        None => {
            let (live, definition) = live.await?;
            let latest = newest_of(definition.family().to_owned()).await?;
            (live, definition.clone(), definition, latest)
        }
    };
    Ok((live, definition, base, latest))
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
    let mut base = match &service.task_definition {
        TaskDefinitionSource::File(path) => Some(from_file(path)?),
        TaskDefinitionSource::Live => None,
    };
    let files = read_env_files(config, service, events)?;
    let mut partition = partition_of(&aws.region).to_owned();
    if base.is_none() && files.iter().any(|(container, _)| container.is_none()) {
        let (live, definition, ..) = live_state(config, service, aws, None).await?;
        partition = live.task_definition.split(':').nth(1).unwrap_or("aws").to_owned();
        base = Some(definition);
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
fn read_env_files(
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
struct EnvFiles<'a> {
    config: &'a Config,
    service: &'a ServiceConfig,
    /// What the new revision is made from; `None` where the service is not asked.
    base: Option<&'a TaskDefinition>,
    partition: &'a str,
    account: &'a str,
    aws: &'a Aws,
    events: &'a Emitter,
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
    async fn look_at(&self, files: Vec<(Option<String>, LocalEnvFile)>) -> Result<Vec<EnvFileFacts>> {
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
    async fn stored(&self, live: &TaskDefinition, ours: &[EnvFileFacts]) -> HashMap<String, Content> {
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

/// What looking at images takes.
struct Images<'a> {
    /// What the new revision is made from.
    base: &'a TaskDefinition,
    /// What the service runs.
    running: &'a TaskDefinition,
    aws: &'a Aws,
    workbench: &'a Workbench,
    registries: &'a Registries,
    events: &'a Emitter,
}

impl Images<'_> {
    /// Facts about an image; and where it is to be pushed, the image and where it goes.
    async fn look_at(
        &self,
        container: String,
        image: &ImageConfig,
    ) -> Result<(ImageFacts, Option<(OpenImage, Vec<Target>)>)> {
        match image {
            ImageConfig::Existing(reference) => Ok((self.existing(container, reference).await?, None)),
            ImageConfig::Push(push) => {
                let (facts, image, targets) = self.to_push(container, push).await?;
                Ok((facts, Some((image, targets))))
            }
        }
    }

    async fn existing(&self, container: String, reference: &Reference) -> Result<ImageFacts> {
        let registry = (self.registries)(reference)?;
        let digest = registry.resolve(reference).await?.ok_or_else(|| {
            Error::new(ErrorKind::Preflight, format!("the image {reference} does not exist"))
                .hint("Push it first, or let Landfall push it: --from docker:NAME or oci:DIR.")
        })?;
        // What runs already needs no second look.
        let runs = self.running.image(&container) == Some(reference.with_digest(&digest).as_str());
        let variants = if runs { Vec::new() } else { survey(&registry, reference).await? };
        let target = reference.clone();
        Ok(ImageFacts { container, target, digest, ours: false, present: true, variants })
    }

    async fn to_push(
        &self,
        container: String,
        push: &PushConfig,
    ) -> Result<(ImageFacts, OpenImage, Vec<Target>)> {
        let options = open_options(push, self.workbench, self.registries);
        let (mut open, targets) = tokio::try_join!(
            crate::image::open(&push.from, &options),
            look(push, Some(self.aws), self.registries)
        )?;
        // Before the time that packing takes.
        check_platform(self.base, &container, open.variants())?;
        for note in open.notes() {
            self.events.warn(format!("{}: {note}", open.source()), None);
        }
        let Some(first) = targets.first() else {
            return Err(Error::internal("a push has no destination"));
        };
        let progress = Progress::new(self.events.clone(), &container);
        let digest = settle(&mut open, &first.destination, &progress).await?;
        let there = try_join_all(targets.iter().map(|target| target.destination.has(&digest))).await?;
        let facts = ImageFacts {
            container,
            target: push.target().clone(),
            ours: true,
            present: there.into_iter().all(|there| there),
            variants: open.variants().to_vec(),
            digest,
        };
        Ok((facts, open, targets))
    }
}

/// Pushes what [`Prepared::images_to_push`] lists, side by side.
///
/// # Errors
/// [`ErrorKind::Registry`]; [`ErrorKind::Preflight`] where the repository does not exist.
pub async fn push_images(prepared: &Prepared, aws: &Aws, events: &Emitter) -> Result<()> {
    try_join_all(prepared.images_to_push().map(|(facts, image, targets)| async move {
        create_missing(targets, Some(aws), events).await?;
        let destinations: Vec<Destination> =
            targets.iter().map(|target| target.destination.clone()).collect();
        push(image, &destinations, &Progress::new(events.clone(), &facts.container)).await
    }))
    .await?;
    Ok(())
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
    if file.present {
        return Ok(Transfer::Exists);
    }
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
