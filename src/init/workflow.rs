//! A workflow of GitHub Actions that uses `aws-actions/amazon-ecs-render-task-definition` and
//! `aws-actions/amazon-ecs-deploy-task-definition`, as a configuration of Landfall.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::actions::{Scope, Texts};
use super::draft::{Draft, Drafted, Note};
use super::yaml::{CONFIG, Lines};
use crate::error::{Error, Result};
use crate::written::{Source, Step as Within};

const RENDER: &str = "aws-actions/amazon-ecs-render-task-definition";
const DEPLOY: &str = "aws-actions/amazon-ecs-deploy-task-definition";
const CREDENTIALS: &str = "aws-actions/configure-aws-credentials";

#[derive(Debug, Deserialize)]
struct Workflow {
    #[serde(default)]
    env: Option<IndexMap<String, Value>>,
    jobs: IndexMap<String, Job>,
}

#[derive(Debug, Deserialize)]
struct Job {
    // Where it is one expression, what it gives is not known.
    #[serde(default)]
    env: Value,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    uses: Option<String>,
    // `run: true` is a command, too.
    #[serde(default)]
    run: Value,
    #[serde(default)]
    env: Value,
    #[serde(default, rename = "with")]
    inputs: Option<IndexMap<String, Value>>,
}

impl Step {
    fn input(&self, name: &str) -> Option<&Value> {
        self.inputs.as_ref()?.get(name)
    }
}

/// One container that a workflow renders.
#[derive(Debug)]
struct Container {
    name: String,
    image: Option<String>,
    environment: Vec<(String, String)>,
    secrets: Vec<(String, String)>,
}

/// One service that a workflow deploys.
#[derive(Debug)]
struct Service {
    region: Option<String>,
    cluster: String,
    service: String,
    task_definition: Option<String>,
    containers: Vec<Container>,
    waits: bool,
    minutes: Option<String>,
}

/// Converts a workflow. What is not converted is in the notes, with its line.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where it is no workflow, or deploys no service by the official
/// action.
pub fn from_workflow(path: &Path, text: &str) -> Result<Drafted> {
    let source = Source::yaml(path, text);
    let workflow: Workflow = source.read("A file with `jobs` is read as a workflow of GitHub Actions.")?;
    let mut found = Finder {
        source: &source,
        at: Vec::new(),
        notes: Vec::new(),
        services: Vec::new(),
        told: BTreeSet::new(),
    };
    for (name, job) in &workflow.jobs {
        let mut scope = Scope::new(workflow.env.as_ref(), &job.env);
        found.job(name, job, &mut scope);
    }
    let Finder { mut notes, services, .. } = found;
    if services.is_empty() {
        let what = match notes.is_empty() {
            true => "no step of it deploys a service by the official action".to_owned(),
            false => {
                let told: Vec<String> = notes
                    .iter()
                    .map(|note| format!("{}: {}", note.place.as_deref().unwrap_or_default(), note.text))
                    .collect();
                format!("no step of it deploys a service: {}", told.join("; "))
            }
        };
        return Err(Error::usage(format!("{}: {what}", path.display()))
            .hint(format!("A workflow is converted by its steps that use {DEPLOY}.")));
    }
    let text = configuration(&services, &mut notes);
    Ok(Drafted { files: vec![Draft { name: CONFIG.to_owned(), text }], notes })
}

struct Finder<'a> {
    source: &'a Source,
    /// The step that is looked at.
    at: Vec<Within>,
    notes: Vec<Note>,
    services: Vec<Service>,
    /// Variables that were told already.
    told: BTreeSet<String>,
}

/// What a render step makes: the file that it starts from, or another render step; and the container that it sets.
#[derive(Debug)]
struct Rendered {
    from: String,
    family: bool,
    container: Container,
}

impl Finder<'_> {
    fn note(&mut self, line: usize, text: impl Into<String>) {
        self.notes.push(Note::at(format!("{}:{line}", self.source.path().display()), text));
    }

    /// The line of what is in the step below these keys.
    fn line(&self, keys: &[&str]) -> usize {
        let keys = keys.iter().map(|key| Within::Key((*key).to_owned()));
        self.source.line(&self.at.iter().cloned().chain(keys).collect::<Vec<_>>())
    }

    fn job(&mut self, name: &str, job: &Job, scope: &mut Scope) {
        let mut region = None;
        let mut rendered: BTreeMap<String, Rendered> = BTreeMap::new();
        for (index, step) in job.steps.iter().enumerate() {
            let key = |key: &str| Within::Key(key.to_owned());
            self.at = vec![key("jobs"), key(name), key("steps"), Within::Index(index)];
            scope.enter(&step.env);
            if let (Some(id), Some(run)) = (&step.id, step.run.as_str()) {
                scope.outputs_of(id, run);
            }
            if let Some(run) = step.run.as_str() {
                scope.exports_of(run);
            }
            let action = step.uses.as_ref().map(|uses| uses.split('@').next().unwrap_or_default());
            let line = self.line(&["uses"]);
            match action {
                Some(CREDENTIALS) => region = self.text(step, "aws-region", scope).or(region),
                Some("aws-actions/amazon-ecr-login") => {
                    if let Some(id) = &step.id {
                        scope.registry(id);
                    }
                }
                Some(RENDER) => {
                    if let Some(one) = self.render(step, line, scope) {
                        rendered.insert(step.id.clone().unwrap_or_default(), one);
                    }
                }
                Some(DEPLOY) => self.deploy(step, line, name, &region, &mut rendered, scope),
                Some("docker/build-push-action") => {
                    if let (Some(id), Some(tags)) = (&step.id, self.text(step, "tags", scope)) {
                        let first = tags.split([',', '\n']).map(str::trim).find(|tag| !tag.is_empty());
                        scope.output(id, "imageid", first.unwrap_or_default());
                    }
                }
                _ => {}
            }
            scope.leave();
        }
    }

    /// An input of a step, with its expressions replaced by ours.
    fn text(&mut self, step: &Step, input: &str, scope: &Scope) -> Option<String> {
        let written = match step.input(input)? {
            Value::Null => return None,
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        if written.is_empty() {
            return None;
        }
        let Texts { text, unknown } = scope.convert(&written);
        for (expression, variable) in unknown {
            if !self.told.insert(variable.clone()) {
                continue;
            }
            self.note(
                self.line(&["with", input]),
                format!("`{input}`: {expression} is not known before the run: set {variable} in the step that calls landfall"),
            );
        }
        Some(text)
    }

    fn render(&mut self, step: &Step, line: usize, scope: &Scope) -> Option<Rendered> {
        let container = self.text(step, "container-name", scope);
        let image = self.text(step, "image", scope);
        let environment = self.pairs(step, "environment-variables", scope);
        let secrets = self.pairs(step, "secrets", scope);
        for input in [
            "env-files",
            "docker-labels",
            "log-configuration-log-driver",
            "log-configuration-options",
            "command",
        ] {
            if self.text(step, input, scope).is_some() {
                self.note(line, format!("`{input}` is not converted: write it into the task definition"));
            }
        }
        let by_family = ["task-definition-family", "task-definition-arn"]
            .iter()
            .find_map(|input| self.text(step, input, scope));
        // Which step it comes from, or which file it is, is found out where it is deployed.
        let from = step.input("task-definition").and_then(Value::as_str);
        let from = from.map(|from| from.trim().to_owned());
        let Some(name) = container else {
            self.note(line, "the step names no container: it is not converted");
            return None;
        };
        let family = by_family.is_some();
        let from = match (by_family, from) {
            (Some(_), _) => String::new(),
            (None, from) => from.unwrap_or_default(),
        };
        Some(Rendered { from, family, container: Container { name, image, environment, secrets } })
    }

    /// `NAME=VALUE` lines.
    fn pairs(&mut self, step: &Step, input: &str, scope: &Scope) -> Vec<(String, String)> {
        let Some(text) = self.text(step, input, scope) else { return Vec::new() };
        let line = self.line(&["with", input]);
        let mut pairs = Vec::new();
        for entry in text.lines().map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry.split_once('=') {
                Some((name, value)) if !name.trim().is_empty() => {
                    pairs.push((name.trim().to_owned(), value.trim().to_owned()));
                }
                // What stands there may be a value.
                _ => self.note(line, format!("`{input}` has a line without NAME=: it is not converted")),
            }
        }
        pairs
    }

    fn deploy(
        &mut self,
        step: &Step,
        line: usize,
        job: &str,
        region: &Option<String>,
        rendered: &mut BTreeMap<String, Rendered>,
        scope: &Scope,
    ) {
        let run_task = self.text(step, "run-task", scope).is_some_and(|value| value != "false");
        let service = self.text(step, "service", scope);
        let Some(service) = service else {
            let what = if run_task {
                "runs a task and updates no service: one-off tasks are not converted"
            } else {
                "registers a revision and updates no service: it is not converted"
            };
            self.note(line, format!("a step of job `{job}` {what}"));
            return;
        };
        if run_task {
            self.note(line, "`run-task` is not converted: one-off tasks belong to a later release");
        }
        for input in [
            "codedeploy-appspec",
            "codedeploy-application",
            "codedeploy-deployment-group",
            "desired-count",
            "force-new-deployment",
            "enable-ecs-managed-tags",
            "propagate-tags",
            "service-managed-ebs-volume",
        ] {
            if self.text(step, input, scope).is_some_and(|value| value != "false") {
                self.note(line, format!("`{input}` is not converted"));
            }
        }
        let cluster = self.text(step, "cluster", scope).unwrap_or_else(|| {
            // What the action takes where none is named.
            "default".to_owned()
        });
        let mut containers = Vec::new();
        let task_definition = self.base(step, line, rendered, scope, &mut containers);
        let waits =
            self.text(step, "wait-for-service-stability", scope).unwrap_or_else(|| "false".to_owned());
        let minutes = self.text(step, "wait-for-minutes", scope);
        let (here, there) = (&service, &cluster);
        if let Some(at) =
            self.services.iter().position(|other| other.service == *here && other.cluster == *there)
        {
            self.services.remove(at);
            self.note(
                line,
                format!("the service {service} is deployed more than once: only the last step is converted"),
            );
        }
        self.services.push(Service {
            region: region.clone(),
            cluster,
            service,
            task_definition,
            containers,
            // Waiting is what a deployment is for; only a plain `false` says otherwise.
            waits: waits != "false",
            minutes,
        });
    }

    /// The file that the task definition of a deployment starts from, and the containers that are rendered on the way.
    /// `None`: the revision that the service runs.
    fn base(
        &mut self,
        step: &Step,
        line: usize,
        rendered: &mut BTreeMap<String, Rendered>,
        scope: &Scope,
        containers: &mut Vec<Container>,
    ) -> Option<String> {
        let written = step.input("task-definition").and_then(Value::as_str);
        let mut reference = written.unwrap_or_default().trim().to_owned();
        while let Some(id) = Scope::output_of(&reference, "task-definition") {
            let Some(one) = rendered.remove(&id) else {
                self.note(
                    line,
                    format!("the task definition comes from a step `{id}` that is not converted: the revision that the service runs is taken"),
                );
                containers.reverse();
                return None;
            };
            containers.push(one.container);
            if one.family {
                self.note(line, "the newest revision of a family was rendered: the revision that the service runs is taken");
                containers.reverse();
                return None;
            }
            reference = one.from;
        }
        containers.reverse();
        if reference.is_empty() {
            return None;
        }
        let Texts { text, .. } = scope.convert(&reference);
        let file = text.trim_start_matches("./").trim_start_matches("${GITHUB_WORKSPACE}/").to_owned();
        if scope.is_made_by_a_step(&file) {
            self.note(
                line,
                format!(
                    "{file} is written by a step of the workflow: the revision that the service runs is taken"
                ),
            );
            return None;
        }
        Some(file)
    }
}

fn configuration(services: &[Service], notes: &mut Vec<Note>) -> String {
    let mut lines = Lines::default();
    lines.line(0, "version: 1");
    let first = &services[0];
    if let Some(region) = &first.region {
        lines.value(0, "region", region);
    }
    lines.value(0, "cluster", &first.cluster);
    lines.gap();
    lines.key(0, "services");
    let mut keys: Vec<String> = Vec::new();
    for service in services {
        if service.cluster != first.cluster || service.region != first.region {
            notes.push(Note::new(format!(
                "the service {} is in another cluster or Region than the first one: move it to a file of its own, with `cluster: {}`",
                service.service, service.cluster
            )));
        }
        // The key is a name and no expression.
        let plain = |text: &str| !text.contains('$');
        let base = if plain(&service.service) { service.service.clone() } else { "service".to_owned() };
        let mut key = base.clone();
        let mut number = 2;
        while keys.contains(&key) {
            key = format!("{base}-{number}");
            number += 1;
        }
        lines.key(1, &key);
        if key != service.service {
            lines.value(2, "service", &service.service);
        }
        if let Some(file) = &service.task_definition {
            lines.value(2, "task_definition", file);
        }
        let mut containers: IndexMap<&str, Vec<&Container>> = IndexMap::new();
        for container in &service.containers {
            containers.entry(&container.name).or_default().push(container);
        }
        write_containers(&mut lines, &containers);
        match (service.waits, &service.minutes) {
            (false, _) => {
                lines.key(2, "wait");
                lines.value(3, "for", "none");
            }
            (true, Some(minutes)) if minutes.parse::<u32>().is_ok() => {
                lines.key(2, "wait");
                lines.value(3, "timeout", &format!("{minutes}m"));
            }
            _ if service.task_definition.is_none() && containers.is_empty() => {
                lines.line(2, "rollback: on-failure");
            }
            _ => {}
        }
        keys.push(key);
    }
    lines.finish()
}

fn write_containers(lines: &mut Lines, containers: &IndexMap<&str, Vec<&Container>>) {
    let mut has_key = false;
    for (name, parts) in containers {
        if !has_key {
            lines.key(2, "containers");
            has_key = true;
        }
        lines.key(3, name);
        let mut empty = true;
        if let Some(image) = parts.iter().rev().find_map(|part| part.image.as_ref()) {
            lines.value(4, "image", image);
            empty = false;
        }
        for (key, pairs) in [
            ("environment", parts.iter().flat_map(|part| &part.environment).collect::<Vec<_>>()),
            ("secrets", parts.iter().flat_map(|part| &part.secrets).collect()),
        ] {
            // The last one that sets a name wins.
            let pairs: IndexMap<&String, &String> =
                pairs.into_iter().map(|(name, value)| (name, value)).collect();
            if !pairs.is_empty() {
                lines.key(4, key);
                pairs.iter().for_each(|(name, value)| lines.value(5, name, value));
                empty = false;
            }
        }
        if empty {
            lines.line(4, "environment: {}");
        }
    }
}
