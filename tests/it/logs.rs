//! Container logs: the last words of what crashed in a deployment, and `landfall logs`.

use futures_util::future::join_all;
use landfall_sandbox::{Options, Sandbox, Scenario};
use serde_json::{Value, json};

use crate::stage::{definition, leading_to, serve};
use crate::support::{Landfall, Ran, api_calls, findings, signal};

const SECRET: &str = "canary-5e1f77";

/// A service `web` of one task whose containers log like this.
async fn sandbox(scenario: Scenario, log: Value) -> Sandbox {
    let options = Options { scenario, speed: 60.0, ..Options::default() };
    let sandbox = Sandbox::start(options).await.expect("it starts");
    sandbox.create_cluster("demo");
    sandbox.create_bucket("env-store").expect("a bucket");
    let container = json!({ "portMappings": [{ "containerPort": 8080 }], "logConfiguration": log });
    serve(&sandbox, &definition(&container), &json!({}));
    sandbox
}

fn awslogs() -> Value {
    json!({ "logDriver": "awslogs", "options": {
        "awslogs-group": "/ecs/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"
    }})
}

/// Runs `landfall` in a folder whose configuration changes the env file of `web`.
async fn landfall(sandbox: &Sandbox, args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "version: 1\ncluster: demo\nenv_store: s3://env-store/env\nservices:\n  web:\n    containers:\n      app:\n        env_file: app.env\n";
    std::fs::write(folder.path().join("landfall.yml"), config).expect("written");
    std::fs::write(folder.path().join("app.env"), format!("TOKEN={SECRET}\n")).expect("written");
    let landfall = Landfall::new(args).envs(&leading_to(sandbox)).in_folder(folder.path());
    tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran")
}

const HOSTILE: [&str; 6] = [
    "::set-output name=x::y",
    "  ::error::from the container",
    "##[command]rm",
    "\u{1b}[2J\u{1b}[31mred alert\u{1b}[0m",
    "could not log in with canary-\u{1b}[1m5e1f77",
    "{\"token\":\"canary-5e1f77\"}",
];

/// What every form of output has to keep to.
#[track_caller]
fn is_harmless(text: &str) {
    assert!(!text.contains(SECRET) && !text.contains("5e1f77"), "a value of the env file is shown:\n{text}");
    assert!(!text.contains("\u{1b}[2J") && !text.contains("\u{1b}[31mred"), "{text:?}");
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::set-output"), "{line}");
        assert!(!line.trim_start().starts_with("::error::"), "{line}");
        // The annotation of the finding is Landfall's own.
        let is_ours = line.starts_with("::error title=essential-container-exited::web: Container app exited");
        assert!(is_ours || !line.trim_start().starts_with("::error"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crashed_container_wrote_last_is_told_in_every_form() {
    let deployed = ["plain", "human", "github", "json"].map(|output| async move {
        let sandbox = sandbox(Scenario::CrashLoop, awslogs()).await;
        sandbox.set_last_words(&HOSTILE);
        (output, landfall(&sandbox, &["deploy", "--output", output]).await.expect_code(4))
    });
    for (output, ran) in join_all(deployed).await {
        let all = ran.all();
        is_harmless(&all);
        assert!(all.contains("could not log in with ***"), "{output}: {all}");
        assert!(all.contains("red alert"), "{output}: {all}");
        match output {
            "json" => {
                let report = ran.report();
                let told: Vec<Value> =
                    ran.events().into_iter().filter(|event| event["event"] == "container_logs").collect();
                assert_eq!(told.len(), 1, "the same end is told once: {told:?}");
                let logs = &report["services"][0]["logs"];
                assert_eq!(logs.as_array().map(Vec::len), Some(1));
                let (logs, told) = (&logs[0], &told[0]);
                assert_eq!(logs["exit_code"], 3);
                assert_eq!((&logs["container"], &logs["group"]), (&json!("app"), &json!("/ecs/web")));
                let stream = format!("web/app/{}", told["task"].as_str().expect("a task"));
                assert_eq!(logs["stream"], stream);
                let lines: Vec<&str> = logs["lines"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|line| line["text"].as_str().unwrap())
                    .collect();
                assert_eq!(
                    lines,
                    [
                        "reading the configuration",
                        "::set-output name=x::y",
                        "  ::error::from the container",
                        "##[command]rm",
                        "red alert",
                        "could not log in with ***",
                        "{\"token\":\"***\"}",
                    ]
                );
                assert!(logs["lines"][0]["at_ms"].as_i64() > Some(1_000_000_000_000));
                assert!(!ran.stdout().contains("##["), "{all}");
                assert_eq!(api_calls(&report).get("logs:GetLogEvents"), Some(&2), "the lines, and their end");
            }
            "github" => {
                let stdout = ran.stdout();
                let (_, block) = stdout.split_once("\n::group::log of app in task ").expect("a group");
                let (block, _) = block.split_once("\n::endgroup::\n").expect("its end");
                assert!(block.contains(" (exit code 3), the last 7 lines:\n"), "{block}");
                assert!(block.contains("  | ## [command]rm\n"), "{block}");
                assert!(!stdout.contains("##["), "{stdout}");
            }
            _ => {
                assert!(all.contains("(exit code 3), the last 7 lines:\n"), "{output}: {all}");
                assert!(all.contains("  | reading the configuration\n"), "{output}: {all}");
                assert!(all.contains("exit code 3"), "{output}: {all}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_read_is_a_reason_and_no_error() {
    let denied = sandbox(Scenario::CrashLoop, awslogs()).await;
    denied.deny_action("logs:GetLogEvents");
    let firelens = sandbox(Scenario::CrashLoop, json!({ "logDriver": "awsfirelens" })).await;
    for (sandbox, expected) in [
        (denied, "allow the caller `logs:GetLogEvents` on /ecs/web"),
        (firelens, "container app logs through FireLens"),
    ] {
        let ran = landfall(&sandbox, &["deploy", "--output", "json", "--skip-check", "log-driver"])
            .await
            .expect_code(4);
        let report = ran.report();
        assert_eq!(findings(&report), ["essential-container-exited"]);
        let logs = report["services"][0]["logs"].as_array().expect("logs").clone();
        assert_eq!(logs.len(), 1, "{logs:?}");
        assert!(logs[0]["reason"].as_str().is_some_and(|reason| reason.contains(expected)), "{logs:?}");
        assert_eq!(logs[0]["lines"], json!([]));
    }
}

/// The container is not built for the task's processor, which only its log says.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_can_name_the_cause() {
    let sandbox = sandbox(Scenario::CrashLoop, awslogs()).await;
    sandbox.set_last_words(&["exec /app/server: exec format error"]);
    let report = landfall(&sandbox, &["deploy", "--output", "json"]).await.expect_code(4).report();
    assert!(findings(&report).contains(&"exec-format-error".to_owned()), "{report}");
}

/// No container has exited: the load balancer has had enough of the one that it asks.
#[test]
fn a_task_that_a_health_check_stopped_is_asked_too() {
    let hello = "examples/hello/landfall.yml";
    let args = [
        "deploy",
        "--sandbox=unhealthy-target",
        "--sandbox-speed",
        "40",
        "--config",
        hello,
        "--output",
        "json",
    ];
    let report = Landfall::new(&args).run().expect_code(4).report();
    let logs = report["services"][0]["logs"].as_array().expect("logs");
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!((&logs[0]["container"], logs[0].get("exit_code")), (&json!("web"), None));
    assert_eq!(logs[0]["lines"][0]["text"], "listening on port 8080");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_running_tasks_write_is_shown() {
    let sandbox = sandbox(Scenario::Healthy, awslogs()).await;
    let ran = landfall(&sandbox, &["logs"]).await.expect_code(0);
    let stdout = ran.stdout();
    let parts: Vec<&str> = stdout.split_whitespace().collect();
    assert_eq!(parts[2..], ["app", "|", "listening", "on", "port", "8080"], "{}", ran.all());
    assert_eq!((parts[0].len(), parts[1].len()), (8, 8), "{stdout}");
    assert_eq!(ran.stderr(), "");

    let ran = landfall(&sandbox, &["logs", "web", "--output", "json"]).await.expect_code(0);
    let line = &ran.events()[0];
    assert_eq!((&line["service"], &line["container"]), (&json!("web"), &json!("app")));
    assert_eq!(line["text"], "listening on port 8080");
    let task = line["task"].as_str().expect("a task").to_owned();
    assert!(line["time"].as_str().expect("a time").parse::<jiff::Timestamp>().is_ok());

    let one = landfall(&sandbox, &["logs", "--task", &task[..6]]).await.expect_code(0);
    assert_eq!(one.stdout(), stdout);
    let none = landfall(&sandbox, &["logs", "--task", "zz"]).await.expect_code(0);
    assert_eq!(none.stdout(), "");
    assert!(none.stderr().contains("no task of web whose id begins with zz"), "{}", none.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_tasks_are_shown_with_why_they_stopped() {
    let sandbox = sandbox(Scenario::CrashLoop, awslogs()).await;
    sandbox.set_last_words(&["panic: no database", "##[error]bye"]);
    let before = landfall(&sandbox, &["logs", "--failed"]).await.expect_code(0);
    assert!(before.stderr().contains("no task of web failed within the last hour"), "{}", before.all());
    landfall(&sandbox, &["deploy", "--rollback", "never"]).await.expect_code(5);
    let ran = landfall(&sandbox, &["logs", "--failed", "--output", "github"]).await.expect_code(0);
    assert!(ran.stdout().contains(" app | panic: no database\n"), "{}", ran.all());
    assert!(ran.stdout().contains(" app | ## [error]bye\n"), "{}", ran.all());
    let why =
        "of web:2 stopped: EssentialContainerExited: Essential container in task exited (app: exit code 3)";
    assert!(ran.stderr().contains(why), "{}", ran.all());
    assert!(!ran.stdout().contains("stopped"), "standard output is for the log alone: {}", ran.all());
}

/// Ctrl-C is how it is meant to end.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn following_sees_tasks_that_start_later() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let sandbox = sandbox(Scenario::Healthy, awslogs()).await;
    let args = ["logs", "--follow", "--cluster", "demo", "--service", "web", "--output", "json"];
    let mut command = Landfall::new(&args).envs(&leading_to(&sandbox)).into_command();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = move || -> Value {
        let line = lines.next().expect("a line").expect("text");
        serde_json::from_str(&line).expect("JSON")
    };
    let old = next();
    assert_eq!(old["text"], "listening on port 8080");
    landfall(&sandbox, &["deploy", "--wait-for", "none"]).await.expect_code(0);
    let new = next();
    assert_eq!(new["text"], "listening on port 8080");
    assert_ne!(new["task"], old["task"]);
    signal("INT", child.id());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_logs_from_being_read_is_one_clear_error() {
    let denied = sandbox(Scenario::Healthy, awslogs()).await;
    denied.deny_action("logs:GetLogEvents");
    let no_group = sandbox(Scenario::Healthy, awslogs()).await;
    no_group.delete_log_group("/ecs/web");
    let splunk = sandbox(Scenario::Healthy, json!({ "logDriver": "splunk" })).await;
    let fine = sandbox(Scenario::Healthy, awslogs()).await;
    for (sandbox, args, code, message, hint) in [
        (&denied, ["logs"].as_slice(), 8, "logs:GetLogEvents on /ecs/web: ", "`logs:GetLogEvents`"),
        (&denied, &["logs", "--follow"], 8, "logs:GetLogEvents on /ecs/web: ", "`logs:GetLogEvents`"),
        (&no_group, &["logs"], 3, "the log group /ecs/web does not exist in us-east-1", "awslogs-group"),
        (&splunk, &["logs"], 3, "container app logs to Splunk", "awslogs"),
        (&fine, &["logs", "--container", "web"], 2, "no task has a container web", "There is app."),
        (&fine, &["logs", "-f", "--container", "web"], 2, "no task has a container web", "There is app."),
        (&fine, &["logs", "--since", "soon"], 2, "--since: `soon` is not a duration", "10m"),
        (&fine, &["logs", "--service", "other"], 3, "there is no service other in cluster demo", "Check"),
    ] {
        let ran = landfall(sandbox, args).await.expect_code(code);
        let stderr = ran.stderr();
        assert_eq!(ran.stdout(), "", "{args:?}: {}", ran.all());
        assert!(stderr.contains(&format!("error: {message}")), "{args:?}: {}", ran.all());
        let told = stderr.split_once("hint: ").map(|(_, told)| told.to_owned());
        assert!(told.is_some_and(|told| told.contains(hint)), "{args:?}: {}", ran.all());
    }
}
