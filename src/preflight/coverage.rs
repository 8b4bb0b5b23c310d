//! Which failures of a rollout the checks prevent, and why the others cannot be known beforehand; and the page that
//! shows it (docs/preflight.md).

use std::fmt::Write;

use super::checks::ALL;
use super::{Check, Severity};
use crate::rollout::{Class, catalogue};

/// Why a failure that no retry can mend is not found beforehand: the finding's code, and the reason.
const UNKNOWABLE: &[(&str, &str)] = &[
    (
        "container-command-invalid",
        "Only the container runtime knows whether the image has the program; layers are not unpacked to look.",
    ),
    (
        "network-interface-denied",
        "ECS's own role makes the interface, and a caller cannot simulate that role.",
    ),
    (
        "efs-path-missing",
        "No API lists the folders of a file system: only a client that has mounted it sees them.",
    ),
    ("task-size-above-limit", "The account's largest task size is in no quota that can be read."),
    (
        "service-linked-role-missing",
        "The service exists, so the role existed; that it was deleted since shows when ECS uses it.",
    ),
    ("service-role-misconfigured", "The role is ECS's own, and a caller cannot simulate it."),
    ("deployment-alarm", "The alarm goes off because of the new revision, and not before."),
    ("tasks-fail-repeatedly", "It only sums up tasks that failed for a reason of their own."),
    ("circuit-breaker-tripped", "It only sums up tasks that failed for a reason of their own."),
    ("service-not-found", "The plan reads the service first: without one it ends before any check."),
    (
        "revision-inactive",
        "A revision is registered by the run itself; one to go back to is looked up at that time.",
    ),
    ("revision-not-found", "A revision is registered by the run itself; the plan reads the one that runs."),
    ("service-exists", "Landfall updates services and creates none."),
    ("feature-unsupported", "No API says which features a Region has."),
    (
        "namespace-missing",
        "Cloud Map is not asked: the service runs in the namespace already, and a run does not change it.",
    ),
    ("quota-reached", "Beside the quota of vCPUs it says in words of its own which of many quotas is meant."),
    ("request-conflict", "It is about what happens at the same moment."),
    ("session-expired", "How long a session lasts is not to be read from it."),
    ("credentials-invalid", "The plan's first call fails, before any check."),
    ("account-blocked", "The plan's first call fails, before any check."),
    ("protection-not-valid", "Landfall protects no tasks from scale-in."),
];

/// The checks that prevent a finding.
pub fn preventing(finding: &str) -> impl Iterator<Item = &'static Check> {
    ALL.iter().filter(move |check| check.prevents.contains(&finding))
}

/// Why no check prevents a finding.
pub fn unknowable(finding: &str) -> Option<&'static str> {
    UNKNOWABLE.iter().find(|(code, _)| *code == finding).map(|(_, why)| *why)
}

/// `docs/preflight.md`.
pub fn page() -> String {
    let mut out = String::from(
        "<!-- Generated from src/preflight: a test keeps it true. -->\n\
         # Checks before a change\n\n\
         `landfall verify` makes these checks and changes nothing; every `deploy` that has something to do makes them after \
         the plan and before the first write, and `deploy --dry-run` shows what they say. They only read, all at the same \
         time. An **error** refuses the deployment with exit code 3; a **warning** is told and the deployment goes on. A \
         check whose permission is missing says that it was not made, and which permission it wants; that refuses nothing.\n\n\
         `--skip-check CODE` (or `preflight: { skip: [CODE] }` of a service in `landfall.yml`) turns a check off, and the \
         output says so. Permissions are simulated with the principals' own policies. Where these neither allow nor deny \
         something, the policy of the bucket, the secret, the key or the repository is read: without one, or with one that \
         has no statement for it, that is a problem; a statement that allows it settles it; and where it hangs on a \
         condition, or the caller may not read that policy (`s3:GetBucketPolicy`, `secretsmanager:GetResourcePolicy`, \
         `kms:GetKeyPolicy`, `ecr:GetRepositoryPolicy`), it is a warning.\n\n\
         ## A deployment that is under way\n\n\
         ECS runs one deployment of a service at a time, and a new one takes the place of one that has not ended. \
         `--on-conflict` (`LANDFALL_ON_CONFLICT`, `on_conflict` of a service) says what a run does about one that is not its \
         own: `replace`, the default, goes on, so that of two commits in short order the newer one wins, and the run that \
         is overtaken ends with exit code 7; `wait` waits for its end within the time limit and plans anew; `fail` refuses \
         with exit code 3.\n\n\
         ## The checks\n\n\
         | code | severity | what it makes sure of |\n| --- | --- | --- |\n",
    );
    for check in ALL {
        let severity = match check.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        // Writing to a text cannot fail.
        let _ = writeln!(out, "| [`{0}`](findings/{0}.md) | {severity} | {1} |", check.code, check.title);
    }
    out.push_str(
        "\n## Failures that no retry can mend\n\nEach of them, and the checks that find its cause before anything is \
         changed, or why that cannot be known.\n\n| failure | found beforehand by |\n| --- | --- |\n",
    );
    for entry in catalogue().filter(|entry| matches!(entry.class, Class::AtOnce | Class::Deterministic)) {
        let checks: Vec<String> = preventing(entry.code).map(|check| format!("`{}`", check.code)).collect();
        let by = match unknowable(entry.code) {
            Some(why) if checks.is_empty() => format!("nothing: {why}"),
            _ => checks.join(", "),
        };
        let _ = writeln!(out, "| [`{0}`](findings/{0}.md) | {by} |", entry.code);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rollout::by_code;

    #[test]
    fn every_failure_that_no_retry_can_mend_has_a_check_or_a_reason() {
        for entry in catalogue().filter(|entry| matches!(entry.class, Class::AtOnce | Class::Deterministic)) {
            let checks = preventing(entry.code).count();
            let reason = unknowable(entry.code).is_some();
            assert!((checks > 0) != reason, "{}: {checks} checks, a reason: {reason}", entry.code);
        }
    }

    #[test]
    fn only_findings_that_there_are_are_named() {
        for code in ALL.iter().flat_map(|check| check.prevents).chain(UNKNOWABLE.iter().map(|(code, _)| code))
        {
            assert!(by_code(code).is_some(), "{code}");
        }
    }

    #[test]
    fn codes_are_unique_and_texts_are_whole() {
        let codes: BTreeSet<&str> = ALL.iter().map(|check| check.code).collect();
        assert_eq!(codes.len(), ALL.len());
        for check in ALL {
            assert!(by_code(check.code).is_none(), "{} is a finding, too", check.code);
            assert!(!check.title.ends_with('.') && check.cause.ends_with('.'), "{}", check.code);
            assert!(
                !check.fix.is_empty() && check.fix.iter().all(|step| step.ends_with('.')),
                "{}",
                check.code
            );
            assert!(!check.source.is_empty(), "{}", check.code);
        }
    }

    #[test]
    fn the_page_in_the_repository_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/preflight.md");
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == page(),
            "docs/preflight.md is not up to date; write it anew with\n\
             cargo run -- explain --checks docs/preflight.md"
        );
    }
}
