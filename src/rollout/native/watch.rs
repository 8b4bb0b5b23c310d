//! The poller of a service deployment: looks at it and at the service's tasks, and feeds both state machines.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::find::{Found, find};
use super::machine::{Native, NativeOutcome};
use super::observation::NativeObservation;
use super::targets::{merge, with_alternates};
use crate::aws::Watching;
use crate::emit::Emitter;
use crate::error::{Error, Result};
use crate::event::{Event, RollbackBy};
use crate::rollout::cadence::{Cadence, Question};
use crate::rollout::evidence::LogEvidence;
use crate::rollout::eyes::{Eyes, Part};
use crate::rollout::machine::{Outcome, Rollout};
use crate::rollout::watch::{Troubles, is_final, tell_unseen};

/// Between two looks at whether a rolling update is paused.
const ROLLING_EVERY: Duration = Duration::from_secs(3);
/// Between two looks at a rollback.
const PACE: Duration = Duration::from_secs(1);
/// A line for a person who waits, when nothing else is to be said.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// So many looks find out what took the place of a service deployment that was stopped.
const STOPPED_LOOKS: u32 = 5;

/// How following a service deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NativeEnd {
    /// The service deployment came to an end, or its time did.
    Native(NativeOutcome),
    /// What the tasks and `deployments[]` show ended it first: it cannot succeed, somebody else deployed,
    /// or the service is gone.
    Rollout(Outcome),
}

/// Follows a service deployment to its end, with the tasks, findings and measurements of the ordinary
/// machine. `started` is the instant of `UpdateService`. Where the endpoint has no service deployments, the
/// ordinary machine alone decides. `logs` is shown every event.
///
/// # Errors
/// As [`watch`](crate::rollout::watch).
pub async fn watch_native(
    watching: &Watching,
    service: &str,
    rollout: &mut Rollout,
    native: &mut Native,
    events: &Emitter,
    started: Instant,
    logs: &mut LogEvidence<'_>,
) -> Result<NativeEnd> {
    let alternates = native.followed().alternate_target_groups.clone();
    let groups = with_alternates(rollout.target_groups(), &alternates);
    let mut eyes = Eyes::new(watching, service, &groups);
    let mut cadence = Cadence::new();
    let _counted = watching.join();
    let mut troubles = Troubles::default();
    let mut supported = true;
    let mut stopped_for = 0;
    let mut going_back = GoingBack::default();
    let mut last_word = started;
    let rolling = native.followed().rolling;
    let mut stage_asked: Option<Instant> = None;
    loop {
        let awaited = rollout.awaited();
        let mut question = cadence.question(started.elapsed(), awaited).with_alternates(&alternates);
        if stopped_for > 0 {
            question = Question::ALL;
        }
        // What the ordinary machine has settled is not looked at any more.
        if rollout.outcome().is_some() {
            question = Question { service: true, ..Question::default() };
        }
        // Of a rolling update it tells pauses alone, and nothing once it is over.
        let over = rolling && native.arn().is_some() && !native.is_under_way();
        let stage_due = !rolling
            || native.arn().is_none()
            || stage_asked.is_none_or(|asked| asked.elapsed() >= ROLLING_EVERY);
        let stage_due = stage_due && !over;
        if stage_due {
            stage_asked = Some(Instant::now());
        }
        let stage = async {
            match stage_due {
                true => look_at_stage(watching, service, native, supported).await,
                false => Ok(Stage::NotAsked),
            }
        };
        let (look, stage) = tokio::join!(eyes.look(question, started), stage);
        let mut errors = look.errors;
        let mut news = Vec::new();
        if let Some(observation) = look.observation {
            news.extend(rollout.observe(merge(observation, &alternates)));
        }
        match stage {
            Ok(Stage::Unsupported) if supported => {
                supported = false;
                events.warn(
                    "this endpoint has no service deployments, so stages and traffic cannot be shown"
                        .to_owned(),
                    None,
                );
            }
            Ok(Stage::Unsupported | Stage::NotAsked) => {}
            Ok(Stage::Seen(deployment)) => {
                let at = started.elapsed();
                let observation =
                    NativeObservation { at, now: Timestamp::now(), deployment: deployment.map(|it| *it) };
                news.extend(native.observe(observation, rollout.healthy_at().is_some()));
                rollout.pause(native.is_paused());
            }
            Err(error) => errors.push((Part::ServiceDeployment, error)),
        }
        let mut seen = look.seen;
        seen.calls += f64::from(u8::from(stage_due));
        if !news.is_empty() {
            last_word = Instant::now();
            seen.changed = true;
        }
        going_back.take_in(&news);
        news.iter().for_each(|event| logs.notice(event));
        events.emit_all(news);
        if look.instances_denied {
            tell_unseen(events);
        }
        let decided = rollout.outcome().filter(|outcome| decides(outcome, native, supported));
        match (native.outcome(), decided) {
            // A newer deployment stops the one that is followed (facts 3.4), and only `deployments[]` tells which.
            (Some(NativeOutcome::Stopped { .. }) | None, Some(outcome)) => {
                return Ok(NativeEnd::Rollout(outcome.clone()));
            }
            (Some(NativeOutcome::Stopped { .. }), None) if stopped_for < STOPPED_LOOKS => stopped_for += 1,
            (Some(outcome), _) => {
                events.emit_all(going_back.missing(outcome, native));
                return Ok(NativeEnd::Native(outcome.clone()));
            }
            (None, None) => {}
        }
        let pause = cadence.pause(started.elapsed(), seen, watching.allowance());
        if troubles.take_in(errors, pause, events)? {
            last_word = Instant::now();
        }
        if last_word.elapsed() >= HEARTBEAT {
            last_word = Instant::now();
            let (healthy, desired) = rollout.progress();
            let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            events.emit(Event::Waiting { elapsed_ms, healthy, desired, reason: None });
        }
        tokio::time::sleep_until(watching.next_tick(pause)).await;
    }
}

/// What was told of a rollback by ECS. The ordinary machine sees it in `deployments[]`, or does not.
#[derive(Default)]
struct GoingBack {
    started: bool,
    finished: bool,
}

impl GoingBack {
    fn take_in(&mut self, news: &[Event]) {
        self.started |= news.iter().any(|event| matches!(event, Event::RollbackStarted { .. }));
        self.finished |= news.iter().any(|event| matches!(event, Event::RollbackFinished { .. }));
    }

    /// What is still to be told once the service deployment has ended so.
    fn missing(&self, outcome: &NativeOutcome, native: &Native) -> Vec<Event> {
        let NativeOutcome::RolledBackByEcs { reason, complete } = outcome else { return Vec::new() };
        let Some(task_definition) = native.followed().earlier_task_definition.clone() else {
            return Vec::new();
        };
        let started = Event::RollbackStarted {
            by: RollbackBy::Ecs,
            task_definition: task_definition.clone(),
            reason: reason.clone(),
        };
        let finished = Event::RollbackFinished { by: RollbackBy::Ecs, task_definition, complete: *complete };
        let missing = [(!self.started).then_some(started), (!self.finished).then_some(finished)];
        missing.into_iter().flatten().collect()
    }
}

/// Whether what the ordinary machine says ends the whole.
fn decides(outcome: &Outcome, native: &Native, supported: bool) -> bool {
    match outcome {
        Outcome::Superseded { .. } | Outcome::ServiceGone => true,
        // ECS goes back already, and how that ends is for the service deployment to say.
        Outcome::Failed { .. } => !native.is_rolling_back(),
        // Where no service deployment was ever found, the ordinary conditions are what there is.
        _ => native.followed().rolling || !supported || native.arn().is_none(),
    }
}

/// Finds the service deployment of an update, if it is not known yet, in at most so many looks; whether it is known
/// then. Where the endpoint has none, it is not.
///
/// # Errors
/// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws).
pub async fn find_native(
    watching: &Watching,
    service: &str,
    native: &mut Native,
    looks: u32,
) -> Result<bool> {
    for look in 0..looks {
        if native.arn().is_some() {
            break;
        }
        if look > 0 {
            tokio::time::sleep_until(watching.next_tick(PACE)).await;
        }
        match find(watching, service, native).await {
            Ok(Found::Arn(arn)) => native.found(arn),
            Ok(Found::NotYet) => {}
            Ok(Found::Unsupported) => return Ok(false),
            // The next look may have an answer.
            Err(error) if look + 1 == looks || is_final(&error) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(native.arn().is_some())
}

/// Waits until a service deployment that was told to roll back has done so, for at most `limit`; whether it
/// has.
///
/// # Errors
/// As [`watch`](crate::rollout::watch).
pub async fn follow_rollback(
    watching: &Watching,
    service: &str,
    native: &mut Native,
    events: &Emitter,
    limit: Duration,
) -> Result<bool> {
    let started = Instant::now();
    let mut troubles = Troubles::default();
    let _counted = watching.join();
    while started.elapsed() < limit {
        let mut errors: Vec<(Part, Error)> = Vec::new();
        match look_at_stage(watching, service, native, true).await {
            Ok(Stage::Seen(deployment)) => {
                let at = started.elapsed();
                let observation =
                    NativeObservation { at, now: Timestamp::now(), deployment: deployment.map(|it| *it) };
                events.emit_all(native.observe(observation, false));
            }
            Ok(Stage::Unsupported | Stage::NotAsked) => {}
            Err(error) => errors.push((Part::ServiceDeployment, error)),
        }
        match native.outcome() {
            Some(NativeOutcome::RolledBackByEcs { complete, .. }) => return Ok(*complete),
            Some(_) => return Ok(false),
            None => {}
        }
        troubles.take_in(errors, PACE, events)?;
        tokio::time::sleep_until(watching.next_tick(PACE)).await;
    }
    Ok(false)
}

enum Stage {
    Seen(Option<Box<super::ServiceDeployment>>),
    Unsupported,
    NotAsked,
}

async fn look_at_stage(
    watching: &Watching,
    service: &str,
    native: &mut Native,
    supported: bool,
) -> Result<Stage> {
    if !supported {
        return Ok(Stage::Unsupported);
    }
    if native.arn().is_none() {
        match find(watching, service, native).await? {
            Found::Arn(arn) => native.found(arn),
            Found::NotYet => return Ok(Stage::Seen(None)),
            Found::Unsupported => return Ok(Stage::Unsupported),
        }
    }
    let arns: Vec<String> = native.arn().map(str::to_owned).into_iter().collect();
    let found = watching.aws().describe_service_deployments(&arns).await?;
    Ok(Stage::Seen(found.into_iter().next().map(Box::new)))
}
