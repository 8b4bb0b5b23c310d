//! Plans through the binary: what they say, and that a deploy does what they list and nothing else.

use landfall_sandbox::{Options, Sandbox, Scenario};
use serde_json::{Value, json};

use crate::stage::{LongLived, definition, lay_over, leading_to, seeded_image, serve};
use crate::support::{Landfall, Ran, api_calls, writes};

const HELLO: &str = "examples/hello/landfall.yml";
const CANARY: &str = "canary-7f3a91";

fn planned(ran: &Ran) -> Value {
    let events = ran.events();
    events.into_iter().find(|event| event["event"] == "planned").expect("a plan")
}

/// A service `web` on cluster `demo`, and a folder with a configuration for it.
struct Stage {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn new(container: Value, service: &Value, config: &str) -> Self {
        Self::in_scenario(Scenario::Healthy, container, service, config).await
    }

    async fn in_scenario(scenario: Scenario, container: Value, service: &Value, config: &str) -> Self {
        let sandbox = Sandbox::start(Options { scenario, speed: 200.0, ..Options::default() })
            .await
            .expect("it starts");
        sandbox.create_cluster("demo");
        let mut app = json!({ "image": seeded_image(&sandbox) });
        lay_over(&mut app, &container);
        let document = definition(&app);
        serve(&sandbox, &document, service);
        let stage = Self { sandbox, folder: tempfile::tempdir().expect("a folder") };
        stage.write("landfall.yml", &format!("version: 1\ncluster: demo\nservices:\n  web:\n{config}"));
        stage.write("web.json", &document.to_string());
        stage
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).expect("written");
    }

    async fn run(&self, args: &[&str]) -> Ran {
        let landfall = Landfall::new(args).in_folder(self.folder.path()).envs(&leading_to(&self.sandbox));
        tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran")
    }

    async fn deploy(&self, more: &[&str]) -> Ran {
        let args: Vec<&str> = ["deploy", "--output", "json"].iter().chain(more).copied().collect();
        self.run(&args).await
    }

    /// The service as the account has it.
    async fn service(&self) -> Value {
        let ran = self.run(&["diff", "live", "live", "--output", "json"]).await.expect_code(0);
        assert_eq!(writes(&ran.report()), Vec::<String>::new());
        json!(self.sandbox.running_tasks("demo", "web").len())
    }
}

#[test]
fn a_deploy_makes_exactly_the_calls_that_the_plan_lists() {
    let sandbox = LongLived::start(&["--config", HELLO]);
    let deploy = ["deploy", "--config", HELLO, "--output", "json"];
    let dry = sandbox.landfall(&[&deploy[..], &["--dry-run"]].concat()).run().expect_code(0);
    assert_eq!(writes(&dry.report()), Vec::<String>::new());
    let calls = planned(&dry)["details"]["calls"].clone();
    let listed = ["ecr push", "s3:PutObject", "ecs:RegisterTaskDefinition", "ecs:UpdateService"];
    assert_eq!(calls, json!(listed));

    let ran = sandbox.landfall(&deploy).run().expect_code(0);
    // What is printed first is what was printed alone.
    assert_eq!(planned(&ran)["details"], planned(&dry)["details"]);
    assert_eq!(planned(&ran)["changes"], planned(&dry)["changes"]);
    let report = ran.report();
    let mut made = writes(&report);
    made.sort();
    assert_eq!(made, ["ecs:RegisterTaskDefinition", "ecs:UpdateService", "s3:PutObject"]);
    let counts = api_calls(&report);
    assert!(made.iter().all(|name| counts[name] == 1), "{counts:?}");
    assert_eq!(report["services"][0]["pushes"].as_array().map(Vec::len), Some(1));

    let again = sandbox.landfall(&[&deploy[..], &["--dry-run", "--detailed-exitcode"]].concat()).run();
    let again = again.expect_code(0);
    assert_eq!(planned(&again)["changes"], json!([]));
    assert_eq!(planned(&again)["details"]["task_definition"], Value::Null);
    assert_eq!(planned(&again)["details"]["calls"], Value::Null);
}

#[test]
fn a_plan_says_how_the_rollout_will_go_and_what_it_costs() {
    let sandbox = LongLived::start(&["--config", HELLO]);
    let dry = ["deploy", "--config", HELLO, "--dry-run", "--output", "plain"];
    let shown = sandbox.landfall(&dry).run().expect_code(0).stdout();
    assert!(
        shown.contains("rollout   ROLLING: 2 tasks wanted, at most 4 at once, at least 2 stay healthy"),
        "{shown}"
    );
    assert!(shown.contains("an estimate by list prices of 2026-10-05"), "{shown}");
    assert!(
        shown.contains("calls     ecr push, s3:PutObject, ecs:RegisterTaskDefinition, ecs:UpdateService"),
        "{shown}"
    );
    assert!(shown.contains("the plan took "), "{shown}");

    let folder = tempfile::tempdir().expect("a folder");
    let prices = folder.path().join("prices.json");
    let table = r#"{"date": "2027-01-01", "regions": {"ap-northeast-2": {"x86": {"vcpu": 1.0, "gb": 0.0}}}}"#;
    std::fs::write(&prices, table).expect("written");
    let own = [&dry[..], &["--prices", prices.to_str().expect("UTF-8")]].concat();
    let shown = sandbox.landfall(&own).run().expect_code(0).stdout();
    assert!(shown.contains("list prices of 2027-01-01"), "{shown}");
    std::fs::write(&prices, "{\"date\": 1}").expect("written");
    let ran = sandbox.landfall(&own).run().expect_code(2);
    assert!(ran.all().contains("prices.json: "), "{}", ran.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_of_the_service_go_with_the_task_definition_in_one_call() {
    let config = "    task_definition: web.json\n    service_definition: service.json\n";
    let stage = Stage::new(json!({}), &json!({ "desiredCount": 2 }), config).await;
    let network = |subnets: &[&str]| json!({ "awsvpcConfiguration": { "subnets": subnets, "securityGroups": ["sg-0a"], "assignPublicIp": "ENABLED" } });
    // The same in other words, and a count that is left to whoever scales.
    let same = json!({
        "serviceName": "web", "desiredCount": 9, "launchType": "FARGATE",
        "networkConfiguration": network(&["subnet-0a"])
    });
    stage.write("service.json", &same.to_string());
    assert_eq!(stage.deploy(&[]).await.expect_code(0).report()["verdict"], "unchanged");

    // What starts no deployment is one call and no rollout.
    let grace =
        json!({ "deploymentConfiguration": { "minimumHealthyPercent": 50 }, "invented": { "deep": [1] } });
    stage.write("service.json", &grace.to_string());
    let ran = stage.deploy(&[]).await.expect_code(0);
    assert_eq!(planned(&ran)["details"]["calls"], json!(["ecs:UpdateService"]));
    assert_eq!(planned(&ran)["details"]["attributes"][0]["starts_deployment"], false);
    let report = ran.report();
    assert_eq!(writes(&report), ["ecs:UpdateService"]);
    assert_eq!(report["services"][0]["deployment_id"], Value::Null);
    assert!(report["services"][0]["reason"].as_str().expect("a reason").contains("no rollout"));
    assert_eq!(stage.deploy(&[]).await.expect_code(0).report()["verdict"], "unchanged");

    // What does is followed, with the same revision or a new one.
    stage.write("service.json", &json!({ "networkConfiguration": network(&["subnet-0b"]) }).to_string());
    let ran = stage.deploy(&[]).await.expect_code(0);
    assert_eq!(planned(&ran)["details"]["attributes"][0]["starts_deployment"], true);
    let report = ran.report();
    assert_eq!(writes(&report), ["ecs:UpdateService"]);
    assert!(report["services"][0]["steady_at_ms"].is_u64(), "{report}");

    stage.write(
        "service.json",
        &json!({ "networkConfiguration": network(&["subnet-0a", "subnet-0b"]) }).to_string(),
    );
    let ran = stage.deploy(&["--env", "LEVEL=2"]).await.expect_code(0);
    let report = ran.report();
    assert_eq!(api_calls(&report).get("ecs:UpdateService"), Some(&1));
    assert_eq!(stage.deploy(&["--env", "LEVEL=2"]).await.expect_code(0).report()["verdict"], "unchanged");
    assert_eq!(stage.service().await, json!(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desired_count_is_set_only_where_that_is_asked_for() {
    let config = "    service_definition: service.json\n    desired_count: from-file\n";
    let stage = Stage::new(json!({}), &json!({ "desiredCount": 1 }), config).await;
    stage.write("service.json", r#"{"desiredCount": 3}"#);
    let ran = stage.deploy(&[]).await.expect_code(0);
    let attribute = planned(&ran)["details"]["attributes"][0].clone();
    assert_eq!((&attribute["before"], &attribute["after"]), (&json!("1"), &json!("3")), "{attribute}");
    assert_eq!(writes(&ran.report()), ["ecs:UpdateService"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_update_can_change_is_refused_before_anything() {
    let stage = Stage::new(json!({}), &json!({}), "    service_definition: service.json\n").await;
    for (file, code, expected) in [
        (r#"{"launchType": "EC2"}"#, 3, "says launchType EC2, the service has FARGATE"),
        (r#"{"serviceName": "other"}"#, 2, "it is of the service other"),
        ("{", 2, "service.json:1:"),
    ] {
        stage.write("service.json", file);
        let ran = stage.deploy(&[]).await.expect_code(code);
        assert!(ran.all().contains(expected), "{}", ran.all());
        assert_eq!(writes(&ran.report()), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendered_document_is_what_would_be_registered_and_shows_values_only_when_asked() {
    let container = json!({
        "environment": [{ "name": "FROM_FILE", "value": CANARY }],
        "dockerLabels": { "owner": CANARY },
        "command": ["serve", "--password", CANARY]
    });
    let config = format!(
        "    task_definition: web.json\n    containers:\n      app:\n        environment: {{ FROM_CONFIG: {CANARY} }}\n"
    );
    let stage = Stage::new(container, &json!({}), &config).await;
    let masked = stage.run(&["render"]).await.expect_code(0);
    assert!(!masked.all().contains(CANARY), "{}", masked.all());
    let document: Value = serde_json::from_str(&masked.stdout()).expect("JSON alone");
    let app = &document["containerDefinitions"][0];
    assert_eq!(app["environment"][1], json!({ "name": "FROM_CONFIG", "value": "***" }));
    assert_eq!(app["command"], json!(["serve", "--password", "***"]));

    let whole = stage.run(&["render", "web", "--show-values", "--output", "json"]).await.expect_code(0);
    let document: Value = serde_json::from_str(&whole.stdout()).expect("JSON alone");
    assert_eq!(document["containerDefinitions"][0]["environment"][1]["value"], CANARY);
    assert!(!whole.stderr().contains(CANARY), "{}", whole.stderr());

    // What is registered is what was rendered.
    stage.deploy(&[]).await.expect_code(0);
    stage.write("web.json", &document.to_string());
    assert_eq!(stage.deploy(&[]).await.expect_code(0).report()["verdict"], "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_awss_model_does_not_know_is_told_with_its_place_and_sent() {
    let config = "    task_definition: web.json\n    service_definition: service.yml\n";
    let stage = Stage::new(json!({ "inventedField": 1 }), &json!({}), config).await;
    stage.write("service.yml", "serviceName: web\nenableFlying: true\n");
    let ran = stage.deploy(&["--dry-run"]).await.expect_code(0);
    let events = ran.events();
    let warnings = events.iter().filter(|event| event["event"] == "warning");
    let told: Vec<&str> = warnings.filter_map(|event| event["message"].as_str()).collect();
    let [task, service] = told[..] else { panic!("{}", ran.all()) };
    assert!(task.contains("web.json:1:") && task.contains("`inventedField`"), "{task}");
    assert!(service.contains("service.yml:2:") && service.contains("`enableFlying`"), "{service}");
    assert!(service.ends_with("[unknown-field]"), "{service}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_two_task_definitions_are_compared() {
    let config = "    task_definition: web.json\n";
    let stage = Stage::new(json!({ "stopTimeout": 10 }), &json!({}), config).await;
    let diff = async |args: &[&str]| {
        let args: Vec<&str> = ["diff"].iter().chain(args).chain(&["--output", "json"]).copied().collect();
        stage.run(&args).await
    };
    diff(&["file", "live", "--detailed-exitcode"]).await.expect_code(0);
    let mut changed: Value =
        serde_json::from_str(&std::fs::read_to_string(stage.folder.path().join("web.json")).expect("read"))
            .expect("JSON");
    changed["containerDefinitions"][0]["stopTimeout"] = json!(20);
    changed["containerDefinitions"][0]["environment"] = json!([{ "name": "A", "value": CANARY }]);
    stage.write("web.json", &changed.to_string());
    // Live against file is what is asked most.
    let ran = diff(&["--detailed-exitcode"]).await.expect_code(10);
    assert!(!ran.all().contains(CANARY), "{}", ran.all());
    let compared = ran.events().into_iter().find(|event| event["event"] == "definitions_compared");
    let compared = compared.expect("a comparison");
    assert_eq!(compared["from"], "live (web:1)");
    assert_eq!(
        compared["differences"],
        json!([
            { "path": "containerDefinitions[app].environment[A]", "kind": "added", "hidden": true },
            { "path": "containerDefinitions[app].stopTimeout", "kind": "changed", "before": "10", "after": "20" },
        ])
    );
    stage.deploy(&[]).await.expect_code(0);
    diff(&["1", "web:2"]).await.expect_code(0);
    diff(&["1", "web:2", "--detailed-exitcode"]).await.expect_code(10);
    diff(&["live", "2", "--detailed-exitcode"]).await.expect_code(0);
    diff(&["live", "77"]).await.expect_code(3);
    diff(&["live", "nonsense:x"]).await.expect_code(2);
    let shown = stage.run(&["diff", "1", "live", "--output", "plain"]).await.expect_code(0).stdout();
    assert!(shown.contains("~ app.stopTimeout") && shown.contains("10 -> 20"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn markdown_is_one_comment_that_nothing_breaks_out_of() {
    let evil = "`|<script src=x>@octocat</details>\n```";
    let container = json!({ "user": "1000" });
    let stage = Stage::new(container, &json!({}), "    task_definition: web.json\n").await;
    let mut changed: Value =
        serde_json::from_str(&std::fs::read_to_string(stage.folder.path().join("web.json")).expect("read"))
            .expect("JSON");
    changed["containerDefinitions"][0]["user"] = json!(evil);
    changed["containerDefinitions"][0]["environment"] = json!([{ "name": "A", "value": CANARY }]);
    stage.write("web.json", &changed.to_string());
    let ran = stage.run(&["deploy", "--dry-run", "--output", "markdown"]).await.expect_code(0);
    let text = ran.stdout();
    assert!(
        text.starts_with("<!-- landfall -->\n### Landfall plan: 1 of 1 service would change\n"),
        "{text}"
    );
    assert!(!text.contains(CANARY));
    assert!(text.contains("\n````diff\n") && text.contains("\n````\n"), "the fence is longer: {text}");
    assert!(
        text.contains("- app.user: 1000\n+ app.user: `|<script src=x>@octocat</details> ```\n"),
        "{text}"
    );
    assert!(ran.stderr().contains("plan"), "what goes on is told beside it: {}", ran.stderr());
    // Out of the block nothing of it stands as it is.
    let outside: String = text.split("````").step_by(2).collect();
    assert!(!outside.contains("octocat") && !outside.contains("<script src=x>"), "{outside}");
    assert_eq!(outside.matches("<details>").count(), outside.matches("</details>").count());

    let done = stage.run(&["deploy", "--output", "markdown"]).await.expect_code(0).stdout();
    assert!(done.contains("### Landfall: succeeded"), "{done}");
    assert!(done.contains("| <code>web</code> | **succeeded** | <code>web&#58;2</code> |"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_puts_the_attributes_back_with_the_revision() {
    let config = "    task_definition: web.json\n    service_definition: service.json\n";
    let stage =
        Stage::in_scenario(Scenario::CrashLoop, json!({}), &json!({ "desiredCount": 2 }), config).await;
    let before = json!({
        "networkConfiguration": {
            "awsvpcConfiguration": { "subnets": ["subnet-0a"], "securityGroups": ["sg-0a"], "assignPublicIp": "ENABLED" }
        },
        "healthCheckGracePeriodSeconds": 0
    });
    let mut after = before.clone();
    after["networkConfiguration"]["awsvpcConfiguration"]["subnets"] = json!(["subnet-0b"]);
    after["healthCheckGracePeriodSeconds"] = json!(5);
    stage.write("service.json", &after.to_string());
    let ran = stage.deploy(&["--env", "LEVEL=2"]).await.expect_code(4);
    let report = ran.report();
    assert_eq!(report["verdict"], "rolled-back");
    assert_eq!(api_calls(&report).get("ecs:UpdateService"), Some(&2), "there and back: {}", ran.all());
    stage.write("service.json", &before.to_string());
    let ran = stage.deploy(&["--dry-run", "--detailed-exitcode"]).await.expect_code(0);
    assert_eq!(planned(&ran)["changes"], json!([]));
}
