//! From a snapshot to a plan.

use std::collections::HashSet;

use landfall_envfile::FARGATE_FILES;

use super::details;
use super::snapshot::{EnvFileFacts, ImageFacts, Snapshot};
use crate::aws::LiveService;
use crate::config::{ContainerConfig, ServiceConfig};
use crate::envfile::{Content, Sources, compare};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Change, ContainerVariables, Difference, PlanDetails};
use crate::image::Variant;
use crate::rollout::{Deployment, bounds, is_blocked};
use crate::secret::Secret;
use crate::service_definition::{ServiceUpdate, overlaid, service_update};
use crate::task_definition::{EnvFileSlot, TaskDefinition, differences};
use crate::wording;

const GIB: u64 = 1024 * 1024 * 1024;

/// What a run will do for one service.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The new revision's document.
    pub definition: TaskDefinition,
    /// Where the revision comes from.
    pub revision: Revision,
    /// What happens to the service.
    pub action: Action,
    /// The attributes of the service that change in the same call.
    pub attributes: ServiceUpdate,
    /// The service as it will be, as far as that is known beforehand.
    pub after: LiveService,
    /// For people; empty when there is nothing to do.
    pub changes: Vec<Change>,
    /// What the containers of the configuration will have as environment.
    pub variables: Vec<ContainerVariables>,
    /// Differences, arithmetic, cost, calls.
    pub details: PlanDetails,
}

/// Where the revision comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// It exists: its ARN.
    Existing(String),
    /// It is to be registered.
    Register,
}

/// What happens to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It runs the wanted revision and is steady.
    Nothing,
    /// A deployment of the wanted revision is already under way (an earlier run was interrupted):
    /// its id.
    Follow(String),
    /// One `UpdateService`.
    Update,
    /// One `UpdateService` that forces a new deployment: the wanted revision is set already, but ECS has
    /// failed its deployment, or a new one is asked for; the same revision alone starts nothing (facts 3.4).
    Redeploy,
    /// One `UpdateService` of attributes that start no deployment: there is no rollout to follow.
    Adjust,
}

/// Decides what a run does for one service.
///
/// # Errors
/// [`ErrorKind::Preflight`] where the service or the image cannot be deployed, [`ErrorKind::Usage`]
/// where the configuration names a container that is not there.
pub fn plan(config: &ServiceConfig, snapshot: &Snapshot) -> Result<Plan> {
    let plan = draft(config, snapshot)?;
    check_service(&plan.after)?;
    for image in &snapshot.images {
        check_platform(&plan.definition, &image.container, &image.variants)?;
    }
    check_env_files(&plan.definition)?;
    check_storage(&plan.definition, &snapshot.images)?;
    check_network_mode(&snapshot.live, &plan.definition)?;
    Ok(plan)
}

/// The same for a run that only looks: what [`plan`] refuses is left to the checks, which tell all of it at once.
///
/// # Errors
/// [`ErrorKind::Usage`] where the configuration names a container that is not there.
pub fn draft(config: &ServiceConfig, snapshot: &Snapshot) -> Result<Plan> {
    let attributes = match &snapshot.service_definition {
        Some(file) => service_update(file, &snapshot.live.document, config.desired_count_from_file)?,
        None => ServiceUpdate::default(),
    };
    let after = snapshot.live.becoming(overlaid(&snapshot.live.document, &attributes));
    let mut definition = snapshot.base.clone();
    for container in &config.containers {
        edit(&mut definition, container, snapshot)?;
    }

    let live_arn = &snapshot.live.task_definition;
    let different = differences(&snapshot.live_definition, &definition);
    let revision = if different.is_empty() {
        Revision::Existing(live_arn.clone())
    } else {
        match &snapshot.latest {
            Some((arn, latest)) if differences(latest, &definition).is_empty() => {
                Revision::Existing(arn.clone())
            }
            _ => Revision::Register,
        }
    };
    let action = if different.is_empty() { action_for_same(&snapshot.live) } else { Action::Update };
    let action = match action {
        Action::Nothing if attributes.changes.is_empty() => Action::Nothing,
        Action::Nothing if !attributes.starts_deployment() => Action::Adjust,
        // What is under way is followed also after a call that starts nothing: its PRIMARY is the same.
        Action::Nothing | Action::Follow(_) if !attributes.changes.is_empty() => Action::Update,
        action => action,
    };
    // An update of the revision starts one by itself.
    let action = match config.force_new_deployment && different.is_empty() {
        true => Action::Redeploy,
        false => action,
    };
    let changes = changes(snapshot, &revision, &action, &different, &attributes);
    let variables = variables(config, snapshot, &definition);
    let details = PlanDetails::default();
    let mut plan = Plan { definition, revision, action, attributes, after, changes, variables, details };
    plan.details = details::details(snapshot, &plan, different, &plan.after);
    Ok(plan)
}

/// The service already names the wanted revision: is it steady, or still on its way?
fn action_for_same(live: &LiveService) -> Action {
    let primary = live.service.deployments.iter().find(|deployment| deployment.status == "PRIMARY");
    match primary {
        Some(primary) if primary.is_in("IN_PROGRESS") => Action::Follow(primary.id.clone()),
        Some(primary) if primary.is_in("FAILED") => Action::Redeploy,
        // By early success criteria ECS says COMPLETED before every task is up (facts 3.10).
        Some(primary) if live.rules.early_success.is_some() && is_short(primary, live) => {
            Action::Follow(primary.id.clone())
        }
        _ => Action::Nothing,
    }
}

/// Whether tasks of it are missing.
fn is_short(primary: &Deployment, live: &LiveService) -> bool {
    primary.running < live.service.desired_count || primary.pending > 0
}

fn edit(definition: &mut TaskDefinition, container: &ContainerConfig, snapshot: &Snapshot) -> Result<()> {
    let name = match &container.name {
        Some(name) => name.clone(),
        None => definition.only_container()?,
    };
    for image in snapshot.images.iter().filter(|image| image.container == name) {
        definition.set_image(&name, &image.target.with_digest(&image.digest))?;
    }
    set_env_files(definition, &name, snapshot)?;
    for (key, value) in &container.environment {
        definition.set_environment(&name, key, value)?;
    }
    for (key, value_from) in &container.secrets {
        definition.set_secret(&name, key, value_from)?;
    }
    Ok(())
}

/// Puts the container's env files into its definition, and their empty variables into `environment`: Fargate sets
/// none that is empty in a file (facts 2.2).
fn set_env_files(definition: &mut TaskDefinition, container: &str, snapshot: &Snapshot) -> Result<()> {
    let files: Vec<&EnvFileFacts> =
        snapshot.env_files.iter().filter(|file| file.container == container).collect();
    let Some(first) = files.first() else { return Ok(()) };
    let arns: Vec<&str> = files.iter().map(|file| file.arn.as_str()).collect();
    let earlier = definition.env_files(container);
    definition.set_env_files(container, EnvFileSlot { arns: &arns, prefix: &first.arn_prefix })?;
    // The first file that has a name wins (facts 2.3), so that an empty value further down counts for nothing.
    let mut seen = HashSet::new();
    let mut empty = Vec::new();
    for variable in files.iter().flat_map(|file| file.content.variables()) {
        if seen.insert(variable.name.as_str()) && variable.value.expose().is_empty() {
            empty.push(variable.name.as_str());
        }
    }
    if snapshot.base_is_live {
        // What an earlier run has moved there, and what would hide a value of these files.
        let moved = earlier
            .iter()
            .filter(|arn| arn.starts_with(&first.arn_prefix))
            .filter_map(|arn| snapshot.stored.get(arn))
            .flat_map(|content| match content {
                Content::Read { variables, .. } => variables.as_slice(),
                Content::Unread(_) => &[],
            })
            .filter(|variable| variable.value.expose().is_empty())
            .map(|variable| variable.name.as_str());
        for name in moved.chain(seen.iter().copied()) {
            definition.remove_empty(container, name)?;
        }
    }
    for name in empty {
        if !definition.sets(container, name) {
            definition.set_environment(container, name, &Secret::new(""))?;
        }
    }
    Ok(())
}

/// Facts 2.1: the guide counts them for the task definition.
fn check_env_files(definition: &TaskDefinition) -> Result<()> {
    let names = definition.container_names();
    let count: usize = names.iter().map(|name| definition.env_files(name).len()).sum();
    if count <= FARGATE_FILES {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Preflight,
        format!("the task definition would name {count} env files, and ECS takes {FARGATE_FILES} [env-too-many-files]"),
    )
    .hint("Join some of them into one file."))
}

/// What each container of the configuration will have as environment, beside what it has now.
fn variables(
    config: &ServiceConfig,
    snapshot: &Snapshot,
    definition: &TaskDefinition,
) -> Vec<ContainerVariables> {
    let content = |arn: &str| {
        let ours = snapshot.env_files.iter().find(|file| file.arn == arn);
        match ours {
            Some(file) => {
                Some(Content::Read { label: file.file.clone(), variables: file.content.variables().to_vec() })
            }
            None => snapshot.stored.get(arn).cloned(),
        }
    };
    let only = definition.only_container().ok();
    let names =
        config.containers.iter().filter_map(|container| container.name.clone().or_else(|| only.clone()));
    names
        .filter_map(|name| {
            let after = Sources::of(definition.container(&name)?, content);
            let before = snapshot.live_definition.container(&name);
            let before = before.map(|container| Sources::of(container, content)).unwrap_or_default();
            let compared = compare(&name, &before, &after);
            (!compared.variables.is_empty() || !compared.unread.is_empty()).then_some(compared)
        })
        .collect()
}

/// Whether it is a service that can be deployed at all.
///
/// # Errors
/// [`ErrorKind::Preflight`].
pub(crate) fn check_service(live: &LiveService) -> Result<()> {
    let refuse = |message: String, hint: &str| Err(Error::new(ErrorKind::Preflight, message).hint(hint));
    if live.service.status != "ACTIVE" {
        return refuse(
            format!("the service {} is {}", live.name, live.service.status),
            "Only an ACTIVE service can be deployed; create it again or correct the name.",
        );
    }
    if live.controller != "ECS" {
        return refuse(
            format!("the service {} is under {} control", live.name, live.controller),
            "Landfall deploys services whose deployment controller is ECS: nothing was changed. Deploy this one by CodeDeploy or the controller that owns it, or move it to the ECS controller with a BLUE_GREEN, LINEAR or CANARY strategy.",
        );
    }
    if live.is_native() {
        // Both revisions run in full beside each other, whatever the percentages are.
        return Ok(());
    }
    if live.strategy != "ROLLING" {
        return refuse(
            format!("the service {} uses the {} strategy", live.name, live.strategy),
            "Landfall follows ROLLING, BLUE_GREEN, LINEAR and CANARY deployments.",
        );
    }
    let (desired, minimum, maximum) =
        (live.service.desired_count, live.minimum_healthy_percent, live.rules.maximum_percent);
    if is_blocked(desired, minimum, maximum) {
        let (lower, upper) = bounds(desired, minimum, maximum);
        return refuse(
            format!(
                "the service {} can neither start nor stop a task: with {} wanted, minimumHealthyPercent {minimum} keeps {lower} and maximumPercent {maximum} allows {upper}",
                live.name,
                wording::tasks(desired)
            ),
            match live.rules.daemon {
                true => {
                    "Lower minimumHealthyPercent: a DAEMON service has one task on each instance, so that ECS has to stop one before it starts another."
                }
                false => "Raise maximumPercent (200 is the default) or lower minimumHealthyPercent.",
            },
        );
    }
    Ok(())
}

/// A task of network mode `none` has no port that a load balancer could reach.
fn check_network_mode(live: &LiveService, definition: &TaskDefinition) -> Result<()> {
    if live.target_groups.is_empty() || definition.network_mode() != "none" {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Preflight,
        format!("the service {} has a load balancer, and its tasks have network mode none", live.name),
    )
    .hint("Choose network mode awsvpc, bridge or host."))
}

/// Whether an image runs on what the task definition asks for.
///
/// # Errors
/// [`ErrorKind::Preflight`] where it has nothing for that platform.
pub fn check_platform(definition: &TaskDefinition, container: &str, variants: &[Variant]) -> Result<()> {
    let Some(wanted) = definition.platform() else { return Ok(()) };
    let fits = |variant: &Variant| variant.platform.is_empty() || variant.platform.starts_with(wanted);
    if variants.is_empty() || variants.iter().any(fits) {
        return Ok(());
    }
    let platforms: Vec<&str> = variants.iter().map(|variant| variant.platform.as_str()).collect();
    Err(Error::new(
        ErrorKind::Preflight,
        format!(
            "the image of container {} is for {}, but the task definition wants {wanted}: its tasks would end with `exec format error`",
            container,
            platforms.join(", ")
        ),
    )
    .hint(format!(
        "Build with `docker buildx build --platform {wanted}`, or set runtimePlatform.cpuArchitecture."
    )))
}

/// A task that pulls more than it has room for stops with `no space left on device` (facts 5.1, P8). The sizes
/// are what the layers need at least: compressed where nothing else is known.
pub(crate) fn check_storage(definition: &TaskDefinition, images: &[ImageFacts]) -> Result<()> {
    let (Some(wanted), Some(room)) = (definition.platform(), definition.ephemeral_storage_gib()) else {
        return Ok(());
    };
    let needed: u64 = images
        .iter()
        .filter_map(|image| image.variants.iter().find(|variant| variant.platform.starts_with(wanted)))
        .map(|variant| variant.size)
        .sum();
    if needed <= room.saturating_mul(GIB) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Preflight,
        format!(
            "the images of the task need at least {:.1} GiB, and its ephemeral storage has {room} GiB: its tasks would end with `no space left on device`",
            needed as f64 / GIB as f64
        ),
    )
    .hint("Make the image smaller, or set ephemeralStorage.sizeInGiB in the task definition (21 to 200 on Fargate)."))
}

fn changes(
    snapshot: &Snapshot,
    revision: &Revision,
    action: &Action,
    different: &[Difference],
    attributes: &ServiceUpdate,
) -> Vec<Change> {
    let mut changes = Vec::new();
    for image in &snapshot.images {
        let before = snapshot.live_definition.image(&image.container).map(str::to_owned);
        let after = image.target.with_digest(&image.digest);
        if image.ours && !image.present {
            changes.push(Change {
                subject: format!("image of {}", image.container),
                before,
                after: Some(format!("{after} (to be pushed)")),
            });
        } else if before.as_deref() != Some(after.as_str()) {
            let subject = format!("image of {}", image.container);
            changes.push(Change { subject, before, after: Some(after) });
        }
    }
    for (index, file) in snapshot.env_files.iter().enumerate() {
        let of_this_container = |other: &&EnvFileFacts| other.container == file.container;
        let place = snapshot.env_files[..index].iter().filter(of_this_container).count();
        let ours = snapshot.live_definition.env_files(&file.container);
        let before = ours.into_iter().filter(|arn| arn.starts_with(&file.arn_prefix)).nth(place);
        if before.as_deref() != Some(file.arn.as_str()) || !file.present {
            let note = if file.present { "" } else { " (to be uploaded)" };
            changes.push(Change {
                subject: format!("env file of {}", file.container),
                before,
                after: Some(format!("{}{note}", file.arn)),
            });
        }
    }
    if !different.is_empty() {
        changes.push(Change {
            subject: "task definition".to_owned(),
            before: Some(short(&snapshot.live.task_definition).to_owned()),
            after: Some(match revision {
                Revision::Existing(arn) => format!("{} (exists)", short(arn)),
                Revision::Register => "a new revision".to_owned(),
            }),
        });
    }
    if !attributes.changes.is_empty() {
        let names: Vec<&str> = attributes.set.keys().map(String::as_str).collect();
        let what = if attributes.starts_deployment() { "" } else { " (start no deployment)" };
        changes.push(Change {
            subject: "service attributes".to_owned(),
            before: None,
            after: Some(format!("{}{what}", names.join(", "))),
        });
    }
    match action {
        Action::Nothing | Action::Adjust => {}
        Action::Follow(id) => changes.push(Change {
            subject: format!("service {}", snapshot.live.name),
            before: None,
            after: Some(format!("follow {id}, which deploys this revision already")),
        }),
        Action::Redeploy => changes.push(Change {
            subject: format!("service {}", snapshot.live.name),
            before: Some(match action_for_same(&snapshot.live) {
                Action::Redeploy => {
                    format!("{}, whose deployment FAILED", short(&snapshot.live.task_definition))
                }
                _ => short(&snapshot.live.task_definition).to_owned(),
            }),
            after: Some("the same revision in a new deployment".to_owned()),
        }),
        Action::Update => changes.push(Change {
            subject: format!("service {}", snapshot.live.name),
            before: Some(short(&snapshot.live.task_definition).to_owned()),
            after: Some(match revision {
                Revision::Existing(arn) if different.is_empty() && *arn == snapshot.live.task_definition => {
                    "the same revision in a new deployment".to_owned()
                }
                Revision::Existing(arn) => short(arn).to_owned(),
                Revision::Register => "the new revision".to_owned(),
            }),
        }),
    }
    changes
}

/// `family:revision` of an ARN.
pub(crate) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
