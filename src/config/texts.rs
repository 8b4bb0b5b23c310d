//! The texts of a file in which expressions are replaced, and which of them a command needs.

use std::collections::BTreeSet;
use std::path::Path;

use indexmap::IndexMap;

use super::file::{ConfigFile, ContainerEntry, Scalar, ServiceEntry};
use super::given::Pending;
use super::push::ImageEntry;
use super::tfstate::StateEntry;
use crate::error::{Error, Result};
use crate::lookup::{Found, Lookup, Places, Reading, Values, substitute, wanted};

/// What of a file is needed, so that a command does not look up what it makes no use of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// All of it.
    Everything,
    /// The images of containers.
    Images,
    /// The env files of containers.
    EnvFiles,
    /// Which services there are, and how they are followed.
    Services,
}

/// What stands in the place of a lookup that is not needed.
const NOT_LOOKED_UP: &str = "not-looked-up";

impl ConfigFile {
    /// The lookups in what is needed of these services, by key; all of them where none is named.
    pub(super) fn wanted(&mut self, need: Need, only: &[String]) -> BTreeSet<Lookup> {
        let keys = self.container_names(only).flat_map(|name| wanted(name, Reading::Value));
        let mut all: BTreeSet<Lookup> = keys.collect();
        all.extend(self.needed(need, only).flat_map(|text| wanted(text, Reading::Value)));
        // Nothing can stand in for a number or a word, so that these are looked up in any case.
        let pending = self.pending();
        all.extend(
            pending.iter().filter_map(|one| one.expression()).flat_map(|text| wanted(text, Reading::Value)),
        );
        all
    }

    /// Every value that is no text and may be an expression.
    fn pending(&mut self) -> Vec<&mut dyn Pending> {
        let Self { env_policy, services, .. } = self;
        let mut all: Vec<&mut dyn Pending> = Vec::new();
        all.extend(env_policy.as_mut().map(|policy| policy as &mut dyn Pending));
        for entry in services.values_mut() {
            let ServiceEntry {
                desired_count,
                wait,
                max_failed_tasks,
                rollback,
                on_first_failure,
                on_interrupt,
                on_conflict,
                containers,
                ..
            } = entry;
            let own: [&mut dyn Pending; 6] =
                [desired_count, &mut wait.wait_for, rollback, on_first_failure, on_interrupt, on_conflict];
            all.extend(own);
            all.extend(max_failed_tasks.as_mut().map(|number| number as &mut dyn Pending));
            for ContainerEntry { image, env_file, .. } in containers.values_mut() {
                all.extend(image.iter_mut().flat_map(ImageEntry::pending));
                all.extend(env_file.pending());
            }
        }
        all
    }

    /// The keys of `containers`, which are names and may have expressions.
    fn container_names(&self, only: &[String]) -> impl Iterator<Item = &String> {
        let chosen = self.services.iter().filter(move |(key, _)| only.is_empty() || only.contains(key));
        chosen.flat_map(|(_, entry)| entry.containers.keys())
    }

    /// Adds what is not needed to what was found.
    pub(super) fn leave_out(&mut self, found: &mut Found) {
        for lookup in self.wanted(Need::Everything, &[]) {
            found.entry(lookup).or_insert_with(|| Ok(NOT_LOOKED_UP.to_owned()));
        }
    }

    /// Replaces every expression but those of the first texts.
    ///
    /// # Errors
    /// For the first that cannot be replaced, with `path:line:column`.
    pub(super) fn replace(&mut self, path: &Path, text: &str, values: Values<'_>) -> Result<()> {
        self.texts().try_for_each(|value| replace(value, path, text, values))?;
        self.pending().into_iter().try_for_each(|value| settle(value, path, text, values))?;
        for entry in self.services.values_mut() {
            let mut containers = IndexMap::with_capacity(entry.containers.len());
            for (mut name, container) in std::mem::take(&mut entry.containers) {
                replace(&mut name, path, text, values)?;
                if containers.contains_key(&name) {
                    return Err(Error::usage(format!(
                        "{}: the container {name} stands there twice",
                        path.display()
                    ))
                    .hint("Two keys of `containers` have become the same name; keep one of them."));
                }
                containers.insert(name, container);
            }
            entry.containers = containers;
        }
        Ok(())
    }

    /// The Terraform states and the Region, which decide where the rest is looked up.
    pub(super) fn first_texts(&mut self) -> impl Iterator<Item = &mut String> {
        let Self { region, tfstate, .. } = self;
        let states = tfstate.as_mut().map(StateEntry::texts);
        region.iter_mut().chain(states.into_iter().flatten())
    }

    /// Every text but the first ones in which expressions are replaced.
    fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        self.needed(Need::Everything, &[])
    }

    fn needed(&mut self, need: Need, only: &[String]) -> impl Iterator<Item = &mut String> {
        let Self { cluster, env_store, services, .. } = self;
        let everything = need == Need::Everything;
        let store = env_store.as_mut().filter(|_| everything).map(|store| store.texts());
        let cluster = cluster.as_mut().filter(|_| everything || need == Need::Services);
        let chosen = services.iter_mut().filter(move |(key, _)| only.is_empty() || only.contains(key));
        cluster
            .into_iter()
            .chain(store.into_iter().flatten())
            .chain(chosen.flat_map(move |(_, entry)| service_texts(entry, need)))
    }
}

/// Replaces the expressions of one text of a file.
///
/// # Errors
/// With `path:line:column`.
pub(super) fn replace(value: &mut String, path: &Path, text: &str, values: Values<'_>) -> Result<()> {
    *value = substitute(value, Reading::Value, values).map_err(|unresolved| {
        let place = Places::of_yaml(path, text).of(&unresolved.expression);
        unresolved.into_error(&place)
    })?;
    Ok(())
}

/// Replaces the expressions of a value that is no text.
///
/// # Errors
/// With `path:line:column`, also where they give what the key does not take.
fn settle(value: &mut dyn Pending, path: &Path, text: &str, values: Values<'_>) -> Result<()> {
    let Some(mut given) = value.expression().map(str::to_owned) else { return Ok(()) };
    let expression = given.clone();
    replace(&mut given, path, text, values)?;
    value.settle(&given).map_err(|wanted| {
        let (line, column) = value.place();
        // What it gives may be secret.
        Error::usage(format!("{}:{line}:{column}: what `{expression}` gives is not {wanted}", path.display()))
            .hint("See docs/configuration.md for what the key takes.")
    })
}

fn service_texts(entry: &mut ServiceEntry, need: Need) -> impl Iterator<Item = &mut String> {
    let ServiceEntry { service, task_definition, service_definition, wait, containers, probe, .. } = entry;
    let (all, followed) = (need == Need::Everything, matches!(need, Need::Everything | Need::Services));
    let definitions = [task_definition, service_definition].into_iter().flatten().filter(move |_| all);
    let service = service.as_mut().filter(|_| followed);
    let own = [&mut wait.timeout, &mut wait.stall_timeout].into_iter().flatten();
    let probe = probe.iter_mut().filter(move |_| followed).flat_map(|probe| probe.value.texts());
    let containers = containers.values_mut().flat_map(move |container| container_texts(container, need));
    service.into_iter().chain(definitions).chain(own).chain(probe).chain(containers)
}

fn container_texts(entry: &mut ContainerEntry, need: Need) -> impl Iterator<Item = &mut String> {
    let ContainerEntry { image, env_file, environment, secrets } = entry;
    let all = need == Need::Everything;
    let image = image.as_mut().filter(|_| all || need == Need::Images);
    let image = image.map(ImageEntry::texts).unwrap_or_default();
    let files = env_file.texts().filter(move |_| all || need == Need::EnvFiles);
    let environment = environment.values_mut().filter(move |_| all).map(Scalar::text_mut);
    let secrets = secrets.values_mut().filter(move |_| all);
    image.into_iter().chain(files).chain(environment).chain(secrets)
}
