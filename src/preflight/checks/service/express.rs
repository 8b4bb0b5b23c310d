//! Services that ECS manages by itself (facts 4.5).

use serde_json::Value;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// It is no Express Mode service.
pub const CHECK: Check = Check {
    code: "express-service",
    title: "The service is not managed by ECS Express Mode",
    severity: Severity::Error,
    cause: "ECS owns load balancer, scaling and deployments of an Express Mode service (resourceManagementType ECS); \
            UpdateService from outside would fight it.",
    fix: &["Deploy it with UpdateExpressGatewayService, or use a service of your own."],
    prevents: &[],
    source: "express-service-overview",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    if input.service.get("resourceManagementType").and_then(Value::as_str) == Some("ECS") {
        tally.problem(
            format!("service {}", input.live.name),
            "it is an Express Mode service, which ECS manages",
        );
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{passes, problem};

    #[test]
    fn an_express_service_is_refused() {
        let said = problem(&CHECK, |world| world.service["resourceManagementType"] = json!("ECS"));
        assert_eq!(said, "service web: it is an Express Mode service, which ECS manages");
    }

    #[test]
    fn a_service_of_the_customer_passes() {
        passes(&CHECK, |world| world.service["resourceManagementType"] = json!("CUSTOMER"));
        passes(&CHECK, |_| {});
    }
}
