//! A deployment in which nothing is wrong, to break one thing in.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Check, Facts, Input, Outcome, run};
use crate::aws::LiveService;
use crate::aws::account::{
    AccessPoint, AclEntry, ClusterFacts, Endpoint, EndpointKind, FileSystem, Known, LogGroup, MountTarget,
    Network, NetworkAcl, ParameterFacts, ParameterKind, Peer, Role, Route, RouteTable, Rule, SecretFacts,
    SecurityGroup, Subnet, TargetGroupFacts,
};
use crate::config::ServiceConfig;
use crate::event::{CheckReport, PlanDetails};
use crate::image::Variant;
use crate::plan::tests::config;
use crate::plan::{Action, ImageFacts, Plan, Revision};
use crate::service_definition::ServiceUpdate;
use crate::task_definition::TaskDefinition;

pub(crate) const TARGETS: &str = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1";
pub(crate) const EXECUTION: &str = "arn:aws:iam::123456789012:role/execution";
pub(crate) const TASK: &str = "arn:aws:iam::123456789012:role/task";
pub(crate) const SECRET: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf";
pub(crate) const ENV_FILE: &str = "arn:aws:s3:::env-bucket/prod/web/app.env";
pub(crate) const IMAGE: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com/web:v1";

/// Everything that an [`Input`] borrows.
pub(crate) struct World {
    pub config: ServiceConfig,
    /// The task definition's document.
    pub definition: Value,
    /// The service as it will be.
    pub service: Value,
    pub live: LiveService,
    pub images: Vec<ImageFacts>,
    pub action: Action,
    pub facts: Facts,
}

impl World {
    /// A service of two tasks on Fargate behind a load balancer, in a private subnet with a NAT gateway, with an
    /// image in ECR, a log group, an env file, a secret, a parameter and a file system.
    pub fn sound() -> Self {
        Self {
            config: ServiceConfig { timeout: Duration::from_secs(900), ..config() },
            definition: definition(),
            service: service(),
            live: LiveService::testing(&[("web:7", Some("COMPLETED"))]),
            images: vec![ImageFacts {
                container: "app".into(),
                target: IMAGE.parse().unwrap(),
                digest: format!("sha256:{}", "1".repeat(64)),
                ours: false,
                present: true,
                variants: vec![Variant { platform: "linux/amd64".into(), size: 5_000_000 }],
            }],
            action: Action::Update,
            facts: facts(),
        }
    }

    /// The first container.
    pub fn container(&mut self) -> &mut Value {
        &mut self.definition["containerDefinitions"][0]
    }

    /// The network, which is known.
    pub fn network(&mut self) -> &mut Network {
        match &mut self.facts.network {
            Known::Is(network) => network,
            _ => panic!("the network is known"),
        }
    }

    /// The only target group.
    pub fn target_group(&mut self) -> &mut TargetGroupFacts {
        match self.facts.target_groups.get_mut(TARGETS) {
            Some(Known::Is(group)) => group,
            _ => panic!("the target group is known"),
        }
    }

    /// What a check finds.
    pub fn check(&self, check: &Check) -> Outcome {
        self.with_input(|input| (check.run)(input))
    }

    /// What every check reports.
    pub fn run(&self, skip: &[String]) -> Vec<CheckReport> {
        self.with_input(|input| run(input, skip))
    }

    fn with_input<T>(&self, look: impl FnOnce(&Input<'_>) -> T) -> T {
        let definition = TaskDefinition::from_value(self.definition.clone()).unwrap();
        let plan = Plan {
            definition: definition.clone(),
            revision: Revision::Register,
            action: self.action.clone(),
            attributes: ServiceUpdate::default(),
            after: self.live.clone(),
            changes: Vec::new(),
            variables: Vec::new(),
            details: PlanDetails::default(),
        };
        let service: Map<String, Value> = self.service.as_object().unwrap().clone();
        look(&Input {
            config: &self.config,
            plan: &plan,
            definition: &definition,
            service: &service,
            live: &self.live,
            images: &self.images,
            facts: &self.facts,
        })
    }
}

/// What a check finds after something was changed.
pub(crate) fn outcome(check: &Check, change: impl FnOnce(&mut World)) -> Outcome {
    let mut world = World::sound();
    change(&mut world);
    world.check(check)
}

/// The problems that a check finds after something was changed: `subject: message`.
#[track_caller]
pub(crate) fn problems(check: &Check, change: impl FnOnce(&mut World)) -> Vec<String> {
    match outcome(check, change) {
        Outcome::Problems(problems) => {
            problems.into_iter().map(|problem| format!("{}: {}", problem.subject, problem.message)).collect()
        }
        other => panic!("{} says {other:?}", check.code),
    }
}

/// The one problem that a check finds.
#[track_caller]
pub(crate) fn problem(check: &Check, change: impl FnOnce(&mut World)) -> String {
    let found = problems(check, change);
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

/// Asserts that nothing is wrong after something was changed.
#[track_caller]
pub(crate) fn passes(check: &Check, change: impl FnOnce(&mut World)) {
    assert_eq!(outcome(check, change), Outcome::Passed, "{}", check.code);
}

/// Asserts that there is nothing to check after something was changed.
#[track_caller]
pub(crate) fn does_not_apply(check: &Check, change: impl FnOnce(&mut World)) {
    assert_eq!(outcome(check, change), Outcome::NotApplicable, "{}", check.code);
}

/// Asserts that a check cannot tell for want of these permissions.
#[track_caller]
pub(crate) fn wants(check: &Check, permission: &str, change: impl FnOnce(&mut World)) {
    let permissions = vec![permission.to_owned()];
    assert_eq!(outcome(check, change), Outcome::NotChecked { permissions, why: None }, "{}", check.code);
}

/// What the caller may not ask.
pub(crate) fn denied<T>(permission: &str) -> Known<T> {
    Known::Denied { permission: permission.to_owned() }
}

fn definition() -> Value {
    json!({
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "512", "memory": "1024", "executionRoleArn": EXECUTION, "taskRoleArn": TASK,
        "volumes": [{"name": "data", "efsVolumeConfiguration": {
            "fileSystemId": "fs-1", "transitEncryption": "ENABLED",
            "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"}
        }}],
        "containerDefinitions": [{
            "name": "app", "image": IMAGE, "essential": true, "stopTimeout": 30,
            "portMappings": [{"containerPort": 8080, "name": "http"}],
            "healthCheck": {"command": ["CMD", "true"], "startPeriod": 10},
            "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
            "environmentFiles": [{"type": "s3", "value": ENV_FILE}],
            "environment": [{"name": "LEVEL", "value": "info"}],
            "secrets": [
                {"name": "DB", "valueFrom": format!("{SECRET}:password::")},
                {"name": "TOKEN", "valueFrom": "/web/token"}
            ],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "/ecs/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"
            }}
        }]
    })
}

fn service() -> Value {
    json!({
        "serviceArn": "arn:aws:ecs:us-east-1:123456789012:service/demo/web",
        "serviceName": "web", "status": "ACTIVE", "desiredCount": 2, "launchType": "FARGATE",
        "platformVersion": "LATEST", "healthCheckGracePeriodSeconds": 120,
        "deploymentController": {"type": "ECS"},
        "deploymentConfiguration": {
            "minimumHealthyPercent": 100, "maximumPercent": 200, "strategy": "ROLLING",
            "deploymentCircuitBreaker": {"enable": true, "rollback": true}
        },
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg-task"], "assignPublicIp": "DISABLED"
        }},
        "loadBalancers": [{"targetGroupArn": TARGETS, "containerName": "app", "containerPort": 8080}]
    })
}

/// A rule for TCP.
pub(crate) fn rule(port: u16, peer: Peer) -> Rule {
    Rule { protocol: "tcp".into(), ports: Some((port, port)), peers: vec![peer] }
}

/// An interface endpoint in the service's subnets that is as it should be.
pub(crate) fn endpoint(service: &str) -> Endpoint {
    Endpoint {
        id: format!("vpce-{service}"),
        service: format!("com.amazonaws.us-east-1.{service}"),
        kind: EndpointKind::Interface,
        state: "available".into(),
        route_tables: Vec::new(),
        subnets: vec!["subnet-a".into(), "subnet-b".into()],
        security_groups: vec!["sg-endpoint".into()],
        private_dns: true,
        policy: Value::Null,
    }
}

/// An entry of a network ACL that is about everything.
pub(crate) fn acl_entry(number: u32, is_egress: bool, allows: bool, ports: Option<(u16, u16)>) -> AclEntry {
    let protocol = if ports.is_some() { "6" } else { "-1" };
    AclEntry { number, is_egress, allows, protocol: protocol.into(), cidr: "0.0.0.0/0".into(), ports }
}

/// The S3 gateway endpoint in the service's route table.
pub(crate) fn s3_gateway() -> Endpoint {
    Endpoint {
        kind: EndpointKind::Gateway,
        route_tables: vec!["rtb-1".into()],
        subnets: Vec::new(),
        security_groups: Vec::new(),
        private_dns: false,
        ..endpoint("s3")
    }
}

fn network() -> Network {
    let subnet = |id: &str, zone: &str, cidr: &str| Subnet {
        id: id.into(),
        vpc: "vpc-1".into(),
        zone: zone.into(),
        cidr: cidr.into(),
        free_addresses: 200,
    };
    let everywhere = || Peer::Cidr("0.0.0.0/0".into());
    let out = || vec![Rule { protocol: "-1".into(), ports: None, peers: vec![everywhere()] }];
    let from_tasks = |port| vec![rule(port, Peer::SecurityGroup("sg-task".into()))];
    Network {
        subnets: vec![
            subnet("subnet-a", "us-east-1a", "10.0.1.0/24"),
            subnet("subnet-b", "us-east-1b", "10.0.2.0/24"),
        ],
        route_tables: Known::Is(vec![RouteTable {
            id: "rtb-1".into(),
            is_main: true,
            subnets: Vec::new(),
            routes: vec![
                Route { destination: "10.0.0.0/16".into(), target: "local".into(), active: true },
                Route { destination: "0.0.0.0/0".into(), target: "nat-1".into(), active: true },
            ],
        }]),
        endpoints: Known::Is(Vec::new()),
        security_groups: Known::Is(vec![
            SecurityGroup { id: "sg-task".into(), inbound: Vec::new(), outbound: out() },
            SecurityGroup { id: "sg-endpoint".into(), inbound: from_tasks(443), outbound: out() },
            SecurityGroup { id: "sg-mount".into(), inbound: from_tasks(2049), outbound: out() },
        ]),
        acls: Known::Is(vec![NetworkAcl {
            id: "acl-1".into(),
            subnets: vec!["subnet-a".into(), "subnet-b".into()],
            entries: vec![acl_entry(100, true, true, None), acl_entry(100, false, true, None)],
        }]),
    }
}

fn role(arn: &str) -> Known<Role> {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"
    }]});
    Known::Is(Role { arn: arn.into(), trust })
}

fn file_system() -> FileSystem {
    let mount = |zone: &str, subnet: &str| MountTarget {
        id: format!("fsmt-{zone}"),
        zone: zone.into(),
        subnet: subnet.into(),
        vpc: "vpc-1".into(),
        state: "available".into(),
        security_groups: Known::Is(vec!["sg-mount".into()]),
    };
    FileSystem {
        id: "fs-1".into(),
        state: "available".into(),
        mount_targets: Known::Is(vec![mount("us-east-1a", "subnet-a"), mount("us-east-1b", "subnet-b")]),
        access_points: Known::Is(vec![AccessPoint {
            id: "fsap-1".into(),
            file_system: "fs-1".into(),
            state: "available".into(),
        }]),
    }
}

fn facts() -> Facts {
    let cluster = ClusterFacts {
        arn: "arn:aws:ecs:us-east-1:123456789012:cluster/demo".into(),
        status: "ACTIVE".into(),
        capacity_providers: vec!["FARGATE".into(), "FARGATE_SPOT".into()],
    };
    let group = TargetGroupFacts {
        arn: TARGETS.into(),
        target_type: "ip".into(),
        vpc: Some("vpc-1".into()),
        load_balancers: vec!["arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/web/1".into()],
        interval_s: 10,
        timeout_s: 5,
        healthy_threshold: 2,
        unhealthy_threshold: 3,
        deregistration_delay_s: Known::Is(30),
    };
    let secret = SecretFacts {
        arn: SECRET.into(),
        kms_key: None,
        is_deleted: false,
        json_keys: Known::Is(vec!["user".into(), "password".into()]),
    };
    let parameter = ParameterFacts {
        arn: "arn:aws:ssm:us-east-1:123456789012:parameter/web/token".into(),
        kind: ParameterKind::Secure,
    };
    Facts {
        region: "us-east-1".into(),
        account: "123456789012".into(),
        caller: "arn:aws:iam::123456789012:role/ci".into(),
        cluster: Known::Is(cluster),
        target_groups: BTreeMap::from([(TARGETS.into(), Known::Is(group))]),
        roles: BTreeMap::from([(EXECUTION.into(), role(EXECUTION)), (TASK.into(), role(TASK))]),
        decisions: Vec::new(),
        secrets: BTreeMap::from([(SECRET.into(), Known::Is(secret))]),
        parameters: BTreeMap::from([("/web/token".into(), Known::Is(parameter))]),
        log_groups: BTreeMap::from([(
            ("us-east-1".into(), "/ecs/web".into()),
            Known::Is(LogGroup { name: "/ecs/web".into() }),
        )]),
        keys: BTreeMap::new(),
        network: Known::Is(network()),
        file_systems: BTreeMap::from([("fs-1".into(), Known::Is(file_system()))]),
        vcpu_quota: Known::Is(64),
        images: BTreeMap::from([(IMAGE.into(), Known::Is(()))]),
        env_files: BTreeMap::new(),
    }
}

/// Longer than any rollout of these tests.
pub(crate) const LONG: Duration = Duration::from_secs(1800);
