//! Runs every check.

use super::checks::ALL;
use super::{Check, Input, Outcome, Severity};
use crate::event::{CheckProblem, CheckReport, CheckResult, CheckSeverity};

/// What every check says, problems first: errors, warnings, what could not be told, what was turned off, what passed.
/// `skip` has the codes of the checks that are turned off.
pub fn run(input: &Input<'_>, skip: &[String]) -> Vec<CheckReport> {
    let mut reports: Vec<CheckReport> = ALL.iter().filter_map(|check| report(check, input, skip)).collect();
    reports.sort_by_key(rank);
    reports
}

fn report(check: &Check, input: &Input<'_>, skip: &[String]) -> Option<CheckReport> {
    let empty = CheckReport {
        code: check.code.to_owned(),
        title: check.title.to_owned(),
        result: CheckResult::Passed,
        problems: Vec::new(),
        fix: None,
        permissions: Vec::new(),
        why: None,
    };
    if skip.iter().any(|code| code == check.code) {
        return Some(CheckReport { result: CheckResult::Skipped, ..empty });
    }
    match (check.run)(input) {
        Outcome::NotApplicable => None,
        Outcome::Passed => Some(empty),
        Outcome::NotChecked { permissions, why } => {
            Some(CheckReport { result: CheckResult::NotChecked, permissions, why, ..empty })
        }
        Outcome::Problems(problems) => {
            let problem = |problem: super::Problem| CheckProblem {
                severity: match problem.severity.unwrap_or(check.severity) {
                    Severity::Error => CheckSeverity::Error,
                    Severity::Warning => CheckSeverity::Warning,
                },
                subject: problem.subject,
                message: problem.message,
            };
            let mut problems: Vec<CheckProblem> = problems.into_iter().map(problem).collect();
            problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
            let fix = Some(check.fix.join(" "));
            Some(CheckReport { result: CheckResult::Problems, problems, fix, ..empty })
        }
    }
}

fn rank(report: &CheckReport) -> u8 {
    let has_error = report.problems.iter().any(|problem| problem.severity == CheckSeverity::Error);
    match report.result {
        CheckResult::Problems if has_error => 0,
        CheckResult::Problems => 1,
        CheckResult::NotChecked => 2,
        CheckResult::Skipped => 3,
        CheckResult::Passed => 4,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::PreflightSummary;
    use crate::preflight::testing::{World, denied};

    #[test]
    fn a_sound_deployment_has_no_problem_and_nothing_unknown() {
        let reports = World::sound().run(&[]);
        let other: Vec<_> = reports.iter().filter(|report| report.result != CheckResult::Passed).collect();
        assert!(other.is_empty(), "{other:?}");
        assert!(reports.len() > 30, "{}", reports.len());
    }

    #[test]
    fn problems_come_first_and_are_counted() {
        let mut world = World::sound();
        world.definition["cpu"] = json!("300");
        world.container()["image"] = json!("nginx");
        world.facts.cluster = denied("ecs:DescribeClusters");
        let reports = world.run(&[]);
        assert_eq!(reports[0].code, "fargate-task-size");
        assert_eq!((reports[0].problems.len(), reports[0].fix.is_some()), (1, true));
        assert_eq!(reports[1].code, "mutable-image-tag");
        assert_eq!(
            (reports[2].code.as_str(), reports[2].result),
            ("cluster-active", CheckResult::NotChecked)
        );
        let summary = PreflightSummary::of(&reports, 7);
        assert_eq!((summary.errors, summary.warnings, summary.not_checked), (1, 1, 1));
        assert_eq!(summary.permissions, ["ecs:DescribeClusters"]);
    }

    #[test]
    fn a_check_that_is_turned_off_is_said_to_be() {
        let mut world = World::sound();
        world.definition["cpu"] = json!("300");
        let reports = world.run(&["fargate-task-size".to_owned()]);
        let summary = PreflightSummary::of(&reports, 0);
        assert_eq!((summary.errors, summary.skipped), (0, vec!["fargate-task-size".to_owned()]));
    }
}
