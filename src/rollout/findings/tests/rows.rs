//! That no row of the facts is without an entry and without a test.

use std::collections::BTreeSet;

use super::{api, texts};
use crate::event::FailureClass::{self, Deterministic, Mixed, Transient};
use crate::event::Finding;
use crate::rollout::Target;
use crate::rollout::findings::diagnose::target;
use crate::rollout::findings::{by_code, catalogue, diagnose, diagnose_log};
use crate::rollout::testing::{WEB, stopped_task};

/// What shows a cause where no reason of a task and no event does.
enum Shows {
    /// A container's reason, with its exit code.
    Container(i32, &'static str),
    /// An exit code alone.
    Exit(i32),
    /// A line of a container's log.
    Log(&'static str),
    /// A stop code, with a text that says nothing.
    StopCode(&'static str),
    /// A target's state, reason and description.
    Target(&'static str, &'static str, &'static str),
}

use Shows::{Container, Exit, Log, StopCode};

#[rustfmt::skip]
const SIGNS: &[(&str, Shows, &str, FailureClass)] = &[
    ("C6", Container(137, "OutOfMemoryError: Container killed due to memory usage"), "container-out-of-memory", Mixed),
    ("C7", Exit(1), "essential-container-exited", Mixed),
    ("C9", Log("exec /usr/local/bin/app: exec format error"), "exec-format-error", Deterministic),
    ("C9", Log("standard_init_linux.go:228: exec user process caused: exec format error"), "exec-format-error", Deterministic),
    ("exit 0", Exit(0), "essential-container-exited", Deterministic),
    ("exit 1", Exit(1), "essential-container-exited", Mixed),
    ("exit 125", Exit(125), "essential-container-exited", Mixed),
    ("exit 126", Exit(126), "essential-container-exited", Deterministic),
    ("exit 127", Exit(127), "essential-container-exited", Deterministic),
    ("exit 130", Exit(130), "essential-container-exited", Mixed),
    ("exit 134", Exit(134), "essential-container-exited", Mixed),
    ("exit 137", Exit(137), "essential-container-exited", Mixed),
    ("exit 137 with OutOfMemoryError", Container(137, "OutOfMemoryError: Container killed due to memory usage"), "container-out-of-memory", Mixed),
    ("exit 139", Exit(139), "essential-container-exited", Mixed),
    ("exit 255", Exit(255), "essential-container-exited", Mixed),
    ("S2", StopCode("UserInitiated"), "task-stopped-by-hand", Transient),
    ("S3", StopCode("SpotInterruption"), "spot-interruption", Transient),
    ("S4", StopCode("TerminationNotice"), "task-retired", Transient),
    ("S12", StopCode("InfrastructureHealth"), "infrastructure-health", Transient),
    ("Target.ResponseCodeMismatch", Shows::Target("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [404]"), "elb-health-check-failed", Mixed),
    ("Target.Timeout", Shows::Target("unhealthy", "Target.Timeout", "Request timed out"), "elb-health-check-failed", Mixed),
    ("Target.FailedHealthChecks", Shows::Target("unhealthy", "Target.FailedHealthChecks", "Health checks failed"), "elb-health-check-failed", Mixed),
    ("Elb.InternalError", Shows::Target("unhealthy", "Elb.InternalError", "Health checks failed due to an ELB internal error"), "elb-health-check-failed", Mixed),
    ("Target.NotInUse", Shows::Target("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"), "target-group-unused", Deterministic),
    ("Target.InvalidState", Shows::Target("unused", "Target.InvalidState", "Target is in the stopped state"), "target-unusable", Mixed),
    ("Target.IpUnusable", Shows::Target("unused", "Target.IpUnusable", "The IP address cannot be used"), "target-unusable", Mixed),
];

fn finding(shows: &Shows) -> Option<Finding> {
    match shows {
        Container(code, reason) => diagnose(&texts::exited(&[("web", Some(*code), Some(reason))])),
        Exit(code) => diagnose(&texts::exited(&[("web", Some(*code), None)])),
        Log(line) => diagnose_log(line),
        StopCode(code) => diagnose(&stopped_task(code, "as they say")),
        Shows::Target(state, reason, description) => {
            target(WEB, &a_target(state, reason, description)).map(|diagnosis| diagnosis.finding)
        }
    }
}

fn a_target(state: &str, reason: &str, description: &str) -> Target {
    Target {
        id: "10.0.0.1".to_owned(),
        port: 80,
        state: state.to_owned(),
        reason: Some(reason.to_owned()),
        description: Some(description.to_owned()),
    }
}

#[test]
fn every_sign_gives_its_finding() {
    for (row, shows, code, class) in SIGNS {
        let finding = finding(shows).expect(row);
        assert_eq!((finding.code.as_str(), finding.class), (*code, *class), "{row}");
        assert!(!finding.cause.is_empty() && !finding.fix.is_empty(), "{row}");
        let evidence = finding.evidence.join("\n");
        let said = match shows {
            Container(_, text) | Log(text) | StopCode(text) | Shows::Target(_, _, text) => (*text).to_owned(),
            Exit(number) => format!("exit code {number}"),
        };
        assert!(evidence.contains(&said), "{row}: {evidence}");
    }
}

#[test]
fn targets_that_are_no_trouble_give_none() {
    for (state, reason) in [
        ("initial", "Elb.RegistrationInProgress"),
        ("initial", "Elb.InitialHealthChecking"),
        ("unhealthy.draining", "Target.FailedHealthChecks"),
        ("unused", "Target.NotRegistered"),
        ("draining", "Target.DeregistrationInProgress"),
        ("unavailable", "Target.HealthCheckDisabled"),
        ("unavailable", "Elb.InternalError"),
    ] {
        assert!(target(WEB, &a_target(state, reason, "x")).is_none(), "{state} {reason}");
    }
}

/// Rows of facts 2.5, 5.4 to 5.8 and 9.1 that have no number there.
const NAMED: &[&str] = &[
    "2.5 RequestCanceled",
    "2.5 StatusCode 403",
    "2.5 StatusCode 404",
    "2.5 connection issue",
    "3.7 alarm detected",
    "3.7 tasks failed to start",
    "exit 0",
    "exit 1",
    "exit 125",
    "exit 126",
    "exit 127",
    "exit 130",
    "exit 134",
    "exit 137",
    "exit 137 with OutOfMemoryError",
    "exit 139",
    "exit 255",
    "Target.ResponseCodeMismatch",
    "Target.Timeout",
    "Target.FailedHealthChecks",
    "Elb.InternalError",
    "Target.NotInUse",
    "Target.InvalidState",
    "Target.IpUnusable",
    "5.7 ServiceNotActiveException",
    "5.7 ServiceNotFoundException",
    "5.7 ClusterNotFoundException",
    "5.7 failures MISSING",
    "5.7 TaskDefinition is inactive",
    "5.7 Unable to describe task definition",
    "5.7 Too many concurrent attempts",
    "5.7 execution role",
    "5.7 Invalid 'cpu' setting",
    "5.7 network mode awsvpc",
    "5.7 EFS IAM authorization",
    "5.7 Invalid revision number",
    "5.7 container does not exist",
    "5.7 target type instance",
    "5.7 no associated load balancer",
    "5.7 CODE_DEPLOY",
    "5.7 CODE_DEPLOY network",
    "5.7 service linked role",
    "5.7 not idempotent",
    "5.7 No Container Instances",
    "5.7 capacity provider",
    "5.7 PlatformTaskDefinitionIncompatibilityException",
    "5.7 PlatformUnknownException",
    "5.7 UnsupportedFeatureException",
    "5.7 NamespaceNotFoundException",
    "5.7 LimitExceededException",
    "5.7 ConflictException",
    "5.7 ThrottlingException",
    "5.7 ServerException",
    "5.7 iam:PassRole",
    "5.7 AccessDeniedException",
    "5.7 ExpiredTokenException",
    "5.7 UnrecognizedClientException",
    "5.7 BlockedException",
    "5.8 MISSING",
    "5.8 RESOURCE:FARGATE",
    "5.8 RESOURCE:ENI",
    "5.8 EC2",
    "5.8 DEPLOYMENT_BLOCKED",
    "5.8 TASK_NOT_VALID",
    "9.1 Failed to resolve",
    "9.1 access denied",
    "9.1 No such file",
    "9.1 Connection",
    "9.1 mount system call failed",
];

#[test]
fn every_row_of_the_facts_has_an_entry_and_a_test() {
    let numbered = [("P", 1, 23), ("R", 1, 20), ("C", 1, 9), ("H", 1, 8), ("S", 2, 12), ("E", 1, 20)];
    // S1 is the ordinary stop, which `ordinary_stops_give_none` tests.
    let rows = numbered
        .iter()
        .flat_map(|(letter, first, last)| (*first..=*last).map(move |number| format!("{letter}{number}")))
        .chain(NAMED.iter().map(|row| (*row).to_owned()));
    let covered: BTreeSet<&str> = catalogue().flat_map(|entry| entry.rows).copied().collect();
    let tested: BTreeSet<&str> = texts::FAILED_TO_START
        .iter()
        .chain(texts::EVENTS)
        .chain(api::ERRORS)
        .map(|(row, ..)| *row)
        .chain(SIGNS.iter().map(|(row, ..)| *row))
        .collect();
    for row in rows {
        assert!(covered.contains(row.as_str()), "no entry for {row}");
        assert!(tested.contains(row.as_str()), "no test with the text of {row}");
    }
}

#[test]
fn every_code_has_a_test() {
    let tested: BTreeSet<&str> = texts::FAILED_TO_START
        .iter()
        .chain(texts::EVENTS)
        .chain(api::ERRORS)
        .map(|(_, _, code, _)| *code)
        .chain(SIGNS.iter().map(|(_, _, code, _)| *code))
        .collect();
    // These have no text of AWS's; the scenarios of the rollout test them.
    let elsewhere = ["stalled", "deployment-failed", "unknown-failure", "container-restarting"];
    for entry in catalogue() {
        assert!(tested.contains(entry.code) || elsewhere.contains(&entry.code), "no test for {}", entry.code);
    }
    for (row, _, code, _) in SIGNS {
        assert!(by_code(code).is_some_and(|entry| entry.rows.contains(row)), "{code} names {row}");
    }
}
