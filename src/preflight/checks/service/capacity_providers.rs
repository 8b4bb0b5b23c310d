//! The service's capacity providers are the cluster's (facts 5.7).

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The cluster has the capacity providers.
pub const CHECK: Check = Check {
    code: "capacity-providers",
    title: "The cluster has the capacity providers of the service",
    severity: Severity::Error,
    cause: "A strategy can only name capacity providers that are associated with the cluster.",
    fix: &[
        "Associate the capacity provider with the cluster (FARGATE, FARGATE_SPOT), or correct the strategy.",
    ],
    prevents: &["capacity-provider-missing", "no-container-instances"],
    source: "fargate-capacity-providers",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let wanted = input.capacity_providers();
    if wanted.is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    if let Some(cluster) = tally.know(&input.facts.cluster) {
        let has = |name: &str| cluster.capacity_providers.iter().any(|known| known == name);
        for name in wanted.into_iter().filter(|name| !has(name)) {
            tally.problem(
                format!("capacity provider {name}"),
                format!("the cluster {} does not have it", cluster.arn),
            );
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn strategy(world: &mut World, name: &str) {
        world.service["capacityProviderStrategy"] = json!([{"capacityProvider": name, "weight": 1}]);
    }

    #[test]
    fn one_that_the_cluster_lacks_is_refused() {
        let said = problem(&CHECK, |world| strategy(world, "gpu"));
        assert_eq!(
            said,
            "capacity provider gpu: the cluster arn:aws:ecs:us-east-1:123456789012:cluster/demo does not have it"
        );
    }

    #[test]
    fn one_that_it_has_passes() {
        passes(&CHECK, |world| strategy(world, "FARGATE_SPOT"));
        does_not_apply(&CHECK, |_| {});
    }

    #[test]
    fn without_the_permission_it_cannot_be_told() {
        wants(&CHECK, "ecs:DescribeClusters", |world| {
            strategy(world, "FARGATE");
            world.facts.cluster = denied("ecs:DescribeClusters");
        });
    }
}
