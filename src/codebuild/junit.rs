//! The run as a test report in JUnit's XML, which CodeBuild and most other CI systems show: a suite for each service, and a
//! test case for each step, check and finding.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use super::file;
use crate::error::Result;
use crate::event::{
    CheckReport, CheckResult, CheckSeverity, Finding, Record, Verdict, ZeroDowntime, ZeroDowntimeVerdict,
};
use crate::report::{Reporter, step_name, verdict_name};
use crate::state::{RunState, ServiceState};

/// Writes the report when the run has ended, whatever it came to.
pub struct Junit {
    path: PathBuf,
}

impl Junit {
    /// A report that will be written here.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where nothing can be written there.
    pub fn open(path: PathBuf) -> Result<Self> {
        file::check(&path, "--junit")?;
        Ok(Self { path })
    }

    /// Where it goes.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Reporter for Junit {
    fn on_event(&mut self, _record: &Record, _state: &RunState) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, state: &RunState) -> io::Result<()> {
        file::replace(&self.path, junit(state).as_bytes())
    }
}

/// What came of a test case.
enum Outcome {
    Passed,
    /// A kind, and what is wrong.
    Failed(String, String),
    /// The run itself could not go on.
    Broken(String, String),
    Skipped(String),
}

struct Case {
    /// What it belongs to: `preflight`, `steps`, `rollout`.
    group: &'static str,
    name: String,
    /// Milliseconds.
    time: u64,
    outcome: Outcome,
    /// What else is worth knowing.
    output: String,
}

impl Case {
    fn new(group: &'static str, name: impl Into<String>, outcome: Outcome) -> Self {
        Self { group, name: name.into(), time: 0, outcome, output: String::new() }
    }

    /// A failure that AWS, a check or a finding explains.
    fn failed(group: &'static str, name: impl Into<String>, kind: &str, text: String) -> Self {
        Self::new(group, name, Outcome::Failed(kind.to_owned(), text))
    }
}

/// The report. Nothing in it is a secret that the state does not have, and the state has none.
pub fn junit(state: &RunState) -> String {
    let command = state.run.as_ref().map_or("run", |run| run.command.as_str());
    let mut suites: Vec<(String, u64, Vec<Case>)> = Vec::new();
    if let Some(run) = of_run(state) {
        suites.push((format!("landfall {command}"), state.report().duration_ms, run));
    }
    for service in &state.services {
        let took = state.steps.iter().filter(|step| step.service.as_deref() == Some(&service.report.name));
        let took = took.filter_map(|step| step.duration_ms).sum();
        suites.push((service.report.name.clone(), took, of_service(state, service)));
    }
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let total = Count::of(suites.iter().flat_map(|(_, _, cases)| cases));
    let time = seconds(state.report().duration_ms);
    line(&mut xml, &format!("<testsuites name=\"landfall {}\"{total} time=\"{time}\">", text(command)));
    for (name, took, cases) in &suites {
        let count = Count::of(cases.iter());
        let begun = state
            .started_at
            .map(|time| format!(" timestamp=\"{}\"", time.strftime("%Y-%m-%dT%H:%M:%S")))
            .unwrap_or_default();
        line(
            &mut xml,
            &format!("  <testsuite name=\"{}\"{count} time=\"{}\"{begun}>", text(name), seconds(*took)),
        );
        cases.iter().for_each(|case| write_case(&mut xml, name, case));
        line(&mut xml, "  </testsuite>");
    }
    line(&mut xml, "</testsuites>");
    xml
}

/// What concerns no single service: an error that kept the run from going on.
fn of_run(state: &RunState) -> Option<Vec<Case>> {
    let error = state.error.as_ref()?;
    let kind = serde_json::to_value(error.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
    let mut message = error.message.clone();
    if let Some(hint) = &error.hint {
        let _ = write!(message, "\n{hint}");
    }
    Some(vec![Case::new("run", "the run could go on", Outcome::Broken(kind.unwrap_or_default(), message))])
}

fn of_service(state: &RunState, service: &ServiceState) -> Vec<Case> {
    let report = &service.report;
    let mut cases: Vec<Case> = service.checks.iter().map(of_check).collect();
    let steps = state.steps.iter().filter(|step| step.service.as_deref() == Some(&report.name));
    cases.extend(steps.map(|step| {
        let outcome = match step.duration_ms {
            Some(_) => Outcome::Passed,
            None if state.interrupted => Outcome::Skipped("the run was interrupted".to_owned()),
            None => Outcome::Failed("step".to_owned(), "it did not end well".to_owned()),
        };
        Case {
            time: step.duration_ms.unwrap_or_default(),
            ..Case::new("steps", step_name(step.step), outcome)
        }
    }));
    let good = matches!(report.verdict, Verdict::Succeeded | Verdict::Unchanged | Verdict::Planned);
    let reason = report.reason.clone().unwrap_or_else(|| verdict_name(report.verdict).to_owned());
    let mut rollout = match report.verdict {
        _ if good => Case { output: reason, ..Case::new("rollout", "verdict", Outcome::Passed) },
        Verdict::Interrupted => Case::new("rollout", "verdict", Outcome::Skipped(reason)),
        verdict => Case::failed("rollout", "verdict", verdict_name(verdict), reason),
    };
    if good {
        // What went away by itself is told, and fails nothing.
        for finding in &report.findings {
            let _ = write!(rollout.output, "\n{}: {}", finding.code, finding.title);
        }
        cases.push(rollout);
    } else {
        cases.push(rollout);
        cases.extend(report.findings.iter().map(of_finding));
    }
    cases.extend(report.zero_downtime.as_ref().map(of_zero_downtime));
    cases
}

fn of_check(check: &CheckReport) -> Case {
    let name = format!("{} ({})", check.title, check.code);
    match check.result {
        CheckResult::Passed => Case::new("preflight", name, Outcome::Passed),
        CheckResult::Skipped => Case::new("preflight", name, Outcome::Skipped("it is turned off".to_owned())),
        CheckResult::NotChecked => {
            let why = match (&check.why, check.permissions.as_slice()) {
                (Some(why), _) => why.clone(),
                (None, permissions) => format!("not allowed to look: {}", permissions.join(", ")),
            };
            Case::new("preflight", name, Outcome::Skipped(why))
        }
        CheckResult::Problems => {
            let mut told: Vec<String> = check
                .problems
                .iter()
                .map(|problem| format!("{}: {}", problem.subject, problem.message))
                .collect();
            told.extend(check.fix.clone());
            let told = told.join("\n");
            if check.problems.iter().any(|problem| problem.severity == CheckSeverity::Error) {
                Case::failed("preflight", name, &check.code, told)
            } else {
                Case { output: told, ..Case::new("preflight", name, Outcome::Passed) }
            }
        }
    }
}

fn of_finding(finding: &Finding) -> Case {
    let mut told = format!("{}\n{}\n{}", finding.title, finding.cause, finding.fix);
    for evidence in &finding.evidence {
        let _ = write!(told, "\n{evidence}");
    }
    Case::failed("rollout", format!("{} ({})", finding.title, finding.code), &finding.code, told)
}

fn of_zero_downtime(found: &ZeroDowntime) -> Case {
    let seen = format!(
        "lowest number of healthy tasks: {} of at least {}, in {} observations",
        found.lowest, found.floor, found.observations
    );
    let name = "zero downtime";
    match found.verdict {
        ZeroDowntimeVerdict::Proven | ZeroDowntimeVerdict::Observed => {
            Case { output: seen, ..Case::new("rollout", name, Outcome::Passed) }
        }
        ZeroDowntimeVerdict::Violated => Case::failed("rollout", name, "violated", seen),
        ZeroDowntimeVerdict::NotApplicable => {
            Case::new("rollout", name, Outcome::Skipped("nothing was running before".to_owned()))
        }
    }
}

/// The numbers of a suite, as attributes.
#[derive(Default)]
struct Count {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Count {
    fn of<'a>(cases: impl Iterator<Item = &'a Case>) -> Self {
        let mut count = Self::default();
        for case in cases {
            count.tests += 1;
            match case.outcome {
                Outcome::Passed => {}
                Outcome::Failed(..) => count.failures += 1,
                Outcome::Broken(..) => count.errors += 1,
                Outcome::Skipped(_) => count.skipped += 1,
            }
        }
        count
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tests, failures, errors, skipped } = self;
        write!(f, " tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
    }
}

fn write_case(xml: &mut String, suite: &str, case: &Case) {
    let head = format!(
        "    <testcase classname=\"{}.{}\" name=\"{}\" time=\"{}\"",
        text(suite),
        case.group,
        text(&case.name),
        seconds(case.time)
    );
    if matches!(case.outcome, Outcome::Passed) && case.output.is_empty() {
        return line(xml, &format!("{head}/>"));
    }
    line(xml, &format!("{head}>"));
    let explained = |element: &str, kind: &str, told: &str| {
        let message = told.lines().next().unwrap_or_default();
        let (kind, message, told) = (text(kind), text(message), text(told));
        format!("      <{element} type=\"{kind}\" message=\"{message}\">{told}</{element}>")
    };
    match &case.outcome {
        Outcome::Passed => {}
        Outcome::Failed(kind, told) => line(xml, &explained("failure", kind, told)),
        Outcome::Broken(kind, told) => line(xml, &explained("error", kind, told)),
        Outcome::Skipped(why) => line(xml, &format!("      <skipped message=\"{}\"/>", text(why))),
    }
    if !case.output.is_empty() {
        line(xml, &format!("      <system-out>{}</system-out>", text(&case.output)));
    }
    line(xml, "    </testcase>");
}

fn line(xml: &mut String, line: &str) {
    xml.push_str(line);
    xml.push('\n');
}

/// Milliseconds as JUnit writes them.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// Foreign text inside an element or an attribute. XML 1.0 has no way to write most control characters, not even escaped.
fn text(raw: &str) -> String {
    let mut safe = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' => safe.push_str("&#10;"),
            '\t' => safe.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;
    use quick_xml::events::Event as Xml;

    use super::*;
    use crate::event::{CheckProblem, Event, FailureClass};
    use crate::report::testing::{self, Script};

    fn report(records: &[Record]) -> String {
        let mut state = RunState::default();
        records.iter().for_each(|record| state.apply(record));
        junit(&state)
    }

    /// Elements and how often each is there, read by a parser that checks names, ends and entities.
    fn elements(xml: &str) -> std::collections::BTreeMap<String, usize> {
        let mut reader = Reader::from_str(xml);
        let mut found = std::collections::BTreeMap::new();
        loop {
            match reader.read_event().expect("well-formed") {
                Xml::Start(start) | Xml::Empty(start) => {
                    for attribute in start.attributes() {
                        attribute.expect("an attribute");
                    }
                    let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
                    *found.entry(name).or_default() += 1;
                }
                Xml::Eof => return found,
                _ => {}
            }
        }
    }

    #[test]
    fn every_run_is_a_report_whose_numbers_are_right() {
        for (name, records) in testing::all_scripts() {
            let xml = report(&records);
            let found = elements(&xml);
            let count = |element: &str| found.get(element).copied().unwrap_or(0);
            let head = xml.lines().nth(1).expect("the root");
            let said = format!(
                "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
                count("testcase"),
                count("failure"),
                count("error"),
                count("skipped")
            );
            assert!(head.contains(&said), "{name}: {head}, not {said}\n{xml}");
            assert!(count("testcase") > 0, "{name}");
        }
    }

    #[test]
    fn a_failed_rollout_fails_its_verdict_and_each_finding() {
        let xml = report(&testing::rolled_back());
        let finding = testing::bad_finding(1);
        assert!(xml.contains("<failure type=\"failed and rolled back\""), "{xml}");
        assert!(xml.contains(&format!("<failure type=\"{}\"", finding.code)), "{xml}");
        let good = report(&testing::success());
        // UTC, and without saying so: that is how JUnit writes it.
        assert!(good.contains("timestamp=\"2026-03-01T12:00:00\""), "{good}");
        assert!(!good.contains("<failure") && good.contains("name=\"push image\""), "{good}");
        assert!(report(&testing::errored()).contains("<error type="));
    }

    #[test]
    fn checks_are_test_cases() {
        let check = |code: &str, result, problems: &[CheckSeverity]| {
            let problem = |severity: &CheckSeverity| CheckProblem {
                severity: *severity,
                subject: "subnet subnet-1".into(),
                message: "has no way to ECR".into(),
            };
            Event::Checked(CheckReport {
                code: code.into(),
                title: "there is a way".into(),
                result,
                problems: problems.iter().map(problem).collect(),
                fix: (!problems.is_empty()).then(|| "Add a route.".into()),
                permissions: vec!["ec2:DescribeSubnets".into()],
                why: None,
            })
        };
        let mut script = Script::new(&["hello"], false);
        script.on(1, check("passes", CheckResult::Passed, &[]));
        script.on(1, check("fails", CheckResult::Problems, &[CheckSeverity::Warning, CheckSeverity::Error]));
        script.on(1, check("warns", CheckResult::Problems, &[CheckSeverity::Warning]));
        script.on(1, check("cannot", CheckResult::NotChecked, &[]));
        script.on(1, check("off", CheckResult::Skipped, &[]));
        let xml = report(&script.records());
        let of = |code: &str| {
            let from = xml.find(&format!("({code})")).unwrap();
            let rest = &xml[from..];
            rest[..rest.find("<testcase").unwrap_or(rest.len())].to_owned()
        };
        assert!(of("passes").contains("/>") && !of("passes").contains("failure"));
        assert!(
            of("fails").contains("<failure type=\"fails\" message=\"subnet subnet-1: has no way to ECR\"")
        );
        assert!(of("warns").contains("<system-out>") && !of("warns").contains("failure"));
        assert!(of("cannot").contains("not allowed to look: ec2:DescribeSubnets"));
        assert!(of("off").contains("it is turned off"));
    }

    #[test]
    fn foreign_text_breaks_nothing() {
        let nasty = "]]></failure><x a=\"1\" b='2'>&amp;\u{1b}[31m\u{0}\u{ffff}\n::set-output name=a::b";
        let finding = Finding {
            code: nasty.into(),
            class: FailureClass::Deterministic,
            title: nasty.into(),
            cause: nasty.into(),
            fix: nasty.into(),
            evidence: vec![nasty.into()],
            occurrences: 1,
        };
        let mut script = Script::new(&[nasty], false);
        let mut records = script.records();
        script.service = "hello";
        records.push(Record {
            time: testing::at(2),
            service: Some(nasty.into()),
            event: Event::FindingMade { finding },
        });
        let xml = report(&records);
        assert!(!elements(&xml).contains_key("x"), "{xml}");
        assert!(!xml.contains('\u{1b}') && !xml.contains('\u{0}') && !xml.contains('\u{ffff}'));
        assert!(!xml.lines().any(|line| line.starts_with("::")), "{xml}");
    }
}
