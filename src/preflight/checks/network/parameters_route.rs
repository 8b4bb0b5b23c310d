//! The way to Parameter Store (facts 6.9).

use super::path::path_to;
use crate::preflight::reference::parameter;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Tasks reach Parameter Store.
pub const CHECK: Check = Check {
    code: "no-route-to-parameters",
    title: "The tasks can reach Parameter Store",
    severity: Severity::Error,
    cause: "Parameters are read through the task's own network interface before its containers start (`unable to pull secrets or registry auth`).",
    fix: &[
        "Public subnets: set assignPublicIp to ENABLED.",
        "Private subnets: give them a default route to a NAT gateway, or an interface endpoint for ssm with private DNS.",
        "Let the tasks' security groups connect to port 443, and the endpoints' let the tasks in on it; an endpoint's own policy has to allow it as well.",
    ],
    prevents: &["secret-network"],
    source: "vpc-endpoints",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let is_used = input
        .containers()
        .any(|container| container.references().iter().any(|(_, from)| parameter(from).is_some()));
    if is_used { path_to(input, &["ssm"]) } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::checks::network::tests;

    #[test]
    fn a_way_is_needed() {
        tests::needs_a_way(&CHECK, &["ssm"]);
    }

    #[test]
    fn nothing_of_the_kind_needs_no_way() {
        crate::preflight::testing::does_not_apply(&CHECK, |world| {
            world.container()["secrets"] = serde_json::json!([]);
        });
    }
}
