//! Parameters that Fargate does not take (facts 1.5).

use serde_json::Value;

use crate::preflight::look::objects;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Nothing is set that Fargate refuses.
pub const CHECK: Check = Check {
    code: "fargate-refused-parameter",
    title: "The task definition has no parameter that Fargate refuses",
    severity: Severity::Error,
    cause: "Parameters that concern an EC2 host or its Docker daemon make a task definition unusable on Fargate; \
            RegisterTaskDefinition or UpdateService refuses it.",
    fix: &["Take the named parameter out."],
    prevents: &["fargate-setting-refused", "task-definition-incompatible"],
    source: "fargate-tasks-services",
    run,
};

const CONTAINER: [&str; 7] = [
    "disableNetworking",
    "dnsSearchDomains",
    "dnsServers",
    "dockerSecurityOptions",
    "extraHosts",
    "links",
    "privileged",
];
const LINUX: [&str; 5] = ["maxSwap", "swappiness", "devices", "sharedMemorySize", "tmpfs"];
/// The only capability that may be added.
const PTRACE: &str = "SYS_PTRACE";

fn run(input: &Input<'_>) -> Outcome {
    if !input.is_fargate() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let refuse = |tally: &mut Tally, subject: &str, path: String| {
        tally.problem(subject, format!("{path} is set, and Fargate does not take it"));
    };
    for field in ["ipcMode", "placementConstraints"] {
        if input.field(field).is_some_and(is_set) {
            refuse(&mut tally, "task definition", field.to_owned());
        }
    }
    for (index, volume) in objects(input.field("volumes")).enumerate() {
        for field in ["dockerVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration"] {
            if volume.get(field).is_some_and(is_set) {
                refuse(&mut tally, "task definition", format!("volumes[{index}].{field}"));
            }
        }
        if volume.get("host").and_then(|host| host.get("sourcePath")).is_some_and(is_set) {
            refuse(&mut tally, "task definition", format!("volumes[{index}].host.sourcePath"));
        }
    }
    for container in input.containers() {
        let subject = container.subject();
        for field in CONTAINER.into_iter().filter(|field| container.fields.get(*field).is_some_and(is_set)) {
            refuse(&mut tally, &subject, container.path(field));
        }
        let linux = container.fields.get("linuxParameters");
        let set = |field: &str| linux.and_then(|linux| linux.get(field)).is_some_and(is_set);
        for field in LINUX.into_iter().filter(|field| set(field)) {
            refuse(&mut tally, &subject, container.path(&format!("linuxParameters.{field}")));
        }
        let added = linux.and_then(|linux| linux.get("capabilities")?.get("add")?.as_array());
        for name in added.into_iter().flatten().filter_map(Value::as_str).filter(|name| *name != PTRACE) {
            let path = container.path("linuxParameters.capabilities.add");
            tally.problem(&subject, format!("{path} has {name}, and Fargate takes {PTRACE} alone"));
        }
        if container.list("resourceRequirements").any(|wanted| wanted.get("type") == Some(&"GPU".into())) {
            refuse(&mut tally, &subject, container.path("resourceRequirements") + " of type GPU");
        }
    }
    tally.outcome()
}

/// DescribeTaskDefinition gives empty lists and `false` for what was never set.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{does_not_apply, passes, problems};

    #[test]
    fn each_one_is_named_with_its_path() {
        let said = problems(&CHECK, |world| {
            world.definition["ipcMode"] = json!("host");
            world.definition["volumes"][0]["dockerVolumeConfiguration"] = json!({"scope": "task"});
            let container = world.container();
            container["privileged"] = json!(true);
            container["links"] = json!(["db"]);
            container["linuxParameters"] =
                json!({"tmpfs": [{"size": 1}], "capabilities": {"add": ["NET_ADMIN"]}});
            container["resourceRequirements"] = json!([{"type": "GPU", "value": "1"}]);
        });
        let expected = [
            "task definition: ipcMode is set, and Fargate does not take it",
            "task definition: volumes[0].dockerVolumeConfiguration is set, and Fargate does not take it",
            "container app: containerDefinitions[0].links is set, and Fargate does not take it",
            "container app: containerDefinitions[0].privileged is set, and Fargate does not take it",
            "container app: containerDefinitions[0].linuxParameters.tmpfs is set, and Fargate does not take it",
            "container app: containerDefinitions[0].linuxParameters.capabilities.add has NET_ADMIN, and Fargate takes SYS_PTRACE alone",
            "container app: containerDefinitions[0].resourceRequirements of type GPU is set, and Fargate does not take it",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_was_never_set_is_no_setting() {
        passes(&CHECK, |world| {
            world.definition["placementConstraints"] = json!([]);
            let container = world.container();
            container["privileged"] = json!(false);
            container["links"] = json!([]);
            container["linuxParameters"] = json!({"capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}});
        });
    }

    #[test]
    fn instances_take_them() {
        does_not_apply(&CHECK, |world| world.service["launchType"] = json!("EC2"));
    }
}
