//! The quota of Fargate's vCPUs (facts 7.3 and 5.6, E3).

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The deployment keeps to the quota.
pub const CHECK: Check = Check {
    code: "fargate-vcpu-quota",
    title: "The tasks of a deployment keep to the quota of Fargate vCPUs",
    severity: Severity::Error,
    cause: "During a deployment old and new tasks run side by side, up to maximumPercent. The account's quota of \
            on-demand vCPUs in the Region, as low as 6 for a new account, counts them all.",
    fix: &[
        "Ask for more Fargate On-Demand vCPUs in Service Quotas, or lower maximumPercent or the tasks' size.",
    ],
    prevents: &["fargate-vcpu-limit"],
    source: "service-quotas",
    run,
};

/// CPU units of a vCPU.
const VCPU: u64 = 1024;

fn run(input: &Input<'_>) -> Outcome {
    let (Some(cpu), true) = (input.cpu(), input.is_fargate()) else { return Outcome::NotApplicable };
    // Spot has a quota of its own.
    if input.capacity_providers().contains(&"FARGATE_SPOT") || input.desired() == 0 {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    if let Some(quota) = tally.know(&input.facts.vcpu_quota) {
        let quota = u64::from(*quota) * VCPU;
        let desired = input.desired();
        let lower = (desired * input.minimum_healthy_percent()).div_ceil(100);
        // With fewer it cannot move: as many as are wanted, and one beside those that have to stay.
        let fewest = if input.live.is_native() { input.most_tasks() } else { desired.max(lower + 1) };
        let most = input.most_tasks().max(fewest);
        let words = |tasks: u64| {
            format!(
                "{tasks} tasks of {} vCPU are {}, and the quota is {}",
                of(cpu),
                of(tasks * cpu),
                of(quota)
            )
        };
        if fewest * cpu > quota {
            tally.problem("quota of Fargate vCPUs", format!("the deployment cannot move: {}", words(fewest)));
        } else if most * cpu > quota {
            tally.warning("quota of Fargate vCPUs", format!("not all may run at once: {}", words(most)));
        }
    }
    tally.outcome()
}

/// CPU units as vCPUs.
fn of(units: u64) -> String {
    let text = format!("{:.2}", units as f64 / VCPU as f64);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::account::Known;
    use crate::preflight::testing::{denied, does_not_apply, outcome, passes, problem, wants};

    #[test]
    fn what_can_never_fit_is_refused_and_what_is_slow_is_told() {
        let said = problem(&CHECK, |world| {
            world.definition["cpu"] = json!("2048");
            world.facts.vcpu_quota = Known::Is(4);
        });
        assert_eq!(
            said,
            "quota of Fargate vCPUs: the deployment cannot move: 3 tasks of 2 vCPU are 6, and the quota is 4"
        );
        let Outcome::Problems(slow) = outcome(&CHECK, |world| {
            world.definition["cpu"] = json!("2048");
            world.facts.vcpu_quota = Known::Is(6);
        }) else {
            panic!()
        };
        assert_eq!(slow[0].severity, Some(Severity::Warning));
        assert!(slow[0].message.contains("4 tasks of 2 vCPU are 8, and the quota is 6"), "{slow:?}");
    }

    #[test]
    fn what_fits_passes() {
        passes(&CHECK, |world| world.facts.vcpu_quota = Known::Is(2));
    }

    #[test]
    fn a_hidden_quota_cannot_be_told() {
        let permission = "servicequotas:GetServiceQuota";
        wants(&CHECK, permission, |world| world.facts.vcpu_quota = denied(permission));
        does_not_apply(&CHECK, |world| world.service["desiredCount"] = json!(0));
    }
}
