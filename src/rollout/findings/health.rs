//! Facts 5.4: health checks that fail.

use super::entry::Class::{Deterministic, Mixed};
use super::entry::{Entry, Scope, all};

const CHECK_TARGETS: &[&str] = &[
    "Check that the application listens on 0.0.0.0 and the container's port, and answers the health check's \
     path with one of its success codes within its timeout.",
    "Let the load balancer's security group reach the container's port in the task's.",
    "For a slow start raise healthCheckGracePeriodSeconds.",
];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        scope: Scope::Event,
        patterns: &[all(&["target group is not found"])],
        title: "A target group of the service does not exist",
        cause: "Someone deleted the target group.",
        fix: &["Recreate it, or update the service's load balancers."],
        ..Entry::row("target-group-missing", &["H6"], Deterministic)
    },
    Entry {
        scope: Scope::Event,
        patterns: &[all(&["target is not found"])],
        title: "A task was taken out of its target group",
        cause: "Someone or something other than ECS deregistered the target.",
        fix: &["Find what else changes the target group; ECS registers each task once."],
        ..Entry::row("target-deregistered", &["H7"], Mixed)
    },
    ELB,
    Entry {
        patterns: &[all(&["failed container health checks"])],
        title: "A container's health check failed",
        cause: "The command in healthCheck failed as often as retries allows.",
        fix: &[
            "Run the command in the image by hand (does the image have curl?); raise startPeriod for a slow \
             start.",
        ],
        page: Some("healthcheck"),
        ..Entry::row("container-health-check-failed", &["H2"], Mixed)
    },
    Entry {
        scope: Scope::Event,
        patterns: &[all(&["is unhealthy in (elb"])],
        title: "The Classic Load Balancer finds an instance unhealthy",
        cause: "Its health check fails.",
        fix: &["Check the load balancer's health check and the container's port."],
        ..Entry::row("classic-elb-health-check-failed", &["H8"], Mixed)
    },
    UNUSED,
];

/// Stopped tasks, events and targets all lead here.
pub(super) const ELB: Entry = Entry {
    patterns: &[
        all(&["failed elb health checks"]),
        all(&["is unhealthy in", "target-group"]),
        all(&["is unhealthy in", "target group"]),
    ],
    title: "The load balancer's health check fails",
    cause: "The load balancer asks the task and does not get the answer that the target group wants.",
    fix: CHECK_TARGETS,
    signs: &["the target of a task is `unhealthy` in its target group"],
    checks: &[
        "aws elbv2 describe-target-groups --target-group-arns ARN",
        "aws elbv2 describe-target-health --target-group-arn ARN",
    ],
    ..Entry::row(
        "elb-health-check-failed",
        &[
            "H1",
            "H3",
            "H4",
            "H5",
            "Target.ResponseCodeMismatch",
            "Target.Timeout",
            "Target.FailedHealthChecks",
            "Elb.InternalError",
        ],
        Mixed,
    )
};

/// Only target health shows this one.
pub(super) const UNUSED: Entry = Entry {
    title: "The target group receives no requests",
    cause: "No listener of a load balancer uses the target group, or the task's zone is not enabled on it.",
    fix: &["Add the target group to a listener, and enable every zone of the service's subnets on the load \
         balancer."],
    signs: &["the target of a task is `unused`, with reason `Target.NotInUse`"],
    ..Entry::row("target-group-unused", &["Target.NotInUse"], Deterministic)
};

/// Only target health shows this one.
pub(super) const UNUSABLE: Entry = Entry {
    title: "The load balancer cannot use the task's address",
    cause: "The target's address belongs to the load balancer itself, or the target is in a wrong state.",
    fix: &["Check the subnets and that the target group's type is ip."],
    signs: &["the target of a task is `unused`, with reason `Target.IpUnusable` or `Target.InvalidState`"],
    ..Entry::row("target-unusable", &["Target.IpUnusable", "Target.InvalidState"], Mixed)
};
