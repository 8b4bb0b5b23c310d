//! The least policy of whoever deploys, and of the execution role: what preflight demands of them (one list for both),
//! and the calls beside it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{Condition, Policy};
use crate::aws::Encryption;
use crate::aws::account::{Demand, Principal};
use crate::config::{ImageConfig, PushConfig};
use crate::image::{EcrHost, Reference, Source};
use crate::lookup::LookedUp;
use crate::preflight::demands::{Asked, demands};

/// A service that is deployed.
#[derive(Debug, Clone, Copy)]
pub struct Deployed<'a> {
    /// What preflight asks about it.
    pub asked: Asked<'a>,
    /// The ARN of its cluster.
    pub cluster: &'a str,
    /// Its strategy may be another than ROLLING.
    pub perhaps_native: bool,
}

/// What the statement of each demand is called, and its condition.
fn place(demand: &Demand, deployed: &Deployed<'_>) -> (&'static str, Option<Condition>) {
    let sid = match demand.action.as_str() {
        "iam:PassRole" => "PassRolesToTasks",
        "ecs:RegisterTaskDefinition" => "RegisterRevisions",
        "ecs:DescribeTaskDefinition" => "ReadRevisions",
        "ecs:UpdateService" | "ecs:DescribeServices" => "DeployServices",
        "ecs:ListTasks" | "ecs:DescribeTasks" => "FollowTasks",
        "s3:PutObject" => "StoreEnvFiles",
        "ecr:GetAuthorizationToken" => "LogInToRegistry",
        "logs:GetLogEvents" => "ReadLogs",
        action if action.starts_with("elasticloadbalancing:") => "FollowTargets",
        action if action.starts_with("ecr:") => "PushImages",
        _ => OTHER,
    };
    let condition = match sid {
        "PassRolesToTasks" => Some(passed_to("ecs-tasks.amazonaws.com")),
        "FollowTasks" => Some(of_cluster(deployed)),
        _ => None,
    };
    (sid, condition)
}

/// Where a demand goes that has no statement of its own.
const OTHER: &str = "Other";

fn passed_to(service: &str) -> Condition {
    Condition::one("StringEquals", "iam:PassedToService", service)
}

fn of_cluster(deployed: &Deployed<'_>) -> Condition {
    Condition::one("ArnEquals", "ecs:cluster", deployed.cluster)
}

/// The least policy for a deployment of these services; with `checks`, also for what preflight reads beforehand.
/// `looked_up` is what the configuration's expressions are replaced from.
pub fn of_caller(services: &[Deployed<'_>], looked_up: &[LookedUp], checks: bool) -> Policy {
    let mut policy = Policy::default();
    for deployed in services {
        for demand in demands(&deployed.asked).iter().filter(|demand| demand.principal == Principal::Caller) {
            let (sid, condition) = place(demand, deployed);
            policy.allow(sid, &demand.action, &demand.resource, condition.as_ref());
        }
        More { policy: &mut policy, deployed }.allow_all();
    }
    for found in looked_up {
        let Some(first) = services.first() else { break };
        let (action, resource) = lookup(found, first);
        policy.allow("LookUpValues", action, &resource, None);
    }
    if checks {
        services.iter().for_each(|deployed| allow_checks(&mut policy, deployed));
    }
    policy
}

/// The least policy of the execution roles of these services.
pub fn of_execution_role(services: &[Deployed<'_>]) -> Policy {
    let mut policy = Policy::default();
    for deployed in services {
        let of_role = |demand: &&Demand| matches!(demand.principal, Principal::ExecutionRole(_));
        for demand in demands(&deployed.asked).iter().filter(of_role) {
            let sid = match demand.action.as_str() {
                "ecr:GetAuthorizationToken" => "LogInToRegistry",
                "s3:GetObject" => "ReadEnvFiles",
                "s3:GetBucketLocation" => "FindBuckets",
                "logs:CreateLogGroup" => "CreateLogGroups",
                action => match action.split(':').next() {
                    Some("ecr") => "PullImages",
                    Some("secretsmanager") => "ReadSecrets",
                    Some("ssm") => "ReadParameters",
                    Some("logs") => "WriteLogs",
                    _ => OTHER,
                },
            };
            policy.allow(sid, &demand.action, &demand.resource, None);
        }
        if let Some(key) = deployed.key_of_store() {
            policy.allow("DecryptEnvFiles", "kms:Decrypt", key, None);
        }
    }
    policy
}

/// Each demand of the caller that a policy does not allow: none, of the policy that was made from them.
pub fn not_allowed(policy: &Policy, services: &[Deployed<'_>]) -> Vec<Demand> {
    let mut missing = Vec::new();
    for deployed in services {
        let context = BTreeMap::from([
            ("iam:PassedToService", "ecs-tasks.amazonaws.com"),
            ("ecs:cluster", deployed.cluster),
        ]);
        let of_caller = |demand: &Demand| demand.principal == Principal::Caller;
        missing.extend(demands(&deployed.asked).into_iter().filter(|demand| {
            of_caller(demand) && !policy.allows(&demand.action, &demand.resource, &context)
        }));
    }
    missing
}

impl<'a> Deployed<'a> {
    fn partition(&self) -> &'a str {
        self.cluster.split(':').nth(1).unwrap_or("aws")
    }

    fn ecs(&self, rest: &str) -> String {
        format!("arn:{}:ecs:{}:{}:{rest}", self.partition(), self.asked.region, self.asked.account)
    }

    fn service_arn(&self) -> &'a str {
        self.asked.service.get("serviceArn").and_then(Value::as_str).unwrap_or("*")
    }

    /// `CLUSTER/SERVICE`
    fn path(&self) -> &'a str {
        self.service_arn().split_once(":service/").map_or("*", |(_, path)| path)
    }

    fn stores_env_files(&self) -> bool {
        self.asked.config.containers.iter().any(|container| !container.env_files.is_empty())
    }

    /// The key of one's own that env files are encrypted with, as far as it is an ARN.
    fn key_of_store(&self) -> Option<&'a str> {
        match self.asked.store.filter(|_| self.stores_env_files())?.encryption.as_ref()? {
            Encryption::KmsKey(key) if key.starts_with("arn:") => Some(key),
            _ => None,
        }
    }

    fn has(&self, field: &str) -> bool {
        self.asked.service.get(field).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    }

    fn repository(&self, host: &EcrHost, name: &str) -> String {
        format!("arn:{}:ecr:{}:{}:repository/{name}", self.partition(), host.region, host.account)
    }

    fn pushes(&self) -> impl Iterator<Item = &'a PushConfig> {
        self.asked.config.containers.iter().filter_map(|container| match &container.image {
            Some(ImageConfig::Push(push)) => Some(push),
            _ => None,
        })
    }

    /// Images that are looked at or read in ECR and not pushed.
    fn images_read(&self) -> Vec<(EcrHost, String)> {
        let pushed: Vec<&Reference> = self.pushes().flat_map(|push| &push.to).collect();
        let of_definition = self.asked.definition.containers().filter_map(|container| {
            container.get("image").and_then(Value::as_str)?.parse::<Reference>().ok()
        });
        let sources = self.pushes().filter_map(|push| match &push.from {
            Source::Registry(reference) => Some(reference.clone()),
            _ => None,
        });
        let is_pushed = |reference: &Reference| {
            pushed
                .iter()
                .any(|known| (&known.host, &known.repository) == (&reference.host, &reference.repository))
        };
        let read = of_definition.chain(sources).filter(|reference| !is_pushed(reference));
        read.filter_map(|reference| Some((reference.is_ecr()?, reference.repository))).collect()
    }
}

/// Calls that are no demand of preflight's: without them a deployment goes on, or they are a part of another one.
struct More<'a, 'p> {
    policy: &'p mut Policy,
    deployed: &'p Deployed<'a>,
}

impl More<'_, '_> {
    fn allow_all(&mut self) {
        self.revisions();
        self.service();
        self.images();
        self.env_files();
    }

    fn revisions(&mut self) {
        let deployed = self.deployed;
        self.policy.allow("ReadRevisions", "ecs:ListTaskDefinitions", "*", None);
        // A revision has tags of Landfall's own wherever it is known where it comes from.
        let revisions = deployed.ecs(&format!("task-definition/{}:*", deployed.asked.definition.family()));
        let created = Condition::one("StringEquals", "ecs:CreateAction", "RegisterTaskDefinition");
        self.policy.allow("TagRevisions", "ecs:TagResource", &revisions, Some(&created));
    }

    fn service(&mut self) {
        let deployed = self.deployed;
        let path = deployed.path();
        self.policy.allow("DeployServices", "ecs:ListServiceDeployments", deployed.service_arn(), None);
        let deployments = deployed.ecs(&format!("service-deployment/{path}/*"));
        self.policy.allow("FollowDeployments", "ecs:DescribeServiceDeployments", &deployments, None);
        let revisions = deployed.ecs(&format!("service-revision/{path}/*"));
        self.policy.allow("ReadServiceRevisions", "ecs:DescribeServiceRevisions", &revisions, None);
        if deployed.perhaps_native {
            self.policy.allow("FollowDeployments", "ecs:StopServiceDeployment", &deployments, None);
            self.policy.allow("FollowDeployments", "ecs:ContinueServiceDeployment", &deployments, None);
        }
        if !deployed.asked.definition.wants_fargate() {
            let instances =
                deployed.ecs(&format!("container-instance/{}/*", path.split('/').next().unwrap_or("*")));
            self.policy.allow("LookAtInstances", "ecs:DescribeContainerInstances", &instances, None);
        }
        for balancer in
            deployed.asked.service.get("loadBalancers").and_then(Value::as_array).into_iter().flatten()
        {
            let role = balancer.pointer("/advancedConfiguration/roleArn").and_then(Value::as_str);
            if let Some(role) = role {
                let passed = passed_to("ecs.amazonaws.com");
                self.policy.allow("PassInfrastructureRole", "iam:PassRole", role, Some(&passed));
            }
        }
        if deployed.has("loadBalancers") {
            let action = "elasticloadbalancing:DescribeTargetGroupAttributes";
            self.policy.allow("FollowTargets", action, "*", None);
        }
    }

    fn images(&mut self) {
        let deployed = self.deployed;
        for push in deployed.pushes() {
            for target in &push.to {
                let Some(host) = target.is_ecr() else { continue };
                let arn = deployed.repository(&host, &target.repository);
                self.policy.allow("PushImages", "ecr:DescribeRepositories", &arn, None);
                if push.create_repository.is_some() {
                    self.policy.allow("CreateRepositories", "ecr:CreateRepository", &arn, None);
                }
            }
        }
        for (host, name) in deployed.images_read() {
            self.policy.allow("LogInToRegistry", "ecr:GetAuthorizationToken", "*", None);
            let arn = deployed.repository(&host, &name);
            for action in ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"] {
                self.policy.allow("ReadImages", action, &arn, None);
            }
        }
    }

    fn env_files(&mut self) {
        let deployed = self.deployed;
        let Some(store) = deployed.asked.store.filter(|_| deployed.stores_env_files()) else { return };
        let bucket = format!("arn:{}:s3:::{}", deployed.partition(), store.bucket);
        let folder = crate::envfile::folder(store, &deployed.asked.config.name);
        // Whether an object is there already, and what stands in the one that runs.
        self.policy.allow("StoreEnvFiles", "s3:GetObject", &format!("{bucket}/{folder}*"), None);
        // HeadBucket needs s3:ListBucket and has no prefix that a condition could name.
        for action in
            ["s3:ListBucket", "s3:GetBucketAcl", "s3:GetBucketPolicyStatus", "s3:GetBucketPublicAccessBlock"]
        {
            self.policy.allow("LookAtBucket", action, &bucket, None);
        }
        if let Some(key) = deployed.key_of_store() {
            for action in ["kms:GenerateDataKey", "kms:Decrypt"] {
                self.policy.allow("EncryptEnvFiles", action, key, None);
            }
        }
    }
}

/// What preflight reads of the account. Without it, checks say that they were not made.
fn allow_checks(policy: &mut Policy, deployed: &Deployed<'_>) {
    let Asked { definition, region, account, .. } = deployed.asked;
    let partition = deployed.partition();
    let mut read = |action: &str| policy.allow("CheckBeforehand", action, "*", None);
    ["Subnets", "RouteTables", "VpcEndpoints", "SecurityGroups", "NetworkAcls"]
        .iter()
        .for_each(|what| read(&format!("ec2:Describe{what}")));
    read("ecs:DescribeClusters");
    read("logs:DescribeLogGroups");
    if definition.wants_fargate() {
        read("servicequotas:GetServiceQuota");
        read("servicequotas:GetAWSDefaultServiceQuota");
    }
    let volumes = definition.as_map().get("volumes").and_then(Value::as_array);
    if volumes.into_iter().flatten().any(|volume| volume.get("efsVolumeConfiguration").is_some()) {
        [
            "DescribeFileSystems",
            "DescribeMountTargets",
            "DescribeMountTargetSecurityGroups",
            "DescribeAccessPoints",
        ]
        .iter()
        .for_each(|action| read(&format!("elasticfilesystem:{action}")));
    }
    // The demands tell which secrets, buckets and repositories there are. Policies of resources may allow what a role's
    // own do not; values of secrets stay unread: that is no permission for whoever deploys.
    let mut read = |sid: &str, action: &str, resource: &str| policy.allow(sid, action, resource, None);
    for demand in demands(&deployed.asked) {
        let on = demand.resource.as_str();
        match demand.action.as_str() {
            "secretsmanager:GetSecretValue" => {
                read("CheckSecrets", "secretsmanager:DescribeSecret", on);
                read("CheckSecrets", "secretsmanager:GetResourcePolicy", on);
                read(
                    "CheckKeys",
                    "kms:DescribeKey",
                    &format!("arn:{partition}:kms:{region}:{account}:key/*"),
                );
            }
            "s3:GetBucketLocation" => read("CheckBuckets", "s3:GetBucketPolicy", on),
            "ecr:BatchGetImage" => read("CheckRepositories", "ecr:GetRepositoryPolicy", on),
            "iam:PassRole" => read("CheckRoles", "iam:GetRole", on),
            _ => {}
        }
    }
    // Which role it will be that asks about itself is not known here; the tasks' own are asked about, too.
    let roles = format!("arn:{partition}:iam::{account}:role/*");
    read("CheckRoles", "iam:SimulatePrincipalPolicy", &roles);
}

fn lookup(found: &LookedUp, deployed: &Deployed<'_>) -> (&'static str, String) {
    let (partition, region, account) = (deployed.partition(), deployed.asked.region, deployed.asked.account);
    match found {
        LookedUp::Object { bucket, key } => ("s3:GetObject", format!("arn:{partition}:s3:::{bucket}/{key}")),
        LookedUp::Stack(name) => (
            "cloudformation:DescribeStacks",
            format!("arn:{partition}:cloudformation:{region}:{account}:stack/{name}/*"),
        ),
        LookedUp::Parameter(name) if name.starts_with("arn:") => ("ssm:GetParameter", name.clone()),
        LookedUp::Parameter(name) => {
            let name = name.trim_start_matches('/');
            ("ssm:GetParameter", format!("arn:{partition}:ssm:{region}:{account}:parameter/{name}"))
        }
    }
}
