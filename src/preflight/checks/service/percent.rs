//! Percentages that allow neither a stop nor a start (facts 3.5).

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// A rolling update can move.
pub const CHECK: Check = Check {
    code: "deployment-percent",
    title: "minimumHealthyPercent and maximumPercent let a deployment move",
    severity: Severity::Error,
    cause: "Where the upper bound, desiredCount × maximumPercent rounded down, has no room for one task more, and the \
            lower bound, desiredCount × minimumHealthyPercent rounded up, none for one less, ECS waits for ever.",
    fix: &["Raise maximumPercent (200 is the default) or lower minimumHealthyPercent."],
    prevents: &["deployment-percent-blocked"],
    source: "service-event-messages-list",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let desired = input.desired();
    if input.live.is_native() || desired == 0 {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let (least, most) = (input.minimum_healthy_percent(), input.maximum_percent());
    // A DAEMON service has one task on each instance: it cannot start another one first, whatever the upper bound is.
    let is_daemon =
        input.service.get("schedulingStrategy").and_then(serde_json::Value::as_str) == Some("DAEMON");
    let most = if is_daemon { most.min(100) } else { most };
    let (lower, upper) = ((desired * least).div_ceil(100), desired * most / 100);
    if upper <= desired && lower >= desired {
        tally.problem(
            format!("service {}", input.live.name),
            format!(
                "of {desired} tasks, minimumHealthyPercent {least} keeps {lower}, and maximumPercent {most} allows {upper}: ECS can neither stop nor start one"
            ),
        );
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{World, does_not_apply, passes, problem};

    fn percent(world: &mut World, desired: u64, least: u64, most: u64) {
        world.service["desiredCount"] = json!(desired);
        world.service["deploymentConfiguration"] =
            json!({"minimumHealthyPercent": least, "maximumPercent": most});
    }

    #[test]
    fn bounds_without_room_are_refused_with_their_arithmetic() {
        let said = problem(&CHECK, |world| percent(world, 2, 75, 125));
        assert_eq!(
            said,
            "service web: of 2 tasks, minimumHealthyPercent 75 keeps 2, and maximumPercent 125 allows 2: ECS can neither stop nor start one"
        );
        problem(&CHECK, |world| percent(world, 1, 100, 100));
    }

    #[test]
    fn room_on_either_side_passes() {
        for (desired, least, most) in [(1, 100, 200), (1, 0, 100), (4, 75, 125)] {
            passes(&CHECK, |world| percent(world, desired, least, most));
        }
    }

    #[test]
    fn a_daemon_has_to_stop_a_task_first() {
        let daemon = |least: u64| {
            move |world: &mut World| {
                percent(world, 3, least, 200);
                world.service["schedulingStrategy"] = json!("DAEMON");
            }
        };
        let said = problem(&CHECK, daemon(100));
        assert!(said.contains("keeps 3, and maximumPercent 100 allows 3"), "{said}");
        passes(&CHECK, daemon(0));
    }

    #[test]
    fn nothing_wanted_moves_nothing() {
        does_not_apply(&CHECK, |world| percent(world, 0, 100, 100));
        does_not_apply(&CHECK, |world| world.live.strategy = "CANARY".into());
    }
}
