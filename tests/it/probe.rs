//! The probe through the binary: a server of the test's own answers it, and counts by itself.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::support::{Landfall, Ran, read_head, root, signal};

/// What the server does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Answer,
    Refuse,
    Close,
    BreakOff,
    Hang,
}

impl Act {
    /// As the report calls it.
    fn what(self) -> &'static str {
        match self {
            Self::Refuse => "HTTP 503",
            Self::Close => "connection closed before an answer",
            Self::BreakOff => "the answer broke off",
            Self::Answer | Self::Hang => "",
        }
    }
}

/// A server on loopback that does `act(n)` with the n-th request.
pub struct Server {
    port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    acts: Mutex<Vec<Act>>,
    heads: Mutex<Vec<String>>,
    more: Condvar,
}

impl Server {
    pub fn start(act: impl Fn(usize) -> Act + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Seen::default());
        let counted = seen.clone();
        // Both kinds of thread end with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let head = read_head(&mut stream);
                let act = {
                    let mut acts = counted.acts.lock().expect("no panic");
                    let act = act(acts.len());
                    acts.push(act);
                    act
                };
                counted.heads.lock().expect("no panic").push(head);
                counted.more.notify_all();
                answer(stream, act);
            }
        });
        Self { port, seen }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/health", self.port)
    }

    /// How many requests there were, and how many of them were failed in each way.
    fn count(&self) -> (u64, BTreeMap<&'static str, u64>) {
        let acts = self.seen.acts.lock().expect("no panic");
        let mut failed = BTreeMap::new();
        for act in acts.iter().filter(|act| **act != Act::Answer) {
            *failed.entry(act.what()).or_default() += 1;
        }
        (acts.len() as u64, failed)
    }

    fn wait_for(&self, requests: usize) {
        let acts = self.seen.acts.lock().expect("no panic");
        drop(self.seen.more.wait_while(acts, |acts| acts.len() < requests).expect("no panic"));
    }
}

fn answer(mut stream: TcpStream, act: Act) {
    let text = match act {
        Act::Answer => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        Act::Refuse => "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        Act::Close => "",
        Act::BreakOff => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        Act::Hang => {
            thread::spawn(move || read_head(&mut stream));
            return;
        }
    };
    // Who asked may be gone.
    let _ = stream.write_all(text.as_bytes());
}

/// A configuration of the example with this probe.
fn config(folder: &Path, probe: &str) -> String {
    let hello = root().join("examples/hello");
    let path = folder.join("landfall.yml");
    let text = format!(
        "version: 1\nregion: us-east-1\ncluster: demo\nservices:\n  hello:\n    task_definition: {0}/task-definition.json\n    containers:\n      web: {{ image: {{ from: 'oci:{0}/image', to: '123456789012.dkr.ecr.us-east-1.amazonaws.com/hello:x' }} }}\n    probe: {probe}\n",
        hello.display()
    );
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

fn deploy(scenario: &str, probe: &str, more: &[&str]) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path(), probe);
    let scenario = format!("--sandbox={scenario}");
    let mut args = vec!["deploy", &scenario, "--sandbox-speed", "40", "--config", &config];
    args.extend(more);
    Landfall::new(&args).run()
}

const JSON: [&str; 2] = ["--output", "json"];

fn measured(ran: &Ran) -> Value {
    ran.report()["services"][0]["zero_downtime"].clone()
}

#[track_caller]
fn assert_every_request_is_counted(probe: &Value, server: &Server) {
    let (requests, failed) = server.count();
    let sent = probe["sent"].as_u64().expect("a number");
    let checks = probe["checks"].as_u64().expect("a number");
    assert_eq!(sent + checks, requests, "{probe}");
    assert_eq!(probe["failed"], failed.values().sum::<u64>(), "{probe}");
    let none = Vec::new();
    let reported: BTreeMap<&str, u64> = probe["failures"]
        .as_array()
        .unwrap_or(&none)
        .iter()
        .map(|kind| (kind["what"].as_str().expect("a text"), kind["count"].as_u64().expect("a number")))
        .collect();
    assert_eq!(reported, failed, "{probe}");
}

#[test]
fn a_rollout_under_a_probe_is_proven_and_nothing_secret_is_told() {
    let server = Server::start(|_| Act::Answer);
    let url = format!("http://canary-u:canary-p@127.0.0.1:{}/health?key=canary-q", server.port);
    let probe = format!("{{ url: '{url}', headers: {{ X-Token: canary-h }} }}");
    let ran = deploy("healthy", &probe, &JSON).expect_code(0);
    let zero = measured(&ran);
    assert_eq!(zero["verdict"], "proven", "{zero}");
    let probe = &zero["probe"];
    assert_every_request_is_counted(probe, &server);
    assert_eq!((&probe["failed"], &probe["checks"], &probe["missed"]), (&json!(0), &json!(1), &json!(0)));
    assert!(probe["sent"].as_u64() >= Some(3), "{probe}");
    assert_eq!(probe["url"], server.url());
    assert!(!ran.all().contains("canary"), "{}", ran.all());
    for head in server.seen.heads.lock().expect("no panic").iter() {
        let head = head.to_lowercase();
        assert!(head.contains("x-token: canary-h") && head.contains("?key=canary-q"), "{head}");
    }

    // Before the service is updated, and as long as it is watched.
    let names: Vec<String> =
        ran.events().iter().map(|event| event["event"].as_str().expect("a name").to_owned()).collect();
    let at = |name: &str| names.iter().position(|found| found == name).expect("it was told");
    assert!(at("probe_started") < at("service_updated"), "{names:?}");
    assert!(!names.contains(&"probe_failed".to_owned()), "{names:?}");
}

#[test]
fn each_request_that_was_lost_is_counted_and_told() {
    // The first is the check, and the second is under way when the service is updated.
    let server = Server::start(|number| match number {
        4 | 6..=9 => Act::Refuse,
        5 | 10 => Act::Close,
        11..=13 => Act::BreakOff,
        _ => Act::Answer,
    });
    let probe = format!("{{ url: '{}', interval: 50ms }}", server.url());
    let ran = deploy("healthy", &probe, &JSON).expect_code(0);
    let zero = measured(&ran);
    assert_eq!(ran.report()["verdict"], "succeeded", "what was lost does not undo a deployment");
    assert_eq!(zero["verdict"], "violated", "{zero}");
    let probe = &zero["probe"];
    assert_every_request_is_counted(probe, &server);
    assert_eq!(probe["failed"], 10);
    let windows = probe["windows"].as_array().expect("a list");
    assert_eq!(windows.iter().map(|window| window["failed"].as_u64().expect("a number")).sum::<u64>(), 10);
    assert_eq!(probe["first_failure"]["at_ms"], windows[0]["from_ms"], "{probe}");
    assert!(probe["first_failure"]["tasks"].is_string(), "{probe}");

    let events = ran.events();
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    let (failed, recovered) = (of("probe_failed"), of("probe_recovered"));
    assert_eq!(failed.len(), recovered.len(), "{failed:?} {recovered:?}");
    assert!(!failed.is_empty());
    let counted: u64 = recovered.iter().map(|event| event["failed"].as_u64().expect("a number")).sum();
    assert_eq!(counted, 10);
}

#[test]
fn a_rollback_is_probed_to_its_end() {
    let server = Server::start(|_| Act::Answer);
    let ran = deploy("crash-loop", &format!("{{ url: '{}' }}", server.url()), &JSON).expect_code(4);
    let zero = measured(&ran);
    assert_eq!(ran.report()["verdict"], "rolled-back");
    assert_eq!(zero["verdict"], "proven", "{zero}");
    assert_every_request_is_counted(&zero["probe"], &server);
}

#[test]
fn an_address_that_never_answered_proves_nothing() {
    let server = Server::start(|_| Act::Refuse);
    let probe = format!("{{ url: '{}', interval: 50ms }}", server.url());
    let ran = deploy("healthy", &probe, &["--output", "plain"]).expect_code(0);
    let shown = ran.stdout();
    let warning = "zero downtime cannot be proven: the probe failed before anything was changed";
    assert!(shown.find(warning) < shown.find("service updated"), "{shown}");
    assert!(shown.contains(warning), "{shown}");
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("zero downtime observed: "), "{shown}");
    assert!(words.contains("not proven: the probe failed before anything was changed (HTTP 503)"), "{shown}");
}

#[test]
fn waiting_for_healthy_alone_proves_nothing() {
    let server = Server::start(|_| Act::Answer);
    let probe = format!("{{ url: '{}' }}", server.url());
    let more = ["--output", "json", "--wait-for", "healthy"];
    let zero = measured(&deploy("healthy", &probe, &more).expect_code(0));
    assert_eq!((&zero["verdict"], &zero["probe"]["ended_early"]), (&json!("observed"), &json!(true)));
}

#[test]
fn the_sandbox_sends_nothing_to_another_machine() {
    let probe = "{ url: 'https://me:canary-p@api.example.com/health' }";
    let ran = deploy("healthy", probe, &JSON).expect_code(0);
    let zero = measured(&ran);
    assert_eq!((&zero["verdict"], &zero["probe"]), (&json!("observed"), &Value::Null));
    let expected =
        "the probe of hello is left out: the sandbox carries no requests to https://api.example.com/health";
    assert!(ran.stdout().contains(expected), "{}", ran.all());
    assert!(!ran.all().contains("canary"), "{}", ran.all());
    assert_eq!(ran.events()[0]["event"], "run_started");
}

#[test]
fn a_flag_or_a_variable_names_the_address_of_one_service() {
    let server = Server::start(|_| Act::Answer);
    let args = ["deploy", "--sandbox", "--sandbox-speed", "40", "--config", "examples/hello/landfall.yml"];
    let args = [&args[..], &JSON, &["--probe-interval", "100ms"]].concat();
    let ran = Landfall::new(&args).env("LANDFALL_PROBE_URL", &server.url()).run().expect_code(0);
    let probe = measured(&ran)["probe"].clone();
    assert_eq!((&probe["url"], &probe["interval_ms"]), (&json!(server.url()), &json!(100)));
    assert_every_request_is_counted(&probe, &server);
}

/// An answer may take an hour here, so that a run that waited for it would never end.
#[cfg(unix)]
#[test]
fn an_interrupt_waits_for_no_answer() {
    let server = Server::start(|number| if number < 2 { Act::Answer } else { Act::Hang });
    let probe = format!("{{ url: '{}', interval: 50ms, timeout: 1h }}", server.url());
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(folder.path(), &probe);
    let args = ["deploy", "--sandbox", "--sandbox-speed", "1", "--config", &config, "--output", "json"];
    let mut command = Landfall::new(&args).into_command();
    let child = command.stdout(std::process::Stdio::piped()).spawn().expect("it starts");
    server.wait_for(5);
    signal("INT", child.id());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let last = String::from_utf8_lossy(&output.stdout).lines().last().map(str::to_owned).expect("a line");
    assert!(last.contains("run_finished"), "{last}");
}
