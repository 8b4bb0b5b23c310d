//! Calls that several services of one run share: what is asked at the same time goes out as one call.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// How long the first to ask waits for others.
const WINDOW: Duration = Duration::from_millis(15);

type Asked<V> = (Vec<String>, oneshot::Sender<Result<Vec<V>>>);

/// Collects questions by key and asks them together, at most so many keys in a call.
#[derive(Debug)]
pub(super) struct Batch<V> {
    waiting: Mutex<Vec<Asked<V>>>,
    most: usize,
}

impl<V: Clone> Batch<V> {
    /// A batch whose calls take at most `most` keys.
    pub fn of(most: usize) -> Self {
        Self { waiting: Mutex::new(Vec::new()), most }
    }

    /// The values of `keys`, as far as AWS knows them. `fetch` asks for at most so many keys at once; `key` tells
    /// whose a value is.
    ///
    /// # Errors
    /// What `fetch` says, to each of those who asked.
    pub async fn get<F, R>(&self, keys: Vec<String>, fetch: F, key: impl Fn(&V) -> &str) -> Result<Vec<V>>
    where
        F: Fn(Vec<String>) -> R,
        R: Future<Output = Result<Vec<V>>>,
    {
        let (sender, receiver) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push((keys, sender));
            waiting.len() == 1
        };
        if first {
            tokio::time::sleep(WINDOW).await;
            let asked = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            let all: BTreeSet<&String> = asked.iter().flat_map(|(keys, _)| keys).collect();
            let all: Vec<String> = all.into_iter().cloned().collect();
            let answers = join_all(all.chunks(self.most).map(|keys| fetch(keys.to_vec()))).await;
            let answer: Result<Vec<V>> = answers
                .into_iter()
                .collect::<Result<Vec<_>>>()
                .map(|found| found.into_iter().flatten().collect());
            for (keys, sender) in asked {
                let own = match &answer {
                    Ok(values) => Ok(values
                        .iter()
                        .filter(|value| keys.iter().any(|k| k == key(value)))
                        .cloned()
                        .collect()),
                    Err(error) => Err(error.again()),
                };
                // Who no longer waits needs no answer.
                let _ = sender.send(own);
            }
        }
        receiver.await.unwrap_or_else(|_| Err(Error::internal("a shared call to AWS was given up")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_at_once_goes_out_together_and_comes_back_apart() {
        let batch = Batch::of(10);
        let calls = Mutex::new(Vec::new());
        let fetch = |keys: Vec<String>| {
            calls.lock().expect("one thread").push(keys.len());
            async move { Ok(keys) }
        };
        let asking = (0..20).map(|n| batch.get(vec![format!("s{n}")], fetch, |key: &String| key));
        let answers = join_all(asking).await;
        for (n, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.expect("an answer"), [format!("s{n}")]);
        }
        assert_eq!(*calls.lock().expect("one thread"), [10, 10]);
        let later = batch.get(vec!["s1".to_owned()], fetch, |key: &String| key).await;
        assert_eq!(later.expect("an answer"), ["s1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_told_to_everyone() {
        let batch: Batch<String> = Batch::of(10);
        let fetch = |_| async { Err(Error::internal("no").hint("Rest.")) };
        let asking = (0..3).map(|n| batch.get(vec![n.to_string()], fetch, |key: &String| key));
        for answer in join_all(asking).await {
            let error = answer.expect_err("an error");
            assert_eq!((error.to_string().as_str(), error.hint_text()), ("no", Some("Rest.")));
        }
    }
}
