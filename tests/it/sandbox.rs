//! The main job through the binary against the embedded stand-in.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::stage::{LongLived, SCENARIOS, SPEED};
use crate::support::{Landfall, Ran, api_calls, findings, root, signal, writes};

const HELLO: &str = "examples/hello/landfall.yml";

fn deploy(scenario: &str) -> Ran {
    let sandbox = format!("--sandbox={scenario}");
    Landfall::new(&["deploy", &sandbox, "--sandbox-speed", SPEED, "--config", HELLO, "--output", "json"])
        .run()
}

#[test]
fn the_readme_command_deploys_the_example() {
    let ran = Landfall::new(&["deploy", "--sandbox", "--config", HELLO]).run().expect_code(0);
    assert!(ran.stdout().contains("succeeded") || ran.stdout().contains("deployed"), "{}", ran.all());
}

#[test]
fn a_healthy_deployment_meets_the_five_conditions() {
    let ran = deploy("healthy").expect_code(0);
    let report = ran.report();
    let service = &report["services"][0];
    assert_eq!(report["verdict"], "succeeded");
    assert_eq!(service["verdict"], "succeeded");
    assert_eq!(service["findings"], serde_json::json!([]));
    assert_eq!(service["zero_downtime"]["verdict"], "observed", "{report}");
    assert!(service["zero_downtime"]["lowest"].as_u64() >= service["zero_downtime"]["floor"].as_u64());
    assert!(service["zero_downtime"]["observations"].as_u64() >= Some(2));
    assert!(service["healthy_at_ms"].as_u64() <= service["steady_at_ms"].as_u64(), "{report}");
    assert!(service["steady_at_ms"].is_u64());
    assert!(service["image_digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")));
    assert_eq!(service["env_files"][0]["outcome"], "uploaded");
    assert_ne!(service["task_definition"], service["previous_task_definition"]);

    // The conditions again, from what the events say of the last look.
    let events = ran.events();
    let deployment = service["deployment_id"].as_str().expect("an id");
    let followed =
        last(&events, |e| e["event"] == "deployment_changed" && e["deployment"]["id"] == deployment);
    assert_eq!(followed["deployment"]["status"], "PRIMARY");
    assert_eq!(followed["deployment"]["task_definition"], service["task_definition"]);
    assert_eq!(followed["deployment"]["running"], followed["deployment"]["desired"]);
    assert_eq!(followed["deployment"]["pending"], 0);
    assert_eq!(followed["deployment"]["rollout_state"], "COMPLETED");
    let mut tasks = std::collections::BTreeMap::new();
    for event in
        events.iter().filter(|event| event["event"] == "task_changed" && event["task"]["role"] == "followed")
    {
        tasks.insert(event["task"]["id"].to_string(), event["task"].clone());
    }
    assert_eq!(Some(tasks.len() as u64), followed["deployment"]["desired"].as_u64());
    for task in tasks.values() {
        assert_eq!(task["last_status"], "RUNNING", "{task}");
        assert_eq!(task["targets"][0]["state"], "healthy", "{task}");
    }
    assert!(events.iter().any(|e| e["event"] == "deployment_gone"), "the old deployment drained");

    let calls = api_calls(&report);
    assert_eq!(calls.get("ecs:UpdateService"), Some(&1), "exactly one UpdateService: {calls:?}");
    assert_eq!(calls.get("ecs:RegisterTaskDefinition"), Some(&1), "{calls:?}");
}

fn last(events: &[Value], matches: impl Fn(&Value) -> bool) -> Value {
    events.iter().rev().find(|event| matches(event)).expect("there is such an event").clone()
}

#[test]
fn every_line_has_a_time_and_a_known_event() {
    let ran = deploy("healthy").expect_code(0);
    for event in ran.events() {
        let time: Result<jiff::Timestamp, _> = event["time"].as_str().expect("a time").parse();
        assert!(time.is_ok(), "{event}");
        let name = event["event"].as_str().expect("a name");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
    }
    assert_eq!(ran.events()[0]["event"], "run_started");
}

#[test]
fn a_slow_rollout_succeeds() {
    assert_eq!(deploy("slow").expect_code(0).report()["verdict"], "succeeded");
}

#[test]
fn throttling_is_retried() {
    let report = deploy("throttled").expect_code(0).report();
    assert_eq!(report["verdict"], "succeeded");
    assert_eq!(report["services"][0]["verdict"], "succeeded");
}

/// Scenario, verdict, exit code, the finding that names the cause.
#[test]
fn a_failure_has_its_verdict_its_exit_code_and_its_cause() {
    for (scenario, verdict, code, finding) in [
        ("crash-loop", "rolled-back", 4, Some("essential-container-exited")),
        ("image-not-found", "rolled-back", 4, Some("image-not-found")),
        ("env-file-denied", "rolled-back", 4, Some("env-file-denied")),
        ("unhealthy-target", "rolled-back", 4, Some("elb-health-check-failed")),
        ("breaker-rollback", "rolled-back", 4, Some("essential-container-exited")),
        ("superseded", "superseded", 7, None),
    ] {
        let ran = deploy(scenario).expect_code(code);
        let report = ran.report();
        assert_eq!(report["verdict"], verdict, "{scenario}: {}", ran.all());
        assert_eq!(report["exit_code"], code, "{scenario}");
        if let Some(finding) = finding {
            assert!(findings(&report).contains(&finding.to_owned()), "{scenario}: {report}");
        }
        let service = &report["services"][0];
        let updates = api_calls(&report)["ecs:UpdateService"];
        match scenario {
            // ECS puts it back itself, or someone else has taken over: neither is fought.
            "breaker-rollback" | "superseded" => assert_eq!(updates, 1, "{scenario}: {report}"),
            _ => assert_eq!(updates, 2, "{scenario}: {report}"),
        }
        if verdict == "rolled-back" {
            assert_eq!(service["rolled_back_to"], service["previous_task_definition"], "{scenario}");
        }
    }
}

#[test]
fn rollback_never_leaves_the_service_to_a_person() {
    let ran = Landfall::new(&[
        "deploy",
        "--sandbox=crash-loop",
        "--sandbox-speed",
        SPEED,
        "--config",
        HELLO,
        "--output",
        "json",
        "--rollback",
        "never",
    ])
    .run()
    .expect_code(5);
    let report = ran.report();
    assert_eq!(report["verdict"], "failed");
    assert_eq!(api_calls(&report)["ecs:UpdateService"], 1);
    assert_eq!(report["services"][0]["rolled_back_to"], Value::Null);
}

#[test]
fn a_time_limit_ends_the_rollout() {
    let ran = Landfall::new(&[
        "deploy",
        "--sandbox=slow",
        "--sandbox-speed",
        "5",
        "--config",
        HELLO,
        "--output",
        "json",
        "--timeout",
        "3s",
        "--rollback",
        "never",
    ])
    .run()
    .expect_code(6);
    assert_eq!(ran.report()["verdict"], "timed-out");
}

#[test]
fn waiting_for_healthy_ends_before_the_old_tasks_are_gone() {
    let run = |wait: &str| {
        Landfall::new(&[
            "deploy",
            "--sandbox",
            "--sandbox-speed",
            "15",
            "--config",
            HELLO,
            "--output",
            "json",
            "--wait-for",
            wait,
        ])
        .run()
        .expect_code(0)
        .report()
    };
    let healthy = run("healthy");
    assert!(healthy["services"][0]["healthy_at_ms"].is_u64());
    assert_eq!(healthy["services"][0]["steady_at_ms"], Value::Null);
    let none = run("none");
    assert_eq!(none["services"][0]["healthy_at_ms"], Value::Null);
    assert_eq!(api_calls(&none).get("ecs:ListTasks"), None);
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_would_change() {
    let run = |more: &[&str]| {
        let mut args = vec!["deploy", "--sandbox", "--config", HELLO, "--output", "json", "--dry-run"];
        args.extend(more);
        Landfall::new(&args).run()
    };
    let ran = run(&[]).expect_code(0);
    let report = ran.report();
    assert_eq!(report["verdict"], "planned");
    assert_eq!(writes(&report), Vec::<String>::new());
    let planned = last(&ran.events(), |event| event["event"] == "planned");
    let subjects: Vec<_> =
        planned["changes"].as_array().expect("changes").iter().map(|c| c["subject"].clone()).collect();
    assert_eq!(subjects, ["image of web", "env file of web", "task definition", "service hello"]);
    run(&["--detailed-exitcode"]).expect_code(10);
}

/// The README's registry on this machine is the sandbox's ECR here; all else is run as it is shown.
#[test]
fn the_readme_push_prints_what_the_readme_shows() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("read");
    let here = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com";
    let shown = |start: &str| {
        let line = readme.lines().find(|line| line.starts_with(start)).expect("it is shown");
        line.replace("127.0.0.1:5000", here)
    };
    let command = shown("landfall push --from oci:");
    let args: Vec<&str> = command.split_whitespace().skip(1).collect();
    let sandbox = LongLived::start(&["--config", HELLO]);
    for outcome in ["pushed", "is there already"] {
        let ran = sandbox.landfall(&args).run().expect_code(0);
        assert_eq!(ran.stdout().trim_end(), shown("127.0.0.1:5000/hello@sha256:"));
        assert!(ran.stderr().contains(outcome), "{}", ran.all());
    }
}

/// An archive that nobody sends is no reason to wait, and an error names what to do.
#[test]
fn a_source_that_is_not_there_is_one_clear_error() {
    for (from, expected) in [
        ("-", "nothing came on standard input"),
        ("docker-archive:examples/hello/image", "`oci:DIR`"),
        ("oci:none", "does not exist"),
        ("hello.tar", "known prefix"),
    ] {
        let ran = Landfall::new(&["push", "--from", from, "--to", "127.0.0.1:1/hello:v1"]).run();
        let ran = ran.expect_code(2);
        assert_eq!(ran.stdout(), "", "{}", ran.all());
        assert_eq!(ran.stderr().matches("error: ").count(), 1, "{}", ran.all());
        assert!(ran.stderr().contains(expected), "{}", ran.all());
        assert!(ran.stderr().contains("hint: "), "{}", ran.all());
    }
}

#[test]
fn a_second_run_says_unchanged_and_writes_nothing() {
    let sandbox = LongLived::start(&["--config", HELLO]);
    let args = ["deploy", "--config", HELLO, "--output", "json"];
    let first = sandbox.landfall(&args).run().expect_code(0).report();
    assert_eq!(first["verdict"], "succeeded");
    let second = sandbox.landfall(&args).run().expect_code(0).report();
    assert_eq!(second["verdict"], "unchanged", "{second}");
    assert_eq!(second["exit_code"], 0);
    assert_eq!(writes(&second), Vec::<String>::new());
    assert_eq!(second["services"][0]["image_digest"], first["services"][0]["image_digest"]);
}

#[test]
fn changing_only_the_env_file_makes_one_revision_and_changing_it_back_one_more() {
    let sandbox = LongLived::start(&["--config", HELLO]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("changed.env");
    let run = |content: &str| {
        std::fs::write(&file, content).expect("written");
        let path = file.to_str().expect("UTF-8");
        let args = ["deploy", "--config", HELLO, "--output", "json", "--env-file", path];
        sandbox.landfall(&args).run().expect_code(0).report()
    };
    let first = run("GREETING=one\n");
    let second = run("GREETING=two\n");
    assert_eq!(api_calls(&second).get("ecs:RegisterTaskDefinition"), Some(&1));
    assert_eq!(first["services"][0]["image_digest"], second["services"][0]["image_digest"]);
    assert_ne!(first["services"][0]["env_files"][0]["arn"], second["services"][0]["env_files"][0]["arn"]);
    let commented = run("# the same, said differently\r\nGREETING=two\r\n");
    assert_eq!(commented["verdict"], "unchanged");
    let back = run("GREETING=one\n");
    // The object is still there: nothing is ever overwritten or deleted.
    assert_eq!(back["services"][0]["env_files"][0]["outcome"], "exists");
    assert_eq!(back["services"][0]["env_files"][0]["arn"], first["services"][0]["env_files"][0]["arn"]);
}

#[test]
fn flags_alone_are_enough_for_one_service() {
    let sandbox = LongLived::start(&["--config", HELLO]);
    let ran = sandbox
        .landfall(&[
            "deploy",
            "--output",
            "json",
            "--cluster",
            "demo",
            "--service",
            "hello",
            "--container",
            "web",
            "--from",
            "oci:examples/hello/image",
            "--image",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/hello:by-flags",
            "--env-file",
            "examples/hello/.env",
            "--env-store",
            "s3://demo-deploy-env/flags",
        ])
        .in_folder(&root())
        .run()
        .expect_code(0);
    assert_eq!(ran.report()["services"][0]["name"], "hello");
    assert_eq!(ran.report()["verdict"], "succeeded");
}

/// An invented field on every level goes to AWS and comes back, in a revision that is made from the
/// live one.
#[test]
fn a_field_that_nobody_has_heard_of_survives() {
    let folder = tempfile::tempdir().expect("a folder");
    let original: Value = serde_json::from_slice(
        &std::fs::read(root().join("examples/hello/task-definition.json")).expect("read"),
    )
    .expect("JSON");
    let mut invented = original;
    invented["inventedByTomorrow"] = serde_json::json!({"depth": [1, {"two": null}], "on": true});
    invented["containerDefinitions"][0]["inventedInside"] = serde_json::json!("kept");
    std::fs::write(folder.path().join("task.json"), invented.to_string()).expect("written");
    let image = root().join("examples/hello/image");
    let config = |task_definition: &str| {
        format!(
            "version: 1\nregion: us-east-1\ncluster: demo\nservices:\n  hello:\n    {task_definition}\n    containers:\n      web:\n        image: {{ from: 'oci:{}', to: '123456789012.dkr.ecr.us-east-1.amazonaws.com/hello:x' }}\n        environment: {{ ADDED: '1' }}\n",
            image.display()
        )
    };
    write(folder.path(), "file.yml", &config("task_definition: task.json"));
    write(folder.path(), "live.yml", &config("service: hello"));
    let sandbox = LongLived::start(&["--config", folder.path().join("file.yml").to_str().expect("UTF-8")]);
    let run = |file: &str, more: &[&str]| {
        let path = folder.path().join(file);
        let mut args = vec!["deploy", "--output", "json", "--config", path.to_str().expect("UTF-8")];
        args.extend(more);
        sandbox.landfall(&args).run().expect_code(0).report()
    };
    let from_file = run("file.yml", &[]);
    // From the live revision: had it lost the field, this would differ from the file again below.
    let from_live = run("live.yml", &["--env", "ADDED=2"]);
    assert_ne!(from_file["services"][0]["task_definition"], from_live["services"][0]["task_definition"]);
    let again = run("file.yml", &["--env", "ADDED=2"]);
    assert_eq!(again["verdict"], "unchanged", "{again}");
}

fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("written");
    path
}

#[test]
fn a_recorded_run_is_replayed_to_the_same_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("run.ndjson");
    let path = recording.to_str().expect("UTF-8");
    let ran = Landfall::new(&[
        "deploy",
        "--sandbox=crash-loop",
        "--sandbox-speed",
        SPEED,
        "--config",
        HELLO,
        "--output",
        "json",
        "--record",
        path,
    ])
    .run()
    .expect_code(4);
    let replayed = Landfall::new(&["replay", path, "--output", "json"]).run().expect_code(4);
    assert_eq!(replayed.report(), ran.report());
    let plain = Landfall::new(&["replay", path, "--output", "plain"]).run().expect_code(4);
    assert!(plain.stdout().contains("essential-container-exited"), "{}", plain.all());
}

#[test]
fn no_value_of_the_env_file_reaches_any_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(
        folder.path(),
        "canary.env",
        "PLAIN=canary-1f0c\nQUOTED=\"canary-1f0c\"\nNOTED=canary-1f0c # canary-1f0c\nSPACED= canary-1f0c \n",
    );
    let recording = folder.path().join("run.ndjson");
    for scenario in ["healthy", "crash-loop", "env-file-denied"] {
        for output in ["json", "plain", "human", "github"] {
            let sandbox = format!("--sandbox={scenario}");
            let ran = Landfall::new(&[
                "deploy",
                &sandbox,
                "--sandbox-speed",
                "100",
                "--config",
                HELLO,
                "--output",
                output,
                "--env-file",
                file.to_str().expect("UTF-8"),
                "--env",
                "DIRECT=canary-1f0c",
                "--record",
                recording.to_str().expect("UTF-8"),
            ])
            .run();
            assert!(!ran.all().contains("canary-1f0c"), "{scenario} {output}: a value was printed");
            let recorded = std::fs::read_to_string(&recording).expect("recorded");
            assert!(!recorded.contains("canary-1f0c"), "{scenario}: a value was recorded");
        }
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_says_where_things_stand_and_the_next_run_goes_on() {
    let sandbox = LongLived::start(&["--config", HELLO, "--scenario", "slow"]);
    let args = ["deploy", "--config", HELLO, "--output", "json"];
    let mut child = sandbox.landfall(&args).into_command().stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut seen = Vec::new();
    for line in lines.by_ref() {
        let event: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
        let updated = event["event"] == "service_updated";
        seen.push(event);
        if updated {
            break;
        }
    }
    signal("INT", child.id());
    seen.extend(lines.map(|line| serde_json::from_str::<Value>(&line.expect("a line")).expect("JSON")));
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let report = seen.last().expect("events");
    assert_eq!(report["verdict"], "interrupted");
    let deployment = report["services"][0]["deployment_id"].clone();
    let reason = report["services"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains(deployment.as_str().expect("an id")), "{reason}");

    let next = sandbox.landfall(&args).run().expect_code(0).report();
    assert_eq!(next["verdict"], "succeeded", "{next}");
    assert_eq!(next["services"][0]["deployment_id"], deployment);
    assert_eq!(writes(&next), Vec::<String>::new(), "the deployment is followed, not started again");
}

#[test]
fn the_scenarios_are_explained() {
    let ran = Landfall::new(&["sandbox", "--list"]).run().expect_code(0);
    for name in SCENARIOS {
        assert!(ran.stdout().contains(name), "{name}: {}", ran.stdout());
    }
}
