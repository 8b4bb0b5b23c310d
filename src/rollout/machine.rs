//! The state machine of a rollout: one observation in, events out, and an outcome in the end.

mod back;
mod bake;

use std::time::Duration;

use super::changes::Changes;
use super::conditions::{Awaited, Conditions};
use super::findings::{Ledger, Sight};
use super::history::{Absence, History, Leader};
use super::memory::Memory;
use super::observation::{Deployment, Observation, Service, Task};
use super::policy::{Followed, Policy, TargetGroupRef, WaitFor};
use super::restarts::Restarts;
use super::stall::{StallClock, waits_for_room};
use super::zero_downtime::{Meter, millis};
use crate::event::{Event, Finding, ZeroDowntime};
use crate::wording::count;

/// How a rollout ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The conditions of success held in one observation.
    Succeeded {
        /// When 1 to 4 first held.
        healthy_at: Duration,
        /// When all five held; absent where that was not waited for.
        steady_at: Option<Duration>,
    },
    /// It cannot succeed, and the service has not been put back.
    Failed {
        /// In one sentence.
        reason: String,
    },
    /// ECS has put the service back, or has begun to.
    RolledBackByEcs {
        /// To which revision.
        task_definition: String,
        /// Whether the service is steady again.
        complete: bool,
    },
    /// Someone else's deployment took over.
    Superseded {
        /// Its id.
        by_deployment: String,
        /// What it runs.
        task_definition: String,
    },
    /// The time limit ran out.
    TimedOut {
        /// What was missing.
        reason: String,
    },
    /// The service was deleted.
    ServiceGone,
}

#[derive(Debug)]
enum Phase {
    /// Ours leads, as far as is known.
    Following,
    /// ECS has failed ours; it may roll back in a moment.
    Failed { since: Duration, observations: u32, reason: String },
    /// ECS puts the service back by this deployment.
    RollingBack { deployment: String, task_definition: String },
}

/// Follows one deployment. Give it every observation, in order, until there is an [`outcome`](Self::outcome).
#[derive(Debug)]
pub struct Rollout {
    followed: Followed,
    policy: Policy,
    phase: Phase,
    history: History,
    changes: Changes,
    memory: Memory,
    restarts: Restarts,
    ledger: Ledger,
    meter: Meter,
    stall: StallClock,
    service_absence: Absence,
    healthy_at: Option<Duration>,
    outcome: Option<Outcome>,
    progress: (u32, u32),
    standing: String,
    rests: bool,
    leads: bool,
    awaited: Awaited,
    unchecked: bool,
    /// Since when every task has been healthy while ECS watches alarms.
    baking_since: Option<Duration>,
}

impl Rollout {
    /// Begins to follow a deployment.
    pub fn new(mut followed: Followed, policy: Policy) -> Self {
        let seen_events = std::mem::take(&mut followed.seen_event_ids);
        Self {
            phase: Phase::Following,
            history: History::new(&followed),
            changes: Changes::new(seen_events),
            memory: Memory::default(),
            restarts: Restarts::default(),
            ledger: Ledger::default(),
            meter: Meter::new(&followed),
            stall: StallClock::default(),
            service_absence: Absence::default(),
            healthy_at: None,
            outcome: None,
            progress: (0, followed.desired_count),
            standing: String::new(),
            rests: false,
            leads: true,
            awaited: Awaited::Service,
            unchecked: false,
            baking_since: None,
            followed,
            policy,
        }
    }

    /// Takes one observation in and tells what is new. After the outcome nothing is. Who leads and whether to go
    /// on is decided only where DescribeServices is fresh, and success only where everything is.
    pub fn observe(&mut self, mut observation: Observation) -> Vec<Event> {
        if self.outcome.is_some() {
            return Vec::new();
        }
        observation.deduplicate();
        let mut events = Vec::new();
        self.take_in(&observation, &mut events);
        events
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// What was measured so far. `proven` is for the probe to say.
    pub fn zero_downtime(&self) -> ZeroDowntime {
        self.meter.report(&self.followed)
    }

    /// What was diagnosed so far, in order of appearance.
    pub fn findings(&self) -> &[Finding] {
        self.ledger.findings()
    }

    /// What the next thing to happen will be seen in.
    pub fn awaited(&self) -> Awaited {
        match self.phase {
            Phase::Following => self.awaited,
            Phase::Failed { .. } | Phase::RollingBack { .. } => Awaited::Service,
        }
    }

    /// How many tasks of the followed deployment meet every condition, and how many are wanted.
    pub fn progress(&self) -> (u32, u32) {
        self.progress
    }

    /// What was left to ECS's word, where something was, in words.
    pub fn unchecked(&self) -> Option<&'static str> {
        self.unchecked.then_some(
            "which target is which task was not checked (ecs:DescribeContainerInstances is denied)",
        )
    }

    /// How the service stood at the last observation, in one sentence.
    pub fn standing(&self) -> &str {
        &self.standing
    }

    /// All five conditions held at the last observation: nothing is under way.
    pub fn rests(&self) -> bool {
        self.rests
    }

    /// A lifecycle hook waits for somebody, or none does any more: while one does, nothing has to change.
    pub fn pause(&mut self, paused: bool) {
        self.stall.pause(paused);
    }

    /// Whose health every observation has to have.
    pub fn target_groups(&self) -> &[TargetGroupRef] {
        &self.followed.target_groups
    }

    /// The followed deployment.
    pub fn deployment_id(&self) -> &str {
        &self.followed.deployment_id
    }

    /// The followed revision.
    pub fn task_definition(&self) -> &str {
        &self.followed.task_definition
    }

    /// When conditions 1 to 4 first held.
    pub fn healthy_at(&self) -> Option<Duration> {
        self.healthy_at
    }

    fn take_in(&mut self, observation: &Observation, events: &mut Vec<Event>) {
        let at = observation.at;
        let fresh = observation.fresh;
        match observation.service.status.as_str() {
            _ if !fresh.service => {}
            "ACTIVE" => self.service_absence.present(),
            Service::MISSING => {
                if self.service_absence.missing(at) {
                    self.outcome = Some(Outcome::ServiceGone);
                } else {
                    self.check_time(at, "the service is not listed", events);
                }
                return;
            }
            _ => {
                self.outcome = Some(Outcome::ServiceGone);
                return;
            }
        }

        let leader = fresh.service.then(|| self.history.look(&self.followed, &observation.service, at));
        if fresh.tasks {
            self.memory.remember(&self.followed, &observation.tasks);
        }
        let restarts = match fresh.tasks {
            true => self.restarts.observe(&self.followed, &observation.tasks, at),
            false => Vec::new(),
        };
        let mut conditions = Conditions::evaluate(&self.followed, observation, &self.restarts);
        self.unchecked = observation.instances_denied;
        let starts_to_bake = self.look_for_bake(&conditions, observation);
        if let Some(words) = self.meanwhile(at) {
            conditions.explain_progress(&words);
        }
        self.progress = (u32::try_from(conditions.ready.len()).unwrap_or(u32::MAX), conditions.desired);
        self.standing = conditions.standing(&self.followed, &observation.service);
        self.rests = conditions.steady();
        self.awaited = match self.policy.wait_for {
            WaitFor::Nothing => conditions.awaited,
            WaitFor::Healthy if conditions.healthy() => Awaited::Everything,
            _ if conditions.healthy() && (conditions.steady() || self.healthy_at.is_none()) => {
                Awaited::Everything
            }
            _ => conditions.awaited,
        };
        self.meter.sample(&self.followed, observation, self.memory.tasks());

        events.extend(self.changes.deployments(&self.followed, &self.history, observation));
        events.extend(self.changes.tasks(&self.followed, &self.history, &self.memory, observation));
        let news = self.changes.new_service_events(observation);
        events.extend(news.iter().map(|event| Event::ServiceMessage { message: event.message.clone() }));
        events.extend(starts_to_bake);
        let steadfast = conditions.ready.iter().filter(|id| !self.restarts.is_tainted(id)).cloned().collect();
        let newly_healthy = self.memory.became_healthy(&self.followed, &steadfast, at);
        if let Some(leader) = leader {
            self.leads = matches!(leader, Leader::Ours(ours) if !ours.is_in("FAILED"));
        }
        let findings = self.ledger.observe(&Sight {
            followed: &self.followed,
            observation,
            newly_healthy,
            leads: self.leads,
            new_events: &news,
            other_tasks: self.memory.others(),
        });
        events.extend(findings.into_iter().map(|finding| Event::FindingMade { finding }));
        for restart in restarts {
            let finding = self.ledger.restarted(&restart);
            events.push(Event::ContainerRestarted {
                task: restart.task,
                container: restart.container,
                exit_code: restart.exit_code,
                restarts: restart.number,
            });
            events.push(Event::FindingMade { finding });
        }

        if self.policy.wait_for == WaitFor::Nothing {
            return;
        }
        if let Some(leader) = leader {
            self.decide(observation, leader, &conditions, events);
        }
        self.check_time(at, &conditions.missing(), events);
    }

    fn decide(
        &mut self,
        observation: &Observation,
        leader: Leader<'_>,
        conditions: &Conditions,
        events: &mut Vec<Event>,
    ) {
        if let Phase::RollingBack { deployment, .. } = &self.phase {
            let deployment = deployment.clone();
            self.follow_rollback(&deployment, leader, &observation.service, events);
            return;
        }
        match leader {
            Leader::Unclear => {}
            Leader::Ours(ours) if ours.is_in("FAILED") => self.failed_by_ecs(ours, observation.at, events),
            Leader::Ours(_) => {
                // A stale answer cannot make FAILED of anything, so that what looked FAILED and is not
                // any more was put right by someone.
                self.phase = Phase::Following;
                self.judge(observation, conditions, events);
            }
            Leader::Rollback(primary) => {
                let ours = observation.service.deployment(&self.followed.deployment_id);
                self.begin_rollback(primary, ours, events);
                let id = primary.id.clone();
                self.follow_rollback(&id, leader, &observation.service, events);
            }
            Leader::Other(primary) => self.superseded_by(primary),
            Leader::Lost => {
                let reason = format!(
                    "deployment {} is no longer listed, and none took its place",
                    self.followed.deployment_id
                );
                self.fail(self.with_cause(reason));
            }
        }
    }

    /// Ours leads: has it succeeded, or is there no point in waiting?
    fn judge(&mut self, observation: &Observation, conditions: &Conditions, events: &mut Vec<Event>) {
        let at = observation.at;
        let quiet = self.followed.undoes.is_some();
        // A container that has restarted proves itself by standing still.
        let proving = |task: &Task| self.restarts.trouble(&self.followed, task.id(), at).is_some();
        let excused = conditions.healthy()
            || waits_for_room(&self.followed, observation)
            || observation.tasks.iter().any(|task| !task.is_leaving() && proving(task));
        self.stall.observe(&self.followed, observation, excused);
        if conditions.healthy() && observation.fresh.is_complete() {
            let first = self.healthy_at.is_none();
            let healthy_at = *self.healthy_at.get_or_insert(at);
            if first && !quiet {
                events.push(Event::Healthy { at_ms: millis(at) });
            }
            let steady_at = conditions.steady().then_some(at);
            if steady_at.is_some() && !quiet {
                events.push(Event::Steady { at_ms: millis(at) });
            }
            if steady_at.is_some() || self.policy.wait_for == WaitFor::Healthy {
                self.outcome = Some(Outcome::Succeeded { healthy_at, steady_at });
                return;
            }
        }
        let failed = self.ledger.failed_tasks();
        // Once early success criteria are met, the circuit breaker protects nothing any more (facts 3.10).
        let over = observation
            .service
            .deployment(&self.followed.deployment_id)
            .is_some_and(|ours| ours.is_in("COMPLETED"));
        let left_to_ecs = !over && self.policy.leaves_to_ecs(failed, conditions.desired);
        if let Some(finding) = self.ledger.hopeless(left_to_ecs) {
            let reason = sentence(finding);
            self.fail(reason);
            return;
        }
        let allowed = self.policy.failed_tasks_allowed(conditions.desired);
        if failed > allowed as usize && !left_to_ecs {
            let verb = if allowed == 1 { "is" } else { "are" };
            let reason = format!("{} failed, and {allowed} {verb} put up with", count(failed, "task"));
            self.fail(self.with_cause(reason));
            return;
        }
        if self.stall.is_stalled(at, self.policy.stall_timeout) {
            let missing = conditions.missing();
            let finding = self.ledger.stalled(&missing);
            events.push(Event::FindingMade { finding });
            let reason = format!("nothing has changed for {}: {missing}", seconds(self.stall.idle(at)));
            self.fail(self.with_cause(reason));
        }
    }

    fn check_time(&mut self, at: Duration, missing: &str, events: &mut Vec<Event>) {
        if self.outcome.is_some() || at < self.policy.timeout {
            return;
        }
        self.outcome = Some(match &self.phase {
            // That it failed is known; only the way back is not at its end.
            Phase::RollingBack { task_definition, .. } => {
                self.end_rollback(false, events);
                Outcome::RolledBackByEcs { task_definition: task_definition.clone(), complete: false }
            }
            Phase::Failed { reason, .. } => Outcome::Failed { reason: self.with_cause(reason.clone()) },
            Phase::Following => {
                let reason = format!("the time limit of {} ran out: {missing}", seconds(self.policy.timeout));
                Outcome::TimedOut { reason: self.with_cause(reason) }
            }
        });
    }

    fn superseded_by(&mut self, primary: &Deployment) {
        self.outcome = Some(Outcome::Superseded {
            by_deployment: primary.id.clone(),
            task_definition: primary.task_definition.clone(),
        });
    }

    fn fail(&mut self, reason: String) {
        self.outcome = Some(Outcome::Failed { reason });
    }

    /// Adds what the ledger holds for the cause.
    fn with_cause(&self, reason: String) -> String {
        let reason = reason.trim_end_matches('.').to_owned();
        match self
            .ledger
            .main_finding()
            .filter(|finding| !matches!(finding.code.as_str(), "stalled" | "deployment-failed"))
        {
            Some(finding) => format!("{reason}: {}", sentence(finding)),
            None => reason,
        }
    }
}

fn sentence(finding: &Finding) -> String {
    match finding.occurrences {
        0 | 1 => finding.title.clone(),
        times => format!("{} ({times} times)", finding.title),
    }
}

fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        whole if whole >= 120 && whole % 60 == 0 => format!("{} minutes", whole / 60),
        whole => format!("{whole} s"),
    }
}
