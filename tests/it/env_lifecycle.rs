//! From a `.env` file to what a task has in its environment, through the binary and the stand-in, which reads env
//! objects as ECS does.

use std::collections::BTreeMap;
use std::path::PathBuf;

use landfall_sandbox::{Options, Sandbox, Scenario};
use serde_json::{Value, json};

use crate::stage::{definition, lay_over, leading_to, seeded_image, serve};
use crate::support::{Landfall, Ran, api_calls, writes};

const ARN: &str = "arn:aws:s3:::env-store/prod/web/app/";

/// A service `web` on cluster `demo` whose only container `app` runs, with what it starts from.
struct Stage {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Stage {
    /// `container` is laid over the definition of `app`. `objects` are in the store from the beginning.
    async fn new(scenario: Scenario, container: Value, objects: &[(&str, &str)]) -> Self {
        let options = Options { scenario, speed: 200.0, ..Options::default() };
        let sandbox = Sandbox::start(options).await.expect("it starts");
        sandbox.create_cluster("demo");
        sandbox.create_bucket("env-store").expect("a bucket");
        for (key, content) in objects {
            sandbox.put_object("env-store", key, content.as_bytes()).expect("written");
        }
        let mut app = json!({ "image": seeded_image(&sandbox) });
        lay_over(&mut app, &container);
        serve(&sandbox, &definition(&app), &json!({ "desiredCount": 2 }));
        Self { sandbox, folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    }

    /// `landfall deploy` of these env files.
    fn landfall(&self, files: &[&PathBuf], more: &[&str]) -> Landfall {
        let mut args = vec!["deploy", "--output", "json", "--cluster", "demo", "--service", "web"];
        args.extend(["--env-store", "s3://env-store/prod"]);
        for file in files {
            args.extend(["--env-file", file.to_str().expect("UTF-8")]);
        }
        args.extend(more);
        Landfall::new(&args).envs(&leading_to(&self.sandbox))
    }

    async fn deploy(&self, files: &[&PathBuf], more: &[&str]) -> Ran {
        let landfall = self.landfall(files, more);
        tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran")
    }

    async fn deploy_text(&self, content: &str) -> Value {
        let file = self.file("app.env", content);
        self.deploy(&[&file], &[]).await.expect_code(0).report()
    }

    /// What each running task has, with its revision; the same for all of them.
    fn inside(&self) -> (String, BTreeMap<String, String>) {
        let mut tasks: Vec<(String, BTreeMap<String, String>)> = self
            .sandbox
            .running_tasks("demo", "web")
            .into_iter()
            .map(|task| {
                let revision = task.task_definition.rsplit('/').next().expect("a revision").to_owned();
                (revision, task.environments["app"].clone())
            })
            .collect();
        assert_eq!(tasks.len(), 2, "{tasks:?}");
        tasks.dedup();
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        tasks.remove(0)
    }
}

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_means_is_what_its_tasks_have() {
    let stage = Stage::new(Scenario::Healthy, json!({}), &[]).await;
    stage
        .deploy_text("\u{feff}export QUOTED=\"a b\"\r\n# note\r\n  # indented=comment\r\nPLAIN= x # why\r\nEMPTY=\r\nHASH='a #b'\r\n")
        .await;
    let expected = [("EMPTY", ""), ("HASH", "a #b"), ("PLAIN", "x"), ("QUOTED", "a b")];
    assert_eq!(stage.inside(), ("web:2".to_owned(), environment(&expected)));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_change_of_the_variables_makes_a_revision() {
    let stage = Stage::new(Scenario::Healthy, json!({}), &[]).await;
    let registered =
        |report: &Value| api_calls(report).get("ecs:RegisterTaskDefinition").copied().unwrap_or(0);
    assert_eq!(registered(&stage.deploy_text("A=1\nB=\n").await), 1);
    // Nothing of the meaning has changed: the order, quotes, a comment.
    for same in ["A=1\nB=\n", "# comment\nB=\"\"\nA='1'\n"] {
        let report = stage.deploy_text(same).await;
        assert_eq!((report["verdict"].as_str(), writes(&report)), (Some("unchanged"), vec![]), "{report}");
    }
    // An empty variable that gets a value, and one that goes.
    assert_eq!(registered(&stage.deploy_text("A=1\nB=2\n").await), 1);
    assert_eq!(stage.inside().1, environment(&[("A", "1"), ("B", "2")]));
    assert_eq!(registered(&stage.deploy_text("A=1\nB=\nC=\n").await), 1);
    assert_eq!(stage.inside().1, environment(&[("A", "1"), ("B", ""), ("C", "")]));
    assert_eq!(registered(&stage.deploy_text("A=1\n").await), 1);
    assert_eq!(stage.inside(), ("web:5".to_owned(), environment(&[("A", "1")])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_brings_back_the_values_of_the_earlier_revision() {
    // SHA-256 of "VERSION=one\n".
    let hash = "1eaedf356def6a583e2ddd1b4669e6761758f0b09bc7756fff9617d3a5f31482";
    let key = format!("prod/web/app/{hash}.env");
    let container = json!({"environmentFiles": [{"type": "s3", "value": format!("{ARN}{hash}.env")}]});
    let stage = Stage::new(Scenario::CrashLoop, container, &[(&key, "VERSION=one\n")]).await;
    let file = stage.file("two.env", "VERSION=two\nNEW=\n");
    let ran = stage.deploy(&[&file], &[]).await.expect_code(4);
    assert_eq!(ran.report()["verdict"], "rolled-back");
    assert_eq!(stage.inside(), ("web:1".to_owned(), environment(&[("VERSION", "one")])));
    // Tasks that start later read the same file: the new content has its own.
    let stored = &ran.report()["services"][0]["env_files"][0]["arn"];
    assert!(stored.as_str().is_some_and(|arn| arn.starts_with(ARN) && !arn.contains(hash)), "{stored}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_count_in_the_order_in_which_they_are_named() {
    let stage = Stage::new(
        Scenario::Healthy,
        json!({
            "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::env-store/shared.env"}],
            "environment": [{"name": "LEVEL", "value": "info"}],
            "secrets": [{"name": "KEY", "valueFrom": "/key"}]
        }),
        &[("shared.env", "A=shared\nSHARED=yes\n")],
    )
    .await;
    let first = stage.file("first.env", "A=first\nEMPTY=\nLEVEL=debug\n");
    let second = stage.file("second.env", "A=second\nEMPTY=x\nSECOND=yes\n");
    let ran = stage.deploy(&[&first, &second], &[]).await.expect_code(0);
    let expected = [
        ("A", "first"),
        ("EMPTY", ""),
        ("KEY", "<secret /key>"),
        ("LEVEL", "info"),
        ("SECOND", "yes"),
        ("SHARED", "yes"),
    ];
    assert_eq!(stage.inside().1, environment(&expected));
    // The plan has said so: where each comes from, what it hides, whether it changes.
    let events = ran.events();
    let planned = events.iter().find(|event| event["event"] == "planned").expect("a plan");
    let told: Vec<String> = planned["variables"][0]["variables"]
        .as_array()
        .expect("variables")
        .iter()
        .map(|variable| {
            let from = variable["from"]["file"].as_str().or(variable["from"]["kind"].as_str());
            let from = from.expect("a source").rsplit('/').next().expect("a name");
            let hidden = variable["hidden"].as_array().map_or(0, Vec::len);
            format!(
                "{} {from} {hidden} {}",
                variable["name"].as_str().expect("a name"),
                variable["change"].as_str().expect("a change")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "A first.env 2 changed",
            "EMPTY environment 1 added",
            "KEY secret 0 unchanged",
            "LEVEL environment 1 unchanged",
            "SECOND second.env 0 added",
            "SHARED shared.env 0 unchanged",
        ]
    );
    let checked = events.iter().find(|event| event["event"] == "env_file_checked").expect("findings");
    let codes: Vec<&str> =
        checked["findings"].as_array().expect("findings").iter().filter_map(|f| f["code"].as_str()).collect();
    assert_eq!(codes, ["env-empty", "env-in-environment"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_as_it_is_meant_refuses_before_anything_is_written() {
    let stage =
        Stage::new(Scenario::Healthy, json!({"secrets": [{"name": "KEY", "valueFrom": "/key"}]}), &[]).await;
    for (content, policy, expected) in [
        (
            "A=1\nA=canary-2\n",
            "normalize",
            "app.env:2:1: `A`: a name stands in the file twice [env-duplicate]",
        ),
        ("A=1\nB='canary\n", "normalize", "app.env:2:3: `B`: a quote is not closed [env-unbalanced-quote]"),
        (
            "A=1\nKEY=canary\n",
            "normalize",
            "app.env:2:1: `KEY`: `secrets` sets this name too [env-in-secrets]",
        ),
        ("A='1'\nB=canary\n", "strict", "app.env:1:3: `A`: quotes are part of the value [env-quotes]"),
    ] {
        let file = stage.file("app.env", content);
        let ran = stage.deploy(&[&file], &["--env-policy", policy]).await.expect_code(2);
        let error = &ran.report()["error"];
        assert!(error["message"].as_str().is_some_and(|text| text.contains(expected)), "{error}");
        assert!(error["hint"].is_string(), "{error}");
        assert_eq!(writes(&ran.report()), Vec::<String>::new());
        assert!(!ran.all().contains("canary"), "{}", ran.all());
    }
    // As it is, whatever that means to ECS.
    let file = stage.file("app.env", "A='1'\nB=\nA=2\n");
    stage.deploy(&[&file], &["--env-policy", "verbatim"]).await.expect_code(0);
    assert_eq!(stage.inside().1, environment(&[("A", "2"), ("KEY", "<secret /key>")]));
}

/// Of the same content one writes; of different contents each has its own object, whole.
#[tokio::test(flavor = "multi_thread")]
async fn deploys_at_once_overwrite_nothing() {
    let stage = Stage::new(Scenario::Healthy, json!({}), &[]).await;
    let files: Vec<PathBuf> =
        (0..6).map(|n| stage.file(&format!("{n}.env"), &format!("N={}\n", n % 3))).collect();
    let runs = files.iter().map(|file| {
        let landfall = stage.landfall(&[file], &["--wait-for", "none"]);
        tokio::task::spawn_blocking(move || landfall.run())
    });
    let mut outcomes = BTreeMap::<String, Vec<String>>::new();
    for run in futures_util::future::join_all(runs).await {
        // One that registers at the same time may be refused by ECS; what is stored is what counts here.
        let events = run.expect("it ran").events();
        let stored = events.iter().find(|event| event["event"] == "env_file_stored").expect("it is stored");
        let text = |key: &str| stored[key].as_str().expect("a text").to_owned();
        outcomes.entry(text("arn")).or_default().push(text("outcome"));
    }
    assert_eq!(outcomes.len(), 3, "{outcomes:?}");
    for (arn, outcomes) in outcomes {
        let uploaded = outcomes.iter().filter(|outcome| *outcome == "uploaded").count();
        assert_eq!((uploaded, outcomes.len()), (1, 2), "{arn}: {outcomes:?}");
    }
    let puts = stage.sandbox.calls().into_iter().filter(|call| call.operation == "PutObject");
    assert_eq!(puts.filter(|call| call.http_status == 200).count(), 3);
}
