//! What containers reserve against what the task has (facts 1.1).

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The containers fit in the task.
pub const CHECK: Check = Check {
    code: "container-sizes",
    title: "The containers fit in the task's cpu and memory",
    severity: Severity::Error,
    cause: "RegisterTaskDefinition refuses containers that together reserve more than the task has, and a container \
            whose memory is smaller than its memoryReservation.",
    fix: &["Lower cpu, memory or memoryReservation of the containers, or choose a larger task."],
    prevents: &[],
    source: "task_definition_parameters",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    let mut cpu = 0;
    let mut reserved = 0;
    for container in input.containers() {
        cpu += container.number("cpu").unwrap_or(0);
        let (hard, soft) = (container.number("memory"), container.number("memoryReservation"));
        // The reservation is what is set aside; without one it is the limit.
        reserved += soft.or(hard).unwrap_or(0);
        if let (Some(hard), Some(soft)) = (hard, soft)
            && hard <= soft
        {
            tally.problem(
                container.subject(),
                format!(
                    "{} is {hard} and must be more than memoryReservation, {soft}",
                    container.path("memory")
                ),
            );
        }
        for (field, most) in [("memory", input.memory()), ("cpu", input.cpu())] {
            if let (Some(own), Some(most)) = (container.number(field), most)
                && own > most
            {
                let place = container.path(field);
                tally.problem(container.subject(), format!("{place} is {own}, and the task has {most}"));
            }
        }
    }
    for (field, sum, most) in [("cpu", cpu, input.cpu()), ("memory", reserved, input.memory())] {
        if let Some(most) = most.filter(|most| sum > *most) {
            tally.problem(field, format!("the containers reserve {sum} together, and the task has {most}"));
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{passes, problem, problems};

    #[test]
    fn a_sum_that_does_not_fit_is_refused() {
        let said = problem(&CHECK, |world| {
            world.container()["memoryReservation"] = json!(700);
            let second = json!({"name": "b", "image": "b", "memoryReservation": 700});
            world.definition["containerDefinitions"].as_array_mut().unwrap().push(second);
        });
        assert_eq!(said, "memory: the containers reserve 1400 together, and the task has 1024");
        let both = problems(&CHECK, |world| world.container()["cpu"] = json!(1024));
        assert_eq!(both.len(), 2, "{both:?}");
        assert!(both[0].contains("containerDefinitions[0].cpu is 1024"), "{both:?}");
    }

    #[test]
    fn the_limit_is_above_the_reservation() {
        passes(&CHECK, |world| {
            world.container()["memory"] = json!(900);
            world.container()["memoryReservation"] = json!(500);
        });
        let said = problem(&CHECK, |world| {
            world.container()["memory"] = json!(300);
            world.container()["memoryReservation"] = json!(500);
        });
        assert!(said.contains("must be more than memoryReservation, 500"), "{said}");
    }

    #[test]
    fn nothing_reserved_fits_everywhere() {
        passes(&CHECK, |world| {
            world.definition.as_object_mut().unwrap().remove("cpu");
        });
    }
}
