//! The poller: looks at AWS, feeds the state machine, sends its events.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::cadence::{Cadence, Question};
use super::evidence::LogEvidence;
use super::eyes::{Eyes, Part, is_throttling};
use super::machine::{Outcome, Rollout};
use super::native::{merge, with_alternates};
use super::observation::Observation;
use crate::aws::Watching;
use crate::emit::Emitter;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;

/// A line for a person who waits, when nothing else is to be said.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long failed looks are tolerated before the watcher gives up.
const BLIND_LIMIT: Duration = Duration::from_secs(120);
/// A trouble that lasts is told again this often.
const REPEATED: Duration = Duration::from_secs(15);

/// Said once where targets of type `instance` cannot be told apart.
const UNSEEN: &str = "which target is which task is not checked: ecs:DescribeContainerInstances is denied, and the load balancer knows the tasks by EC2 instance and port. That ECS completes the deployment has to do.";
const UNSEEN_HINT: &str = "Allow ecs:DescribeContainerInstances on the cluster's container instances.";

/// Follows a deployment until the state machine reaches an outcome. `started` is the instant of
/// `UpdateService`. `alternates` are pairs of target groups of which a task is in one, the one that the service names and
/// the other (facts 4.3). `logs` is shown every event, and fetches beside the looking.
///
/// # Errors
/// [`ErrorKind::Aws`] where AWS refuses for good (permissions, an expired session) or a part of it cannot be seen
/// for two minutes.
pub async fn watch(
    watching: &Watching,
    service: &str,
    rollout: &mut Rollout,
    alternates: &[(String, String)],
    events: &Emitter,
    started: Instant,
    mut logs: Option<&mut LogEvidence<'_>>,
) -> Result<Outcome> {
    let groups = with_alternates(rollout.target_groups(), alternates);
    let mut eyes = Eyes::new(watching, service, &groups);
    let mut cadence = Cadence::new();
    let _counted = watching.join();
    let mut troubles = Troubles::default();
    let mut last_word = started;
    loop {
        let question = cadence.question(started.elapsed(), rollout.awaited()).with_alternates(alternates);
        let look = eyes.look(question, started).await;
        if let Some(observation) = look.observation {
            let news = rollout.observe(merge(observation, alternates));
            if !news.is_empty() {
                last_word = Instant::now();
            }
            if let Some(logs) = &mut logs {
                news.iter().for_each(|event| logs.notice(event));
            }
            events.emit_all(news);
            if look.instances_denied {
                tell_unseen(events);
            }
            if let Some(outcome) = rollout.outcome() {
                return Ok(outcome.clone());
            }
        }
        let mut seen = look.seen;
        seen.changed |= last_word.elapsed().is_zero();
        let pause = cadence.pause(started.elapsed(), seen, watching.allowance());
        if troubles.take_in(look.errors, pause, events)? {
            last_word = Instant::now();
        }
        if last_word.elapsed() >= HEARTBEAT {
            last_word = Instant::now();
            let (healthy, desired) = rollout.progress();
            let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let reason = rollout.meanwhile(started.elapsed());
            events.emit(Event::Waiting { elapsed_ms, healthy, desired, reason });
        }
        tokio::time::sleep_until(watching.next_tick(pause)).await;
    }
}

/// Targets of type `instance` cannot be told apart.
pub(super) fn tell_unseen(events: &Emitter) {
    events.warn(UNSEEN.to_owned(), Some(UNSEEN_HINT));
}

/// One whole look. `alternates` are as in [`watch`]; `started` is what its time counts from.
///
/// # Errors
/// [`ErrorKind::Aws`] where any part of it failed.
pub async fn look(
    watching: &Watching,
    service: &str,
    rollout: &Rollout,
    alternates: &[(String, String)],
    started: Instant,
) -> Result<Observation> {
    let groups = with_alternates(rollout.target_groups(), alternates);
    let look = Eyes::new(watching, service, &groups).look(Question::ALL, started).await;
    match (look.errors.into_iter().next(), look.observation) {
        (Some((_, error)), _) => Err(error),
        (None, Some(observation)) => Ok(merge(observation, alternates)),
        (None, None) => Err(Error::internal("a look without an error had no answer")),
    }
}

/// Parts of looks that failed, and since when.
#[derive(Default)]
pub(super) struct Troubles {
    parts: BTreeMap<Part, Trouble>,
    only_looks: bool,
}

struct Trouble {
    since: Instant,
    told: Instant,
}

impl Troubles {
    /// Of one who has updated nothing.
    pub(super) fn of_onlooker() -> Self {
        Self { only_looks: true, ..Self::default() }
    }

    /// Takes in what failed in one look; whether anything was said about it.
    pub(super) fn take_in(
        &mut self,
        errors: Vec<(Part, Error)>,
        pause: Duration,
        events: &Emitter,
    ) -> Result<bool> {
        self.parts.retain(|part, _| errors.iter().any(|(failed, _)| failed == part));
        let mut said = false;
        for (part, error) in errors {
            let now = Instant::now();
            let is_new = !self.parts.contains_key(&part);
            let trouble = self.parts.entry(part).or_insert(Trouble { since: now, told: now });
            if is_final(&error) || trouble.since.elapsed() > BLIND_LIMIT {
                if self.only_looks {
                    return Err(error);
                }
                let mut hint = error.hint_text().map(|hint| format!("{hint} ")).unwrap_or_default();
                hint.push_str("The service was updated and ECS goes on with the deployment; run the same command again to follow it.");
                return Err(error.hint(hint));
            }
            if !is_new && trouble.told.elapsed() < REPEATED {
                continue;
            }
            trouble.told = now;
            said = true;
            if is_throttling(&error) {
                let delay_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                events.emit(Event::Throttled { operation: operation(&error), delay_ms });
            } else {
                events.warn(format!("one look at AWS failed and is repeated: {error}"), None);
            }
        }
        Ok(said)
    }
}

/// Whether the next look would fail in the same way.
pub(crate) fn is_final(error: &Error) -> bool {
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

/// `ecs:DescribeServices` from the front of an AWS error's message.
fn operation(error: &Error) -> String {
    error.to_string().split(' ').next().unwrap_or_default().to_owned()
}
