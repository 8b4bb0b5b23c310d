//! A world with one service of two tasks behind a target group.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

use std::time::Duration;

use landfall_sandbox::{
    ApiError, Scenario, TargetGroupOptions,
    world::{EveryObject, Service, VirtualTime, World, WorldOptions},
};
use serde_json::{Value, json};

pub const CLUSTER: &str = "prod";
pub const SERVICE: &str = "api";

pub struct Account {
    pub world: World,
    pub group: String,
    pub now: VirtualTime,
}

/// What the service of an [`Account`] looks like.
#[derive(Clone)]
pub struct Shape {
    pub desired: u64,
    pub minimum: u64,
    pub maximum: u64,
    pub load_balanced: bool,
    pub health_check: bool,
    pub configuration: Value,
}

impl Default for Shape {
    fn default() -> Self {
        Shape {
            desired: 2,
            minimum: 100,
            maximum: 200,
            load_balanced: true,
            health_check: false,
            configuration: json!({}),
        }
    }
}

pub fn empty_world(scenario: Scenario, seed: u64) -> World {
    World::new(WorldOptions {
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        registry_host: "127.0.0.1:5000".to_owned(),
        scenario,
        seed,
        start: VirtualTime::from_micros(1_800_000_000_000_000),
        objects: Box::new(EveryObject),
        blob_mounting: true,
        token_life: None,
        denied_actions: Default::default(),
    })
}

pub fn task_definition(version: &str, health_check: bool) -> Value {
    let mut definition = json!({
        "family": "api",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "containerDefinitions": [{
            "name": "api",
            "image": format!("docker.io/library/api:{version}"),
            "portMappings": [{ "containerPort": 8080 }],
            "environmentFiles": [{ "type": "s3", "value": "arn:aws:s3:::bucket/api/x.env" }],
            "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "/ecs/api",
                "awslogs-region": "us-east-1",
                "awslogs-stream-prefix": "api",
            }},
        }],
    });
    if health_check {
        definition["containerDefinitions"][0]["healthCheck"] =
            json!({ "command": ["CMD-SHELL", "true"], "interval": 10 });
    }
    definition
}

impl Account {
    pub fn new(scenario: Scenario, seed: u64) -> Account {
        Account::with(scenario, seed, &Shape::default())
    }

    /// An account whose service has settled on revision 1.
    pub fn with(scenario: Scenario, seed: u64, shape: &Shape) -> Account {
        let mut world = empty_world(scenario, seed);
        world.create_cluster(CLUSTER);
        let group = world.create_target_group("api", TargetGroupOptions::default());
        let definition = task_definition("v1", shape.health_check);
        let revision = world.seed_task_definition(&definition).unwrap();
        let mut configuration = shape.configuration.clone();
        configuration["minimumHealthyPercent"] = json!(shape.minimum);
        configuration["maximumPercent"] = json!(shape.maximum);
        let balancers = if shape.load_balanced {
            json!([{ "targetGroupArn": group, "containerName": "api", "containerPort": 8080 }])
        } else {
            json!([])
        };
        world
            .seed_service(&json!({
                "cluster": CLUSTER,
                "serviceName": SERVICE,
                "taskDefinition": revision,
                "desiredCount": shape.desired,
                "launchType": "FARGATE",
                "loadBalancers": balancers,
                "deploymentConfiguration": configuration,
                "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-a", "subnet-b"] } },
            }))
            .unwrap();
        let now = world.settle().unwrap();
        Account { world, group, now }
    }

    pub fn ecs(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        self.world.call(Service::Ecs, operation, input, self.now)
    }

    pub fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    pub fn wait_ms(&mut self, milliseconds: u64) {
        self.now = self.now + Duration::from_millis(milliseconds);
    }

    /// Registers revision `version` and puts the service on it; the PRIMARY deployment's id and
    /// the revision's ARN.
    pub fn deploy(&mut self, version: &str) -> (String, String) {
        let health_check =
            self.describe_revision("api")["containerDefinitions"][0].get("healthCheck").is_some();
        let arn = self.world.seed_task_definition(&task_definition(version, health_check)).unwrap();
        let id = self.update(&json!({ "taskDefinition": arn }));
        (id, arn)
    }

    pub fn describe_revision(&mut self, name: &str) -> Value {
        let answer = self.ecs("DescribeTaskDefinition", &json!({ "taskDefinition": name }));
        answer.unwrap()["taskDefinition"].clone()
    }

    /// UpdateService; the PRIMARY deployment's id.
    pub fn update(&mut self, fields: &Value) -> String {
        let mut input = json!({ "cluster": CLUSTER, "service": SERVICE });
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = self.ecs("UpdateService", &input).unwrap();
        answer["service"]["deployments"][0]["id"].as_str().unwrap().to_owned()
    }

    pub fn service(&mut self) -> Value {
        let input = json!({ "cluster": CLUSTER, "services": [SERVICE] });
        self.ecs("DescribeServices", &input).unwrap()["services"][0].clone()
    }

    pub fn tasks(&mut self, desired_status: &str) -> Vec<Value> {
        let input = json!({ "cluster": CLUSTER, "serviceName": SERVICE, "desiredStatus": desired_status });
        let arns = self.ecs("ListTasks", &input).unwrap()["taskArns"].clone();
        if arns.as_array().unwrap().is_empty() {
            return Vec::new();
        }
        let input = json!({ "cluster": CLUSTER, "tasks": arns });
        self.ecs("DescribeTasks", &input).unwrap()["tasks"].as_array().unwrap().clone()
    }

    /// The states of the target group's targets.
    pub fn target_states(&mut self) -> Vec<String> {
        let answer = self.world.call(
            Service::ElasticLoadBalancing,
            "DescribeTargetHealth",
            &json!({ "TargetGroupArn": self.group }),
            self.now,
        );
        let states = answer.unwrap()["TargetHealthDescriptions"].clone();
        states
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["TargetHealth"]["State"].as_str().unwrap().to_owned())
            .collect()
    }

    pub fn events(&mut self) -> Vec<String> {
        let service = self.service();
        let events = service["events"].as_array().unwrap();
        events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Looks at the service every second until `done` holds, at most for `limit` seconds.
    pub fn watch(&mut self, limit: u64, mut done: impl FnMut(&Value) -> bool) -> Option<Value> {
        for _ in 0..limit {
            let service = self.service();
            if done(&service) {
                return Some(service);
            }
            self.wait(1);
        }
        None
    }
}

pub fn rollout_state(service: &Value) -> &str {
    service["deployments"][0]["rolloutState"].as_str().unwrap()
}
