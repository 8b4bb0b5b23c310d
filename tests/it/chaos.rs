//! Thousands of rollouts on paused time in which anything may go wrong, and what must hold for all of them.
//!
//! A seed that fails prints the command that repeats it: `CHAOS_SEED=N cargo nextest run -E 'test(chaos)'`. The number of
//! seeds is `CHAOS_ROLLOUTS`, five thousand without it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use landfall::config::WaitFor;
use landfall::event::{Event, RollbackBy, Verdict};
use landfall_sandbox::{Mishap, Scenario, TargetGroupOptions};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::simulated::run::{CLUSTER, Ended, SERVICE};
use crate::simulated::truth::{Steady, judge};
use crate::simulated::{Call, Fault, Faults, Plan, Service, Wire, deploy};

/// Of every test run.
const ROLLOUTS: u64 = 5_000;
/// No run may take longer, on the paused clock.
const LONGEST: Duration = Duration::from_secs(3 * 3600);
/// How often a call is tried before a run is given up for it.
const TRIES: usize = 5;

/// How the PRIMARY deployment stood from this instant on.
#[derive(Debug, PartialEq, Eq)]
struct Sample {
    at: Instant,
    deployment: String,
    stood: Steady,
}

/// What was really so, from the beginning on.
#[derive(Debug, Clone, Default)]
struct Truth(Rc<RefCell<Vec<Sample>>>);

impl Truth {
    /// Looks whether anything is different now.
    fn look(&self, wire: &Wire) {
        let service = wire.account().service(CLUSTER, SERVICE).expect("the service");
        let deployment = service["deployments"][0]["id"].as_str().unwrap_or_default().to_owned();
        let stood = judge(wire, &service, &deployment);
        let mut samples = self.0.borrow_mut();
        if samples.last().is_none_or(|last| (&last.deployment, last.stood) != (&deployment, stood)) {
            samples.push(Sample { at: Instant::now(), deployment, stood });
        }
    }

    /// Looks whenever something has changed: by itself, or because somebody has written.
    async fn follow(self, wire: Wire) {
        loop {
            self.look(&wire);
            let change = wire.account().next_change().unwrap_or(LONGEST);
            tokio::select! {
                () = sleep(change.max(Duration::from_millis(1))) => {}
                () = wire.changed() => {}
            }
        }
    }

    /// Whether `is` was true of a deployment at any instant of a span.
    fn was(&self, deployment: &str, span: RangeInclusive<Instant>, is: impl Fn(Steady) -> bool) -> bool {
        let samples = self.0.borrow();
        let ends = samples.iter().skip(1).map(|next| Some(next.at)).chain([None]);
        samples.iter().zip(ends).any(|(sample, end)| {
            sample.deployment == deployment
                && is(sample.stood)
                && sample.at <= *span.end()
                && end.is_none_or(|end| end > *span.start())
        })
    }
}

/// What is done to a rollout.
#[derive(Debug, Clone)]
struct Harm {
    faults: Faults,
    mishap: Option<(Mishap, Option<u32>)>,
    /// After so long: a task dies.
    kills: Vec<Duration>,
    /// After so long: a target turns unhealthy, and healthy again so much later.
    flaps: Vec<(Duration, Duration)>,
    /// Somebody deploys something else.
    competitor: Option<Duration>,
    /// The run is interrupted.
    interrupt: Option<Duration>,
}

impl Harm {
    fn draw(random: &mut Rng, service: &Service) -> Self {
        let faults = match random.u8(0..4) {
            0 => Faults::default(),
            1 => Faults { throttled: 0.2, stale: 0.05, ..Faults::default() },
            2 => Faults {
                server_errors: 0.08,
                resets: 0.05,
                lost_answers: 0.05,
                hangs: 0.01,
                ..Faults::default()
            },
            _ => Faults {
                throttled: 0.05,
                server_errors: 0.04,
                hangs: 0.01,
                resets: 0.03,
                lost_answers: 0.03,
                stale: 0.1,
            },
        };
        let soon = |random: &mut Rng| Duration::from_millis(random.u64(0..150_000));
        let always = random.u8(0..4) < 3;
        let times = (!always).then(|| random.u32(1..3));
        let mishap = match random.u8(0..10) {
            0 => Some(Mishap::ImageNotFound),
            1 => Some(Mishap::ExitsWhileStarting { code: 1 }),
            2 => Some(Mishap::ExitsWhileRunning {
                code: 3,
                after: Duration::from_millis(random.u64(500..9_000)),
            }),
            3 if !service.target_groups.is_empty() || service.health_check_interval.is_some() => {
                Some(Mishap::Unhealthy)
            }
            _ => None,
        };
        let rarely = |random: &mut Rng| random.u8(0..5) == 0;
        Self {
            faults,
            mishap: mishap.map(|mishap| (mishap, times)),
            kills: (0..if rarely(random) { random.u32(1..3) } else { 0 }).map(|_| soon(random)).collect(),
            flaps: (0..if rarely(random) { random.u32(1..3) } else { 0 })
                .map(|_| (soon(random), Duration::from_millis(random.u64(500..20_000))))
                .collect(),
            competitor: (random.u8(0..12) == 0).then(|| soon(random)),
            interrupt: (random.u8(0..12) == 0).then(|| soon(random)),
        }
    }

    /// Whether a rollout has every reason to succeed: what is done to it goes by.
    fn is_passing(&self) -> bool {
        self.mishap.is_none() && self.kills.is_empty() && self.flaps.is_empty() && self.competitor.is_none()
    }
}

fn service(random: &mut Rng) -> Service {
    let group = |random: &mut Rng| TargetGroupOptions {
        interval_s: random.u64(5..=10),
        healthy_threshold: 2,
        deregistration_delay_s: [0, 10, 30][random.usize(0..3)],
        ..TargetGroupOptions::default()
    };
    let (minimum_healthy_percent, maximum_percent) = [(100, 200), (50, 200), (0, 200)][random.usize(0..3)];
    Service {
        scenario: Scenario::Healthy,
        desired: random.u32(1..=3),
        minimum_healthy_percent,
        maximum_percent,
        target_groups: (0..[0, 1, 1, 2][random.usize(0..4)]).map(|_| group(random)).collect(),
        health_check_interval: random.bool().then(|| random.u32(5..=10)),
        breaker: random.bool(),
    }
}

#[test]
fn whatever_happens_landfall_tells_the_truth_and_does_no_harm() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("CHAOS_SEED") {
        let told = rollout(seed, true);
        println!("{told:#?}");
        return;
    }
    let seeds = number("CHAOS_ROLLOUTS").unwrap_or(ROLLOUTS);
    let next = AtomicU64::new(1);
    let all = Mutex::new(Vec::new());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds || failed.lock().unwrap().len() >= 5 {
                        break;
                    }
                    match catch_unwind(AssertUnwindSafe(|| rollout(seed, false))) {
                        Ok(told) => all.lock().unwrap().push(told),
                        Err(_) => failed.lock().unwrap().push(seed),
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_unstable();
    for seed in &failed {
        println!("repeat it: CHAOS_SEED={seed} cargo nextest run --no-capture -E 'test(chaos)'");
    }
    assert!(failed.is_empty(), "seeds that broke a rule: {failed:?}");

    let all = all.into_inner().unwrap();
    let named: Vec<&Told> = all.iter().filter(|told| told.named.is_some()).collect();
    let exact = named.iter().filter(|told| told.named == Some(true)).count();
    let count = |verdict| all.iter().filter(|told| told.verdict == verdict).count();
    println!(
        "{} rollouts: {} succeeded, {} rolled back, {} failed, {} superseded, {} timed out, {} interrupted; the cause was named in {exact} of {}",
        all.len(),
        count(Verdict::Succeeded),
        count(Verdict::RolledBack),
        count(Verdict::Failed),
        count(Verdict::Superseded),
        count(Verdict::TimedOut),
        count(Verdict::Interrupted),
        named.len(),
    );
    assert!(exact * 100 >= named.len() * 95, "the cause was named in {exact} of {}", named.len());
}

/// What a rollout came to.
#[derive(Debug)]
struct Told {
    verdict: Verdict,
    /// For one that failed of a mishap: whether a finding names exactly that.
    named: Option<bool>,
    #[allow(dead_code, reason = "printed for a seed that is repeated")]
    story: Option<String>,
}

fn rollout(seed: u64, repeated: bool) -> Told {
    fastrand::seed(seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, follow(seed, repeated))
}

async fn follow(seed: u64, repeated: bool) -> Told {
    let mut random = Rng::with_seed(seed);
    let service = service(&mut random);
    let harm = Harm::draw(&mut random, &service);
    let plan = Plan {
        wait_for: if random.u8(0..4) == 0 { WaitFor::Healthy } else { WaitFor::Steady },
        timeout: Duration::from_secs(random.u64(120..1500)),
        stall_timeout: Duration::from_secs(120),
        rollback: random.u8(0..4) > 0,
        ..Plan::default()
    };
    let wire = service.build(seed);
    let interrupt = CancellationToken::new();
    let truth = Truth::default();
    let watching = tokio::task::spawn_local(truth.clone().follow(wire.clone()));
    let disturbing = disturb(wire.clone(), harm.clone(), interrupt.clone(), seed);
    let disturbing = tokio::task::spawn_local(disturbing);
    wire.set_faults(harm.faults);
    let ended = timeout(LONGEST, deploy(&wire, &plan, &interrupt)).await.expect("a run ends");
    disturbing.abort();
    // Made only where it is wanted: it is long.
    let story =
        || format!("seed {seed}: {service:?}\n{harm:?}\n{plan:?}\n{:?}\n{:?}", ended.verdict(), ended.state);

    succeeded_only_if_true(&wire, &ended, &plan, &truth, &story);
    updated_once(&wire, &ended, &story);
    let out_of_reach = ended.state.error.is_some() && ended.deployment().is_none();
    if out_of_reach {
        gave_up_for_a_reason(&wire, &ended, &story);
    }
    if harm.is_passing()
        && !out_of_reach
        && plan.timeout > Duration::from_secs(600)
        && harm.interrupt.is_none()
    {
        assert_eq!(ended.verdict(), Verdict::Succeeded, "nothing was wrong: {}", story());
    }
    let failed =
        matches!(ended.verdict(), Verdict::RolledBack | Verdict::Failed) && ended.deployment().is_some();
    if failed {
        assert!(!ended.codes().is_empty(), "a failure without a finding: {}", story());
    }
    let persistent = harm.mishap.filter(|(_, times)| times.is_none() && harm.kills.is_empty());
    let named = persistent.filter(|_| failed && harm.competitor.is_none()).map(|(mishap, _)| {
        let codes = ended.codes();
        expected(mishap, &service).iter().any(|code| codes.contains(code))
    });

    // Whatever happened, the same command ends well once nothing is in its way.
    wire.set_faults(Faults::default());
    wire.account().mend();
    wire.tell_change();
    let plan = Plan {
        timeout: Duration::from_secs(3600),
        stall_timeout: Duration::from_secs(2400),
        wait_for: WaitFor::Steady,
        ..plan.clone()
    };
    let again = timeout(LONGEST, deploy(&wire, &plan, &CancellationToken::new())).await.expect("a run ends");
    watching.abort();
    let good = matches!(again.verdict(), Verdict::Succeeded | Verdict::Unchanged);
    assert!(good, "the second run: {:?} {:?}\nafter {}", again.verdict(), again.state, story());
    succeeded_only_if_true(&wire, &again, &plan, &truth, &story);
    Told { verdict: ended.verdict(), named, story: repeated.then(story) }
}

/// The codes that name a mishap.
fn expected(mishap: Mishap, service: &Service) -> &'static [&'static str] {
    match mishap {
        Mishap::ImageNotFound => &["image-not-found"],
        Mishap::ExitsWhileStarting { .. } | Mishap::ExitsWhileRunning { .. } => {
            &["essential-container-exited"]
        }
        Mishap::Unhealthy if service.target_groups.is_empty() => &["container-health-check-failed"],
        Mishap::Unhealthy => &["elb-health-check-failed"],
    }
}

async fn disturb(wire: Wire, harm: Harm, interrupt: CancellationToken, seed: u64) {
    if let Some((mishap, times)) = harm.mishap {
        wire.account().ordain(mishap, times);
    }
    type Deed = Box<dyn FnOnce(&Wire)>;
    let mut deeds: Vec<(Duration, Deed)> = Vec::new();
    for (number, after) in (0..).zip(harm.kills) {
        deeds.push((
            after,
            Box::new(move |wire| {
                let _ = wire.account().kill_task(CLUSTER, SERVICE, seed + number);
            }),
        ));
    }
    for (number, (after, lasts)) in (0..).zip(harm.flaps) {
        let flap = move |healthy| {
            move |wire: &Wire| {
                let _ = wire.account().flap_target(CLUSTER, SERVICE, healthy, seed + number);
            }
        };
        deeds.push((after, Box::new(flap(false))));
        deeds.push((after + lasts, Box::new(flap(true))));
    }
    if let Some(after) = harm.competitor {
        deeds.push((after, Box::new(compete)));
    }
    if let Some(after) = harm.interrupt {
        deeds.push((after, Box::new(move |_| interrupt.cancel())));
    }
    deeds.sort_by_key(|(after, _)| *after);
    let began = Instant::now();
    for (after, deed) in deeds {
        tokio::time::sleep_until(began + after).await;
        deed(&wire);
        wire.tell_change();
    }
}

/// Somebody registers another revision and deploys it.
fn compete(wire: &Wire) {
    let input = json!({ "taskDefinition": "app" });
    let Ok(answer) = wire.account().ecs("DescribeTaskDefinition", &input) else { return };
    let mut definition = answer["taskDefinition"].clone();
    definition["containerDefinitions"][0]["environment"] = json!([{ "name": "RELEASE", "value": "theirs" }]);
    let mut input = json!({});
    for field in [
        "family",
        "requiresCompatibilities",
        "networkMode",
        "cpu",
        "memory",
        "executionRoleArn",
        "containerDefinitions",
    ] {
        input[field] = definition[field].clone();
    }
    let made = wire.account().ecs("RegisterTaskDefinition", &input).expect("a revision");
    let arn = &made["taskDefinition"]["taskDefinitionArn"];
    let input = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": arn });
    wire.account().ecs("UpdateService", &input).expect("an update");
}

/// `succeeded` is said only when the followed deployment met the conditions at an instant that was looked at: between
/// the oldest and the newest of what AWS had answered last to each question that the verdict rests on.
///
/// One look asks several questions, and each answer is of an instant of its own: that all of them were true at the
/// same time is as much as anybody can know who asks over a network. Where an answer is stale, the instant is the one
/// that it tells of; where a question has to be repeated, the answers to the others are that much older. So a
/// condition that was met and is broken again between two of these answers goes unseen; nothing else does.
fn succeeded_only_if_true(
    wire: &Wire,
    ended: &Ended,
    plan: &Plan,
    truth: &Truth,
    story: &dyn Fn() -> String,
) {
    if ended.verdict() != Verdict::Succeeded {
        return;
    }
    let deployment = ended.deployment().expect("a deployment");
    let calls = wire.calls();
    let mut last: BTreeMap<(&str, Option<String>), &Call> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.is_answered() && call.at <= ended.at) {
        if ["DescribeServices", "DescribeTasks", "DescribeTargetHealth"].contains(&call.operation.as_str()) {
            last.insert((&call.operation, call.target_group()), call);
        }
    }
    let from = last.values().map(|call| call.as_of).min().expect("a look");
    let to = last.values().map(|call| call.at).max().expect("a look");
    let held = truth.was(deployment, from..=to, |stood| match plan.wait_for {
        WaitFor::Steady => stood.steady,
        _ => stood.healthy,
    });
    assert!(held, "succeeded, and it was not so from {from:?} to {to:?}: {truth:?} {}", story());
}

/// A run ends with an error of AWS only where the wire failed as often as the call is tried, and it has not touched the
/// service then.
fn gave_up_for_a_reason(wire: &Wire, ended: &Ended, story: &dyn Fn() -> String) {
    let error = &ended.state.error.as_ref().expect("an error").message;
    // `ecs:DescribeServices on prod/web: ...`
    let action = error.split(' ').next().unwrap_or_default();
    let operation = action.split_once(':').map(|(_, operation)| operation);
    let operation = operation.unwrap_or_else(|| panic!("the call is not named: {error}"));
    let calls = wire.calls();
    let before = || calls.iter().filter(|call| call.at <= ended.at);
    let tried =
        before().rev().filter(|call| call.operation == operation).take_while(|call| !call.is_answered());
    let faults: Vec<Fault> = tried.map(|call| call.fault).collect();
    assert!(faults.len() >= TRIES, "{error}, after {faults:?} alone: {}", story());
    let written: Vec<&str> = before()
        .filter(|call| call.accepted && !call.is_read())
        .map(|call| call.operation.as_str())
        .collect();
    let harmless = |operation: &&str| *operation == "RegisterTaskDefinition";
    assert!(written.iter().all(harmless), "{error}, and {written:?} was done: {}", story());
}

/// One deployment a run, and one more where it was put back.
fn updated_once(wire: &Wire, ended: &Ended, story: &dyn Fn() -> String) {
    let ours = |event: &Event| matches!(event, Event::RollbackStarted { by: RollbackBy::Landfall, .. });
    let put_back = ended.events.iter().filter(|(_, event)| ours(event)).count();
    assert!(put_back <= 1, "put back {put_back} times: {}", story());
    let accepted = wire
        .calls()
        .iter()
        .filter(|call| call.operation == "UpdateService" && call.accepted && call.at <= ended.at)
        .count();
    // An interrupt between the call and its answer leaves one that was not told.
    let told = usize::from(ended.deployment().is_some()) + put_back;
    let interrupted = ended.verdict() == Verdict::Interrupted;
    assert!(
        accepted <= told.max(1) + usize::from(interrupted),
        "{accepted} updates, {told} told: {}",
        story()
    );
    assert!(accepted <= 2, "{accepted} updates: {}", story());
}
