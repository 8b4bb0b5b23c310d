//! The probe against ministack: its load balancer carries the requests, and an independent generator sends as many.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::ministack::{Ministack, Shape};
use super::rollout::{deploy_args, landfall};
use super::{docker, load_hello, unique};

/// The shortest that a probe may have.
const INTERVAL: Duration = Duration::from_millis(50);
/// The outage lasts until so many requests of the generator have failed.
const OUTAGE: u64 = 400;
/// An outage that is worth counting.
const ENOUGH: u64 = 200;
/// The first byte of a TLS connection (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Requests at a steady rate over new connections, whatever becomes of those before.
struct Generator {
    stop: oneshot::Sender<()>,
    counting: JoinHandle<(u64, u64)>,
}

impl Generator {
    /// Adds every request that fails to `failed` at once.
    fn start(url: &str, failed: watch::Sender<u64>) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(5))
            .build()
            .expect("a client");
        let url = url.to_owned();
        let counting = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(INTERVAL);
            // A busy machine makes requests late, and leaves none out.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut requests = JoinSet::new();
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    _ = ticks.tick() => {
                        let (request, failed) = (client.get(&url).send(), failed.clone());
                        requests.spawn(async move {
                            let answer = async { request.await?.error_for_status()?.bytes().await }.await;
                            if answer.is_err() {
                                failed.send_modify(|failed| *failed += 1);
                            }
                            answer
                        });
                    }
                }
            }
            let sent = requests.len() as u64;
            let answers = requests.join_all().await;
            (sent, answers.into_iter().filter(Result::is_err).count() as u64)
        });
        Self { stop, counting }
    }

    /// How many were sent, and how many of them failed.
    async fn stop(self) -> (u64, u64) {
        self.stop.send(()).expect("it goes on until now");
        self.counting.await.expect("no panic")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_loses_nothing_is_proven() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = unique("proven");
    load_hello(folder.path(), &name, "v1");
    load_hello(folder.path(), &name, "v2");
    let ministack = Ministack::connect();
    let service = ministack.web_service(&name, &format!("{name}:v1")).await;
    let more = ["--probe-url", &service.url];
    let args = deploy_args(&service, &format!("docker:{name}:v2"), "v2", &more);
    let report = landfall(&ministack, args).await.expect_code(0).report();
    let zero = &report["services"][0]["zero_downtime"];
    println!("{zero}");
    assert_eq!(zero["verdict"], "proven", "{zero}");
    assert!(zero["probe"]["sent"].as_u64() > Some(0), "{zero}");
    assert_eq!(zero["probe"]["failed"], 0, "{zero}");
}

/// One task that may go before its successor is there, which then has to wait for the registry of a container beside.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_loses_requests_is_violated_by_as_many_as_somebody_else_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = unique("violated");
    load_hello(folder.path(), &name, "v1");
    load_hello(folder.path(), &name, "v2");
    let ministack = Ministack::connect();
    // The registry lets nobody wait while the service is made.
    let (failing, failed) = watch::channel(OUTAGE);
    let image = format!("{}/{name}:v1", slow_registry(failed).await);
    docker(&["tag", &format!("{name}:v1"), &image]);
    let environment = json!([{"name": "PORT", "value": "9000"}]);
    let beside = [json!({"name": "beside", "image": image, "essential": false, "environment": environment})];
    let shape = Shape { tasks: 1, percents: (0, 100), beside: &beside };
    let service = ministack.web_service_of(&name, &format!("{name}:v1"), &shape).await;
    failing.send_replace(0);
    let load = Generator::start(&service.url, failing);
    let more = ["--container", "web", "--probe-url", &service.url, "--probe-interval", "50ms"];
    let args = deploy_args(&service, &format!("docker:{name}:v2"), "v2", &more);
    let report = landfall(&ministack, args).await.expect_code(0).report();
    let (sent, failed) = load.stop().await;
    let zero = &report["services"][0]["zero_downtime"];
    println!("the generator: {failed} of {sent} failed; the probe: {zero}");
    assert_eq!(zero["verdict"], "violated", "{zero}");
    let probed = zero["probe"]["failed"].as_u64().expect("a number");
    assert!(probed >= ENOUGH && failed >= ENOUGH, "{probed} and {failed}");
    assert!(probed.abs_diff(failed) * 100 <= failed, "{probed} and {failed}");
}

/// Where a registry is that answers nothing, and keeps the engine waiting until so many requests have failed. The
/// engine goes on with the image that it has.
async fn slow_registry(failed: watch::Receiver<u64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.expect("a connection");
            let mut failed = failed.clone();
            tokio::spawn(async move {
                let mut first = [0];
                // The engine tries TLS; the checks before a deployment do not, on a loopback address.
                if connection.peek(&mut first).await.is_ok() && first == [TLS_HANDSHAKE] {
                    // It also ends when nobody counts any more.
                    let _ = failed.wait_for(|failed| *failed >= OUTAGE).await;
                }
            });
        }
    });
    host
}
