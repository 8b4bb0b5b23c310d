//! Events in words: what the line reporters and the summary say of one thing.

use super::line::Line;
use super::style::{Style, Tone};
use super::text::{bytes, count, duration, revision, short_task, shorten_arns, shorten_digests};
use crate::event::{
    Change, DeploymentState, EnvFileReport, Event, Finding, Record, Role, RollbackBy, RunStarted, Step,
    Stopped, TargetState, TaskState, Transfer, Verdict,
};

/// Blobs below this size come and go too fast to be worth a line or a row.
pub(super) const LARGE_BLOB: u64 = 1_000_000;

pub(crate) fn step_name(step: Step) -> &'static str {
    match step {
        Step::Plan => "plan",
        Step::PushImage => "push image",
        Step::UploadEnvFiles => "upload env files",
        Step::RegisterTaskDefinition => "register revision",
        Step::UpdateService => "update service",
        Step::Watch => "watch rollout",
        Step::Rollback => "roll back",
    }
}

pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Followed => "new",
        Role::Old => "old",
        Role::Newer => "newer",
    }
}

pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unchanged => "unchanged",
        Verdict::Planned => "planned",
        Verdict::Succeeded => "succeeded",
        Verdict::Superseded => "superseded",
        Verdict::Interrupted => "interrupted",
        Verdict::TimedOut => "timed out",
        Verdict::RolledBack => "failed and rolled back",
        Verdict::Failed => "failed",
    }
}

pub(super) fn verdict_tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Unchanged | Verdict::Planned | Verdict::Succeeded => Tone::Good,
        Verdict::Superseded | Verdict::Interrupted | Verdict::TimedOut => Tone::Warn,
        Verdict::RolledBack | Verdict::Failed => Tone::Bad,
    }
}

pub(super) fn by_name(by: RollbackBy) -> &'static str {
    match by {
        RollbackBy::Landfall => "Landfall",
        RollbackBy::Ecs => "ECS",
    }
}

/// What the run is, in one line.
pub(super) fn run_started(run: &RunStarted) -> String {
    let mut text = run_in_place(run);
    if let Some(scenario) = &run.sandbox {
        text.push_str(&format!(" (sandbox, not AWS: {scenario})"));
    }
    text
}

/// As [`run_started`], without the sandbox that it may be in.
pub(super) fn run_in_place(run: &RunStarted) -> String {
    let mut text = run.command.clone();
    if !run.services.is_empty() {
        text.push_str(&format!(" {}", run.services.join(", ")));
    }
    if !run.cluster.is_empty() {
        text.push_str(&format!(" on cluster {} in {}", run.cluster, run.region));
    }
    if run.dry_run && run.command == "deploy" {
        text.push_str(" (dry run)");
    }
    text
}

/// `image of web: sha256:aaaaaaaaaaaa -> sha256:bbbbbbbbbbbb`
pub(super) fn change(change: &Change, style: Style) -> Line {
    let short = |value: &Option<String>| value.as_deref().map(shorten_digests);
    let line = Line::new().text(&change.subject).text(": ");
    match (short(&change.before), short(&change.after)) {
        (Some(before), Some(after)) => {
            let (before, after) = without_common_repository(&before, &after);
            line.tone(Tone::Dim, before).text(&format!(" {} ", style.arrow())).tone(Tone::Good, after)
        }
        (None, Some(after)) => line.tone(Tone::Good, &after),
        (Some(before), None) => line.tone(Tone::Dim, &before).tone(Tone::Warn, " (removed)"),
        (None, None) => line.text("changed"),
    }
}

/// A change with names in place of ARNs.
pub(super) fn with_short_names(change: &Change) -> Change {
    let short = |value: &Option<String>| value.as_deref().map(shorten_arns);
    Change { subject: change.subject.clone(), before: short(&change.before), after: short(&change.after) }
}

/// Two digests of one repository are told by the digests alone.
fn without_common_repository<'a>(before: &'a str, after: &'a str) -> (&'a str, &'a str) {
    match (before.split_once('@'), after.split_once('@')) {
        (Some((from, before)), Some((to, after))) if from == to => (before, after),
        _ => (before, after),
    }
}

pub(super) fn env_file(file: &EnvFileReport) -> String {
    let stored = match file.outcome {
        Transfer::Exists => "unchanged",
        Transfer::Uploaded | Transfer::Mounted => "uploaded",
    };
    format!("{}: {}, {}, {stored}", file.container, file.file, count(file.variables as usize, "variable"))
}

/// `pushed, 31.6 MB sent in 2.1 s` or `was in the registry already`, of an image.
pub(super) fn image_outcome(outcome: Transfer, sent: u64, duration_ms: u64) -> String {
    match outcome {
        Transfer::Exists => "was in the registry already".to_owned(),
        // Only the manifest under its tag was new.
        Transfer::Uploaded | Transfer::Mounted if sent == 0 => {
            format!("pushed in {}; all of its blobs were there", duration(duration_ms))
        }
        Transfer::Uploaded | Transfer::Mounted => {
            format!("pushed, {} sent in {}", bytes(sent), duration(duration_ms))
        }
    }
}

pub(super) fn deployment(state: &DeploymentState) -> String {
    let name = format!("{} ({})", revision(&state.task_definition), role_name(state.role));
    deployment_named(&name, state)
}

/// Where no deployment is being made, there is neither a new nor an old one.
pub(super) fn deployment_alone(state: &DeploymentState) -> String {
    deployment_named(revision(&state.task_definition), state)
}

fn deployment_named(name: &str, state: &DeploymentState) -> String {
    let mut text = format!("{name} {}", state.status);
    if let Some(rollout) = &state.rollout_state {
        text.push_str(&format!(" {rollout}"));
    }
    text.push_str(": ");
    text.push_str(&counts(state));
    text
}

/// `1 of 2 running, 1 pending, 1 failed`
pub(super) fn counts(state: &DeploymentState) -> String {
    // What drains wants fewer tasks than it has: `2 of 0` would only puzzle.
    let mut text = if state.running > state.desired {
        format!("{} running, draining", state.running)
    } else if state.desired == 0 && state.status != "PRIMARY" {
        "draining".to_owned()
    } else {
        format!("{} of {} running", state.running, state.desired)
    };
    if state.pending > 0 {
        text.push_str(&format!(", {} pending", state.pending));
    }
    if state.failed > 0 {
        text.push_str(&format!(", {} failed", state.failed));
    }
    text
}

/// `HEALTHY` in lower case; nothing where ECS knows nothing.
pub(super) fn health(task: &TaskState) -> String {
    if task.health == "UNKNOWN" { String::new() } else { task.health.to_lowercase() }
}

/// `target healthy`, or of several target groups `targets tg-a healthy, tg-b initial`.
pub(super) fn targets(targets: &[TargetState]) -> String {
    let state = |target: &TargetState| match &target.reason {
        Some(reason) if target.state == "unhealthy" => format!("unhealthy ({reason})"),
        _ => target.state.clone(),
    };
    match targets {
        [] => String::new(),
        [target] => format!("target {}", state(target)),
        several => {
            let each: Vec<String> =
                several.iter().map(|target| format!("{} {}", target.target_group, state(target))).collect();
            format!("targets {}", each.join(", "))
        }
    }
}

/// `EssentialContainerExited: Essential container in task exited (web: exit code 1)`
pub fn stopped(stopped: &Stopped) -> String {
    let mut text = stopped.code.clone().unwrap_or_default();
    if let Some(reason) = &stopped.reason {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(reason);
    }
    let containers: Vec<String> = stopped
        .containers
        .iter()
        .map(|container| {
            let code = container.exit_code.map(|code| format!("exit code {code}"));
            let said: Vec<String> = code.into_iter().chain(container.reason.clone()).collect();
            format!("{}: {}", container.name, said.join(", "))
        })
        .collect();
    if !containers.is_empty() {
        text.push_str(&format!(" ({})", containers.join("; ")));
    }
    text
}

/// Whether ECS stopped a task because fewer are wanted, as it does with a deployment that is rolled back or
/// drains. It is the same code for a task whose health check fails.
pub(super) fn is_scaled_in(stopped: &Stopped) -> bool {
    stopped.code.as_deref() == Some("ServiceSchedulerInitiated")
        && stopped.reason.as_deref().is_none_or(|reason| !reason.contains("failed"))
}

/// `task 0123abcd (new) PENDING`; many that did the same at once are `8 tasks (new) PENDING: 0123abcd, ...`.
pub(super) fn tasks(ids: &[String], role: Role, state: &str) -> String {
    let role = role_name(role);
    let each = ids.iter().map(|id| short_task(id)).collect::<Vec<_>>().join(", ");
    match ids.len() {
        1 => format!("task {each} ({role}) {state}"),
        number => format!("{number} tasks ({role}) {state}: {each}"),
    }
}

/// As [`deployment_alone`].
pub(super) fn task_alone(task: &TaskState) -> String {
    format!("{} {}", short_task(&task.id), task_state(task))
}

/// `RUNNING, healthy, target healthy`
pub(super) fn task_state(task: &TaskState) -> String {
    let mut parts = vec![task.last_status.clone()];
    parts.extend(Some(health(task)).filter(|text| !text.is_empty()));
    parts.extend(Some(targets(&task.targets)).filter(|text| !text.is_empty()));
    parts.extend(task.stopped.as_ref().map(stopped));
    parts.join(", ")
}

/// `seen 3 times`
pub(super) fn times(occurrences: u32) -> String {
    if occurrences == 1 { "seen once".to_owned() } else { format!("seen {occurrences} times") }
}

fn finding(finding: &Finding, again: bool) -> Line {
    let line = Line::new().tone(Tone::Bad, &format!("finding {}", finding.code));
    if again {
        return line.text(&format!(" again, {}", times(finding.occurrences)));
    }
    line.text(&format!(": {}; fix: {}", finding.title, finding.fix))
}

/// `stage BAKE_TIME`, and the status where it is not the ordinary one.
pub(super) fn stage_words(stage: Option<&str>, status: &str) -> String {
    match (stage, status) {
        (Some(stage), "IN_PROGRESS") => format!("stage {stage}"),
        (Some(stage), status) => format!("service deployment {status} (stage {stage})"),
        (None, status) => format!("service deployment {status}"),
    }
}

/// What a log says of an event; `None` for what is not worth a line. `again` says that a finding has
/// been told before.
pub(super) fn sentence(record: &Record, again: bool, style: Style) -> Option<Line> {
    let line = Line::new();
    let line = match &record.event {
        Event::RunStarted(run) => {
            let version =
                format!("landfall {} on {}, times are UTC: ", run.version, record.time.strftime("%F"));
            line.text(&version).text(&run_started(run))
        }
        Event::Warning { message, hint } => {
            let line = line.tone(Tone::Warn, "warning").text(": ").text(message);
            match hint {
                Some(hint) => line.text("; hint: ").text(hint),
                None => line,
            }
        }
        Event::StepStarted { step } => line.text(step_name(*step)).text(" ..."),
        Event::StepFinished { step, duration_ms } => {
            line.text(step_name(*step)).text(" done in ").text(&duration(*duration_ms))
        }
        Event::RepositoryCreated { repository } => line.text(&format!("created the repository {repository}")),
        Event::ImagePushStarted { container, source, target, blobs } => {
            let total = blobs.iter().map(|blob| blob.size).sum();
            // Of layers that have to be compressed first, the sizes are not known yet.
            let size = match blobs.len() {
                0 | 1 => String::new(),
                several => format!(" ({}, {})", count(several, "blob"), bytes(total)),
            };
            line.text(&format!("{container}: {source} {} {target}", style.arrow())).text(&size)
        }
        Event::BlobPushed { container, digest, size, outcome: Transfer::Uploaded, .. }
            if *size >= LARGE_BLOB =>
        {
            line.text(&format!("{container}: blob {} sent, {}", shorten_digests(digest), bytes(*size)))
        }
        Event::ImagePushed { container, digest, bytes_sent, outcome, duration_ms, .. } => line
            .text(&format!("{container}: {} ", shorten_digests(digest)))
            .text(&image_outcome(*outcome, *bytes_sent, *duration_ms)),
        Event::EnvFileStored(file) => line.text(&env_file(file)).text(": ").text(&file.arn),
        Event::TaskDefinitionRegistered { arn } => line.text("registered ").text(revision(arn)),
        Event::ServiceUpdated { deployment_id, task_definition, previous_task_definition, .. } => {
            let old = previous_task_definition
                .as_deref()
                .map(|arn| format!("{} {} ", revision(arn), style.arrow()));
            line.text(&format!("service updated: {}{}", old.unwrap_or_default(), revision(task_definition)))
                .text(&format!("; following deployment {deployment_id}"))
        }
        Event::DeploymentChanged { deployment: state } => line.text("deployment ").text(&deployment(state)),
        Event::DeploymentGone { id } => line.text(&format!("deployment {id} has drained")),
        Event::TaskChanged { task } => {
            line.text(&tasks(std::slice::from_ref(&task.id), task.role, &task_state(task)))
        }
        Event::ServiceMessage { message } => line.tone(Tone::Dim, &format!("event: {message}")),
        Event::Waiting { elapsed_ms, healthy, desired, reason } => {
            let said =
                format!("still waiting: {healthy} of {desired} healthy after {}", duration(*elapsed_ms));
            match reason {
                Some(reason) => line.text(&said).text("; ").text(reason),
                None => line.text(&said),
            }
        }
        Event::ContainerRestarted { task, container, exit_code, restarts } => {
            let code = exit_code.map(|code| format!(" after exit code {code}")).unwrap_or_default();
            let times = count(*restarts as usize, "time");
            line.text(&format!(
                "container {container} of task {} restarted in place{code} ({times} so far)",
                short_task(task)
            ))
        }
        Event::StageChanged { stage, status, reason } => {
            let line = line.text(&stage_words(stage.as_deref(), status));
            match reason {
                Some(reason) => line.text(": ").text(reason),
                None => line,
            }
        }
        Event::TrafficShifted { production_percent, test_percent } => {
            let line = line.text(&format!("traffic: {production_percent} % of production"));
            match test_percent {
                Some(percent) => line.text(&format!(", {percent} % of test")),
                None => line,
            }
            .text(" to the new revision")
        }
        Event::Baking { remaining_ms } => line.text(&format!("bake time: {} left", duration(*remaining_ms))),
        Event::Paused { stage, how, expires_at, timeout_action } => {
            let at = stage.as_deref().map(|stage| format!(" at {stage}")).unwrap_or_default();
            let line = line.tone(Tone::Warn, &format!("paused{at}")).text(": go on with ").text(how);
            match (expires_at, timeout_action) {
                (Some(until), Some(action)) => {
                    let does = match action.as_str() {
                        "ROLLBACK" => "rolls back",
                        "CONTINUE" => "goes on",
                        other => other,
                    };
                    line.text(&format!("; ECS {does} by itself at {}", until.strftime("%F %T UTC")))
                }
                _ => line,
            }
        }
        Event::Throttled { operation, delay_ms } => {
            line.text(&format!("AWS throttles {operation}; next look in {}", duration(*delay_ms)))
        }
        Event::ProbeStarted { url, interval_ms } => {
            line.text(&format!("probe: {url} answers; a request every {}", duration(*interval_ms)))
        }
        Event::ProbeFailed(failure) => line
            .tone(Tone::Bad, &format!("probe failed {} after the update", duration(failure.at_ms)))
            .text(&format!(": {}; {}", failure.what, failure.tasks)),
        Event::ProbeRecovered { at_ms, failed } => {
            let failed = count(usize::try_from(*failed).unwrap_or(usize::MAX), "request");
            let text = format!("probe answers again {} after the update; {failed} failed", duration(*at_ms));
            line.text(&text)
        }
        Event::FindingMade { finding: made } => finding(made, again),
        Event::ContainerLogs(logs) => super::logs::heading(logs, usize::MAX),
        Event::Healthy { at_ms } => line.tone(
            Tone::Good,
            &format!("healthy after {}: every new task meets every condition", duration(*at_ms)),
        ),
        Event::Steady { at_ms } => {
            line.tone(Tone::Good, &format!("steady after {}: the old tasks have drained", duration(*at_ms)))
        }
        Event::RollbackStarted { by, task_definition, reason } => {
            let what = format!("rollback to {} by {}", revision(task_definition), by_name(*by));
            line.tone(Tone::Warn, &what).text(": ").text(reason)
        }
        Event::RollbackFinished { task_definition, complete: true, .. } => {
            line.text(&format!("rollback done: the service runs {} again", revision(task_definition)))
        }
        Event::RollbackFinished { task_definition, complete: false, .. } => {
            line.tone(Tone::Bad, &format!("the rollback to {} did not complete", revision(task_definition)))
        }
        Event::RolloutFinished { verdict, reason, .. } => {
            line.tone(verdict_tone(*verdict), verdict_name(*verdict)).text(": ").text(reason)
        }
        Event::Interrupted { message } => line.tone(Tone::Warn, "interrupted").text(": ").text(message),
        Event::Prunable { object, written, size, deleted } => {
            let what = if *deleted { "deleted " } else { "can go: " };
            let line = line.text(what).text(object);
            line.tone(Tone::Dim, &format!(" ({}, written {})", bytes(*size), written.strftime("%F")))
        }
        Event::ApiCall { operation, status, request_id, duration_ms } => {
            let answer = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let mut text = format!("{operation} {answer} after {duration_ms} ms");
            if let Some(id) = request_id {
                text.push_str(&format!(" (request id {id})"));
            }
            line.tone(Tone::Dim, &text)
        }
        Event::FileWritten { path, content } => line.text(&format!("wrote {path}: {content}")),
        // The plan's changes take several lines, progress is summed up, and the summary tells the rest.
        Event::Planned { .. }
        | Event::Checked(_)
        | Event::PreflightFinished(_)
        | Event::EnvFileChecked(_)
        | Event::EnvCompared(_)
        | Event::DefinitionsCompared { .. }
        | Event::LayerProgress { .. }
        | Event::LayerPacked { .. }
        | Event::BlobProgress { .. }
        | Event::BlobPushed { .. }
        | Event::ApiCalls { .. }
        | Event::Origin(_)
        | Event::RunFailed { .. }
        | Event::RunFinished(_) => return None,
    };
    Some(line)
}
