//! What a platform version of Fargate lacks (facts 1.3).

use super::efs_volumes::efs_volumes;
use crate::preflight::reference::SecretReference;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The platform version has what the task definition uses.
pub const CHECK: Check = Check {
    code: "platform-version",
    title: "The service's platform version has what the task definition uses",
    severity: Severity::Error,
    cause: "Platform versions before 1.4.0 lack env files, EFS, single values of secrets, ephemeral storage and large \
            tasks; UpdateService refuses with PlatformTaskDefinitionIncompatibilityException.",
    fix: &["Set the service's platformVersion to LATEST or 1.4.0."],
    prevents: &["platform-version-incompatible", "platform-version-unknown"],
    source: "platform-fargate",
    run,
};

const LINUX: [&str; 5] = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"];
const NEWEST: (u64, u64, u64) = (1, 4, 0);

fn run(input: &Input<'_>) -> Outcome {
    let Some(version) = input.platform_version().filter(|_| input.is_fargate()) else {
        return Outcome::NotApplicable;
    };
    let mut tally = Tally::default();
    let Some(number) = parse(version) else {
        tally.problem("platformVersion", format!("`{version}` is no version"));
        return tally.outcome();
    };
    if input.is_windows() {
        if version != "1.0.0" {
            tally
                .problem("platformVersion", format!("Windows has 1.0.0, and the service asks for {version}"));
        }
        return tally.outcome();
    }
    if !LINUX.contains(&version) {
        tally.warning("platformVersion", format!("{version} is none that is known"));
    }
    if number < NEWEST {
        for feature in newer_features(input) {
            tally.problem("platformVersion", format!("{version} does not have {feature}; 1.4.0 has"));
        }
    }
    tally.outcome()
}

fn parse(version: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = version.split('.').map(str::parse);
    let parsed = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    numbers.next().is_none().then_some(parsed)
}

/// What the task definition uses that 1.4.0 brought.
fn newer_features(input: &Input<'_>) -> Vec<String> {
    let mut features = Vec::new();
    for container in input.containers() {
        if container.env_files().next().is_some() {
            features.push(format!("{} (env files)", container.path("environmentFiles")));
        }
        let parts = container.references().into_iter().filter_map(|(what, from)| {
            let secret = SecretReference::parse(from)?;
            (secret.json_key.or(secret.stage).or(secret.version)).map(|_| what)
        });
        features.extend(parts.map(|what| format!("single values of secrets ({what} of {})", container.name)));
    }
    if efs_volumes(input.definition).next().is_some() {
        features.push("EFS volumes".to_owned());
    }
    if input.field("ephemeralStorage").is_some() {
        features.push("ephemeralStorage".to_owned());
    }
    if input.text("pidMode") == Some("task") {
        features.push("pidMode task".to_owned());
    }
    if input.cpu().is_some_and(|cpu| cpu > 4096) {
        features.push("tasks of more than 4 vCPU".to_owned());
    }
    features
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{does_not_apply, passes, problem, problems};

    #[test]
    fn an_old_version_lacks_what_is_used() {
        let said = problems(&CHECK, |world| {
            world.service["platformVersion"] = json!("1.3.0");
            world.definition["ephemeralStorage"] = json!({"sizeInGiB": 50});
        });
        let expected = [
            "platformVersion: 1.3.0 does not have containerDefinitions[0].environmentFiles (env files); 1.4.0 has",
            "platformVersion: 1.3.0 does not have single values of secrets (secret DB of app); 1.4.0 has",
            "platformVersion: 1.3.0 does not have EFS volumes; 1.4.0 has",
            "platformVersion: 1.3.0 does not have ephemeralStorage; 1.4.0 has",
        ];
        assert_eq!(said, expected);
        let said = problem(&CHECK, |world| world.service["platformVersion"] = json!("newest"));
        assert_eq!(said, "platformVersion: `newest` is no version");
    }

    #[test]
    fn the_newest_version_has_it_all() {
        passes(&CHECK, |world| world.service["platformVersion"] = json!("1.4.0"));
    }

    #[test]
    fn latest_is_never_too_old() {
        does_not_apply(&CHECK, |_| {});
    }
}
