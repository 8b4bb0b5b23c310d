//! The pages of the checks before a change.

use super::page::Page;
use crate::preflight::checks::ALL;
use crate::preflight::{Check, Severity};

/// The heading that they stand under.
pub(super) const GROUP: &str = "Checks before a change";

pub(super) fn pages() -> Vec<Page> {
    ALL.iter().map(of).collect()
}

fn of(check: &Check) -> Page {
    let landfall = match check.severity {
        Severity::Error => {
            "It refuses the deployment, before anything is changed, with exit code 3; \
             `--skip-check` turns the check off."
        }
        Severity::Warning => "It tells, and the deployment goes on; `--skip-check` turns the check off.",
    };
    let prevented = check.prevents.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>();
    Page {
        code: check.code.to_owned(),
        group: GROUP,
        title: check.title.to_owned(),
        cause: check.cause.to_owned(),
        fix: check.fix.iter().map(|step| (*step).to_owned()).collect(),
        checks: Vec::new(),
        table: (!prevented.is_empty()).then_some(("Failures that it finds beforehand", prevented)),
        landfall: landfall.to_owned(),
        texts: Vec::new(),
        aws_page: Some(format!(
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/{}.html",
            check.source
        )),
    }
}
