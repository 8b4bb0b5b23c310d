//! Lookups through the binary.

use std::path::Path;

use landfall_sandbox::{Options, Sandbox};
use serde_json::json;

use crate::stage::{definition, leading_to, serve};
use crate::support::{Landfall, Ran, api_calls};

const STATE: &str = r#"{"version":4,"terraform_version":"1.9.0","outputs":{
    "cluster":{"value":"demo","type":"string"},
    "port":{"value":8080,"type":"number"},
    "password":{"value":"hunter2-canary","type":"string","sensitive":true}},
  "resources":[{"mode":"managed","type":"aws_iam_role","name":"exec","instances":[
    {"attributes":{"arn":"arn:aws:iam::000000000000:role/execution"}}]}]}"#;

const CONFIG: &str = "version: 1
cluster: ${tfstate:output.cluster}
tfstate: { main: s3://states/app.tfstate, local: local.tfstate }
services:
  web:
    task_definition: task.json
    containers:
      app:
        environment: { STAGE: '${ssm:/stage}', VPC: 'vpc ${cfn:net.Vpc}' }
";

/// A sandbox that serves `web`, and has what is looked up.
async fn stage() -> Sandbox {
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    sandbox.create_cluster("demo");
    let container = json!({ "portMappings": [{ "containerPort": 8080 }] });
    serve(&sandbox, &definition(&container), &json!({}));
    sandbox.create_bucket("states").expect("a bucket");
    sandbox.put_object("states", "app.tfstate", STATE.as_bytes()).expect("an object");
    sandbox.put_parameter("/stage", "String", "prod");
    sandbox.put_parameter("/password", "SecureString", "hunter2-canary");
    sandbox.put_stack("net", &[("Vpc", "vpc-1"), ("SubnetA", "subnet-1")]);
    sandbox
}

fn write(folder: &Path, config: &str) {
    let mut task =
        definition(&json!({ "portMappings": [{ "containerPort": "${tfstate.local:output.port}" }] }));
    task["executionRoleArn"] = json!("${tfstate:aws_iam_role.exec.arn}");
    for (name, text) in [
        ("landfall.yml", config.to_owned()),
        ("task.json", format!("{task:#}")),
        ("local.tfstate", STATE.to_owned()),
    ] {
        std::fs::write(folder.join(name), text).expect("written");
    }
}

fn dry_run(sandbox: &Sandbox, folder: &Path) -> Ran {
    let args = ["deploy", "--dry-run", "--output", "json"];
    Landfall::new(&args).envs(&leading_to(sandbox)).in_folder(folder).run()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_looked_up_once_at_plan_time() {
    let sandbox = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), CONFIG);
    let ran = dry_run(&sandbox, folder.path()).expect_code(0);
    let report = ran.report();
    assert_eq!(ran.events()[0]["cluster"], "demo", "{}", ran.all());
    assert!(!api_calls(&report).contains_key("ecs:RegisterTaskDefinition"), "{report}");
    // The state is read for the configuration and for the task definition, and asked for once.
    let reads = |operation: &str| sandbox.calls().iter().filter(|call| call.operation == operation).count();
    assert_eq!(reads("GetObject"), 1);
    assert_eq!((reads("GetParameter"), reads("DescribeStacks")), (1, 1));
    // The role and the port are what runs already, the port as a number; only the variables differ.
    let stdout = ran.stdout();
    assert!(!stdout.contains("executionRoleArn") && !stdout.contains("containerPort"), "{}", ran.all());
    assert_eq!(report["services"][0]["verdict"], "planned", "{report}");
    sandbox.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_up_has_its_place_and_what_is_near() {
    let sandbox = stage().await;
    let folder = tempfile::tempdir().expect("a folder");
    for (from, to, expected, near) in [
        (
            "output.cluster",
            "output.clustr",
            "landfall.yml:2:10: s3://states/app.tfstate: `output.clustr` is not in the state",
            "Did you mean `output.cluster`?",
        ),
        (
            "output.cluster",
            "output.password",
            "landfall.yml:2:10: s3://states/app.tfstate: `output.password` is marked sensitive",
            "`secrets`",
        ),
        (
            "${ssm:/stage}",
            "${ssm:/password}",
            "landfall.yml:9:32: the parameter `/password` is a SecureString",
            "`secrets`",
        ),
        ("${ssm:/stage}", "${ssm:/none}", "landfall.yml:9:32: there is no parameter `/none`", "Region"),
        ("net.Vpc", "net.Vcp", "landfall.yml:9:58: the stack net has no output `Vcp`", "Did you mean `Vpc`?"),
        ("net.Vpc", "nat.Vpc", "landfall.yml:9:58: there is no CloudFormation stack `nat`", "Region"),
        ("app.tfstate", "none.tfstate", "landfall.yml:2:10: s3:GetObject", ""),
    ] {
        let config = CONFIG.replace(from, to);
        write(folder.path(), &config);
        let ran = dry_run(&sandbox, folder.path());
        let told = ran.stdout();
        assert!(told.contains(expected) && told.contains(near), "{expected}: {}", ran.all());
        assert!(!ran.all().contains("hunter2"), "{}", ran.all());
        assert!([2, 8].contains(&ran.code()), "{}", ran.all());
    }
    // A lookup that a command makes no use of is not made.
    let config = CONFIG.replace("        environment", "        env_file: .env\n        environment");
    std::fs::write(folder.path().join("landfall.yml"), format!("env_store: s3://x-y-z\n{config}"))
        .expect("written");
    std::fs::write(folder.path().join(".env"), "A=1\n").expect("written");
    Landfall::new(&["env", "check"]).in_folder(folder.path()).run().expect_code(0);
    sandbox.shutdown().await;
}

#[test]
fn the_embedded_stand_in_has_nothing_to_look_up() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), CONFIG);
    let ran =
        Landfall::new(&["deploy", "--sandbox", "--dry-run"]).in_folder(folder.path()).run().expect_code(2);
    assert!(ran.all().contains("landfall.yml:2:10: this is looked up in AWS"), "{}", ran.all());
}
