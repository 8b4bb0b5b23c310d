//! The checks before a change.

use super::super::text::count;
use super::markup::Html;
use super::page::{fact, row, table};
use crate::event::{CheckReport, CheckResult, CheckSeverity};
use crate::state::ServiceState;

/// The checks in numbers, and their problems; nothing where none was made.
pub fn section(h: &mut Html, service: &ServiceState) {
    let Some(summary) = &service.preflight else { return };
    h.leaf("h3", &[], "Checks before the change");
    let numbers =
        [(summary.errors, "error"), (summary.warnings, "warning"), (summary.not_checked, "check not made")];
    let mut text = format!("{} passed", count(summary.passed as usize, "check"));
    for (number, what) in numbers.into_iter().filter(|(number, _)| *number > 0) {
        text.push_str(", ");
        match what {
            "check not made" => text.push_str(&format!("{number} could not be made")),
            _ => text.push_str(&count(number as usize, what)),
        }
    }
    h.leaf("p", &[], &format!("{text}."));
    h.element("dl", &[("class", "parts")], |h| {
        if !summary.permissions.is_empty() {
            fact(h, "The caller lacks", &summary.permissions.join(", "));
        }
        if !summary.skipped.is_empty() {
            fact(h, "Turned off", &summary.skipped.join(", "));
        }
    });
    let found: Vec<&CheckReport> =
        service.checks.iter().filter(|check| check.result == CheckResult::Problems).collect();
    if found.is_empty() {
        return;
    }
    table(h, "What the checks found", &["Check", "About", "Problem", "Fix"], |h| {
        for check in found {
            for problem in &check.problems {
                let severity = match problem.severity {
                    CheckSeverity::Error => "error",
                    CheckSeverity::Warning => "warning",
                };
                let of = format!("{severity}: {}", check.code);
                let fix = check.fix.as_deref().unwrap_or_default();
                row(h, &of, &[&problem.subject, &problem.message, fix]);
            }
        }
    });
}
