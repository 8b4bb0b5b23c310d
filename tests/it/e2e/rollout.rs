//! The main job against ministack: real containers, real requests.

use std::time::Instant;

use serde_json::Value;

use super::load::Load;
use super::ministack::{Ministack, WebService};
use super::{load_hello, part, unique, until};
use crate::support::{Landfall, Ran, api_calls, findings};

/// Runs `landfall` without blocking the requests that go on beside it.
pub async fn landfall(ministack: &Ministack, args: Vec<String>) -> Ran {
    let environment = ministack.environment();
    let docker_host = part("LANDFALL_E2E_DOCKER_HOST");
    tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        Landfall::new(&args).envs(&environment).env("DOCKER_HOST", &docker_host).run()
    })
    .await
    .expect("landfall ran")
}

pub fn deploy_args(service: &WebService, from: &str, tag: &str, more: &[&str]) -> Vec<String> {
    let mut args: Vec<String> =
        ["deploy", "--output", "json", "--cluster", &service.name, "--service", &service.name]
            .iter()
            .map(ToString::to_string)
            .collect();
    args.extend(["--from".to_owned(), from.to_owned()]);
    args.extend(["--image".to_owned(), format!("{}:{tag}", service.repository)]);
    args.extend(more.iter().map(ToString::to_string));
    args
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_under_load_loses_no_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = unique("under-load");
    let bucket = format!("{name}-env");
    load_hello(folder.path(), &name, "v1");
    load_hello(folder.path(), &name, "v2");
    let ministack = Ministack::connect();
    let service = ministack.web_service(&name, &format!("{name}:v1")).await;
    ministack.put_bucket(&bucket).await;
    let store = format!("s3://{bucket}/test");
    let source = format!("docker:{name}:v2");
    let env_file = folder.path().join("web.env");
    std::fs::write(&env_file, "CANARY=canary-3c\nGREETING=hello\n").expect("written");

    let load = Load::start(&service.url);
    // ministack's own word on when the rollout was over, taken twenty times a second.
    let truth = tokio::spawn({
        let (ministack, name) = (ministack.clone(), name.clone());
        async move {
            ministack
                .wait(&name, |service| {
                    primary(service)["taskDefinition"].as_str().is_some_and(|arn| arn.ends_with(":2"))
                })
                .await;
            ministack.wait(&name, is_over).await;
            Instant::now()
        }
    });
    let env_path = env_file.to_str().expect("UTF-8");
    let args = deploy_args(
        &service,
        &source,
        "v2",
        &["--env-file", env_path, "--env-store", &store, "--env", "ADDED=1"],
    );
    let ran = landfall(&ministack, args).await.expect_code(0);
    let declared = Instant::now();
    let completed = truth.await.expect("the rollout was over");
    let report = ran.report();
    let during = load.answered();
    // A little longer: requests that the last old task was serving are counted too, and a slow machine
    // reaches the number that the claim rests on.
    until(|| async { (load.answered() >= during + 50 && load.answered() >= 500).then_some(()) }).await;
    let answers = load.stop().await;

    println!(
        "requests {} ({during} during the deployment) failed {}; rollout {} ms by landfall; declared {:?} after ministack's COMPLETED",
        answers.total(),
        answers.bad.len(),
        report["services"][0]["steady_at_ms"],
        declared.saturating_duration_since(completed),
    );
    assert_eq!(answers.bad, Vec::<String>::new());
    assert!(answers.total() >= 500, "{answers:?}");
    assert!(answers.good.keys().any(|text| text.contains("v1")), "{answers:?}");
    assert!(answers.good.keys().any(|text| text.contains("v2")), "{answers:?}");
    assert!(!ran.all().contains("canary-3c"), "a value was printed");

    assert_eq!(report["verdict"], "succeeded");
    let calls = api_calls(&report);
    assert_eq!(calls["ecs:UpdateService"], 1, "{calls:?}");
    let reported = &report["services"][0];
    assert_eq!(reported["zero_downtime"]["verdict"], "observed", "{reported}");
    let live = ministack.service(&name).await;
    assert_eq!(reported["task_definition"], live["taskDefinition"]);
    assert_eq!(reported["deployment_id"], primary(&live)["id"]);
    assert_eq!(live["runningCount"], 2);
    let definition = ministack
        .ecs("DescribeTaskDefinition", serde_json::json!({"taskDefinition": live["taskDefinition"]}))
        .await;
    let container = &definition["taskDefinition"]["containerDefinitions"][0];
    let digest = reported["image_digest"].as_str().expect("a digest");
    assert_eq!(container["image"], format!("{}@{digest}", service.repository));
    let arn = reported["env_files"][0]["arn"].as_str().expect("an ARN");
    assert_eq!(container["environmentFiles"][0]["value"], arn);
    let key = arn.strip_prefix(&format!("arn:aws:s3:::{bucket}/")).expect("in the bucket");
    assert_eq!(ministack.get_object(&bucket, key).await, "CANARY=canary-3c\nGREETING=hello\n");

    // The same again: nothing to do.
    let args = deploy_args(
        &service,
        &source,
        "v2",
        &["--env-file", env_path, "--env-store", &store, "--env", "ADDED=1"],
    );
    let again = landfall(&ministack, args).await.expect_code(0).report();
    assert_eq!(again["verdict"], "unchanged", "{again}");
}

fn primary(service: &Value) -> &Value {
    let deployments = service["deployments"].as_array().expect("deployments");
    deployments.iter().find(|deployment| deployment["status"] == "PRIMARY").expect("a PRIMARY")
}

/// COMPLETED, and the old deployment is gone: ministack shows the first a moment before the second.
fn is_over(service: &Value) -> bool {
    primary(service)["rolloutState"] == "COMPLETED"
        && service["deployments"].as_array().is_some_and(|d| d.len() == 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_exits_is_explained_and_put_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = unique("crashes");
    let layout = load_hello(folder.path(), &name, "v1");
    let ministack = Ministack::connect();
    let service = ministack.web_service(&name, &format!("{name}:v1")).await;
    // No requests here: ministack calls every registered target healthy and registers tasks before their
    // program has started, so its balancer sends requests to the crashing ones. On AWS a target has to
    // pass its health check first (facts 3.5, 5.4).
    let from = format!("oci:{}", layout.display());
    let ran =
        landfall(&ministack, deploy_args(&service, &from, "v2", &["--env", "FAIL=3"])).await.expect_code(4);
    let report = ran.report();
    assert_eq!(report["verdict"], "rolled-back");
    assert!(findings(&report).contains(&"essential-container-exited".to_owned()), "{report}");
    assert!(report.to_string().contains("exit code 3"), "{report}");
    let live = ministack.service(&name).await;
    assert_eq!(live["taskDefinition"], report["services"][0]["previous_task_definition"]);
    assert_eq!(live["runningCount"], 2);
}
