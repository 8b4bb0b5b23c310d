//! The swimlanes: a lane for each task, with the rollout's phases above and its marks across.

use jiff::Timestamp;

use super::super::text::{count, revision, short_task};
use super::super::words::by_name;
use super::markup::Html;
use super::scale::{Scale, percent};
use crate::event::{Role, Verdict};
use crate::state::ServiceState;
use crate::state::timeline::{Condition, MarkKind, Phase, Span, TaskLane};

/// Lanes that are drawn of each side; more would be no picture any more.
pub const LANES: usize = 25;
/// Marks that are drawn and listed.
pub const MARKS: usize = 20;

/// Pixels: the first row, below the ticks.
const TOP: u32 = 24;
const STRIP: u32 = 18;
const BAR: u32 = 13;
const LANE: u32 = 34;
const HEADING: u32 = 26;
/// A word in a bar that is narrower, in percent of the chart, is left out, or left out on a telephone.
const WORD: f64 = 9.0;
const WORD_ON_TELEPHONE: f64 = 24.0;

/// The tasks of one side that are drawn, and how many are not.
pub struct Side<'a> {
    /// Whose tasks.
    pub role: Role,
    /// In order of appearance.
    pub lanes: Vec<&'a TaskLane>,
    /// How many more there were.
    pub left_out: usize,
}

/// The sides from old to new. Where there are too many tasks of a side, those that failed come first.
pub fn sides(service: &ServiceState, most: usize) -> Vec<Side<'_>> {
    let of = |role: Role| {
        let all: Vec<&TaskLane> = service.timeline.lanes.iter().filter(|lane| lane.role == role).collect();
        let mut chosen: Vec<usize> = (0..all.len()).collect();
        chosen.sort_by_key(|index| all[*index].last() != Some(Condition::Failed));
        chosen.truncate(most);
        chosen.sort_unstable();
        let left_out = all.len() - chosen.len();
        Side { role, lanes: chosen.into_iter().map(|index| all[index]).collect(), left_out }
    };
    [Role::Old, Role::Followed, Role::Newer]
        .map(of)
        .into_iter()
        .filter(|side| !side.lanes.is_empty())
        .collect()
}

/// What the tasks of a side are called: `New tasks`.
pub fn side_name(role: Role) -> &'static str {
    match role {
        Role::Old => "Old tasks",
        Role::Followed => "New tasks",
        Role::Newer => "Tasks of a newer deployment",
    }
}

/// The time that the charts of a service show, and its end; `None` where nothing was seen over time.
pub fn scale(service: &ServiceState, now: Timestamp) -> Option<(Scale, Timestamp)> {
    let end = service.finished_at.unwrap_or(now);
    let (first, last) = service.timeline.extent(end)?;
    Some((Scale::new(service.updated_at.unwrap_or(first), first, last), end))
}

/// The marks that are told, in words, with their instants.
pub fn marks(service: &ServiceState) -> Vec<(Timestamp, String)> {
    let told = service.timeline.marks.iter().map(|mark| (mark.at, mark_words(&mark.kind)));
    told.take(MARKS).collect()
}

fn mark_words(kind: &MarkKind) -> String {
    match kind {
        MarkKind::Updated { deployment_id, task_definition } => {
            format!("service updated to {}, deployment {deployment_id}", revision(task_definition))
        }
        MarkKind::Healthy => "healthy: every new task meets every condition".to_owned(),
        MarkKind::Steady => "steady: the old tasks have drained".to_owned(),
        MarkKind::Newer { deployment_id } => format!("deployment {deployment_id} appeared"),
        MarkKind::Drained { deployment_id } => format!("deployment {deployment_id} has drained"),
        MarkKind::Restarted { task, container } => {
            format!("container {container} of task {} was restarted in place", short_task(task))
        }
        MarkKind::ProbeFailed { what } => format!("a request of the probe failed: {what}"),
        MarkKind::ProbeRecovered { failed } => {
            let failed = count(usize::try_from(*failed).unwrap_or(usize::MAX), "request");
            format!("the probe is answered again; {failed} failed")
        }
        MarkKind::RollbackStarted { by, task_definition } => {
            format!("rollback to {} by {} began", revision(task_definition), by_name(*by))
        }
        MarkKind::RollbackFinished { complete: true } => "rollback done".to_owned(),
        MarkKind::RollbackFinished { complete: false } => "the rollback did not complete".to_owned(),
        MarkKind::Finished { verdict: Verdict::Succeeded } => "the run saw the end of the rollout".to_owned(),
        MarkKind::Finished { verdict } => {
            format!("the run ended: {}", super::super::words::verdict_name(*verdict))
        }
    }
}

/// The picture. `prefix` makes its ids unique on the page.
pub fn draw(h: &mut Html, service: &ServiceState, scale: Scale, end: Timestamp, prefix: &str) {
    let sides = sides(service, LANES);
    let (title, description) = (format!("{prefix}-lanes-title"), format!("{prefix}-lanes-desc"));
    let marks = marks(service);
    let timeline = &service.timeline;
    let strips = [!timeline.phases.is_empty(), !timeline.stages.is_empty(), !timeline.traffic.is_empty()];
    let strips = u32::try_from(strips.into_iter().filter(|is| *is).count()).unwrap_or(0);
    let circles = place_circles(&marks, scale);
    let rows = circles.iter().map(|(_, row)| row + 1).max().unwrap_or(0);
    let lanes_top = TOP + strips * (STRIP + 4) + rows * 20 + 4;
    let lanes: u32 =
        sides.iter().map(|side| HEADING + LANE * u32::try_from(side.lanes.len()).unwrap_or(0)).sum();
    let height = lanes_top + lanes + 6;
    let attributes = [
        ("class", "chart"),
        ("role", "img"),
        ("width", "100%"),
        ("height", &height.to_string()),
        ("aria-labelledby", &format!("{title} {description}")),
        ("xmlns", "http://www.w3.org/2000/svg"),
    ];
    h.element("svg", &attributes, |h| {
        h.leaf("title", &[("id", &title)], &format!("Timeline of the tasks of {}", service.report.name));
        h.leaf("desc", &[("id", &description)], &description_of(service, &sides));
        scale.axis(h, height);
        let mut y = TOP;
        if !timeline.phases.is_empty() {
            for span in &timeline.phases {
                bar(h, scale, span, end, (y, STRIP), phase_class(span.value), span.value.word());
            }
            y += STRIP + 4;
        }
        if !timeline.stages.is_empty() {
            for span in &timeline.stages {
                bar(h, scale, span, end, (y, STRIP), "bar c-stage", &span.value);
            }
            y += STRIP + 4;
        }
        if !timeline.traffic.is_empty() {
            for span in &timeline.traffic {
                let word = format!("{} % of the traffic", span.value);
                bar(h, scale, span, end, (y, STRIP), "bar c-traffic", &word);
            }
            y += STRIP + 4;
        }
        for (number, ((at, words), (place, row))) in marks.iter().zip(&circles).enumerate() {
            mark(h, (number + 1, *place), y + row * 20, height, &format!("{} {words}", scale.told(*at)));
        }
        let mut y = lanes_top;
        for side in &sides {
            let heading = format!("{}{}", side_name(side.role), of_revisions(side));
            h.leaf("text", &[("class", "side"), ("x", "0"), ("y", &(y + 17).to_string())], &heading);
            y += HEADING;
            for task in &side.lanes {
                lane(h, scale, task, end, y);
                y += LANE;
            }
        }
    });
}

/// ` of web:9`, where it is known and the same for all.
fn of_revisions(side: &Side<'_>) -> String {
    let mut revisions: Vec<&str> =
        side.lanes.iter().filter_map(|lane| lane.task_definition.as_deref()).map(revision).collect();
    revisions.sort_unstable();
    revisions.dedup();
    if revisions.is_empty() { String::new() } else { format!(" of {}", revisions.join(", ")) }
}

fn description_of(service: &ServiceState, sides: &[Side<'_>]) -> String {
    let each = sides.iter().map(|side| {
        let failed = side.lanes.iter().filter(|lane| lane.last() == Some(Condition::Failed)).count();
        let failed = if failed == 0 { String::new() } else { format!(", {failed} of them failed") };
        let name = side_name(side.role).to_lowercase();
        format!("{} {name}{}{failed}", side.lanes.len() + side.left_out, of_revisions(side))
    });
    let each: Vec<String> = each.collect();
    let phases: Vec<&str> = service.timeline.phases.iter().map(|span| span.value.word()).collect();
    let phases = if phases.is_empty() { String::new() } else { format!(" Phases: {}.", phases.join(", ")) };
    format!("{}.{phases} The table below the picture says the same in words.", each.join("; "))
}

fn phase_class(phase: Phase) -> &'static str {
    match phase {
        Phase::Deploying => "bar c-deploying",
        Phase::Draining => "bar c-phase-draining",
        Phase::RollingBack => "bar c-rolling-back",
    }
}

fn lane(h: &mut Html, scale: Scale, task: &TaskLane, end: Timestamp, y: u32) {
    let label_y = (y + 10).to_string();
    h.element("text", &[("class", "lane"), ("x", "0"), ("y", &label_y)], |h| {
        h.leaf("tspan", &[("class", "id")], short_task(&task.id));
        h.leaf("tspan", &[("class", "dim")], &format!("  {}", ended(task, scale)));
    });
    for span in &task.conditions {
        let top = y + 14;
        if span.value.is_over() {
            stop(h, scale, span, top);
        } else {
            bar(h, scale, span, end, (top, BAR), condition_class(span.value), span.value.word());
        }
    }
}

/// How a lane ends, in a few words: `failed +5.5 s, exit code 1`.
pub fn ended(task: &TaskLane, scale: Scale) -> String {
    let Some(last) = task.conditions.last() else { return String::new() };
    let codes: Vec<String> = task.exit_codes().iter().map(|(_, code)| code.to_string()).collect();
    let codes = match (last.value, codes.as_slice()) {
        (Condition::Failed, [code]) => format!(", exit code {code}"),
        (Condition::Failed, [_, ..]) => format!(", exit codes {}", codes.join(", ")),
        _ => String::new(),
    };
    if last.value.is_over() {
        format!("{} {}{codes}", last.value.word(), scale.told(last.from))
    } else {
        format!("{} at the end", last.value.word())
    }
}

/// The class of a bar; its style sheet gives it a colour, and [`pattern`] a pattern.
pub fn condition_class(condition: Condition) -> &'static str {
    match condition {
        Condition::Starting => "bar c-starting",
        Condition::Running => "bar c-running",
        Condition::Healthy => "bar c-healthy",
        Condition::Unhealthy => "bar c-unhealthy",
        Condition::Draining => "bar c-draining",
        Condition::Stopping => "bar c-stopping",
        Condition::Stopped => "bar c-stopped",
        Condition::Failed => "bar c-failed",
    }
}

/// The pattern over a bar, so that colours are not all that tells conditions apart.
pub fn pattern(class: &str) -> Option<&'static str> {
    match class {
        "bar c-starting" => Some("url(#stripes)"),
        "bar c-unhealthy" | "bar c-rolling-back" => Some("url(#cross)"),
        "bar c-draining" | "bar c-phase-draining" => Some("url(#dots)"),
        "bar c-stopping" => Some("url(#lines)"),
        _ => None,
    }
}

fn bar<T>(
    h: &mut Html,
    scale: Scale,
    span: &Span<T>,
    end: Timestamp,
    (y, height): (u32, u32),
    class: &'static str,
    word: &str,
) {
    let until = span.end(end);
    let (x, width) = scale.span(span.from, until);
    let (height, middle) = (height.to_string(), (height / 2 + 4).to_string());
    // An inner SVG cuts off what does not fit into it.
    let attributes =
        [("x", percent(x)), ("y", y.to_string()), ("width", percent(width)), ("height", height.clone())];
    let attributes = attributes.each_ref().map(|(name, value)| (*name, value.as_str()));
    h.element("svg", &attributes, |h| {
        h.leaf("title", &[], &format!("{word} from {} to {}", scale.told(span.from), scale.told(until)));
        let whole = [("width", "100%"), ("height", height.as_str()), ("rx", "2")];
        h.void("rect", &[&[("class", class)], &whole[..]].concat());
        if let Some(pattern) = pattern(class) {
            h.void("rect", &[&[("fill", pattern)], &whole[..]].concat());
        }
        if width >= WORD {
            let class = if width < WORD_ON_TELEPHONE { "word wide" } else { "word" };
            h.leaf("text", &[("class", class), ("x", "5"), ("y", &middle)], word);
        }
    });
}

/// The end of a task: a cross for one that failed, a bar for one that was to stop.
fn stop(h: &mut Html, scale: Scale, span: &Span<Condition>, y: u32) {
    let x = scale.x(span.from);
    let (class, path, far) = match span.value {
        Condition::Failed => ("cross", "M2 2L11 11M11 2L2 11", "M-2 2L-11 11M-11 2L-2 11"),
        _ => ("cap", "M2 0V13", "M-2 0V13"),
    };
    let attributes = [("x", percent(x)), ("y", y.to_string())];
    let attributes = attributes.each_ref().map(|(name, value)| (*name, value.as_str()));
    let size = [("width", "1"), ("height", "13"), ("overflow", "visible")];
    h.element("svg", &[&attributes[..], &size[..]].concat(), |h| {
        h.leaf("title", &[], &format!("{} {}", span.value.word(), scale.told(span.from)));
        h.void("path", &[("class", class), ("d", if x > 96.0 { far } else { path })]);
    });
}

/// Circles that would lie upon each other on a telephone get rows of their own: place in percent, and row.
fn place_circles(marks: &[(Timestamp, String)], scale: Scale) -> Vec<(f64, u32)> {
    const WIDTH: f64 = 6.0;
    const ROWS: usize = 4;
    let mut rows = [-WIDTH; ROWS];
    let place = |at: Timestamp| scale.x(at).clamp(2.5, 97.5);
    let mut placed = Vec::new();
    for (at, _) in marks {
        let x = place(*at);
        let row = rows.iter().position(|last| x - last >= WIDTH).unwrap_or(ROWS - 1);
        rows[row] = x;
        placed.push((x, u32::try_from(row).unwrap_or(0)));
    }
    placed
}

fn mark(h: &mut Html, (number, place): (usize, f64), y: u32, height: u32, words: &str) {
    let (x, y, height) = (percent(place), y + 9, height.to_string());
    h.element("g", &[("class", "mark")], |h| {
        h.leaf("title", &[], words);
        let below = (y + 8).to_string();
        h.void("line", &[("x1", &x), ("x2", &x), ("y1", &below), ("y2", &height)]);
        h.void("circle", &[("cx", &x), ("cy", &y.to_string()), ("r", "8.5")]);
        let attributes = [("x", x.as_str()), ("y", &(y + 4).to_string()), ("text-anchor", "middle")];
        h.leaf("text", &attributes, &number.to_string());
    });
}
