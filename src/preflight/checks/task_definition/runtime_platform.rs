//! Operating systems and architectures of Fargate (facts 1.4), and its storage (facts 1.2).

use serde_json::Value;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Fargate has the platform and the storage that are asked for.
pub const CHECK: Check = Check {
    code: "fargate-runtime",
    title: "Fargate has the operating system, the architecture and the storage that are asked for",
    severity: Severity::Error,
    cause: "Fargate runs Linux on X86_64 and ARM64, and Windows Server 2019 and 2022 on X86_64, with 21 to 200 GiB of \
            ephemeral storage where another amount than 20 is wanted.",
    fix: &["Correct runtimePlatform or ephemeralStorage; leave ephemeralStorage out for 20 GiB."],
    prevents: &["task-definition-incompatible"],
    source: "fargate-tasks-services",
    run,
};

const FAMILIES: [&str; 5] = [
    "LINUX",
    "WINDOWS_SERVER_2019_FULL",
    "WINDOWS_SERVER_2019_CORE",
    "WINDOWS_SERVER_2022_FULL",
    "WINDOWS_SERVER_2022_CORE",
];
/// In the model, and not known to be there on Fargate.
const UNSURE: [&str; 2] = ["WINDOWS_SERVER_2025_FULL", "WINDOWS_SERVER_2025_CORE"];

fn run(input: &Input<'_>) -> Outcome {
    let (platform, storage) = (input.field("runtimePlatform"), input.field("ephemeralStorage"));
    if !input.is_fargate() || (platform.is_none() && storage.is_none()) {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let text = |field: &str| platform.and_then(|platform| platform.get(field)).and_then(Value::as_str);
    let family = text("operatingSystemFamily").unwrap_or("LINUX");
    if UNSURE.contains(&family) {
        tally.warning(
            "runtimePlatform.operatingSystemFamily",
            format!("whether Fargate has {family} is not known"),
        );
    } else if !FAMILIES.contains(&family) {
        tally.problem("runtimePlatform.operatingSystemFamily", format!("Fargate does not have {family}"));
    }
    match text("cpuArchitecture").unwrap_or("X86_64") {
        "X86_64" => {}
        "ARM64" if family == "LINUX" => {}
        "ARM64" => tally.problem("runtimePlatform.cpuArchitecture", format!("{family} runs on X86_64 alone")),
        other => {
            tally.problem("runtimePlatform.cpuArchitecture", format!("`{other}` is neither X86_64 nor ARM64"))
        }
    }
    if let Some(storage) = storage {
        let size = storage.get("sizeInGiB").and_then(Value::as_u64);
        if !size.is_some_and(|size| (21..=200).contains(&size)) {
            let size = size.map_or_else(|| "not a number".to_owned(), |size| size.to_string());
            tally.problem("ephemeralStorage.sizeInGiB", format!("it is {size}; Fargate takes 21 to 200"));
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
    fn what_fargate_lacks_is_refused() {
        let said = problems(&CHECK, |world| {
            world.definition["runtimePlatform"] =
                json!({"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "ARM64"});
            world.definition["ephemeralStorage"] = json!({"sizeInGiB": 20});
        });
        assert_eq!(said[0], "runtimePlatform.cpuArchitecture: WINDOWS_SERVER_2022_CORE runs on X86_64 alone");
        assert_eq!(said[1], "ephemeralStorage.sizeInGiB: it is 20; Fargate takes 21 to 200");
        let said = problem(&CHECK, |world| {
            world.definition["runtimePlatform"] =
                json!({"operatingSystemFamily": "WINDOWS_SERVER_2016_FULL"});
        });
        assert!(said.ends_with("does not have WINDOWS_SERVER_2016_FULL"), "{said}");
    }

    #[test]
    fn arm_and_more_room_pass() {
        passes(&CHECK, |world| {
            world.definition["runtimePlatform"] = json!({"cpuArchitecture": "ARM64"});
            world.definition["ephemeralStorage"] = json!({"sizeInGiB": 200});
        });
    }

    #[test]
    fn defaults_need_no_check() {
        does_not_apply(&CHECK, |_| {});
    }
}
