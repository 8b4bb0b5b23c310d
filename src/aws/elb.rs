//! Elastic Load Balancing: the health of targets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsError;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use tokio::time::Instant;

use super::clients::Aws;
use super::error::aws_error;
use crate::error::Result;
use crate::rollout::{HealthCheck, Target, TargetGroupHealth};

/// How long the settings of a target group are taken to be what they were.
const FRESH: Duration = Duration::from_secs(30);

/// Target groups by ARN, and when they were described.
pub(super) type DescribedTargetGroups = Arc<Mutex<HashMap<String, (Instant, sdk::TargetGroup)>>>;

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

    /// How target groups check their targets, by ARN.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws); the permission may be missing where everything
    /// else is allowed.
    pub async fn target_group_settings(
        &self,
        target_groups: &[String],
    ) -> Result<Vec<(String, HealthCheck)>> {
        let found = self.described(target_groups).await.map_err(|error| {
            aws_error("elasticloadbalancing:DescribeTargetGroups", &target_groups.join(", "), error)
        })?;
        Ok(found.into_iter().filter_map(health_check).collect())
    }

    /// Target groups as AWS describes them, by one call for those that were not described within [`FRESH`]: plan,
    /// checks and rollout of a service ask within seconds, and each account has few such calls (facts 7.2).
    pub(super) async fn described(
        &self,
        target_groups: &[String],
    ) -> std::result::Result<Vec<sdk::TargetGroup>, SdkError<DescribeTargetGroupsError, HttpResponse>> {
        let known = |arn: &String| {
            let known = self.target_groups.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(arn).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, group)| group.clone())
        };
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for arn in target_groups {
            match known(arn) {
                Some(group) => found.push(group),
                None => missing.push(arn.clone()),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let asked = self.elb.describe_target_groups().set_target_group_arns(Some(missing)).send().await?;
        let mut known = self.target_groups.lock().unwrap_or_else(PoisonError::into_inner);
        for group in asked.target_groups.unwrap_or_default() {
            if let Some(arn) = group.target_group_arn.clone() {
                known.insert(arn, (Instant::now(), group.clone()));
            }
            found.push(group);
        }
        Ok(found)
    }
}

/// None where the target group does not check at all.
fn health_check(found: sdk::TargetGroup) -> Option<(String, HealthCheck)> {
    if found.health_check_enabled == Some(false) {
        return None;
    }
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(0);
    let settings = HealthCheck {
        protocol: found
            .health_check_protocol
            .as_ref()
            .map_or("HTTP", |protocol| protocol.as_str())
            .to_owned(),
        path: found.health_check_path,
        port: found.health_check_port.unwrap_or_else(|| "traffic-port".to_owned()),
        matcher: found.matcher.and_then(|matcher| matcher.http_code.or(matcher.grpc_code)),
        interval: number(found.health_check_interval_seconds),
        timeout: number(found.health_check_timeout_seconds),
        healthy_threshold: number(found.healthy_threshold_count),
        unhealthy_threshold: number(found.unhealthy_threshold_count),
    };
    Some((found.target_group_arn?, settings))
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
