//! What most tests start from: a service `web` of one container `app` on the cluster `demo`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use landfall_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::support::{Landfall, signal};

/// Fast enough for a suite of scenarios, slow enough for one look a second to see the states pass.
pub const SPEED: &str = "40";
/// The scenarios of the sandbox that `landfall sandbox --list` explains.
pub const SCENARIOS: [&str; 9] = [
    "healthy",
    "slow",
    "image-not-found",
    "crash-loop",
    "unhealthy-target",
    "env-file-denied",
    "throttled",
    "superseded",
    "breaker-rollback",
];

/// Sets these fields of an object.
pub fn lay_over(object: &mut Value, more: &Value) {
    let more = more.as_object().expect("an object").clone();
    object.as_object_mut().expect("an object").extend(more);
}

/// A Fargate task definition of family `web` whose only container `app` has these fields as well.
pub fn definition(container: &Value) -> Value {
    let mut app = json!({ "name": "app", "image": "busybox", "essential": true });
    lay_over(&mut app, container);
    json!({
        "family": "web",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "containerDefinitions": [app]
    })
}

/// Where tasks run in a sandbox: in one of its public subnets.
pub fn network() -> Value {
    json!({
        "awsvpcConfiguration": {
            "subnets": ["subnet-0a"], "securityGroups": ["sg-0a"], "assignPublicIp": "ENABLED"
        }
    })
}

/// Creates `web` with the tasks of this definition and waits until it is steady. `more` are fields of the service.
pub fn serve(sandbox: &Sandbox, definition: &Value, more: &Value) {
    begin(sandbox, definition, more);
    sandbox.settle().expect("it is steady");
}

/// Creates `web` like [`serve`], and does not wait: its first deployment is under way.
pub fn begin(sandbox: &Sandbox, definition: &Value, more: &Value) {
    let revision = sandbox.register_task_definition(definition).expect("a revision");
    let mut service = json!({
        "cluster": "demo",
        "serviceName": "web",
        "taskDefinition": revision,
        "desiredCount": 1,
        "launchType": "FARGATE",
        "networkConfiguration": network()
    });
    lay_over(&mut service, more);
    sandbox.create_service(&service).expect("a service");
}

/// The variables that lead Landfall to a sandbox: those of every tool, and where the registry of its ECR is.
pub fn leading_to(sandbox: &Sandbox) -> Vec<(String, String)> {
    let mut variables = sandbox.environment();
    variables.push(("LANDFALL_REGISTRY_ENDPOINT".to_owned(), sandbox.endpoint()));
    variables
}

/// An image in the sandbox's ECR: its reference by digest.
pub fn seeded_image(sandbox: &Sandbox) -> String {
    sandbox.create_repository("web");
    let digest = sandbox.seed_image("web", "v1").expect("an image");
    format!("000000000000.dkr.ecr.us-east-1.amazonaws.com/web@{digest}")
}

/// A `landfall sandbox` in the background, and the variables that lead to it.
pub struct LongLived {
    child: Child,
    pub variables: Vec<(String, String)>,
}

impl LongLived {
    pub fn start(args: &[&str]) -> Self {
        let mut all = vec!["sandbox", "--speed", SPEED];
        all.extend(args);
        let mut child = Landfall::new(&all).into_command().stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = child.stdout.take().expect("a pipe");
        let mut variables = Vec::new();
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("a line");
            match line.strip_prefix("export ").and_then(|pair| pair.split_once('=')) {
                Some((name, value)) => variables.push((name.to_owned(), value.to_owned())),
                None if line.starts_with("landfall") => break,
                None => {}
            }
        }
        Self { child, variables }
    }

    pub fn landfall(&self, args: &[&str]) -> Landfall {
        Landfall::new(args).envs(&self.variables)
    }
}

impl Drop for LongLived {
    fn drop(&mut self) {
        // It takes its data along when it is asked to go.
        signal("TERM", self.child.id());
        let _ = self.child.wait();
    }
}
