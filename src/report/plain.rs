//! [`Plain`]: one line per change, for the logs of CI.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};

use super::line::Line;
use super::logs;
use super::plan_details::{compared, details};
use super::preflight;
use super::reporter::Reporter;
use super::style::{Mark, Style, Tone};
use super::summary::summary;
use super::text::{bytes, count, duration, neutralise_github};
use super::variables::{of_check, of_comparison, of_container, of_file};
use super::words;
use crate::event::{Change, Event, Record, Role, TaskState};
use crate::state::{PushState, RunState};

/// The shortest time between two lines about the progress of one image.
const PROGRESS_INTERVAL: SignedDuration = SignedDuration::from_secs(5);

/// What is told within this time was seen in one look: a look tells all at once.
const ONE_LOOK: SignedDuration = SignedDuration::from_millis(50);

/// Writes `HH:MM:SS service  text` lines and, at the end, the summary.
pub struct Plain {
    out: Box<dyn Write + Send>,
    style: Style,
    github: bool,
    name_width: usize,
    progress: BTreeMap<(Option<String>, String), Timestamp>,
    findings: BTreeSet<(Option<String>, String)>,
    tasks: BTreeMap<(Option<String>, String), String>,
    /// What tasks became in the look that is being told: one line for all that became the same.
    together: Vec<Together>,
    /// The last event of each service: ECS tells the same of each task.
    messages: BTreeMap<Option<String>, String>,
}

/// Tasks that were seen to be in the same state at the same time.
struct Together {
    time: Timestamp,
    service: Option<String>,
    role: Role,
    state: String,
    ids: Vec<String>,
}

impl Plain {
    /// A reporter that writes to `out`, standard output as a rule.
    pub fn new(out: Box<dyn Write + Send>, style: Style) -> Self {
        Self {
            out,
            style: Style { width: None, ..style },
            github: false,
            name_width: 0,
            progress: BTreeMap::new(),
            findings: BTreeSet::new(),
            tasks: BTreeMap::new(),
            together: Vec::new(),
            messages: BTreeMap::new(),
        }
    }

    /// The same for the log of GitHub Actions: no line can be a workflow command.
    ///
    /// Without colours, because a colour before `::` would hide it from us, not from every reader.
    pub fn github(out: Box<dyn Write + Send>, style: Style) -> Self {
        Self { github: true, ..Self::new(out, Style { color: false, ..style }) }
    }

    /// What there is to say of a record, and whether it is worth saying.
    fn lines(&mut self, record: &Record, state: &RunState) -> Vec<Line> {
        let dry_run = state.run.as_ref().is_some_and(|run| run.dry_run);
        let key = |name: &String| (record.service.clone(), name.clone());
        // The summary has all of it.
        let looks_once = state.run.as_ref().is_some_and(|run| run.command == "status");
        match &record.event {
            Event::Planned { changes, variables, .. } if !dry_run => {
                let mut lines = self.plan(changes);
                let told = variables.iter().flat_map(|of| of_container(of, false, self.style));
                lines.extend(told.map(|line| line.indent(2)));
                let planned = record.service.as_deref().and_then(|name| state.service(name));
                let told = planned.map(|service| details(service, self.style)).unwrap_or_default();
                lines.extend(told.into_iter().map(|line| line.indent(2)));
                lines
            }
            Event::PreflightFinished(summary) => {
                let service = record.service.as_deref().and_then(|name| state.service(name));
                let checks = service.map(|service| service.checks.as_slice()).unwrap_or_default();
                preflight::plain(checks, summary)
            }
            Event::EnvFileChecked(check) => {
                let lines = of_file(check).into_iter();
                let warned = |mark, line| match mark {
                    Mark::Warning => Line::new().tone(Tone::Warn, "warning").text(": ").join(line),
                    Mark::Failed => Line::new().tone(Tone::Bad, "refused").text(": ").join(line),
                    _ => line,
                };
                lines.map(|(mark, line)| warned(mark, line)).collect()
            }
            Event::DefinitionsCompared { differences, .. } => compared(differences, self.style),
            Event::EnvCompared(variables) => of_comparison(variables, self.style),
            Event::LayerProgress { container, .. } | Event::BlobProgress { container, .. } => {
                let packing = matches!(record.event, Event::LayerProgress { .. });
                let push =
                    record.service.as_deref().and_then(|name| state.service(name)).and_then(|service| {
                        service.pushes.iter().rev().find(|push| push.container == *container)
                    });
                let Some(push) = push else { return Vec::new() };
                let last = self.progress.entry(key(container)).or_insert(push.started_at);
                if record.time.duration_since(*last) < PROGRESS_INTERVAL {
                    return Vec::new();
                }
                *last = record.time;
                let text = if packing { compressing(push, record.time) } else { progress(push, record.time) };
                vec![Line::new().text(&text)]
            }
            Event::DeploymentChanged { .. }
            | Event::TaskChanged { .. }
            | Event::FindingMade { .. }
            | Event::RolloutFinished { .. }
                if looks_once =>
            {
                Vec::new()
            }
            Event::FindingMade { finding } => {
                let again = !self.findings.insert(key(&finding.code));
                words::sentence(record, again, self.style).into_iter().collect()
            }
            Event::ContainerLogs(logs) => logs::block(logs, usize::MAX, self.style),
            Event::ServiceMessage { message } => {
                if self.messages.insert(record.service.clone(), message.clone()).as_ref() == Some(message) {
                    return Vec::new();
                }
                words::sentence(record, false, self.style).into_iter().collect()
            }
            Event::TaskChanged { task } => {
                // A task can change in ways that the line does not show.
                let state = words::task_state(task);
                let text = format!("{:?} {state}", task.role);
                if self.tasks.insert(key(&task.id), text.clone()).as_ref() != Some(&text) {
                    self.put_together(record, task, state);
                }
                Vec::new()
            }
            _ => words::sentence(record, false, self.style).into_iter().collect(),
        }
    }

    fn put_together(&mut self, record: &Record, task: &TaskState, state: String) {
        let same = |other: &&mut Together| {
            other.service == record.service && other.role == task.role && other.state == state
        };
        if let Some(others) = self.together.iter_mut().find(same) {
            others.ids.push(task.id.clone());
            return;
        }
        self.together.push(Together {
            time: record.time,
            service: record.service.clone(),
            role: task.role,
            state,
            ids: vec![task.id.clone()],
        });
    }

    /// Writes what tasks became, before anything else is written.
    fn tell_tasks(&mut self) -> io::Result<()> {
        let mut text = String::new();
        for of in std::mem::take(&mut self.together) {
            let line = Line::new().text(&words::tasks(&of.ids, of.role, &of.state));
            text.push_str(&self.stamped(of.time, of.service.as_deref(), line));
        }
        if text.is_empty() { Ok(()) } else { self.write(&text) }
    }

    /// A line with its time, and the service where there is one to name.
    fn stamped(&self, time: Timestamp, service: Option<&str>, line: Line) -> String {
        // Eight columns of time, two spaces between each.
        let mut start = Line::new().text(&time.strftime("%T").to_string()).pad(10);
        if self.name_width > 0 {
            start = start.text(service.unwrap_or("")).pad(10 + self.name_width + 2);
        }
        format!("{}\n", start.join(line).render(self.style))
    }

    fn plan(&self, changes: &[Change]) -> Vec<Line> {
        if changes.is_empty() {
            return vec![Line::new().text("plan: nothing to do")];
        }
        let mut lines = vec![Line::new().text(&format!("plan: {}", count(changes.len(), "change")))];
        lines.extend(changes.iter().map(|change| words::change(change, self.style).indent(2)));
        lines
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        let mut text = text.to_owned();
        if self.github {
            text = text.lines().flat_map(|line| [neutralise_github(line), "\n".to_owned()]).collect();
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// `web: compressing, 120.0 MB of 400.0 MB (30 %), 200.0 MB/s`
fn compressing(push: &PushState, now: Timestamp) -> String {
    let (read, total) = (push.read(), push.packing.iter().map(|layer| layer.size).sum());
    let percent = super::live::percent(read, total, false);
    let (container, done, all) = (&push.container, bytes(read), bytes(total));
    let mut text = format!("{container}: compressing, {done} of {all} ({percent} %)");
    if let Some(rate) = super::live::rate(read, push.started_at, now) {
        text.push_str(&format!(", {}/s", bytes(rate)));
    }
    text
}

/// `web: 12.3 MB of 45.6 MB (26 %), 4.1 MB/s`
fn progress(push: &PushState, now: Timestamp) -> String {
    let (sent, total) = (push.sent(), push.total());
    let mut text = if push.packed() < push.packing.len() {
        // How much there is to send is not known yet.
        format!("{}: {} sent so far", push.container, bytes(sent))
    } else {
        let percent = super::live::percent(sent, total, push.confirmed() == push.blobs.len());
        format!("{}: {} of {} ({percent} %)", push.container, bytes(sent), bytes(total))
    };
    if let Some(rate) = super::live::sending_rate(push, now) {
        text.push_str(&format!(", {}/s", bytes(rate)));
    }
    text.push_str(&format!(" after {}", duration(super::live::elapsed_ms(push.started_at, now))));
    text
}

impl Reporter for Plain {
    fn on_event(&mut self, record: &Record, state: &RunState) -> io::Result<()> {
        if let Event::RunStarted(run) = &record.event {
            let widths = run.services.iter().map(|name| Line::new().text(name).width());
            // What is said of the one image of a push begins with its name.
            let is_one_image = run.command == "push" && run.services.len() == 1;
            self.name_width = widths.max().filter(|_| !is_one_image).unwrap_or(0);
        }
        let is_task = matches!(record.event, Event::TaskChanged { .. });
        let later = |of: &Together| record.time.duration_since(of.time) >= ONE_LOOK;
        if !is_task || self.together.first().is_some_and(later) {
            self.tell_tasks()?;
        }
        let mut text = String::new();
        if let Event::EnvFileChecked(check) = &record.event
            && check.container.is_none()
        {
            // Each line begins with the file's name, as editors and `grep` want it.
            for line in of_check(check, self.style) {
                text.push_str(&line.render(self.style));
                text.push('\n');
            }
            return self.write(&text);
        }
        for line in self.lines(record, state) {
            text.push_str(&self.stamped(record.time, record.service.as_deref(), line));
        }
        if text.is_empty() {
            return Ok(());
        }
        match &record.event {
            // Workflow commands of ours; between them no line can be one.
            Event::ContainerLogs(logs) if self.github && !logs.lines.is_empty() => {
                let title = logs::heading(logs, usize::MAX).render(self.style);
                let title = neutralise_github(&title).replace('%', "%25");
                self.out.write_all(format!("::group::{title}\n").as_bytes())?;
                // The title is the first of the lines.
                self.write(text.split_once('\n').map_or("", |(_, lines)| lines))?;
                self.out.write_all(b"::endgroup::\n")?;
                self.out.flush()
            }
            _ => self.write(&text),
        }
    }

    fn tick(&mut self, now: Timestamp, _state: &RunState) -> io::Result<()> {
        let later = |of: &Together| now.duration_since(of.time) >= ONE_LOOK;
        if self.together.first().is_some_and(later) { self.tell_tasks() } else { Ok(()) }
    }

    fn finish(&mut self, state: &RunState) -> io::Result<()> {
        self.tell_tasks()?;
        match summary(state, self.style) {
            // Of nothing there is no summary.
            text if text.is_empty() => Ok(()),
            text => self.write(&format!("\n{text}")),
        }
    }
}
