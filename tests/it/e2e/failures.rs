//! Deployments that go wrong, against ministack: real containers fail, and requests go on through its load balancer.
//!
//! ministack calls every registered target healthy, and registers a task as soon as its containers have
//! started. AWS sends no request to a target before it has passed its health check (facts 3.5), so what fails
//! here is mostly the container beside the one that answers: it is essential, and the rollout is as lost, but
//! its failing costs no request on either. A program that AWS would find out by its health check alone cannot
//! be found out here; such rollouts are those of the sandbox (`Scenario::UnhealthyTarget`).

use serde_json::{Value, json};
use tempfile::TempDir;

use super::load::{Answers, Load};
use super::ministack::{Ministack, Shape, WebService};
use super::raw::REGION;
use super::rollout::landfall;
use super::{docker, load_hello, unique, until};
use crate::support::{Ran, api_calls, findings, writes};

/// The container beside the one that answers.
const WORKER: &str = "worker";

/// Room for the tasks of the service, those of the deployment that fails and those of the rollback. With less,
/// ministack can stand still: it does not look again when a task stops whose deployment is no longer PRIMARY, so
/// that the rollback's tasks are never started. ECS goes on by itself.
const MAXIMUM_PERCENT: u32 = 300;

/// A service whose two tasks run v1 of the example program in two containers, `web` and `worker`; v2 is loaded
/// into the engine and deployed nowhere.
struct Stage {
    name: String,
    ministack: Ministack,
    service: WebService,
    folder: TempDir,
}

impl Stage {
    async fn set(what: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let name = unique(what);
        load_hello(folder.path(), &name, "v1");
        load_hello(folder.path(), &name, "v2");
        let ministack = Ministack::connect();
        let beside = [json!({
            "name": WORKER, "image": format!("{}/{name}:v1", ministack.registry()), "essential": true,
            // As containers of one task share an address on AWS.
            "environment": [{"name": "PORT", "value": "9001"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": format!("/ecs/{name}"), "awslogs-region": REGION,
                "awslogs-stream-prefix": "ecs", "awslogs-create-group": "true"}}
        })];
        let shape = Shape { tasks: 2, percents: (100, MAXIMUM_PERCENT), beside: &beside };
        let service = ministack.web_service_of(&name, &format!("{name}:v1"), &shape).await;
        Self { name, ministack, service, folder }
    }

    /// An image of v2 that differs in its environment.
    fn image_with(&self, tag: &str, variable: &str) {
        let container = docker(&["create", &format!("{}:v2", self.name)]);
        let container = container.trim();
        docker(&[
            "commit",
            "--change",
            &format!("ENV {variable}"),
            container,
            &format!("{}:{tag}", self.name),
        ]);
        docker(&["rm", container]);
    }

    /// Deploys an image of the engine.
    async fn push_and_deploy(&self, container: &str, tag: &str, more: &[&str]) -> Ran {
        let from = format!("docker:{}:{tag}", self.name);
        self.deploy(container, tag, &[&["--from", &from], more].concat()).await
    }

    /// Deploys an image of the registry.
    async fn deploy(&self, container: &str, tag: &str, more: &[&str]) -> Ran {
        let image = format!("{}:{tag}", self.service.repository);
        let args = ["deploy", "--output", "json", "--cluster", &self.name, "--service", &self.name];
        let what = ["--container", container, "--image", &image];
        let args = [&args, &what[..], more].concat();
        landfall(&self.ministack, args.into_iter().map(ToOwned::to_owned).collect()).await
    }

    /// Deploys v2, as somebody does who has mended what was wrong.
    async fn good_image_succeeds(&self, container: &str) {
        let report = self.push_and_deploy(container, "v2", &[]).await.expect_code(0).report();
        assert_eq!(report["verdict"], "succeeded", "{report}");
        let live = self.live().await;
        assert_eq!(live["taskDefinition"], report["services"][0]["task_definition"]);
        assert_eq!(live["runningCount"], 2, "{live}");
    }

    async fn live(&self) -> Value {
        self.ministack.service(&self.name).await
    }

    /// That the service is what it was before the run.
    async fn is_put_back(&self, report: &Value) {
        assert_eq!(report["verdict"], "rolled-back", "{report}");
        let service = &report["services"][0];
        assert_eq!(service["rolled_back_to"], service["previous_task_definition"], "{report}");
        let live = self.live().await;
        assert_eq!(live["taskDefinition"], service["previous_task_definition"], "{report}");
        assert_eq!(live["runningCount"], 2, "{live}");
    }

    /// The circuit breaker, which services of these tests do not have otherwise.
    async fn breaker(&self) {
        let configuration = json!({
            "minimumHealthyPercent": 100, "maximumPercent": MAXIMUM_PERCENT,
            "deploymentCircuitBreaker": {"enable": true, "rollback": true}
        });
        let input =
            json!({"cluster": self.name, "service": self.name, "deploymentConfiguration": configuration});
        self.ministack.ecs("UpdateService", input).await;
    }

    /// Waits until a worker of the second revision has been started, and gives its container's id.
    async fn new_worker(&self) -> String {
        let family = format!("label=com.amazonaws.ecs.task-definition-family={}", self.name);
        let revision = "label=com.amazonaws.ecs.task-definition-version=2";
        let container = format!("label=com.amazonaws.ecs.container-name={WORKER}");
        let words =
            ["ps", "-q", "--no-trunc", "--filter", &family, "--filter", revision, "--filter", &container];
        until(|| async { docker(&words).lines().next().map(ToOwned::to_owned) }).await
    }
}

/// Does something while requests go on, and for some requests more.
async fn under_load<T>(service: &WebService, what: impl Future<Output = T>) -> (T, Answers) {
    let load = Load::start(&service.url);
    let result = what.await;
    let during = load.answered();
    until(|| async { (load.answered() >= during + 50).then_some(()) }).await;
    (result, load.stop().await)
}

fn assert_none_lost(answers: &Answers) {
    assert_eq!(answers.bad, Vec::<String>::new(), "of {}", answers.total());
    assert!(answers.total() > 50, "{answers:?}");
}

/// The lines of the containers that failed, each once.
fn last_words(report: &Value) -> Vec<String> {
    let logs = report["services"][0]["logs"].as_array().unwrap_or_else(|| panic!("no logs: {report}"));
    let lines = logs.iter().flat_map(|log| log["lines"].as_array().expect("lines"));
    let mut words: Vec<String> =
        lines.map(|line| line["text"].as_str().expect("a text").to_owned()).collect();
    words.sort();
    words.dedup();
    words
}

/// What a deployment of the image that exits 3 has to end in, whoever rolls it back. Its time limit is part of
/// that: after 30 s the verdict would be `timed-out`.
async fn exits_3_and_is_put_back(stage: &Stage) -> Value {
    stage.image_with("exits", "FAIL=3");
    let (ran, answers) =
        under_load(&stage.service, stage.push_and_deploy(WORKER, "exits", &["--timeout", "30s"])).await;
    let report = ran.expect_code(4).report();
    assert_none_lost(&answers);
    stage.is_put_back(&report).await;
    assert!(findings(&report).contains(&"essential-container-exited".to_owned()), "{report}");
    assert!(report["services"][0]["findings"].to_string().contains("exit code 3"), "{report}");
    assert_eq!(last_words(&report), ["hello v2: told to fail; exit code 3"]);
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_exits_beside_one_that_serves_costs_no_request() {
    let stage = Stage::set("exits").await;
    exits_3_and_is_put_back(&stage).await;
    // Whoever comes later finds the same words.
    let args = ["logs", "--failed", "--cluster", &stage.name, "--service", &stage.name];
    let logs = landfall(&stage.ministack, args.map(ToOwned::to_owned).to_vec()).await.expect_code(0);
    assert!(logs.stdout().contains("hello v2: told to fail; exit code 3"), "{}", logs.all());
    stage.good_image_succeeds(WORKER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_exits_is_put_back_by_the_circuit_breaker() {
    let stage = Stage::set("breaker").await;
    stage.breaker().await;
    let report = exits_3_and_is_put_back(&stage).await;
    // ECS did it: ours was the one update.
    assert_eq!(api_calls(&report)["ecs:UpdateService"], 1, "{report}");
    stage.good_image_succeeds(WORKER).await;
}

/// The image that is deployed is looked for beforehand; another container's may be in a registry that whoever
/// deploys cannot see, so ECS is the one to find out.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_not_there_is_named_before_the_rollout_or_put_back() {
    let stage = Stage::set("missing").await;
    let before = stage.live().await;
    let (ran, answers) = under_load(&stage.service, stage.deploy("web", "nowhere", &[])).await;
    let report = ran.expect_code(3).report();
    assert_none_lost(&answers);
    let missing = format!("{}:nowhere", stage.service.repository);
    let message = report["error"]["message"].as_str().expect("a message");
    assert!(message.contains(&missing), "{report}");
    assert_eq!(writes(&report), Vec::<String>::new(), "{report}");
    assert_eq!(stage.live().await["deployments"], before["deployments"]);

    let input = json!({"taskDefinition": before["taskDefinition"]});
    let mut definition = stage.ministack.ecs("DescribeTaskDefinition", input).await["taskDefinition"].take();
    let containers = definition["containerDefinitions"].as_array_mut().expect("containers");
    let worker = containers.iter_mut().find(|container| container["name"] == WORKER).expect("the worker");
    worker["image"] = json!(missing);
    let file = stage.folder.path().join("task-definition.json");
    std::fs::write(&file, definition.to_string()).expect("written");
    let more = ["--task-definition", file.to_str().expect("UTF-8")];
    let (ran, answers) = under_load(&stage.service, stage.push_and_deploy("web", "v2", &more)).await;
    let report = ran.expect_code(4).report();
    assert_none_lost(&answers);
    stage.is_put_back(&report).await;
    // The first of them: ministack drains tasks with the stop code of a person's StopTask.
    assert_eq!(findings(&report).first().map(String::as_str), Some("image-not-found"), "{report}");
    assert!(report["services"][0]["findings"].to_string().contains(&missing), "{report}");
    stage.good_image_succeeds(WORKER).await;
}

/// ministack's target health is no help (see above), and it reads no container health check either: to it the
/// rollout succeeds, the old tasks go, and requests fail. That is its doing alone: on AWS the new targets would stay
/// unhealthy and the old tasks would stay, which is for the sandbox to show. What can be seen here is that the
/// probe is not taken in: whatever ECS says of the deployment, downtime is reported.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_never_opens_its_port_is_seen_by_the_probe() {
    let stage = Stage::set("deaf").await;
    stage.image_with("deaf", "PORT=9999");
    let more = ["--probe-url", &stage.service.url, "--probe-interval", "50ms"];
    let (ran, answers) = under_load(&stage.service, stage.push_and_deploy("web", "deaf", &more)).await;
    let report = ran.expect_code(0).report();
    assert!(!answers.bad.is_empty(), "{answers:?}");
    let zero = &report["services"][0]["zero_downtime"];
    assert_eq!(zero["verdict"], "violated", "{report}");
    assert!(zero["probe"]["failed"].as_u64() > Some(0), "{zero}");
    stage.good_image_succeeds("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_killed_is_replaced_and_the_rollout_succeeds() {
    let stage = Stage::set("killed").await;
    let rollout = async {
        let kill = async {
            let container = stage.new_worker().await;
            docker(&["kill", &container]);
        };
        tokio::join!(stage.push_and_deploy(WORKER, "v2", &[]), kill).0
    };
    let (ran, answers) = under_load(&stage.service, rollout).await;
    let report = ran.expect_code(0).report();
    assert_none_lost(&answers);
    assert_eq!(report["verdict"], "succeeded", "{report}");
    // ministack gives all containers of a task the code of the one that ended it, so which one is not asserted.
    assert_eq!(findings(&report), ["essential-container-exited"], "{report}");
    assert!(report["services"][0]["findings"].to_string().contains("exit code 137"), "{report}");
    let live = stage.live().await;
    assert_eq!(live["taskDefinition"], report["services"][0]["task_definition"]);
    assert_eq!(live["runningCount"], 2, "{live}");
    stage.good_image_succeeds("web").await;
}

/// Without a health check nothing on AWS sees that a container beside the one that serves stands still: its task is
/// RUNNING, and the rollout succeeds (design 3). Were it the one that serves, its target's health check would fail,
/// which ministack does not have.
#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_paused_keeps_its_task_and_is_replaced_by_the_next_run() {
    let stage = Stage::set("paused").await;
    let rollout = async {
        let pause = async {
            let container = stage.new_worker().await;
            docker(&["pause", &container]);
            container
        };
        tokio::join!(stage.push_and_deploy(WORKER, "v2", &[]), pause)
    };
    let ((ran, paused), answers) = under_load(&stage.service, rollout).await;
    let report = ran.expect_code(0).report();
    assert_none_lost(&answers);
    assert_eq!(report["verdict"], "succeeded", "{report}");
    assert_eq!(findings(&report), Vec::<String>::new(), "{report}");
    let state = docker(&["inspect", "--format", "{{.State.Status}}", &paused]);
    assert_eq!(state.trim(), "paused");
    stage.good_image_succeeds("web").await;
}
