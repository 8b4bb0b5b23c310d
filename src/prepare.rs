//! Everything that a deployment reads and sends before a service is touched: opening images and env
//! files, looking at AWS and the registry; then pushing and uploading.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};

use crate::aws::{Aws, LiveService};
use crate::config::{Config, ImageConfig, PushConfig, ServiceConfig, TaskDefinitionSource};
use crate::emit::Emitter;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Transfer};
use crate::image::{Destination, OpenImage, Progress, Reference, Registries, push, settle, survey};
use crate::logins::Workbench;
use crate::lookup::{Account, Expressions};
use crate::plan::{EnvFileFacts, ImageFacts, Prices, Snapshot, TargetGroupTimes, check_platform};
use crate::service_definition::ServiceDefinition;
use crate::targets::{Target, create_missing, look, open_options};
use crate::task_definition::{Loaded, TaskDefinition};

mod definition;
mod env_files;

pub(crate) use definition::definition_file;
use definition::named_revision;

use env_files::{EnvFiles, read_env_files};
pub use env_files::{
    gather_env_files, keep_env_files, read_stored, stored, upload_env_file, upload_env_files,
};

/// How long the times of target groups are waited for.
const FORECAST_LIMIT: Duration = Duration::from_secs(3);

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
        let from_file = definition_file(service, &config.expressions, &Account::of(aws)).await?;
        let from_file = match (from_file, service.task_definition.path()) {
            (Some(loaded), Some(path)) => Some(told(path, loaded, events)),
            (loaded, _) => loaded.map(|loaded| loaded.content),
        };
        let service_definition = match &service.service_definition {
            Some(path) => {
                Some(service_definition(service, path, &config.expressions, &Account::of(aws), events).await?)
            }
            None => None,
        };
        let service_definition = match service_definition {
            None if service.attributes.is_empty() => None,
            file => Some(file.unwrap_or_default().with(&service.attributes)),
        };
        let prices = match &config.prices {
            Some(path) => Prices::from_file(path)?,
            None => Prices::built_in()?,
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
        let (LiveState { live, live_definition, base, latest, target_groups }, account) =
            tokio::try_join!(live, account)?;
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
        let mut image_calls = Vec::new();
        for (fact, opened) in images {
            if let Some((_, targets)) = opened.as_ref().filter(|_| fact.ours && !fact.present) {
                image_calls.extend(targets.iter().flat_map(push_calls));
            }
            if let Some(opened) = opened {
                open.insert(fact.container.clone(), opened);
            }
            facts.push(fact);
        }
        let snapshot = Snapshot {
            live,
            live_definition,
            base,
            latest,
            images: facts,
            image_calls,
            env_files,
            base_is_live,
            service_definition,
            target_groups,
            region: aws.region.clone(),
            prices,
            stored,
        };
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

/// What a plan starts from.
struct LiveState {
    live: LiveService,
    live_definition: TaskDefinition,
    /// The base of the new revision.
    base: TaskDefinition,
    /// The newest revision of its family.
    latest: Option<(String, TaskDefinition)>,
    target_groups: Vec<TargetGroupTimes>,
}

/// What a plan calls the push to a target.
fn push_calls(target: &Target) -> impl Iterator<Item = String> + use<> {
    let create = target.create.is_some().then_some("ecr:CreateRepository");
    let push = if target.destination.repository.is_ecr().is_some() { "ecr push" } else { "registry push" };
    create.into_iter().chain([push]).map(str::to_owned)
}

/// What is in a file, once it is told what AWS may not take of it.
fn told<T>(path: &Path, loaded: Loaded<T>, events: &Emitter) -> T {
    for remark in loaded.remarks {
        let hint =
            "Check the spelling. It is sent as it stands: AWS may know more than this version of Landfall.";
        events.warn(format!("{}:{remark}", path.display()), Some(hint));
    }
    loaded.content
}

/// The file with the service's attributes, which must be of this service.
async fn service_definition(
    service: &ServiceConfig,
    path: &Path,
    expressions: &Expressions,
    account: &Account,
    events: &Emitter,
) -> Result<ServiceDefinition> {
    let loaded = ServiceDefinition::from_file(path, expressions, account).await?;
    let definition = told(path, loaded, events);
    let name = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
    match &definition.name {
        Some(other) if name(other) != name(&service.service) => Err(Error::usage(format!(
            "{}: it is of the service {}, and {} deploys {}",
            path.display(),
            name(other),
            service.name,
            name(&service.service)
        ))
        .hint("Correct `service_definition` or `service`, or remove the name from the file.")),
        _ => Ok(definition),
    }
}

/// The times of target groups, for the forecast alone: a missing permission or a slow answer keeps nothing from being
/// planned.
async fn target_group_times(aws: &Aws, live: &LiveService) -> Vec<TargetGroupTimes> {
    let arns: Vec<String> = live.target_groups.iter().map(|group| group.arn.clone()).collect();
    if arns.is_empty() {
        return Vec::new();
    }
    let delays = join_all(arns.iter().map(|arn| aws.deregistration_delay(arn)));
    let asked = async { tokio::join!(aws.target_group_settings(&arns), delays) };
    let Ok((Ok(settings), delays)) = tokio::time::timeout(FORECAST_LIMIT, asked).await else {
        return Vec::new();
    };
    let delays: HashMap<&String, Option<u64>> =
        arns.iter().zip(delays.iter().map(|delay| delay.get().copied().map(u64::from))).collect();
    let times = settings.iter().map(|(arn, check)| TargetGroupTimes {
        interval: u64::from(check.interval),
        healthy_threshold: u64::from(check.healthy_threshold),
        deregistration_delay: delays.get(arn).copied().flatten(),
    });
    times.collect()
}

/// The service, the revision it runs, the base of the new one, and the newest of its family.
async fn live_state(
    config: &Config,
    service: &ServiceConfig,
    aws: &Aws,
    from_file: Option<TaskDefinition>,
) -> Result<LiveState> {
    let missing = || {
        let error = aws.no_service(&config.cluster, &service.service);
        error.hint("Check the service's name, the cluster, the Region and the account; Landfall does not create services yet.")
    };
    let family = from_file.as_ref().map(|definition| definition.family().to_owned());
    let newest_of = |family: String| async move { aws.describe_task_definition(&family).await };
    let live = async {
        let live = aws.describe_whole_service(&config.cluster, &service.service).await?;
        let live = live.ok_or_else(missing)?;
        let described = aws.describe_task_definition(&live.task_definition);
        let (described, groups) = tokio::join!(described, target_group_times(aws, &live));
        let (_, definition) = described?.ok_or_else(|| {
            Error::new(
                ErrorKind::Preflight,
                format!(
                    "the task definition {} of service {} cannot be found",
                    live.task_definition, live.name
                ),
            )
        })?;
        Ok::<_, Error>((live, definition, groups))
    };
    // With a file the family is known beforehand, so that the two look-ups overlap.
    let (live, live_definition, target_groups, base, latest) = match from_file {
        Some(base) => {
            let family = family.unwrap_or_default();
            let ((live, definition, groups), latest) = tokio::try_join!(live, newest_of(family))?;
            (live, definition, groups, base, latest)
        }
        None if matches!(service.task_definition, TaskDefinitionSource::Revision(_)) => {
            let named = named_revision(&service.task_definition, aws);
            let ((live, definition, groups), named) = tokio::try_join!(live, named)?;
            // Where nothing is edited, that revision itself is deployed, whichever is the newest of its family.
            let base = named.as_ref().map_or_else(|| definition.clone(), |(_, base)| base.clone());
            (live, definition, groups, base, named)
        }
        None => {
            let (live, definition, groups) = live.await?;
            let latest = newest_of(definition.family().to_owned()).await?;
            (live, definition.clone(), groups, definition, latest)
        }
    };
    Ok(LiveState { live, live_definition, base, latest, target_groups })
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
