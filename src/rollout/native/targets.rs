//! A load balancer whose traffic shifts has two target groups, and a task is in one of them (facts 4.3). The
//! conditions of success know one group for each load balancer, so both are shown as one.

use crate::rollout::{Observation, TargetGroupRef};

/// The target groups to look at: those of the service, and after them their alternates.
pub(in crate::rollout) fn with_alternates(
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
pub(in crate::rollout) fn merge(
    mut observation: Observation,
    alternates: &[(String, String)],
) -> Observation {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::TargetKind;
    use crate::rollout::testing::{API, NEW, OLD, WEB, World};

    #[test]
    fn the_targets_of_both_groups_are_seen_as_one() {
        let mut world = World::new(1, &[WEB, API]);
        world.add("old", OLD, 1);
        world.add("new", NEW, 2);
        world.start_serving(&["new"]);
        let alternates = [(WEB.to_owned(), API.to_owned())];
        let look = world.look(1);
        let both: usize = look.target_groups.iter().map(|group| group.targets.len()).sum();
        assert!(both >= 2, "{look:?}");
        let merged = merge(look, &alternates);
        let arns: Vec<&str> = merged.target_groups.iter().map(|group| group.arn.as_str()).collect();
        assert_eq!(arns, [WEB]);
        assert_eq!(merged.target_groups[0].targets.len(), both);

        // Only the alternate was answered.
        let mut look = world.look(2);
        look.target_groups.retain(|group| group.arn == API);
        let merged = merge(look, &alternates);
        assert_eq!(merged.target_groups[0].arn, WEB);
    }

    #[test]
    fn both_groups_are_asked_for() {
        let group = |arn: &str| TargetGroupRef {
            arn: arn.to_owned(),
            container_name: "web".to_owned(),
            container_port: 80,
            kind: TargetKind::Ip,
            health_check: None,
        };
        let all = with_alternates(&[group("blue")], &[("blue".to_owned(), "green".to_owned())]);
        assert_eq!(all, [group("blue"), group("green")]);
    }
}
