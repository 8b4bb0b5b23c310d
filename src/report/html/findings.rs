//! What was diagnosed, what shows it, and what mends it; and what the containers wrote last.

use super::super::text::short_task;
use super::super::words::times;
use super::markup::Html;
use crate::event::{ContainerLogs, FailureClass, Finding};
use crate::rollout::explain::says_more;
use crate::state::ServiceState;

/// Logs of so many containers; of a service that restarts for long there are many alike.
const LOGS: usize = 10;

/// Findings, then logs; nothing where there are none.
pub fn sections(h: &mut Html, service: &ServiceState) {
    let report = &service.report;
    if !report.findings.is_empty() {
        h.leaf("h3", &[], "Findings");
        for finding in &report.findings {
            h.element("article", &[("class", "finding")], |h| one(h, finding));
        }
    }
    if !report.logs.is_empty() {
        h.leaf("h3", &[], "What the containers wrote last");
        for logs in report.logs.iter().take(LOGS) {
            log(h, logs);
        }
        let left_out = report.logs.len().saturating_sub(LOGS);
        if left_out > 0 {
            h.leaf("p", &[("class", "note")], &format!("{left_out} more logs are left out."));
        }
    }
}

fn one(h: &mut Html, finding: &Finding) {
    h.leaf("h4", &[], &finding.title);
    h.element("p", &[("class", "note")], |h| {
        h.leaf("code", &[], &finding.code);
        h.text(&format!(", {}; {}", times(finding.occurrences), class_words(finding.class)));
    });
    h.element("dl", &[("class", "parts")], |h| {
        super::page::fact(h, "Cause", &finding.cause);
        super::page::fact(h, "Fix", &finding.fix);
    });
    let lines = finding.evidence.iter().flat_map(|text| text.lines()).filter(|text| !text.trim().is_empty());
    let lines: Vec<&str> = lines.collect();
    if !lines.is_empty() {
        h.leaf("p", &[("class", "label")], "What shows it");
        h.element("pre", &[], |h| h.lines(&lines.join("\n")));
    }
    if says_more(&finding.code) {
        h.element("p", &[("class", "note")], |h| {
            h.text("More: ");
            h.leaf("code", &[], &format!("landfall explain {}", finding.code));
        });
    }
}

fn class_words(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Deterministic => "it cannot go away by itself",
        FailureClass::Mixed => "a fault if it repeats",
        FailureClass::Transient => "waiting may help",
    }
}

fn log(h: &mut Html, logs: &ContainerLogs) {
    let code = logs.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    h.leaf("h4", &[], &format!("{} in task {}{code}", logs.container, short_task(&logs.task)));
    if let (Some(group), Some(stream)) = (&logs.group, &logs.stream) {
        h.leaf("p", &[("class", "note")], &format!("Log group {group}, stream {stream}"));
    }
    if let Some(reason) = &logs.reason {
        h.leaf("p", &[], &format!("Not to be had: {reason}"));
        return;
    }
    let lines: Vec<&str> = logs.lines.iter().map(|line| line.text.as_str()).collect();
    h.element("pre", &[], |h| h.lines(&lines.join("\n")));
}
