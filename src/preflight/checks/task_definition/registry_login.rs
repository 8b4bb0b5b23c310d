//! Logins at registries other than ECR (facts 2.6 and 5.1, P12).

use crate::image::Reference;
use crate::preflight::reference::SecretReference;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// `repositoryCredentials` are a secret, and not for ECR.
pub const CHECK: Check = Check {
    code: "registry-login",
    title: "Logins of private registries are secrets, and none is given for ECR",
    severity: Severity::Error,
    cause: "credentialsParameter is the ARN or name of a secret of Secrets Manager; for ECR the execution role logs in, \
            and a login beside it only fails.",
    fix: &[
        "Store the login in Secrets Manager, and name it in credentialsParameter.",
        "Take it out for ECR.",
    ],
    prevents: &["image-private-or-missing"],
    source: "private-auth",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let logins = |container: &crate::preflight::look::Container<'_>| {
        container.fields.get("repositoryCredentials").is_some_and(serde_json::Value::is_object)
    };
    if !input.containers().any(|container| logins(&container)) {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    for container in input.containers().filter(logins) {
        let path = container.path("repositoryCredentials.credentialsParameter");
        let login =
            container.fields.get("repositoryCredentials").and_then(|login| login.get("credentialsParameter"));
        match login.and_then(serde_json::Value::as_str) {
            None | Some("") => tally.problem(container.subject(), format!("{path} is missing")),
            Some(arn) if arn.starts_with("arn:") && SecretReference::parse(arn).is_none() => {
                tally.problem(container.subject(), format!("{path} is no secret of Secrets Manager"));
            }
            Some(_) => {}
        }
        if container.image().parse::<Reference>().is_ok_and(|image| image.is_ecr().is_some()) {
            tally.warning(container.subject(), "its image is in ECR, where the execution role logs in");
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
    fn what_is_no_secret_is_refused() {
        let said = problem(&CHECK, |world| {
            world.container()["image"] = json!("ghcr.io/o/app:1");
            world.container()["repositoryCredentials"] =
                json!({"credentialsParameter": "arn:aws:ssm:r:1:parameter/p"});
        });
        assert!(said.ends_with("is no secret of Secrets Manager"), "{said}");
        let said = problem(&CHECK, |world| {
            world.container()["repositoryCredentials"] = json!({"credentialsParameter": SECRET});
        });
        assert!(said.ends_with("where the execution role logs in"), "{said}");
    }

    #[test]
    fn a_secret_for_another_registry_passes() {
        passes(&CHECK, |world| {
            world.container()["image"] = json!("ghcr.io/o/app:1");
            world.container()["repositoryCredentials"] = json!({"credentialsParameter": SECRET});
        });
    }

    #[test]
    fn without_logins_there_is_nothing_to_check() {
        does_not_apply(&CHECK, |_| {});
    }
}
