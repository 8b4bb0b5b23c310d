//! What the caller sends (facts 8.1).

use super::judge::judge;
use crate::aws::account::Principal;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The caller may do what the plan needs.
pub const CHECK: Check = Check {
    code: "caller-permissions",
    title: "The caller may push, store, register and update",
    severity: Severity::Error,
    cause: "A deployment that is refused half way leaves images, env files and revisions behind that nothing uses.",
    fix: &["Allow the caller the action that is named."],
    prevents: &["caller-access-denied"],
    source: "security-iam",
    run,
};

/// Actions without which a deployment cannot be made.
const WRITES: [&str; 9] = [
    "ecs:RegisterTaskDefinition",
    "ecs:UpdateService",
    "s3:PutObject",
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
];

fn run(input: &Input<'_>) -> Outcome {
    judge(input, |demand| demand.principal == Principal::Caller && WRITES.contains(&demand.action.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::checks::permissions::judge::judges;

    #[test]
    fn it_judges_the_demands_that_are_its_business() {
        judges(&CHECK, &Principal::Caller, "caller ci", "ecs:UpdateService");
    }
}
