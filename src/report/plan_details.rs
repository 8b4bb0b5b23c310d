//! The details of a plan as lines: what differs, how the rollout will go, what it costs, which calls are made.

use super::line::Line;
use super::style::{Style, Tone};
use super::text::{count, shorten_arns};
use crate::event::{CostEstimate, Difference, DifferenceKind, PlanDetails, RolloutForecast};
use crate::state::ServiceState;

/// Columns of what the parts are called.
const LABEL: usize = 10;
/// The longest value of a difference that is told in one line; JSON has all of it.
const VALUE: usize = 300;

/// The details of the plan of a service; empty where there are none.
pub(super) fn details(service: &ServiceState, style: Style) -> Vec<Line> {
    let Some(plan) = &service.plan else { return Vec::new() };
    let mut lines = Vec::new();
    let tags: Vec<String> = plan
        .images
        .iter()
        .filter(|image| image.before.as_deref() != Some(&image.after))
        .filter_map(|image| Some(format!("{} {}", image.container, image.tag.as_ref()?)))
        .collect();
    if !tags.is_empty() {
        lines.extend(labelled("image tag", Line::new().text(&tags.join(", ")), style));
    }
    let told: Vec<&Difference> =
        plan.task_definition.iter().filter(|found| !is_told(service, found)).collect();
    section(
        &mut lines,
        "differences of the task definition:",
        told.iter().map(|found| (*found, None)),
        style,
    );
    let attributes = plan.attributes.iter().map(|attribute| {
        let note = if attribute.starts_deployment { "starts a deployment" } else { "starts no deployment" };
        (&attribute.difference, Some(note))
    });
    section(&mut lines, "differences of the service:", attributes, style);
    if let Some(rollout) = &plan.rollout {
        lines.extend(labelled("rollout", Line::new().text(&tasks_words(rollout)), style));
        let because = format!(" ({})", rollout.because.join("; "));
        let line = Line::new().text(&time_words(rollout)).tone(Tone::Dim, &because);
        lines.extend(labelled("", line, style));
    }
    if let Some(cost) = &plan.cost {
        let notes =
            if cost.notes.is_empty() { String::new() } else { format!(" ({})", cost.notes.join("; ")) };
        lines.extend(labelled("cost", Line::new().text(&cost_words(cost)).tone(Tone::Dim, &notes), style));
    }
    if !plan.calls.is_empty() {
        lines.extend(labelled("calls", Line::new().text(&call_words(plan)), style));
    }
    lines
}

/// What `landfall diff` says.
pub(super) fn compared(found: &[Difference], style: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    section(&mut lines, "differences of the task definition:", found.iter().map(|one| (one, None)), style);
    lines
}

/// Whether a difference is told among the changes or the variables already.
pub(super) fn is_told(service: &ServiceState, found: &Difference) -> bool {
    let images = service.plan.iter().flat_map(|plan| &plan.images);
    let changes = service.changes.iter().flatten();
    images.into_iter().any(|image| found.path == format!("containerDefinitions[{}].image", image.container))
        || service.variables.iter().any(|of| {
            let place = format!("containerDefinitions[{}].", of.container);
            let field = found.path.strip_prefix(&place).unwrap_or_default();
            field.starts_with("environment[") || field.starts_with("secrets[")
        })
        || changes.into_iter().any(|change| {
            let container = change.subject.strip_prefix("env file of ");
            container
                .is_some_and(|name| found.path == format!("containerDefinitions[{name}].environmentFiles"))
        })
}

fn section<'a>(
    lines: &mut Vec<Line>,
    title: &str,
    found: impl Iterator<Item = (&'a Difference, Option<&'a str>)>,
    style: Style,
) {
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return;
    }
    lines.push(Line::new().text(title));
    let width =
        found.iter().map(|(one, _)| Line::new().text(&short_path(&one.path)).width()).max().unwrap_or(0);
    // At a narrow terminal a long path has its value below it.
    let width = width.min(style.width.map_or(44, |columns| (columns / 2).saturating_sub(6)).min(44));
    for (difference, note) in found {
        let (sign, tone) = match difference.kind {
            DifferenceKind::Added => ("+", Tone::Good),
            DifferenceKind::Removed => ("-", Tone::Bad),
            DifferenceKind::Changed => ("~", Tone::Warn),
        };
        let path = short_path(&difference.path);
        let line = Line::new().tone(tone, sign).text(" ").text(&path).indent(2).pad(4 + width).text("  ");
        let line = values(line, difference, style);
        let line = match note {
            Some(note) => line.tone(Tone::Dim, &format!(" ({note})")),
            None => line,
        };
        lines.extend(line.wrap(style.width, 8));
    }
}

fn values(line: Line, difference: &Difference, style: Style) -> Line {
    if difference.hidden {
        return line.tone(Tone::Dim, "the value is not shown");
    }
    let short = |value: &Option<String>| {
        // Of a volume there may be only the name.
        let text = shorten_arns(value.as_deref().filter(|text| *text != "{}").unwrap_or_default());
        Line::new().text(&text).truncate(VALUE, style)
    };
    let (before, after) = (short(&difference.before), short(&difference.after));
    match difference.kind {
        DifferenceKind::Added => line.join(after),
        DifferenceKind::Removed => line.join(before),
        DifferenceKind::Changed => line.join(before).text(&format!(" {} ", style.arrow())).join(after),
    }
}

/// `web.cpu` of `containerDefinitions[web].cpu`.
pub(super) fn short_path(path: &str) -> String {
    let Some((container, field)) =
        path.strip_prefix("containerDefinitions[").and_then(|rest| rest.split_once(']'))
    else {
        return path.to_owned();
    };
    if field.is_empty() { format!("container {container}") } else { format!("{container}{field}") }
}

fn labelled(label: &str, line: Line, style: Style) -> Vec<Line> {
    Line::new().tone(Tone::Dim, label).pad(LABEL).join(line).wrap(style.width, LABEL)
}

/// `ROLLING: 2 tasks wanted, at most 4 at once, 2 stay healthy; 2 new tasks at a time`
pub(super) fn tasks_words(rollout: &RolloutForecast) -> String {
    let batches = match rollout.batches {
        0 | 1 => String::new(),
        batches => format!(", in {batches} batches"),
    };
    format!(
        "{}: {} wanted, at most {} at once, at least {} stay healthy; {} at a time{batches}",
        rollout.strategy,
        count(rollout.desired as usize, "task"),
        rollout.ceiling,
        rollout.floor,
        count(rollout.at_a_time as usize, "new task"),
    )
}

/// `expected to take 50 s to 6 min`
pub(super) fn time_words(rollout: &RolloutForecast) -> String {
    let told = |seconds: u64| match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    };
    format!("expected to take {} to {}", told(rollout.shortest_s), told(rollout.longest_s))
}

/// `36.04 USD a month, before 18.02, for 2 tasks: an estimate by list prices of 2026-10-05`
pub(super) fn cost_words(cost: &CostEstimate) -> String {
    let told = |usd: Option<f64>| usd.map_or_else(|| "not known".to_owned(), |usd| format!("{usd:.2}"));
    let Some(date) = &cost.prices_of else { return "not known".to_owned() };
    let amount = if cost.before_usd == cost.after_usd {
        format!("{} USD a month, as before,", told(cost.after_usd))
    } else {
        format!("{} USD a month, before {},", told(cost.after_usd), told(cost.before_usd))
    };
    format!("{amount} for {}: an estimate by list prices of {date}", count(cost.tasks as usize, "task"))
}

/// `ecr push, s3:PutObject (2 times), ecs:UpdateService`
pub(super) fn call_words(plan: &PlanDetails) -> String {
    let mut told: Vec<(&str, usize)> = Vec::new();
    for call in &plan.calls {
        match told.iter_mut().find(|(name, _)| name == call) {
            Some((_, times)) => *times += 1,
            None => told.push((call, 1)),
        }
    }
    let told = told.into_iter().map(|(name, times)| match times {
        1 => name.to_owned(),
        times => format!("{name} ({times} times)"),
    });
    told.collect::<Vec<_>>().join(", ")
}
