//! The cluster can run tasks.

use crate::aws::account::Known;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The cluster is ACTIVE.
pub const CHECK: Check = Check {
    code: "cluster-active",
    title: "The cluster is ACTIVE",
    severity: Severity::Error,
    cause: "A cluster that is being deleted or has failed starts no tasks.",
    fix: &["Correct cluster, region and account, or create the cluster again."],
    prevents: &["cluster-not-found"],
    source: "clusters",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    if input.facts.cluster == Known::Absent {
        tally.problem("cluster", "there is no such cluster");
    }
    if let Some(cluster) = tally.know(&input.facts.cluster)
        && cluster.status != "ACTIVE"
    {
        tally.problem(format!("cluster {}", cluster.arn), format!("it is {}", cluster.status));
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::testing::{denied, passes, problem, wants};

    #[test]
    fn another_status_is_refused() {
        let said = problem(&CHECK, |world| {
            let Known::Is(cluster) = &mut world.facts.cluster else { panic!() };
            cluster.status = "DEPROVISIONING".into();
        });
        assert!(said.ends_with("it is DEPROVISIONING"), "{said}");
        assert!(problem(&CHECK, |world| world.facts.cluster = Known::Absent).contains("no such cluster"));
    }

    #[test]
    fn an_active_one_passes() {
        passes(&CHECK, |_| {});
    }

    #[test]
    fn without_the_permission_it_cannot_be_told() {
        wants(&CHECK, "ecs:DescribeClusters", |world| world.facts.cluster = denied("ecs:DescribeClusters"));
    }
}
