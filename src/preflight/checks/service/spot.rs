//! One task on Spot alone (facts 5.3, S3).

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// A service of one task does not depend on Spot.
pub const CHECK: Check = Check {
    code: "spot-only",
    title: "A service of one task does not run on Fargate Spot alone",
    severity: Severity::Warning,
    cause: "AWS takes Spot tasks back with two minutes' notice, and may have no other for some time: with one task the \
            service is gone meanwhile.",
    fix: &["Add FARGATE to the strategy with base 1, or run two tasks in different zones."],
    prevents: &[],
    source: "fargate-capacity-providers",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let providers = input.capacity_providers();
    if !providers.contains(&"FARGATE_SPOT") {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    if providers.iter().all(|name| *name == "FARGATE_SPOT") && input.desired() == 1 {
        tally.problem(format!("service {}", input.live.name), "its only task runs on FARGATE_SPOT");
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{World, does_not_apply, passes, problem};

    fn spot(world: &mut World, desired: u32) {
        world.service["capacityProviderStrategy"] =
            json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
        world.service["desiredCount"] = json!(desired);
    }

    #[test]
    fn one_task_on_spot_is_told_of() {
        let said = problem(&CHECK, |world| spot(world, 1));
        assert_eq!(said, "service web: its only task runs on FARGATE_SPOT");
    }

    #[test]
    fn two_tasks_or_a_base_pass() {
        passes(&CHECK, |world| spot(world, 2));
        passes(&CHECK, |world| {
            spot(world, 1);
            let base = json!({"capacityProvider": "FARGATE", "base": 1});
            world.service["capacityProviderStrategy"].as_array_mut().unwrap().push(base);
        });
    }

    #[test]
    fn without_spot_there_is_nothing_to_check() {
        does_not_apply(&CHECK, |_| {});
    }
}
