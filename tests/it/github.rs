//! What GitHub is told, through the binary: files that a runner would read, and a stand-in of GitHub's API that
//! remembers what it is asked.

mod job;
mod stand_in;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

pub use job::Job;
pub use stand_in::GitHub;
use stand_in::text;

use crate::stage::LongLived;
use crate::support::{Landfall, Ran, root, signal};

/// A token that must not be seen anywhere.
const TOKEN: &str = "ghs_QpWmZrXkTvNyLsHd";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Workflow commands, but for those that hide values.
fn commands(text: &str) -> Vec<&str> {
    let is_command = |line: &&str| line.trim_start().starts_with("::") && !line.starts_with("::add-mask::");
    text.lines().filter(is_command).collect()
}

/// The token is where the runner is told to hide it, and nowhere else.
#[track_caller]
fn assert_token_is_hidden(ran: &Ran, job: &Job) {
    let told: String = ran.stderr().lines().filter(|line| !line.starts_with("::add-mask::")).collect();
    for text in [ran.stdout(), told, job.read("summary.md"), job.read("output")] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

/// The warnings of a run.
fn warnings(ran: &Ran) -> Vec<Value> {
    ran.events().into_iter().filter(|event| event["event"] == "warning").collect()
}

fn example() -> String {
    root().join("examples/hello/landfall.yml").to_str().expect("UTF-8").to_owned()
}

/// `landfall deploy` of the example into a sandbox that is not the one of `--sandbox`.
pub fn deploy(job: &Job, sandbox: &LongLived, args: &[&str]) -> Landfall {
    let config = example();
    let all = [&["deploy", "--config", &config, "--output", "json"], args].concat();
    job.landfall(&all).envs(&sandbox.variables)
}

pub fn sandbox() -> LongLived {
    LongLived::start(&["--config", &example()])
}

const DEPLOYMENT: [&str; 4] =
    ["--github-deployment", "production", "--environment-url", "https://hello.example"];

#[test]
fn a_deployment_is_told_from_beginning_to_end() {
    let (github, sandbox) = (GitHub::start(), sandbox());
    let job = Job::new(&github.url);
    let ran = deploy(&job, &sandbox, &DEPLOYMENT).run().expect_code(0);
    assert_eq!(warnings(&ran), Vec::<Value>::new());

    assert_eq!(github.states(), ["queued", "in_progress", "success"]);
    let requests = github.requests();
    assert!(
        requests.iter().all(|request| request.authorization == format!("Bearer {TOKEN}")),
        "{requests:?}"
    );
    let created = &requests[0];
    assert_eq!(created.what, "POST /repos/octo/web/deployments");
    let body = &created.body;
    assert_eq!((&body["ref"], &body["environment"]), (&json!(COMMIT), &json!("production")));
    assert_eq!((&body["auto_merge"], &body["required_contexts"]), (&json!(false), &json!([])));
    let last = &requests.last().expect("requests").body;
    assert_eq!(last["environment_url"], "https://hello.example");
    assert_eq!(last["log_url"], "https://github.com/octo/web/actions/runs/12");

    let report = ran.report();
    let service = &report["services"][0];
    assert_eq!(job.output("verdict"), "succeeded");
    assert_eq!(job.output("task-definition-arn"), text(&service["task_definition"]));
    assert_eq!(job.output("image-digest"), text(&service["image_digest"]));
    assert_eq!(job.output("deployment-id"), text(&service["deployment_id"]));
    assert_eq!(job.output("zero-downtime"), text(&service["zero_downtime"]["verdict"]));

    let summary = job.read("summary.md");
    assert!(summary.starts_with("### Landfall: succeeded\n"), "{summary}");
    assert!(summary.contains("```mermaid\n") && summary.contains("**Zero downtime** "), "{summary}");
    assert!(!summary.contains("x`</code>") && !summary.contains("::set-output"), "{summary}");
    assert_token_is_hidden(&ran, &job);
    assert!(ran.stderr().contains(&format!("::add-mask::{TOKEN}\n")), "{}", ran.stderr());
    assert_eq!(commands(&ran.stderr()), Vec::<&str>::new());

    // The same again: nothing to do, which is a success too.
    let job = Job::new(&github.url);
    deploy(&job, &sandbox, &DEPLOYMENT).run().expect_code(0);
    assert_eq!(github.states()[3..], ["queued", "success"]);
    assert_eq!(job.output("verdict"), "unchanged");
}

#[test]
fn a_plan_has_one_comment_however_often_it_is_made() {
    let (github, sandbox) = (GitHub::start(), sandbox());
    let other = |number: usize| {
        // Some of them look as if they were ours.
        let body = if number.is_multiple_of(2) { "<!-- landfall plan x x -->" } else { "hello" };
        json!({ "id": number, "body": body, "author_association": "NONE", "user": { "type": "User" } })
    };
    github.add_comments((0..130).map(other));
    let dry_run = |args: &[&str]| {
        let job = Job::of_pull_request(&github.url);
        let ran = deploy(&job, &sandbox, &[&["--dry-run", "--comment"], args].concat()).run().expect_code(0);
        assert_eq!(warnings(&ran), Vec::<Value>::new());
        assert_eq!(job.output("verdict"), "planned");
        assert_token_is_hidden(&ran, &job);
        job
    };
    dry_run(&[]);
    let first = github.comments();
    assert_eq!(first.len(), 131);
    assert!(first[130].contains("### Landfall plan: 1 of 1 service would change"), "{}", first[130]);
    assert!(first[130].contains("For commit <code>0123456</code>"), "{}", first[130]);
    assert!(!first[130].contains("octocat"), "the payload's text is not repeated");
    let job = dry_run(&[]);
    assert_eq!(github.comments().len(), 131, "it is updated");
    assert!(job.read("summary.md").starts_with("### Landfall plan"));
    // Another configuration has a comment of its own: this one has another name in its repository.
    let mut job = Job::of_pull_request(&github.url);
    job.set("GITHUB_WORKSPACE", root().join("examples").to_str().expect("UTF-8"));
    deploy(&job, &sandbox, &["--dry-run", "--comment"]).run().expect_code(0);
    assert_eq!(github.comments().len(), 132);
    // A deployment is none of a plan's business.
    let before = github.requests().len();
    deploy(&job, &sandbox, &["--comment"]).run().expect_code(0);
    assert_eq!(github.requests().len(), before);
}

#[test]
fn a_permission_that_is_missing_is_one_warning_that_names_it() {
    let sandbox = sandbox();
    let github = GitHub::refusing("/deployments", 403);
    let ran = deploy(&Job::new(&github.url), &sandbox, &DEPLOYMENT).run().expect_code(0);
    assert_eq!(github.requests().len(), 1, "what is refused is not asked again: {:?}", github.requests());
    let found = warnings(&ran);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0]["hint"].to_string().contains("deployments: write"), "{found:?}");
    assert!(found[0]["message"].to_string().contains("HTTP 403: Resource not accessible"), "{found:?}");

    let github = GitHub::refusing("/comments", 403);
    let job = Job::of_pull_request(&github.url);
    let ran = deploy(&job, &sandbox, &["--dry-run", "--comment"]).run().expect_code(0);
    let found = warnings(&ran);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0]["hint"].to_string().contains("pull-requests: write"), "{found:?}");
}

#[test]
fn a_deployment_without_a_commit_is_one_warning() {
    let (github, sandbox) = (GitHub::start(), sandbox());
    let mut job = Job::new(&github.url);
    job.unset("GITHUB_SHA");
    let ran = deploy(&job, &sandbox, &DEPLOYMENT).run().expect_code(0);
    let found = warnings(&ran);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0]["message"].to_string().contains("GITHUB_SHA is not set"), "{found:?}");
    assert!(github.requests().is_empty());
}

#[test]
fn github_is_reached_through_the_proxy_of_the_environment() {
    let (proxy, sandbox) = (GitHub::start(), sandbox());
    let mut job = Job::new("http://github.invalid/api/v3");
    job.set("HTTP_PROXY", &proxy.url);
    job.set("NO_PROXY", "127.0.0.1,localhost");
    let ran = deploy(&job, &sandbox, &DEPLOYMENT).run().expect_code(0);
    assert_eq!(warnings(&ran), Vec::<Value>::new());
    let asked: Vec<String> = proxy.requests().into_iter().map(|request| request.what).collect();
    assert_eq!(asked[0], "POST http://github.invalid/api/v3/repos/octo/web/deployments");
    assert_eq!(proxy.states(), ["queued", "in_progress", "success"]);
}

#[test]
fn a_github_that_is_not_there_fails_nothing() {
    let sandbox = sandbox();
    // Nobody listens on this port any more.
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    for api in [format!("http://{gone}"), "no address".to_owned()] {
        let job = Job::of_pull_request(&api);
        let ran = deploy(&job, &sandbox, &["--dry-run", "--comment"]).run().expect_code(0);
        assert_eq!(warnings(&ran).len(), 1, "{}", ran.all());
        assert_eq!(job.output("verdict"), "planned");
    }
    // A push has no pull request; outside GitHub there is nothing to tell.
    let ran =
        deploy(&Job::new("http://127.0.0.1:9"), &sandbox, &["--dry-run", "--comment"]).run().expect_code(0);
    assert!(warnings(&ran)[0]["message"].to_string().contains("no pull request"), "{}", ran.all());
    let folder = tempfile::tempdir().expect("a folder");
    let summary = folder.path().join("summary.md");
    let config = example();
    let args = ["deploy", "--config", &config, "--output", "json", "--dry-run", "--comment", "--summary"];
    let all = [&args[..], &[summary.to_str().expect("UTF-8")]].concat();
    let ran = Landfall::new(&all).envs(&sandbox.variables).run().expect_code(0);
    assert!(warnings(&ran)[0]["message"].to_string().contains("no job of GitHub Actions"), "{}", ran.all());
    assert!(std::fs::read_to_string(&summary).expect("read").starts_with("### Landfall plan"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_deployment_is_told_as_failed() {
    let github = GitHub::start();
    let config = example();
    let sandbox = LongLived::start(&["--config", &config, "--scenario", "slow"]);
    let job = Job::new(&github.url);
    let mut child =
        deploy(&job, &sandbox, &DEPLOYMENT).into_command().stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("\"service_updated\"")), "it is updated");
    signal("TERM", child.id());
    assert!(lines.last().expect("a last line").contains("run_finished"));
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(github.states(), ["queued", "in_progress", "failure"]);
    assert_eq!(job.output("verdict"), "interrupted");
    assert!(job.read("summary.md").starts_with("### Landfall: interrupted\n"));
}

/// A folder of the repository with a configuration whose task definition has this text.
fn repository(definition: &str, env: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    std::fs::create_dir(folder.path().join("infra")).expect("a folder");
    write("infra/task.json", definition);
    write("infra/.env", env);
    write(
        "infra/landfall.yml",
        "version: 1\nregion: us-east-1\ncluster: demo\nenv_store: s3://demo-env/prod\nservices:\n  web:\n    \
         task_definition: task.json\n    containers:\n      app:\n        env_file: .env\n",
    );
    folder
}

fn annotated(folder: &Path, args: &[&str], code: i32) -> Ran {
    let workspace = folder.to_str().expect("UTF-8");
    let run = Landfall::new(args).in_folder(&folder.join("infra"));
    run.env("GITHUB_ACTIONS", "true").env("GITHUB_WORKSPACE", workspace).run().expect_code(code)
}

#[test]
fn what_has_a_line_is_annotated_there() {
    let broken =
        "{\n  \"family\": \"web\",\n  \"containerDefinitions\": [\n    {\"name\": \"app\", \"image\": 7}]\n}";
    let folder = repository(broken, "A=1\n");
    let ran = annotated(folder.path(), &["deploy", "--sandbox", "--dry-run"], 2);
    let stdout = ran.stdout();
    let found = commands(&stdout);
    assert_eq!(found.len(), 1, "{}", ran.all());
    assert!(found[0].starts_with("::error file=infra/task.json,line=4,col=30::"), "{found:?}");
    assert!(!found[0].contains("task.json:4:30"), "the place is told once: {found:?}");

    let good = broken.replace('7', "\"busybox\"");
    let folder = repository(&good, "A=\"quoted\"\n");
    let ran = annotated(folder.path(), &["env", "check", ".env"], 2);
    let stdout = ran.stdout();
    assert!(commands(&stdout)[0].starts_with("::warning file=infra/.env,line=1,col="), "{}", ran.all());
    // Where standard output is data, commands go to standard error.
    let ran = annotated(folder.path(), &["env", "check", ".env", "--output", "json"], 2);
    assert_eq!(ran.report()["event"], "run_finished");
    assert!(commands(&ran.stderr())[0].starts_with("::warning file=infra/.env,line=1,col="), "{}", ran.all());
}

#[test]
fn a_check_is_annotated_at_the_line_of_its_container() {
    // Fargate has no such memory for this CPU, and the dependency is one that never ends.
    let definition = r#"{
  "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
  "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
  "containerDefinitions": [
    {"name": "app", "image": "busybox", "essential": true,
     "dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}]},
    {"name": "migrate", "image": "busybox", "essential": true}]
}"#;
    let folder = repository(definition, "A=1\n");
    let ran = annotated(folder.path(), &["deploy", "--sandbox", "--dry-run"], 3);
    let stdout = ran.stdout();
    let found = commands(&stdout);
    assert!(
        found.iter().any(|line| line.starts_with("::error file=infra/task.json,line=6,col=20,title=")),
        "{}",
        ran.all()
    );
}
