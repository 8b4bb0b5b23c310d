//! `landfall env` and `landfall prune` through the binary, against the stand-in where AWS is asked.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use landfall_sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use crate::stage::{definition, leading_to, serve};
use crate::support::{Landfall, Ran, api_calls, writes};

/// Part of every value that no output may show.
const CANARY: &str = "canary-7f3a";

fn of_kind(ran: &Ran, kind: &str) -> Vec<Value> {
    ran.events().into_iter().filter(|event| event["event"] == kind).collect()
}

/// `line:column code outcome` of every finding of the only file that was checked.
fn found(ran: &Ran) -> Vec<String> {
    let checks = of_kind(ran, "env_file_checked");
    assert_eq!(checks.len(), 1, "{}", ran.all());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let finding =
        |f: &Value| format!("{}:{} {} {}", f["line"], f["column"], text(&f["code"]), text(&f["outcome"]));
    checks[0]["findings"].as_array().expect("findings").iter().map(finding).collect()
}

#[track_caller]
fn shows_no_value(ran: &Ran) {
    assert!(!ran.all().contains(CANARY), "a value was shown");
}

fn check(folder: &Path, args: &[&str]) -> Ran {
    let all = [&["env", "check", "--output", "json"], args].concat();
    let ran = Landfall::new(&all).in_folder(folder).run();
    shows_no_value(&ran);
    ran
}

const ODD: &str = "export KEY='canary-7f3a x' # canary-7f3a\nSPACED = canary-7f3a \nHASH=\"canary-7f3a #y\"\nPLAIN=canary-7f3a\nno equals canary-7f3a\n";

#[test]
fn a_check_tells_every_line_that_ecs_reads_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("odd.env"), ODD).expect("written");
    let ran = check(folder.path(), &["odd.env"]).expect_code(2);
    let expected = [
        "1:1 env-export found",
        "1:12 env-quotes found",
        "1:28 env-inline-comment found",
        "2:7 env-name-spaces found",
        "2:9 env-outer-space found",
        "3:6 env-quotes found",
        "5:1 env-no-equals found",
    ];
    assert_eq!(found(&ran), expected);
    assert_eq!(of_kind(&ran, "run_started")[0]["command"], "env check");
    assert_eq!(ran.report()["error"]["message"], "7 findings in 1 file");
    for output in ["plain", "human", "github"] {
        let args = ["env", "check", "odd.env", "--output", output];
        let ran = Landfall::new(&args).in_folder(folder.path()).run().expect_code(2);
        shows_no_value(&ran);
    }
    // What is meant can be said.
    let codes: Vec<&str> = expected.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    let mut args = vec!["odd.env"];
    codes.iter().for_each(|code| args.extend(["--allow", *code]));
    // A deployment refuses what cannot be stored even so, unless it stores the file as it is.
    let ran = check(folder.path(), &args).expect_code(2);
    assert_eq!(found(&ran), ["5:1 env-no-equals found"]);
    let hint = ran.report()["error"]["hint"].to_string();
    assert!(hint.contains("although it is allowed"), "{hint}");
    args.extend(["--policy", "verbatim"]);
    assert_eq!(found(&check(folder.path(), &args).expect_code(0)), Vec::<String>::new());
    let unknown = check(folder.path(), &["odd.env", "--allow", "env-quote"]).expect_code(2);
    assert!(unknown.stdout().contains("env-quotes"), "the hint lists the codes: {}", unknown.all());
}

#[test]
fn a_fix_writes_what_can_be_written_and_tells_what_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odd.env");
    std::fs::write(&path, ODD).expect("written");
    let ran = check(folder.path(), &["odd.env", "--fix"]).expect_code(2);
    let fixed = "# canary-7f3a\nKEY=canary-7f3a x\nSPACED=canary-7f3a\nHASH=\"canary-7f3a #y\"\nPLAIN=canary-7f3a\nno equals canary-7f3a\n";
    assert_eq!(std::fs::read_to_string(&path).expect("read"), fixed);
    // What is left stands where it is now.
    assert_eq!(
        found(&ran),
        [
            "1:1 env-export repaired",
            "1:12 env-quotes repaired",
            "1:28 env-inline-comment repaired",
            "2:7 env-name-spaces repaired",
            "2:9 env-outer-space repaired",
            "4:6 env-quotes found",
            "6:1 env-no-equals found",
        ]
    );
    let written = of_kind(&ran, "file_written");
    assert_eq!(
        (&written[0]["path"], &written[0]["content"]),
        (&json!("odd.env"), &json!("5 findings repaired"))
    );
    // There is nothing to do a second time.
    let ran = check(folder.path(), &["odd.env", "--fix"]).expect_code(2);
    assert!(of_kind(&ran, "file_written").is_empty());
    assert_eq!(std::fs::read_to_string(&path).expect("read"), fixed);
    std::fs::write(&path, "A='canary-7f3a'\n").expect("written");
    check(folder.path(), &["odd.env", "--fix"]).expect_code(0);
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "A=canary-7f3a\n");
}

#[test]
fn files_are_checked_that_are_clean_piped_or_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("clean.env", "A=canary-7f3a\n");
    write("odd.env", "A='canary-7f3a'\n");
    let ran = check(folder.path(), &["clean.env"]).expect_code(0);
    assert_eq!((found(&ran), ran.report()["verdict"].clone()), (Vec::new(), json!("unchanged")));

    let piped = |args: &[&str]| {
        let input = std::fs::File::open(folder.path().join("odd.env")).expect("opened");
        let all = [&["env", "check", "--output", "json", "-"], args].concat();
        let ran = Landfall::new(&all).in_folder(folder.path()).stdin(Stdio::from(input)).run();
        shows_no_value(&ran);
        ran
    };
    assert_eq!(found(&piped(&[]).expect_code(2)), ["1:3 env-quotes found"]);
    let refused = piped(&["--fix"]).expect_code(2);
    assert!(
        refused.report()["error"]["message"].as_str().is_some_and(|text| text.contains("standard input"))
    );

    let ran = check(folder.path(), &["missing.env", "odd.env", "clean.env"]).expect_code(2);
    assert_eq!(of_kind(&ran, "env_file_checked").len(), 2, "the others are checked: {}", ran.all());
    let error = ran.report()["error"]["message"].clone();
    let error = error.as_str().expect("a message");
    assert!(error.contains("missing.env") && error.ends_with("1 finding in 1 file"), "{error}");
}

#[test]
fn without_a_file_those_of_the_configuration_are_checked_as_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    let refused = check(folder.path(), &[]).expect_code(2);
    assert!(refused.stdout().contains("landfall env check FILE"), "{}", refused.all());
    write(
        "landfall.yml",
        "version: 1\nservices:\n  api:\n    containers:\n      web: { env_file: [a.env, { path: b.env, policy: strict, allow: [env-quotes] }] }\n      log: { env_file: a.env }\n",
    );
    write("a.env", "A='canary-7f3a'\n");
    write("b.env", "A=canary-7f3a\n");
    let ran = check(folder.path(), &[]).expect_code(2);
    let checks = of_kind(&ran, "env_file_checked");
    let told: Vec<_> = checks
        .iter()
        .map(|c| (c["file"].as_str(), c["policy"].as_str(), c["findings"].as_array().map(Vec::len)))
        .collect();
    assert_eq!(told, [(Some("a.env"), Some("normalize"), Some(1)), (Some("b.env"), Some("strict"), Some(0))]);
    check(folder.path(), &["--allow", "env-quotes"]).expect_code(0);
}

/// A service `web` on cluster `demo`, and a folder to work in.
struct Stage {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

fn arn(key: &str) -> String {
    format!("arn:aws:s3:::env-store/{key}")
}

impl Stage {
    /// `container` is laid over the definition of `app`; `objects` are in the store.
    async fn new(container: Value, objects: &[(&str, &str)]) -> Self {
        let options = Options { speed: 200.0, ..Options::default() };
        let sandbox = Sandbox::start(options).await.expect("it starts");
        sandbox.create_cluster("demo");
        sandbox.create_bucket("env-store").expect("a bucket");
        for (key, content) in objects {
            sandbox.put_object("env-store", key, content.as_bytes()).expect("written");
        }
        serve(&sandbox, &definition(&container), &json!({}));
        let stage = Self { sandbox, folder: tempfile::tempdir().expect("a folder") };
        stage.config("app: { env_file: app.env }");
        stage
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).expect("read")
    }

    fn config(&self, container: &str) {
        let text = format!(
            "version: 1\ncluster: demo\nenv_store: s3://env-store/prod\nservices:\n  web:\n    containers:\n      {container}\n"
        );
        self.file("landfall.yml", &text);
    }

    async fn run(&self, args: &[&str]) -> Ran {
        let landfall = Landfall::new(args).envs(&leading_to(&self.sandbox)).in_folder(self.folder.path());
        let ran = tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran");
        shows_no_value(&ran);
        ran
    }

    async fn json(&self, args: &[&str]) -> Ran {
        self.run(&[args, &["--output", "json"]].concat()).await
    }

    /// An object's content, or `None` where there is none.
    async fn object(&self, key: &str) -> Option<String> {
        let url = format!("{}/env-store/{key}", self.sandbox.endpoint());
        let request = reqwest::Client::new().get(url);
        let answer =
            request.header("authorization", "AWS4-HMAC-SHA256 Credential=x").send().await.expect("an answer");
        if answer.status() == 404 {
            return None;
        }
        Some(answer.error_for_status().expect("the object").text().await.expect("a text"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_stores_the_canonical_file_once_and_prints_its_arn() {
    let stage = Stage::new(json!({}), &[]).await;
    stage.file("app.env", "export B='canary-7f3a two'\n# canary-7f3a\nA=canary-7f3a\nEMPTY=\n");
    let ran = stage.run(&["env", "push", "--output", "plain"]).await.expect_code(0);
    let stdout = ran.stdout();
    let key = stdout.trim_end().strip_prefix("arn:aws:s3:::env-store/").expect("an ARN alone").to_owned();
    assert!(key.starts_with("prod/web/app/") && key.ends_with(".env"), "{key}");
    assert_eq!(
        stage.object(&key).await.as_deref(),
        Some("A=canary-7f3a\nB=canary-7f3a two\nEMPTY=\n"),
        "sorted, and as it is meant"
    );

    let again = stage.json(&["env", "push", "web"]).await.expect_code(0);
    let report = again.report();
    assert_eq!(report["verdict"], "unchanged");
    assert_eq!(report["services"][0]["env_files"][0]["outcome"], "exists");
    assert_eq!(report["services"][0]["env_files"][0]["arn"], arn(&key));
    assert_eq!(writes(&report), Vec::<String>::new());
    let asked_ecs = |report: &Value| api_calls(report).keys().any(|call| call.starts_with("ecs:"));
    assert!(!asked_ecs(&report), "the container has a name: {report}");

    // Without a configuration the service knows how its container is called.
    std::fs::remove_file(stage.folder.path().join("landfall.yml")).expect("removed");
    let flags = [
        "--service",
        "web",
        "--cluster",
        "demo",
        "--env-file",
        "app.env",
        "--env-store",
        "s3://env-store/prod",
    ];
    let unnamed = stage.json(&[&["env", "push"], &flags[..]].concat()).await.expect_code(0).report();
    assert_eq!(unnamed["services"][0]["env_files"][0]["arn"], arn(&key));
    assert!(asked_ecs(&unnamed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_refuses_what_a_deployment_refuses() {
    let stage = Stage::new(json!({}), &[]).await;
    stage.file("app.env", "A=canary-7f3a\nA=canary-7f3a-other\n");
    let ran = stage.json(&["env", "push"]).await.expect_code(2);
    assert!(ran.stdout().contains("env-duplicate"), "{}", ran.all());
    stage.file("app.env", "A=canary-7f3a\n");
    stage.config("app: { env_file: app.env, secrets: { A: /web/a } }");
    let ran = stage.json(&["env", "push"]).await.expect_code(2);
    assert!(ran.stdout().contains("env-in-secrets"), "{}", ran.all());
    assert_eq!(writes(&ran.report()), Vec::<String>::new());
    stage.config("app: {}");
    let ran = stage.json(&["env", "push"]).await.expect_code(2);
    assert!(ran.stdout().contains("no env file to push"), "{}", ran.all());
    stage.config("app: { env_file: app.env }");
    let ran = stage.json(&["env", "push", "--env-store", "s3://missing/prod"]).await.expect_code(3);
    assert!(ran.stdout().contains("does not exist"), "{}", ran.all());
}

fn live() -> Value {
    json!({
        "environment": [{"name": "LEVEL", "value": "canary-7f3a-level"}, {"name": "EMPTY", "value": ""}],
        "secrets": [{"name": "PASSWORD", "valueFrom": "/web/password"}],
        "environmentFiles": [
            {"type": "s3", "value": arn("prod/web/app/first.env")},
            {"type": "s3", "value": arn("shared.env")}
        ]
    })
}

const OBJECTS: [(&str, &str); 2] = [
    (
        "prod/web/app/first.env",
        "LEVEL=canary-7f3a-hidden\nSPACED= canary-7f3a #1 \nURL=canary-7f3a\nUNSET=\n",
    ),
    ("shared.env", "URL=canary-7f3a-lost\nSHARED=canary-7f3a's\n"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pulled_is_what_runs_and_nobody_else_reads_it() {
    let stage = Stage::new(live(), &OBJECTS).await;
    let ran = stage.json(&["env", "pull", "--to", "pulled.env"]).await.expect_code(0);
    assert_eq!(
        stage.read("pulled.env"),
        "# Container app of service web as revision web:1 has it, by `landfall env pull`.\nEMPTY=\nLEVEL=canary-7f3a-level\n# PASSWORD comes from /web/password: its value is not read\nSHARED=canary-7f3a's\nSPACED=' canary-7f3a #1 '\nURL=canary-7f3a\n"
    );
    let written = of_kind(&ran, "file_written");
    assert_eq!((&written[0]["path"], &written[0]["content"]), (&json!("pulled.env"), &json!("5 variables")));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode =
            std::fs::metadata(stage.folder.path().join("pulled.env")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = stage.json(&["env", "pull", "--to", "pulled.env"]).await.expect_code(2);
    assert!(again.stdout().contains("--force"), "{}", again.all());
    stage.json(&["env", "pull", "web", "--to", "pulled.env", "--force"]).await.expect_code(0);

    // Deployed again, it would change nothing.
    let args = ["env", "diff", "--env-file", "pulled.env", "--detailed-exitcode"];
    let ran = stage.json(&args).await;
    let compared = of_kind(&ran, "env_compared");
    assert_eq!(
        changes(&compared[0], "unchanged").len(),
        compared[0]["variables"].as_array().map_or(0, Vec::len),
        "{}",
        ran.all()
    );
    assert_eq!(ran.expect_code(0).report()["verdict"], "unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_goes_to_a_file_or_nowhere() {
    let stage = Stage::new(live(), &OBJECTS).await;
    for to in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let ran =
            stage.run(&["env", "pull", "--to", to, "--force", "--output", "plain"]).await.expect_code(2);
        assert!(ran.all().contains("would keep the values"), "{to}: {}", ran.all());
    }
    stage.sandbox.deny_action("s3:GetObject");
    let ran = stage.json(&["env", "pull", "--to", "pulled.env"]).await.expect_code(8);
    let error = ran.report()["error"].to_string();
    assert!(error.contains("arn:aws:s3:::env-store/") && error.contains("s3:GetObject"), "{error}");
    assert!(!stage.folder.path().join("pulled.env").exists());
    let ran = stage.json(&["env", "pull", "--to", "pulled.env", "--container", "none"]).await.expect_code(2);
    assert!(ran.stdout().contains("no container `none`"), "{}", ran.all());
}

/// The names of the variables that change so.
fn changes(compared: &Value, change: &str) -> Vec<String> {
    let variables = compared["variables"].as_array().expect("variables");
    let chosen = variables.iter().filter(|variable| variable["change"] == change);
    chosen.map(|variable| variable["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diff_names_what_a_deployment_would_change() {
    let stage = Stage::new(live(), &OBJECTS).await;
    stage.file("app.env", "URL=canary-7f3a-new\nADDED=canary-7f3a\nSHARED=canary-7f3a's\n");
    // The image does not exist, and nobody asks for it.
    stage.config(
        "app: { image: registry.invalid/none:1, env_file: app.env, secrets: { PASSWORD: /web/other } }",
    );
    let ran = stage.json(&["env", "diff"]).await.expect_code(0);
    let compared = of_kind(&ran, "env_compared");
    assert_eq!(compared.len(), 1, "{}", ran.all());
    assert_eq!((&compared[0]["service"], &compared[0]["container"]), (&json!("web"), &json!("app")));
    assert_eq!(changes(&compared[0], "added"), ["ADDED"]);
    assert_eq!(changes(&compared[0], "changed"), ["PASSWORD", "URL"]);
    assert_eq!(changes(&compared[0], "removed"), ["SPACED"]);
    assert_eq!(ran.report()["verdict"], "planned");
    assert_eq!(writes(&ran.report()), Vec::<String>::new());
    stage.json(&["env", "diff", "web", "--container", "app", "--detailed-exitcode"]).await.expect_code(10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prune_deletes_what_nothing_names_and_nobody_may_be_about_to_name() {
    let key = |digit: &str| format!("prod/web/app/{}.env", digit.repeat(64));
    let [deployed, active, unused, young] = ["a", "b", "c", "d"].map(key);
    let foreign = ["prod/web/app/notes.env".to_owned(), format!("prod/web2/app/{}.env", "c".repeat(64))];
    let names = |key: &str| json!({"environmentFiles": [{"type": "s3", "value": arn(key)}]});
    let stage = Stage::new(names(&deployed), &[(&deployed, "A=1\n"), (&young, "A=canary-7f3a\n")]).await;
    let old = SystemTime::now() - Duration::from_secs(8 * 86_400);
    let put = |key: &str| {
        stage.sandbox.put_object_at("env-store", key, b"A=canary-7f3a\n", old).expect("written");
    };
    [&deployed, &active, &unused, &foreign[0], &foreign[1]].into_iter().for_each(|key| put(key));
    stage.sandbox.register_task_definition(&definition(&names(&active))).expect("a revision");
    let told = |ran: &Ran| -> Vec<(String, bool)> {
        let events = of_kind(ran, "prunable");
        let text = |event: &Value| event["object"].as_str().expect("an object").to_owned();
        events.iter().map(|event| (text(event), event["deleted"] == true)).collect()
    };
    let object = format!("s3://env-store/{unused}");

    let shown = stage.json(&["prune"]).await.expect_code(0);
    assert_eq!(told(&shown), [(object.clone(), false)]);
    assert_eq!(shown.report()["verdict"], "planned");
    let reason = shown.report()["services"][0]["reason"].to_string();
    assert!(reason.contains("--yes") && reason.contains("1 unused env file too young"), "{reason}");
    assert_eq!(writes(&shown.report()), Vec::<String>::new());
    assert!(stage.object(&unused).await.is_some());

    // What cannot be read may name anything.
    stage.sandbox.deny_action("ecs:DescribeTaskDefinition");
    stage.json(&["prune", "--yes"]).await.expect_code(8);
    assert!(stage.object(&unused).await.is_some());
    stage.sandbox.allow_action("ecs:DescribeTaskDefinition");

    let deleted = stage.json(&["prune", "web", "--yes"]).await.expect_code(0);
    assert_eq!(told(&deleted), [(object, true)]);
    assert_eq!(writes(&deleted.report()), ["s3:DeleteObject"]);
    assert_eq!(stage.object(&unused).await, None);
    for kept in [&deployed, &active, &young, &foreign[0], &foreign[1]] {
        assert!(stage.object(kept).await.is_some(), "{kept}");
    }
    let again = stage.json(&["prune", "--yes"]).await.expect_code(0).report();
    assert_eq!(again["verdict"], "unchanged", "{again}");
    // Age is all that has kept it.
    let ran = stage.json(&["prune", "--min-age", "0s", "--yes"]).await.expect_code(0);
    assert_eq!(told(&ran), [(format!("s3://env-store/{young}"), true)]);
}
