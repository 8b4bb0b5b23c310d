//! Which target of a target group is which task: by the address of the task's own network interface, or by the EC2
//! instance and a port of it (facts 9.3).

use super::observation::{Observation, Target, Task};
use super::policy::TargetGroupRef;
use super::rules::TargetKind;

/// What is not known of a task yet, in a phrase.
fn lack(task: &Task, what: &str) -> String {
    format!("{what} of task {} is not known yet", task.id())
}

/// The id and the port by which a target group knows a task of the followed revision.
///
/// # Errors
/// What is not known yet, in a phrase.
pub(super) fn place<'a>(task: &'a Task, group: &TargetGroupRef) -> Result<(&'a str, u32), String> {
    let instance = || task.ec2_instance.as_deref().ok_or_else(|| lack(task, "the EC2 instance"));
    match group.kind {
        TargetKind::Ip => {
            let ip = task.private_ip.as_deref();
            Ok((ip.ok_or_else(|| format!("task {} has no address yet", task.id()))?, group.container_port))
        }
        TargetKind::Host => Ok((instance()?, group.container_port)),
        TargetKind::Instance => {
            let mut containers = task.containers.iter().filter(|it| it.name == group.container_name);
            let port = containers.find_map(|container| {
                let bound = container.ports.iter().find(|it| it.container_port == group.container_port);
                bound.map(|binding| binding.host_port)
            });
            Ok((instance()?, port.ok_or_else(|| lack(task, "the host port"))?))
        }
    }
}

/// The target of a task of the followed revision.
pub(super) fn target<'a>(
    observation: &'a Observation,
    group: &TargetGroupRef,
    task: &Task,
) -> Option<&'a Target> {
    let (id, port) = place(task, group).ok()?;
    observation.target_group(&group.arn)?.target(id, Some(port))
}

/// The target of a task of whatever revision: an older one may have served on another port.
pub(super) fn target_of_any<'a>(
    observation: &'a Observation,
    group: &TargetGroupRef,
    task: &Task,
) -> Option<&'a Target> {
    let health = observation.target_group(&group.arn)?;
    match group.kind {
        TargetKind::Ip => health.target(task.private_ip.as_deref()?, None),
        _ => health.targets.iter().find(|target| is_of(target, group, task)),
    }
}

/// Whether a target is a task of whatever revision. Several tasks may share an instance, and each has ports of its own.
pub(super) fn is_of(target: &Target, group: &TargetGroupRef, task: &Task) -> bool {
    match group.kind {
        TargetKind::Ip => task.private_ip.as_deref() == Some(&target.id),
        TargetKind::Instance | TargetKind::Host => {
            let bound = |port: u32| {
                let mut bindings = task.containers.iter().flat_map(|container| &container.ports);
                bindings.any(|binding| binding.host_port == port)
            };
            let same = place(task, group).is_ok_and(|(_, port)| port == target.port);
            task.ec2_instance.as_deref() == Some(&target.id) && (same || bound(target.port))
        }
    }
}
