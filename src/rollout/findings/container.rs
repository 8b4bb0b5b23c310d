//! Facts 5.3: containers that do not start or do not stay.

use super::entry::Class::{AtOnce, Deterministic, Mixed, Transient};
use super::entry::{Entry, Scope, all};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        patterns: &[
            all(&["executable file not found in $path"]),
            all(&["oci runtime create failed", "no such file or directory"]),
            all(&["oci runtime create failed", "permission denied"]),
            all(&["exec:", "stat ", "no such file or directory"]),
        ],
        title: "The container's command cannot be run",
        cause: "command or entryPoint names a program that the image does not have, or that is not executable.",
        fix: &[
            "Correct command or entryPoint in the task definition or the image, or set the execute bit in \
             the image.",
        ],
        ..Entry::row("container-command-invalid", &["R19", "C1"], AtOnce)
    },
    Entry {
        patterns: &[all(&["outofmemoryerror"]), all(&["killed due to memory usage"])],
        title: "A container was killed because it ran out of memory",
        cause: "The container used more memory than its limit, or the task's.",
        fix: &["Raise memory in the task definition, or find what needs so much at start-up."],
        ..Entry::row("container-out-of-memory", &["C6", "exit 137 with OutOfMemoryError"], Mixed)
    },
    Entry {
        patterns: &[
            all(&["dependency did not exit successfully"]),
            all(&["dependency will never start"]),
            all(&["container ordering dependency"]),
            all(&["dependency graph:"]),
        ],
        title: "A container waits for another one that never gets there",
        cause: "A dependsOn condition cannot be satisfied: the other container failed, has no health check, or took \
                longer than startTimeout.",
        fix: &["Look at the container that is depended on; correct dependsOn or raise startTimeout."],
        ..Entry::row("container-dependency-failed", &["C8"], Deterministic)
    },
    Entry {
        patterns: &[all(&["failed to get container status"])],
        title: "A container ended before its state could be read",
        cause: "Often there is too little memory to start it.",
        fix: &["Raise memory in the task definition."],
        ..Entry::row("container-status-unknown", &["C2"], Mixed)
    },
    Entry {
        patterns: &[all(&["containerruntimetimeouterror"]), all(&["could not transition to", "timed out"])],
        title: "A container took too long to start",
        cause: "The runtime gave up waiting: a slow start, or a fault of the platform.",
        fix: &["ECS tries again.", "If it repeats, check the image's size and entry point."],
        ..Entry::row("container-start-timeout", &["C5"], Mixed)
    },
    Entry {
        patterns: &[all(&["containerruntimeerror"])],
        title: "The container runtime failed",
        cause: "A fault of the platform.",
        fix: &["ECS tries again."],
        ..Entry::row("container-runtime-error", &["C4"], Transient)
    },
    Entry {
        scope: Scope::Log,
        patterns: &[all(&["exec format error"]), all(&["exec user process caused"])],
        title: "The container's program is built for another CPU architecture",
        cause: "The image's architecture is not the task's, or a script has no #! line.",
        fix: &[
            "Build for the task's platform or set runtimePlatform.cpuArchitecture; give scripts a #! line.",
        ],
        ..Entry::row("exec-format-error", &["C9"], Deterministic)
    },
];

/// What is left after all others.
pub(super) const GENERIC: &[Entry] = &[Entry {
    patterns: &[
        all(&["cannotstartcontainererror"]),
        all(&["cannotcreatecontainererror"]),
        all(&["cannotcreatevolumeerror"]),
        all(&["cannotinspectcontainererror"]),
        all(&["cannotstopcontainererror"]),
        all(&["oci runtime create failed"]),
    ],
    title: "A container could not be created or started",
    cause: "The runtime's text in the evidence says why.",
    fix: &["Check what the text names; where it names nothing of yours, ECS's next try may work."],
    ..Entry::row("container-start-failed", &["C1", "C3"], Mixed)
}];

/// What code finds and no text: an essential container exited by itself. The exit code decides class,
/// cause and fix (`exit_codes`).
pub(super) const EXITED: Entry = Entry {
    title: "An essential container exited",
    cause: "When an essential container exits, ECS stops the whole task. Its exit code says how it ended.",
    fix: &["Look at the container's last log lines."],
    signs: &["stop code `EssentialContainerExited`", "stopped reason `Essential container in task exited`"],
    ..Entry::row(
        "essential-container-exited",
        &[
            "C7", "exit 0", "exit 1", "exit 125", "exit 126", "exit 127", "exit 130", "exit 134", "exit 137",
            "exit 139", "exit 255",
        ],
        Mixed,
    )
};

/// What several looks show and no text: ECS restarts the container in place.
pub(super) const RESTARTING: Entry = Entry {
    title: "A container restarted inside a RUNNING task",
    cause: "The container's restartPolicy is enabled, so that ECS restarts it in place when it exits, and the task stays \
            RUNNING. The container does not stay up.",
    fix: &[
        "Look at the container's last log lines and its exit code.",
        "A container that is meant to exit belongs into restartPolicy.ignoredExitCodes, or needs no restartPolicy.",
    ],
    signs: &[
        "a container with an enabled `restartPolicy` is not `RUNNING` for a moment, or its `runtimeId` changes, in a \
         task that stays `RUNNING`",
        "that DescribeTasks shows every such restart is unconfirmed: AWS documents a restart count only for the task \
         metadata endpoint and Container Insights, so a loop that shows in neither field is not seen",
    ],
    page: Some("container-restart-policy"),
    ..Entry::row("container-restarting", &["3.3 restartPolicy"], Mixed)
};
