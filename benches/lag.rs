//! How late Landfall knows what has happened: over seeded rollouts on paused time, the instants at which it said
//! *healthy* and *steady* minus the instants at which that became true, beside the waiting algorithms of other tools on
//! the same rollouts. Run it by `scripts/bench lag`.

// A measurement prints, and may stop at once.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code
)]

#[path = "../tests/it/simulated/mod.rs"]
mod simulated;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use landfall::event::{Event, Verdict};
use landfall_sandbox::{Scenario, TargetGroupOptions};
use simulated::run::{CLUSTER, SERVICE};
use simulated::{Plan, Service, Wire, deploy, steady};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const ROLLOUTS: u64 = 200;

/// What one rollout gave, in seconds.
#[derive(Debug, Clone)]
struct Measured {
    seed: u64,
    /// From UpdateService until it was steady.
    took: f64,
    healthy_lag: f64,
    steady_lag: f64,
    calls_a_second: f64,
    /// Lags of the other algorithms, in the order of [`PEERS`].
    peers: [f64; 3],
}

const PEERS: [&str; 3] =
    ["official action (15 s, backing off to 600 s)", "AWS CLI waiter (15 s)", "ticker (10 s)"];

fn main() {
    let seeds: u64 = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(ROLLOUTS);
    let next = AtomicU64::new(1);
    let all = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        if let Some(seed) = std::env::var("LAG_TRACE").ok().and_then(|seed| seed.parse().ok()) {
            next.store(seed, Ordering::Relaxed);
            all.lock().unwrap().push(measure(seed));
            next.store(u64::MAX / 2, Ordering::Relaxed);
        }
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        break;
                    }
                    let measured = measure(seed);
                    all.lock().unwrap().push(measured);
                }
            });
        }
    });
    report(&all.into_inner().unwrap());
}

/// A service as there are many: one to six tasks, up to two target groups, all sorts of timing.
fn service(random: &mut Rng) -> Service {
    let slow = random.u8(0..10) < 3;
    let group = |random: &mut Rng| TargetGroupOptions {
        // In the scenario `slow`, checks take five times as long.
        interval_s: if slow { random.u64(5..=10) } else { random.u64(5..=30) },
        healthy_threshold: if slow { 2 } else { random.u32(2..=4) },
        deregistration_delay_s: [10, 30, 60, 120, 300][random.usize(0..5)],
        ..TargetGroupOptions::default()
    };
    let (minimum_healthy_percent, maximum_percent) = [(100, 200), (100, 150), (50, 200)][random.usize(0..3)];
    Service {
        scenario: if slow { Scenario::Slow } else { Scenario::Healthy },
        // One task more than half again as many is a whole task.
        desired: random.u32(2..=6),
        minimum_healthy_percent,
        maximum_percent,
        target_groups: (0..[0, 1, 1, 1, 2][random.usize(0..5)]).map(|_| group(random)).collect(),
        health_check_interval: random.bool().then(|| random.u32(5..=if slow { 10 } else { 30 })),
        breaker: random.bool(),
    }
}

fn measure(seed: u64) -> Measured {
    fastrand::seed(seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, rollout(seed))
}

/// When something became true for the first time, and every change of what `ServicesStable` asks.
#[derive(Default)]
struct Truth {
    healthy: Option<Instant>,
    steady: Option<Instant>,
    stable: Vec<(Instant, bool)>,
}

async fn rollout(seed: u64) -> Measured {
    let mut random = Rng::with_seed(seed);
    let wire = service(&mut random).build(seed);
    let truth: Rc<RefCell<Truth>> = Rc::default();
    let sampler = tokio::task::spawn_local(sample(wire.clone(), Rc::clone(&truth)));
    let ended = deploy(&wire, &Plan::default(), &CancellationToken::new()).await;
    assert_eq!(
        ended.verdict(),
        Verdict::Succeeded,
        "seed {seed}: {:?} {:?}",
        ended.state.error,
        ended.state.services[0].report
    );
    sampler.abort();
    let when = |is: fn(&Event) -> bool| ended.when(is).expect("the event");
    let began = when(|event| matches!(event, Event::ServiceUpdated { .. }));
    let healthy = when(|event| matches!(event, Event::Healthy { .. }));
    let steady = when(|event| matches!(event, Event::Steady { .. }));
    let truth = truth.borrow();
    let (true_healthy, true_steady) = (truth.healthy.expect("healthy"), truth.steady.expect("steady"));
    let calls = wire.calls().iter().filter(|call| call.at > began).count();
    let stable = |at: Instant| {
        let before = truth.stable.iter().rev().find(|(since, _)| *since <= at);
        before.is_some_and(|(_, stable)| *stable)
    };
    if std::env::var_os("LAG_TRACE").is_some() {
        let mut kinds = std::collections::BTreeMap::new();
        for call in wire.calls().iter().filter(|call| call.at > began) {
            *kinds.entry(call.operation.clone()).or_insert(0) += 1;
        }
        println!("{kinds:?}, healthy at {:?}", true_healthy - began);
        for (at, event) in &ended.events {
            println!("{:.2} {event:?}", at.saturating_duration_since(began).as_secs_f64());
        }
        for call in wire.calls().iter().filter(|call| call.at > began) {
            println!("{:.2} {}", (call.at - began).as_secs_f64(), call.operation);
        }
    }
    let late = |said: Instant, was: Instant| said.saturating_duration_since(was).as_secs_f64();
    let peers = [official(&mut random, began, stable), ticker(15, began, stable), ticker(10, began, stable)];
    Measured {
        seed,
        took: (true_steady - began).as_secs_f64(),
        healthy_lag: late(healthy, true_healthy),
        steady_lag: late(steady, true_steady),
        calls_a_second: calls as f64 / (steady - began).as_secs_f64(),
        peers: peers.map(|at| late(at, true_steady)),
    }
}

/// Looks at the account whenever anything has changed in it.
async fn sample(wire: Wire, truth: Rc<RefCell<Truth>>) {
    let first = primary(&wire).0;
    loop {
        sleep(wire.account().next_change().unwrap_or(Duration::from_secs(1)).max(Duration::from_millis(1)))
            .await;
        let (id, stable) = primary(&wire);
        if id == first {
            continue;
        }
        let now = Instant::now();
        let is = steady(&wire, &id);
        let mut truth = truth.borrow_mut();
        truth.stable.push((now, stable));
        if is.healthy {
            truth.healthy.get_or_insert(now);
        }
        if is.steady {
            truth.steady.get_or_insert(now);
        }
    }
}

/// The PRIMARY deployment, and whether the waiter `ServicesStable` would be content (facts 3.11).
fn primary(wire: &Wire) -> (String, bool) {
    let service = wire.account().service(CLUSTER, SERVICE).expect("the service");
    let deployments = service["deployments"].as_array().cloned().unwrap_or_default();
    let id = deployments.first().and_then(|first| first["id"].as_str()).unwrap_or_default().to_owned();
    (id, deployments.len() == 1 && service["runningCount"] == service["desiredCount"])
}

/// A fixed interval, for ever.
fn ticker(seconds: u64, began: Instant, stable: impl Fn(Instant) -> bool) -> Instant {
    let mut at = began;
    loop {
        at += Duration::from_secs(seconds);
        if stable(at) || at - began > Duration::from_secs(7200) {
            return at;
        }
    }
}

/// The SDK for JavaScript's waiter: from 15 s on, a random time up to twice the one before, at most 600 s.
fn official(random: &mut Rng, began: Instant, stable: impl Fn(Instant) -> bool) -> Instant {
    let (least, most) = (15.0_f64, 600.0_f64);
    let mut at = began;
    for attempt in 0.. {
        let upto = (least * 2.0_f64.powi(attempt)).min(most);
        at += Duration::from_secs_f64(least + random.f64() * (upto - least));
        if stable(at) || at - began > Duration::from_secs(7200) {
            break;
        }
    }
    at
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (share * values.len() as f64).ceil() as usize;
    values[index.clamp(1, values.len()) - 1]
}

fn report(all: &[Measured]) {
    let row = |name: &str, of: &dyn Fn(&Measured) -> f64| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let p = |share, values: &mut Vec<f64>| percentile(values, share);
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.2} |",
            p(0.5, &mut values),
            p(0.95, &mut values),
            p(1.0, &mut values),
            mean
        );
    };
    println!("{} seeded rollouts; seconds from the true instant to the word", all.len());
    println!();
    println!("| | p50 | p95 | most | mean |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    row("Landfall: healthy", &|m| m.healthy_lag);
    row("Landfall: steady", &|m| m.steady_lag);
    for (index, name) in PEERS.iter().enumerate() {
        row(name, &move |m| m.peers[index]);
    }
    println!();
    println!("| | p50 | p95 | most | mean |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    row("duration of the rollout, s", &|m| m.took);
    row("Landfall's calls a second", &|m| m.calls_a_second);
    println!();
    let mut worst: Vec<&Measured> = all.iter().collect();
    worst.sort_by(|a, b| b.steady_lag.max(b.healthy_lag).total_cmp(&a.steady_lag.max(a.healthy_lag)));
    for m in worst.iter().take(3) {
        println!(
            "worst: seed {}: healthy {:.2} s, steady {:.2} s, {:.2} calls/s over {:.0} s",
            m.seed, m.healthy_lag, m.steady_lag, m.calls_a_second, m.took
        );
    }
    let target = |name: &str, value: f64, limit: f64| {
        let word = if value <= limit { "reached" } else { "**missed**" };
        println!("- {name}: {value:.2}, target {limit}: {word}");
    };
    let of = |f: fn(&Measured) -> f64, share| percentile(&mut all.iter().map(f).collect::<Vec<f64>>(), share);
    target("healthy p50", of(|m| m.healthy_lag, 0.5), 0.8);
    target("healthy p95", of(|m| m.healthy_lag, 0.95), 1.6);
    target("steady p50", of(|m| m.steady_lag, 0.5), 0.8);
    target("steady p95", of(|m| m.steady_lag, 0.95), 1.6);
    let mean = all.iter().map(|m| m.calls_a_second).sum::<f64>() / all.len() as f64;
    target("calls a second, mean", mean, 1.5);
}
