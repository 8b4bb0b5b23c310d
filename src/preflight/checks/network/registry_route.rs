//! The way to registries on the internet (facts 5.1, P2).

use super::path::path_to_internet;
use crate::image::Reference;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Tasks reach the registries of their images.
pub const CHECK: Check = Check {
    code: "no-route-to-registry",
    title: "The tasks can reach the registries of images that are not in ECR",
    severity: Severity::Error,
    cause: "A registry on the internet is reached by a public address or a NAT gateway only; no VPC endpoint leads to it.",
    fix: &[
        "Public subnets: set assignPublicIp to ENABLED.",
        "Private subnets: give them a default route to a NAT gateway, or copy the image to ECR.",
        "Let the tasks' security groups connect to port 443, and the endpoints' let the tasks in on it.",
    ],
    prevents: &["network-path-registry"],
    source: "vpc-endpoints",
    run,
};

/// Whether an image is in a registry on the internet: a host with a port is one of one's own network.
fn is_elsewhere(image: &str) -> bool {
    image.parse::<Reference>().is_ok_and(|image| image.is_ecr().is_none() && !image.host.contains(':'))
}

fn run(input: &Input<'_>) -> Outcome {
    let is_used = input.containers().any(|container| is_elsewhere(container.image()));
    if is_used { path_to_internet(input) } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::checks::network::tests;

    #[test]
    fn a_way_is_needed() {
        tests::needs_the_internet(&CHECK);
    }

    #[test]
    fn nothing_of_the_kind_needs_no_way() {
        crate::preflight::testing::does_not_apply(&CHECK, |world| {
            world.container()["image"] = serde_json::json!("localhost:5000/web:1");
        });
    }
}
