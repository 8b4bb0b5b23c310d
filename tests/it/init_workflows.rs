//! `landfall init --from` over workflows of public repositories, which are read where they lie beside this one.

use std::collections::HashMap;
use std::path::Path;

use futures_util::{StreamExt, stream};
use landfall::config::{Config, ImageConfig, Overrides, TaskDefinitionSource, load};
use landfall::image::Reference;
use landfall_sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use crate::corpus::corpus_folder;
use crate::stage::{definition, leading_to, network};
use crate::support::{Landfall, Ran};

/// A converted workflow *plans* when a dry run of it gets to its end in the account that its user has: the variables are
/// set, the task definition lies where it names a file, and its cluster, services, repositories and images are there.
#[tokio::test(flavor = "multi_thread")]
async fn four_of_five_workflows_that_use_the_official_action_become_a_configuration_that_plans() {
    let folder = corpus_folder("workflows");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("the corpus is not beside the repository: no workflow was converted");
        return;
    };
    let mut files: Vec<_> = entries.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let mut chosen = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("UTF-8");
        // In a comment it is not used.
        let used = |line: &str| {
            !line.trim_start().starts_with('#')
                && line.contains("aws-actions/amazon-ecs-deploy-task-definition")
        };
        if text.lines().any(used) {
            chosen.push(file);
        }
    }
    let all = chosen.len();
    let runs = stream::iter(chosen).map(|file| async move {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        converts_and_plans(&file).await.map_err(|why| format!("{name}: {why}"))
    });
    let ran: Vec<Result<(), String>> = runs.buffered(4).collect().await;
    let refused: Vec<String> = ran.into_iter().filter_map(Result::err).collect();
    let planned = all - refused.len();
    println!("{planned} of {all} workflows become a configuration that plans\n{}", refused.join("\n"));
    assert!(all > 0, "there are no workflows in {}", folder.display());
    assert!(planned * 5 >= all * 4, "{planned} of {all}; the others:\n{}", refused.join("\n"));
}

async fn converts_and_plans(file: &Path) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_str().expect("UTF-8");
    let ran = run(Landfall::new(&["init", "--from", file.to_str().expect("UTF-8"), "--out", out])).await;
    if ran.code() != 0 {
        return Err(ran.stderr());
    }
    let path = folder.path().join("landfall.yml");
    let text = std::fs::read_to_string(&path).expect("written");
    if text.contains("${{") {
        return Err(format!("something is left open:\n{text}"));
    }
    let variables = stand_ins(&text);
    let config =
        load(Some(&path), &Overrides::default(), &variables).map_err(|error| format!("{error}\n{text}"))?;
    let sandbox = account_of(&config, folder.path()).await.map_err(|error| format!("{error}\n{text}"))?;
    let variables: Vec<(String, String)> = variables.into_iter().collect();
    let deploy = Landfall::new(&["deploy", "--dry-run", "--detailed-exitcode", "--output", "json"])
        .in_folder(folder.path())
        .envs(&variables)
        .envs(&leading_to(&sandbox))
        // Nothing is asked of the world outside: a registry that is not ECR's cannot be reached, and such a workflow
        // counts as one that does not plan.
        .env("HTTPS_PROXY", "http://127.0.0.1:9");
    let ran = run(deploy).await;
    sandbox.shutdown().await;
    // Nothing to do, or something.
    if [0, 10].contains(&ran.code()) {
        return Ok(());
    }
    let report = ran.report();
    Err(format!(
        "exit {}: {}; checks: {}",
        ran.code(),
        report["error"]["message"],
        report["services"][0]["checks"]
    ))
}

/// Runs it without standing in the way of the sandboxes, which answer on the same threads.
async fn run(landfall: Landfall) -> Ran {
    tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran")
}

/// What a user sets where the configuration names a variable.
fn stand_ins(text: &str) -> HashMap<String, String> {
    let mut variables = HashMap::new();
    for (at, _) in text.match_indices("${") {
        let name: String =
            text[at + 2..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let value = match name.as_str() {
            name if name.contains("REGISTRY") => "000000000000.dkr.ecr.us-east-1.amazonaws.com".to_owned(),
            name if name.contains("REGION") => "us-east-1".to_owned(),
            name if ["IMAGE", "URI", "URL"].iter().any(|word| name.ends_with(word)) => {
                "000000000000.dkr.ecr.us-east-1.amazonaws.com/app".to_owned()
            }
            name if name.contains("ACCOUNT") => "000000000000".to_owned(),
            name => name.to_lowercase().replace('_', "-"),
        };
        variables.insert(name, value);
    }
    variables
}

/// An account with what the configuration names; its task definitions are written into the folder.
async fn account_of(config: &Config, folder: &Path) -> Result<Sandbox, String> {
    let images: Vec<&Reference> = config
        .services
        .iter()
        .flat_map(|service| &service.containers)
        .filter_map(|container| match container.image.as_ref()? {
            ImageConfig::Existing(reference) => Some(reference),
            ImageConfig::Push(push) => push.to.first(),
        })
        .collect();
    let mut options = Options::default();
    if let Some(region) = &config.region {
        options.region.clone_from(region);
    }
    if let Some(ecr) = images.iter().find_map(|reference| reference.is_ecr()) {
        options.account = ecr.account;
    }
    let role = format!("arn:aws:iam::{}:role/execution", options.account);
    let registry = format!("{}.dkr.ecr.{}.amazonaws.com", options.account, options.region);
    let sandbox = Sandbox::start(options).await.expect("a sandbox");
    sandbox.create_cluster(config.cluster.rsplit('/').next().unwrap_or_default());
    for Reference { repository, tag, .. } in images {
        sandbox.create_repository(repository);
        sandbox.seed_image(repository, tag.as_deref().unwrap_or("latest")).expect("an image");
    }
    sandbox.create_repository("before");
    let digest = sandbox.seed_image("before", "v1").expect("an image");
    let before = format!("{registry}/before@{digest}");
    for service in &config.services {
        // The official action renders containers that the task definition has. What their secrets name comes with them.
        let mut containers = Vec::new();
        for container in &service.containers {
            let secrets = container.secrets.iter();
            let secrets: Value =
                secrets.map(|(name, from)| json!({ "name": name, "valueFrom": from })).collect();
            containers.push(json!({
                "name": container.name, "image": before, "essential": true, "secrets": secrets
            }));
        }
        if containers.is_empty() {
            containers.push(json!({ "name": "app", "image": before, "essential": true }));
        }
        let mut document = definition(&json!({}));
        document["executionRoleArn"] = json!(role);
        document["containerDefinitions"] = Value::from(containers);
        if let TaskDefinitionSource::File(path) = &service.task_definition {
            if !path.starts_with(folder) || path.to_string_lossy().contains('$') {
                return Err(format!("{} is no file of the repository", path.display()));
            }
            std::fs::create_dir_all(path.parent().expect("a folder")).map_err(|error| error.to_string())?;
            std::fs::write(path, document.to_string()).map_err(|error| error.to_string())?;
        }
        let revision = sandbox.register_task_definition(&document).map_err(|error| format!("{error:?}"))?;
        let creation = json!({
            "cluster": config.cluster, "serviceName": service.service, "taskDefinition": revision,
            "desiredCount": 1, "launchType": "FARGATE", "networkConfiguration": network()
        });
        sandbox.create_service(&creation).map_err(|error| format!("{error:?}"))?;
    }
    sandbox.settle().expect("it is steady");
    Ok(sandbox)
}
