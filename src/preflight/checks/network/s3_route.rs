//! The way to S3 (facts 6.9 and 2.4).

use super::ecr_route::uses_ecr;
use super::path::path_to;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Tasks reach S3.
pub const CHECK: Check = Check {
    code: "no-route-to-s3",
    title: "The tasks can reach S3, where ECR keeps layers and env files are",
    severity: Severity::Error,
    cause: "Layers of images in ECR and env files come from S3; a task that cannot reach it stops before it starts.",
    fix: &[
        "Public subnets: set assignPublicIp to ENABLED.",
        "Private subnets: give them a default route to a NAT gateway, or a gateway endpoint for s3 in their route table.",
        "Let the tasks' security groups connect to port 443, and the endpoints' let the tasks in on it; an endpoint's own policy has to allow it as well.",
    ],
    prevents: &["env-file-network", "image-layers-unreachable"],
    source: "vpc-endpoints",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let is_used =
        uses_ecr(input) || input.containers().any(|container| container.env_files().next().is_some());
    if is_used { path_to(input, &["s3"]) } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::checks::network::tests;

    #[test]
    fn a_way_is_needed() {
        tests::needs_a_way(&CHECK, &["s3"]);
    }

    #[test]
    fn nothing_of_the_kind_needs_no_way() {
        crate::preflight::testing::does_not_apply(&CHECK, |world| {
            world.container()["image"] = serde_json::json!("nginx:1");
            world.container()["environmentFiles"] = serde_json::json!([]);
        });
    }
}
