//! The way to CloudWatch Logs (facts 6.9).

use super::path::path_to;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Tasks reach CloudWatch Logs.
pub const CHECK: Check = Check {
    code: "no-route-to-logs",
    title: "The tasks can reach CloudWatch Logs",
    severity: Severity::Error,
    cause: "The awslogs driver creates its stream before the containers start; a task that cannot reach CloudWatch Logs stops.",
    fix: &[
        "Public subnets: set assignPublicIp to ENABLED.",
        "Private subnets: give them a default route to a NAT gateway, or an interface endpoint for logs with private DNS.",
        "Let the tasks' security groups connect to port 443, and the endpoints' let the tasks in on it; an endpoint's own policy has to allow it as well.",
    ],
    prevents: &["log-network"],
    source: "vpc-endpoints",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let is_used = input.containers().any(|container| container.log_driver() == Some("awslogs"));
    if is_used { path_to(input, &["logs"]) } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::checks::network::tests;

    #[test]
    fn a_way_is_needed() {
        tests::needs_a_way(&CHECK, &["logs"]);
    }

    #[test]
    fn nothing_of_the_kind_needs_no_way() {
        crate::preflight::testing::does_not_apply(&CHECK, |world| {
            world.container()["logConfiguration"] = serde_json::json!({"logDriver": "splunk"});
        });
    }
}
