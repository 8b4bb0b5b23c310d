//! What else is known when the load balancer finds a task unhealthy (facts 5.4).

use crate::rollout::observation::{Observation, Target, Task, target_group_name};
use crate::rollout::policy::{Followed, TargetGroupRef};
use crate::rollout::targets;

/// How a target stands, in a line with AWS's reason and description.
pub(super) fn target_line(group_arn: &str, target: &Target) -> String {
    let mut line = format!(
        "target {}:{} in target group {}: {}",
        target.id,
        target.port,
        target_group_name(group_arn),
        target.state
    );
    for part in [&target.reason, &target.description].into_iter().flatten() {
        line.push_str(", ");
        line.push_str(part);
    }
    line
}

/// What the load balancer asks, where that could be read.
pub(super) fn check_line(group: &TargetGroupRef) -> Option<String> {
    let check = group.health_check.as_ref()?;
    Some(format!("health check of {}: {check}", target_group_name(&group.arn)))
}

/// Evidence on a task that ECS stopped because a target group found it unhealthy.
pub(super) fn of_stopped(task: &Task, followed: &Followed, observation: &Observation) -> Vec<String> {
    let reason = task.stopped_reason.as_deref().unwrap_or_default();
    let named: Vec<&TargetGroupRef> =
        followed.target_groups.iter().filter(|group| reason.contains(&group.arn)).collect();
    let groups = if named.is_empty() { followed.target_groups.iter().collect() } else { named };
    let mut evidence = Vec::new();
    for group in groups {
        let target =
            targets::target(observation, group, task).filter(|target| target.state.starts_with("unhealthy"));
        evidence.extend(target.map(|target| target_line(&group.arn, target)));
        evidence.extend(check_line(group));
    }
    evidence.extend(task.ran_for().map(|ran| {
        format!(
            "the task had been running for {} s; the service's healthCheckGracePeriodSeconds is {}",
            ran.as_secs(),
            followed.health_check_grace_period.as_secs()
        )
    }));
    evidence
}
