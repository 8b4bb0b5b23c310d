//! What stands between those who emit events and the reporters: it passes every event on at once, and tells GitHub
//! beside them. What GitHub refuses becomes one more warning among the events; nothing of it stops or fails a run.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::api::{Api, Refusal};
use super::comment::{Marker, body, is_wanted};
use super::context::{Context, PullRequest};
use super::deployment::{Follower, Wish};
use crate::event::{Event, Record};
use crate::state::RunState;

/// How long a run that has ended may wait for GitHub.
const TAIL: Duration = Duration::from_secs(15);
/// The same from a signal on: an interrupted run ends within five seconds (design 8).
const INTERRUPTED_TAIL: Duration = Duration::from_millis(4_500);
/// What is left for GitHub where putting services back has taken all of that time.
const LEAST: Duration = Duration::from_millis(300);

/// What is asked of GitHub.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The environment of a GitHub Deployment.
    pub deployment: Option<String>,
    /// Where that environment is to be seen.
    pub environment_url: Option<String>,
    /// Keep a comment on the pull request.
    pub comment: bool,
    /// The configuration file, which tells comments apart; empty where there is none.
    pub config: String,
}

/// Passes events on, and tells GitHub what is asked for. Without anything to tell, the events are those that came in.
pub fn relay(
    events: UnboundedReceiver<Record>,
    asked: Asked,
    context: Context,
    interrupt: CancellationToken,
) -> UnboundedReceiver<Record> {
    if asked.deployment.is_none() && !asked.comment {
        return events;
    }
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(pass_on(events, Out(sender), asked, context, interrupt));
    receiver
}

/// The reporters' end.
#[derive(Clone)]
struct Out(UnboundedSender<Record>);

impl Out {
    fn send(&self, record: Record) {
        // Reporters that are gone are nobody's trouble here.
        let _ = self.0.send(record);
    }

    fn warn(&self, message: String, hint: Option<String>) {
        self.send(Record { time: Timestamp::now(), service: None, event: Event::Warning { message, hint } });
    }
}

async fn pass_on(
    mut events: UnboundedReceiver<Record>,
    out: Out,
    asked: Asked,
    context: Context,
    interrupt: CancellationToken,
) {
    let mut follower = asked
        .deployment
        .as_ref()
        .map(|environment| Follower::new(environment.clone(), asked.environment_url.clone(), &context));
    let (teller, wishes) = unbounded_channel();
    let mut telling = tokio::spawn(tell(wishes, out.clone(), context.clone()));
    let ask =
        |wishes: Vec<Wish>| wishes.into_iter().for_each(|wish| drop(teller.send(Told::Deployment(wish))));
    let mut state = RunState::default();
    let mut interrupted: Option<Instant> = None;
    loop {
        tokio::select! {
            record = events.recv() => {
                let Some(record) = record else { break };
                state.apply(&record);
                follower.iter_mut().for_each(|follower| ask(follower.on_event(&record)));
                let misses_commit = follower.as_ref().is_some_and(|follower| follower.misses_commit(&record));
                out.send(record);
                if misses_commit {
                    let message = "GitHub is not told of the deployment: GITHUB_SHA is not set, and a deployment is of a commit";
                    out.warn(message.to_owned(), Some("Run this in a job of GitHub Actions.".to_owned()));
                }
            }
            () = interrupt.cancelled(), if interrupted.is_none() => {
                interrupted = Some(Instant::now());
                follower.iter_mut().for_each(|follower| ask(follower.on_interrupt()));
            }
        }
    }
    follower.iter_mut().for_each(|follower| ask(follower.on_end(&state)));
    if asked.comment && is_wanted(&state) {
        let marker = Marker::new(&asked.config, &state);
        let body = body(&state, &marker, &context);
        // The other end waits for this one to close.
        drop(teller.send(Told::Comment { marker, body }));
    }
    drop(teller);
    let now = Instant::now();
    let until = match interrupted {
        Some(at) => (at + INTERRUPTED_TAIL).max(now + LEAST),
        None => now + TAIL,
    };
    if timeout_at(until, &mut telling).await.is_err() {
        telling.abort();
        let message = "GitHub has not answered in time: what it shows of this run may be out of date";
        out.warn(message.to_owned(), None);
    }
}

/// What is told.
enum Told {
    Deployment(Wish),
    Comment { marker: Marker, body: String },
}

/// Tells one thing after the other, until there is nothing more to come.
async fn tell(mut wishes: UnboundedReceiver<Told>, out: Out, context: Context) {
    let mut teller = Teller { out, context, api: None, deployment: None, given_up: false };
    while let Some(told) = wishes.recv().await {
        match told {
            Told::Deployment(wish) => teller.deployment(wish).await,
            Told::Comment { marker, body } => teller.comment(&marker, &body).await,
        }
    }
}

struct Teller {
    out: Out,
    context: Context,
    /// Made at its first use; `Err` after a warning.
    api: Option<Result<Api, ()>>,
    deployment: Option<u64>,
    /// A deployment that GitHub does not take is told once.
    given_up: bool,
}

impl Teller {
    /// The client; what it lacks is told once, with what is left out for it.
    fn api(&mut self, what: &str) -> Option<&Api> {
        if self.api.is_none() {
            self.api = Some(self.connect(what));
        }
        self.api.as_ref().and_then(|api| api.as_ref().ok())
    }

    fn connect(&self, what: &str) -> Result<Api, ()> {
        let warn = |why: &str, hint: &str| {
            self.out.warn(format!("GitHub is not told of {what}: {why}"), Some(hint.to_owned()));
        };
        let Some(token) = &self.context.token else {
            warn(
                "there is no token",
                "Give the step one: `env: GITHUB_TOKEN: ${{ github.token }}`; the action does that by itself.",
            );
            return Err(());
        };
        let Some(repository) = &self.context.repository else {
            warn("GITHUB_REPOSITORY is not set", "Run this in a job of GitHub Actions.");
            return Err(());
        };
        Api::new(&self.context, repository, token)
            .map_err(|refusal| warn(&refusal.to_string(), "Correct GITHUB_API_URL."))
    }

    async fn deployment(&mut self, wish: Wish) {
        if self.given_up {
            return;
        }
        let made = self.deployment;
        let Some(api) = self.api("the deployment") else { return };
        let (answer, what) = match wish {
            Wish::Create(deployment) => {
                (api.create_deployment(&deployment).await.map(Some), "make a deployment")
            }
            Wish::Status(status) => {
                let Some(id) = made else { return };
                (api.create_status(id, &status).await.map(|()| Some(id)), "set the deployment's status")
            }
        };
        match answer {
            Ok(id) => self.deployment = id,
            Err(refusal) => {
                // A status that was lost may be followed by one that is not.
                self.given_up = made.is_none() || refusal.is_permission();
                self.refused(what, &refusal, "deployments: write");
            }
        }
    }

    async fn comment(&mut self, marker: &Marker, body: &str) {
        let Some(PullRequest { number, .. }) = self.context.pull_request else {
            let event = self.context.event_name.as_deref().unwrap_or("none");
            let message = format!("there is no pull request to comment on: the event of this run is {event}");
            self.out
                .warn(message, Some("Run the plan `on: pull_request`, or leave --comment out.".to_owned()));
            return;
        };
        let Some(api) = self.api("the plan") else { return };
        let answer = async {
            match api.find_comment(number, |comment| marker.is_of(comment)).await? {
                Some(comment) => api.update_comment(comment, body).await,
                None => api.create_comment(number, body).await,
            }
        };
        if let Err(refusal) = answer.await {
            self.refused(&format!("comment on pull request {number}"), &refusal, "pull-requests: write");
        }
    }

    fn refused(&self, what: &str, refusal: &Refusal, permission: &str) {
        let hint = refusal.is_permission().then(|| {
            let own = if self.context.own_token {
                "Give the token of LANDFALL_GITHUB_TOKEN that permission"
            } else {
                "Add it to the job"
            };
            format!(
                "{own}: `permissions: {{ {permission} }}`. A pull request from a fork never gets it; docs/github.md says more."
            )
        });
        self.out.warn(format!("GitHub did not let this run {what}: {refusal}"), hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::testing::context;
    use crate::report::testing::success;

    async fn all(mut receiver: UnboundedReceiver<Record>) -> Vec<Record> {
        let mut records = Vec::new();
        while let Some(record) = receiver.recv().await {
            records.push(record);
        }
        records
    }

    async fn relayed(asked: Asked, context: Context, interrupted: bool) -> (Vec<Record>, Duration) {
        let (sender, receiver) = unbounded_channel();
        let interrupt = CancellationToken::new();
        let began = Instant::now();
        let out = relay(receiver, asked, context, interrupt.clone());
        success().into_iter().for_each(|record| drop(sender.send(record)));
        if interrupted {
            interrupt.cancel();
        }
        drop(sender);
        (all(out).await, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_token_everything_is_passed_on_with_one_warning() {
        let asked = Asked { deployment: Some("production".to_owned()), ..Asked::default() };
        let (records, _) = relayed(asked, context(), false).await;
        let warnings: Vec<&Record> = records.iter().filter(|record| !success().contains(record)).collect();
        assert_eq!(records.len(), success().len() + 1);
        let Event::Warning { message, hint } = &warnings[0].event else { panic!("{warnings:?}") };
        assert_eq!(message, "GitHub is not told of the deployment: there is no token");
        assert!(hint.as_ref().is_some_and(|hint| hint.contains("GITHUB_TOKEN")), "{hint:?}");
        let (records, _) = relayed(Asked::default(), context(), false).await;
        assert_eq!(records, success());
    }

    /// A server that takes connections and says nothing.
    async fn silent() -> (tokio::net::TcpListener, Context) {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api_url = format!("http://{}", server.local_addr().unwrap());
        let token = Some(crate::secret::Secret::new("token"));
        (server, Context { api_url, token, ..context() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_github_that_says_nothing_holds_nobody_up_for_long() {
        let (_server, context) = silent().await;
        let asked = Asked { deployment: Some("production".to_owned()), ..Asked::default() };
        let (records, took) = relayed(asked.clone(), context.clone(), false).await;
        assert_eq!(records.len(), success().len() + 1, "{records:?}");
        assert!(took <= TAIL + Duration::from_secs(1), "{took:?}");
        let (records, took) = relayed(asked, context, true).await;
        assert!(took <= Duration::from_secs(5), "{took:?}");
        let Event::Warning { message, .. } = &records.last().unwrap().event else { panic!("{records:?}") };
        assert!(message.contains("has not answered in time"), "{message}");
    }
}
