//! Facts 5.6 and 3.7: what service events say about placing tasks and about the deployment.

use super::entry::Class::{AtOnce, Deterministic, Mixed, Transient};
use super::entry::{Entry, Scope, all};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        patterns: &[all(&["capacity is unavailable"]), all(&["resource:fargate"])],
        title: "Fargate has no capacity at the moment",
        cause: "Fargate, often Fargate Spot, has no room in the service's zones.",
        fix: &["Wait, add subnets in other zones, or mix in on-demand capacity."],
        ..Entry::row("fargate-capacity", &["E1", "5.8 RESOURCE:FARGATE"], Transient)
    },
    Entry {
        patterns: &[all(&["resource:eni"])],
        title: "There is no network interface for the task at the moment",
        cause: "A limit of network interfaces is reached; it passes when other tasks leave.",
        fix: &["Wait: ECS tries again.", "If it repeats, ask for a higher quota of network interfaces."],
        ..Entry::row("network-interface-limit", &["5.8 RESOURCE:ENI"], Transient)
    },
    Entry {
        patterns: &[all(&["limit on the number of tasks you can run concurrently"])],
        title: "The account's limit of running tasks is reached",
        cause: "A service quota of the account. It may pass when old tasks leave.",
        fix: &["Ask for a higher quota in Service Quotas, stop tasks, or lower maximumPercent."],
        ..Entry::row("fargate-task-limit", &["E2"], Mixed)
    },
    Entry {
        patterns: &[all(&["limit on the number of vcpus you can run concurrently"])],
        title: "The account's limit of Fargate vCPUs is reached",
        cause: "A service quota of the account, as low as 6 for a new one. It may pass when old tasks leave.",
        fix: &["Ask for more Fargate vCPUs in Service Quotas, stop tasks, or lower maximumPercent."],
        ..Entry::row("fargate-vcpu-limit", &["E3"], Mixed)
    },
    Entry {
        patterns: &[
            all(&["requested cpu configuration is above your limit"]),
            all(&["requested memory configuration is above your limit"]),
        ],
        title: "The account may not run tasks of this size",
        cause: "The task's CPU or memory is above the account's limit.",
        fix: &["Choose a smaller size, or ask for a higher quota."],
        ..Entry::row("task-size-above-limit", &["E4"], Deterministic)
    },
    NO_INSTANCES,
    Entry {
        scope: Scope::Event,
        patterns: &[all(&["operations are being throttled on"])],
        title: "ECS is being throttled",
        cause: "Another AWS service limits ECS's calls.",
        fix: &["Wait: ECS tries again."],
        ..Entry::row("ecs-throttled", &["E8"], Transient)
    },
    BLOCKED,
    Entry {
        patterns: &[
            all(&["awsserviceroleforecs"]),
            all(&["service linked role exists"]),
            all(&["assume the service linked role"]),
        ],
        title: "ECS's service-linked role is missing",
        cause: "The account has no role AWSServiceRoleForECS, or ECS cannot assume it.",
        fix: &[
            "Create it, once for the account (aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com).",
        ],
        ..Entry::row("service-linked-role-missing", &["E19", "5.7 service linked role"], Deterministic)
    },
    Entry {
        patterns: &[all(&["unable to assume the role"])],
        title: "ECS cannot assume the task's role",
        cause: "The role's trust policy lacks ecs-tasks.amazonaws.com, the role was deleted, or it is only a minute \
                old.",
        fix: &[
            "Let ecs-tasks.amazonaws.com assume the execution role and the task role; a new role needs a \
             minute.",
        ],
        ..Entry::row("role-not-assumable", &["E12"], Deterministic)
    },
    Entry {
        patterns: &[all(&["not in the target group vpc"])],
        title: "The target group is in another VPC than the tasks",
        cause: "A target group takes addresses of its own VPC only.",
        fix: &["Create the target group in the VPC of the service's subnets."],
        ..Entry::row("target-group-other-vpc", &["E13"], Deterministic)
    },
    Entry {
        patterns: &[all(&["failed to register targets"]), all(&["unable to register targets"])],
        title: "Tasks cannot be registered in the target group",
        cause: "The target group is gone or of type instance, its quota is used up, or the service-linked role may \
                not do it.",
        fix: &["Check what AWS's text in the evidence names; Fargate needs target type ip."],
        ..Entry::row("target-registration-failed", &["E14"], Deterministic)
    },
    Entry {
        patterns: &[
            all(&["iam permissions policies have been misconfigured"]),
            all(&["iam trust relationship has been misconfigured"]),
        ],
        title: "ECS's own role is misconfigured",
        cause: "The service-linked or infrastructure role lacks permissions or trust.",
        fix: &["Restore its policies and its trust relationship."],
        ..Entry::row("service-role-misconfigured", &["E15"], Deterministic)
    },
    Entry {
        scope: Scope::Event,
        patterns: &[all(&["not compatible with the selected compute strategy"])],
        title: "The task definition is not made for Fargate",
        cause: "It lacks requiresCompatibilities FARGATE or network mode awsvpc, or uses what only EC2 has.",
        fix: &["Set requiresCompatibilities to [\"FARGATE\"] and networkMode to awsvpc."],
        ..Entry::row("task-definition-incompatible", &["E16"], AtOnce)
    },
    Entry {
        patterns: &[all(&["provisioning capacity limit was exceeded"])],
        title: "Too many tasks of the cluster are being provisioned",
        cause: "More than 500 tasks wait for an EC2 capacity provider.",
        fix: &["Wait."],
        ..Entry::row("provisioning-limit", &["E17"], Transient)
    },
    Entry {
        scope: Scope::Event,
        patterns: &[
            all(&["under protection"]),
            all(&["protected", "steady state"]),
            all(&["protected from scale-in"]),
            all(&["protection", "scale in"]),
        ],
        title: "Protected tasks keep the deployment from finishing",
        cause: "Old tasks are under scale-in protection.",
        fix: &["Let the protection expire, or take it off (UpdateTaskProtection)."],
        page: Some("task-scale-in-protection"),
        ..Entry::row("tasks-protected", &["E18"], Transient)
    },
    Entry {
        scope: Scope::Event,
        patterns: &[all(&["deployment failed: alarm detected"])],
        title: "A CloudWatch alarm failed the deployment",
        cause: "An alarm in the service's deployment configuration went into ALARM.",
        fix: &["Look at the alarm's metric for the new revision."],
        page: Some("deployment-alarm-failure"),
        ..Entry::row("deployment-alarm", &["3.7 alarm detected"], Deterministic)
    },
    Entry {
        scope: Scope::Event,
        patterns: &[all(&["alarm", "missing"])],
        title: "An alarm of the deployment configuration does not exist",
        cause: "The alarm was deleted or is in another Region; it protects nothing.",
        fix: &["Correct the alarm names in the service's deployment configuration."],
        ..Entry::row("deployment-alarm-missing", &["E20"], Transient)
    },
];

/// What is left after all others: sums of what other texts say in detail.
pub(super) const GENERIC: &[Entry] = &[
    Entry {
        patterns: &[all(&["reason: internal error"]), all(&["because internal error"])],
        title: "ECS cannot place a task and does not say why",
        cause: "A subnet in a zone that Fargate does not serve, or a fault of the service.",
        fix: &["If it repeats, use subnets in other zones."],
        ..Entry::row("placement-internal-error", &["E5"], Mixed)
    },
    Entry {
        scope: Scope::Event,
        patterns: &[all(&["unable to consistently start tasks"])],
        title: "Tasks fail again and again, and ECS waits longer between tries",
        cause: "Tasks stop before they are RUNNING. ECS now waits up to 27 minutes between tries.",
        fix: &["Look at the other findings and at the stopped tasks' reasons."],
        page: Some("service-throttle-logic"),
        ..Entry::row("tasks-fail-repeatedly", &["E9"], Deterministic)
    },
    Entry {
        scope: Scope::Event,
        patterns: &[all(&["deployment failed"])],
        title: "ECS's circuit breaker failed the deployment",
        cause: "Too many tasks failed in a row.",
        fix: &["Look at the other findings and at the stopped tasks' reasons."],
        page: Some("deployment-circuit-breaker"),
        ..Entry::row("circuit-breaker-tripped", &["3.7 tasks failed to start"], Deterministic)
    },
    Entry {
        scope: Scope::Event,
        patterns: &[
            all(&["unable to place a task"]),
            all(&["could not launch"]),
            all(&["unable to launch"]),
            all(&["failed to launch"]),
        ],
        title: "ECS cannot start a task",
        cause: "AWS's text in the evidence says why, or another finding does.",
        fix: &["Look at the other findings."],
        ..Entry::row("task-launch-failed", &["E11"], Transient)
    },
];

/// The arithmetic confirms this one, or takes its certainty away.
pub(super) const BLOCKED: Entry = Entry {
    scope: Scope::Event,
    patterns: &[all(&[
        "unable to stop or start tasks during a deployment because of the service deployment \
         configuration",
    ])],
    title: "minimumHealthyPercent and maximumPercent allow neither a stop nor a start",
    cause: "With this desired count the two percentages leave no room for one task more or less.",
    fix: &["Raise maximumPercent or lower minimumHealthyPercent in the service's deployment configuration."],
    ..Entry::row("deployment-percent-blocked", &["E10"], AtOnce)
};

/// Certain where nothing of the service runs on an instance; otherwise room may come.
pub(super) const NO_INSTANCES: Entry = Entry {
    patterns: &[
        all(&["no container instance met all of its requirements"]),
        all(&["closest matching container-instance"]),
        all(&["no container instances were found"]),
        all(&["resource:cpu"]),
        all(&["resource:memory"]),
        all(&["resource:ports"]),
        all(&["encountered error \"agent\""]),
    ],
    title: "No EC2 instance has room for the task",
    cause: "The service's launch type or capacity provider is EC2, and no instance meets the task's requirements: there \
            is none, or the CPU, memory or host ports that it needs are taken.",
    fix: &[
        "A service that is meant for Fargate needs launchType FARGATE or a Fargate capacity provider.",
        "Otherwise add instances, or let ECS stop a task before it starts the next: lower minimumHealthyPercent.",
    ],
    ..Entry::row(
        "no-container-instances",
        &["E6", "E7", "5.7 No Container Instances", "5.8 EC2"],
        Deterministic,
    )
};
