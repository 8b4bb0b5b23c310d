//! Requests at a steady rate, counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How many requesters there are.
const REQUESTERS: u32 = 4;
/// Between two requests of one of them.
const INTERVAL: Duration = Duration::from_millis(15);

/// What was answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// By the text of the answer.
    pub good: BTreeMap<String, u32>,
    /// Other statuses, and requests without an answer.
    pub bad: Vec<String>,
}

impl Answers {
    pub fn total(&self) -> usize {
        self.good.values().sum::<u32>() as usize + self.bad.len()
    }
}

/// Requests that go on until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU32>,
    requesters: Vec<JoinHandle<Answers>>,
}

impl Load {
    /// Starts requesting `url`, each time over a new connection, as a new visitor would.
    pub fn start(url: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU32::new(0));
        let start = |_| tokio::spawn(requester(url.to_owned(), stop.clone(), answered.clone()));
        let requesters = (0..REQUESTERS).map(start).collect();
        Self { stop, answered, requesters }
    }

    /// How many requests have ended so far.
    pub fn answered(&self) -> u32 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Stops, and says what was answered.
    pub async fn stop(self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Answers::default();
        for requester in self.requesters {
            let answers = requester.await.expect("the requester did not panic");
            for (text, count) in answers.good {
                *all.good.entry(text).or_default() += count;
            }
            all.bad.extend(answers.bad);
        }
        all
    }
}

async fn requester(url: String, stop: Arc<AtomicBool>, answered: Arc<AtomicU32>) -> Answers {
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(10))
        .build()
        .expect("a client");
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut answers = Answers::default();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let answer = async { client.get(&url).send().await?.error_for_status()?.text().await };
        match answer.await {
            Ok(text) => *answers.good.entry(text).or_default() += 1,
            Err(error) => answers.bad.push(format!("{error:?}")),
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
    answers
}
