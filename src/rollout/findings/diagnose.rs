//! From one stopped task, service event, log line or target to a finding.

use super::balancer::target_line;
use super::container::EXITED;
use super::entry::{Entry, Scope, normalize};
use super::exit_codes::exit_code;
use super::general::UNKNOWN;
use super::health::{ELB, UNUSABLE, UNUSED};
use super::infrastructure::{BY_HAND, HOST_HEALTH, RETIREMENT, SPOT};
use super::{GENERIC, SPECIFIC};
use crate::event::Finding;
use crate::rollout::observation::{Container, Target, Task};

/// A finding and the row that it comes from.
#[derive(Debug, Clone)]
pub(in crate::rollout) struct Diagnosis {
    pub entry: Entry,
    pub finding: Finding,
}

impl Diagnosis {
    pub(super) fn of(entry: &Entry, evidence: Vec<String>) -> Self {
        Self { entry: *entry, finding: entry.finding(evidence) }
    }
}

/// Why a task that ECS has stopped, or is stopping, failed. None where it did not fail (facts 5.5, S1) or
/// where AWS does not say yet.
pub fn diagnose(task: &Task) -> Option<Finding> {
    diagnose_task(task).map(|diagnosis| diagnosis.finding)
}

/// What a service event complains about, if it does.
pub fn diagnose_event(message: &str) -> Option<Finding> {
    event(message).map(|diagnosis| diagnosis.finding)
}

/// What a line of a container's log gives away (facts 5.3, C9).
pub fn diagnose_log(line: &str) -> Option<Finding> {
    let text = normalize(line);
    let entry =
        SPECIFIC.iter().flat_map(|table| table.iter()).find(|e| e.scope == Scope::Log && e.matches(&text))?;
    Some(entry.finding(vec![format!("log: {}", line.trim())]))
}

pub(in crate::rollout) fn diagnose_task(task: &Task) -> Option<Diagnosis> {
    if !task.is_leaving() {
        return None;
    }
    let reason = task.stopped_reason.as_deref().unwrap_or_default();
    if is_normal_stop(reason) {
        return None;
    }
    let texts: Vec<String> = std::iter::once(reason)
        .chain(task.containers.iter().filter_map(|container| container.reason.as_deref()))
        .filter(|text| !text.is_empty())
        .map(normalize)
        .collect();
    let found = |tables: &[&'static [Entry]]| lookup(tables, &texts, &[Scope::Any]);
    let of = |entry: &Entry| Some(Diagnosis::of(entry, task_evidence(task)));

    if let Some(entry) = found(SPECIFIC) {
        return of(entry);
    }
    match task.stop_code.as_deref() {
        Some("SpotInterruption") => return of(&SPOT),
        Some("TerminationNotice") => return of(&RETIREMENT),
        Some("InfrastructureHealth") => return of(&HOST_HEALTH),
        Some("UserInitiated") => return of(&BY_HAND),
        Some("ServiceSchedulerInitiated") if texts.is_empty() => return None,
        Some("EssentialContainerExited") => return exited(task),
        _ if normalize(reason).contains("essential container") => return exited(task),
        _ => {}
    }
    if let Some(entry) = found(GENERIC) {
        return of(entry);
    }
    // What nobody knows is shown whole, once it is all there.
    task.is_stopped().then(|| Diagnosis::of(&UNKNOWN, task_evidence(task)))
}

pub(in crate::rollout) fn event(message: &str) -> Option<Diagnosis> {
    let said = after_prefix(message);
    let text = normalize(said);
    if NORMAL_EVENTS.iter().any(|normal| text.starts_with(normal)) {
        return None;
    }
    let scopes = [Scope::Any, Scope::Event];
    let texts = [text];
    let entry =
        lookup(SPECIFIC, &texts, &scopes).or_else(|| lookup(GENERIC, &texts, &scopes)).or_else(|| {
            let [text] = &texts;
            TROUBLE.iter().any(|word| text.contains(word)).then_some(&UNKNOWN)
        })?;
    Some(Diagnosis::of(entry, vec![format!("service event: {message}")]))
}

/// What the health of a live task's target complains about (facts 5.4, the table of target health).
pub(in crate::rollout) fn target(group_arn: &str, target: &Target) -> Option<Diagnosis> {
    let entry = match (target.state.as_str(), target.reason.as_deref()) {
        ("unhealthy", _) => ELB,
        ("unused", Some("Target.NotInUse")) => UNUSED,
        ("unused", Some("Target.IpUnusable" | "Target.InvalidState")) => UNUSABLE,
        _ => return None,
    };
    Some(Diagnosis::of(&entry, vec![target_line(group_arn, target)]))
}

/// The first row that any of the texts matches: rows, and not texts, are in the order of what explains
/// most.
fn lookup(tables: &[&'static [Entry]], texts: &[String], scopes: &[Scope]) -> Option<&'static Entry> {
    tables
        .iter()
        .flat_map(|table| table.iter())
        .find(|entry| scopes.contains(&entry.scope) && texts.iter().any(|text| entry.matches(text)))
}

/// Facts 5.5, S1. The second text is ministack's.
fn is_normal_stop(reason: &str) -> bool {
    let reason = normalize(reason);
    reason.contains("scaling activity initiated by") || reason.contains("service scaling down")
}

/// An essential container has exited by itself: which one, and how.
fn exited(task: &Task) -> Option<Diagnosis> {
    let Some((container, code)) = culprit(task) else {
        return task.is_stopped().then(|| Diagnosis::of(&EXITED, task_evidence(task)));
    };
    if code == 143 {
        return None;
    }
    let reading = exit_code(code);
    let mut diagnosis = Diagnosis::of(&EXITED, task_evidence(task));
    diagnosis.entry.class = reading.class;
    diagnosis.finding.class = reading.class.reported();
    diagnosis.finding.title =
        format!("Container {} exited with code {code} ({})", container.name, reading.meaning);
    diagnosis.finding.cause = reading.cause.to_owned();
    diagnosis.finding.fix = reading.fix.to_owned();
    Some(diagnosis)
}

/// Containers that AWS puts into a task (facts 9.2): GuardDuty's agent, and the proxy of Service Connect.
fn is_injected(container: &Container) -> bool {
    ["aws-guardduty-agent", "ecs-service-connect-"].iter().any(|prefix| container.name.starts_with(prefix))
}

/// The container that exited first is not told; the others get SIGTERM and then SIGKILL, so that 143 and
/// 137 are the likeliest to be a consequence.
fn culprit(task: &Task) -> Option<(&Container, i32)> {
    let rank = |code: i32| match code {
        0 => 2,
        137 => 1,
        143 => 3,
        _ => 0,
    };
    task.containers
        .iter()
        .filter_map(|container| container.exit_code.map(|code| (container, code)))
        .min_by_key(|(container, code)| (is_injected(container), rank(*code)))
}

/// AWS's words on a stopped task, whole.
fn task_evidence(task: &Task) -> Vec<String> {
    let mut evidence = vec![match &task.stop_code {
        Some(code) => format!("task {}: stop code {code}", task.id()),
        None => format!("task {}", task.id()),
    }];
    if let Some(reason) = task.stopped_reason.as_ref().filter(|reason| !reason.is_empty()) {
        evidence.push(format!("stopped reason: {reason}"));
    }
    for container in &task.containers {
        let code = container.exit_code.map(|code| format!("exit code {code} ({})", exit_code(code).meaning));
        let parts: Vec<&str> = [code.as_deref(), container.reason.as_deref()].into_iter().flatten().collect();
        if !parts.is_empty() {
            evidence.push(format!("container {}: {}", container.name, parts.join(": ")));
        }
    }
    evidence
}

/// How ordinary events begin (facts 3.7).
const NORMAL_EVENTS: &[&str] = &[
    "has started",
    "has stopped",
    "has begun draining",
    "registered",
    "deregistered",
    "has reached a steady state",
    "deployment completed",
    "rolling back to deployment",
    "rolled back to",
    "updated desired count",
    "set desired count",
];

/// Words by which AWS Copilot recognised trouble (facts 3.11); the rest of its list has rows of its own.
const TROUBLE: &[&str] = &["fail", "unhealthy", "error", "throttle", "unable", "missing"];

/// Cuts `(service NAME)`, `(service NAME, taskSet ID)`, `(deployment ID)` and `service NAME` off the front
/// (facts 3.7), so that names cannot be taken for what is said.
fn after_prefix(message: &str) -> &str {
    let mut rest = message.trim();
    while rest.starts_with("(service ") || rest.starts_with("(deployment ") {
        match rest.split_once(')') {
            Some((_, after)) => rest = after.trim_start(),
            None => return rest,
        }
    }
    if let Some(after) = rest.strip_prefix("service ") {
        rest = after.split_once(' ').map_or(after, |(_, after)| after);
    }
    while rest.starts_with("(deployment ") {
        match rest.split_once(')') {
            Some((_, after)) => rest = after.trim_start(),
            None => return rest,
        }
    }
    rest
}
