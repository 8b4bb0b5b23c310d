//! What the swimlanes show, in words.

use jiff::Timestamp;

use super::super::text::{count, revision, short_task};
use super::super::words::stopped;
use super::markup::Html;
use super::scale::Scale;
use super::swimlanes::{self, Side, condition_class, pattern, side_name, sides};
use crate::state::ServiceState;
use crate::state::timeline::{Condition, TaskLane};

/// Tasks of each side that the table has.
const ROWS: usize = 100;

/// Every condition, in the order in which a task has them.
const CONDITIONS: [Condition; 8] = [
    Condition::Starting,
    Condition::Running,
    Condition::Healthy,
    Condition::Unhealthy,
    Condition::Draining,
    Condition::Stopping,
    Condition::Stopped,
    Condition::Failed,
];

/// The conditions that occur, as the picture draws them.
pub fn legend(h: &mut Html, service: &ServiceState) {
    let lanes = &service.timeline.lanes;
    let occurs = |condition: &Condition| {
        lanes.iter().any(|lane| lane.conditions.iter().any(|span| span.value == *condition))
    };
    h.element("ul", &[("class", "legend")], |h| {
        for condition in CONDITIONS.into_iter().filter(occurs) {
            h.element("li", &[], |h| {
                swatch(h, condition);
                h.text(condition.word());
            });
        }
    });
}

fn swatch(h: &mut Html, condition: Condition) {
    let attributes = [("class", "swatch"), ("width", "22"), ("height", "13"), ("aria-hidden", "true")];
    h.element("svg", &attributes, |h| match condition {
        Condition::Failed => h.void("path", &[("class", "cross"), ("d", "M6 2L15 11M15 2L6 11")]),
        Condition::Stopped => h.void("path", &[("class", "cap"), ("d", "M11 0V13")]),
        _ => {
            let class = condition_class(condition);
            let whole = [("width", "22"), ("height", "13"), ("rx", "2")];
            h.void("rect", &[&[("class", class)], &whole[..]].concat());
            if let Some(pattern) = pattern(class) {
                h.void("rect", &[&[("fill", pattern)], &whole[..]].concat());
            }
        }
    });
}

/// The numbered marks.
pub fn marks(h: &mut Html, service: &ServiceState, scale: Scale) {
    let marks = swimlanes::marks(service);
    if marks.is_empty() {
        return;
    }
    h.element("ol", &[("class", "marks")], |h| {
        for (at, words) in &marks {
            h.element("li", &[], |h| {
                h.leaf("b", &[], &scale.told(*at));
                h.text(" ");
                h.text(words);
            });
        }
    });
    let left_out = service.timeline.marks.len() - marks.len();
    if left_out > 0 {
        h.leaf("p", &[("class", "note")], &format!("{} left out.", count(left_out, "later mark")));
    }
}

/// Says of which tasks the picture has no lane.
pub fn left_out(h: &mut Html, service: &ServiceState) {
    for side in sides(service, swimlanes::LANES).iter().filter(|side| side.left_out > 0) {
        let name = side_name(side.role).to_lowercase();
        let (drawn, all) = (side.lanes.len(), side.lanes.len() + side.left_out);
        let text = format!("{drawn} of {all} {name} are drawn, {} left out.", side.left_out);
        h.leaf("p", &[("class", "note")], &text);
    }
}

/// The table in its fold.
pub fn table(h: &mut Html, service: &ServiceState, scale: Scale, end: Timestamp) {
    let sides = sides(service, ROWS);
    h.element("details", &[], |h| {
        h.leaf("summary", &[], "The timeline as a table");
        h.element("table", &[], |h| {
            let caption = format!("Tasks of {} over time, counted from the update", service.report.name);
            h.leaf("caption", &[], &caption);
            h.element("thead", &[], |h| {
                h.element("tr", &[], |h| {
                    for heading in ["Task", "Revision", "Conditions", "ECS status", "End"] {
                        h.leaf("th", &[("scope", "col")], heading);
                    }
                });
            });
            for side in &sides {
                rows(h, side, scale, end);
            }
        });
        for side in sides.iter().filter(|side| side.left_out > 0) {
            let name = side_name(side.role).to_lowercase();
            h.leaf("p", &[("class", "note")], &format!("{} more {name} are left out.", side.left_out));
        }
    });
}

fn rows(h: &mut Html, side: &Side<'_>, scale: Scale, end: Timestamp) {
    h.element("tbody", &[], |h| {
        h.element("tr", &[], |h| {
            h.leaf("th", &[("scope", "rowgroup"), ("colspan", "5")], side_name(side.role));
        });
        for lane in &side.lanes {
            h.element("tr", &[], |h| row(h, lane, scale, end));
        }
    });
}

fn row(h: &mut Html, lane: &TaskLane, scale: Scale, end: Timestamp) {
    h.element("th", &[("scope", "row")], |h| h.leaf("code", &[], short_task(&lane.id)));
    h.leaf("td", &[], lane.task_definition.as_deref().map_or("not known", revision));
    let conditions = lane.conditions.iter().map(|span| {
        if span.value.is_over() {
            format!("{} {}", span.value.word(), scale.told(span.from))
        } else {
            format!("{} {} to {}", span.value.word(), scale.told(span.from), scale.told(span.end(end)))
        }
    });
    h.leaf("td", &[], &conditions.collect::<Vec<_>>().join(", "));
    let statuses = lane.statuses.iter().map(|span| format!("{} {}", span.value, scale.told(span.from)));
    h.leaf("td", &[], &statuses.collect::<Vec<_>>().join(", "));
    let why = lane.stopped.as_ref().map(stopped).unwrap_or_else(|| swimlanes::ended(lane, scale));
    h.leaf("td", &[], &why);
}
