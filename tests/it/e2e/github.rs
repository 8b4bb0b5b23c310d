//! The calls of GitHub's API against what GitHub publishes about it: Prism stands between the run and the stand-in, and
//! refuses every request and every answer that GitHub's OpenAPI description does not allow.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::part;
use crate::github::{GitHub, Job, deploy, sandbox};

/// The calls that Landfall makes.
const CALLS: [(&str, &str); 5] = [
    ("post", "/repos/{owner}/{repo}/deployments"),
    ("post", "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses"),
    ("get", "/repos/{owner}/{repo}/issues/{issue_number}/comments"),
    ("post", "/repos/{owner}/{repo}/issues/{issue_number}/comments"),
    ("patch", "/repos/{owner}/{repo}/issues/comments/{comment_id}"),
];

/// GitHub's description with these calls alone, and everything that they refer to: the whole of it, 13 MB, would take
/// Prism minutes and gigabytes. Fields of a request that GitHub does not name are not allowed.
fn cut(whole: &Value) -> Value {
    let mut paths = json!({});
    for (method, path) in CALLS {
        let mut call = whole["paths"][path][method].clone();
        assert!(call.is_object(), "GitHub has no {method} {path} any more");
        if let Some(schema) = call.pointer_mut("/requestBody/content/application~1json/schema") {
            schema["additionalProperties"] = json!(false);
        }
        paths[path][method] = call;
    }
    let mut cut =
        json!({ "openapi": whole["openapi"], "info": whole["info"], "paths": paths, "components": {} });
    let mut wanted: Vec<String> = references(&cut["paths"]);
    let mut known = BTreeSet::new();
    while let Some(reference) = wanted.pop() {
        let pointer = reference.strip_prefix('#').expect("a reference into the document");
        if !known.insert(reference.clone()) {
            continue;
        }
        let target = whole.pointer(pointer).unwrap_or_else(|| panic!("nothing at {reference}")).clone();
        wanted.extend(references(&target));
        let [_, _, kind, name] = pointer.split('/').collect::<Vec<_>>()[..] else { panic!("{reference}") };
        cut["components"][kind][name] = target;
    }
    cut
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(elements) => elements.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// Prism in front of a server; it ends with this value.
struct Prism {
    child: Child,
    url: String,
}

impl Prism {
    async fn start(description: &Path, upstream: &str) -> Self {
        let free =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let child = Command::new(part("LANDFALL_E2E_PRISM"))
            .args(["proxy", description.to_str().expect("UTF-8"), upstream, "--errors"])
            .args(["--host", "127.0.0.1", "--port", &free.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("Prism starts");
        let prism = Self { child, url: format!("http://{free}") };
        // A program that reads a description first: there is nothing to wait for but its port. The runner's limit ends
        // a test whose Prism never listens.
        while tokio::net::TcpStream::connect(free).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        prism
    }

    async fn ask(&self, path: &str, body: Value) -> (u16, String) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url));
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.expect("Prism answers");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// GitHub's own examples of what it answers.
fn examples(whole: &Value) -> Value {
    let of = |method: &str, path: &str| {
        let answer = &whole["paths"][path][method]["responses"]["201"]["content"]["application/json"];
        let example = answer["examples"].as_object().and_then(|all| all.values().next()).expect("an example");
        match example["$ref"].as_str() {
            Some(reference) => {
                whole.pointer(&format!("{}/value", &reference[1..])).expect("it is there").clone()
            }
            None => example["value"].clone(),
        }
    };
    let [deployment, status, _, comment, _] = CALLS;
    json!({
        "deployment": of(deployment.0, deployment.1),
        "status": of(status.0, status.1),
        "comment": of(comment.0, comment.1)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_one_that_github_describes() {
    let whole = std::fs::read(part("LANDFALL_E2E_GITHUB_API")).expect("GitHub's description");
    let whole: Value = serde_json::from_slice(&whole).expect("JSON");
    let folder = tempfile::tempdir().expect("a folder");
    let description = folder.path().join("github.json");
    std::fs::write(&description, cut(&whole).to_string()).expect("written");
    let github = GitHub::like(examples(&whole));
    let prism = Prism::start(&description, &github.url).await;

    // A request that GitHub would not understand does not pass; without this, the rest would prove nothing.
    let path = "/repos/octo/web/deployments";
    let good = json!({ "ref": "main", "auto_merge": false });
    for (wrong, why) in [
        (json!({ "auto_merge": false }), "'ref'"),
        (json!({ "ref": "main", "auto_merge": "no" }), "auto_merge must be boolean"),
        (json!({ "ref": "main", "enviroment": "production" }), "additional properties"),
    ] {
        let (status, said) = prism.ask(path, wrong).await;
        assert_eq!(status, 422, "{said}");
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(prism.ask("/repos/octo/web/deploymentz", good.clone()).await.0, 404);
    assert!(github.requests().is_empty(), "{:?}", github.requests());
    assert_eq!(prism.ask(path, good).await.0, 201);

    let sandbox = sandbox();
    let run = |args: Vec<&'static str>| {
        let job = Job::of_pull_request(&prism.url);
        let ran = deploy(&job, &sandbox, &args).run().expect_code(0);
        let warnings: Vec<Value> =
            ran.events().into_iter().filter(|event| event["event"] == "warning").collect();
        assert_eq!(warnings, Vec::<Value>::new(), "what Prism refuses is a warning");
    };
    run(vec!["--dry-run", "--comment"]);
    run(vec!["--dry-run", "--comment"]);
    run(vec!["--github-deployment", "production", "--environment-url", "https://hello.example"]);
    assert_eq!(github.comments().len(), 1);
    assert_eq!(github.states(), ["queued", "in_progress", "success"]);
    let made: BTreeSet<String> = github
        .requests()
        .iter()
        .map(|request| request.what.replace(|c: char| c.is_ascii_digit(), ""))
        .map(|what| what.split('?').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(made.len(), CALLS.len(), "each of the calls was made: {made:?}");
}
