//! Annotations: what GitHub shows beside the lines of a file, and at the top of a run.

use std::io::{self, Write};

use super::escape::{data, property};
use super::is_told;
use super::place::{Folders, Place};
use crate::error::ErrorKind;
use crate::event::{CheckReport, CheckSeverity, EnvFileCheck, EnvOutcome, Event, Record, Verdict};
use crate::report::Reporter;
use crate::report::text::neutralise;
use crate::state::RunState;

/// GitHub shows ten errors and ten warnings of a step.
const SHOWN: usize = 10;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
}

/// One annotation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Annotation {
    level: Level,
    place: Option<Place>,
    title: String,
    message: String,
}

impl Annotation {
    /// As a workflow command.
    fn command(&self) -> String {
        let mut properties = Vec::new();
        if let Some(place) = &self.place {
            properties.push(format!("file={}", property(&neutralise(&place.file))));
            properties.push(format!("line={},col={}", place.line, place.column));
        }
        if !self.title.is_empty() {
            properties.push(format!("title={}", property(&neutralise(&self.title))));
        }
        let kind = if self.level == Level::Error { "error" } else { "warning" };
        let space = if properties.is_empty() { "" } else { " " };
        format!("::{kind}{space}{}::{}\n", properties.join(","), data(&neutralise(&self.message)))
    }
}

/// Writes annotations at the end of a run: first those that have a place in a file.
pub struct Annotations {
    out: Box<dyn Write + Send>,
    folders: Folders,
    found: Vec<Annotation>,
}

impl Annotations {
    /// A reporter that writes to `out`, which the runner reads: standard output, or standard error where standard
    /// output is data.
    pub fn new(out: Box<dyn Write + Send>, folders: Folders) -> Self {
        Self { out, folders, found: Vec::new() }
    }

    fn add(&mut self, level: Level, place: Option<Place>, title: &str, message: String) {
        let annotation = Annotation { level, place, title: title.to_owned(), message };
        // Several services may share a file.
        if !self.found.contains(&annotation) {
            self.found.push(annotation);
        }
    }

    fn of_env_file(&mut self, check: &EnvFileCheck) {
        for finding in check.findings.iter().filter(|finding| finding.outcome != EnvOutcome::Repaired) {
            let level = if finding.outcome == EnvOutcome::Refused { Level::Error } else { Level::Warning };
            let name = finding.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
            let message =
                format!("{name}{}. The container gets {}. Fix: {}", finding.title, finding.gets, finding.fix);
            let place = self.folders.place(&check.file, finding.line as usize, finding.column as usize);
            self.add(level, place, &finding.code, message);
        }
    }

    fn of_check(&mut self, check: &CheckReport, definition: Option<&str>) {
        for problem in &check.problems {
            let level = if problem.severity == CheckSeverity::Error { Level::Error } else { Level::Warning };
            let place = definition.and_then(|file| {
                self.folders.place_in_definition(file, &check.code, &problem.subject, &problem.message)
            });
            let fix = check.fix.as_ref().map(|fix| format!(". Fix: {fix}")).unwrap_or_default();
            self.add(level, place, &check.code, format!("{}: {}{fix}", problem.subject, problem.message));
        }
    }

    fn of_message(&mut self, level: Level, message: &str, hint: Option<&str>, without_place: bool) {
        let hint = hint.map(|hint| format!(". {hint}")).unwrap_or_default();
        match self.folders.place_of_message(message) {
            Some((place, rest)) => self.add(level, Some(place), "", format!("{rest}{hint}")),
            None if without_place => self.add(level, None, "", format!("{message}{hint}")),
            None => {}
        }
    }

    /// What has no place in a file, and why a run has failed all the same.
    fn of_end(&mut self, state: &RunState) {
        if let Some(error) = &state.error {
            // `3 findings in 1 file` says nothing new beside the three.
            let sums_up =
                matches!(error.kind, ErrorKind::Usage | ErrorKind::Preflight) && !self.found.is_empty();
            self.of_message(Level::Error, &error.message, error.hint.as_deref(), !sums_up);
        }
        for service in state.services.iter().filter(|service| is_bad(service.report.verdict)) {
            for finding in &service.report.findings {
                let message = format!("{}: {}. Fix: {}", service.report.name, finding.title, finding.fix);
                self.add(Level::Error, None, &finding.code, message);
            }
        }
    }

    /// At most [`SHOWN`] of each kind, those with a place first; GitHub would drop the others.
    fn commands(&self) -> String {
        let of = |level: Level| {
            let with = |placed: bool| {
                self.found.iter().filter(move |one| one.level == level && one.place.is_some() == placed)
            };
            with(true).chain(with(false)).take(SHOWN)
        };
        of(Level::Error).chain(of(Level::Warning)).map(Annotation::command).collect()
    }
}

/// Whether a verdict is one that a person has to look at.
fn is_bad(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::RolledBack | Verdict::Failed | Verdict::TimedOut)
}

impl Reporter for Annotations {
    fn on_event(&mut self, record: &Record, state: &RunState) -> io::Result<()> {
        match &record.event {
            Event::EnvFileChecked(check) => self.of_env_file(check),
            Event::Checked(check) => {
                let service = record.service.as_deref().and_then(|name| state.service(name));
                let plan = service.and_then(|service| service.plan.as_ref());
                self.of_check(check, plan.and_then(|plan| plan.definition_file.as_deref()));
            }
            Event::Warning { message, hint } => {
                self.of_message(Level::Warning, message, hint.as_deref(), false);
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, state: &RunState) -> io::Result<()> {
        if is_told(state) {
            self.of_end(state);
        }
        let commands = self.commands();
        if commands.is_empty() {
            return Ok(());
        }
        // One write: nothing else of this process may come in between.
        self.out.write_all(commands.as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::event::EnvFinding;
    use crate::github::testing::{failing, hostile, hostile_texts};
    use crate::report::testing::{Buffer, errored};

    fn annotations() -> (Annotations, Buffer) {
        let out = Buffer::default();
        let folders = Folders { current: "/repo/infra".into(), workspace: Some("/repo".into()) };
        (Annotations::new(Box::new(out.clone()), folders), out)
    }

    fn told(state: &RunState) -> String {
        let (mut annotations, out) = annotations();
        annotations.finish(state).unwrap();
        out.text()
    }

    #[test]
    fn a_failed_service_is_told_by_its_findings() {
        assert_snapshot!(told(&failing()), @"::error title=container-exited::hello: The container web exits with code 1 soon after it starts. Fix: Read the container's last log lines, and start the image locally with the same environment.");
        let mut state = RunState::default();
        errored().iter().for_each(|record| state.apply(record));
        let text = told(&state);
        assert!(text.starts_with("::error::cannot read the service hello-svc on cluster demo: "), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    fn env_check(file: &str, outcome: EnvOutcome, gets: &str) -> Event {
        let finding = EnvFinding {
            code: "env-quotes".to_owned(),
            title: "quotes are part of the value".to_owned(),
            line: 3,
            column: 8,
            name: Some("DB_URL".to_owned()),
            gets: gets.to_owned(),
            meant: "the text between the quotes".to_owned(),
            fix: "remove the quotes".to_owned(),
            outcome,
            repaired: None,
        };
        let (policy, findings) = ("strict".to_owned(), vec![finding]);
        Event::EnvFileChecked(EnvFileCheck { file: file.to_owned(), container: None, policy, findings })
    }

    #[test]
    fn findings_of_env_files_stand_beside_their_lines() {
        let (mut annotations, out) = annotations();
        let hostile = "x\n::set-output name=a::b\r%";
        for event in [
            env_check("../.env.prod", EnvOutcome::Found, "the value with its quotes"),
            env_check(".env", EnvOutcome::Repaired, "nothing that is told"),
            env_check("a,b:c\n::d.env", EnvOutcome::Refused, hostile),
            env_check("/elsewhere/.env", EnvOutcome::Kept, "?"),
        ] {
            let record = Record { time: jiff::Timestamp::UNIX_EPOCH, service: None, event };
            annotations.on_event(&record, &RunState::default()).unwrap();
        }
        annotations.finish(&RunState::default()).unwrap();
        assert_snapshot!(out.text(), @r"
        ::error file=infra/a%2Cb%3Ac %3A%3Ad.env,line=3,col=8,title=env-quotes::DB_URL: quotes are part of the value. The container gets x ::set-output name=a::b %25. Fix: remove the quotes
        ::warning file=.env.prod,line=3,col=8,title=env-quotes::DB_URL: quotes are part of the value. The container gets the value with its quotes. Fix: remove the quotes
        ::warning title=env-quotes::DB_URL: quotes are part of the value. The container gets ?. Fix: remove the quotes
        ");
    }

    #[test]
    fn ten_of_a_kind_are_told_and_those_with_a_place_first() {
        let (mut annotations, out) = annotations();
        for number in 0..14 {
            annotations.add(Level::Warning, None, "no-place", number.to_string());
            annotations.add(Level::Warning, None, "no-place", number.to_string());
            annotations.add(Level::Error, None, "no-place", number.to_string());
        }
        let place = Place { file: ".env".to_owned(), line: 2, column: 1 };
        annotations.add(Level::Warning, Some(place), "env-quotes", "last".to_owned());
        annotations.finish(&RunState::default()).unwrap();
        let text = out.text();
        let of = |kind: &str| text.lines().filter(|line| line.starts_with(kind)).count();
        assert_eq!((of("::error"), of("::warning")), (10, 10));
        assert!(text.contains("::warning file=.env,line=2,col=1,title=env-quotes::last\n"), "{text}");
        assert_eq!(text.matches("no-place::3\n").count(), 2, "each is told once");
    }

    #[test]
    fn no_text_from_outside_is_a_command_or_a_property() {
        let (mut annotations, out) = annotations();
        for text in hostile_texts() {
            let place = Place { file: text.clone(), line: 1, column: 1 };
            annotations.found = vec![Annotation {
                level: Level::Error,
                place: Some(place),
                title: text.clone(),
                message: text,
            }];
            annotations.finish(&RunState::default()).unwrap();
        }
        for (_, state, _) in hostile() {
            let told = told(&state);
            assert!(
                told.lines().all(|line| line.starts_with("::error ") || line.starts_with("::error::")),
                "{told}"
            );
        }
        let text = out.text();
        assert_eq!(text.lines().count(), hostile_texts().len());
        for line in text.lines() {
            let properties = line.strip_prefix("::error ").and_then(|rest| rest.split_once("::")).unwrap().0;
            let names: Vec<&str> =
                properties.split(',').map(|part| part.split('=').next().unwrap()).collect();
            assert_eq!(names, ["file", "line", "col", "title"], "{line}");
        }
    }
}
