//! What the run would change, or has changed: changes, differences, arithmetic and cost.

use super::super::plan_details::{call_words, cost_words, is_told, short_path, tasks_words, time_words};
use super::super::text::count;
use super::markup::Html;
use super::page::{fact, row, table};
use crate::event::{Difference, DifferenceKind, PlanDetails};
use crate::state::ServiceState;

/// The plan of a service; nothing where there was none.
pub fn sections(h: &mut Html, service: &ServiceState) {
    let Some(changes) = &service.changes else { return };
    h.leaf("h3", &[], "Plan");
    if changes.is_empty() {
        h.leaf("p", &[], "Nothing to do: the service is up to date.");
    } else {
        table(h, "Changes, in the order in which they are made", &["What", "Before", "After"], |h| {
            for change in changes {
                let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
                row(h, &change.subject, &[&text(&change.before), &text(&change.after)]);
            }
        });
    }
    if let Some(plan) = &service.plan {
        details(h, service, plan);
    }
}

fn details(h: &mut Html, service: &ServiceState, plan: &PlanDetails) {
    let told: Vec<&Difference> =
        plan.task_definition.iter().filter(|found| !is_told(service, found)).collect();
    if !told.is_empty() {
        let headings = ["Path", "What", "Before", "After"];
        table(h, "Differences of the task definition", &headings, |h| {
            for difference in told {
                difference_row(h, difference, "");
            }
        });
    }
    if !plan.attributes.is_empty() {
        table(h, "Differences of the service", &["Path", "What", "Before", "After"], |h| {
            for attribute in &plan.attributes {
                let note =
                    if attribute.starts_deployment { "starts a deployment" } else { "starts no deployment" };
                difference_row(h, &attribute.difference, note);
            }
        });
    }
    h.element("dl", &[("class", "parts")], |h| {
        if let Some(rollout) = &plan.rollout {
            fact(h, "Rollout", &tasks_words(rollout));
            fact(h, "Time", &format!("{} ({})", time_words(rollout), rollout.because.join("; ")));
        }
        if let Some(cost) = &plan.cost {
            let notes =
                if cost.notes.is_empty() { String::new() } else { format!(" ({})", cost.notes.join("; ")) };
            fact(h, "Cost", &format!("{}{notes}", cost_words(cost)));
        }
        if !plan.calls.is_empty() {
            fact(h, "Calls that change something", &call_words(plan));
        }
        let made = count(usize::try_from(service.planned_with).unwrap_or(usize::MAX), "call");
        fact(h, "Calls of the plan", &made);
    });
}

fn difference_row(h: &mut Html, difference: &Difference, note: &str) {
    let kind = match difference.kind {
        DifferenceKind::Added => "added",
        DifferenceKind::Removed => "removed",
        DifferenceKind::Changed => "changed",
    };
    let kind = if note.is_empty() { kind.to_owned() } else { format!("{kind}, {note}") };
    let shown = |value: &Option<String>| match value {
        _ if difference.hidden => "not shown".to_owned(),
        Some(value) => value.clone(),
        None => "–".to_owned(),
    };
    let (before, after) = (shown(&difference.before), shown(&difference.after));
    row(h, &short_path(&difference.path), &[&kind, &before, &after]);
}
