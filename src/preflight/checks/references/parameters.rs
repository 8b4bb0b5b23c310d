//! Parameters exist (facts 2.6).

use crate::aws::account::Known;
use crate::preflight::reference::{parameter, region_of};
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The parameters are there.
pub const CHECK: Check = Check {
    code: "parameters-exist",
    title: "The parameters of Parameter Store exist",
    severity: Severity::Error,
    cause: "ECS reads parameters before the containers start; one that is not there stops each task. A name stands for \
            a parameter of the task's own Region.",
    fix: &["Create the parameter, or correct valueFrom."],
    prevents: &["secret-missing"],
    source: "secrets-envvar-ssm-paramstore",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    let mut any = false;
    for container in input.containers() {
        for (what, from) in container.references() {
            // The login of a registry is a secret, even where a name alone is given.
            let Some(name) = parameter(from).filter(|_| what != "registry login") else { continue };
            any = true;
            let known = input.facts.parameters.get(name);
            if known == Some(&Known::Absent) {
                let region = region_of(name).unwrap_or(&input.facts.region);
                let subject = format!("{what} of container {}", container.name);
                tally.problem(subject, format!("there is no parameter {name} in {region}"));
            } else {
                tally.know_of(known);
            }
        }
    }
    if any { tally.outcome() } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{denied, does_not_apply, passes, problem, wants};

    #[test]
    fn a_missing_one_is_refused() {
        let said = problem(&CHECK, |world| {
            world.facts.parameters.insert("/web/token".into(), Known::Absent);
        });
        assert_eq!(said, "secret TOKEN of container app: there is no parameter /web/token in us-east-1");
    }

    #[test]
    fn a_known_one_passes() {
        passes(&CHECK, |_| {});
        does_not_apply(&CHECK, |world| world.container()["secrets"] = json!([]));
    }

    #[test]
    fn a_hidden_one_cannot_be_told() {
        wants(&CHECK, "ssm:DescribeParameters", |world| {
            world.facts.parameters.insert("/web/token".into(), denied("ssm:DescribeParameters"));
        });
    }
}
