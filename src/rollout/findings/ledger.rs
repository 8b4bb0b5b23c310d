//! What went wrong so far, how often, and whether waiting can still help (facts 5, "How to use", and 5.9).

use std::collections::BTreeSet;

use super::balancer;
use super::container::RESTARTING;
use super::diagnose::{Diagnosis, diagnose_task, event, target};
use super::entry::{Class, Entry, Scope};
use super::exit_codes::exit_code;
use super::general::{FAILED, STALLED, UNKNOWN};
use super::health::ELB;
use super::placement::{BLOCKED, NO_INSTANCES};
use crate::event::Finding;
use crate::rollout::observation::{Observation, ServiceEvent, Task};
use crate::rollout::policy::Followed;
use crate::rollout::restarts::Restart;
use crate::rollout::rules::{bounds, is_blocked};
use crate::rollout::targets;
use crate::wording;

/// How many tasks' evidence a finding shows.
const SHOWN: usize = 3;

/// What of an observation the ledger looks at.
#[derive(Debug)]
pub(in crate::rollout) struct Sight<'a> {
    pub followed: &'a Followed,
    pub observation: &'a Observation,
    /// The tasks of the followed deployment that became healthy in this observation, by something that
    /// proves it.
    pub newly_healthy: bool,
    /// The followed deployment is PRIMARY and not FAILED: nobody has a reason to take its tasks away.
    pub leads: bool,
    /// Events that were not there before, oldest first.
    pub new_events: &'a [ServiceEvent],
    /// Ids of tasks that the followed deployment did not start.
    pub other_tasks: &'a BTreeSet<String>,
}

/// Counts causes by the tasks that show them.
#[derive(Debug, Default)]
pub(in crate::rollout) struct Ledger {
    causes: Vec<Cause>,
    findings: Vec<Finding>,
    /// Stopped tasks that have been looked at for good.
    settled: BTreeSet<String>,
    failed_tasks: BTreeSet<String>,
}

#[derive(Debug)]
struct Cause {
    entry: Entry,
    /// Tasks that stopped of it.
    stopped: BTreeSet<String>,
    /// Tasks of which a target or an event says it while they may still be running.
    noted: BTreeSet<String>,
    /// Events that name no task.
    events: BTreeSet<String>,
    /// How many failures there were when a task last became healthy.
    forgiven: usize,
    shown: usize,
}

impl Cause {
    /// The same trouble is seen as a target's state, an event and a stopped task: the most of these is
    /// how often it happened.
    fn occurrences(&self) -> usize {
        self.stopped.union(&self.noted).count().max(self.events.len())
    }

    /// A load balancer may call a task unhealthy that is only slow; it has failed when ECS stops it.
    fn waits_for_stop(&self) -> bool {
        matches!(self.entry.code, "elb-health-check-failed" | "container-health-check-failed")
    }

    fn failures(&self) -> usize {
        if self.waits_for_stop() { self.stopped.len() } else { self.occurrences() }
    }

    fn is_hopeless(&self) -> bool {
        let Some(limit) = self.entry.class.limit() else { return false };
        match self.entry.class {
            Class::Mixed => self.failures().saturating_sub(self.forgiven) >= limit,
            Class::AtOnce if !self.is_surely_ours() => self.failures() > limit,
            _ => self.failures() >= limit,
        }
    }

    /// An event that names no task may be about the deployment before ours, unless it is about the
    /// deployment as such.
    fn is_surely_ours(&self) -> bool {
        !self.stopped.is_empty() || !self.noted.is_empty() || self.entry.scope == Scope::Event
    }
}

enum By<'a> {
    Stopped(&'a str),
    Noted(&'a str),
    Event(&'a str),
}

impl Ledger {
    /// Everything that was diagnosed, in order of appearance.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many tasks of the followed deployment have failed.
    pub fn failed_tasks(&self) -> usize {
        self.failed_tasks.len()
    }

    /// Takes one observation in; the findings that are new or occurred again.
    pub fn observe(&mut self, sight: &Sight<'_>) -> Vec<Finding> {
        let mut changed = BTreeSet::new();
        if sight.newly_healthy {
            for cause in &mut self.causes {
                cause.forgiven = cause.failures();
            }
        }
        for task in sight.observation.tasks.iter() {
            if sight.other_tasks.contains(task.id()) {
                continue;
            }
            if task.is_leaving() {
                changed.extend(self.look_at_stopped(task, sight));
            } else {
                changed.extend(self.look_at_targets(task, sight));
            }
        }
        for event in sight.new_events {
            changed.extend(self.look_at_event(event, sight));
        }
        changed.into_iter().map(|index| self.findings[index].clone()).collect()
    }

    /// What makes waiting pointless, if anything does; only what is certain where the rest is
    /// `left_to_ecs`.
    pub fn hopeless(&self, left_to_ecs: bool) -> Option<&Finding> {
        // A container that restarts in place is no failed task, so that the circuit breaker does not see it.
        let ours_alone =
            |cause: &Cause| cause.entry.class == Class::AtOnce || cause.entry.code == RESTARTING.code;
        let counts = |cause: &Cause| !left_to_ecs || ours_alone(cause);
        let index = self.causes.iter().position(|cause| counts(cause) && cause.is_hopeless())?;
        self.findings.get(index)
    }

    /// What most tasks failed of; a named cause before an unknown one, and what failed tasks before what
    /// only events say.
    pub fn main_finding(&self) -> Option<&Finding> {
        let weight = |cause: &Cause| {
            let named = cause.entry.code != UNKNOWN.code && cause.entry.code != STALLED.code;
            (!cause.stopped.is_empty(), named, cause.entry.scope != Scope::Event, cause.occurrences())
        };
        // `max_by_key` takes the last of equals, and the first one is likelier to be the cause.
        let (index, _) = self.causes.iter().enumerate().rev().max_by_key(|(_, cause)| weight(cause))?;
        self.findings.get(index)
    }

    /// A container restarted in place.
    pub fn restarted(&mut self, restart: &Restart) -> Finding {
        let code = restart.exit_code;
        let exit = code.map_or("no exit code is shown".to_owned(), |code| {
            format!("exit code {code} ({})", exit_code(code).meaning)
        });
        let line = format!(
            "task {}: container {} restarted in place ({} seen): {exit}",
            restart.task,
            restart.container,
            wording::count(restart.number as usize, "restart")
        );
        let key = format!("{}/{}#{}", restart.task, restart.container, restart.number);
        let (index, _) = self.count(Diagnosis::of(&RESTARTING, vec![line]), &By::Noted(&key));
        self.findings[index].clone()
    }

    /// Nothing changes any more.
    pub fn stalled(&mut self, missing: &str) -> Finding {
        self.add_once(&STALLED, missing)
    }

    /// ECS has failed the deployment; a finding where nothing has said why.
    pub fn deployment_failed(&mut self, reason: &str) -> Option<Finding> {
        self.causes.is_empty().then(|| self.add_once(&FAILED, reason))
    }

    fn add_once(&mut self, entry: &Entry, evidence: &str) -> Finding {
        let diagnosis = Diagnosis::of(entry, vec![evidence.to_owned()]);
        let (index, _) = self.count(diagnosis, &By::Event(entry.code));
        self.findings[index].clone()
    }

    fn look_at_stopped(&mut self, task: &Task, sight: &Sight<'_>) -> Option<usize> {
        if self.settled.contains(&task.arn) {
            return None;
        }
        let diagnosis = diagnose_task(task);
        if diagnosis.is_some() || task.is_stopped() {
            self.settled.insert(task.arn.clone());
        }
        // Tasks of a deployment that was given up are stopped by whoever gave it up.
        let mut diagnosis = diagnosis.filter(|d| sight.leads || d.entry.code != "task-stopped-by-hand")?;
        if diagnosis.entry.code == ELB.code {
            diagnosis.finding.evidence.extend(balancer::of_stopped(task, sight.followed, sight.observation));
        }
        self.failed_tasks.insert(task.arn.clone());
        self.count_changed(diagnosis, &By::Stopped(task.id()))
    }

    fn look_at_targets(&mut self, task: &Task, sight: &Sight<'_>) -> Vec<usize> {
        let mut changed = Vec::new();
        for group in &sight.followed.target_groups {
            let Some(found) = targets::target(sight.observation, group, task) else { continue };
            if let Some(mut diagnosis) = target(&group.arn, found) {
                if diagnosis.entry.code == ELB.code {
                    diagnosis.finding.evidence.extend(balancer::check_line(group));
                }
                changed.extend(self.count_changed(diagnosis, &By::Noted(task.id())));
            }
        }
        changed
    }

    fn look_at_event(&mut self, said: &ServiceEvent, sight: &Sight<'_>) -> Option<usize> {
        if names_another_deployment(&said.message, &sight.followed.deployment_id) {
            return None;
        }
        let mut diagnosis = event(&said.message)?;
        if diagnosis.entry.code == BLOCKED.code {
            check_blocked(&mut diagnosis, sight);
        }
        // On instances of one's own, room may come when old tasks leave: their ports, their memory.
        let on_instances = || sight.observation.tasks.iter().any(|task| task.container_instance.is_some());
        if diagnosis.entry.code == NO_INSTANCES.code && on_instances() {
            diagnosis.entry.class = Class::Transient;
            diagnosis.finding.class = Class::Transient.reported();
            diagnosis.finding.evidence.push("the service has tasks on container instances".to_owned());
        }
        match task_in(&said.message) {
            Some(id) if sight.other_tasks.contains(id) => None,
            Some(id) => self.count_changed(diagnosis, &By::Noted(id)),
            // It may come late and be about the deployment that this one undoes.
            None if sight.followed.undoes.is_some() => None,
            // It may be about a task that was started before the cause was mended.
            None if sight.followed.resumed && diagnosis.entry.scope != Scope::Event => None,
            None => self.count_changed(diagnosis, &By::Event(&said.id)),
        }
    }

    fn count_changed(&mut self, diagnosis: Diagnosis, by: &By<'_>) -> Option<usize> {
        let (index, changed) = self.count(diagnosis, by);
        changed.then_some(index)
    }

    /// Counts one occurrence; the index of its cause and finding, and whether that made a difference.
    fn count(&mut self, diagnosis: Diagnosis, by: &By<'_>) -> (usize, bool) {
        let index = match self.causes.iter().position(|cause| cause.entry.code == diagnosis.entry.code) {
            Some(index) => index,
            None => {
                self.causes.push(Cause {
                    entry: diagnosis.entry,
                    stopped: BTreeSet::new(),
                    noted: BTreeSet::new(),
                    events: BTreeSet::new(),
                    forgiven: 0,
                    shown: 0,
                });
                self.findings.push(Finding {
                    occurrences: 0,
                    evidence: Vec::new(),
                    ..diagnosis.finding.clone()
                });
                self.causes.len() - 1
            }
        };
        let (cause, finding) = (&mut self.causes[index], &mut self.findings[index]);
        let is_new = match by {
            By::Stopped(id) => cause.stopped.insert((*id).to_owned()),
            By::Noted(id) => cause.noted.insert((*id).to_owned()),
            By::Event(id) => cause.events.insert((*id).to_owned()),
        };
        if !is_new {
            return (index, false);
        }
        // Exit codes share a row: only what is always the same container with the same code is
        // deterministic (facts 5.9). What was said first stays the title.
        if cause.entry.class != diagnosis.entry.class || finding.title != diagnosis.finding.title {
            cause.entry.class = Class::Mixed;
            finding.class = Class::Mixed.reported();
        }
        let occurrences = u32::try_from(cause.occurrences()).unwrap_or(u32::MAX);
        let mut changed = occurrences != finding.occurrences;
        finding.occurrences = occurrences;
        if cause.shown < SHOWN {
            cause.shown += 1;
            let before = finding.evidence.len();
            for line in diagnosis.finding.evidence {
                if !finding.evidence.contains(&line) {
                    finding.evidence.push(line);
                }
            }
            changed |= finding.evidence.len() > before;
        }
        (index, changed)
    }
}

/// ECS's word on the percentages is certain where the arithmetic agrees (facts 3.5). Where it does not, as when the
/// desired count has changed meanwhile, it counts like any other trouble.
fn check_blocked(diagnosis: &mut Diagnosis, sight: &Sight<'_>) {
    let desired = sight.observation.service.desired_count;
    let (minimum, maximum) = (sight.followed.minimum_healthy_percent, sight.followed.rules.maximum_percent);
    let (lower, upper) = bounds(desired, minimum, maximum);
    let mut line = format!(
        "with {} wanted, minimumHealthyPercent {minimum} keeps {lower} and maximumPercent {maximum} allows {upper}",
        wording::tasks(desired)
    );
    if !is_blocked(desired, minimum, maximum) {
        line.push_str(": that leaves room, so that this alone does not end the rollout");
        diagnosis.entry.class = Class::Mixed;
        diagnosis.finding.class = Class::Mixed.reported();
    }
    diagnosis.finding.evidence.push(line);
}

/// The id in `(task ID)`.
fn task_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("(task ")?;
    rest.split_once(')').map(|(id, _)| id.trim())
}

/// `(deployment ecs-svc/N)` or `(service NAME, taskSet ecs-svc/N)` of somebody else.
fn names_another_deployment(message: &str, ours: &str) -> bool {
    ["(deployment ", ", taskSet ", "deployment ID "].iter().any(|before| {
        message.split_once(before).is_some_and(|(_, rest)| {
            let id = rest.split([')', ' ', ',']).next().unwrap_or_default().trim_end_matches('.');
            id.starts_with("ecs-svc/") && id != ours
        })
    })
}
