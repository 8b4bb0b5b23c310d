//! What a dry run says: the changes that a run would make.

use super::line::Line;
use super::plan_details::details;
use super::style::{Mark, Style, Tone};
use super::text::count;
use super::variables::of_container;
use super::words;
use crate::state::{RunState, ServiceState};

/// The plan of one service as lines.
pub(super) fn plan(state: &RunState, service: &ServiceState, style: Style) -> Vec<Line> {
    let name = &service.report.name;
    let changes = service.changes.as_deref().unwrap_or_default();
    if changes.is_empty() {
        let line = Line::marked(Mark::Done, style).tone(Tone::Strong, name);
        return vec![line.text(" is up to date: nothing to do")];
    }
    let mut head = Line::marked(Mark::Info, style).tone(Tone::Strong, name);
    head = head.text(&format!(": {}", count(changes.len(), "change")));
    if let (Some(run), Some(ecs_service)) = (&state.run, &service.ecs_service) {
        head = head.tone(Tone::Dim, &format!(" (service {ecs_service} on cluster {})", run.cluster));
    }
    let mut lines = head.wrap(style.width, 4);
    for change in changes {
        // A line at a terminal is short; a log has all of it.
        let short = style.width.map(|_| words::with_short_names(change));
        let change = short.as_ref().unwrap_or(change);
        lines.extend(words::change(change, style).indent(4).wrap(style.width, 8));
    }
    let narrow = Style { width: style.width.map(|width| width.saturating_sub(4)), ..style };
    for container in &service.variables {
        lines.push(Line::new());
        lines.extend(of_container(container, true, narrow).into_iter().map(|line| line.indent(4)));
    }
    let details = details(service, narrow);
    if !details.is_empty() {
        lines.push(Line::new());
        lines.extend(details.into_iter().map(|line| line.indent(4)));
        let made = format!("the plan took {} of AWS", count(service.planned_with as usize, "call"));
        lines.push(Line::new().tone(Tone::Dim, &made).indent(4));
    }
    lines
}
