//! File systems can be reached and mounted (facts 9.1).

use std::collections::BTreeSet;

use serde_json::Value;

use super::doors::admits;
use crate::aws::account::{FileSystem, Known};
use crate::preflight::checks::task_definition::efs_volumes::{authorization, efs_volumes};
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The file systems have a mount target in every zone of the service.
pub const MOUNT_TARGETS: Check = Check {
    code: "efs-mount-targets",
    title: "Each EFS file system has a mount target in every zone of the service",
    severity: Severity::Error,
    cause: "A task mounts a file system through the mount target of its own zone; without one its name cannot be \
            resolved there.",
    fix: &["Create a mount target in each zone of the service's subnets, or correct fileSystemId."],
    prevents: &["efs-unresolvable"],
    source: "efs-volumes",
    run: run_mount_targets,
};

/// The mount targets let the tasks in.
pub const SECURITY_GROUPS: Check = Check {
    code: "efs-security-groups",
    title: "The mount targets let the tasks in on port 2049",
    severity: Severity::Error,
    cause: "A task whose mount target does not let it in waits until the mount fails, and stops.",
    fix: &["Allow port 2049 from the tasks' security group in the mount targets' security group."],
    prevents: &["efs-network"],
    source: "efs-volumes",
    run: run_security_groups,
};

/// The access points are there.
pub const ACCESS_POINTS: Check = Check {
    code: "efs-access-points",
    title: "The access points exist and belong to their file systems",
    severity: Severity::Error,
    cause: "A mount through an access point that is gone, or belongs to another file system, fails.",
    fix: &["Correct authorizationConfig.accessPointId, or create the access point."],
    prevents: &["efs-mount-failed"],
    source: "specify-efs-config",
    run: run_access_points,
};

const NFS: u16 = 2049;

/// Ids of the file systems, each once.
fn ids<'a>(input: &Input<'a>) -> BTreeSet<&'a str> {
    efs_volumes(input.definition)
        .filter_map(|(_, _, volume)| volume.get("fileSystemId").and_then(Value::as_str))
        .collect()
}

fn each(input: &Input<'_>, mut look: impl FnMut(&mut Tally, &FileSystem)) -> Outcome {
    let ids = ids(input);
    if ids.is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    for id in ids {
        if let Some(found) = tally.know_of(input.facts.file_systems.get(id)) {
            look(&mut tally, found);
        }
    }
    tally.outcome()
}

fn run_mount_targets(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    for id in ids(input) {
        if input.facts.file_systems.get(id) == Some(&Known::Absent) {
            tally.problem(
                format!("file system {id}"),
                "there is no such file system in this Region and account",
            );
        }
    }
    let missing = tally.outcome();
    if missing != Outcome::Passed {
        return missing;
    }
    each(input, |tally, system| {
        let subject = format!("file system {}", system.id);
        if system.state != "available" {
            tally.problem(&subject, format!("it is {}", system.state));
        }
        let Some(network) = tally.know(&input.facts.network) else { return };
        let Some(targets) = tally.know(&system.mount_targets) else { return };
        let zones: BTreeSet<&str> = network.subnets.iter().map(|subnet| subnet.zone.as_str()).collect();
        for zone in zones {
            let here = targets.iter().filter(|target| target.zone == zone);
            let in_vpc = |vpc: &str| network.subnets.iter().any(|subnet| subnet.vpc == vpc);
            let mut usable = here.filter(|target| in_vpc(&target.vpc)).peekable();
            if usable.peek().is_none() {
                tally.problem(&subject, format!("it has no mount target in {zone}, where tasks may run"));
            } else if let Some(target) = usable.find(|target| target.state != "available") {
                tally.problem(
                    &subject,
                    format!("its mount target {} in {zone} is {}", target.id, target.state),
                );
            }
        }
    })
}

fn run_security_groups(input: &Input<'_>) -> Outcome {
    each(input, |tally, system| {
        let Some(network) = tally.know(&input.facts.network) else { return };
        let Some(groups) = tally.know(&network.security_groups) else { return };
        let Some(targets) = tally.know(&system.mount_targets) else { return };
        let used = |zone: &str| network.subnets.iter().any(|subnet| subnet.zone == zone);
        for target in targets.iter().filter(|target| used(&target.zone)) {
            let Some(ids) = tally.know(&target.security_groups) else { continue };
            if !admits(groups, ids, NFS, input, network) {
                tally.problem(
                    format!("file system {}", system.id),
                    format!(
                        "the security group {} of its mount target in {} does not let the tasks in on port {NFS}",
                        ids.join(", "),
                        target.zone
                    ),
                );
            }
        }
    })
}

fn run_access_points(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    let mut any = false;
    for (_, name, volume) in efs_volumes(input.definition) {
        let (Some(id), Some(point)) =
            (volume.get("fileSystemId").and_then(Value::as_str), authorization(volume, "accessPointId"))
        else {
            continue;
        };
        any = true;
        let Some(system) = tally.know_of(input.facts.file_systems.get(id)) else { continue };
        let Some(points) = tally.know(&system.access_points) else { continue };
        let subject = format!("volume {name}");
        match points.iter().find(|known| known.id == point) {
            None => tally.problem(subject, format!("there is no access point {point}")),
            Some(known) if known.file_system != id => {
                let message = format!(
                    "the access point {point} is of {}, and the volume is of {id}",
                    known.file_system
                );
                tally.problem(subject, message);
            }
            Some(known) if known.state != "available" => {
                tally.problem(subject, format!("the access point {point} is {}", known.state));
            }
            Some(_) => {}
        }
    }
    if any { tally.outcome() } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::account::{Peer, SecurityGroup};
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, problems, rule, wants};

    fn system(world: &mut World) -> &mut FileSystem {
        match world.facts.file_systems.get_mut("fs-1") {
            Some(Known::Is(system)) => system,
            _ => panic!("it is known"),
        }
    }

    #[test]
    fn a_zone_without_a_mount_target_is_refused() {
        let said = problem(&MOUNT_TARGETS, |world| {
            let Known::Is(targets) = &mut system(world).mount_targets else { panic!() };
            targets.pop();
        });
        assert_eq!(said, "file system fs-1: it has no mount target in us-east-1b, where tasks may run");
        let said = problem(&MOUNT_TARGETS, |world| {
            world.facts.file_systems.insert("fs-1".into(), Known::Absent);
        });
        assert!(said.contains("there is no such file system"), "{said}");
    }

    #[test]
    fn a_mount_target_that_lets_nobody_in_is_refused() {
        let groups = |world: &mut World, peer: Peer| {
            let Known::Is(groups) = &mut world.network().security_groups else { panic!() };
            let mount = groups.iter_mut().find(|group: &&mut SecurityGroup| group.id == "sg-mount").unwrap();
            mount.inbound = vec![rule(2049, peer)];
        };
        let said = problems(&SECURITY_GROUPS, |world| groups(world, Peer::SecurityGroup("sg-x".into())));
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].ends_with("in us-east-1a does not let the tasks in on port 2049"), "{said:?}");
        passes(&SECURITY_GROUPS, |world| groups(world, Peer::Cidr("10.0.0.0/8".into())));
    }

    #[test]
    fn an_access_point_of_another_file_system_is_refused() {
        let said = problem(&ACCESS_POINTS, |world| {
            let Known::Is(points) = &mut system(world).access_points else { panic!() };
            points[0].file_system = "fs-2".into();
        });
        assert_eq!(said, "volume data: the access point fsap-1 is of fs-2, and the volume is of fs-1");
        let said = problem(&ACCESS_POINTS, |world| system(world).access_points = Known::Is(Vec::new()));
        assert_eq!(said, "volume data: there is no access point fsap-1");
    }

    #[test]
    fn a_sound_one_passes_and_a_hidden_one_cannot_be_told() {
        let permission = "elasticfilesystem:DescribeFileSystems";
        for check in [&MOUNT_TARGETS, &SECURITY_GROUPS, &ACCESS_POINTS] {
            passes(check, |_| {});
            wants(check, permission, |world| {
                world.facts.file_systems.insert("fs-1".into(), denied(permission));
            });
            does_not_apply(check, |world| world.definition["volumes"] = json!([{"name": "data"}]));
        }
    }
}
