//! The poller: looks at AWS, feeds the state machine, sends its events.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use super::machine::{Outcome, Rollout};
use super::observation::{Observation, Service};
use crate::aws::Aws;
use crate::emit::Emitter;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;

/// Between two looks while something moves.
const QUICK: Duration = Duration::from_millis(1000);
/// Between two looks after nothing has moved for a while.
const EASY: Duration = Duration::from_millis(3000);
/// Each look at which nothing moved makes the next one this much later.
const EASING: Duration = Duration::from_millis(250);
/// A line for a person who waits, when nothing else is to be said.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long single failed looks are tolerated before the watcher gives up. The SDK has already
/// retried each of them.
const BLIND_LIMIT: Duration = Duration::from_secs(120);

/// Follows a deployment until the state machine reaches an outcome. `started` is the instant of
/// `UpdateService`.
///
/// # Errors
/// [`ErrorKind::Aws`] where AWS refuses for good (permissions, an expired session) or cannot be seen
/// for two minutes.
pub async fn watch(
    aws: &Aws,
    cluster: &str,
    service: &str,
    rollout: &mut Rollout,
    events: &Emitter,
    started: Instant,
) -> Result<Outcome> {
    let mut pace = QUICK;
    let mut last_word = started;
    let mut last_seen = Instant::now();
    loop {
        match look(aws, cluster, service, rollout, started).await.or_else(|error| not_found(error, started)) {
            Ok(observation) => {
                last_seen = Instant::now();
                let news = rollout.observe(observation);
                if !news.is_empty() {
                    last_word = Instant::now();
                }
                events.emit_all(news);
                if let Some(outcome) = rollout.outcome() {
                    return Ok(outcome.clone());
                }
                pace = if rollout.is_moving() { QUICK } else { EASY.min(pace + EASING) };
            }
            Err(error) => {
                if is_final(&error) || last_seen.elapsed() > BLIND_LIMIT {
                    let mut hint = error.hint_text().map(|hint| format!("{hint} ")).unwrap_or_default();
                    hint.push_str("The service was updated and ECS goes on with the deployment; run the same command again to follow it.");
                    return Err(error.hint(hint));
                }
                if is_throttling(&error) {
                    pace = EASY;
                    let delay_ms = u64::try_from(pace.as_millis()).unwrap_or(u64::MAX);
                    events.emit(Event::Throttled { operation: operation(&error), delay_ms });
                } else {
                    events.warn(format!("one look at AWS failed and is repeated: {error}"), None);
                }
                last_word = Instant::now();
            }
        }
        if last_word.elapsed() >= HEARTBEAT {
            last_word = Instant::now();
            let (healthy, desired) = rollout.progress();
            let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            events.emit(Event::Waiting { elapsed_ms, healthy, desired });
        }
        // Jitter keeps pipelines that were started by the same push from asking in step.
        tokio::time::sleep(pace.mul_f64(0.9 + 0.2 * fastrand::f64())).await;
    }
}

/// One look: everything at the same time, so that the parts belong together. `started` is what its time counts from.
///
/// # Errors
/// [`ErrorKind::Aws`]; [`ErrorKind::Preflight`] where the cluster or the service does not exist.
pub async fn look(
    aws: &Aws,
    cluster: &str,
    service: &str,
    rollout: &Rollout,
    started: Instant,
) -> Result<Observation> {
    let asked = Instant::now();
    let targets = try_join_all(rollout.target_groups().iter().map(|group| aws.target_health(&group.arn)));
    let (live, tasks, target_groups) = tokio::try_join!(
        aws.describe_service(cluster, service),
        aws.service_tasks(cluster, service),
        targets,
    )?;
    let service = live.map_or_else(Service::missing, |live| live.service);
    Ok(Observation { at: started.elapsed(), spread: asked.elapsed(), service, tasks, target_groups })
}

/// A service or cluster that is gone is an observation and no error: the state machine tells a deleted
/// service from an answer that is only stale.
fn not_found(error: Error, started: Instant) -> Result<Observation> {
    if error.kind() != ErrorKind::Preflight {
        return Err(error);
    }
    Ok(Observation {
        at: started.elapsed(),
        spread: Duration::ZERO,
        service: Service::missing(),
        tasks: Vec::new(),
        target_groups: Vec::new(),
    })
}

/// Whether the next look would fail in the same way.
fn is_final(error: &Error) -> bool {
    let text = error.to_string();
    error.kind() != ErrorKind::Aws
        || [
            "AccessDenied",
            "ExpiredToken",
            "UnrecognizedClient",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
        ]
        .iter()
        .any(|code| text.contains(code))
}

fn is_throttling(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("Throttling") || text.contains("Rate exceeded")
}

/// `ecs:DescribeServices` from the front of an AWS error's message.
fn operation(error: &Error) -> String {
    error.to_string().split(' ').next().unwrap_or_default().to_owned()
}
