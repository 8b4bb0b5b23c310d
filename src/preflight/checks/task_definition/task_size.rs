//! Pairs of CPU and memory that Fargate has (facts 1.1).

use crate::preflight::look::texts;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The tasks have a size that Fargate has.
pub const CHECK: Check = Check {
    code: "fargate-task-size",
    title: "The task's cpu and memory are a pair that Fargate has",
    severity: Severity::Error,
    cause: "cpu and memory of a Fargate task go together in certain pairs only; RegisterTaskDefinition refuses others.",
    fix: &[
        "Choose a pair of the table, such as cpu 256 with memory 512, or cpu 1024 with memory 2048 to 8192.",
    ],
    prevents: &["task-size-invalid"],
    source: "task-cpu-memory-error",
    run,
};

/// CPU units, and the first, last and step of MiB that go with them.
const LINUX: &[(u64, &[u64])] = &[(256, &[512, 1024, 2048]), (32768, &[61440, 122_880, 249_856])];
const STEPS: &[(u64, u64, u64, u64)] = &[
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];
/// The largest size of the table. AWS adds larger ones at times, so that what is beyond it is only told.
const LARGEST_CPU: u64 = 32768;
/// The sizes that Windows has.
const WINDOWS: std::ops::RangeInclusive<u64> = 1024..=4096;

fn run(input: &Input<'_>) -> Outcome {
    let for_fargate = texts(input.field("requiresCompatibilities")).any(|kind| kind == "FARGATE");
    if !input.is_fargate() && !for_fargate {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    for (field, read) in [("cpu", input.cpu()), ("memory", input.memory())] {
        match (input.text(field), read) {
            (None, _) => {
                tally.problem(field, format!("`{field}` is not set, and Fargate wants it for the task"))
            }
            (Some(text), None) => tally.problem(field, format!("`{text}` is no size")),
            _ => {}
        }
    }
    let (Some(cpu), Some(memory)) = (input.cpu(), input.memory()) else { return tally.outcome() };
    if input.is_windows() && !WINDOWS.contains(&cpu) {
        tally.problem("cpu", format!("Windows tasks have 1024 to 4096 CPU units, and this one has {cpu}"));
    }
    match allowed(cpu) {
        None if cpu > LARGEST_CPU => {
            tally.warning("cpu", format!("{cpu} CPU units are more than the largest size that is known"));
        }
        None => tally.problem("cpu", format!("Fargate has no tasks of {cpu} CPU units")),
        Some(memories) if memories.contains(&memory) => {}
        Some(memories) => {
            let (first, last) = (memories[0], memories[memories.len() - 1]);
            let nearest = memories.iter().find(|value| **value >= memory).unwrap_or(&last);
            let message = format!(
                "{memory} MiB do not go with {cpu} CPU units, which take {first} to {last} MiB; {nearest} is the nearest that fits"
            );
            // Larger ones than were known have been added before.
            if memory > last && cpu == LARGEST_CPU {
                tally.warning("memory", message);
            } else {
                tally.problem("memory", message);
            }
        }
    }
    tally.outcome()
}

fn allowed(cpu: u64) -> Option<Vec<u64>> {
    let listed = LINUX.iter().find(|(units, _)| *units == cpu).map(|(_, memories)| memories.to_vec());
    let stepped = STEPS.iter().find(|row| row.0 == cpu).map(|(_, first, last, step)| {
        std::iter::successors(Some(*first), |value| Some(value + step))
            .take_while(|value| value <= last)
            .collect()
    });
    listed.or(stepped)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{World, does_not_apply, outcome, passes, problem, problems};

    fn size(world: &mut World, cpu: &str, memory: &str) {
        world.definition["cpu"] = json!(cpu);
        world.definition["memory"] = json!(memory);
    }

    #[test]
    fn pairs_of_the_table_pass_in_any_form() {
        for (cpu, memory) in [
            ("256", "512"),
            ("512", "4096"),
            ("1 vCPU", "8 GB"),
            ("4096", "30720"),
            ("8192", "20480"),
            ("16384", "122880"),
            ("32768", "249856"),
        ] {
            passes(&CHECK, |world| size(world, cpu, memory));
        }
    }

    #[test]
    fn other_pairs_are_refused_with_the_nearest_one() {
        let said = problem(&CHECK, |world| size(world, "256", "3072"));
        assert_eq!(
            said,
            "memory: 3072 MiB do not go with 256 CPU units, which take 512 to 2048 MiB; 2048 is the nearest that fits"
        );
        assert!(problem(&CHECK, |world| size(world, "1024", "2500")).contains("3072 is the nearest"));
        assert_eq!(
            problem(&CHECK, |world| size(world, "300", "512")),
            "cpu: Fargate has no tasks of 300 CPU units"
        );
        let absent = problems(&CHECK, |world| {
            world.definition.as_object_mut().unwrap().remove("cpu");
            world.definition["memory"] = json!("much");
        });
        assert_eq!(absent.len(), 2, "{absent:?}");
    }

    #[test]
    fn what_is_beyond_the_table_is_only_told() {
        let Outcome::Problems(found) = outcome(&CHECK, |world| size(world, "65536", "524288")) else {
            panic!()
        };
        assert_eq!(found[0].severity, Some(Severity::Warning));
    }

    #[test]
    fn windows_has_fewer_sizes() {
        let said = problem(&CHECK, |world| {
            size(world, "512", "1024");
            world.definition["runtimePlatform"] =
                json!({"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"});
        });
        assert!(said.starts_with("cpu: Windows"), "{said}");
    }

    #[test]
    fn instances_of_ones_own_have_any_size() {
        does_not_apply(&CHECK, |world| {
            world.service["launchType"] = json!("EC2");
            world.definition["requiresCompatibilities"] = json!(["EC2"]);
        });
    }
}
