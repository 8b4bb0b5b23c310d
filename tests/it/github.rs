//! What GitHub is told, through the binary: files that a runner would read, and a stand-in of GitHub's API that
//! remembers what it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::stage::{LongLived, lay_over};
use crate::support::{Landfall, Ran, root, signal};

/// A token that must not be seen anywhere.
const TOKEN: &str = "ghs_QpWmZrXkTvNyLsHd";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A stand-in of GitHub's API on loopback. It ends with the test's process.
pub struct GitHub {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    requests: Vec<Request>,
    comments: Vec<Value>,
    /// Requests whose path has this in it are answered with this status.
    refuse: Option<(&'static str, u16)>,
    /// What answers look like in full; `{}` has only what tests look at.
    examples: Value,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST /repos/octo/web/deployments`
    pub what: String,
    pub authorization: String,
    pub body: Value,
}

impl GitHub {
    pub fn start() -> Self {
        Self::like(json!({}))
    }

    /// With answers like these: `deployment`, `status` and `comment`.
    pub fn like(examples: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State { examples, ..State::default() }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.expect("a connection"), shared.clone());
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { url, state }
    }

    fn refusing(path: &'static str, status: u16) -> Self {
        let github = Self::start();
        github.state.lock().expect("no panic").refuse = Some((path, status));
        github
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().expect("no panic").requests.clone()
    }

    pub fn comments(&self) -> Vec<String> {
        let state = self.state.lock().expect("no panic");
        state.comments.iter().map(|comment| comment["body"].as_str().expect("a body").to_owned()).collect()
    }

    /// What others have written.
    fn add_comments(&self, comments: impl IntoIterator<Item = Value>) {
        self.state.lock().expect("no panic").comments.extend(comments);
    }

    /// The states of the deployment, in order.
    pub fn states(&self) -> Vec<String> {
        let of = |request: &Request| request.what.ends_with("/statuses");
        let requests = self.requests();
        requests.iter().filter(|request| of(request)).map(|request| text(&request.body["state"])).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut writer = stream.try_clone().expect("a handle");
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let (status, body) = answer(&request, state);
        state.lock().expect("no panic").requests.push(request);
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if writer.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let what = line.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => value.trim().clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Request { what, authorization, body })
}

fn answer(request: &Request, state: &Mutex<State>) -> (u16, Value) {
    let mut state = state.lock().expect("no panic");
    if let Some((_, status)) = state.refuse.filter(|(path, _)| request.what.contains(path)) {
        return (status, json!({ "message": "Resource not accessible by integration" }));
    }
    let like = |kind: &str, fields: Value| {
        let mut value =
            if state.examples[kind].is_object() { state.examples[kind].clone() } else { json!({}) };
        lay_over(&mut value, &fields);
        value
    };
    let (path, query) = request.what.split_once('?').unwrap_or((&request.what, ""));
    let parts: Vec<&str> = path.split(['/', ' ']).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["POST", "repos", "octo", "web", "deployments"] => (201, like("deployment", json!({ "id": 42 }))),
        ["POST", "repos", "octo", "web", "deployments", "42", "statuses"] => {
            (201, like("status", json!({ "id": 7, "state": request.body["state"] })))
        }
        ["GET", "repos", "octo", "web", "issues", "7", "comments"] => {
            let number = |name: &str| -> usize {
                let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
                value.and_then(|value| value.parse().ok()).expect("a number")
            };
            let (size, page) = (number("per_page"), number("page"));
            let comments = state.comments.iter().skip(size * (page - 1)).take(size);
            (200, comments.cloned().collect())
        }
        ["POST", "repos", "octo", "web", "issues", "7", "comments"] => {
            let id = 1_000 + state.comments.len();
            let comment = like(
                "comment",
                json!({ "id": id, "body": request.body["body"], "author_association": "NONE" }),
            );
            let mut comment = comment;
            if !comment["user"].is_object() {
                comment["user"] = json!({});
            }
            comment["user"]["type"] = json!("Bot");
            state.comments.push(comment.clone());
            (201, comment)
        }
        ["PATCH", "repos", "octo", "web", "issues", "comments", id] => {
            let id: u64 = id.parse().expect("a number");
            let found = state.comments.iter_mut().find(|comment| comment["id"] == id);
            let comment = found.unwrap_or_else(|| panic!("no comment {id}"));
            comment["body"] = request.body["body"].clone();
            (200, comment.clone())
        }
        _ => panic!("{} is not asked for", request.what),
    }
}

/// A job of GitHub Actions, in a folder of its own.
pub struct Job {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Job {
    /// A push to `main`.
    pub fn new(api: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        let workspace = root();
        let variables = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_API_URL", api),
            ("GITHUB_REPOSITORY", "octo/web"),
            ("GITHUB_SHA", COMMIT),
            ("GITHUB_REF_NAME", "x`</code>\n::set-output name=a::b"),
            ("GITHUB_RUN_ID", "12"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_WORKSPACE", workspace.to_str().expect("UTF-8")),
            ("GITHUB_STEP_SUMMARY", &path("summary.md")),
            ("GITHUB_OUTPUT", &path("output")),
            ("GITHUB_TOKEN", TOKEN),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { folder, variables }
    }

    /// Of a pull request, number 7.
    pub fn of_pull_request(api: &str) -> Self {
        let mut job = Self::new(api);
        let payload = job.path("event.json");
        let event =
            json!({ "pull_request": { "number": 7, "head": { "sha": COMMIT, "ref": "`@octocat`" } } });
        std::fs::write(&payload, event.to_string()).expect("written");
        job.set("GITHUB_EVENT_NAME", "pull_request");
        job.set("GITHUB_EVENT_PATH", payload.to_str().expect("UTF-8"));
        job
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// What the runner sets.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn landfall(&self, args: &[&str]) -> Landfall {
        Landfall::new(args).envs(&self.variables)
    }

    /// The outputs, as the runner reads them.
    fn outputs(&self) -> Vec<(String, String)> {
        let text = self.read("output");
        let mut lines = text.lines();
        let mut outputs = Vec::new();
        while let Some(line) = lines.next() {
            let (name, delimiter) = line.split_once("<<").expect("a name and a delimiter");
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            outputs.push((name.to_owned(), value.join("\n")));
        }
        outputs
    }

    #[track_caller]
    fn output(&self, name: &str) -> String {
        let outputs = self.outputs();
        let found = outputs.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no {name} in {outputs:?}")).1.clone()
    }
}

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
