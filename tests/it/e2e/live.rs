//! `landfall init` from a live service of an emulator: what it writes is what runs there.

use serde_json::{Value, json};

use super::ministack::Ministack;
use super::moto::Moto;
use super::raw::{Query, REGION, element};
use super::{load_hello, unique};
use crate::support::{Landfall, writes};

/// Writes down the service `name` of the cluster `name`, and plans what was written: nothing is to be done, and nothing
/// was changed to find that out.
async fn is_unchanged_once_written_down(name: &str, environment: &[(String, String)]) {
    let folder = tempfile::tempdir().expect("a folder");
    let landfall = |args: &[&str]| Landfall::new(args).envs(environment).in_folder(folder.path());
    let init = landfall(&["init", "--cluster", name, "--service", name]);
    let plan = landfall(&["deploy", "--dry-run", "--detailed-exitcode", "--output", "json"]);
    let (written, planned) =
        tokio::task::spawn_blocking(move || (init.run(), plan.run())).await.expect("they ran");
    let told = written.expect_code(0).all();
    let report = planned.expect_code(0).report();
    assert_eq!(report["services"][0]["verdict"], "unchanged", "{report}\n{told}");
    assert_eq!(writes(&report), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_ministack_is_unchanged_once_it_is_written_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = unique("written-down");
    load_hello(folder.path(), &name, "v1");
    let ministack = Ministack::connect();
    let _service = ministack.web_service(&name, &format!("{name}:v1")).await;
    is_unchanged_once_written_down(&name, &ministack.environment()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_moto_is_unchanged_once_it_is_written_down() {
    let moto = Moto::connect();
    let name = unique("written-down");
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole"
        }]
    });
    let role = moto
        .query(
            Query::Iam,
            "CreateRole",
            &[("RoleName", &name), ("AssumeRolePolicyDocument", &trust.to_string())],
        )
        .await;
    let network = moto.network().await;
    // Names of load balancers are short.
    let target_group =
        moto.load_balancer(&name.replace("written-down", "live"), &network.vpc, &network.subnets).await;
    moto.ecs("CreateCluster", json!({ "clusterName": name })).await;
    let registered: Value = moto
        .ecs(
            "RegisterTaskDefinition",
            json!({
                "family": name, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
                "memory": "512", "executionRoleArn": element(&role, "Arn"),
                "containerDefinitions": [{
                    "name": "web", "image": "busybox", "portMappings": [{ "containerPort": 8080 }],
                    "environment": [{ "name": "PRICE", "value": "$${A} $$5" }],
                    "logConfiguration": { "logDriver": "awslogs", "options": {
                        "awslogs-group": name, "awslogs-region": REGION, "awslogs-stream-prefix": "web" } }
                }],
                "tags": [{ "key": "team", "value": "blue" }]
            }),
        )
        .await;
    moto.ecs(
        "CreateService",
        json!({
            "cluster": name, "serviceName": name, "desiredCount": 1, "launchType": "FARGATE",
            "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"],
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": network.subnets, "securityGroups": [network.security_group], "assignPublicIp": "ENABLED" } },
            "loadBalancers": [{ "targetGroupArn": target_group, "containerName": "web", "containerPort": 8080 }],
            "tags": [{ "key": "team", "value": "blue" }]
        }),
    )
    .await;
    is_unchanged_once_written_down(&name, &moto.leading_here("")).await;
}
