//! A Gantt chart of Mermaid: steps, phases and tasks over time. Every name in it passes through [`label`].

use jiff::Timestamp;

use super::escape::label;
use crate::event::Role;
use crate::report::text::short_task;
use crate::report::{role_name, step_name};
use crate::state::timeline::{Condition, Phase, Span, TaskLane};
use crate::state::{RunState, ServiceState};

/// Rows for tasks of one service: a chart of hundreds is read by nobody.
const LANES: usize = 30;
/// GitHub draws no diagram of 50,000 characters.
const LONGEST: usize = 45_000;

/// A chart and what it leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gantt {
    /// The lines of the diagram.
    pub lines: Vec<String>,
    /// Tasks that are not drawn.
    pub left_out: usize,
}

/// The chart of a run; `None` where nothing was rolled out.
pub fn gantt(state: &RunState) -> Option<Gantt> {
    let end = state.now?;
    let rolled_out =
        |service: &ServiceState| !service.timeline.phases.is_empty() || !service.timeline.lanes.is_empty();
    if !state.services.iter().any(rolled_out) {
        return None;
    }
    // Compact: what does not overlap in a section shares a row, so that each task has one.
    const HEAD: &str = "---\ndisplayMode: compact\n---\ngantt\n    dateFormat x\n    axisFormat %H:%M:%S\n    todayMarker off";
    let mut chart = Chart { lines: HEAD.lines().map(str::to_owned).collect(), length: 0, end };
    let mut left_out = 0;
    let several = state.services.len() > 1;
    let of = |service: &ServiceState, what: &str| {
        if several { format!("{} {what}", service.report.name) } else { what.to_owned() }
    };
    for service in &state.services {
        let name = service.report.name.as_str();
        let steps = state.steps.iter().filter(|step| step.service.as_deref().is_none_or(|of| of == name));
        let steps: Vec<Bar> = steps
            .map(|step| {
                let until = step.duration_ms.map(|ms| step.started_at + std::time::Duration::from_millis(ms));
                let failed = if until.is_none() && state.error.is_some() { "crit" } else { "" };
                Bar::new(step_name(step.step), failed, step.started_at, until.unwrap_or(end))
            })
            .collect();
        chart.section(&of(service, "steps"), &steps);
        let timeline = &service.timeline;
        let phases: Vec<Bar> = timeline.phases.iter().map(|span| phase(span, end)).collect();
        chart.section(&of(service, "phases"), &phases);
        let stages: Vec<Bar> = timeline.stages.iter().map(|span| stage(span, end)).collect();
        chart.section(&of(service, "stages"), &stages);
        let mut lanes: Vec<&TaskLane> = timeline.lanes.iter().collect();
        lanes.sort_by_key(|lane| lane.role == Role::Old);
        left_out += lanes.len().saturating_sub(LANES);
        for lane in lanes.into_iter().take(LANES) {
            let bars: Vec<Bar> = lane.conditions.iter().filter_map(|span| condition(span, end)).collect();
            let task = format!("{} task {}", role_name(lane.role), short_task(&lane.id));
            left_out += usize::from(!chart.section(&of(service, &task), &bars) && !bars.is_empty());
        }
    }
    Some(Gantt { lines: chart.lines, left_out })
}

struct Chart {
    lines: Vec<String>,
    length: usize,
    end: Timestamp,
}

struct Bar {
    name: String,
    /// Tags of Mermaid, which choose the colour.
    tags: &'static str,
    from: Timestamp,
    until: Timestamp,
}

impl Bar {
    fn new(name: &str, tags: &'static str, from: Timestamp, until: Timestamp) -> Self {
        Self { name: name.to_owned(), tags, from, until }
    }
}

impl Chart {
    /// Adds a section where there is something in it and room for it, and says whether it did.
    fn section(&mut self, name: &str, bars: &[Bar]) -> bool {
        if bars.is_empty() {
            return false;
        }
        // A bar's name begins with a word of ours: one from outside could be a word of Mermaid, such as `click`.
        let mut lines = vec![format!("    section {}", label(name))];
        for bar in bars {
            let from = bar.from.as_millisecond();
            // A bar without a width is not drawn; a mark has none.
            let mark = bar.tags.contains("milestone");
            let until = bar.until.min(self.end).as_millisecond().max(if mark { from } else { from + 1 });
            let comma = if bar.tags.is_empty() { "" } else { ", " };
            lines.push(format!("    {} :{}{comma}{from}, {until}", label(&bar.name), bar.tags));
        }
        let length: usize = lines.iter().map(|line| line.len() + 1).sum();
        if self.length + length > LONGEST {
            return false;
        }
        self.length += length;
        self.lines.extend(lines);
        true
    }
}

fn phase(span: &Span<Phase>, end: Timestamp) -> Bar {
    let (name, tags) = match span.value {
        Phase::Deploying => ("deploying", "active"),
        Phase::Draining => ("draining", "done"),
        Phase::RollingBack => ("rolling back", "crit"),
    };
    Bar::new(name, tags, span.from, span.end(end))
}

fn stage(span: &Span<String>, end: Timestamp) -> Bar {
    Bar::new(&format!("stage {}", span.value), "active", span.from, span.end(end))
}

fn condition(span: &Span<Condition>, end: Timestamp) -> Option<Bar> {
    let (name, tags) = match span.value {
        Condition::Starting => ("starting", "active"),
        Condition::Running => ("running", "active"),
        Condition::Healthy => ("healthy", ""),
        Condition::Unhealthy => ("unhealthy", "crit"),
        Condition::Draining => ("draining", "done"),
        Condition::Stopping => ("stopping", "done"),
        Condition::Failed => return Some(Bar::new("failed", "crit, milestone", span.from, span.from)),
        // It is over.
        Condition::Stopped => return None,
    };
    Some(Bar::new(name, tags, span.from, span.end(end)))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::github::testing::{deployed, failing, fold, hostile, planned};
    use crate::report::testing::up_to_date;

    fn text(state: &RunState) -> String {
        gantt(state).map(|gantt| gantt.lines.join("\n")).unwrap_or_default()
    }

    #[test]
    fn a_deployment_in_time() {
        assert_snapshot!(text(&deployed(&["hello"])), @"
        ---
        displayMode: compact
        ---
        gantt
            dateFormat x
            axisFormat %H:%M:%S
            todayMarker off
            section steps
            plan :1772366400000, 1772366400410
            push image :1772366400500, 1772366408010
            upload env files :1772366400500, 1772366400910
            register revision :1772366408020, 1772366408200
            update service :1772366408200, 1772366408500
            watch rollout :1772366408500, 1772366435000
            section phases
            deploying :active, 1772366408500, 1772366423000
            draining :done, 1772366423000, 1772366435000
            section new task 7f3a9c12
            starting :active, 1772366410000, 1772366420000
            running :active, 1772366420000, 1772366422000
            healthy :1772366422000, 1772366435010
            section new task b01d77e4
            starting :active, 1772366410200, 1772366423000
            healthy :1772366423000, 1772366435010
            section old task 0c9e11aa
            healthy :1772366409000, 1772366425000
            draining :done, 1772366425000, 1772366433000
            section old task d4f1bb02
            healthy :1772366409000, 1772366425000
            draining :done, 1772366425000, 1772366434000
        ");
    }

    #[test]
    fn a_task_that_failed_is_marked_and_nothing_is_drawn_of_nothing() {
        let failing = text(&failing());
        assert!(failing.contains("\n    failed :crit, milestone, "), "{failing}");
        assert!(failing.contains("\n    rolling back :crit, "), "{failing}");
        assert_eq!((text(&planned()), text(&fold(&up_to_date()))), (String::new(), String::new()));
        let several = text(&deployed(&["hello", "worker"]));
        assert!(
            several.contains("section hello phases") && several.contains("section worker new task 7f3a9c12")
        );
    }

    #[test]
    fn a_chart_of_many_tasks_says_what_it_leaves_out() {
        let mut state = deployed(&["hello"]);
        let lane = state.services[0].timeline.lanes[0].clone();
        state.services[0].timeline.lanes = vec![lane; 50];
        let few = gantt(&state).unwrap();
        assert_eq!(few.left_out, 20);
        state.services = vec![state.services[0].clone(); 40];
        let many = gantt(&state).unwrap();
        assert!(many.lines.join("\n").len() < 50_000);
        let drawn = many.lines.iter().filter(|line| line.contains(" task ")).count();
        assert_eq!(drawn + many.left_out, 40 * 50);
    }

    /// Every line is one of the few forms that are written here, whatever somebody has named a task or a stage.
    #[test]
    fn no_name_is_syntax() {
        for (of, mut state, _) in hostile() {
            for service in &mut state.services {
                let (at, until) = (state.now.unwrap(), None);
                service.timeline.stages = vec![Span { value: of.clone(), from: at, until }];
            }
            let Some(gantt) = gantt(&state) else { continue };
            for line in &gantt.lines[7..] {
                let plain = |name: &str| {
                    name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '/'))
                };
                let line = line.strip_prefix("    ").unwrap();
                let is_section = line.strip_prefix("section ").is_some_and(plain);
                let is_bar = line.split_once(" :").is_some_and(|(name, data)| {
                    plain(name)
                        && data.split(", ").all(|part| {
                            ["active", "done", "crit", "milestone"].contains(&part)
                                || part.parse::<i64>().is_ok()
                        })
                });
                assert!(is_section || is_bar, "{line:?} of {of:?}");
            }
        }
    }
}
