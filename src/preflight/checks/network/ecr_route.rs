//! The way to ECR (facts 6.9).

use super::path::path_to;
use crate::image::Reference;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Tasks reach ECR.
pub const CHECK: Check = Check {
    code: "no-route-to-ecr",
    title: "The tasks can reach ECR",
    severity: Severity::Error,
    cause: "A task pulls its images through its own network interface; without a way to ECR it stops before it starts (`unable to pull secrets or registry auth`, `i/o timeout`).",
    fix: &[
        "Public subnets: set assignPublicIp to ENABLED.",
        "Private subnets: give them a default route to a NAT gateway, or interface endpoints for ecr.api and ecr.dkr with private DNS.",
        "Let the tasks' security groups connect to port 443, and the endpoints' let the tasks in on it; an endpoint's own policy has to allow it as well.",
    ],
    prevents: &["network-path-registry"],
    source: "vpc-endpoints",
    run,
};

/// Whether a container's image is in a private registry of ECR.
pub(super) fn uses_ecr(input: &Input<'_>) -> bool {
    input
        .containers()
        .any(|container| container.image().parse::<Reference>().is_ok_and(|image| image.is_ecr().is_some()))
}

fn run(input: &Input<'_>) -> Outcome {
    let is_used = uses_ecr(input);
    if is_used { path_to(input, &["ecr.api", "ecr.dkr"]) } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::checks::network::tests;

    #[test]
    fn a_way_is_needed() {
        tests::needs_a_way(&CHECK, &["ecr.api", "ecr.dkr"]);
    }

    #[test]
    fn nothing_of_the_kind_needs_no_way() {
        crate::preflight::testing::does_not_apply(&CHECK, |world| {
            world.container()["image"] = serde_json::json!("nginx:1");
        });
    }
}
