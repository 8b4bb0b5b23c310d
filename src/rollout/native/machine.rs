//! The state machine of a service deployment: one observation in, events out, and an outcome in the end.

use std::time::Duration;

use jiff::Timestamp;

use super::observation::{NativeObservation, ServiceDeployment};
use crate::event::Event;

/// The bake time that is left is told this often.
const TOLD_EVERY: Duration = Duration::from_secs(30);
/// The stages in which the new revision serves and nothing but time can follow.
const SERVING: [&str; 3] = ["POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"];

/// What is followed, and how patiently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeFollowed {
    /// The revision's ARN.
    pub task_definition: String,
    /// What ran before, for telling a rollback.
    pub earlier_task_definition: Option<String>,
    /// The name by which `landfall continue` knows the service.
    pub name: String,
    /// The service deployments from before the update.
    pub known: Vec<String>,
    /// Whether it is over when all production traffic goes to healthy new tasks; otherwise when ECS says
    /// SUCCESSFUL.
    pub until_healthy: bool,
    /// For the whole, from `UpdateService`.
    pub timeout: Duration,
    /// It is a rolling update with lifecycle hooks: stages and pauses are told, and the machine of rolling updates says how
    /// it ends.
    pub rolling: bool,
    /// The target groups between which traffic shifts: the one that the service names, and the other.
    pub alternate_target_groups: Vec<(String, String)>,
}

/// How a service deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NativeOutcome {
    /// SUCCESSFUL, or all traffic goes to healthy new tasks where no more was waited for.
    Succeeded,
    /// ECS has put the service back, or has tried to.
    RolledBackByEcs {
        /// AWS's text.
        reason: String,
        /// Whether that is done.
        complete: bool,
    },
    /// It was stopped where it was: by somebody, or because a newer one took its place.
    Stopped {
        /// AWS's text.
        reason: String,
    },
    /// The time limit ran out.
    TimedOut {
        /// Where it stood.
        reason: String,
    },
}

/// When the bake time ends, by two clocks.
#[derive(Debug)]
struct Bake {
    /// Of the rollout's clock, if it began when it was first seen.
    by: Duration,
    /// By AWS's time of the last change.
    until: Option<Timestamp>,
    told: Option<Duration>,
}

/// Follows one service deployment. Give it every observation, in order, until there is an
/// [`outcome`](Self::outcome).
#[derive(Debug)]
pub struct Native {
    pub(super) followed: NativeFollowed,
    arn: Option<String>,
    last: Option<ServiceDeployment>,
    stood: Option<(Option<String>, String)>,
    traffic: Option<(f64, Option<f64>)>,
    paused: Option<String>,
    bake: Option<Bake>,
    outcome: Option<NativeOutcome>,
}

impl Native {
    /// Begins to follow.
    pub fn new(followed: NativeFollowed) -> Self {
        Self {
            followed,
            arn: None,
            last: None,
            stood: None,
            traffic: None,
            paused: None,
            bake: None,
            outcome: None,
        }
    }

    /// What is followed.
    pub fn followed(&self) -> &NativeFollowed {
        &self.followed
    }

    /// The service deployment's ARN, once it was found.
    pub fn arn(&self) -> Option<&str> {
        self.arn.as_deref()
    }

    /// It was found.
    pub fn found(&mut self, arn: String) {
        self.arn = Some(arn);
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<&NativeOutcome> {
        self.outcome.as_ref()
    }

    /// ECS puts the service back, or has done so.
    pub fn is_rolling_back(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.status.starts_with("ROLLBACK"))
    }

    /// Whether it can still be stopped (facts 4.2).
    pub fn is_under_way(&self) -> bool {
        self.arn.is_some() && self.last.as_ref().is_none_or(|last| !last.is_over())
    }

    /// Whether a hook waits for somebody to say how to go on.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// The same service deployment once it was told to go back: there is no outcome yet, and no time limit; and only
    /// the service deployment tells how that ends.
    #[must_use]
    pub fn undo(mut self) -> Self {
        self.outcome = None;
        self.followed.rolling = false;
        self.followed.timeout = Duration::MAX;
        self
    }

    /// Where it stands, in half a sentence.
    pub fn standing(&self) -> String {
        let Some(last) = &self.last else { return "no service deployment is listed yet".to_owned() };
        let stage = last.stage.as_deref().unwrap_or("no stage yet");
        let mut text = format!("{} deployment {}, {stage}", last.strategy, last.status);
        if let Some(percent) = last.target.production_percent {
            text.push_str(&format!(", {percent} % of production traffic"));
        }
        if last.paused_hook().is_some() {
            text.push_str(&format!(", paused; go on with: {}", self.how()));
        }
        text
    }

    /// Takes one observation in and tells what is new. `healthy`: every new task is healthy. After the
    /// outcome nothing is new.
    pub fn observe(&mut self, observation: NativeObservation, healthy: bool) -> Vec<Event> {
        let mut events = Vec::new();
        if self.outcome.is_some() {
            return events;
        }
        let at = observation.at;
        if let Some(deployment) = observation.deployment {
            self.take_in(&deployment, at, observation.now, &mut events);
            self.outcome = self.judge(&deployment, healthy);
            self.last = Some(deployment);
        }
        if self.outcome.is_none() && at >= self.followed.timeout {
            self.outcome = Some(self.timed_out());
        }
        events
    }

    fn take_in(
        &mut self,
        deployment: &ServiceDeployment,
        at: Duration,
        now: Timestamp,
        events: &mut Vec<Event>,
    ) {
        let stands = (deployment.stage.clone(), deployment.status.clone());
        // A shift that is seen only in a later stage came before that stage.
        let later = deployment.stage.as_deref() != Some("PRODUCTION_TRAFFIC_SHIFT");
        if later {
            self.take_in_traffic(deployment, events);
        }
        if self.stood.as_ref() != Some(&stands) {
            events.push(Event::StageChanged {
                stage: stands.0.clone(),
                status: stands.1.clone(),
                reason: reason_of(deployment),
            });
            self.stood = Some(stands);
        }
        if !later {
            self.take_in_traffic(deployment, events);
        }
        self.take_in_pause(deployment, events);
        self.take_in_bake(deployment, at, now, events);
    }

    fn take_in_traffic(&mut self, deployment: &ServiceDeployment, events: &mut Vec<Event>) {
        let target = &deployment.target;
        if let Some(production_percent) = target.production_percent {
            let traffic = (production_percent, target.test_percent);
            // That there is none at first is no news.
            let first = self.traffic.unwrap_or((0.0, target.test_percent.map(|_| 0.0)));
            if first != traffic {
                let test_percent = target.test_percent;
                events.push(Event::TrafficShifted { production_percent, test_percent });
            }
            self.traffic = Some(traffic);
        }
    }

    fn take_in_pause(&mut self, deployment: &ServiceDeployment, events: &mut Vec<Event>) {
        let hook = deployment.paused_hook().filter(|_| !deployment.is_over());
        if let Some(hook) = hook.filter(|hook| self.paused.as_ref() != Some(&hook.id)) {
            events.push(Event::Paused {
                stage: deployment.stage.clone(),
                how: self.how(),
                expires_at: hook.expires_at,
                timeout_action: hook.timeout_action.clone(),
            });
        }
        self.paused = hook.map(|hook| hook.id.clone());
    }

    /// AWS does not say when the bake time began. It changed the service deployment last when it did, as far
    /// as is known, so both that time and the first sight count, whichever is over sooner.
    fn take_in_bake(
        &mut self,
        deployment: &ServiceDeployment,
        at: Duration,
        now: Timestamp,
        events: &mut Vec<Event>,
    ) {
        let bakes = deployment.stage.as_deref() == Some("BAKE_TIME") && deployment.status == "IN_PROGRESS";
        if !bakes || deployment.bake_time.is_zero() {
            self.bake = None;
            return;
        }
        let bake = self.bake.get_or_insert_with(|| Bake {
            by: at + deployment.bake_time,
            until: deployment.updated_at.and_then(|since| since.checked_add(deployment.bake_time).ok()),
            told: None,
        });
        let seen = bake.by.saturating_sub(at);
        let told_by_aws = bake
            .until
            .and_then(|until| Duration::try_from(until.duration_since(now)).ok())
            // A clock that is far off says nothing.
            .filter(|left| *left <= deployment.bake_time);
        let left = told_by_aws.map_or(seen, |left| left.min(seen));
        if bake.told.is_none_or(|told| told.saturating_sub(left) >= TOLD_EVERY) {
            bake.told = Some(left);
            events.push(Event::Baking { remaining_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX) });
        }
    }

    fn judge(&self, deployment: &ServiceDeployment, healthy: bool) -> Option<NativeOutcome> {
        if self.followed.rolling {
            return None;
        }
        let reason = || reason_of(deployment).unwrap_or_else(|| "AWS gives no reason".to_owned());
        match deployment.status.as_str() {
            "SUCCESSFUL" => Some(NativeOutcome::Succeeded),
            "ROLLBACK_SUCCESSFUL" => {
                Some(NativeOutcome::RolledBackByEcs { reason: reason(), complete: true })
            }
            "ROLLBACK_FAILED" => Some(NativeOutcome::RolledBackByEcs { reason: reason(), complete: false }),
            "STOPPED" => Some(NativeOutcome::Stopped { reason: reason() }),
            "IN_PROGRESS" if self.followed.until_healthy && healthy => {
                let serves = deployment.stage.as_deref().is_some_and(|stage| SERVING.contains(&stage));
                let all = deployment.target.production_percent == Some(100.0);
                (serves && all).then_some(NativeOutcome::Succeeded)
            }
            _ => None,
        }
    }

    fn timed_out(&self) -> NativeOutcome {
        let reason =
            format!("the time limit of {} s ran out: {}", self.followed.timeout.as_secs(), self.standing());
        match self.is_rolling_back() {
            // That it failed is known; only the way back is not at its end.
            true => NativeOutcome::RolledBackByEcs { reason, complete: false },
            false => NativeOutcome::TimedOut { reason },
        }
    }

    fn how(&self) -> String {
        let name = &self.followed.name;
        format!("`landfall continue {name}` (or, to go back, `landfall continue {name} --action rollback`)")
    }
}

fn reason_of(deployment: &ServiceDeployment) -> Option<String> {
    let rollback = deployment.rollback.as_ref().and_then(|rollback| rollback.reason.clone());
    rollback.or_else(|| deployment.status_reason.clone())
}
