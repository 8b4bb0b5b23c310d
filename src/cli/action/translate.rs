//! From the inputs of the action to what is asked for. Pure.
//!
//! A step deploys, or does what one of GitHub's official actions did in its place: renders a file (an image for a
//! container and no service), or registers one (a file and no service). What a kind of step does not know is refused
//! by name, never passed over.

use super::inputs::{Inputs, wrong};
use crate::commands::RenderBase;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::task_definition::Rendering;

/// What a step asks for.
#[derive(Debug)]
pub struct Request {
    /// What is to be done.
    pub mode: Mode,
    /// Flags that every command takes.
    pub globals: Vec<String>,
    /// What the step should be told about its inputs.
    pub notes: Vec<String>,
    /// Values that no log may show.
    pub masks: Vec<Secret>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Mode {
    /// `landfall deploy` with these arguments.
    Deploy(Vec<Secret>),
    /// A file with an image and more set in it.
    Render(Box<(RenderBase, Rendering)>),
    /// A new revision of a file, and no service.
    Register {
        /// The file.
        path: String,
        /// Keys whose empty values stay.
        keep: Vec<String>,
        /// Change nothing.
        dry_run: bool,
    },
}

/// Inputs that a step of any kind takes, and their flags.
const GLOBALS: &[(&str, &str)] = &[
    ("aws-region", "--region"),
    ("environment-url", "--environment-url"),
    ("github-deployment", "--github-deployment"),
    ("record", "--record"),
    ("report", "--report"),
    ("oidc-audience", "--oidc-audience"),
    ("role-duration", "--role-duration"),
    ("role-external-id", "--role-external-id"),
    ("role-session-name", "--role-session-name"),
    ("role-session-tags", "--role-session-tags"),
    ("role-to-assume", "--role-to-assume"),
];
/// Inputs of a deployment that are one value, whose flags are called alike.
const VALUES: &[&str] = &[
    "cluster",
    "compression",
    "config",
    "desired-count",
    "env-policy",
    "env-store",
    "from",
    "max-failed-tasks",
    "on-conflict",
    "on-first-failure",
    "on-interrupt",
    "prices",
    "probe-interval",
    "probe-url",
    "propagate-tags",
    "repository-encryption",
    "repository-tags",
    "rollback",
    "service",
    "stall-timeout",
];
/// Inputs of a deployment that are true or false, whose flags are called alike.
const FLAGS: &[&str] = &["create-repository", "dry-run", "force-new-deployment", "no-cache"];
/// Inputs that only a render step has.
const RENDER_ONLY: &[&str] = &[
    "command",
    "docker-labels",
    "env-files",
    "execution-role-arn",
    "log-configuration-log-driver",
    "log-configuration-options",
    "task-role-arn",
];
/// Inputs of a render step, beside those of any step.
const RENDER: &[&str] = &[
    "container",
    "container-name",
    "environment-variables",
    "image",
    "secrets",
    "task-definition",
    "task-definition-arn",
    "task-definition-family",
    "task-definition-revision",
];
/// Inputs of a deployment by the official action that mean nothing where only a revision is registered, as there.
const OFFICIAL_DEPLOY: &[&str] = &[
    "cluster",
    "desired-count",
    "enable-ecs-managed-tags",
    "force-new-deployment",
    "propagate-tags",
    "service-managed-ebs-volume",
    "service-managed-ebs-volume-name",
    "wait-for-minutes",
    "wait-for-service-stability",
];
/// The official action waits six hours at most.
const LONGEST_WAIT: u64 = 360;

/// What the inputs ask for. `has_config` is whether there is a `landfall.yml` where the step runs.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) naming the input that is wrong, missing or not supported. No
/// value is repeated.
pub fn translate(inputs: &Inputs, has_config: bool) -> Result<Request> {
    let mut notes = Vec::new();
    unsupported(inputs, &mut notes)?;
    let mut globals = Vec::new();
    for (name, flag) in GLOBALS {
        globals.extend(inputs.get(name).map(|value| format!("{flag}={value}")));
    }
    if inputs.flag("comment")? == Some(true) {
        globals.push("--comment".to_owned());
    }
    let environment: Vec<(String, Secret)> =
        inputs.pairs("environment-variables")?.into_iter().map(|(k, v)| (k, Secret::new(v))).collect();
    let masks = environment.iter().map(|(_, value)| value.clone()).collect();

    let names_service = inputs.any(&["service", "services", "config"]);
    let base = inputs.any(&["task-definition", "task-definition-arn", "task-definition-family"]);
    let edits = inputs.any(&["container-name", "container", "image"]) || inputs.any(RENDER_ONLY);
    let mode = match (names_service, base, edits) {
        (false, true, true) => render(inputs, environment)?,
        (false, true, false) => register(inputs, &mut notes)?,
        (false, false, _) if !has_config => {
            return Err(Error::usage("no input says what is to be deployed, and there is no landfall.yml here")
                .hint("Give `service` and `cluster`, or `config`; for a render step `task-definition`, `container-name` and `image`."));
        }
        _ => Mode::Deploy(deploy(inputs, &environment, has_config, &mut notes)?),
    };
    Ok(Request { mode, globals, notes, masks })
}

/// What Landfall does not do is refused, and what has no effect is told.
fn unsupported(inputs: &Inputs, notes: &mut Vec<String>) -> Result<()> {
    if let Some(name) = inputs.names().find(|name| name.starts_with("codedeploy-")) {
        return Err(wrong(name, "is not supported: Landfall deploys services that ECS itself deploys").hint(
            "Keep the official action for a service under CODE_DEPLOY control, or move the service to the ECS controller with a BLUE_GREEN strategy; for any other service remove the input.",
        ));
    }
    if inputs.flag("run-task")? == Some(true) {
        return Err(wrong("run-task", "is not supported yet: Landfall deploys services")
            .hint("Run the task in a step of its own, by the official action or `aws ecs run-task`, before this one."));
    }
    let tasks = inputs.names().filter(|name| {
        (name.starts_with("run-task-") || *name == "wait-for-task-stopped")
            && !inputs.get(name).is_some_and(|value| value.eq_ignore_ascii_case("false"))
    });
    notes.extend(tasks.map(|name| format!("the input `{name}` has no effect without `run-task: true`")));
    if inputs.get("max-retries").is_some() {
        notes.push(
            "the input `max-retries` has no effect: what can be tried again is, up to five times".to_owned(),
        );
    }
    if inputs.get("wait-max-delay-seconds").is_some() {
        notes.push(
            "the input `wait-max-delay-seconds` has no effect: the service is looked at each second"
                .to_owned(),
        );
    }
    Ok(())
}

/// Whether an input is dealt with in every kind of step.
fn is_general(name: &str) -> bool {
    GLOBALS.iter().any(|(known, _)| *known == name)
        || ["comment", "max-retries", "wait-max-delay-seconds", "wait-for-task-stopped"].contains(&name)
        || name.starts_with("run-task")
}

fn refuse_others(inputs: &Inputs, known: &[&[&str]], step: &str, hint: &str) -> Result<()> {
    let other = inputs.names().find(|name| !is_general(name) && !known.iter().any(|k| k.contains(name)));
    match other {
        Some(name) => Err(wrong(name, &format!("means nothing in a step that {step}")).hint(hint)),
        None => Ok(()),
    }
}

fn render(inputs: &Inputs, environment: Vec<(String, Secret)>) -> Result<Mode> {
    refuse_others(
        inputs,
        &[RENDER, RENDER_ONLY],
        "renders a task definition",
        "A step with a task definition and an image, and neither `service`, `services` nor `config`, renders: give one of those to deploy.",
    )?;
    let image = inputs.get("image").ok_or_else(|| {
        wrong("image", "is missing")
            .hint("A render step sets the image of a container, or deploy with `service`.")
    })?;
    let base = match (inputs.get("task-definition"), revision(inputs)?) {
        (Some(path), _) => RenderBase::File(path.into()),
        (None, Some(revision)) => RenderBase::Revision(revision),
        (None, None) => return Err(wrong("task-definition", "is missing")),
    };
    let text = |name: &str| inputs.get(name).map(str::to_owned);
    let name = if inputs.get("container-name").is_some() { "container-name" } else { "container" };
    let rendering = Rendering {
        containers: inputs.words(name).into_iter().map(str::to_owned).collect(),
        image: image.to_owned(),
        environment,
        secrets: inputs.pairs("secrets")?,
        env_files: inputs.lines("env-files").into_iter().map(str::to_owned).collect(),
        log_driver: text("log-configuration-log-driver"),
        log_options: inputs.pairs("log-configuration-options")?,
        docker_labels: inputs.pairs("docker-labels")?,
        command: command(inputs)?,
        task_role: text("task-role-arn"),
        execution_role: text("execution-role-arn"),
    };
    Ok(Mode::Render(Box::new((base, rendering))))
}

/// A JSON list of texts, or words between spaces.
fn command(inputs: &Inputs) -> Result<Vec<String>> {
    let Some(text) = inputs.get("command") else { return Ok(Vec::new()) };
    if !text.starts_with("[\"") {
        return Ok(text.split_whitespace().map(str::to_owned).collect());
    }
    serde_json::from_str(text).map_err(|_| {
        wrong("command", "is no JSON list of texts")
            .hint("Write [\"sh\", \"-c\", \"...\"], or words between spaces.")
    })
}

/// The revision that the inputs name, in place of a file.
fn revision(inputs: &Inputs) -> Result<Option<String>> {
    if let Some(arn) = inputs.get("task-definition-arn") {
        return Ok(Some(arn.to_owned()));
    }
    match (inputs.get("task-definition-family"), inputs.get("task-definition-revision")) {
        (Some(family), Some(number)) => Ok(Some(format!("{family}:{number}"))),
        (Some(family), None) => Ok(Some(family.to_owned())),
        (None, Some(_)) => Err(wrong("task-definition-revision", "needs `task-definition-family`")),
        (None, None) => Ok(None),
    }
}

fn keep(inputs: &Inputs) -> Vec<String> {
    inputs.words("keep-null-value-keys").into_iter().map(str::to_owned).collect()
}

fn register(inputs: &Inputs, notes: &mut Vec<String>) -> Result<Mode> {
    refuse_others(
        inputs,
        &[OFFICIAL_DEPLOY, &["task-definition", "task-definition-arn", "keep-null-value-keys", "dry-run"]],
        "registers a task definition and deploys nothing",
        "A step with `task-definition` and neither `service`, `services` nor `config` registers a revision: give one of those to deploy.",
    )?;
    let path = inputs.get("task-definition").ok_or_else(|| {
        Error::usage("the inputs name a revision that exists and no service: there is nothing to do")
            .hint("Give `service` and `cluster` to deploy it.")
    })?;
    let idle = OFFICIAL_DEPLOY.iter().filter(|name| inputs.get(name).is_some());
    let idle: Vec<String> = idle.map(|name| format!("`{name}`")).collect();
    if !idle.is_empty() {
        let have = if idle.len() == 1 { "has" } else { "have" };
        notes.push(format!(
            "no `service` is given: the revision is registered and nothing is deployed, and {} {have} no effect",
            idle.join(", ")
        ));
    }
    let dry_run = inputs.flag("dry-run")? == Some(true);
    Ok(Mode::Register { path: path.to_owned(), keep: keep(inputs), dry_run })
}

fn deploy(
    inputs: &Inputs,
    environment: &[(String, Secret)],
    has_config: bool,
    notes: &mut Vec<String>,
) -> Result<Vec<Secret>> {
    if let Some(name) = inputs.names().find(|name| RENDER_ONLY.contains(name)) {
        return Err(wrong(name, "is for a render step, and this one deploys").hint(
            "Write it into the task definition, or render in a step of its own (`task-definition`, `container-name`, `image` and this) and give its output `task-definition` to this step.",
        ));
    }
    let mut args: Vec<String> = Vec::new();
    for name in VALUES {
        args.extend(inputs.get(name).map(|value| format!("--{name}={value}")));
    }
    for name in FLAGS {
        if inputs.flag(name)? == Some(true) {
            args.push(format!("--{name}"));
        }
    }
    // The official action's default, where nothing else can say it.
    if inputs.get("cluster").is_none() && inputs.get("config").is_none() && !has_config {
        args.push("--cluster=default".to_owned());
    }
    let container = inputs.get("container").or(inputs.get("container-name"));
    args.extend(container.map(|name| format!("--container={name}")));
    args.extend(inputs.words("image").iter().map(|image| format!("--image={image}")));
    args.extend(inputs.lines("env-file").iter().map(|file| format!("--env-file={file}")));
    args.extend(inputs.words("skip-check").iter().map(|code| format!("--skip-check={code}")));
    args.extend(inputs.flag("enable-ecs-managed-tags")?.map(|on| format!("--enable-ecs-managed-tags={on}")));
    task_definition(inputs, &mut args)?;
    waiting(inputs, &mut args, notes)?;
    volume(inputs, &mut args)?;
    let mut args: Vec<Secret> = args.into_iter().map(Secret::new).collect();
    let set = environment.iter().map(|(name, value)| Secret::new(format!("--env={name}={}", value.expose())));
    args.extend(set);
    let from = inputs.pairs("secrets")?;
    args.extend(from.into_iter().map(|(name, from)| Secret::new(format!("--secret={name}={from}"))));
    let services = inputs.words("services");
    if !services.is_empty() {
        args.push(Secret::new("--"));
        args.extend(services.into_iter().map(Secret::new));
    }
    Ok(args)
}

fn task_definition(inputs: &Inputs, args: &mut Vec<String>) -> Result<()> {
    match (inputs.get("task-definition"), revision(inputs)?) {
        (Some(path), _) => {
            args.push(format!("--task-definition={path}"));
            args.push("--verbatim".to_owned());
            let keep = keep(inputs);
            if !keep.is_empty() {
                args.push(format!("--keep-null-value-keys={}", keep.join(",")));
            }
        }
        (None, Some(revision)) => args.push(format!("--task-definition-arn={revision}")),
        (None, None) => {}
    }
    Ok(())
}

/// `wait-for` and `timeout`, and what the official action calls them.
fn waiting(inputs: &Inputs, args: &mut Vec<String>, notes: &mut Vec<String>) -> Result<()> {
    let stability = inputs.flag("wait-for-service-stability")?;
    let wait = match (inputs.get("wait-for"), stability) {
        (Some(wait), _) => Some(wait),
        (None, Some(true)) => Some("steady"),
        (None, Some(false)) => Some("none"),
        (None, None) => None,
    };
    args.extend(wait.map(|wait| format!("--wait-for={wait}")));
    let minutes = match inputs.get("wait-for-minutes") {
        None => None,
        Some(text) => {
            let minutes = text.parse::<u64>().ok().filter(|minutes| *minutes > 0);
            let minutes = minutes.ok_or_else(|| {
                wrong("wait-for-minutes", "is no number of minutes").hint("Write `wait-for-minutes: 30`.")
            })?;
            if minutes > LONGEST_WAIT {
                notes.push(format!(
                    "the input `wait-for-minutes` is {LONGEST_WAIT} at most; `timeout` has no such limit"
                ));
            }
            Some(format!("{}m", minutes.min(LONGEST_WAIT)))
        }
    };
    let timeout = inputs.get("timeout").map(str::to_owned).or(minutes);
    args.extend(timeout.map(|timeout| format!("--timeout={timeout}")));
    Ok(())
}

fn volume(inputs: &Inputs, args: &mut Vec<String>) -> Result<()> {
    let (name, settings) = ("service-managed-ebs-volume-name", "service-managed-ebs-volume");
    match (inputs.get(name), inputs.get(settings)) {
        (Some(name), Some(settings)) => {
            args.push(format!("--managed-ebs-volume={name}={settings}"));
            Ok(())
        }
        (None, Some(_)) => Err(wrong(settings, &format!("needs `{name}`"))),
        (Some(_), None) => Err(wrong(name, &format!("needs `{settings}`"))),
        (None, None) => Ok(()),
    }
}
