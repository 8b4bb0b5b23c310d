//! Several faults at once, none at all, and what a deployment makes of them.

use serde_json::json;

use super::stage::{Stage, result_of, results};
use crate::support::{api_calls, writes};

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_a_way_out_of_a_private_subnet() {
    let stage = Stage::new().await.without_proxy();
    stage.serve();
    stage.routes(Vec::new());
    for service in ["ecr.api", "ecr.dkr", "s3", "logs", "secretsmanager", "ssm"] {
        stage.endpoint(service);
    }
    let ran = stage.landfall(&["verify", "--output", "json"]).await.expect_code(0);
    assert_eq!(result_of(&ran, "no-route-to-ecr"), "passed");
    assert_eq!(result_of(&ran, "no-route-to-s3"), "passed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_refused_writes_nothing_and_a_check_can_be_turned_off() {
    let stage = Stage::new().await;
    stage.serve();
    stage.sandbox.delete_parameter("/web/token");
    for args in [["deploy", "-e", "A=2"].as_slice(), &["deploy", "-e", "A=2", "--dry-run"]] {
        let ran = stage.landfall(&[args, &["--output", "json"]].concat()).await.expect_code(3);
        let report = ran.report();
        assert_eq!(writes(&report), Vec::<String>::new());
        assert_eq!(report["services"][0]["checks"][0]["code"], "parameters-exist", "{report}");
        assert_eq!(report["services"][0]["preflight"]["errors"], 1);
    }
    let ran = stage.landfall(&["deploy", "-e", "A=2", "--output", "plain"]).await.expect_code(3);
    let text = ran.stdout();
    let problem = text.find("error parameters-exist: secret TOKEN of container app: there is no parameter");
    let passed = text.find(" passed, 1 error");
    assert!(problem.is_some() && problem < passed, "{text}");
    assert!(text.contains("landfall explain parameters-exist"), "{text}");

    let args = ["deploy", "-e", "A=2", "--dry-run", "--skip-check", "parameters-exist"];
    let ran = stage.landfall(&args).await.expect_code(0);
    assert!(ran.all().contains("checks turned off: parameters-exist"), "{}", ran.all());
    let unknown = stage.landfall(&["verify", "--skip-check", "parameter-exist"]).await.expect_code(2);
    assert!(unknown.all().contains("Did you mean `parameters-exist`?"), "{}", unknown.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_not_checked_and_refuses_nothing() {
    let stage = Stage::new().await;
    stage.serve();
    for action in ["ec2:DescribeSubnets", "iam:GetRole", "iam:SimulatePrincipalPolicy", "ssm:GetParameters"] {
        stage.sandbox.deny_action(action);
    }
    let ran = stage.landfall(&["verify", "--output", "json"]).await.expect_code(0);
    for code in ["no-route-to-ecr", "roles-assumable", "caller-pass-role", "parameters-exist"] {
        assert_eq!(result_of(&ran, code), "not_checked", "{code}");
    }
    let report = ran.report();
    let wanted = &report["services"][0]["preflight"]["permissions"];
    assert_eq!(
        *wanted,
        json!(["ec2:DescribeSubnets", "iam:GetRole", "iam:SimulatePrincipalPolicy", "ssm:GetParameters"])
    );
    let text = stage.landfall(&["verify", "--output", "plain"]).await.expect_code(0).stdout();
    assert!(text.contains("(the caller lacks ec2:DescribeSubnets, iam:GetRole,"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_does_not_answer_holds_nothing_up() {
    let stage = Stage::new().await;
    stage.serve();
    // Connections are taken, and nobody ever speaks.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = format!("http://{}", silent.local_addr().expect("an address"));
    let variables = [("LANDFALL_REGISTRY_ENDPOINT".to_owned(), place)];
    let ran = stage.landfall_with(&variables, &["verify", "--output", "json"]).await.expect_code(0);
    assert_eq!(result_of(&ran, "images-exist"), "not_checked");
    assert!(ran.stdout().contains("could not be reached in 2 s"), "{}", ran.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_checked_where_there_is_nothing_to_do() {
    let stage = Stage::new().await;
    stage.serve();
    let ran = stage.landfall(&["deploy", "--output", "json"]).await.expect_code(0);
    let report = ran.report();
    assert_eq!(report["verdict"], "unchanged");
    assert_eq!(results(&ran), []);
    assert!(!api_calls(&report).contains_key("ec2:DescribeSubnets"), "{report}");
}
