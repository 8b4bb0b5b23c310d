//! The GitHub Deployment of a run: when it is made, and which status it gets. Pure.

use serde_json::json;

use super::api::{NewDeployment, NewStatus};
use super::context::Context;
use crate::event::{Event, Record, RunStarted, Step, Verdict};
use crate::report::text::{neutralise, shorten_arns};
use crate::state::RunState;

/// GitHub takes no longer descriptions.
const LONGEST: usize = 140;

/// What is to be said of a run at GitHub.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Make the deployment.
    Create(Box<NewDeployment>),
    /// Give it this status.
    Status(NewStatus),
}

/// Follows a run and says when there is something to tell.
pub struct Follower {
    environment: String,
    environment_url: Option<String>,
    log_url: Option<String>,
    commit: Option<String>,
    run_url: Option<String>,
    created: bool,
    last: Option<&'static str>,
}

impl Follower {
    /// For an environment, which may be seen at an address.
    pub fn new(environment: String, environment_url: Option<String>, context: &Context) -> Self {
        Self {
            environment,
            // GitHub refuses a status with another one.
            environment_url: environment_url
                .filter(|url| url.starts_with("https://") || url.starts_with("http://")),
            log_url: context.run_url(),
            commit: context.commit().map(str::to_owned),
            run_url: context.run_url(),
            created: false,
            last: None,
        }
    }

    /// After an event.
    pub fn on_event(&mut self, record: &Record) -> Vec<Wish> {
        match &record.event {
            Event::RunStarted(run) if is_real(run) && !self.created => {
                let Some(commit) = &self.commit else { return Vec::new() };
                self.created = true;
                let deployment = NewDeployment {
                    commit: commit.clone(),
                    task: run.command.clone(),
                    auto_merge: false,
                    required_contexts: Vec::new(),
                    payload: json!({
                        "landfall": run.version,
                        "cluster": run.cluster,
                        "region": run.region,
                        "services": run.services,
                        "run": self.run_url,
                    }),
                    environment: self.environment.clone(),
                    description: short(&format!("{} on {}", run.services.join(", "), run.cluster)),
                };
                let mut wishes = vec![Wish::Create(Box::new(deployment))];
                wishes.extend(self.status("queued", "looking at what would change"));
                wishes
            }
            // Everything before only reads.
            Event::StepStarted { step } if *step != Step::Plan => {
                let begun = self.last == Some("queued");
                if begun { self.status("in_progress", "deploying").into_iter().collect() } else { Vec::new() }
            }
            _ => Vec::new(),
        }
    }

    /// Whether a deployment would be made now, were its commit known.
    pub fn misses_commit(&self, record: &Record) -> bool {
        self.commit.is_none() && matches!(&record.event, Event::RunStarted(run) if is_real(run))
    }

    /// When a signal has arrived: what comes of the run may not be told in time.
    pub fn on_interrupt(&mut self) -> Vec<Wish> {
        self.status("failure", "interrupted").into_iter().collect()
    }

    /// At the end of the run.
    pub fn on_end(&mut self, state: &RunState) -> Vec<Wish> {
        self.status(state_of(state), &short(&words(state))).into_iter().collect()
    }

    fn status(&mut self, state: &'static str, description: &str) -> Option<Wish> {
        if !self.created || self.last == Some(state) {
            return None;
        }
        self.last = Some(state);
        Some(Wish::Status(NewStatus {
            state,
            description: short(description),
            log_url: self.log_url.clone(),
            // Only what works is worth a look.
            environment_url: self.environment_url.clone().filter(|_| state == "success"),
        }))
    }
}

/// Whether a run changes something at AWS.
fn is_real(run: &RunStarted) -> bool {
    matches!(run.command.as_str(), "deploy" | "rollback") && !run.dry_run && run.sandbox.is_none()
}

/// GitHub's name for how a run has ended: `error` where it could not even be tried, `inactive` where another deployment
/// has taken its place.
fn state_of(state: &RunState) -> &'static str {
    if state.error.is_some() {
        return "error";
    }
    match state.verdict() {
        Verdict::Succeeded | Verdict::Unchanged | Verdict::Planned => "success",
        Verdict::Superseded => "inactive",
        Verdict::Interrupted | Verdict::TimedOut | Verdict::RolledBack | Verdict::Failed => "failure",
    }
}

fn words(state: &RunState) -> String {
    if let Some(error) = &state.error {
        return error.message.clone();
    }
    let verdict = state.verdict();
    let worst = state.services.iter().find(|service| service.report.verdict == verdict);
    worst.and_then(|service| service.report.reason.clone()).unwrap_or_default()
}

fn short(text: &str) -> String {
    let text = shorten_arns(&neutralise(text));
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::testing::{context, fold};
    use crate::report::testing::*;

    /// The states that a run is told with.
    fn states(records: &[Record]) -> Vec<&'static str> {
        let url = Some("https://hello.example".to_owned());
        let mut follower = Follower::new("production".to_owned(), url, &context());
        let mut wishes: Vec<Wish> = records.iter().flat_map(|record| follower.on_event(record)).collect();
        wishes.extend(follower.on_end(&fold(records)));
        let made = wishes.iter().filter(|wish| matches!(wish, Wish::Create(_))).count();
        let states: Vec<&'static str> = wishes
            .iter()
            .filter_map(|wish| match wish {
                Wish::Create(_) => None,
                Wish::Status(status) => {
                    assert!(status.description.chars().count() <= LONGEST, "{status:?}");
                    assert_eq!(status.environment_url.is_some(), status.state == "success");
                    assert_eq!(
                        status.log_url.as_deref(),
                        Some("https://github.com/octo/web/actions/runs/12")
                    );
                    Some(status.state)
                }
            })
            .collect();
        assert_eq!(made, usize::from(!states.is_empty()));
        states
    }

    #[test]
    fn every_end_has_its_status() {
        for (records, expected) in [
            (success(), "success"),
            (rolled_back(), "failure"),
            (failed(), "failure"),
            (timed_out(), "failure"),
            (interrupted(), "failure"),
            (superseded(), "inactive"),
            (errored_after_register(), "error"),
        ] {
            assert_eq!(states(&records), ["queued", "in_progress", expected]);
        }
        // Where nothing was changed, nothing was in progress.
        assert_eq!(states(&up_to_date()), ["queued", "success"]);
        assert_eq!(states(&errored()), ["queued", "error"]);
        assert!(states(&dry_run()).is_empty(), "a dry run deploys nothing");
    }

    #[test]
    fn without_a_commit_nothing_is_made_and_a_real_run_misses_it() {
        let context = Context { sha: None, ..context() };
        let mut follower = Follower::new("production".to_owned(), None, &context);
        for (records, times) in [(success(), 1), (dry_run(), 0)] {
            assert_eq!(records.iter().filter(|record| follower.misses_commit(record)).count(), times);
            assert!(records.iter().all(|record| follower.on_event(record).is_empty()));
            assert!(follower.on_end(&fold(&records)).is_empty());
        }
    }

    #[test]
    fn a_signal_is_told_at_once_and_a_run_that_ended_well_all_the_same_too() {
        let mut follower = Follower::new("production".to_owned(), None, &context());
        let records = success();
        records[..10].iter().for_each(|record| drop(follower.on_event(record)));
        let told = follower.on_interrupt();
        assert!(matches!(&told[..], [Wish::Status(status)] if status.state == "failure"), "{told:?}");
        assert!(follower.on_end(&fold(&interrupted())).is_empty(), "it is known");
        let told = follower.on_end(&fold(&records));
        assert!(matches!(&told[..], [Wish::Status(status)] if status.state == "success"), "{told:?}");
    }

    #[test]
    fn what_is_sent_is_what_github_wants() {
        let mut follower = Follower::new("production".to_owned(), Some("no address".to_owned()), &context());
        let wishes = follower.on_event(&success()[0]);
        let Wish::Create(deployment) = &wishes[0] else { panic!("{wishes:?}") };
        insta::assert_json_snapshot!(deployment, @r#"
        {
          "ref": "0123456789abcdef0123456789abcdef01234567",
          "task": "deploy",
          "auto_merge": false,
          "required_contexts": [],
          "payload": {
            "landfall": "0.1.0",
            "cluster": "demo",
            "region": "ap-northeast-2",
            "services": [
              "hello"
            ],
            "run": "https://github.com/octo/web/actions/runs/12"
          },
          "environment": "production",
          "description": "hello on demo"
        }
        "#);
        assert!(follower.environment_url.is_none());
        assert_eq!(short(&"é".repeat(200)).chars().count(), LONGEST);
    }
}
