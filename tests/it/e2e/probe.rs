//! The probe against ministack: its load balancer carries the requests, and an independent generator sends as many.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;

use super::ministack::{Ministack, Shape};
use super::rollout::{deploy_args, landfall};
use super::{docker, load_hello, unique};

/// The shortest that a probe may have.
const INTERVAL: Duration = Duration::from_millis(50);
/// How many containers a task has besides the one that answers. ministack stops one after the other before it starts
/// what is to follow, and waits five seconds for each that does not obey: so long is the outage.
const BESIDE: u32 = 9;
/// An outage that is worth counting.
const ENOUGH: u64 = 100;
/// Two clocks that tick at other instants may differ by a request at each edge of the outage.
const EDGES: u64 = 2;

/// Requests at a steady rate over new connections, whatever becomes of those before.
struct Generator {
    stop: oneshot::Sender<()>,
    counting: JoinHandle<(u64, u64)>,
}

impl Generator {
    fn start(url: &str) -> Self {
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
                        let request = client.get(&url).send();
                        requests.spawn(async move { request.await?.error_for_status()?.bytes().await });
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

/// One task that may go before its successor is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_loses_requests_is_violated_by_as_many_as_somebody_else_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = unique("violated");
    load_hello(folder.path(), &name, "v1");
    load_hello(folder.path(), &name, "v2");
    let ministack = Ministack::connect();
    let stubborn = load_stubborn(folder.path(), &name);
    let beside = (1..=BESIDE).map(|number| {
        let environment = json!([{"name": "PORT", "value": (9000 + number).to_string()}]);
        json!({"name": format!("beside-{number}"), "image": stubborn, "essential": false, "environment": environment})
    });
    let beside: Vec<_> = beside.collect();
    let shape = Shape { tasks: 1, percents: (0, 100), beside: &beside };
    let service = ministack.web_service_of(&name, &format!("{name}:v1"), &shape).await;
    let load = Generator::start(&service.url);
    let more = ["--container", "web", "--probe-url", &service.url, "--probe-interval", "50ms"];
    let args = deploy_args(&service, &format!("docker:{name}:v2"), "v2", &more);
    let report = landfall(&ministack, args).await.expect_code(0).report();
    let (sent, failed) = load.stop().await;
    let zero = &report["services"][0]["zero_downtime"];
    println!("the generator: {failed} of {sent} failed; the probe: {zero}");
    assert_eq!(zero["verdict"], "violated", "{zero}");
    let probed = zero["probe"]["failed"].as_u64().expect("a number");
    assert!(probed >= ENOUGH && failed >= ENOUGH, "{probed} and {failed}");
    assert!(probed.abs_diff(failed) <= EDGES.max(failed / 100), "{probed} and {failed}");
}

/// The same program in an image whose containers are asked to end by a signal that it does not heed.
fn load_stubborn(folder: &Path, name: &str) -> String {
    let image = format!("{name}:stubborn");
    let context = folder.join("stubborn");
    std::fs::create_dir(&context).expect("a folder");
    let text = format!("FROM {name}:v1\nSTOPSIGNAL SIGWINCH\n");
    std::fs::write(context.join("Dockerfile"), text).expect("written");
    docker(&["build", "--tag", &image, context.to_str().expect("UTF-8")]);
    image
}
