//! How a task definition mounts file systems of EFS (facts 9.1).

use serde_json::{Map, Value};

use crate::preflight::look::objects;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};
use crate::task_definition::TaskDefinition;

/// The settings of the file systems agree with each other.
pub const CHECK: Check = Check {
    code: "efs-volume-settings",
    title: "The settings of EFS volumes agree with each other",
    severity: Severity::Error,
    cause: "An access point and IAM authorization need encryption in transit; IAM authorization needs a task role; an \
            access point has its own root directory; Windows tasks do not mount EFS.",
    fix: &[
        "Set transitEncryption to ENABLED.",
        "Leave rootDirectory out where an access point is used.",
        "Set taskRoleArn where authorizationConfig.iam is ENABLED.",
    ],
    prevents: &["efs-task-role-missing", "efs-mount-failed"],
    source: "specify-efs-config",
    run,
};

/// `efsVolumeConfiguration` of each volume that has one, with the volume's place and name.
pub(crate) fn efs_volumes<'a>(
    definition: &'a TaskDefinition,
) -> impl Iterator<Item = (usize, &'a str, &'a Map<String, Value>)> + use<'a> {
    objects(definition.as_map().get("volumes")).enumerate().filter_map(|(index, volume)| {
        let name = volume.get("name").and_then(Value::as_str).unwrap_or_default();
        Some((index, name, volume.get("efsVolumeConfiguration")?.as_object()?))
    })
}

/// A field of `authorizationConfig`.
pub(crate) fn authorization<'a>(volume: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    volume.get("authorizationConfig")?.get(field)?.as_str().filter(|text| !text.is_empty())
}

fn run(input: &Input<'_>) -> Outcome {
    if efs_volumes(input.definition).next().is_none() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    if input.is_windows() {
        tally.problem("task definition", "it mounts EFS, which Windows tasks cannot");
    }
    for (index, name, volume) in efs_volumes(input.definition) {
        let subject = format!("volume {name}");
        let text = |field: &str| volume.get(field).and_then(Value::as_str).unwrap_or_default();
        let encrypted = text("transitEncryption") == "ENABLED";
        let access_point = authorization(volume, "accessPointId");
        let iam = authorization(volume, "iam") == Some("ENABLED");
        let path = format!("volumes[{index}].efsVolumeConfiguration");
        if text("fileSystemId").is_empty() {
            tally.problem(&subject, format!("{path}.fileSystemId is missing"));
        }
        if access_point.is_some() && !matches!(text("rootDirectory"), "" | "/") {
            let message =
                format!("{path}.rootDirectory is set beside an access point, which has a root of its own");
            tally.problem(&subject, message);
        }
        for (wanted, why) in [(access_point.is_some(), "an access point"), (iam, "IAM authorization")] {
            if wanted && !encrypted {
                tally.problem(&subject, format!("{path}.transitEncryption must be ENABLED for {why}"));
            }
        }
        if iam && input.text("taskRoleArn").is_none() {
            tally.problem(&subject, format!("{path} has IAM authorization, and taskRoleArn is not set"));
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{does_not_apply, passes, problem, problems};

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let said = problems(&CHECK, |world| {
            world.definition["volumes"][0]["efsVolumeConfiguration"]["transitEncryption"] = json!("DISABLED");
        });
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].ends_with("transitEncryption must be ENABLED for an access point"), "{said:?}");
        let said = problem(&CHECK, |world| {
            world.definition["volumes"][0]["efsVolumeConfiguration"]["rootDirectory"] = json!("/data");
        });
        assert!(said.contains("rootDirectory is set beside an access point"), "{said}");
        let said = problem(&CHECK, |world| {
            world.definition.as_object_mut().unwrap().remove("taskRoleArn");
        });
        assert!(said.contains("taskRoleArn is not set"), "{said}");
    }

    #[test]
    fn settings_that_agree_pass() {
        passes(&CHECK, |_| {});
        passes(&CHECK, |world| {
            world.definition["volumes"][0]["efsVolumeConfiguration"] =
                json!({"fileSystemId": "fs-1", "rootDirectory": "/data"});
        });
    }

    #[test]
    fn other_volumes_are_not_its_business() {
        does_not_apply(&CHECK, |world| world.definition["volumes"] = json!([{"name": "scratch"}]));
    }
}
