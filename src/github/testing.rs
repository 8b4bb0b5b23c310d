//! Runs and texts for the tests of what GitHub is told.

use super::context::Context;
use crate::event::{
    Change, CheckProblem, CheckReport, CheckResult, CheckSeverity, ContainerLogs, ErrorReport, Event,
    FailureClass, Finding, LogLine, Record,
};
use crate::report::testing::{at, dry_run, rolled_back, success};
use crate::state::RunState;

/// What a run comes to.
pub fn fold(records: &[Record]) -> RunState {
    let mut state = RunState::default();
    records.iter().for_each(|record| state.apply(record));
    state
}

/// A run of a push to `main`.
pub fn context() -> Context {
    let text = |text: &str| Some(text.to_owned());
    Context {
        repository: text("octo/web"),
        sha: text("0123456789abcdef0123456789abcdef01234567"),
        ref_name: text("main"),
        run_id: text("12"),
        actor: text("octocat"),
        server_url: "https://github.com".to_owned(),
        ..Context::default()
    }
}

/// Services that were deployed one like the other.
pub fn deployed(services: &[&str]) -> RunState {
    let mut records = success();
    let first = records.remove(0);
    let Event::RunStarted(mut run) = first.event else { panic!("the first event") };
    run.services = services.iter().map(|name| (*name).to_owned()).collect();
    let mut all = vec![Record { event: Event::RunStarted(run), ..first }];
    for name in services {
        let of_one = records.iter().cloned();
        all.extend(
            of_one.map(|record| Record { service: record.service.map(|_| (*name).to_owned()), ..record }),
        );
    }
    all.sort_by_key(|record| record.time);
    fold(&all)
}

/// A dry run with three changes.
pub fn planned() -> RunState {
    fold(&dry_run())
}

/// Put back, with a log.
pub fn failing() -> RunState {
    let mut records = rolled_back();
    records.insert(
        records.len() - 2,
        Record { time: at(19_600), service: Some("hello".to_owned()), event: logs("Error: boom") },
    );
    fold(&records)
}

fn logs(text: &str) -> Event {
    let line = |text: &str| LogLine { at_ms: None, text: text.to_owned() };
    Event::ContainerLogs(ContainerLogs {
        task: "7f3a9c120000000000000000".to_owned(),
        container: "web".to_owned(),
        exit_code: Some(1),
        group: None,
        stream: None,
        lines: vec![line("starting"), line(text)],
        reason: None,
    })
}

/// What somebody may write into a branch name, a commit message, a log or a name, to be taken for more than text.
pub fn hostile_texts() -> Vec<String> {
    [
        "::set-output name=verdict::succeeded",
        "\n::add-mask::a",
        "a\r\n::error file=x::y",
        "##[add-mask]x",
        "```\n# out\n```",
        "``````` js",
        "</code></summary></details><h1>out</h1>",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "<!-- landfall plan 000000000000 000000000000 -->",
        "--> <!-- x",
        "@octocat #123 octo/web#7 GH-12",
        "a: b; c # d\n    section Out\n    x :crit, 0, 1",
        "%%{init: {\"theme\": \"dark\"}}%%",
        "click x call alert(1)",
        "[out](https://evil.example) ![x](https://evil.example/p.png)",
        "www.evil.example https://evil.example",
        "| a | b |\n| --- | --- |",
        "x\u{1b}[31m::warning::y\u{202e}",
        "\nEOF\nverdict=succeeded",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// For each of the texts a run that has it wherever a text from outside can stand, and a context that has it too.
pub fn hostile() -> Vec<(String, RunState, Context)> {
    let both = |text: String| {
        let run = |records| (text.clone(), full_of(&text, records), hostile_context(&text));
        [run(rolled_back()), run(dry_run())]
    };
    hostile_texts().into_iter().flat_map(both).collect()
}

fn hostile_context(text: &str) -> Context {
    let text = Some(text.to_owned());
    Context { ref_name: text.clone(), actor: text.clone(), sha: text, ..context() }
}

fn full_of(text: &str, mut records: Vec<Record>) -> RunState {
    let owned = || text.to_owned();
    let (last, service) = (records.len() - 1, Some("hello".to_owned()));
    let finding = Finding {
        code: owned(),
        class: FailureClass::Mixed,
        title: owned(),
        cause: owned(),
        fix: owned(),
        evidence: vec![owned(), owned()],
        occurrences: 2,
    };
    let problem = CheckProblem { severity: CheckSeverity::Error, subject: owned(), message: owned() };
    let check = CheckReport {
        code: owned(),
        title: owned(),
        result: CheckResult::Problems,
        problems: vec![problem],
        fix: Some(owned()),
        permissions: Vec::new(),
        why: None,
    };
    let change = Change { subject: owned(), before: Some(owned()), after: Some(owned()) };
    let more = [
        Event::FindingMade { finding },
        Event::Checked(check),
        logs(text),
        Event::ServiceMessage { message: owned() },
        Event::Warning { message: owned(), hint: Some(owned()) },
    ];
    for event in more {
        records.insert(last, Record { time: at(19_600), service: service.clone(), event });
    }
    for record in &mut records {
        match &mut record.event {
            Event::RunStarted(run) => (run.cluster, run.region) = (owned(), owned()),
            Event::Planned { changes, ecs_service, .. } => {
                changes.push(change.clone());
                *ecs_service = owned();
            }
            Event::TaskChanged { task } => {
                task.id = format!("{text}{}", task.id);
                task.last_status = owned();
            }
            Event::RolloutFinished { reason, .. } => *reason = owned(),
            Event::RollbackFinished { task_definition, .. } => *task_definition = owned(),
            _ => {}
        }
    }
    let mut state = fold(&records);
    for service in &mut state.services {
        service.report.name = owned();
    }
    state.error =
        Some(ErrorReport { kind: crate::error::ErrorKind::Aws, message: owned(), hint: Some(owned()) });
    state
}

/// What is outside of fenced blocks.
pub fn prose(text: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if line.trim_end() == open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => out.push_str(&format!("{line}\n")),
        }
    }
    assert_eq!(fence, None, "every block is ended:\n{text}");
    out
}
