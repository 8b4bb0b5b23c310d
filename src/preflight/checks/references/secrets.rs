//! Secrets exist and can be read (facts 2.6).

use crate::aws::account::Known;
use crate::preflight::reference::SecretReference;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The secrets are there.
pub const CHECK: Check = Check {
    code: "secrets-exist",
    title: "The secrets of Secrets Manager exist, with the JSON keys that are named",
    severity: Severity::Error,
    cause: "ECS reads secrets before the containers start; one that is gone, is scheduled for deletion or lacks the \
            JSON key stops each task.",
    fix: &[
        "Create the secret, or correct valueFrom; its ARN ends in six random characters.",
        "Restore one that is scheduled for deletion (aws secretsmanager restore-secret).",
        "Add the key to the secret's JSON object.",
    ],
    prevents: &["secret-missing", "secret-json-key-missing", "secret-not-json"],
    source: "secrets-envvar-secrets-manager",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    let mut any = false;
    for container in input.containers() {
        for (what, from) in container.references() {
            let Some(secret) = SecretReference::parse(from) else { continue };
            any = true;
            let subject = format!("{what} of container {}", container.name);
            let known = input.facts.secrets.get(secret.arn);
            if known == Some(&Known::Absent) {
                tally.problem(subject, format!("there is no secret {}", secret.arn));
                continue;
            }
            let Some(facts) = tally.know_of(known) else { continue };
            if facts.is_deleted {
                tally.problem(subject, format!("the secret {} is scheduled for deletion", secret.arn));
                continue;
            }
            let Some(key) = secret.json_key else { continue };
            match &facts.json_keys {
                Known::Absent => tally.problem(
                    subject,
                    format!("it wants the key `{key}` of {}, which is not a JSON object", secret.arn),
                ),
                // Nobody reads a value to be sure of a name, unless that was asked for.
                Known::NotAsked => {}
                keys => {
                    if tally.know(keys).is_some_and(|keys| !keys.iter().any(|known| known == key)) {
                        tally.problem(subject, format!("the secret {} has no key `{key}`", secret.arn));
                    }
                }
            }
        }
    }
    if any { tally.outcome() } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::account::SecretFacts;
    use crate::preflight::testing::{SECRET, World, denied, does_not_apply, passes, problem, wants};

    fn facts(world: &mut World) -> &mut SecretFacts {
        match world.facts.secrets.get_mut(SECRET) {
            Some(Known::Is(facts)) => facts,
            _ => panic!("it is known"),
        }
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_refused() {
        let said = problem(&CHECK, |world| {
            world.facts.secrets.insert(SECRET.into(), Known::Absent);
        });
        assert_eq!(said, format!("secret DB of container app: there is no secret {SECRET}"));
        let said = problem(&CHECK, |world| facts(world).is_deleted = true);
        assert!(said.ends_with("is scheduled for deletion"), "{said}");
    }

    #[test]
    fn the_json_key_must_be_there() {
        let said = problem(&CHECK, |world| facts(world).json_keys = Known::Is(vec!["user".into()]));
        assert_eq!(said, format!("secret DB of container app: the secret {SECRET} has no key `password`"));
        let said = problem(&CHECK, |world| facts(world).json_keys = Known::Absent);
        assert!(said.ends_with("which is not a JSON object"), "{said}");
        passes(&CHECK, |world| facts(world).json_keys = Known::NotAsked);
    }

    #[test]
    fn a_hidden_secret_cannot_be_told() {
        let permission = "secretsmanager:DescribeSecret";
        wants(&CHECK, permission, |world| {
            world.facts.secrets.insert(SECRET.into(), denied(permission));
        });
        passes(&CHECK, |_| {});
        does_not_apply(&CHECK, |world| world.container()["secrets"] = json!([]));
    }
}
