//! Workflows of public repositories that use GitHub's official actions: another `uses:` line must be all that changes.
//! They are not in this repository; where they are not beside it, that is said, and our own cases stand alone.

use std::collections::BTreeMap;

use landfall::cli::action::{Inputs, Mode, translate};
use landfall_sandbox::Scenario;
use serde_json::{Map, Value, json};

use super::Stage;
use super::runner::Action;
use crate::corpus::corpus;

const RENDER: &str = "aws-actions/amazon-ecs-render-task-definition";
const DEPLOY: &str = "aws-actions/amazon-ecs-deploy-task-definition";

/// A workflow of our own, with what the official actions take.
const OWN: &str = r#"
jobs:
  deploy:
    steps:
      - id: web
        uses: aws-actions/amazon-ecs-render-task-definition@v1
        with:
          task-definition: task-definition.json
          container-name: web
          image: ${{ steps.build.outputs.image }}
          environment-variables: |
            LOG_LEVEL=info
            TOKEN=${{ secrets.TOKEN }}
            ${{ env.MORE }}
          secrets: |
            DB_PASSWORD=arn:aws:ssm:us-east-1:000000000000:parameter/db
          docker-labels: |
            commit=${{ github.sha }}
          log-configuration-log-driver: awslogs
          log-configuration-options: |
            awslogs-group=/ecs/web
          env-files: |
            arn:aws:s3:::env-store/web.env
          command: npm start
      - id: worker
        uses: aws-actions/amazon-ecs-render-task-definition@v1
        with:
          task-definition: ${{ steps.web.outputs.task-definition }}
          container-name: worker
          image: ${{ steps.build.outputs.image }}
      - uses: aws-actions/amazon-ecs-deploy-task-definition@v2
        with:
          task-definition: ${{ steps.worker.outputs.task-definition }}
          service: ${{ vars.SERVICE }}
          cluster: ${{ vars.CLUSTER }}
          desired-count: 2
          wait-for-service-stability: true
          wait-for-minutes: 10
          force-new-deployment: false
          enable-ecs-managed-tags: true
          propagate-tags: SERVICE
          keep-null-value-keys: mountPoints
"#;

type With = BTreeMap<String, String>;

/// A step that uses one of the official actions.
#[derive(Debug, Clone)]
struct Step {
    id: String,
    renders: bool,
    with: With,
}

/// The steps of each job, in order.
fn jobs(text: &str) -> Vec<Vec<Step>> {
    let workflow: Value = serde_saphyr::from_str(text).expect("a workflow");
    let lists = match (&workflow["jobs"], &workflow["runs"]["steps"]) {
        (Value::Object(jobs), _) => jobs.values().map(|job| job["steps"].clone()).collect(),
        (_, steps) => vec![steps.clone()],
    };
    let step = |step: &Value| {
        let uses = step["uses"].as_str()?.trim();
        let renders = uses.starts_with(RENDER);
        (renders || uses.starts_with(DEPLOY)).then(|| Step {
            id: step["id"].as_str().unwrap_or_default().to_owned(),
            renders,
            with: step["with"].as_object().map(with).unwrap_or_default(),
        })
    };
    lists.iter().map(|steps| steps.as_array().into_iter().flatten().filter_map(step).collect()).collect()
}

fn with(inputs: &Map<String, Value>) -> With {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    inputs.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// What an expression might come to. One that is a line of its own among pairs is a pair.
fn plausible(name: &str, text: &str) -> String {
    let filled = |text: &str, value: &str| {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            result.push_str(before);
            result.push_str(value);
            rest = after.split_once("}}").map_or("", |(_, after)| after);
        }
        result + rest
    };
    let pairs = ["environment-variables", "secrets", "docker-labels", "log-configuration-options"];
    if pairs.contains(&name) {
        let line = |line: &str| {
            let alone = line.trim().starts_with("${{") && !filled(line, "").contains('=');
            filled(line, if alone { "FROM_EXPRESSION=1" } else { "value" })
        };
        return text.lines().map(line).collect::<Vec<_>>().join("\n");
    }
    let value = match name {
        "wait-for-service-stability" | "force-new-deployment" => "true",
        "wait-for-minutes" | "desired-count" => "10",
        _ => "value",
    };
    filled(text, value)
}

/// The workflows: ours, and those of the corpus.
fn workflows() -> Vec<(String, String)> {
    let own = ("own".to_owned(), OWN.to_owned());
    let others =
        corpus("workflows").into_values().filter(|(_, text)| text.contains("aws-actions/amazon-ecs-"));
    [own].into_iter().chain(others).collect()
}

#[test]
fn every_step_of_the_official_actions_is_taken_as_it_is() {
    let known: Vec<String> = Action::read().inputs().iter().map(|name| name.to_lowercase()).collect();
    let (mut taken, mut refused) = (0, 0);
    let workflows = workflows();
    for (name, text) in &workflows {
        for step in jobs(text).into_iter().flatten() {
            for input in step.with.keys() {
                assert!(known.contains(&input.to_lowercase()), "{name}: no input {input}");
            }
            let variable = |name: &str| format!("INPUT_{}", name.to_uppercase().replace('-', "_"));
            let values = step.with.iter().map(|(name, value)| (variable(name), plausible(name, value)));
            let inputs = Inputs::read(&values.collect());
            match translate(&inputs, false).map(|request| request.mode) {
                Ok(Mode::Render(_)) => assert!(step.renders, "{name}"),
                Ok(Mode::Deploy(_) | Mode::Register { .. }) => assert!(!step.renders, "{name}"),
                Err(error) => {
                    let given = |name: &str| inputs.get(name).is_some_and(|value| value != "false");
                    let known =
                        given("run-task") || inputs.names().any(|name| name.starts_with("codedeploy"));
                    assert!(known && !step.renders, "{name}: {error}");
                    refused += 1;
                    continue;
                }
            }
            taken += 1;
        }
    }
    println!("{} workflows: {taken} steps are taken, {refused} are refused by name", workflows.len());
    assert!(taken >= 3 && refused * 10 <= taken, "{taken} taken, {refused} refused");
}

/// What the official actions make of a file, from what their pages say of them.
fn official(mut file: Value, renders: &[With], keep: &[&str]) -> Value {
    for with in renders {
        let pairs = |name: &str| -> Vec<(String, String)> {
            let lines = with.get(name).map(String::as_str).unwrap_or_default().lines().map(str::trim);
            lines.filter_map(|line| line.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
        };
        let container = file["containerDefinitions"]
            .as_array_mut()
            .expect("containers")
            .iter_mut()
            .find(|container| container["name"] == with["container-name"].as_str())
            .expect("the container");
        container["image"] = json!(with["image"]);
        for (list, input, field) in
            [("environment", "environment-variables", "value"), ("secrets", "secrets", "valueFrom")]
        {
            for (name, value) in pairs(input) {
                if container[list].is_null() {
                    container[list] = json!([]);
                }
                let entries = container[list].as_array_mut().expect("a list");
                match entries.iter_mut().find(|entry| entry["name"] == name.as_str()) {
                    Some(entry) => entry[field] = json!(value),
                    None => entries.push(json!({ "name": name, field: value })),
                }
            }
        }
        for (name, value) in pairs("docker-labels") {
            container["dockerLabels"][name] = json!(value);
        }
        for (name, value) in pairs("log-configuration-options") {
            container["logConfiguration"]["options"][name] = json!(value);
        }
        if let Some(driver) = with.get("log-configuration-log-driver") {
            container["logConfiguration"]["logDriver"] = json!(driver);
        }
        if let Some(files) = with.get("env-files") {
            let files = files.lines().map(str::trim).filter(|line| !line.is_empty());
            container["environmentFiles"] = files.map(|arn| json!({ "value": arn, "type": "s3" })).collect();
        }
        if let Some(command) = with.get("command") {
            container["command"] = json!(command.split(' ').collect::<Vec<_>>());
        }
    }
    for key in ["taskDefinitionArn", "revision", "status", "registeredAt", "registeredBy", "compatibilities"]
    {
        file.as_object_mut().expect("an object").remove(key);
    }
    without_empty(&mut file, keep);
    file
}

/// The values of variables alone may be empty.
fn without_empty(value: &mut Value, keep: &[&str]) -> bool {
    match value {
        Value::Object(map) => {
            let variable = map.contains_key("name") && map.contains_key("value");
            map.retain(|key, value| {
                without_empty(value, keep) || keep.contains(&key.as_str()) || (variable && key == "value")
            });
            !map.is_empty()
        }
        Value::Array(list) => {
            list.retain_mut(|item| without_empty(item, keep));
            !list.is_empty()
        }
        Value::String(text) => !text.is_empty(),
        Value::Null => false,
        _ => true,
    }
}

/// A file as people have them: described once, then edited, with a container of each name.
fn file_with(containers: &[&str]) -> Value {
    let container = |name: &&str| {
        json!({
            "name": name, "image": "<IMAGE>", "essential": true, "cpu": 0, "command": [], "links": null,
            "mountPoints": [], "environment": [
                { "name": "LOG_LEVEL", "value": "debug" }, { "name": "EMPTY", "value": "" },
                { "name": "LITERAL", "value": "${HOME}/$X" }
            ],
            "secrets": [], "user": "", "healthCheck": null, "portMappings": []
        })
    };
    json!({
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/web:41", "revision": 41,
        "status": "ACTIVE", "compatibilities": ["EC2", "FARGATE"], "registeredAt": 1.5, "registeredBy": "someone",
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "1024",
        "memory": "2048", "taskRoleArn": "", "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "volumes": [], "placementConstraints": [], "inferenceAccelerators": null, "pidMode": null,
        "containerDefinitions": containers.iter().map(container).collect::<Vec<_>>()
    })
}

/// The render steps that a deploy step of the job ends with, first one first; nothing where the way is not plain.
fn chain(job: &[Step]) -> Option<(Vec<Step>, Step)> {
    let deploy = job.iter().find(|step| !step.renders && step.with.contains_key("service"))?;
    let refused = |name: &&String| name.starts_with("run-task") || name.starts_with("codedeploy");
    if deploy.with.keys().any(|name| refused(&name)) {
        return None;
    }
    let mut renders = Vec::new();
    let mut from = deploy.with.get("task-definition")?.clone();
    while let Some((_, rest)) = from.split_once("steps.") {
        let id = rest.split('.').next()?;
        let step = job.iter().find(|step| step.renders && step.id == id)?;
        renders.insert(0, step.clone());
        from = step.with.get("task-definition")?.clone();
    }
    (!renders.is_empty() && renders.len() < 5).then(|| (renders, deploy.clone()))
}

/// A dozen of them, with the same file, register what the official actions would.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_revision_is_registered() {
    let mut stage = Stage::new(Scenario::Healthy, 400.0).await;
    let chains = workflows().into_iter().filter_map(|(name, text)| {
        let found = jobs(&text).into_iter().find_map(|job| chain(&job));
        found.map(|(renders, deploy)| (name, renders, deploy))
    });
    let mut compared = 0;
    for (number, (name, renders, deploy)) in chains.take(13).enumerate() {
        let mut withs: Vec<With> = Vec::new();
        for (index, step) in renders.iter().enumerate() {
            let mut with: With =
                step.with.iter().map(|(name, value)| (name.clone(), plausible(name, value))).collect();
            // What other steps of the job would give: containers that differ, an image that is there, and something new.
            let container = format!("container-{index}");
            with.insert("container-name".to_owned(), container);
            with.insert("image".to_owned(), stage.image.clone());
            let more = format!("\nTHIS_WORKFLOW={number}");
            with.entry("environment-variables".to_owned()).or_default().push_str(&more);
            withs.push(with);
        }
        let names: Vec<&str> = withs.iter().map(|with| with["container-name"].as_str()).collect();
        let file = file_with(&names);
        let mut path = "task-definition.json".to_owned();
        stage.job.write(&path, &file.to_string());
        for with in &mut withs {
            with.insert("task-definition".to_owned(), path);
            let given: Vec<(&str, &str)> = with.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            path = stage.run(&given).await.expect_code(0).output("task-definition").to_owned();
        }
        let mut with: With =
            deploy.with.iter().map(|(name, value)| (name.clone(), plausible(name, value))).collect();
        let ours = [
            ("task-definition", path.as_str()),
            ("cluster", "demo"),
            ("service", "web"),
            ("wait-for", "none"),
        ];
        with.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
        // Its secrets and files exist in the account of its owner alone.
        with.insert("skip-check".to_owned(), SKIPPED.to_owned());
        let given: Vec<(&str, &str)> = with.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let ended = stage.run(&given).await;
        assert_eq!(ended.code, 0, "{name}: {}", ended.log);
        let keep: Vec<&str> =
            with.get("keep-null-value-keys").map(|keys| keys.split(',').collect()).unwrap_or_default();
        let expected = official(file, &withs, &keep);
        let mut registered = stage.definition(ended.output("task-definition-arn")).await;
        let fields = registered.as_object_mut().expect("an object");
        // What DescribeTaskDefinition adds: fields of its own, and empty ones to containers.
        fields.retain(|key, _| expected.get(key).is_some());
        let described = registered["containerDefinitions"].as_array_mut().expect("containers").iter_mut();
        for (container, expected) in
            described.zip(expected["containerDefinitions"].as_array().expect("containers"))
        {
            let container = container.as_object_mut().expect("an object");
            let added = |value: &Value| [json!([]), json!({}), json!(0)].contains(value);
            container.retain(|key, value| expected.get(key).is_some() || !added(value));
        }
        assert_eq!(registered, expected, "{name}");
        compared += 1;
    }
    println!("{compared} workflows register what the official actions would");
    assert!(compared > 0);
}

/// Checks of what a workflow's own account has.
const SKIPPED: &str = "log-driver log-groups-exist parameters-exist secrets-exist env-files-exist env-file-rules execution-role-env-files execution-role-secrets";
