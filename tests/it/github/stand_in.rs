//! A stand-in of GitHub's API that remembers what it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::stage::lay_over;

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

    pub fn refusing(path: &'static str, status: u16) -> Self {
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
    pub fn add_comments(&self, comments: impl IntoIterator<Item = Value>) {
        self.state.lock().expect("no panic").comments.extend(comments);
    }

    /// The states of the deployment, in order.
    pub fn states(&self) -> Vec<String> {
        let of = |request: &Request| request.what.ends_with("/statuses");
        let requests = self.requests();
        requests.iter().filter(|request| of(request)).map(|request| text(&request.body["state"])).collect()
    }
}

pub fn text(value: &Value) -> String {
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
    // A proxy is asked with the whole address, and an Enterprise Server's API has a folder.
    let what = request.what.replacen("http://github.invalid/api/v3", "", 1);
    let (path, query) = what.split_once('?').unwrap_or((&what, ""));
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
