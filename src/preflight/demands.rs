//! Which permissions a deployment needs (facts 8.1 and 2.4).

use serde_json::{Map, Value};

use super::checks::task_definition::efs_volumes::{authorization, efs_volumes};
use super::checks::task_definition::env_files::s3_object;
use super::facts::Input;
use super::look::{Container, objects};
use super::reference::{SecretReference, parameter};
use crate::aws::account::{Demand, Known, Principal};
use crate::config::{EnvStore, ImageConfig, ServiceConfig};
use crate::image::{EcrHost, Reference};
use crate::task_definition::TaskDefinition;

/// What demands are made of.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The task definition that would run.
    pub definition: &'a TaskDefinition,
    /// What is asked for.
    pub config: &'a ServiceConfig,
    /// Where env files go.
    pub store: Option<&'a EnvStore>,
    /// The service as DescribeServices shows it.
    pub service: &'a Map<String, Value>,
    /// AWS Region.
    pub region: &'a str,
    /// The account of the service.
    pub account: &'a str,
}

impl<'a> Asked<'a> {
    fn service_arn(&self) -> &'a str {
        self.service.get("serviceArn").and_then(Value::as_str).unwrap_or("*")
    }
}

/// Actions that a pull from ECR takes beside `ecr:GetAuthorizationToken`.
const PULL: [&str; 3] =
    ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"];
/// Actions that a push to ECR takes beside `ecr:GetAuthorizationToken`.
const PUSH: [&str; 7] = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
];

/// Everything that a deployment needs, each once.
pub fn demands(asked: &Asked<'_>) -> Vec<Demand> {
    let mut list = List { demands: Vec::new() };
    list.of_execution_role(asked);
    list.of_task_role(asked);
    list.of_caller(asked);
    list.demands
}

struct List {
    demands: Vec<Demand>,
}

impl List {
    fn add(&mut self, principal: &Principal, action: &str, resource: &str, purpose: impl Into<String>) {
        let known = |demand: &Demand| {
            demand.principal == *principal && demand.action == action && demand.resource == resource
        };
        if !self.demands.iter().any(known) {
            self.demands.push(Demand {
                principal: principal.clone(),
                action: action.to_owned(),
                resource: resource.to_owned(),
                purpose: purpose.into(),
            });
        }
    }

    fn of_execution_role(&mut self, asked: &Asked<'_>) {
        let Some(role) = role(asked.definition, "executionRoleArn") else { return };
        let partition = partition(asked);
        let principal = Principal::ExecutionRole(role.to_owned());
        for container in Container::all(asked.definition) {
            let name = container.name;
            if let Some((host, repository)) = ecr(container.image()) {
                let purpose = format!("pulls the image of container {name}");
                self.add(&principal, "ecr:GetAuthorizationToken", "*", &purpose);
                let arn = repository_arn(partition, &host, &repository);
                PULL.iter().for_each(|action| self.add(&principal, action, &arn, &purpose));
            }
            for file in container.env_files() {
                let Some((_, bucket, _)) = s3_object(file) else { continue };
                self.add(&principal, "s3:GetObject", file, format!("reads an env file of container {name}"));
                let bucket = format!("arn:{partition}:s3:::{bucket}");
                self.add(&principal, "s3:GetBucketLocation", &bucket, "finds the bucket of the env files");
            }
            for (what, from) in container.references() {
                let purpose = format!("reads {what} of container {name}");
                if let Some(secret) = SecretReference::parse(from) {
                    self.add(&principal, "secretsmanager:GetSecretValue", secret.arn, purpose);
                } else if let Some(parameter) = parameter(from) {
                    let arn = parameter_arn(asked, parameter);
                    self.add(&principal, "ssm:GetParameters", &arn, purpose);
                }
            }
            if container.log_driver() == Some("awslogs")
                && let Some(group) = container.log_option("awslogs-group")
            {
                // A group elsewhere is that Region's.
                let region = container.log_option("awslogs-region").unwrap_or(asked.region);
                let group = format!("arn:{partition}:logs:{region}:{}:log-group:{group}", asked.account);
                let streams = format!("{group}:log-stream:*");
                let purpose = format!("writes the log of container {name}");
                self.add(&principal, "logs:CreateLogStream", &streams, &purpose);
                self.add(&principal, "logs:PutLogEvents", &streams, &purpose);
                if container.log_option("awslogs-create-group") == Some("true") {
                    let purpose = format!("creates the log group of container {name}");
                    self.add(&principal, "logs:CreateLogGroup", &format!("{group}:*"), purpose);
                }
            }
        }
    }

    /// The program's own permissions are its own business; mounting a file system is ECS's.
    fn of_task_role(&mut self, asked: &Asked<'_>) {
        let Some(role) = role(asked.definition, "taskRoleArn") else { return };
        let principal = Principal::TaskRole(role.to_owned());
        let partition = partition(asked);
        for (_, name, volume) in efs_volumes(asked.definition) {
            let id = volume.get("fileSystemId").and_then(Value::as_str);
            if let Some(id) = id.filter(|_| authorization(volume, "iam") == Some("ENABLED")) {
                let arn = format!(
                    "arn:{partition}:elasticfilesystem:{}:{}:file-system/{id}",
                    asked.region, asked.account
                );
                self.add(&principal, "elasticfilesystem:ClientMount", &arn, format!("mounts volume {name}"));
            }
        }
    }

    fn of_caller(&mut self, asked: &Asked<'_>) {
        let caller = Principal::Caller;
        for (field, what) in [("executionRoleArn", "execution role"), ("taskRoleArn", "task role")] {
            if let Some(role) = role(asked.definition, field) {
                self.add(&caller, "iam:PassRole", role, format!("hands the {what} to the tasks"));
            }
        }
        let partition = partition(asked);
        let service = asked.service_arn();
        let ecs = |rest: &str| format!("arn:{partition}:ecs:{}:{}:{rest}", asked.region, asked.account);
        // Narrower than `*`, which a policy for this family alone would not allow; one for `*` allows it as well.
        let revisions = ecs(&format!("task-definition/{}:*", asked.definition.family()));
        self.add(&caller, "ecs:RegisterTaskDefinition", &revisions, "registers the new revision");
        self.add(&caller, "ecs:DescribeTaskDefinition", "*", "reads the revision that runs");
        self.add(&caller, "ecs:UpdateService", service, "deploys the new revision");
        self.add(&caller, "ecs:DescribeServices", service, "follows the deployment");
        let tasks = "follows the deployment's tasks";
        self.add(&caller, "ecs:ListTasks", "*", tasks);
        self.add(&caller, "ecs:DescribeTasks", "*", tasks);
        if objects(asked.service.get("loadBalancers")).next().is_some() {
            let health = "follows the health of the targets";
            self.add(&caller, "elasticloadbalancing:DescribeTargetHealth", "*", health);
            self.add(&caller, "elasticloadbalancing:DescribeTargetGroups", "*", health);
        }
        for container in Container::all(asked.definition) {
            let name = container.name;
            let ours = |bucket: &str| asked.store.is_some_and(|store| store.bucket == bucket);
            for file in container
                .env_files()
                .filter(|file| s3_object(file).is_some_and(|(_, bucket, _)| ours(bucket)))
            {
                self.add(&caller, "s3:PutObject", file, format!("stores an env file of container {name}"));
            }
            if container.log_driver() == Some("awslogs")
                && let Some(group) = container.log_option("awslogs-group")
            {
                let region = container.log_option("awslogs-region").unwrap_or(asked.region);
                let streams =
                    format!("arn:{partition}:logs:{region}:{}:log-group:{group}:log-stream:*", asked.account);
                let purpose = format!("shows what container {name} said when it failed");
                self.add(&caller, "logs:GetLogEvents", &streams, purpose);
            }
        }
        let pushes = asked.config.containers.iter().filter_map(|container| match &container.image {
            Some(ImageConfig::Push(push)) => Some(push),
            _ => None,
        });
        for target in pushes.flat_map(|push| &push.to) {
            if let Some(host) = target.is_ecr() {
                let purpose = format!("pushes {}", target.repository);
                self.add(&caller, "ecr:GetAuthorizationToken", "*", &purpose);
                let arn = repository_arn(partition, &host, &target.repository);
                PUSH.iter().for_each(|action| self.add(&caller, action, &arn, &purpose));
            }
        }
    }
}

/// The permission to use a customer's key of a secret; it is only known once the secret was looked at.
pub fn key_demands(input: &Input<'_>) -> Vec<Demand> {
    let Some(role) = role(input.definition, "executionRoleArn") else { return Vec::new() };
    let principal = Principal::ExecutionRole(role.to_owned());
    let mut list = List { demands: Vec::new() };
    for (arn, secret) in &input.facts.secrets {
        if let Known::Is(secret) = secret
            // A policy is simulated for an ARN, and an alias is none.
            && let Some(key) = secret.kms_key.as_deref().filter(|key| key.starts_with("arn:"))
        {
            list.add(&principal, "kms:Decrypt", key, format!("decrypts the secret {arn}"));
        }
    }
    list.demands
}

fn role<'a>(definition: &'a TaskDefinition, field: &str) -> Option<&'a str> {
    definition.as_map().get(field)?.as_str().filter(|text| text.starts_with("arn:"))
}

fn partition<'a>(asked: &Asked<'a>) -> &'a str {
    asked.service_arn().split(':').nth(1).filter(|text| !text.is_empty()).unwrap_or("aws")
}

/// Host and repository of an image in ECR.
fn ecr(image: &str) -> Option<(EcrHost, String)> {
    let reference: Reference = image.parse().ok()?;
    Some((reference.is_ecr()?, reference.repository.clone()))
}

fn repository_arn(partition: &str, host: &EcrHost, repository: &str) -> String {
    format!("arn:{partition}:ecr:{}:{}:repository/{repository}", host.region, host.account)
}

fn parameter_arn(asked: &Asked<'_>, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    let name = name.trim_start_matches('/');
    format!("arn:{}:ssm:{}:{}:parameter/{name}", partition(asked), asked.region, asked.account)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{ENV_FILE, EXECUTION, SECRET, TASK, World};

    fn of(world: &World, store: Option<&EnvStore>) -> Vec<String> {
        let definition = TaskDefinition::from_value(world.definition.clone()).unwrap();
        let asked = Asked {
            definition: &definition,
            config: &world.config,
            store,
            service: world.service.as_object().unwrap(),
            region: "us-east-1",
            account: "123456789012",
        };
        let who = |principal: &Principal| match principal {
            Principal::Caller => "caller",
            Principal::ExecutionRole(_) => "execution",
            Principal::TaskRole(_) => "task",
        };
        let line =
            |demand: Demand| format!("{} {} {}", who(&demand.principal), demand.action, demand.resource);
        demands(&asked).into_iter().map(line).collect()
    }

    #[test]
    fn everything_that_is_used_needs_a_permission() {
        let store =
            EnvStore { bucket: "env-bucket".into(), prefix: "prod".into(), encryption: None, owner: None };
        let all = of(&World::sound(), Some(&store));
        for expected in [
            "execution ecr:GetAuthorizationToken *".to_owned(),
            "execution ecr:BatchGetImage arn:aws:ecr:us-east-1:123456789012:repository/web".to_owned(),
            format!("execution s3:GetObject {ENV_FILE}"),
            "execution s3:GetBucketLocation arn:aws:s3:::env-bucket".to_owned(),
            format!("execution secretsmanager:GetSecretValue {SECRET}"),
            "execution ssm:GetParameters arn:aws:ssm:us-east-1:123456789012:parameter/web/token".to_owned(),
            "execution logs:CreateLogStream arn:aws:logs:us-east-1:123456789012:log-group:/ecs/web:log-stream:*".to_owned(),
            "task elasticfilesystem:ClientMount arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1".to_owned(),
            format!("caller iam:PassRole {EXECUTION}"),
            format!("caller iam:PassRole {TASK}"),
            "caller ecs:RegisterTaskDefinition arn:aws:ecs:us-east-1:123456789012:task-definition/web:*".to_owned(),
            "caller ecs:UpdateService arn:aws:ecs:us-east-1:123456789012:service/demo/web".to_owned(),
            "caller elasticloadbalancing:DescribeTargetHealth *".to_owned(),
            format!("caller s3:PutObject {ENV_FILE}"),
        ] {
            assert!(all.contains(&expected), "{expected}\nis not in\n{}", all.join("\n"));
        }
        assert!(
            !all.iter().any(|line| line.contains("CreateLogGroup") || line.contains("ecr:PutImage")),
            "{all:?}"
        );
    }

    #[test]
    fn what_is_not_used_needs_none() {
        let mut world = World::sound();
        world.definition =
            json!({"family": "web", "containerDefinitions": [{"name": "app", "image": "nginx:1"}]});
        world.service["loadBalancers"] = json!([]);
        let all = of(&world, None);
        assert!(all.iter().all(|line| line.starts_with("caller ecs:")), "{all:?}");
    }

    #[test]
    fn a_group_that_the_driver_creates_and_an_image_that_is_pushed_need_more() {
        let mut world = World::sound();
        world.container()["logConfiguration"]["options"]["awslogs-create-group"] = json!("true");
        let push = crate::config::PushConfig::new(
            "docker:web".parse().unwrap(),
            vec![crate::preflight::testing::IMAGE.parse().unwrap()],
        );
        world.config.containers[0].image = Some(ImageConfig::Push(push.unwrap()));
        let all = of(&world, None);
        assert!(all.iter().any(|line| line.starts_with("execution logs:CreateLogGroup ")), "{all:?}");
        let put = "caller ecr:PutImage arn:aws:ecr:us-east-1:123456789012:repository/web";
        assert!(all.iter().any(|line| line == put), "{all:?}");
    }
}
