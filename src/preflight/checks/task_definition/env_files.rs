//! What ECS takes as env files (facts 2.1).

use landfall_envfile::FARGATE_FILES;
use serde_json::Value;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// ECS reads the env files that are named.
pub const CHECK: Check = Check {
    code: "env-file-rules",
    title: "The env files are named as ECS takes them",
    severity: Severity::Error,
    cause: "An env file is an object of S3 whose key ends in .env, named by its ARN; a task has at most 10 of them; \
            Windows tasks on Fargate have none.",
    fix: &["Name each file as arn:aws:s3:::BUCKET/KEY.env.", "Join files where there are more than 10."],
    prevents: &["env-file-missing"],
    source: "use-environment-file",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let count = input.containers().flat_map(|container| container.list("environmentFiles")).count();
    if count == 0 {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    if count > FARGATE_FILES {
        tally
            .problem("task definition", format!("it names {count} env files, and ECS takes {FARGATE_FILES}"));
    }
    if input.is_windows() && input.is_fargate() {
        tally.problem("task definition", "it names env files, which Windows tasks on Fargate do not read");
    }
    for container in input.containers() {
        for (index, file) in container.list("environmentFiles").enumerate() {
            let place = |field: &str| container.path(&format!("environmentFiles[{index}].{field}"));
            let text = |field: &str| file.get(field).and_then(Value::as_str).unwrap_or_default();
            if text("type") != "s3" {
                let kind = text("type");
                tally.problem(container.subject(), format!("{} is `{kind}`, and must be s3", place("type")));
            }
            let arn = text("value");
            if s3_object(arn).is_none() {
                let message = format!("{} is `{arn}`, and must be arn:aws:s3:::BUCKET/KEY", place("value"));
                tally.problem(container.subject(), message);
            } else if !arn.ends_with(".env") {
                let message = format!("{} is {arn}, and the key of an env file ends in .env", place("value"));
                tally.problem(container.subject(), message);
            }
        }
    }
    tally.outcome()
}

/// Partition, bucket and key of an S3 ARN.
pub(crate) fn s3_object(arn: &str) -> Option<(&str, &str, &str)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":s3:::")?;
    let (bucket, key) = rest.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then_some((partition, bucket, key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{does_not_apply, passes, problem, problems};

    #[test]
    fn other_names_are_refused() {
        for (value, said) in [
            ("arn:aws:s3:::bucket/app.txt", "ends in .env"),
            ("s3://bucket/app.env", "must be arn:aws:s3:::BUCKET/KEY"),
            ("arn:aws:s3:::bucket", "must be arn:aws:s3:::BUCKET/KEY"),
        ] {
            let found =
                problem(&CHECK, |world| world.container()["environmentFiles"][0]["value"] = json!(value));
            assert!(found.contains(said), "{found}");
        }
    }

    #[test]
    fn too_many_and_windows_are_refused() {
        let said = problems(&CHECK, |world| {
            let file = world.container()["environmentFiles"][0].clone();
            world.container()["environmentFiles"] = vec![file; 11].into();
            world.definition["runtimePlatform"] =
                json!({"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"});
        });
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains("11 env files"), "{said:?}");
    }

    #[test]
    fn an_arn_passes_in_every_partition() {
        passes(&CHECK, |world| {
            world.container()["environmentFiles"][0]["value"] = json!("arn:aws-cn:s3:::b/a/b.env");
        });
        does_not_apply(&CHECK, |world| world.container()["environmentFiles"] = json!([]));
    }
}
