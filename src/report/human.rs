//! [`Human`]: the live display for a person at a terminal.
//!
//! Lines that stay (a finished step, an event of the service, a finding) scroll up; below them are
//! live rows, which [`live`](super::live) computes and which are redrawn in place. At the end the live rows
//! go and the summary takes their place.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::line::{Line, render_all};
use super::live::{DETAIL, elapsed_ms, live};
use super::plan_details::{compared, details};
use super::reporter::Reporter;
use super::style::{Mark, Style, Tone};
use super::summary::summary;
use super::text::{
    count, duration, is_routine_event, revision, short_task, shorten_arns, shorten_digests, shorten_event,
};
use super::variables::{of_check, of_comparison, of_container, of_file};
use super::words;
use crate::event::{Event, Record, Role, Step, TaskState, Verdict};
use crate::state::{RunState, ServiceState, StepState};

/// Draws live rows, prints lines above them and, at the end, the summary.
pub struct Human {
    scrollback: Scrollback,
    /// All live rows are the message of one bar: they are replaced at once, so nothing flickers.
    rows: ProgressBar,
    style: Style,
    height: Option<usize>,
    now: Timestamp,
    findings: BTreeSet<(Option<String>, String)>,
    stopped: BTreeSet<String>,
    /// Steps that did not end well, and of which that has been said.
    given_up: BTreeSet<(Option<String>, Step)>,
}

impl Human {
    /// A reporter that draws live rows on `target`, and prints on `out` (the same terminal) where it
    /// cannot draw, and at the end.
    pub fn new(
        target: ProgressDrawTarget,
        out: Box<dyn Write + Send>,
        style: Style,
        height: Option<usize>,
    ) -> Self {
        let multi = MultiProgress::with_draw_target(target);
        let rows = multi.add(ProgressBar::no_length());
        // The template is a constant that parses; the default would only look odd.
        if let Ok(template) = ProgressStyle::with_template("{msg}") {
            rows.set_style(template);
        }
        Self {
            scrollback: Scrollback {
                multi,
                out: Arc::new(Mutex::new(out)),
                has_rows: Arc::new(AtomicBool::new(false)),
                partial: Vec::new(),
            },
            rows,
            style,
            height,
            now: Timestamp::MIN,
            findings: BTreeSet::new(),
            stopped: BTreeSet::new(),
            given_up: BTreeSet::new(),
        }
    }

    /// A writer that prints above the live rows without disturbing them.
    pub fn scrollback(&self) -> Scrollback {
        self.scrollback.clone()
    }

    fn draw(&mut self, now: Timestamp, state: &RunState) {
        if self.scrollback.multi.is_hidden() {
            return;
        }
        // Events and ticks are stamped by different callers; a clock on the screen never falls back.
        self.now = self.now.max(now);
        let text = render_all(&live(state, self.now, self.style, self.height), self.style);
        let rows = text.trim_end_matches('\n');
        // Where there are none there is an empty one: the cursor is never in a line that stays.
        self.rows.set_message(if rows.is_empty() { " ".to_owned() } else { rows.to_owned() });
        self.scrollback.has_rows.store(true, Ordering::Relaxed);
        self.scrollback.home();
    }

    fn lines(&mut self, record: &Record, state: &RunState) -> Vec<Line> {
        let style = self.style;
        let several = state.services.len() > 1;
        let service = record.service.as_deref().and_then(|name| state.service(name));
        let name = record.service.as_deref().filter(|_| several);
        let said = || words::sentence(record, false, style).unwrap_or_default();
        match &record.event {
            Event::RunStarted(run) => {
                let version = format!("landfall {}  ", run.version);
                let what = words::run_in_place(run);
                let line = Line::new().tone(Tone::Dim, &version).tone(Tone::Strong, &what);
                let mut lines = line.wrap(style.width, 4);
                if let Some(scenario) = &run.sandbox {
                    let line = Line::new().text(&format!("sandbox, not AWS; scenario {scenario}"));
                    lines.extend(self.marked(Mark::Info, name, line));
                }
                lines
            }
            Event::Warning { message, hint } => {
                let mut lines = self.marked(Mark::Warning, name, Line::new().text(message));
                if let Some(hint) = hint {
                    let hint = Line::new().tone(Tone::Dim, "hint: ").text(hint);
                    lines.extend(hint.indent(style.mark_width() + 1).wrap(style.width, 10));
                }
                lines
            }
            // An onlooker has followed no rollout to its end.
            Event::StepFinished { step: Step::Watch, .. } if !state.is_deployment() => Vec::new(),
            Event::StepFinished { step, duration_ms } => {
                let services: Vec<&ServiceState> = match service {
                    Some(service) => vec![service],
                    None => state.services.iter().collect(),
                };
                let mut lines = self.step_lines(*step, *duration_ms, name, &services);
                let dry_run = state.run.as_ref().is_some_and(|run| run.dry_run);
                if *step == Step::Plan && !dry_run {
                    lines.extend(self.plan_lines(&services));
                }
                lines
            }
            Event::PreflightFinished(summary) => {
                let checks = service.map(|service| service.checks.as_slice()).unwrap_or_default();
                let lines = super::preflight::lines(checks, summary).into_iter();
                lines.flat_map(|(mark, line)| self.marked(mark, name, line)).collect()
            }
            Event::EnvFileChecked(check) if check.container.is_none() => of_check(check, style),
            Event::EnvFileChecked(check) => {
                of_file(check).into_iter().flat_map(|(mark, line)| self.marked(mark, name, line)).collect()
            }
            Event::DefinitionsCompared { differences, .. } => compared(differences, style),
            Event::EnvCompared(variables) => of_comparison(variables, style),
            Event::FileWritten { .. } => self.marked(Mark::Done, name, said()),
            Event::ApiCall { .. } | Event::Prunable { .. } => self.marked(Mark::Info, name, said()),
            Event::ServiceMessage { message } if is_routine_event(message) => Vec::new(),
            Event::ServiceMessage { message } => {
                self.marked(Mark::Info, name, Line::new().tone(Tone::Dim, &shorten_event(message)))
            }
            Event::FindingMade { finding } => {
                if !self.findings.insert((record.service.clone(), finding.code.clone())) {
                    return Vec::new();
                }
                let mut lines = self.marked(Mark::Failed, name, Line::new().tone(Tone::Bad, &finding.title));
                let indent = style.mark_width() + 1;
                for (label, text) in [("why", &finding.cause), ("fix", &finding.fix)] {
                    let line = Line::new().tone(Tone::Strong, label).text("  ").text(text);
                    lines.extend(line.indent(indent).wrap(style.width, indent + 5));
                }
                lines
            }
            Event::TaskChanged { task } => self.stopped_task(task, name),
            Event::ContainerLogs(logs) => {
                let indent = style.mark_width() + 1;
                let narrow = Style { width: style.width.map(|width| width.saturating_sub(indent)), ..style };
                let block = super::logs::block(logs, usize::MAX, narrow);
                block.into_iter().map(|line| line.indent(indent)).collect()
            }
            Event::ProbeStarted { .. } | Event::ProbeRecovered { .. } => {
                self.marked(Mark::Info, name, said())
            }
            Event::ProbeFailed(_) => self.marked(Mark::Failed, name, said()),
            Event::Healthy { .. } => self.marked(Mark::Done, name, said()),
            Event::StageChanged { .. } | Event::TrafficShifted { .. } => {
                self.marked(Mark::Info, name, said())
            }
            Event::Paused { .. } => self.marked(Mark::Warning, name, said()),
            Event::RollbackStarted { .. } => {
                let watch = |step: &StepState| step.step == Step::Watch && step.service == record.service;
                let mut lines = self.give_up(state, watch, Verdict::Failed, record.time);
                lines.extend(self.marked(Mark::Warning, name, said()));
                lines
            }
            Event::RollbackFinished { complete, .. } => {
                self.marked(if *complete { Mark::Done } else { Mark::Failed }, name, said())
            }
            Event::Interrupted { .. } => {
                let line = Line::new().tone(Tone::Warn, "interrupted: stopping ...");
                self.marked(Mark::Warning, name, line)
            }
            Event::RolloutFinished { verdict, .. } => {
                let mine = |step: &StepState| step.service.is_some() && step.service == record.service;
                let mut lines = self.give_up(state, mine, *verdict, record.time);
                // Of one service, the summary says it in the next moment.
                if several {
                    let good = words::verdict_tone(*verdict) == Tone::Good;
                    lines.extend(self.marked(if good { Mark::Done } else { Mark::Failed }, name, said()));
                }
                lines
            }
            Event::RunFinished(_) => {
                let verdict = if state.interrupted { Verdict::Interrupted } else { Verdict::Failed };
                self.give_up(state, |_| true, verdict, state.now.unwrap_or(record.time))
            }
            _ => Vec::new(),
        }
    }

    fn marked(&self, mark: Mark, name: Option<&str>, line: Line) -> Vec<Line> {
        let mut start = Line::marked(mark, self.style);
        if let Some(name) = name {
            start = start.tone(Tone::Strong, name).text("  ");
        }
        start.join(line).wrap(self.style.width, self.style.mark_width() + 3)
    }

    /// Steps that never ended did not go well; without a line they would vanish with the live rows.
    fn give_up(
        &mut self,
        state: &RunState,
        which: impl Fn(&StepState) -> bool,
        verdict: Verdict,
        now: Timestamp,
    ) -> Vec<Line> {
        let (mark, how) = match verdict {
            Verdict::Superseded | Verdict::TimedOut | Verdict::Interrupted => {
                (Mark::Warning, words::verdict_name(verdict))
            }
            _ => (Mark::Failed, "failed"),
        };
        let mut lines = Vec::new();
        for step in state.steps.iter().filter(|step| step.duration_ms.is_none() && which(step)) {
            if self.given_up.insert((step.service.clone(), step.step)) {
                let name = step.service.as_deref().filter(|_| state.services.len() > 1);
                let start = self.step_start(mark, step.step, name).tone(mark.tone(), how);
                lines.push(self.timed(start, elapsed_ms(step.started_at, now)));
            }
        }
        lines
    }

    fn step_start(&self, mark: Mark, step: Step, name: Option<&str>) -> Line {
        let line = Line::marked(mark, self.style).text(words::step_name(step));
        let line = line.pad(self.style.mark_width() + 1 + DETAIL);
        match name {
            Some(name) => line.tone(Tone::Strong, name).text("  "),
            None => line,
        }
    }

    fn timed(&self, line: Line, ms: u64) -> Line {
        match self.style.width {
            Some(width) => line.right(Tone::Dim, &duration(ms), width.saturating_sub(1), self.style),
            None => line.text("  ").tone(Tone::Dim, &duration(ms)),
        }
    }

    /// `✓ push image        web: sha256:4c1e9f02ab77              2.1 s`
    fn step_lines(
        &self,
        step: Step,
        duration_ms: u64,
        name: Option<&str>,
        services: &[&ServiceState],
    ) -> Vec<Line> {
        let line = self.step_start(Mark::Done, step, name).tone(Tone::Dim, &step_detail(step, services));
        vec![self.timed(line, duration_ms)]
    }

    fn plan_lines(&self, services: &[&ServiceState]) -> Vec<Line> {
        let changes = services.iter().flat_map(|service| service.changes.iter().flatten());
        changes
            .flat_map(|change| {
                let line = words::change(&words::with_short_names(change), self.style);
                line.indent(4).wrap(self.style.width, 8)
            })
            .chain(self.variable_lines(services))
            .chain(self.detail_lines(services))
            .collect()
    }

    fn detail_lines(&self, services: &[&ServiceState]) -> Vec<Line> {
        let style = Style { width: self.style.width.map(|width| width.saturating_sub(4)), ..self.style };
        services.iter().flat_map(|service| details(service, style)).map(|line| line.indent(4)).collect()
    }

    fn variable_lines(&self, services: &[&ServiceState]) -> Vec<Line> {
        // Four columns are the indent.
        let style = Style { width: self.style.width.map(|width| width.saturating_sub(4)), ..self.style };
        let containers = services.iter().flat_map(|service| &service.variables);
        containers.flat_map(|of| of_container(of, false, style)).map(|line| line.indent(4)).collect()
    }

    /// A new task that stops is worth a line that stays, once. Old tasks are meant to.
    fn stopped_task(&mut self, task: &TaskState, name: Option<&str>) -> Vec<Line> {
        let Some(stopped) = task.stopped.as_ref().filter(|_| task.role == Role::Followed) else {
            return Vec::new();
        };
        if !self.stopped.insert(task.id.clone()) {
            return Vec::new();
        }
        // ECS stops the tasks of a deployment that is rolled back: no news.
        let mark = if words::is_scaled_in(stopped) { Mark::Info } else { Mark::Failed };
        let line = Line::new().text(&format!("task {} stopped: ", short_task(&task.id)));
        self.marked(mark, name, line.tone(Tone::Dim, &shorten_arns(&words::stopped(stopped))))
    }
}

fn step_detail(step: Step, services: &[&ServiceState]) -> String {
    let each: Vec<String> = match step {
        Step::Plan => {
            let changes = services.iter().filter_map(|service| service.changes.as_ref()).map(Vec::len).sum();
            vec![if changes == 0 { "nothing to do".to_owned() } else { count(changes, "change") }]
        }
        Step::PushImage => services
            .iter()
            .flat_map(|service| &service.pushes)
            .filter_map(|push| push.done.as_ref().map(|done| (push, done)))
            .map(|(push, done)| {
                let sent = match done.bytes_sent {
                    0 => "already there".to_owned(),
                    sent => format!("{} sent", super::text::bytes(sent)),
                };
                format!("{}: {}, {sent}", push.container, shorten_digests(&done.digest))
            })
            .collect(),
        Step::UploadEnvFiles => {
            services.iter().flat_map(|service| &service.report.env_files).map(words::env_file).collect()
        }
        Step::RegisterTaskDefinition | Step::UpdateService => services
            .iter()
            .filter_map(|service| service.report.task_definition.as_deref())
            .map(|arn| revision(arn).to_owned())
            .collect(),
        Step::Watch | Step::Rollback => Vec::new(),
    };
    each.join("; ")
}

impl Reporter for Human {
    fn on_event(&mut self, record: &Record, state: &RunState) -> io::Result<()> {
        let lines = self.lines(record, state);
        self.draw(record.time, state);
        if lines.is_empty() { Ok(()) } else { self.scrollback.print(&render_all(&lines, self.style)) }
    }

    fn tick(&mut self, now: Timestamp, state: &RunState) -> io::Result<()> {
        self.draw(now, state);
        Ok(())
    }

    fn finish(&mut self, state: &RunState) -> io::Result<()> {
        self.scrollback.has_rows.store(false, Ordering::Relaxed);
        // A row that is then cleared leaves the cursor at the start of a line of its own.
        self.rows.set_message(" ");
        self.scrollback.print("\n")?;
        self.scrollback.multi.clear()?;
        self.rows.finish_and_clear();
        self.scrollback.write_out(&summary(state, self.style))
    }
}

/// Prints whole lines above the live rows; where there are none, simply prints.
#[derive(Clone)]
pub struct Scrollback {
    multi: MultiProgress,
    out: Arc<Mutex<Box<dyn Write + Send>>>,
    /// Whether the last line on the screen is one that is redrawn.
    has_rows: Arc<AtomicBool>,
    partial: Vec<u8>,
}

impl Scrollback {
    fn print(&self, text: &str) -> io::Result<()> {
        if self.multi.is_hidden() {
            return self.write_out(text);
        }
        self.multi.println(text.strip_suffix('\n').unwrap_or(text))?;
        self.home();
        Ok(())
    }

    /// Takes the cursor from the end of the last row, which is filled up to the edge, to its start: there the
    /// `^C` that a terminal shows for Ctrl-C begins no line that the rows' redrawing does not know of.
    fn home(&self) {
        if self.has_rows.load(Ordering::Relaxed) {
            // A terminal that is gone is told of by whatever is drawn next.
            let _ = self.write_out("\r");
        }
    }

    fn write_out(&self, text: &str) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Write for Scrollback {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.partial.extend_from_slice(bytes);
        if let Some(end) = self.partial.iter().rposition(|byte| *byte == b'\n') {
            let lines: Vec<u8> = self.partial.drain(..=end).collect();
            self.print(&String::from_utf8_lossy(&lines))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.partial);
        if rest.is_empty() { Ok(()) } else { self.print(&String::from_utf8_lossy(&rest)) }
    }
}
