//! [`RunState`]: the fold of all events of a run. The last JSON line, the human summary and the exit
//! code are pure views of it, so a recorded run can be replayed into any of them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::error::exit_code;
use crate::event::{
    Change, DeploymentState, ErrorReport, Event, Finding, Record, RunReport, RunStarted, ServiceReport,
    TaskState, Verdict,
};

/// Everything that is known about a run so far.
#[derive(Debug, Clone, Default)]
pub struct RunState {
    /// The first event's fields.
    pub run: Option<RunStarted>,
    /// When the first event happened.
    pub started_at: Option<Timestamp>,
    /// When the newest event happened.
    pub now: Option<Timestamp>,
    /// In the order of the configuration.
    pub services: Vec<ServiceState>,
    /// Warnings in order.
    pub warnings: Vec<String>,
    /// `ecs:DescribeServices` -> count.
    pub api_calls: BTreeMap<String, u64>,
    /// Why the run could not go on.
    pub error: Option<ErrorReport>,
    /// A signal has arrived.
    pub interrupted: bool,
}

/// Everything that is known about one service of a run.
#[derive(Debug, Clone)]
pub struct ServiceState {
    /// What will be reported.
    pub report: ServiceReport,
    /// Whether `report.verdict` has been reached; until then it is a placeholder.
    pub finished: bool,
    /// What the run would change; `None` until planned.
    pub changes: Option<Vec<Change>>,
    /// Deployments by id, as last seen.
    pub deployments: BTreeMap<String, DeploymentState>,
    /// Tasks by id, in order of appearance.
    pub tasks: Vec<TaskState>,
    /// How many tasks the service wants.
    pub desired: u32,
    /// When `UpdateService` was accepted.
    pub updated_at: Option<Timestamp>,
}

impl ServiceState {
    fn new(name: &str) -> Self {
        Self {
            report: ServiceReport {
                name: name.to_owned(),
                verdict: Verdict::Failed,
                reason: None,
                deployment_id: None,
                task_definition: None,
                previous_task_definition: None,
                image_digest: None,
                images: BTreeMap::new(),
                env_files: Vec::new(),
                healthy_at_ms: None,
                steady_at_ms: None,
                zero_downtime: None,
                findings: Vec::new(),
                rolled_back_to: None,
            },
            finished: false,
            changes: None,
            deployments: BTreeMap::new(),
            tasks: Vec::new(),
            desired: 0,
            updated_at: None,
        }
    }
}

impl RunState {
    /// Folds one event in.
    pub fn apply(&mut self, record: &Record) {
        self.now = Some(record.time);
        self.started_at.get_or_insert(record.time);
        match &record.event {
            Event::RunStarted(run) => {
                self.services = run.services.iter().map(|name| ServiceState::new(name)).collect();
                self.run = Some(run.clone());
            }
            Event::Warning { message, .. } => self.warnings.push(message.clone()),
            Event::ApiCalls { counts } => self.api_calls = counts.clone(),
            Event::RunFailed { error } => self.error = Some(error.clone()),
            Event::Interrupted { .. } => self.interrupted = true,
            _ => {
                if let Some(name) = &record.service {
                    let time = record.time;
                    self.service_mut(name).apply(time, &record.event);
                }
            }
        }
    }

    /// The state of one service, if it has been heard of.
    pub fn service(&self, name: &str) -> Option<&ServiceState> {
        self.services.iter().find(|service| service.report.name == name)
    }

    fn service_mut(&mut self, name: &str) -> &mut ServiceState {
        let index = match self.services.iter().position(|service| service.report.name == name) {
            Some(index) => index,
            None => {
                self.services.push(ServiceState::new(name));
                self.services.len() - 1
            }
        };
        &mut self.services[index]
    }

    /// The worst verdict of the services; of an empty run, [`Verdict::Failed`] where there is an
    /// error and [`Verdict::Unchanged`] where there is none.
    pub fn verdict(&self) -> Verdict {
        let worst = self.services.iter().map(|service| service.report.verdict).max_by_key(|v| severity(*v));
        match worst {
            _ if self.error.is_some() && self.services.iter().all(|service| !service.finished) => {
                if self.interrupted { Verdict::Interrupted } else { Verdict::Failed }
            }
            Some(verdict) => verdict,
            None => Verdict::Unchanged,
        }
    }

    /// What the process exits with.
    pub fn exit_code(&self) -> u8 {
        if let Some(error) = &self.error {
            return exit_code::of_error(error.kind);
        }
        let verdict = self.verdict();
        let detailed = self.run.as_ref().is_some_and(|run| run.detailed_exitcode);
        match verdict {
            Verdict::Planned if detailed => exit_code::CHANGES_PLANNED,
            verdict => exit_code::of_verdict(verdict),
        }
    }

    /// The last event's fields.
    pub fn report(&self) -> RunReport {
        let duration_ms = match (self.started_at, self.now) {
            (Some(start), Some(now)) => u64::try_from(now.duration_since(start).as_millis()).unwrap_or(0),
            _ => 0,
        };
        RunReport {
            verdict: self.verdict(),
            exit_code: self.exit_code(),
            duration_ms,
            api_calls: self.api_calls.clone(),
            services: self.services.iter().map(|service| service.report.clone()).collect(),
            error: self.error.clone(),
        }
    }
}

/// The higher, the more a person has to do.
fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Unchanged => 0,
        Verdict::Succeeded => 1,
        Verdict::Planned => 2,
        Verdict::Superseded => 3,
        Verdict::RolledBack => 4,
        Verdict::TimedOut => 5,
        Verdict::Interrupted => 6,
        Verdict::Failed => 7,
    }
}

impl ServiceState {
    fn apply(&mut self, time: Timestamp, event: &Event) {
        let report = &mut self.report;
        match event {
            Event::Planned { current_task_definition, changes, .. } => {
                report.previous_task_definition.clone_from(current_task_definition);
                self.changes = Some(changes.clone());
            }
            Event::ImagePushed { container, digest, .. } => {
                report.image_digest.get_or_insert_with(|| digest.clone());
                report.images.insert(container.clone(), digest.clone());
            }
            Event::EnvFileStored(file) => report.env_files.push(file.clone()),
            Event::TaskDefinitionRegistered { arn } => report.task_definition = Some(arn.clone()),
            Event::ServiceUpdated {
                deployment_id,
                task_definition,
                previous_task_definition,
                desired_count,
                ..
            } => {
                report.deployment_id = Some(deployment_id.clone());
                report.task_definition = Some(task_definition.clone());
                report.previous_task_definition.clone_from(previous_task_definition);
                self.desired = *desired_count;
                self.updated_at = Some(time);
            }
            Event::DeploymentChanged { deployment } => {
                self.deployments.insert(deployment.id.clone(), deployment.clone());
            }
            Event::DeploymentGone { id } => {
                self.deployments.remove(id);
            }
            Event::TaskChanged { task } => match self.tasks.iter_mut().find(|known| known.id == task.id) {
                Some(known) => *known = task.clone(),
                None => self.tasks.push(task.clone()),
            },
            Event::FindingMade { finding } => fold_finding(&mut report.findings, finding),
            Event::Healthy { at_ms } => report.healthy_at_ms = Some(*at_ms),
            Event::Steady { at_ms } => report.steady_at_ms = Some(*at_ms),
            Event::RollbackFinished { task_definition, complete: true, .. } => {
                report.rolled_back_to = Some(task_definition.clone());
            }
            Event::RolloutFinished { verdict, reason, zero_downtime } => {
                report.verdict = *verdict;
                report.reason = Some(reason.clone());
                report.zero_downtime.clone_from(zero_downtime);
                self.finished = true;
            }
            _ => {}
        }
    }
}

fn fold_finding(findings: &mut Vec<Finding>, finding: &Finding) {
    match findings.iter_mut().find(|known| known.code == finding.code) {
        Some(known) => *known = finding.clone(),
        None => findings.push(finding.clone()),
    }
}
