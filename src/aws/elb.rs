//! Elastic Load Balancing: the health of targets.

use aws_sdk_elasticloadbalancingv2::types as sdk;

use super::clients::Aws;
use super::error::aws_error;
use crate::error::Result;
use crate::rollout::{Target, TargetGroupHealth};

impl Aws {
    /// The health of every target of a target group.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws).
    pub async fn target_health(&self, target_group: &str) -> Result<TargetGroupHealth> {
        let answer =
            self.elb.describe_target_health().target_group_arn(target_group).send().await.map_err(
                |error| aws_error("elasticloadbalancing:DescribeTargetHealth", target_group, error),
            )?;
        Ok(TargetGroupHealth {
            arn: target_group.to_owned(),
            targets: answer
                .target_health_descriptions
                .unwrap_or_default()
                .into_iter()
                .filter_map(target)
                .collect(),
        })
    }
}

fn target(found: sdk::TargetHealthDescription) -> Option<Target> {
    let description = found.target?;
    let health = found.target_health;
    Some(Target {
        id: description.id?,
        port: description.port.and_then(|port| u32::try_from(port).ok()).unwrap_or(0),
        state: health
            .as_ref()
            .and_then(|health| health.state.as_ref())
            .map_or_else(|| "unavailable".to_owned(), |state| state.as_str().to_owned()),
        reason: health
            .as_ref()
            .and_then(|health| health.reason.as_ref())
            .map(|reason| reason.as_str().to_owned()),
        description: health.and_then(|health| health.description),
    })
}
