//! Facts 5.5: stops for reasons outside the task.

use super::entry::Class::{Deterministic, Mixed, Transient};
use super::entry::{Entry, all};

pub(super) const ENTRIES: &[Entry] = &[
    SPOT,
    RETIREMENT,
    Entry {
        patterns: &[
            all(&["timeout waiting for network interface provisioning"]),
            all(&["network interface provision complete error"]),
        ],
        title: "The task's network interface was not ready in time",
        cause: "A passing fault of the platform.",
        fix: &["ECS tries again."],
        ..Entry::row("network-interface-timeout", &["S5"], Transient)
    },
    Entry {
        patterns: &[all(&["timeout waiting for ephemeralstorage provisioning"])],
        title: "The task's storage was not ready in time",
        cause: "A passing fault of the platform.",
        fix: &["ECS tries again."],
        ..Entry::row("ephemeral-storage-timeout", &["S6"], Transient)
    },
    Entry {
        patterns: &[all(&["insufficientfreeaddressesinsubnet"])],
        title: "The subnet has no free address",
        cause: "Each task needs an address of its own, and a rollout runs old and new tasks side by side.",
        fix: &[
            "Add subnets to the service or free addresses; a smaller maximumPercent needs fewer at a time.",
        ],
        ..Entry::row("subnet-out-of-addresses", &["S8"], Mixed)
    },
    Entry {
        patterns: &[
            all(&["create network interface", "not authorized"]),
            all(&["create network interface", "unauthorizedoperation"]),
            all(&["create network interface", "accessdenied"]),
            all(&["create network interface", "authorization"]),
        ],
        title: "ECS may not create the task's network interface",
        cause: "A service control policy denies it, or the service-linked role AWSServiceRoleForECS is damaged.",
        fix: &["Correct the policy, or recreate the service-linked role."],
        ..Entry::row("network-interface-denied", &["S9"], Deterministic)
    },
    Entry {
        patterns: &[
            all(&["invalidsubnetid.notfound"]),
            all(&["invalidgroup.notfound"]),
            all(&["invalidsecuritygroupid.notfound"]),
            all(&["subnet", "does not exist"]),
            all(&["security group", "does not exist"]),
        ],
        title: "A subnet or security group of the service does not exist",
        cause: "The service's network configuration names something that was deleted.",
        fix: &["Update the service's network configuration."],
        ..Entry::row("network-configuration-missing", &["S10"], Deterministic)
    },
    Entry {
        patterns: &[all(&["host ec2 (instance"])],
        title: "The EC2 instance under the task was terminated",
        cause: "The task ran on an instance and not on Fargate.",
        fix: &["ECS starts a replacement; check the service's launch type if you meant Fargate."],
        ..Entry::row("host-terminated", &["S11"], Transient)
    },
    HOST_HEALTH,
];

/// What is left after all others.
pub(super) const GENERIC: &[Entry] = &[
    Entry {
        patterns: &[all(&["unexpected ec2 error while attempting to create network interface"])],
        title: "The task's network interface could not be created",
        cause: "EC2's text in the evidence says why.",
        fix: &["Check the service's subnets and security groups."],
        ..Entry::row("network-interface-failed", &["S8", "S9", "S10"], Mixed)
    },
    Entry {
        patterns: &[all(&["internalerror:"])],
        title: "An internal error of ECS",
        cause: "A fault of the service.",
        fix: &["ECS tries again."],
        ..Entry::row("ecs-internal-error", &["S7"], Transient)
    },
];

/// Also from the stop code alone.
pub(super) const SPOT: Entry = Entry {
    patterns: &[all(&["spot task was interrupted"])],
    title: "Fargate Spot took the task's capacity back",
    cause: "Spot tasks can be interrupted at any time.",
    fix: &["ECS starts a replacement.", "Use on-demand capacity for a base number of tasks."],
    signs: &["stop code `SpotInterruption`"],
    ..Entry::row("spot-interruption", &["S3"], Transient)
};

/// Also from the stop code alone.
pub(super) const RETIREMENT: Entry = Entry {
    patterns: &[all(&["performing maintenance on the underlying infrastructure"])],
    title: "AWS retired the task",
    cause: "Maintenance of the infrastructure under it.",
    fix: &["ECS starts a replacement."],
    signs: &["stop code `TerminationNotice`"],
    ..Entry::row("task-retired", &["S4"], Transient)
};

/// From the stop code alone.
pub(super) const HOST_HEALTH: Entry = Entry {
    title: "The infrastructure under the task is unhealthy",
    cause: "A fault of the platform.",
    fix: &["ECS starts a replacement."],
    signs: &["stop code `InfrastructureHealth`"],
    ..Entry::row("infrastructure-health", &["S12"], Transient)
};

/// From the stop code alone.
pub(super) const BY_HAND: Entry = Entry {
    title: "Someone stopped the task",
    cause: "StopTask was called by a person or a program.",
    fix: &["ECS starts a replacement.", "Find out who stops tasks during a deployment."],
    signs: &["stop code `UserInitiated`"],
    ..Entry::row("task-stopped-by-hand", &["S2"], Transient)
};
