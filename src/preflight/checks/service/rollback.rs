//! What becomes of a deployment that fails (facts 3.6 and 3.8).

use serde_json::Value;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Someone puts the service back.
pub const CHECK: Check = Check {
    code: "nobody-rolls-back",
    title: "A deployment that fails is put back by ECS or by Landfall",
    severity: Severity::Warning,
    cause: "Without a circuit breaker a broken deployment stays IN_PROGRESS for ever, and with rollback off in the \
            configuration Landfall leaves it so.",
    fix: &[
        "Set rollback to on-failure in the configuration, or leave it out.",
        "Turn the service's circuit breaker on, with rollback.",
    ],
    prevents: &[],
    source: "deployment-circuit-breaker",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    let configuration = input.service.get("deploymentConfiguration");
    let is_on = |part: &str| {
        let part = configuration.and_then(|configuration| configuration.get(part));
        let flag =
            |name: &str| part.and_then(|part| part.get(name)).and_then(Value::as_bool).unwrap_or(false);
        flag("enable") && flag("rollback")
    };
    if !input.config.rollback && !is_on("deploymentCircuitBreaker") && !is_on("alarms") {
        let message = "nothing puts it back: rollback is off in the configuration, and no circuit breaker or alarm of the service rolls back";
        tally.problem(format!("service {}", input.live.name), message);
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{World, passes, problem};

    fn no_breaker(world: &mut World) {
        world.service["deploymentConfiguration"]["deploymentCircuitBreaker"] = json!({"enable": false});
    }

    #[test]
    fn nobody_is_told_of() {
        let said = problem(&CHECK, |world| {
            no_breaker(world);
            world.config.rollback = false;
        });
        assert!(said.starts_with("service web: nothing puts it back"), "{said}");
    }

    #[test]
    fn one_of_the_two_is_enough() {
        passes(&CHECK, no_breaker);
        passes(&CHECK, |world| world.config.rollback = false);
    }
}
