//! The section of one service.

use super::super::measured::zero_downtime;
use super::super::summary::{commands, next, runs_now};
use super::super::text::{bytes, duration, revision, shorten_digests};
use super::super::words::{self, verdict_name};
use super::markup::Html;
use super::page::{STYLE, badge, fact, row, table};
use super::{checks, findings, latency, plan, swimlanes, swimlanes_table, variables};
use crate::event::{ProbeReport, Verdict, ZeroDowntime};
use crate::state::{RunState, ServiceState};

/// Everything about a service; `number` makes its ids unique on the page.
pub fn section(h: &mut Html, state: &RunState, service: &ServiceState, number: usize) {
    let id = format!("s{number}");
    h.element("section", &[("id", &id), ("class", "service")], |h| {
        h.element("h2", &[], |h| {
            h.text(&service.report.name);
            h.text(" ");
            verdict(h, service);
        });
        if let Some(reason) = &service.report.reason {
            h.leaf("p", &[("class", "reason")], reason);
        }
        facts(h, service);
        findings::sections(h, service);
        what_next(h, state, service);
        timeline(h, state, service, &id);
        if let Some(measured) = &service.report.zero_downtime {
            evidence(h, state, service, measured, &id);
        }
        plan::sections(h, service);
        variables::section(h, service);
        checks::section(h, service);
        pushes(h, service);
    });
}

/// The verdict, or that there is none.
pub fn verdict(h: &mut Html, service: &ServiceState) {
    if service.finished {
        badge(h, service.report.verdict, verdict_name(service.report.verdict));
    } else {
        badge(h, Verdict::Failed, "no verdict");
    }
}

fn facts(h: &mut Html, service: &ServiceState) {
    let report = &service.report;
    h.element("dl", &[("class", "facts")], |h| {
        if let Some(name) = &service.ecs_service {
            fact(h, "ECS service", name);
        }
        match (report.previous_task_definition.as_deref(), report.task_definition.as_deref()) {
            (Some(old), Some(new)) if old != new => {
                fact(h, "Task definition", &format!("{} → {}", revision(old), revision(new)));
            }
            (_, Some(one)) | (Some(one), None) => fact(h, "Task definition", revision(one)),
            (None, None) => {}
        }
        if let Some(id) = &report.deployment_id {
            fact(h, "Deployment", id);
        }
        for (container, digest) in &report.images {
            fact(h, &format!("Image of {container}"), &shorten_digests(digest));
        }
        if let Some(at) = report.healthy_at_ms {
            fact(h, "Healthy after", &duration(at));
        }
        if let Some(at) = report.steady_at_ms {
            fact(h, "Steady after", &duration(at));
        }
        if let Some(arn) = &report.rolled_back_to {
            fact(h, "Put back to", revision(arn));
        }
        for file in &report.env_files {
            fact(h, "Env file", &words::env_file(file));
        }
    });
}

/// What a run that did not end well leaves to be done.
fn what_next(h: &mut Html, state: &RunState, service: &ServiceState) {
    let report = &service.report;
    let well = matches!(report.verdict, Verdict::Succeeded | Verdict::Unchanged | Verdict::Planned);
    if well || !service.finished || !state.is_deployment() {
        return;
    }
    h.leaf("h3", &[], "What now");
    h.element("dl", &[("class", "next")], |h| {
        fact(h, "Now", &runs_now(service));
        fact(h, "Next", &next(state, service));
    });
    for command in commands(state, service) {
        h.element("pre", &[], |h| h.leaf("code", &[], &command));
    }
}

fn timeline(h: &mut Html, state: &RunState, service: &ServiceState, id: &str) {
    let Some((scale, end)) = state.now.and_then(|now| swimlanes::scale(service, now)) else { return };
    if service.timeline.lanes.is_empty() && service.timeline.phases.is_empty() {
        return;
    }
    h.leaf("h3", &[], "Timeline");
    h.element("figure", &[], |h| {
        swimlanes::draw(h, service, scale, end, id);
        h.element("figcaption", &[], |h| swimlanes_table::legend(h, service));
    });
    swimlanes_table::marks(h, service, scale);
    swimlanes_table::left_out(h, service);
    swimlanes_table::table(h, service, scale, end);
}

fn evidence(h: &mut Html, state: &RunState, service: &ServiceState, measured: &ZeroDowntime, id: &str) {
    h.leaf("h3", &[], "Zero downtime");
    h.leaf("p", &[], &zero_downtime(measured, service.desired).render(STYLE));
    let Some(probe) = &measured.probe else { return };
    if let Some(begun) = service.updated_at.or(state.started_at) {
        latency::section(h, &service.report.name, probe, begun, id);
    }
    lost(h, probe);
}

/// When requests failed, series by series.
fn lost(h: &mut Html, probe: &ProbeReport) {
    if probe.windows.is_empty() {
        return;
    }
    table(h, "Requests that failed one after the other", &["From", "To", "Failed"], |h| {
        for window in &probe.windows {
            row(h, &duration(window.from_ms), &[&duration(window.to_ms), &window.failed.to_string()]);
        }
    });
    if let Some(first) = &probe.first_failure {
        h.leaf("p", &[], &format!("The first: {}. At that time: {}.", first.what, first.tasks));
    }
    if probe.windows_left_out > 0 {
        h.leaf("p", &[("class", "note")], &format!("{} later series left out.", probe.windows_left_out));
    }
}

fn pushes(h: &mut Html, service: &ServiceState) {
    let pushed = service.pushes.iter().filter_map(|push| Some((push, push.done.as_ref()?)));
    let pushed: Vec<_> = pushed.collect();
    if pushed.is_empty() {
        return;
    }
    h.leaf("h3", &[], "Images");
    table(h, "Images of the containers", &["Container", "Reference", "How", "Sent"], |h| {
        for (push, done) in pushed {
            let how = words::image_outcome(done.outcome, done.bytes_sent, done.duration_ms);
            row(h, &push.container, &[&done.reference, &how, &bytes(done.bytes_sent)]);
        }
    });
}
