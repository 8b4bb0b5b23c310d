//! The files of `workflows/`, which people copy.

use std::collections::BTreeMap;
use std::fs;

use landfall::cli::action::{Inputs, Mode, translate};
use landfall_sandbox::Scenario;
use serde_json::Value;

use super::Stage;
use super::runner::{Action, Job, program};
use crate::support::root;

/// Name and content of each workflow.
fn workflows() -> BTreeMap<String, Value> {
    let folder = fs::read_dir(root().join("workflows")).expect("workflows");
    let files = folder.map(|entry| entry.expect("an entry").path());
    let files =
        files.filter(|path| !path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("buildspec")));
    files
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, serde_saphyr::from_str(&fs::read_to_string(path).expect("text")).expect("YAML"))
        })
        .collect()
}

fn steps(workflow: &Value) -> Vec<&Value> {
    let jobs = workflow["jobs"].as_object().expect("jobs").values();
    jobs.flat_map(|job| job["steps"].as_array().expect("steps")).collect()
}

/// The text with what a repository would have for its expressions.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (expression, value) in values {
        text = text.replace(&format!("${{{{ {expression} }}}}"), value);
    }
    assert!(!text.contains("${{"), "{text}");
    text
}

const VALUES: [(&str, &str); 12] = [
    ("vars.AWS_ROLE", ""),
    ("vars.AWS_PLAN_ROLE", ""),
    ("vars.AWS_REGION", "us-east-1"),
    ("vars.ECS_CLUSTER", "demo"),
    ("vars.ECS_SERVICE", "web"),
    ("vars.ECR_REPOSITORY", "000000000000.dkr.ecr.us-east-1.amazonaws.com/web"),
    ("vars.STAGING_REPOSITORY", "000000000000.dkr.ecr.us-east-1.amazonaws.com/web"),
    ("vars.PRODUCTION_REPOSITORY", "000000000000.dkr.ecr.us-east-1.amazonaws.com/production"),
    ("inputs.tag", "v2"),
    ("github.sha", "0123456789abcdef0123456789abcdef01234567"),
    ("matrix.service", "web"),
    ("inputs.service", "web"),
];

fn inputs_of(step: &Value, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let values = [&VALUES[..], more].concat();
    let with = step["with"].as_object().expect("inputs");
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    with.iter().map(|(name, value)| (name.clone(), filled(&text(value), &values))).collect()
}

#[test]
fn their_steps_are_what_the_action_takes() {
    let known = Action::read().inputs();
    let mut modes = BTreeMap::new();
    for (name, workflow) in workflows() {
        for step in steps(&workflow).into_iter().filter(|step| step["uses"] == "OWNER/landfall@v1") {
            let inputs = inputs_of(step, &[("inputs.digest", "sha256:0")]);
            for (input, _) in &inputs {
                assert!(known.contains(input), "{name}: {input}");
            }
            if inputs.iter().any(|(input, _)| input == "install-only") {
                modes.insert(name.clone(), "installs");
                continue;
            }
            let variable = |name: &str| format!("INPUT_{}", name.to_uppercase().replace('-', "_"));
            let inputs = Inputs::read(&inputs.iter().map(|(n, v)| (variable(n), v.clone())).collect());
            let request = translate(&inputs, false).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(matches!(request.mode, Mode::Deploy(_)), "{name}");
            modes.insert(name.clone(), "deploys");
        }
    }
    let expected = [
        ("deploy", "deploys"),
        ("monorepo", "deploys"),
        ("plan", "deploys"),
        ("promote", "deploys"),
        ("prune", "installs"),
        ("rollback", "installs"),
    ];
    assert_eq!(modes, expected.map(|(name, mode)| (name.to_owned(), mode)).into());
}

/// From one repository to another by its digest, and the service runs it.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_promoted_and_the_service_set_back_by_hand() {
    let mut stage = Stage::new(Scenario::Healthy, 100.0).await;
    stage.sandbox.create_repository("production");
    let digest = stage.image.split_once('@').expect("a digest").1.to_owned();
    let workflows = workflows();
    let promote = steps(&workflows["promote"])[0];
    let inputs = inputs_of(promote, &[("inputs.digest", &digest)]);
    // A GitHub Deployment is another test's.
    let with: Vec<(&str, &str)> = inputs
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .filter(|(n, _)| *n != "github-deployment")
        .collect();
    let ended = stage.run(&with).await.expect_code(0);
    let revision = stage.definition(ended.output("task-definition-arn")).await;
    let image = revision["containerDefinitions"][0]["image"].as_str().expect("an image");
    assert!(image.contains("/production@") && image.ends_with(&digest), "{image}");
    let report = stage.job.workspace().join("landfall-report.html");
    fs::remove_file(&report).expect("what is kept as an artifact");

    for (dry_run, after) in [("true", 2), ("false", 1)] {
        let step =
            steps(&workflows["rollback"]).into_iter().find(|step| step["name"] == "Roll back").expect("it");
        let ran = run(&mut stage, step, &[("inputs.to", "1"), ("inputs.dry-run", dry_run)]).await;
        assert_eq!(ran.0, 0, "{}", ran.1);
        fs::remove_file(&report).expect("what is kept as an artifact");
        let runs = stage.service().await["taskDefinition"].as_str().expect("an ARN").to_owned();
        assert!(runs.ends_with(&format!("web:{after}")), "{runs}");
    }
}

/// A `run:` step of a workflow, after the action has put the program on the path.
async fn run(stage: &mut Stage, step: &Value, more: &[(&str, &str)]) -> (i32, String) {
    let values = [&VALUES[..], more].concat();
    let job: &mut Job = &mut stage.job;
    tokio::task::block_in_place(|| {
        Action::read().run(job, &[("pre-built", program()), ("install-only", "true")]).expect_code(0);
        let variables = step["env"].as_object().into_iter().flatten();
        let variables: Vec<(String, String)> = variables
            .map(|(name, value)| (name.clone(), filled(value.as_str().expect("a text"), &values)))
            .collect();
        job.script(step["run"].as_str().expect("a script"), &variables)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_shows_what_it_would_delete_and_deletes_when_told() {
    let mut stage = Stage::new(Scenario::Healthy, 100.0).await;
    stage.sandbox.create_bucket("env-store").expect("a bucket");
    stage.job.write(
        "landfall.yml",
        "version: 1\ncluster: demo\nenv_store: s3://env-store/prod\nservices:\n  web:\n    containers: { app: { env_file: web.env } }\n",
    );
    stage.job.write("web.env", "A=1\n");
    let workflows = workflows();
    let step = steps(&workflows["prune"]).into_iter().find(|step| step["name"] == "Prune").expect("it");
    for delete in ["false", "", "true"] {
        let before = stage.sandbox.calls().len();
        let (code, log) = run(&mut stage, step, &[("inputs.delete", delete)]).await;
        assert_eq!(code, 0, "{log}");
        let wrote = stage.sandbox.calls()[before..].iter().any(|call| call.write);
        assert!(!wrote, "there is nothing to delete: {log}");
    }
}
