//! What is said of the checks before a change: problems first, then what could not be told, then a count.

use super::line::Line;
use super::style::{Mark, Tone};
use super::text::{count, duration};
use crate::event::{CheckProblem, CheckReport, CheckResult, CheckSeverity, PreflightSummary};

/// Everything as lines with a mark each; the fix stands in a line of its own below its problems.
pub(super) fn lines(checks: &[CheckReport], summary: &PreflightSummary) -> Vec<(Mark, Line)> {
    let mut lines = Vec::new();
    for check in checks.iter().filter(|check| check.result == CheckResult::Problems) {
        for problem in &check.problems {
            lines.push((mark(problem), of_problem(check, problem)));
        }
        if let Some(fix) = &check.fix {
            let more = format!(" (landfall explain {})", check.code);
            let line = Line::new().tone(Tone::Strong, "fix").text("  ").text(fix).tone(Tone::Dim, &more);
            lines.push((Mark::Info, line));
        }
    }
    if summary.not_checked > 0 {
        lines.push((Mark::Info, not_checked(checks, summary)));
    }
    if !summary.skipped.is_empty() {
        let text = format!("checks turned off: {}", summary.skipped.join(", "));
        lines.push((Mark::Info, Line::new().text(&text)));
    }
    let text = format!("{} passed", count(summary.passed as usize, "check"));
    let mut last = Line::new().text(&text);
    let found = [(summary.errors, "error"), (summary.warnings, "warning")];
    for (number, what) in found.into_iter().filter(|(number, _)| *number > 0) {
        last = last.text(&format!(", {}", count(number as usize, what)));
    }
    let last = last.tone(Tone::Dim, &format!(" ({})", duration(summary.duration_ms)));
    lines.push((if summary.errors > 0 { Mark::Failed } else { Mark::Done }, last));
    lines
}

fn mark(problem: &CheckProblem) -> Mark {
    match problem.severity {
        CheckSeverity::Error => Mark::Failed,
        CheckSeverity::Warning => Mark::Warning,
    }
}

/// `error no-route-to-ecr: subnet subnet-a: it has no ...`
fn of_problem(check: &CheckReport, problem: &CheckProblem) -> Line {
    let (tone, word) = match problem.severity {
        CheckSeverity::Error => (Tone::Bad, "error"),
        CheckSeverity::Warning => (Tone::Warn, "warning"),
    };
    let line = Line::new().tone(tone, word).text(" ").tone(Tone::Strong, &check.code).text(": ");
    line.text(&format!("{}: {}", problem.subject, problem.message))
}

/// `not checked: 3 (the caller lacks ec2:DescribeSubnets)`
fn not_checked(checks: &[CheckReport], summary: &PreflightSummary) -> Line {
    let mut line = Line::new().text(&format!("not checked: {}", summary.not_checked));
    if !summary.permissions.is_empty() {
        line = line.text(&format!(" (the caller lacks {})", summary.permissions.join(", ")));
    }
    let unsure = checks.iter().filter(|check| check.result == CheckResult::NotChecked);
    let whys: Vec<&str> = unsure.filter_map(|check| check.why.as_deref()).collect();
    // Of many that have one cause, one says it.
    match whys.first() {
        Some(first) => line.tone(Tone::Dim, &format!("; {first}")),
        None => line,
    }
}

/// The same for a log: one text a line.
pub(super) fn plain(checks: &[CheckReport], summary: &PreflightSummary) -> Vec<Line> {
    let lines = lines(checks, summary).into_iter();
    lines.map(|(mark, line)| if mark == Mark::Info { line.indent(2) } else { line }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::style::Style;
    use super::*;

    fn check(code: &str, result: CheckResult) -> CheckReport {
        CheckReport {
            code: code.into(),
            title: "t".into(),
            result,
            problems: Vec::new(),
            fix: None,
            permissions: Vec::new(),
            why: None,
        }
    }

    fn text(checks: &[CheckReport]) -> String {
        let summary = PreflightSummary::of(checks, 400);
        let style = Style { color: false, unicode: true, width: None };
        super::super::line::render_all(&plain(checks, &summary), style)
    }

    #[test]
    fn all_is_well_in_one_line() {
        let passed = [check("a", CheckResult::Passed), check("b", CheckResult::Passed)];
        assert_eq!(text(&passed), "2 checks passed (0.4 s)\n");
    }

    #[test]
    fn problems_come_first_with_their_fix_and_then_what_is_not_known() {
        let problem =
            |severity| CheckProblem { severity, subject: "subnet a".into(), message: "no way".into() };
        let mut refused = check("no-route-to-ecr", CheckResult::Problems);
        refused.problems = vec![problem(CheckSeverity::Error), problem(CheckSeverity::Warning)];
        refused.fix = Some("Give it one.".into());
        let mut unknown = check("cluster-active", CheckResult::NotChecked);
        unknown.permissions = vec!["ecs:DescribeClusters".into()];
        let all =
            [refused, unknown, check("spot-only", CheckResult::Skipped), check("b", CheckResult::Passed)];
        insta::assert_snapshot!(text(&all), @r"
        error no-route-to-ecr: subnet a: no way
        warning no-route-to-ecr: subnet a: no way
          fix  Give it one. (landfall explain no-route-to-ecr)
          not checked: 1 (the caller lacks ecs:DescribeClusters)
          checks turned off: spot-only
        1 check passed, 1 error, 1 warning (0.4 s)
        ");
    }
}
