//! The network side of looking: asks AWS what a [`Question`] wants, remembers what was answered, and makes an
//! [`Observation`] of both.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::{OptionFuture, join, join_all, join4};
use tokio::time::Instant;

use super::cadence::{Groups, Question, Seen};
use super::observation::{Fresh, Observation, Service, TargetGroupHealth, Task};
use super::policy::TargetGroupRef;
use super::rules::TargetKind;
use crate::aws::Watching;
use crate::error::{Error, ErrorKind, Result};

/// A task that DescribeTasks leaves out more often in a row is gone (facts 3.1: answers are eventually consistent).
const FORGIVEN: u32 = 3;

/// The part of a look that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Service,
    Tasks,
    Targets,
    /// Which EC2 instances tasks run on.
    Instances,
    /// Of a strategy that ECS carries out in stages.
    ServiceDeployment,
}

/// What one look brought.
#[derive(Debug)]
pub(super) struct Look {
    /// Absent until the service has been described once.
    pub observation: Option<Observation>,
    pub seen: Seen,
    pub errors: Vec<(Part, Error)>,
    /// AWS has just refused to tell the instances.
    pub instances_denied: bool,
}

/// Looks at one service.
#[derive(Debug)]
pub(super) struct Eyes<'a> {
    watching: &'a Watching,
    name: &'a str,
    groups: Vec<TargetGroupRef>,
    service: Option<(Service, Instant)>,
    tasks: BTreeMap<String, Known>,
    tasks_at: Option<Instant>,
    targets: Vec<Option<(TargetGroupHealth, Instant)>>,
    /// Container instance -> id of its EC2 instance. One that AWS does not know yet is asked for again.
    instances: BTreeMap<String, String>,
    instances_denied: bool,
}

/// A task by its ARN: not described yet, or as it was last described.
#[derive(Debug, Default)]
struct Known {
    task: Option<Task>,
    left_out: u32,
}

impl Known {
    fn has_ended(&self) -> bool {
        self.task.as_ref().is_some_and(Task::is_stopped)
    }
}

/// The look that is being made.
struct Going {
    asked: Instant,
    want: Question,
    tried: Tried,
    fresh: Fresh,
    listing: bool,
    changed: bool,
    /// Ids of tasks in service events that are new.
    named: Vec<String>,
    /// ECS counts more failed tasks than before.
    failures: bool,
    calls: f64,
    errors: Vec<(Part, Error)>,
    instances_denied: bool,
}

#[derive(Default)]
struct Tried {
    instances: bool,
    service: bool,
    tasks: bool,
    tasks_failed: bool,
    targets: Vec<usize>,
    running: bool,
    stopped: bool,
}

/// What goes out at the same time.
struct Round {
    service: bool,
    describe: Vec<String>,
    /// Whether that is every task that has not ended.
    all: bool,
    groups: Vec<usize>,
    running: bool,
    stopped: bool,
    /// Container instances that are not known yet.
    instances: Vec<String>,
}

impl<'a> Eyes<'a> {
    pub fn new(watching: &'a Watching, name: &'a str, groups: &[TargetGroupRef]) -> Self {
        Self {
            watching,
            name,
            groups: groups.to_vec(),
            service: None,
            tasks: BTreeMap::new(),
            tasks_at: None,
            targets: groups.iter().map(|_| None).collect(),
            instances: BTreeMap::new(),
            instances_denied: false,
        }
    }

    /// Makes one look. `started` is what its time counts from.
    pub async fn look(&mut self, question: Question, started: Instant) -> Look {
        let mut going = Going {
            asked: Instant::now(),
            want: question,
            tried: Tried::default(),
            fresh: Fresh { service: false, tasks: false, targets: self.groups.is_empty() },
            listing: false,
            changed: false,
            named: Vec::new(),
            failures: false,
            calls: 0.0,
            errors: Vec::new(),
            instances_denied: false,
        };
        while let Some(round) = self.round(&mut going) {
            self.ask(round, &mut going).await;
            if going.changed {
                going.want = Question { listing: going.want.listing, ..Question::ALL };
            }
        }
        self.finish(going, started)
    }

    /// What is still to be asked, if anything is. Nothing is asked twice in one look.
    fn round(&self, going: &mut Going) -> Option<Round> {
        let (want, tried) = (going.want, &mut going.tried);
        let service = want.service && !tried.service;
        let all = want.tasks && !tried.tasks;
        let describe = match () {
            () if tried.tasks_failed => Vec::new(),
            () if all => self.living(),
            // What was listed in this very look is described in it, too.
            () => self.unknown(),
        };
        let groups: Vec<usize> = match want.targets {
            Groups::None => Vec::new(),
            Groups::One(index) => vec![index],
            Groups::All => (0..self.groups.len()).collect(),
        };
        let groups: Vec<usize> = groups
            .into_iter()
            .filter(|index| *index < self.groups.len() && !tried.targets.contains(index))
            .collect();
        let lacking = going.fresh.service && self.lacks_tasks();
        let strange = going.named.iter().any(|id| !self.knows(id));
        let running = !tried.running && (want.listing || lacking || strange);
        // Who is not among those that are to run was stopped already.
        let gone = going.failures || (strange && tried.running);
        let stopped = !tried.stopped && (want.listing || gone);
        let instances = if tried.instances { Vec::new() } else { self.unknown_instances() };
        let nothing = !service
            && describe.is_empty()
            && groups.is_empty()
            && !running
            && !stopped
            && instances.is_empty();
        if nothing && !all {
            return None;
        }
        tried.service |= service;
        tried.tasks |= all;
        tried.targets.extend(&groups);
        tried.running |= running;
        tried.stopped |= stopped;
        tried.instances |= !instances.is_empty();
        Some(Round { service, describe, all, groups, running, stopped, instances })
    }

    async fn ask(&mut self, round: Round, going: &mut Going) {
        let (watching, name) = (self.watching, self.name);
        let describe = round.describe.clone();
        let service = OptionFuture::from(round.service.then(|| watching.service(name)));
        let described = OptionFuture::from((!describe.is_empty()).then(|| watching.tasks(describe)));
        let groups =
            join_all(round.groups.iter().map(|index| watching.target_health(&self.groups[*index].arn)));
        let lists = join(
            OptionFuture::from(round.running.then(|| watching.list(name, false))),
            OptionFuture::from(round.stopped.then(|| watching.list(name, true))),
        );
        let instances =
            OptionFuture::from((!round.instances.is_empty()).then(|| watching.instances(&round.instances)));
        let ((service, instances), described, groups, (running, stopped)) =
            join4(join(service, instances), described, groups, lists).await;

        let shared = |asked: bool| if asked { watching.share() } else { 0.0 };
        going.calls += shared(round.service)
            + shared(!round.describe.is_empty())
            + (round.groups.len()
                + usize::from(round.running)
                + usize::from(round.stopped)
                + usize::from(instances.is_some())) as f64;
        if let Some(answer) = instances {
            self.take_instances(answer, going);
        }
        if let Some(answer) = service {
            self.take_service(answer, going);
        }
        for (index, answer) in round.groups.into_iter().zip(groups) {
            self.take_targets(index, answer, going);
        }
        let described = described.unwrap_or_else(|| Ok(Vec::new()));
        self.take_tasks(&round.describe, described, round.all, going);
        let listed = (running.is_some(), stopped.is_some());
        let mut complete = listed == (true, true);
        for answer in [running, stopped].into_iter().flatten() {
            match answer {
                Ok(arns) => {
                    for arn in arns {
                        self.tasks.entry(arn).or_default();
                    }
                }
                Err(error) => {
                    complete = false;
                    going.fresh.tasks = false;
                    going.tried.tasks_failed = true;
                    going.errors.push((Part::Tasks, error));
                }
            }
        }
        going.listing |= complete;
    }

    fn take_service(&mut self, answer: Result<Option<crate::aws::LiveService>>, going: &mut Going) {
        // A service or cluster that is gone is an observation and no error: the state machine tells a deleted
        // service from an answer that is only stale.
        let found = match answer {
            Ok(live) => live.map_or_else(Service::missing, |live| live.service),
            Err(error) if error.kind() == ErrorKind::Preflight => Service::missing(),
            Err(error) => return going.errors.push((Part::Service, error)),
        };
        if let Some((before, _)) = &self.service {
            going.changed |= *before != found;
            let failed = |service: &Service| service.deployments.iter().map(|d| d.failed).sum::<u32>();
            going.failures |= failed(&found) > failed(before);
            let new = found.events.iter().take_while(|event| before.events.first() != Some(event));
            going.named.extend(new.flat_map(|event| task_ids(&event.message)).map(str::to_owned));
        }
        self.service = Some((found, going.asked));
        going.fresh.service = true;
    }

    fn take_instances(&mut self, answer: Result<Vec<(String, Option<String>)>>, going: &mut Going) {
        match answer {
            Ok(found) => self.instances.extend(found.into_iter().filter_map(|(arn, id)| Some((arn, id?)))),
            // Nothing else needs that permission: the rest of the rollout can be seen without it.
            Err(error) if error.to_string().contains("AccessDenied") => {
                (self.instances_denied, going.instances_denied) = (true, true);
            }
            Err(error) => going.errors.push((Part::Instances, error)),
        }
    }

    /// The container instances of living tasks whose EC2 instance is not known; none where no target group knows its
    /// tasks by them.
    fn unknown_instances(&self) -> Vec<String> {
        if self.instances_denied || self.groups.iter().all(|group| group.kind == TargetKind::Ip) {
            return Vec::new();
        }
        let living = self.tasks.values().filter(|known| !known.has_ended());
        let needed = living.filter_map(|known| known.task.as_ref()?.container_instance.clone());
        let needed: BTreeSet<String> = needed.filter(|arn| !self.instances.contains_key(arn)).collect();
        needed.into_iter().collect()
    }

    fn take_targets(&mut self, index: usize, answer: Result<TargetGroupHealth>, going: &mut Going) {
        match answer {
            Ok(found) => {
                let before = self.targets[index].as_ref().map(|(before, _)| before);
                going.changed |= before.is_some_and(|before| *before != found);
                self.targets[index] = Some((found, going.asked));
            }
            Err(error) => going.errors.push((Part::Targets, error)),
        }
        let asked = going.asked;
        going.fresh.targets =
            self.targets.iter().all(|known| known.as_ref().is_some_and(|(_, at)| *at == asked));
    }

    fn take_tasks(&mut self, asked: &[String], answer: Result<Vec<Task>>, all: bool, going: &mut Going) {
        let found = match answer {
            Ok(found) => found,
            Err(error) => {
                going.fresh.tasks = false;
                going.tried.tasks_failed = true;
                return going.errors.push((Part::Tasks, error));
            }
        };
        for arn in asked {
            if let Some(known) = self.tasks.get_mut(arn) {
                known.left_out += 1;
            }
        }
        for task in found {
            let known = self.tasks.entry(task.arn.clone()).or_default();
            going.changed |= known.task.as_ref().is_some_and(|before| *before != task);
            *known = Known { task: Some(task), left_out: 0 };
        }
        self.tasks.retain(|_, known| known.left_out <= FORGIVEN);
        if all {
            going.fresh.tasks = true;
            self.tasks_at = Some(going.asked);
        }
    }

    /// Whether the service counts more tasks than are known.
    fn lacks_tasks(&self) -> bool {
        let Some((service, _)) = &self.service else { return true };
        let counted: u64 =
            service.deployments.iter().map(|d| u64::from(d.running) + u64::from(d.pending)).sum();
        let staying = |known: &&Known| known.task.as_ref().is_none_or(|task| !task.is_leaving());
        counted > self.tasks.values().filter(staying).count() as u64
    }

    fn knows(&self, id: &str) -> bool {
        self.tasks.keys().any(|arn| arn.rsplit('/').next() == Some(id))
    }

    fn living(&self) -> Vec<String> {
        self.tasks.iter().filter(|(_, known)| !known.has_ended()).map(|(arn, _)| arn.clone()).collect()
    }

    fn unknown(&self) -> Vec<String> {
        let new = |known: &Known| known.task.is_none() && known.left_out == 0;
        self.tasks.iter().filter(|(_, known)| new(known)).map(|(arn, _)| arn.clone()).collect()
    }

    fn finish(&self, going: Going, started: Instant) -> Look {
        let tasks: Vec<Task> = self
            .tasks
            .values()
            .filter(|known| known.left_out == 0)
            .filter_map(|known| known.task.clone())
            .map(|task| {
                let instance = task.container_instance.as_ref().and_then(|arn| self.instances.get(arn));
                Task { ec2_instance: instance.cloned(), ..task }
            })
            .collect();
        let seen = Seen {
            service: going.fresh.service,
            tasks: going.fresh.tasks,
            targets: going.fresh.targets,
            listing: going.listing,
            changed: going.changed,
            starting: tasks.iter().any(|task| !task.is_leaving() && task.last_status != "RUNNING"),
            calls: going.calls,
            throttled: going.errors.iter().any(|(_, error)| is_throttling(error)),
        };
        let oldest = self
            .targets
            .iter()
            .flatten()
            .map(|(_, at)| *at)
            .chain(self.tasks_at)
            .chain(self.service.as_ref().map(|(_, at)| *at))
            .min();
        let spread = oldest.map_or(Duration::ZERO, |oldest| oldest.elapsed());
        let observation = self.service.as_ref().map(|(service, _)| Observation {
            at: started.elapsed(),
            spread,
            service: service.clone(),
            tasks,
            target_groups: self.targets.iter().flatten().map(|(group, _)| group.clone()).collect(),
            fresh: going.fresh,
            instances_denied: self.instances_denied,
        });
        Look { observation, seen, errors: going.errors, instances_denied: going.instances_denied }
    }
}

/// The ids in `(task ID) (task ID)` (facts 3.7).
fn task_ids(message: &str) -> impl Iterator<Item = &str> {
    message.split("(task ").skip(1).filter_map(|rest| rest.split_once(')')).map(|(id, _)| id.trim())
}

/// Whether AWS refused because of too many calls (facts 7.1).
pub(super) fn is_throttling(error: &Error) -> bool {
    let text = error.to_string();
    text.contains("Throttling") || text.contains("Rate exceeded")
}
