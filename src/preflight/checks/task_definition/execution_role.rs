//! When a task definition needs an execution role (facts 1.5 and 2.4).

use crate::image::Reference;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// There is an execution role where one is needed.
pub const CHECK: Check = Check {
    code: "execution-role-required",
    title: "The task definition has an execution role where it needs one",
    severity: Severity::Error,
    cause: "Fargate pulls images from ECR, writes logs, and reads env files and secrets with the execution role; \
            RegisterTaskDefinition refuses a task definition that lacks it.",
    fix: &["Set executionRoleArn to a role that has AmazonECSTaskExecutionRolePolicy."],
    prevents: &["execution-role-missing"],
    source: "task_execution_IAM_role",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    if input.text("executionRoleArn").is_none() {
        for reason in reasons(input) {
            tally.problem("executionRoleArn", format!("it is not set, and {reason}"));
        }
    }
    tally.outcome()
}

fn reasons(input: &Input<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    for container in input.containers() {
        let name = container.name;
        let is_ecr = container.image().parse::<Reference>().is_ok_and(|image| image.is_ecr().is_some());
        // Instances have a role of their own for images and logs.
        if input.is_fargate() && is_ecr {
            reasons.push(format!("container {name} has an image in ECR"));
        }
        if input.is_fargate() && container.log_driver() == Some("awslogs") {
            reasons.push(format!("container {name} logs to CloudWatch Logs"));
        }
        if container.env_files().next().is_some() {
            reasons.push(format!("container {name} reads env files"));
        }
        if !container.references().is_empty() {
            reasons.push(format!("container {name} has secrets"));
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{World, passes, problem, problems};

    fn without_role(world: &mut World) {
        world.definition.as_object_mut().unwrap().remove("executionRoleArn");
    }

    #[test]
    fn each_reason_for_a_role_is_named() {
        let said = problems(&CHECK, without_role);
        let expected = ["has an image in ECR", "logs to CloudWatch Logs", "reads env files", "has secrets"];
        assert_eq!(said.len(), expected.len());
        for (said, expected) in said.iter().zip(expected) {
            assert_eq!(*said, format!("executionRoleArn: it is not set, and container app {expected}"));
        }
    }

    #[test]
    fn a_public_image_alone_needs_none() {
        passes(&CHECK, |world| {
            without_role(world);
            world.definition["containerDefinitions"] = json!([{"name": "app", "image": "nginx:1"}]);
        });
        let said = problem(&CHECK, |world| {
            without_role(world);
            world.definition["containerDefinitions"] = json!([{
                "name": "app", "image": "nginx:1",
                "repositoryCredentials": {"credentialsParameter": "arn:aws:secretsmanager:r:1:secret:s"}
            }]);
        });
        assert!(said.ends_with("has secrets"), "{said}");
    }

    #[test]
    fn with_a_role_it_passes() {
        passes(&CHECK, |_| {});
    }
}
