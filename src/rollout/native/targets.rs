//! A load balancer whose traffic shifts has two target groups, and a task is in one of them (facts 4.3). The
//! conditions of success know one group for each load balancer, so both are shown as one.

use crate::rollout::{Observation, TargetGroupRef};

/// The target groups to look at: those of the service, and after them their alternates.
pub(super) fn with_alternates(
    groups: &[TargetGroupRef],
    alternates: &[(String, String)],
) -> Vec<TargetGroupRef> {
    let mut all = groups.to_vec();
    for (main, alternate) in alternates {
        if let Some(group) = groups.iter().find(|group| group.arn == *main) {
            all.push(TargetGroupRef { arn: alternate.clone(), ..group.clone() });
        }
    }
    all
}

/// Moves the targets of alternates into the groups that they stand for.
pub(super) fn merge(mut observation: Observation, alternates: &[(String, String)]) -> Observation {
    for (main, alternate) in alternates {
        let groups = &mut observation.target_groups;
        let Some(index) = groups.iter().position(|group| group.arn == *alternate) else { continue };
        let mut moved = groups.remove(index);
        match groups.iter_mut().find(|group| group.arn == *main) {
            Some(group) => group.targets.extend(moved.targets),
            None => {
                moved.arn.clone_from(main);
                groups.push(moved);
            }
        }
    }
    observation
}
