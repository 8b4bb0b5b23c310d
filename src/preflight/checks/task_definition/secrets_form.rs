//! How secrets are named (facts 2.6).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::preflight::reference::SecretReference;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// `secrets` are written as ECS reads them.
pub const CHECK: Check = Check {
    code: "secret-names",
    title: "The secrets are named as ECS reads them, and none hides a variable",
    severity: Severity::Error,
    cause: "valueFrom is a parameter's name or ARN, or a secret's full ARN with :JSON-KEY:STAGE:VERSION-ID, of which a \
            stage and a version id exclude each other. ECS refuses a name that is both in environment and in secrets.",
    fix: &[
        "Write ARN:JSON-KEY:: for one value of a secret, with both colons.",
        "Take the variable out of environment or out of secrets.",
    ],
    prevents: &["secret-missing"],
    source: "secrets-envvar-secrets-manager",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    if input.containers().all(|container| container.references().is_empty()) {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    for container in input.containers() {
        let names = |field: &str| {
            let names = container.list(field).filter_map(|entry| entry.get("name").and_then(Value::as_str));
            names.collect::<Vec<_>>()
        };
        let variables: BTreeSet<&str> = names("environment").into_iter().collect();
        for name in names("secrets").into_iter().filter(|name| variables.contains(name)) {
            tally.problem(container.subject(), format!("{name} is both in environment and in secrets"));
        }
        for (what, from) in container.references() {
            let subject = format!("{what} of container {}", container.name);
            if from.is_empty() {
                tally.problem(subject, "valueFrom is empty");
            } else if let Some(secret) = SecretReference::parse(from) {
                if secret.stage.is_some() && secret.version.is_some() {
                    tally.problem(
                        subject,
                        "valueFrom has a version stage and a version id; only one of them may be",
                    );
                } else if !secret.is_well_formed {
                    let message = "valueFrom has another number of colons than ARN:JSON-KEY:STAGE:VERSION-ID: fields that are not used stay, but empty";
                    tally.problem(subject, message);
                }
            } else if from.starts_with("arn:") && !from.contains(":ssm:") {
                tally.problem(subject, "valueFrom is an ARN of neither Secrets Manager nor Parameter Store");
            }
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{SECRET, does_not_apply, passes, problem};

    #[test]
    fn malformed_references_are_refused() {
        for (from, said) in [
            (format!("{SECRET}:password"), "another number of colons"),
            (format!("{SECRET}:password:AWSCURRENT:1234"), "only one of them may be"),
            ("arn:aws:s3:::bucket/x".to_owned(), "neither Secrets Manager nor Parameter Store"),
            (String::new(), "is empty"),
        ] {
            let found = problem(&CHECK, |world| world.container()["secrets"][0]["valueFrom"] = json!(from));
            assert!(found.starts_with("secret DB of container app:") && found.contains(said), "{found}");
        }
    }

    #[test]
    fn a_name_is_a_variable_or_a_secret() {
        let said = problem(&CHECK, |world| world.container()["environment"][0]["name"] = json!("DB"));
        assert_eq!(said, "container app: DB is both in environment and in secrets");
    }

    #[test]
    fn every_legal_form_passes() {
        for from in [
            SECRET,
            "/web/token",
            "token",
            "arn:aws:ssm:us-east-1:1:parameter/a",
            &format!("{SECRET}:k:AWSCURRENT:"),
            &format!("{SECRET}:::id"),
        ] {
            passes(&CHECK, |world| world.container()["secrets"][0]["valueFrom"] = json!(from));
        }
        does_not_apply(&CHECK, |world| world.container()["secrets"] = json!([]));
    }
}
