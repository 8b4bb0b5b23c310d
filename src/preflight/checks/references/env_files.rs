//! Env files that someone else has stored exist (facts 2.5).

use crate::aws::account::Known;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The env files are there.
pub const CHECK: Check = Check {
    code: "env-files-exist",
    title: "The env files that this run does not store exist",
    severity: Severity::Error,
    cause: "ECS reads env files when each task starts; one that is not there stops the task. Those of the \
            configuration are stored by the run itself.",
    fix: &["Store the file, or correct environmentFiles; with env_file Landfall stores it."],
    prevents: &["env-file-missing"],
    source: "use-environment-file",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    let mut any = false;
    for container in input.containers() {
        for arn in container.env_files() {
            any = true;
            match input.facts.env_files.get(arn) {
                Some(Known::Absent) => tally.problem(container.subject(), format!("there is no {arn}")),
                Some(known) => drop(tally.know(known)),
                // Stored by this run, or about to be.
                None => {}
            }
        }
    }
    if any { tally.outcome() } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{ENV_FILE, denied, does_not_apply, passes, problem, wants};

    #[test]
    fn a_missing_one_is_refused() {
        let said = problem(&CHECK, |world| {
            world.facts.env_files.insert(ENV_FILE.into(), Known::Absent);
        });
        assert_eq!(said, format!("container app: there is no {ENV_FILE}"));
    }

    #[test]
    fn one_of_this_run_passes() {
        passes(&CHECK, |_| {});
        does_not_apply(&CHECK, |world| world.container()["environmentFiles"] = json!([]));
    }

    #[test]
    fn a_hidden_one_cannot_be_told() {
        wants(&CHECK, "s3:ListBucket", |world| {
            world.facts.env_files.insert(ENV_FILE.into(), denied("s3:ListBucket"));
        });
    }
}
