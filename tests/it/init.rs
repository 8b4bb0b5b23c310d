//! `landfall init` through the binary.

use std::path::Path;

use landfall_sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use crate::stage::{definition, lay_over, leading_to, seeded_image, serve};
use crate::support::{Landfall, Ran, writes};

/// A sandbox that serves `web`, whose only container has these fields as well.
async fn served(container: Value, more: &Value) -> Sandbox {
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    sandbox.create_cluster("demo");
    let mut container = container;
    lay_over(&mut container, &json!({ "image": seeded_image(&sandbox) }));
    serve(&sandbox, &definition(&container), more);
    sandbox
}

fn landfall(sandbox: &Sandbox, folder: &Path, args: &[&str]) -> Ran {
    Landfall::new(args).envs(&leading_to(sandbox)).in_folder(folder).run()
}

const INIT: [&str; 5] = ["init", "--cluster", "demo", "--service", "web"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_from_a_live_service_is_what_it_runs() {
    let container = json!({
        "portMappings": [{ "containerPort": 8080 }],
        "command": ["sh", "-c", "serve ${PORT} $$"],
        "environment": [{ "name": "DB_PASSWORD", "value": "hunter2-canary" }, { "name": "PRICE", "value": "$${A} $$5" }],
        "secrets": [{ "name": "TOKEN", "valueFrom": "arn:aws:ssm:us-east-1:000000000000:parameter/token" }]
    });
    let more = json!({ "tags": [{ "key": "team", "value": "blue" }], "propagateTags": "SERVICE" });
    let sandbox = served(container, &more).await;
    let folder = tempfile::tempdir().expect("a folder");
    let ran = landfall(&sandbox, folder.path(), &INIT).expect_code(0);
    assert!(ran.stdout().contains("DB_PASSWORD of container app looks like a credential"), "{}", ran.all());
    assert!(!ran.all().contains("hunter2"), "{}", ran.all());

    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("it is written");
    let task: Value = serde_json::from_str(&read("task-definition.json")).expect("JSON");
    for gone in
        ["taskDefinitionArn", "revision", "status", "registeredAt", "compatibilities", "requiresAttributes"]
    {
        assert!(task.get(gone).is_none(), "{gone}: {task}");
    }
    let app = &task["containerDefinitions"][0];
    assert_eq!(app["secrets"][0]["name"], "TOKEN");
    assert_eq!(app["command"][2], "serve ${PORT} $$");
    let service: Value = serde_json::from_str(&read("service-definition.json")).expect("JSON");
    for gone in [
        "deployments",
        "events",
        "runningCount",
        "createdAt",
        "status",
        "roleArn",
        "taskDefinition",
        "serviceArn",
    ] {
        assert!(service.get(gone).is_none(), "{gone}: {service}");
    }
    assert_eq!(service["serviceName"], "web");
    assert_eq!(service["desiredCount"], 1);
    assert_eq!(service["tags"], json!([{ "key": "team", "value": "blue" }]));

    let plan = landfall(
        &sandbox,
        folder.path(),
        &["deploy", "--dry-run", "--detailed-exitcode", "--output", "json"],
    );
    let report = plan.expect_code(0).report();
    assert_eq!(report["services"][0]["verdict"], "unchanged", "{report}");
    assert_eq!(writes(&report), Vec::<String>::new());

    // Nothing is overwritten without --force, and nothing at all then.
    std::fs::write(folder.path().join("task-definition.json"), "mine").expect("written");
    std::fs::remove_file(folder.path().join("landfall.yml")).expect("removed");
    let again = landfall(&sandbox, folder.path(), &INIT).expect_code(2);
    assert!(
        again.stderr().contains("task-definition.json, ./service-definition.json are there already"),
        "{}",
        again.all()
    );
    assert_eq!(read("task-definition.json"), "mine");
    assert!(!folder.path().join("landfall.yml").exists());
    let forced: Vec<&str> = INIT.into_iter().chain(["--force", "--output", "json"]).collect();
    let told = landfall(&sandbox, folder.path(), &forced).expect_code(0).stdout();
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["files"][0]["name"], "landfall.yml", "{told}");
    assert_ne!(read("task-definition.json"), "mine");
    sandbox.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said() {
    let sandbox = served(json!({}), &json!({})).await;
    let folder = tempfile::tempdir().expect("a folder");
    let missing = landfall(&sandbox, folder.path(), &["init", "--cluster", "demo", "--service", "wbe"]);
    assert!(missing.expect_code(3).stderr().contains("there is no service wbe in cluster demo"));
    for args in [&["init"][..], &["init", "--service", "web"]] {
        let ran = landfall(&sandbox, folder.path(), args).expect_code(2);
        assert!(ran.stderr().contains("hint: "), "{}", ran.all());
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    sandbox.shutdown().await;
}

const WORKFLOW: &str = r#"
on: push
env:
  AWS_REGION: eu-west-1
  ECS_CLUSTER: demo
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - uses: aws-actions/configure-aws-credentials@v4
        with: { aws-region: "${{ env.AWS_REGION }}" }
      - id: login
        uses: aws-actions/amazon-ecr-login@v2
      - id: build
        env:
          REGISTRY: ${{ steps.login.outputs.registry }}
        run: |
          docker push $REGISTRY/api:$GITHUB_SHA
          echo "image=$REGISTRY/api:${{ github.sha }}" >> "$GITHUB_OUTPUT"
      - id: render
        uses: aws-actions/amazon-ecs-render-task-definition@v1
        with:
          task-definition: ecs/api.json
          container-name: api
          image: ${{ steps.build.outputs.image }}
          environment-variables: |
            LOG_LEVEL=info
            TOKEN=${{ secrets.API_TOKEN }}
          secrets: DB=/prod/db
          docker-labels: a=b
      - uses: aws-actions/amazon-ecs-deploy-task-definition@v2
        with:
          task-definition: ${{ steps.render.outputs.task-definition }}
          service: api
          cluster: ${{ env.ECS_CLUSTER }}
          wait-for-service-stability: true
          wait-for-minutes: 10
"#;

#[test]
fn a_workflow_becomes_a_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("deploy.yml"), WORKFLOW).expect("written");
    let ran = Landfall::new(&["init", "--from", "deploy.yml"]).in_folder(folder.path()).run().expect_code(0);
    let written = std::fs::read_to_string(folder.path().join("landfall.yml")).expect("written");
    let expected = "version: 1
region: eu-west-1
cluster: demo

services:
  api:
    task_definition: ecs/api.json
    containers:
      api:
        image: ${ECR_REGISTRY}/api:${GITHUB_SHA}
        environment:
          LOG_LEVEL: info
          TOKEN: ${API_TOKEN}
        secrets:
          DB: /prod/db
    wait:
      timeout: 10m
";
    assert_eq!(written, expected, "{}", ran.all());
    for told in [
        "deploy.yml:25: `image`: ${{ steps.login.outputs.registry }} is not known before the run: set ECR_REGISTRY",
        "set API_TOKEN",
        "`docker-labels` is not converted",
    ] {
        assert!(ran.stdout().contains(told), "{told}: {}", ran.all());
    }
}
