//! [`summary`]: how a run ended, for a person who may just have seen a deployment fail: what
//! happened, why, what the service runs now, and what to do.

use super::line::{Line, render_all};
use super::plan::plan;
use super::style::{Mark, Style, Tone};
use super::text::{bytes, duration, revision, shorten_arns, shorten_digests};
use super::{measured, words};
use crate::event::{ErrorReport, Finding, Role, TaskState, Transfer, Verdict};
use crate::rollout::explain::says_more;
use crate::state::{RunState, ServiceState};

/// Column at which the values of facts begin.
const VALUES: usize = 20;
const AGAIN: &str = "run the same command again";

/// The end of a run as text; empty when nothing has happened.
pub fn summary(state: &RunState, style: Style) -> String {
    let mut blocks: Vec<Vec<Line>> =
        state.services.iter().filter_map(|service| of_service(state, service, style)).collect();
    let dry_run = state.run.as_ref().is_some_and(|run| run.dry_run);
    if dry_run && state.is_deployment() && state.services.iter().any(|service| service.changes.is_some()) {
        blocks.push(vec![Line::new().text("This was a dry run: nothing was changed.")]);
    }
    let told = |service: &ServiceState| service.finished && service.report.verdict == Verdict::Interrupted;
    if let (Some(message), false) = (&state.interrupt_message, state.services.iter().any(told)) {
        let line = Line::marked(Mark::Warning, style).tone(Tone::Strong, "interrupted").text(": ");
        blocks.push(line.text(message).wrap(style.width, 4));
    }
    if let Some(error) = &state.error {
        blocks.push(of_error(error, style));
    }
    let code = state.exit_code();
    if code != 0 {
        let text = format!("exit code {code}: {}", exit_code_meaning(code));
        blocks.push(Line::new().tone(Tone::Dim, &text).wrap(style.width, 4));
    }
    render_all(&blocks.join(&Line::new()), style)
}

fn of_error(error: &ErrorReport, style: Style) -> Vec<Line> {
    let mut lines = Line::new().tone(Tone::Bad, "error").text(": ").text(&error.message).wrap(style.width, 7);
    if let Some(hint) = &error.hint {
        lines.extend(Line::new().tone(Tone::Strong, "hint").text(": ").text(hint).wrap(style.width, 6));
    }
    lines
}

/// In the words of the README's table.
fn exit_code_meaning(code: u8) -> &'static str {
    match code {
        2 => "a flag, the configuration or a file that it names is wrong",
        3 => "a check before any change refused to go on",
        4 => "the deployment failed and the earlier revision runs again",
        5 => "the deployment failed and was not put back; the service needs a person",
        6 => "the time limit ran out",
        7 => "another deployment took over",
        8 => "AWS or the registry refused",
        10 => "a dry run found something to do",
        130 => "interrupted",
        _ => "a defect of Landfall or of the machine it runs on",
    }
}

fn of_service(state: &RunState, service: &ServiceState, style: Style) -> Option<Vec<Line>> {
    let is_push = state.run.as_ref().is_some_and(|run| run.command == "push");
    if is_push && (service.report.verdict == Verdict::Interrupted || !service.finished) {
        // A run that ended before the image was looked at has nothing to say of it.
        let ended = state.error.is_some() || state.interrupted;
        return ended.then(|| of_unfinished_push(state, service, style));
    }
    if state.run.as_ref().is_some_and(|run| run.command.starts_with("status")) {
        return service.finished.then(|| of_status(service, style));
    }
    if !is_push && !state.is_deployment() {
        return service.finished.then(|| of_other(service, style));
    }
    if !service.finished {
        return of_unfinished(state, service, style);
    }
    let lines = match service.report.verdict {
        Verdict::Succeeded | Verdict::Unchanged if is_push => of_push(service, style),
        Verdict::Planned => plan(state, service, style),
        Verdict::Unchanged => vec![up_to_date(service, style)],
        Verdict::Succeeded => of_success(state, service, style),
        _ => of_failure(state, service, style),
    };
    Some(lines)
}

/// A service whose part of the run did not come to a verdict, because the run as a whole ended.
fn of_unfinished(state: &RunState, service: &ServiceState, style: Style) -> Option<Vec<Line>> {
    let report = &service.report;
    if service.changes.is_some() && state.run.as_ref().is_some_and(|run| run.dry_run) {
        return Some(plan(state, service, style));
    }
    let text = match (&report.deployment_id, &report.task_definition, report.images.is_empty()) {
        (Some(id), Some(arn), _) => format!(
            "was updated to {}, and ECS goes on with deployment {id}; the run ended before it was known how \
             that went",
            revision(arn)
        ),
        (_, Some(arn), _) => format!(
            "was not updated: {} is registered and nothing uses it; running the same command again is safe",
            revision(arn)
        ),
        (_, None, false) => {
            "was not updated: its image is pushed and nothing uses it yet; running the same command again is safe"
                .to_owned()
        }
        // There is nothing to say of a service when the run failed before it was looked at.
        (_, None, true) if state.error.is_none() && !state.interrupted => return None,
        (_, None, true) => "was not changed".to_owned(),
    };
    let line = Line::marked(Mark::Warning, style).tone(Tone::Strong, &report.name).text(" ").text(&text);
    Some(line.wrap(style.width, 4))
}

/// How a service stands.
fn of_status(service: &ServiceState, style: Style) -> Vec<Line> {
    let report = &service.report;
    let standing = report.reason.as_deref().unwrap_or("not known");
    let (mark, tone) =
        if standing.contains(" is steady") { (Mark::Done, Tone::Good) } else { (Mark::Warning, Tone::Warn) };
    let head = Line::marked(mark, style)
        .tone(Tone::Strong, &report.name)
        .text(": ")
        .tone(tone, &shown(standing, style));
    let mut lines = head.wrap(style.width, 4);
    let mut deployments: Vec<_> = service.deployments.values().collect();
    deployments.sort_by_key(|deployment| (deployment.status != "PRIMARY", deployment.id.clone()));
    for deployment in deployments {
        lines.extend(fact("deployment", Line::new().text(&words::deployment_alone(deployment)), style));
    }
    // That ECS has scaled in, or replaced, is no news; nor why old tasks are on their way out.
    let scaled_in = |task: &TaskState| {
        task.last_status == "STOPPED"
            && (task.role == Role::Old || task.stopped.as_ref().is_some_and(words::is_scaled_in))
    };
    let mut tasks: Vec<&TaskState> = service.tasks.iter().filter(|task| !scaled_in(task)).collect();
    tasks.sort_by_key(|task| task.role == Role::Old);
    for task in tasks {
        let mut text = shown(&words::task_alone(task), style);
        if task.role == Role::Old {
            text = words::task_alone(&TaskState { stopped: None, ..task.clone() });
            text.push_str(" (of an earlier deployment)");
        }
        lines.extend(fact("task", Line::new().text(&text), style));
    }
    for finding in &report.findings {
        lines.push(Line::new());
        lines.extend(of_finding(finding, &[], style));
    }
    lines
}

/// What a command came to that deploys nothing and pushes no image: one sentence.
fn of_other(service: &ServiceState, style: Style) -> Vec<Line> {
    let report = &service.report;
    let mark = match words::verdict_tone(report.verdict) {
        Tone::Good => Mark::Done,
        Tone::Bad => Mark::Failed,
        _ => Mark::Warning,
    };
    let reason = report.reason.as_deref().unwrap_or(words::verdict_name(report.verdict));
    let line = Line::marked(mark, style).tone(Tone::Strong, &report.name).text(": ").text(reason);
    line.wrap(style.width, 4)
}

/// Images alone: what is where now, and what it took.
fn of_push(service: &ServiceState, style: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    for (push, report) in service.pushes.iter().filter_map(|push| Some((push, push.report()?))) {
        let verb = if report.outcome == Transfer::Exists { " is there already" } else { " pushed" };
        let head = Line::marked(Mark::Done, style).tone(Tone::Strong, &push.container).tone(Tone::Good, verb);
        let head = head.tone(Tone::Dim, &format!(" ({})", duration(report.duration_ms)));
        lines.extend(head.wrap(style.width, 4));
        lines.extend(push_fact("to", &push.target, style));
        lines.extend(push_fact("digest", &report.digest, style));
        let of = |what: Transfer| report.blobs.iter().filter(|blob| blob.outcome == what).count();
        let told = [
            (of(Transfer::Uploaded), "sent", report.bytes_sent),
            (of(Transfer::Mounted), "mounted", report.bytes_mounted),
            (of(Transfer::Exists), "there already", report.bytes_skipped),
        ];
        let told = told.iter().filter(|(number, ..)| *number > 0);
        let parts: Vec<String> =
            told.map(|(number, how, size)| format!("{number} {how} ({})", bytes(*size))).collect();
        if report.outcome != Transfer::Exists && !parts.is_empty() {
            lines.extend(push_fact("blobs", &parts.join(", "), style));
        }
    }
    lines
}

/// A digest still fits into a terminal of 80 columns behind these labels.
fn push_fact(label: &str, value: &str, style: Style) -> Vec<Line> {
    Line::new().tone(Tone::Dim, label).indent(2).pad(9).text(value).wrap(style.width, 9)
}

/// An image that did not get everywhere.
fn of_unfinished_push(state: &RunState, service: &ServiceState, style: Style) -> Vec<Line> {
    let there: Vec<&str> =
        service.pushes.iter().filter(|push| push.done.is_some()).map(|push| push.target.as_str()).collect();
    let what = match there.as_slice() {
        [] => "was not pushed".to_owned(),
        there => format!("was pushed to {}, and not to the rest", there.join(" and ")),
    };
    let line = Line::marked(Mark::Warning, style);
    let line = if state.interrupted { line.tone(Tone::Warn, "INTERRUPTED ") } else { line };
    let mut lines = line.tone(Tone::Strong, &service.report.name).text(" ").text(&what).wrap(style.width, 4);
    if let Some(message) = &state.interrupt_message {
        lines.extend(push_fact("next", message, style));
    }
    lines
}

fn up_to_date(service: &ServiceState, style: Style) -> Line {
    let report = &service.report;
    let line = Line::marked(Mark::Done, style).tone(Tone::Strong, &report.name).text(" is up to date");
    match report.task_definition.as_deref().or(report.previous_task_definition.as_deref()) {
        Some(arn) => line.text(&format!(": revision {} (nothing to do)", revision(arn))),
        None => line.text(" (nothing to do)"),
    }
}

fn of_success(state: &RunState, service: &ServiceState, style: Style) -> Vec<Line> {
    let report = &service.report;
    let new = report.task_definition.as_deref().map_or("?", revision);
    let mut head = Line::marked(Mark::Done, style);
    // `--wait-for none` succeeds without having seen a healthy task, and must not claim one.
    let (verb, state_now) = match report.healthy_at_ms.or(report.steady_at_ms) {
        Some(_) => ("deployed ", "is healthy"),
        None => ("updated ", "is being rolled out (not waited for)"),
    };
    head = head.tone(Tone::Good, verb).tone(Tone::Strong, &report.name);
    head = head.text(&format!(": revision {new} {state_now}"));
    if let Some(took) = took(state, service) {
        head = head.tone(Tone::Dim, &format!(" ({took})"));
    }
    let mut lines = head.wrap(style.width, 4);
    let fact = |label: &str, value: Line| -> Vec<Line> { fact(label, value, style) };
    for push in &service.pushes {
        let Some(done) = &push.done else { continue };
        let digest = shorten_digests(&done.digest);
        let how = words::image_outcome(done.outcome, done.bytes_sent, done.duration_ms);
        let value = Line::new().text(&format!("{}: {digest}", push.container));
        lines.extend(fact("image", value.tone(Tone::Dim, &format!(" {how}"))));
    }
    for file in &report.env_files {
        lines.extend(fact("env file", Line::new().text(&words::env_file(file))));
    }
    if let Some(old) = &report.previous_task_definition {
        let value = format!("{} {} {new}", revision(old), style.arrow());
        lines.extend(fact("task definition", Line::new().text(&value)));
    }
    if let Some(at) = report.healthy_at_ms {
        lines.extend(fact("healthy after", Line::new().text(&duration(at))));
    }
    if let Some(at) = report.steady_at_ms {
        lines.extend(fact("steady after", Line::new().text(&duration(at))));
    }
    lines.extend(zero_downtime(service, style));
    lines.extend(findings(service, style));
    lines
}

fn of_failure(state: &RunState, service: &ServiceState, style: Style) -> Vec<Line> {
    let report = &service.report;
    let new = report.task_definition.as_deref().map_or("the new revision", revision);
    let (word, what) = match report.verdict {
        Verdict::RolledBack => ("FAILED ", format!("{new} did not become healthy and was rolled back")),
        Verdict::Superseded => ("SUPERSEDED ", format!("another deployment took over from {new}")),
        Verdict::TimedOut => ("TIMED OUT ", format!("{new} was not ready within the time limit")),
        Verdict::Interrupted => ("INTERRUPTED ", format!("the rollout of {new} was not watched to its end")),
        _ if report.deployment_id.is_some() => ("FAILED ", format!("{new} did not become healthy")),
        _ => ("FAILED ", "it was not updated".to_owned()),
    };
    let tone = words::verdict_tone(report.verdict);
    let mark = if tone == Tone::Bad { Mark::Failed } else { Mark::Warning };
    let mut head = Line::marked(mark, style).tone(tone, word).tone(Tone::Strong, &report.name);
    head = head.text(&format!(": {what}"));
    if let Some(took) = took(state, service) {
        head = head.tone(Tone::Dim, &format!(" ({took})"));
    }
    let mut lines = head.wrap(style.width, 4);
    // What an interrupt left behind is what to do next, below.
    let told = |reason: &&String| report.verdict == Verdict::Interrupted && reason.contains(AGAIN);
    let left = report.reason.as_ref().filter(told);
    if let (Some(reason), None) = (&report.reason, left) {
        lines.extend(fact("reason", Line::new().text(&shown(reason, style)), style));
    }
    let findings = findings(service, style);
    if !findings.is_empty() {
        lines.extend(findings);
        lines.push(Line::new());
    }
    lines.extend(zero_downtime(service, style));
    lines.extend(fact("now", Line::new().text(&runs_now(service)), style));
    let next = left.cloned().unwrap_or_else(|| next(state, service));
    let next = Line::new().tone(Tone::Strong, &next);
    lines.extend(fact("next", next, style));
    for command in commands(state, service) {
        // Commands are to be copied, so they are never broken.
        lines.push(Line::new().text(&command).indent(4));
    }
    lines
}

/// What was diagnosed, and what the containers wrote last; a blank line before each.
fn findings(service: &ServiceState, style: Style) -> Vec<Line> {
    let report = &service.report;
    let indent = 4 + style.mark_width() - 1;
    let narrow = Style { width: style.width.map(|width| width.saturating_sub(indent)), ..style };
    let logs: Vec<Line> = report
        .logs
        .iter()
        .flat_map(|logs| super::logs::block(logs, super::logs::IN_SUMMARY, narrow))
        .map(|line| line.indent(indent))
        .collect();
    if report.findings.is_empty() && !logs.is_empty() {
        return std::iter::once(Line::new()).chain(logs).collect();
    }
    // What the containers wrote is the best evidence for what was found first.
    let logs_of = |index: usize| if index == 0 { logs.as_slice() } else { &[] };
    let found = report.findings.iter().enumerate();
    found
        .flat_map(|(index, finding)| {
            std::iter::once(Line::new()).chain(of_finding(finding, logs_of(index), style))
        })
        .collect()
}

/// What was found, why, what shows it, and last, nearest to what to do next, what mends it.
fn of_finding(finding: &Finding, logs: &[Line], style: Style) -> Vec<Line> {
    let title = Line::marked(Mark::Failed, style).tone(Tone::Bad, &finding.title).indent(2);
    let seen = format!(" ({}, {})", finding.code, words::times(finding.occurrences));
    let mut lines = title.tone(Tone::Dim, &seen).wrap(style.width, 6);
    let indent = 4 + style.mark_width() - 1;
    let part = |label: &str, tone: Tone, text: &str| -> Vec<Line> {
        let start = Line::new().tone(Tone::Strong, label).pad(7);
        start.tone(tone, text).indent(indent).wrap(style.width, indent + 7)
    };
    lines.extend(part("cause", Tone::Normal, &finding.cause));
    // The last lines of a container's log come as one piece of evidence with line breaks in it.
    let evidence =
        finding.evidence.iter().flat_map(|text| text.lines()).filter(|text| !text.trim().is_empty());
    let evidence: Vec<&str> = evidence.collect();
    for (index, text) in evidence.iter().enumerate() {
        // ECS gives a container the reason of its task, too.
        let reason = text.strip_prefix("container ").and_then(|text| text.split_once(": "));
        if reason.is_some_and(|(_, reason)| evidence.iter().take(index).any(|told| told.contains(reason))) {
            continue;
        }
        let line = Line::new().tone(Tone::Dim, "| ").text(&shown(text, style));
        lines.extend(line.indent(indent).wrap(style.width, indent + 2));
    }
    lines.extend(logs.iter().cloned());
    lines.extend(part("fix", Tone::Good, &finding.fix));
    if says_more(&finding.code) {
        lines.extend(part("more", Tone::Dim, &format!("landfall explain {}", finding.code)));
    }
    lines
}

/// Text of AWS: with names in place of ARNs at a terminal, where they do not fit into a line, and whole in a log.
fn shown(text: &str, style: Style) -> String {
    if style.width.is_some() { shorten_arns(text) } else { text.to_owned() }
}

fn fact(label: &str, value: Line, style: Style) -> Vec<Line> {
    Line::new().tone(Tone::Dim, label).indent(2).pad(VALUES).join(value).wrap(style.width, VALUES)
}

fn took(state: &RunState, service: &ServiceState) -> Option<String> {
    let span = service.finished_at?.duration_since(state.started_at?).as_millis();
    u64::try_from(span).ok().map(duration)
}

fn zero_downtime(service: &ServiceState, style: Style) -> Vec<Line> {
    let Some(measured) = &service.report.zero_downtime else { return Vec::new() };
    fact("zero downtime", measured::zero_downtime(measured, service.desired), style)
}

/// What the service runs at the end of the run, as far as it was seen.
pub(super) fn runs_now(service: &ServiceState) -> String {
    let report = &service.report;
    if let Some(arn) = &report.rolled_back_to {
        return format!("the service runs {} again, as before this run", revision(arn));
    }
    if report.deployment_id.is_none() {
        return match &report.previous_task_definition {
            Some(arn) => format!("the service runs {}, as before this run", revision(arn)),
            None => "the service is as it was before this run".to_owned(),
        };
    }
    // PRIMARY first: it is what ECS works towards.
    let mut deployments: Vec<_> = service.deployments.values().collect();
    deployments.sort_by_key(|deployment| (deployment.status != "PRIMARY", deployment.id.clone()));
    // A deployment that was superseded between two looks was last seen as PRIMARY, too.
    let newest = deployments.iter().find(|deployment| deployment.role == Role::Newer).map(|d| d.id.clone());
    deployments.retain(|deployment| {
        newest.is_none() || deployment.status != "PRIMARY" || Some(&deployment.id) == newest.as_ref()
    });
    let each: Vec<String> = deployments
        .iter()
        .map(|deployment| {
            let name = revision(&deployment.task_definition);
            format!(
                "{name} has {} of {} tasks running ({})",
                deployment.running, deployment.desired, deployment.status
            )
        })
        .collect();
    let last_seen = if each.is_empty() { "not known".to_owned() } else { each.join(", ") };
    match &service.rollback {
        Some(rollback) if rollback.complete == Some(false) => format!(
            "the rollback to {} by {} did not complete; last seen: {last_seen}",
            revision(&rollback.task_definition),
            words::by_name(rollback.by)
        ),
        Some(rollback) => format!(
            "the rollback to {} by {} is under way; last seen: {last_seen}",
            revision(&rollback.task_definition),
            words::by_name(rollback.by)
        ),
        None => format!("last seen: {last_seen}"),
    }
}

pub(super) fn next(state: &RunState, service: &ServiceState) -> String {
    if let Some(message) = left_as_it_is(state, service) {
        return message.to_owned();
    }
    let known = !service.report.findings.is_empty();
    let again = AGAIN;
    let put_back = service.report.rolled_back_to.is_some();
    match service.report.verdict {
        Verdict::TimedOut if put_back => {
            format!("{again}, with a longer time limit if the tasks only need more time; to look at it:")
        }
        Verdict::Interrupted
            if service.rollback.as_ref().is_some_and(|rollback| rollback.complete.is_none()) =>
        {
            "deploy again when the service is steady; to look at it:".to_owned()
        }
        Verdict::Interrupted if put_back => format!("{again} to deploy after all; to look at it:"),
        Verdict::Superseded => {
            format!("if that deployment was not meant to replace this one, {again}; to see who deployed:")
        }
        Verdict::TimedOut => {
            format!("ECS goes on without us; {again} with a longer time limit; to look at it:")
        }
        Verdict::Interrupted => format!("{again} to finish the deployment; to look at it:"),
        Verdict::RolledBack if known => format!("apply the fix above, then {again}"),
        _ if service.report.deployment_id.is_none() && known => format!("apply the fix above, then {again}"),
        _ if service.report.deployment_id.is_none() => format!("mend the reason above, then {again}"),
        Verdict::RolledBack => format!("look at the service's events, then {again}:"),
        _ if known => format!("apply the fix above, then {again}; to put the service back now:"),
        _ => "look at the service's events; to put the service back now, the second command:".to_owned(),
    }
}

/// What an interrupt says of a service that it has left to ECS.
fn left_as_it_is<'a>(state: &'a RunState, service: &ServiceState) -> Option<&'a str> {
    let left = service.report.verdict == Verdict::Interrupted && service.rollback.is_none();
    state.interrupt_message.as_deref().filter(|_| left)
}

/// Commands that help now, of AWS's own tool, ready to be copied.
pub(super) fn commands(state: &RunState, service: &ServiceState) -> Vec<String> {
    let report = &service.report;
    let known = !report.findings.is_empty();
    let Some(run) = &state.run else { return Vec::new() };
    let name = service.ecs_service.as_deref().unwrap_or(&report.name);
    let place = format!("--region {} --cluster {}", run.region, run.cluster);
    let look = format!("aws ecs describe-services {place} --services {name}");
    let back = report.previous_task_definition.as_deref().map(|arn| {
        format!("aws ecs update-service {place} --service {name} --task-definition {}", revision(arn))
    });
    match report.verdict {
        _ if report.deployment_id.is_none() => Vec::new(),
        Verdict::Interrupted if left_as_it_is(state, service).is_some() => Vec::new(),
        Verdict::RolledBack if known => Vec::new(),
        Verdict::Failed if known => back.into_iter().collect(),
        Verdict::Failed => std::iter::once(look).chain(back).collect(),
        _ => vec![look],
    }
}
