//! Reading target groups and log groups.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::config::Region;
use aws_sdk_elasticloadbalancingv2::types as sdk;
use futures_util::future::{join, join_all};

use super::{Known, LogGroup, TargetGroupFacts};
use crate::aws::Aws;
use crate::aws::signed::known_of_sdk;

const DEREGISTRATION_DELAY: &str = "deregistration_delay.timeout_seconds";

impl Aws {
    /// Target groups by ARN.
    pub async fn target_groups(&self, arns: &[String]) -> BTreeMap<String, Known<TargetGroupFacts>> {
        let asked = arns.iter().map(|arn| async {
            let (group, delay) = join(self.target_group(arn), self.deregistration_delay(arn)).await;
            let group = group.and_then(|group| Known::Is(facts(group, delay)));
            (arn.clone(), group)
        });
        join_all(asked).await.into_iter().collect()
    }

    async fn target_group(&self, arn: &String) -> Known<sdk::TargetGroup> {
        let answer = self.described(std::slice::from_ref(arn)).await;
        known_of_sdk("elasticloadbalancing:DescribeTargetGroups", answer)
            .and_then(|found| found.into_iter().next().map_or(Known::Absent, Known::Is))
    }

    /// How long a target drains that is taken away from a target group, in seconds (facts 3.5).
    pub async fn deregistration_delay(&self, arn: &str) -> Known<u32> {
        let answer = self.elb.describe_target_group_attributes().target_group_arn(arn).send().await;
        known_of_sdk("elasticloadbalancing:DescribeTargetGroupAttributes", answer).and_then(|answer| {
            let mut attributes = answer.attributes.unwrap_or_default().into_iter();
            let delay = attributes.find(|attribute| attribute.key.as_deref() == Some(DEREGISTRATION_DELAY));
            let delay = delay.and_then(|attribute| attribute.value?.parse().ok());
            // Target groups of Lambda functions have none.
            delay.map_or(Known::Absent, Known::Is)
        })
    }

    /// Log groups by name, in this Region or another one.
    pub async fn log_groups(
        &self,
        names: &[String],
        region: Option<&str>,
    ) -> BTreeMap<String, Known<LogGroup>> {
        let client = match region.filter(|region| *region != self.region) {
            Some(region) => {
                let config = self.logs.config().to_builder().region(Region::new(region.to_owned()));
                aws_sdk_cloudwatchlogs::Client::from_conf(config.build())
            }
            None => self.logs.clone(),
        };
        let asked = names.iter().map(|name| async { (name.clone(), log_group(&client, name).await) });
        join_all(asked).await.into_iter().collect()
    }
}

/// The group of exactly this name: CloudWatch Logs lists by prefix, in the order of names, so that the first page
/// begins with it.
async fn log_group(client: &aws_sdk_cloudwatchlogs::Client, name: &str) -> Known<LogGroup> {
    let answer = client.describe_log_groups().log_group_name_prefix(name).send().await;
    known_of_sdk("logs:DescribeLogGroups", answer).and_then(|answer| {
        let mut groups = answer.log_groups.unwrap_or_default().into_iter();
        let found = groups.any(|group| group.log_group_name.as_deref() == Some(name));
        if found { Known::Is(LogGroup { name: name.to_owned() }) } else { Known::Absent }
    })
}

fn facts(group: sdk::TargetGroup, delay: Known<u32>) -> TargetGroupFacts {
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(0);
    TargetGroupFacts {
        arn: group.target_group_arn.unwrap_or_default(),
        target_type: group.target_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        vpc: group.vpc_id,
        load_balancers: group.load_balancer_arns.unwrap_or_default(),
        interval_s: number(group.health_check_interval_seconds),
        timeout_s: number(group.health_check_timeout_seconds),
        healthy_threshold: number(group.healthy_threshold_count),
        unhealthy_threshold: number(group.unhealthy_threshold_count),
        deregistration_delay_s: delay,
    }
}
