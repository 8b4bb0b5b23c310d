//! A scripted registry for tests: a handler says what to answer to each request.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::image::digest;

#[derive(Debug, Clone)]
pub(in crate::image) struct Request {
    pub(in crate::image) method: String,
    /// With its query.
    pub(in crate::image) path: String,
    headers: HashMap<String, String>,
    pub(in crate::image) body: Vec<u8>,
}

impl Request {
    pub(in crate::image) fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.contains(path)
    }

    pub(in crate::image) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

#[derive(Debug, Clone)]
pub(in crate::image) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    cut: bool,
    /// So many bytes of the body are sent, and then the connection breaks.
    sent: Option<usize>,
    /// Announced, but not in the body.
    missing: usize,
}

impl Reply {
    pub(in crate::image) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), cut: false, sent: None, missing: 0 }
    }

    /// The connection breaks instead of an answer.
    pub(in crate::image) fn cut() -> Self {
        Self { cut: true, ..Self::new(0) }
    }

    /// As registries write their errors.
    pub(in crate::image) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
        Self::new(status).body(body.to_string())
    }

    pub(in crate::image) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(in crate::image) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// The connection breaks at the end of the body, which was announced as longer.
    pub(in crate::image) fn short(mut self) -> Self {
        self.sent = Some(self.body.len());
        self.missing = 1;
        self
    }

    /// The connection breaks after so many bytes of the body.
    pub(in crate::image) fn cut_at(mut self, sent: usize) -> Self {
        self.sent = Some(sent);
        self
    }
}

/// Serves until it is dropped.
pub(in crate::image) struct Fake {
    pub(in crate::image) endpoint: String,
    log: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Handler = Arc<Mutex<dyn FnMut(&Request) -> Reply + Send>>;
/// What becomes of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::image) enum Fate {
    Whole,
    /// The connection breaks in its middle.
    Broken,
    /// It is never read, and the connection stays.
    Held,
}

/// Sees the request without its body, and its length.
type Cut = Arc<Mutex<dyn FnMut(&Request, usize) -> Fate + Send>>;

impl Fake {
    pub(in crate::image) async fn start(handler: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        Self::start_with(|_, _| Fate::Whole, handler).await
    }

    /// Breaks the connection in the middle of the first `cuts` large bodies that it gets.
    pub(in crate::image) async fn start_cutting(
        mut cuts: i32,
        handler: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> Self {
        let cut = move |_: &Request, length: usize| {
            cuts -= i32::from(length > 100_000);
            if length > 100_000 && cuts >= 0 { Fate::Broken } else { Fate::Whole }
        };
        Self::start_with(cut, handler).await
    }

    /// Does with each body what `cut` says.
    pub(in crate::image) async fn start_with(
        cut: impl FnMut(&Request, usize) -> Fate + Send + 'static,
        handler: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (handler, seen): (Handler, _) = (Arc::new(Mutex::new(handler)), Arc::clone(&log));
        let cut: Cut = Arc::new(Mutex::new(cut));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&seen), Arc::clone(&cut)));
            }
        });
        Self { endpoint, log, task }
    }

    /// Requests that arrived whole.
    pub(in crate::image) fn log(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    pub(in crate::image) fn count(&self, method: &str, path: &str) -> usize {
        self.log().iter().filter(|request| request.is(method, path)).count()
    }
}

async fn serve(stream: TcpStream, handler: Handler, log: Arc<Mutex<Vec<Request>>>, cut: Cut) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream, &cut).await {
        log.lock().unwrap().push(request.clone());
        let reply = (handler.lock().unwrap())(&request);
        if reply.cut {
            return;
        }
        let mut text = format!(
            "HTTP/1.1 {} X\r\ncontent-length: {}\r\n",
            reply.status,
            reply.body.len() + reply.missing
        );
        for (name, value) in &reply.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let body = if request.method == "HEAD" { &[] } else { reply.body.as_slice() };
        let body = &body[..reply.sent.unwrap_or(body.len()).min(body.len())];
        if stream.write_all(&[text.as_bytes(), body].concat()).await.is_err() || reply.sent.is_some() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>, cut: &Cut) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut parts = line.split(' ');
    let (method, path) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut request = Request { method, path, headers, body: Vec::new() };
    let fate = (cut.lock().unwrap())(&request, length);
    if fate == Fate::Held {
        std::future::pending::<()>().await;
    }
    request.body = vec![0; if fate == Fate::Broken { length / 2 } else { length }];
    stream.read_exact(&mut request.body).await.ok()?;
    (fate == Fate::Whole).then_some(request)
}

/// A registry that keeps what it gets, and is as strict as ECR about what a manifest names. It says no
/// `Location` when it has stored something.
#[derive(Default)]
pub(in crate::image) struct Store {
    pub(in crate::image) blobs: HashSet<String>,
    /// By digest and by tag; the digest of each.
    pub(in crate::image) manifests: HashMap<String, String>,
    uploads: u32,
}

impl Store {
    pub(in crate::image) fn answer(&mut self, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let (rest, name) = path.rsplit_once('/').unwrap();
        match (request.method.as_str(), rest.rsplit('/').next().unwrap()) {
            ("HEAD", "blobs") => Reply::new(if self.blobs.contains(name) { 200 } else { 404 }),
            ("HEAD", "manifests") => match self.manifests.get(name) {
                Some(digest) => Reply::new(200).header("Docker-Content-Digest", digest),
                None => Reply::new(404),
            },
            ("POST", "uploads") => {
                self.uploads += 1;
                Reply::new(202).header("Location", format!("{rest}/{}?_state=a%2Fb%3D", self.uploads))
            }
            ("PUT", "uploads") => {
                let digest = digest::of(&request.body);
                if query != format!("_state=a%2Fb%3D&digest={digest}") {
                    return Reply::error(400, "DIGEST_INVALID", "provided digest did not match");
                }
                self.blobs.insert(digest);
                Reply::new(201)
            }
            ("PUT", "manifests") => {
                let digest = digest::of(&request.body);
                let document: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
                if document["mediaType"] != request.header("content-type").unwrap() {
                    return Reply::error(400, "MANIFEST_INVALID", "not what its Content-Type says");
                }
                let named = |key: &str| -> Vec<String> {
                    let entries = document[key].as_array().into_iter().flatten();
                    entries.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
                };
                let complete = named("layers").iter().all(|layer| self.blobs.contains(layer))
                    && named("manifests").iter().all(|child| self.manifests.contains_key(child));
                if !complete {
                    return Reply::error(404, "BLOB_UNKNOWN", "Layers do not exist");
                }
                self.manifests.insert(name.to_owned(), digest.clone());
                self.manifests.insert(digest.clone(), digest);
                Reply::new(201)
            }
            _ => Reply::error(405, "UNSUPPORTED", "not in this registry"),
        }
    }
}
