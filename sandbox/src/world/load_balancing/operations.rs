//! The read operations of the Elastic Load Balancing API.

use serde_json::{Value, json};

use super::{Target, TargetGroup, TargetState};
use crate::world::{
    ApiError, VPC, World,
    json::{list, number, object, required, text, texts},
};

impl World {
    pub(crate) fn call_load_balancing(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        match operation {
            "DescribeTargetHealth" => self.describe_target_health(input),
            "DescribeTargetGroups" => self.describe_target_groups(input),
            "DescribeTargetGroupAttributes" => self.describe_target_group_attributes(input),
            "DescribeLoadBalancers" => self.describe_load_balancers(input),
            _ => Err(ApiError::not_implemented("elasticloadbalancing", operation)),
        }
    }

    pub(crate) fn target_group(&self, arn: &str) -> Option<&TargetGroup> {
        self.target_groups.iter().find(|group| group.arn == arn)
    }

    fn target_group_or_refuse(&self, input: &Value) -> Result<&TargetGroup, ApiError> {
        let arn = text(input, "TargetGroupArn")
            .ok_or_else(|| ApiError::client("ValidationError", "A target group ARN must be specified"))?;
        self.target_group(arn).ok_or_else(target_group_not_found)
    }

    fn describe_target_health(&self, input: &Value) -> Result<Value, ApiError> {
        let group = self.target_group_or_refuse(input)?;
        let asked = list(input, "Targets");
        let descriptions: Vec<Value> = if asked.is_empty() {
            group.targets.iter().map(describe).collect()
        } else {
            asked.iter().map(|target| describe_asked(target, group)).collect()
        };
        Ok(object([("TargetHealthDescriptions", descriptions.into())]))
    }

    fn describe_target_groups(&self, input: &Value) -> Result<Value, ApiError> {
        let arns = texts(input, "TargetGroupArns");
        let names = texts(input, "Names");
        let balancer = text(input, "LoadBalancerArn");
        let groups: Vec<Value> = self
            .target_groups
            .iter()
            .filter(|group| arns.is_empty() || arns.contains(&group.arn.as_str()))
            .filter(|group| names.is_empty() || names.contains(&group.name.as_str()))
            .filter(|group| balancer.is_none_or(|arn| group.load_balancer.as_deref() == Some(arn)))
            .map(render_group)
            .collect();
        if groups.len() < arns.len().max(names.len()) {
            return Err(target_group_not_found());
        }
        Ok(json!({ "TargetGroups": groups }))
    }

    fn describe_target_group_attributes(&self, input: &Value) -> Result<Value, ApiError> {
        let group = self.target_group_or_refuse(input)?;
        let delay = group.options.deregistration_delay_s.to_string();
        let attributes: Vec<Value> = [
            ("deregistration_delay.timeout_seconds", delay.as_str()),
            ("stickiness.enabled", "false"),
            ("slow_start.duration_seconds", "0"),
            ("load_balancing.algorithm.type", "round_robin"),
        ]
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .to_vec();
        Ok(json!({ "Attributes": attributes }))
    }

    fn describe_load_balancers(&self, input: &Value) -> Result<Value, ApiError> {
        let arns = texts(input, "LoadBalancerArns");
        let balancers: Vec<Value> = self
            .target_groups
            .iter()
            .filter_map(|group| Some((group, group.load_balancer.as_deref()?)))
            .filter(|(_, arn)| arns.is_empty() || arns.contains(arn))
            .map(|(group, arn)| {
                json!({
                    "LoadBalancerArn": arn,
                    "DNSName": format!("{}.elb.{}.invalid", group.name, self.region),
                    "LoadBalancerName": group.name,
                    "Scheme": "internet-facing",
                    "CreatedTime": timestamp(group.created_at),
                    "State": { "Code": "active" },
                    "Type": "application",
                    "IpAddressType": "ipv4",
                })
            })
            .collect();
        if balancers.len() < arns.len() {
            return Err(ApiError::client("LoadBalancerNotFound", "One or more load balancers not found"));
        }
        Ok(json!({ "LoadBalancers": balancers }))
    }

    /// What ECS refuses in a `loadBalancers` entry, as far as the target group goes (facts 5.7).
    pub(crate) fn check_target_group(&self, entry: &Value) -> Result<(), ApiError> {
        let arn = required(entry, "targetGroupArn")?;
        match self.target_group(arn) {
            Some(_) => Ok(()),
            None => {
                Err(ApiError::invalid_parameter(format!("Unable to find the target group with ARN {arn}.")))
            }
        }
    }
}

fn target_group_not_found() -> ApiError {
    ApiError::client("TargetGroupNotFound", "One or more target groups not found")
}

/// ISO 8601, the form of a timestamp in the Query protocol.
fn timestamp(at: crate::world::VirtualTime) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(micros).unwrap_or_default().to_string()
}

fn render_group(group: &TargetGroup) -> Value {
    let options = &group.options;
    json!({
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.name,
        "Protocol": "HTTP",
        "Port": options.port,
        "VpcId": VPC,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": true,
        "HealthCheckIntervalSeconds": options.interval_s,
        "HealthCheckTimeoutSeconds": options.timeout_s,
        "HealthyThresholdCount": options.healthy_threshold,
        "UnhealthyThresholdCount": options.unhealthy_threshold,
        "HealthCheckPath": options.health_check_path,
        "Matcher": { "HttpCode": options.matcher },
        "LoadBalancerArns": group.load_balancer.iter().collect::<Vec<_>>(),
        "TargetType": if options.instance_targets { "instance" } else { "ip" },
        "ProtocolVersion": "HTTP1",
        "IpAddressType": "ipv4",
    })
}

/// The status code that a failing health check is answered with.
pub(crate) const FAILING_CODE: u16 = 404;

fn describe(target: &Target) -> Value {
    let mismatch = format!("Health checks failed with these codes: [{FAILING_CODE}]");
    let (state, reason, description) = match target.state {
        TargetState::Registering => {
            ("initial", Some("Elb.RegistrationInProgress"), Some("Target registration is in progress"))
        }
        TargetState::FirstChecks => {
            ("initial", Some("Elb.InitialHealthChecking"), Some("Initial health checks in progress"))
        }
        TargetState::Healthy => ("healthy", None, None),
        TargetState::Unhealthy => ("unhealthy", Some("Target.ResponseCodeMismatch"), Some(mismatch.as_str())),
        TargetState::Draining { was_unhealthy: true } => {
            ("unhealthy.draining", Some("Target.ResponseCodeMismatch"), Some(mismatch.as_str()))
        }
        TargetState::Draining { was_unhealthy: false } => (
            "draining",
            Some("Target.DeregistrationInProgress"),
            Some("Target deregistration is in progress"),
        ),
    };
    let mut health = json!({ "State": state });
    if let Some(reason) = reason {
        health["Reason"] = json!(reason);
    }
    if let Some(description) = description {
        health["Description"] = json!(description);
    }
    let place = json!({ "Id": target.address, "Port": target.port, "AvailabilityZone": target.zone });
    object([("Target", place), ("HealthCheckPort", target.port.to_string().into()), ("TargetHealth", health)])
}

fn describe_asked(asked: &Value, group: &TargetGroup) -> Value {
    let id = text(asked, "Id").unwrap_or_default();
    let port = number(asked, "Port");
    let found = group
        .targets
        .iter()
        .find(|target| target.address == id && port.is_none_or(|port| port == i64::from(target.port)));
    match found {
        Some(target) => describe(target),
        None => json!({
            "Target": { "Id": id, "Port": port.unwrap_or(i64::from(group.options.port)) },
            "TargetHealth": {
                "State": "unused",
                "Reason": "Target.NotRegistered",
                "Description": "Target is not registered to the target group",
            },
        }),
    }
}
