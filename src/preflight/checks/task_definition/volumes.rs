//! Mount points and the volumes that they name (facts 9.2).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::preflight::look::objects;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Every mount point has a volume.
pub const CHECK: Check = Check {
    code: "mount-points",
    title: "Every mount point names a volume of the task definition",
    severity: Severity::Error,
    cause: "RegisterTaskDefinition refuses a mount point whose sourceVolume is not in volumes, and volumesFrom a \
            container that is not there.",
    fix: &["Add the volume to volumes, or correct sourceVolume."],
    prevents: &[],
    source: "bind-mounts",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mounts = |field: &'static str| input.containers().flat_map(move |container| container.list(field));
    if mounts("mountPoints").next().is_none() && mounts("volumesFrom").next().is_none() {
        return Outcome::NotApplicable;
    }
    let volumes: BTreeSet<&str> =
        objects(input.field("volumes")).filter_map(|volume| volume.get("name")?.as_str()).collect();
    let names: BTreeSet<&str> = input.containers().map(|container| container.name).collect();
    let mut tally = Tally::default();
    for container in input.containers() {
        for (list, field, known, what) in [
            ("mountPoints", "sourceVolume", &volumes, "volume"),
            ("volumesFrom", "sourceContainer", &names, "container"),
        ] {
            for (index, entry) in container.list(list).enumerate() {
                let name = entry.get(field).and_then(Value::as_str).unwrap_or_default();
                if !known.contains(name) {
                    let path = container.path(&format!("{list}[{index}].{field}"));
                    let message = format!("{path} is `{name}`, and the task definition has no such {what}");
                    tally.problem(container.subject(), message);
                }
            }
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{does_not_apply, passes, problem};

    #[test]
    fn an_unknown_volume_is_refused() {
        let said = problem(&CHECK, |world| world.definition["volumes"][0]["name"] = json!("other"));
        assert_eq!(
            said,
            "container app: containerDefinitions[0].mountPoints[0].sourceVolume is `data`, and the task definition has no such volume"
        );
    }

    #[test]
    fn a_known_one_passes() {
        passes(&CHECK, |_| {});
    }

    #[test]
    fn without_mounts_there_is_nothing_to_check() {
        does_not_apply(&CHECK, |world| world.container()["mountPoints"] = json!([]));
    }
}
