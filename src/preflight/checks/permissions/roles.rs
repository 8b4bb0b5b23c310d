//! The roles exist and trust ECS (facts 8.1).

use serde_json::Value;

use crate::aws::account::Known;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// ECS can assume the roles.
pub const CHECK: Check = Check {
    code: "roles-assumable",
    title: "The execution role and the task role exist, and tasks may assume them",
    severity: Severity::Error,
    cause: "ECS assumes both roles in the name of ecs-tasks.amazonaws.com; a role that is not there, or does not trust \
            it, stops each task before it starts.",
    fix: &[
        "Correct executionRoleArn or taskRoleArn.",
        "Allow sts:AssumeRole for the service ecs-tasks.amazonaws.com in the role's trust policy.",
    ],
    prevents: &["role-not-assumable"],
    source: "task_execution_IAM_role",
    run,
};

const ECS_TASKS: &str = "ecs-tasks.amazonaws.com";

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    let mut any = false;
    for (field, what) in [("executionRoleArn", "execution role"), ("taskRoleArn", "task role")] {
        let Some(arn) = input.text(field) else { continue };
        any = true;
        let known = input.facts.roles.get(arn);
        if known == Some(&Known::Absent) {
            tally.problem(format!("{what} {arn}"), "there is no such role");
        } else if let Some(role) = tally.know_of(known)
            && !trusts(&role.trust, ECS_TASKS)
        {
            tally.problem(
                format!("{what} {arn}"),
                format!("its trust policy does not let {ECS_TASKS} assume it"),
            );
        }
    }
    if any { tally.outcome() } else { Outcome::NotApplicable }
}

/// Whether a trust policy lets a service assume the role. Conditions are not judged: they count as met.
fn trusts(policy: &Value, service: &str) -> bool {
    let statements = match policy.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let concerns = |statement: &Value, effect: &str| {
        let principal = statement.get("Principal");
        let services = principal.and_then(|principal| principal.get("Service"));
        statement.get("Effect").and_then(Value::as_str) == Some(effect)
            && (principal.and_then(Value::as_str) == Some("*") || one_of(services, |name| name == service))
            && one_of(statement.get("Action"), |name| {
                ["sts:assumerole", "sts:*", "*"].contains(&name.to_lowercase().as_str())
            })
    };
    let refused = |statement: &&Value| concerns(statement, "Deny") && statement.get("Condition").is_none();
    statements.iter().any(|statement| concerns(statement, "Allow")) && !statements.iter().any(refused)
}

/// A text or a list of texts of which one fits.
fn one_of(value: Option<&Value>, fits: impl Fn(&str) -> bool) -> bool {
    match value {
        Some(Value::String(text)) => fits(text),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).any(fits),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{EXECUTION, TASK, denied, does_not_apply, passes, problem, wants};

    #[test]
    fn a_role_that_is_not_there_or_trusts_others_is_refused() {
        let said = problem(&CHECK, |world| {
            world.facts.roles.insert(EXECUTION.into(), Known::Absent);
        });
        assert_eq!(said, format!("execution role {EXECUTION}: there is no such role"));
        let said = problem(&CHECK, |world| {
            let Some(Known::Is(role)) = world.facts.roles.get_mut(TASK) else { panic!() };
            role.trust["Statement"][0]["Principal"]["Service"] = json!("ec2.amazonaws.com");
        });
        assert!(said.ends_with("does not let ecs-tasks.amazonaws.com assume it"), "{said}");
    }

    #[test]
    fn every_way_of_trusting_passes() {
        let trust = |statement: Value| json!({ "Statement": statement });
        let allow = json!({"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com", ECS_TASKS]}, "Action": "sts:AssumeRole"});
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": ["sts:*"]});
        assert!(trusts(&trust(allow.clone()), ECS_TASKS) && trusts(&trust(json!([allow])), ECS_TASKS));
        assert!(!trusts(&trust(json!([allow, deny])), ECS_TASKS) && !trusts(&json!({}), ECS_TASKS));
        passes(&CHECK, |_| {});
    }

    #[test]
    fn without_the_permission_it_cannot_be_told() {
        wants(&CHECK, "iam:GetRole", |world| {
            world.facts.roles.insert(TASK.into(), denied("iam:GetRole"));
        });
        does_not_apply(&CHECK, |world| {
            world.definition =
                json!({"family": "web", "containerDefinitions": [{"name": "a", "image": "b"}]});
        });
    }
}
