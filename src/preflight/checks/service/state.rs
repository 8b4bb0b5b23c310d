//! Whether the service takes a new revision from UpdateService (facts 5.7 and 9.5).

use serde_json::Value;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The service can be deployed.
pub const CHECK: Check = Check {
    code: "service-deployable",
    title: "The service is ACTIVE and its deployment controller is ECS",
    severity: Severity::Error,
    cause: "A service that is being deleted takes no update; one under CodeDeploy or another controller takes no new \
            revision from UpdateService.",
    fix: &[
        "Correct the service's name, or create it again.",
        "Deploy a CODE_DEPLOY service with CodeDeploy, or move it to the controller ECS.",
    ],
    prevents: &["service-not-active", "codedeploy-controller"],
    source: "update-service-parameters",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let status = text(input.service.get("status")).unwrap_or_else(|| input.live.service.status.clone());
    let subject = format!("service {}", input.live.name);
    if status != "ACTIVE" {
        tally.problem(&subject, format!("it is {status}"));
    }
    let controller = input.service.get("deploymentController").and_then(|controller| controller.get("type"));
    let controller = text(controller).unwrap_or_else(|| input.live.controller.clone());
    if controller != "ECS" {
        tally.problem(&subject, format!("its deployment controller is {controller}"));
    }
    let strategy = input.live.strategy.as_str();
    if !input.live.is_native() && strategy != "ROLLING" {
        tally.problem(&subject, format!("its strategy is {strategy}, which Landfall cannot follow"));
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{passes, problem};

    #[test]
    fn what_takes_no_update_is_refused() {
        let said = problem(&CHECK, |world| world.service["status"] = json!("DRAINING"));
        assert_eq!(said, "service web: it is DRAINING");
        let said =
            problem(&CHECK, |world| world.service["deploymentController"] = json!({"type": "CODE_DEPLOY"}));
        assert_eq!(said, "service web: its deployment controller is CODE_DEPLOY");
        let said = problem(&CHECK, |world| world.live.strategy = "SHADOW".into());
        assert_eq!(said, "service web: its strategy is SHADOW, which Landfall cannot follow");
    }

    #[test]
    fn an_active_service_of_ecs_passes() {
        passes(&CHECK, |_| {});
    }
}
