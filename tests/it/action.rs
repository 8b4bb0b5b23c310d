//! The GitHub action, its steps run as the runner runs them, against the sandbox.

mod corpus;
mod install;
pub mod runner;
mod workflows;

use landfall_sandbox::{Options, Sandbox, Scenario};
use serde_json::{Value, json};

use crate::stage::{definition, leading_to, seeded_image, serve};
use crate::support::signal;
use runner::{Action, Ended, Job, With, program};

/// A service `web` on cluster `demo` that runs, and a job whose variables lead there.
pub struct Stage {
    pub sandbox: Sandbox,
    pub job: Job,
    pub image: String,
}

impl Stage {
    pub async fn new(scenario: Scenario, speed: f64) -> Self {
        let sandbox =
            Sandbox::start(Options { scenario, speed, ..Options::default() }).await.expect("it starts");
        sandbox.create_cluster("demo");
        let image = seeded_image(&sandbox);
        serve(&sandbox, &definition(&json!({ "image": image })), &json!({ "desiredCount": 2 }));
        let job = Job::new(&leading_to(&sandbox));
        Self { sandbox, job, image }
    }

    /// Runs the action, without holding up the sandbox.
    pub async fn run(&mut self, with: With<'_>) -> Ended {
        let with = [&[("pre-built", program())], with].concat();
        tokio::task::block_in_place(|| Action::read().run(&mut self.job, &with))
    }

    /// What ECS knows.
    pub async fn ecs(&self, operation: &str, input: Value) -> Value {
        let answer = reqwest::Client::new()
            .post(self.sandbox.endpoint())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(input.to_string())
            .send()
            .await
            .expect("an answer");
        serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
    }

    pub async fn definition(&self, name: &str) -> Value {
        let input = json!({ "taskDefinition": name, "include": ["TAGS"] });
        self.ecs("DescribeTaskDefinition", input).await["taskDefinition"].clone()
    }

    pub async fn service(&self) -> Value {
        let input = json!({ "cluster": "demo", "services": ["web"] });
        self.ecs("DescribeServices", input).await["services"][0].clone()
    }

    fn count(&self, operation: &str) -> usize {
        self.sandbox.calls().iter().filter(|call| call.operation == operation).count()
    }

    /// The task definition of `web` as the file of a repository, with something changed.
    pub fn task_definition(&self, container: &Value) -> String {
        let mut app = json!({ "image": self.image });
        crate::stage::lay_over(&mut app, container);
        serde_json::to_string_pretty(&definition(&app)).expect("JSON")
    }
}

const WEB: [(&str, &str); 2] = [("cluster", "demo"), ("service", "web")];

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_ends_with_outputs_and_the_program_is_there_for_later_steps() {
    let mut stage = Stage::new(Scenario::Healthy, 100.0).await;
    let set = ("environment-variables", "GREETING=canary-value-7\nEMPTY=");
    let ended = stage.run(&[&WEB[..], &[set]].concat()).await.expect_code(0);
    let service = stage.service().await;
    assert_eq!(service["taskDefinition"], ended.output("task-definition-arn"), "{}", ended.log);
    assert_eq!(ended.output("verdict"), "succeeded");
    assert_eq!(ended.output("zero-downtime"), "observed");
    assert_eq!(ended.output("deployment-id"), service["deployments"][0]["id"]);
    assert!(ended.summary.contains("web"), "{}", ended.summary);
    let shown = ended.log.replace("::add-mask::canary-value-7", "");
    assert!(ended.log != shown && !shown.contains("canary-value-7"), "{}", ended.log);
    let revision = stage.definition(ended.output("task-definition-arn")).await;
    let expected =
        json!([{ "name": "GREETING", "value": "canary-value-7" }, { "name": "EMPTY", "value": "" }]);
    assert_eq!(revision["containerDefinitions"][0]["environment"], expected);
    let folder = std::path::Path::new(program()).parent().expect("a folder").display().to_string();
    assert_eq!(stage.job.path(), [folder]);

    let again = stage.run(&[&WEB[..], &[set]].concat()).await.expect_code(0);
    assert_eq!(again.output("verdict"), "unchanged");
    assert_eq!(again.output("task-definition-arn"), ended.output("task-definition-arn"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing() {
    let mut stage = Stage::new(Scenario::Healthy, 100.0).await;
    let before = stage.sandbox.calls().len();
    let dry = [("dry-run", "true"), ("environment-variables", "A=1")];
    let ended = stage.run(&[&WEB[..], &dry].concat()).await.expect_code(0);
    assert_eq!(ended.output("verdict"), "planned");
    assert!(stage.sandbox.calls()[before..].iter().all(|call| !call.write), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_explained_and_the_step_has_its_exit_code() {
    let mut stage = Stage::new(Scenario::CrashLoop, 100.0).await;
    let ended = stage.run(&[&WEB[..], &[("environment-variables", "A=1")]].concat()).await.expect_code(4);
    assert_eq!(ended.output("verdict"), "rolled-back");
    assert!(ended.log.contains("::error"), "{}", ended.log);
}

/// A cancelled job gets SIGINT, and 7.5 s later SIGTERM: the program has ended by then.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_ends_at_the_first_signal() {
    let mut stage = Stage::new(Scenario::Slow, 1.0).await;
    let with = [&WEB[..], &[("pre-built", program()), ("environment-variables", "A=1")]].concat();
    let action = Action::read();
    let running = action.start(&mut stage.job, &with);
    stage.sandbox.called("UpdateService").await;
    signal("INT", running.id());
    let job = &mut stage.job;
    let ended = tokio::task::block_in_place(|| running.wait(job)).expect_code(130);
    assert!(ended.log.contains("run the same command again"), "{}", ended.log);
    assert_eq!(stage.count("UpdateService"), 1, "ECS goes on with what was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_supported_stops_the_step_before_any_call() {
    let mut stage = Stage::new(Scenario::Healthy, 100.0).await;
    let before = stage.sandbox.calls().len();
    for (name, value) in [("codedeploy-appspec", "appspec.yaml"), ("run-task", "true"), ("wait-for", "ready")]
    {
        let ended = stage.run(&[&WEB[..], &[(name, value)]].concat()).await.expect_code(2);
        assert!(ended.log.contains(name), "{}", ended.log);
    }
    assert_eq!(stage.sandbox.calls().len(), before);
}

/// The official actions' own example: two containers rendered one after the other, then deployed.
#[tokio::test(flavor = "multi_thread")]
async fn render_steps_are_chained_and_deployed_as_the_official_actions_do() {
    let mut stage = Stage::new(Scenario::Healthy, 100.0).await;
    let image = stage.image.clone();
    let file = json!({
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
        "memory": "512", "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/web:3", "revision": 3,
        "volumes": [], "placementConstraints": null, "tags": [],
        "containerDefinitions": [
            { "name": "app", "image": "", "essential": true, "command": [], "links": null,
              "environment": [{ "name": "EMPTY", "value": "" }, { "name": "KEPT", "value": "${NOT_OURS}" }] },
            { "name": "sidecar", "image": "<IMAGE>", "essential": false, "cpu": 0, "mountPoints": [] }
        ]
    });
    stage.job.write("task-definition.json", &file.to_string());
    let first = stage
        .run(&[
            ("task-definition", "task-definition.json"),
            ("container-name", "app"),
            ("image", &image),
            ("environment-variables", "PASSWORD=canary-${HOME}-8\nMODE=prod"),
            ("docker-labels", "team=blue"),
            ("log-configuration-log-driver", "awslogs"),
            (
                "log-configuration-options",
                "awslogs-create-group=true\nawslogs-group=/ecs/web\nawslogs-region=us-east-1\nawslogs-stream-prefix=web",
            ),
        ])
        .await
        .expect_code(0);
    let rendered = first.output("task-definition").to_owned();
    let second = stage
        .run(&[
            ("task-definition", &rendered),
            ("container-name", "sidecar"),
            ("image", &image),
            ("command", "sleep 60"),
        ])
        .await
        .expect_code(0);
    let rendered = second.output("task-definition").to_owned();
    let ended = stage
        .run(
            &[
                &WEB[..],
                &[
                    ("task-definition", rendered.as_str()),
                    ("wait-for-service-stability", "true"),
                    ("wait-for-minutes", "5"),
                    ("keep-null-value-keys", "mountPoints"),
                ],
            ]
            .concat(),
        )
        .await
        .expect_code(0);
    for step in [&first, &second, &ended] {
        assert!(!step.log.replace("::add-mask::canary-", "").contains("canary-"), "{}", step.log);
    }
    let registered = stage.definition(ended.output("task-definition-arn")).await;
    let containers = &registered["containerDefinitions"];
    assert_eq!(containers[0]["image"], image.as_str());
    assert_eq!(
        containers[0]["environment"],
        json!([
            { "name": "EMPTY", "value": "" }, { "name": "KEPT", "value": "${NOT_OURS}" },
            { "name": "PASSWORD", "value": "canary-${HOME}-8" }, { "name": "MODE", "value": "prod" }
        ])
    );
    assert_eq!(containers[0]["dockerLabels"], json!({ "team": "blue" }));
    assert_eq!(containers[0]["logConfiguration"]["options"]["awslogs-group"], "/ecs/web");
    assert!(containers[0].get("command").is_none_or(|command| command == &json!([])), "{containers}");
    assert_eq!(
        (&containers[1]["command"], &containers[1]["image"]),
        (&json!(["sleep", "60"]), &json!(image))
    );
    assert_eq!(stage.count("UpdateService"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_service_is_only_registered() {
    let mut stage = Stage::new(Scenario::Healthy, 100.0).await;
    let described = json!({ "taskDefinition": serde_json::from_str::<Value>(&stage.task_definition(&json!({ "user": "1" }))).expect("JSON"), "tags": [] });
    let mut described = described;
    described["taskDefinition"]["status"] = json!("ACTIVE");
    stage.job.write("task-definition.json", &described.to_string());
    let with = [("task-definition", "task-definition.json"), ("cluster", "demo")];
    let ended = stage.run(&with).await.expect_code(0);
    assert_eq!(
        stage.definition(ended.output("task-definition-arn")).await["containerDefinitions"][0]["user"],
        "1"
    );
    assert_eq!(stage.count("UpdateService"), 0);
    assert!(
        ended.log.contains("status left out") && ended.log.contains("`cluster` has no effect"),
        "{}",
        ended.log
    );
    let again = stage.run(&with).await.expect_code(0);
    assert_eq!(again.output("task-definition-arn"), ended.output("task-definition-arn"));
    assert_eq!(again.output("verdict"), "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_exists_is_deployed_as_it_is_and_a_deployment_can_be_forced() {
    let mut stage = Stage::new(Scenario::Healthy, 100.0).await;
    let of =
        |user: &str| serde_json::from_str(&stage.task_definition(&json!({ "user": user }))).expect("JSON");
    let (older, newer): (Value, Value) = (of("1"), of("2"));
    let older = stage.sandbox.register_task_definition(&older).expect("a revision");
    stage.sandbox.register_task_definition(&newer).expect("a revision");
    let registered = stage.count("RegisterTaskDefinition");
    let with = [
        &WEB[..],
        &[("task-definition-arn", "web:2"), ("desired-count", "3"), ("propagate-tags", "SERVICE")],
    ]
    .concat();
    let ended = stage.run(&with).await.expect_code(0);
    assert_eq!(ended.output("task-definition-arn"), older);
    let service = stage.service().await;
    assert_eq!((&service["desiredCount"], &service["propagateTags"]), (&json!(3), &json!("SERVICE")));
    assert_eq!(stage.run(&with).await.expect_code(0).output("verdict"), "unchanged");
    let forced = stage.run(&[&with[..], &[("force-new-deployment", "true")]].concat()).await.expect_code(0);
    assert_ne!(forced.output("deployment-id"), ended.output("deployment-id"));
    assert_eq!(stage.count("RegisterTaskDefinition"), registered);
    assert_eq!(stage.count("UpdateService"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_only_installs_calls_nothing() {
    let mut stage = Stage::new(Scenario::Healthy, 100.0).await;
    let before = stage.sandbox.calls().len();
    stage.run(&[("install-only", "true")]).await.expect_code(0);
    assert_eq!((stage.sandbox.calls().len(), stage.job.path().len()), (before, 1));
}
