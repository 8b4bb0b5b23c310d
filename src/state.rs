//! [`RunState`]: the fold of all events of a run. The last JSON line, the human summary and the exit
//! code are pure views of it, so a recorded run can be replayed into any of them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::error::exit_code;
use crate::event::{
    Change, ContainerVariables, DeploymentState, EnvFileReport, ErrorReport, Event, Finding, Record,
    RollbackBy, RunReport, RunStarted, ServiceReport, Step, TaskState, Verdict,
};

mod native;
mod push;

pub use native::NativeState;
pub use push::{BlobState, PackedState, PackingState, PushDone, PushState};

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
    /// Where things stood when it arrived, and how to go on.
    pub interrupt_message: Option<String>,
    /// The steps that have begun, in that order.
    pub steps: Vec<StepState>,
}

/// A step of the run, for the whole run or for one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepState {
    /// The key of the service; `None` for the whole run.
    pub service: Option<String>,
    /// Which step.
    pub step: Step,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took; `None` while it is under way, or when it did not end well.
    pub duration_ms: Option<u64>,
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
    /// What the containers will have as environment.
    pub variables: Vec<ContainerVariables>,
    /// Deployments by id, as last seen.
    pub deployments: BTreeMap<String, DeploymentState>,
    /// Tasks by id, in order of appearance.
    pub tasks: Vec<TaskState>,
    /// How many tasks the service wants.
    pub desired: u32,
    /// When `UpdateService` was accepted.
    pub updated_at: Option<Timestamp>,
    /// The ECS service's name; `None` until planned.
    pub ecs_service: Option<String>,
    /// How many tasks must stay healthy throughout.
    pub floor: u32,
    /// Image pushes in order of appearance.
    pub pushes: Vec<PushState>,
    /// How the service is being, or was, put back.
    pub rollback: Option<RollbackState>,
    /// Where a service deployment with stages stands.
    pub native: Option<NativeState>,
    /// When `report.verdict` was reached.
    pub finished_at: Option<Timestamp>,
}

/// How a service is put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackState {
    /// Who does it.
    pub by: RollbackBy,
    /// To which revision.
    pub task_definition: String,
    /// `None` while it is under way, then whether the service is steady again.
    pub complete: Option<bool>,
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
                pushes: Vec::new(),
                env_files: Vec::new(),
                healthy_at_ms: None,
                steady_at_ms: None,
                zero_downtime: None,
                findings: Vec::new(),
                logs: Vec::new(),
                rolled_back_to: None,
            },
            finished: false,
            changes: None,
            variables: Vec::new(),
            deployments: BTreeMap::new(),
            tasks: Vec::new(),
            desired: 0,
            updated_at: None,
            ecs_service: None,
            floor: 0,
            pushes: Vec::new(),
            rollback: None,
            native: None,
            finished_at: None,
        }
    }
}

impl RunState {
    /// Folds one event in.
    pub fn apply(&mut self, record: &Record) {
        if matches!(record.event, Event::RunFinished(_)) {
            // It is made from this state, so it must not change it: a replay makes the same one.
            return;
        }
        self.now = Some(record.time);
        self.started_at.get_or_insert(record.time);
        // Only a deployment touches a service.
        let deploys_nothing = !self.is_deployment();
        match &record.event {
            Event::RunStarted(run) => {
                self.services = run.services.iter().map(|name| ServiceState::new(name)).collect();
                self.run = Some(run.clone());
            }
            Event::Warning { message, .. } => self.warnings.push(message.clone()),
            Event::ApiCalls { counts } => self.api_calls = counts.clone(),
            Event::RunFailed { error } => {
                self.error = Some(error.clone());
                // A call that was made and never answered may have been accepted; a refusal is an answer.
                let answered =
                    !["dispatch failure", "timeout"].iter().any(|text| error.message.contains(text));
                let asked = |name: &str| {
                    !answered
                        && self.steps.iter().any(|step| {
                            step.step == Step::UpdateService
                                && step.duration_ms.is_none()
                                && step.service.as_deref() == Some(name)
                        })
                };
                for service in self.services.iter_mut().filter(|service| !service.finished) {
                    let asked = asked(&service.report.name);
                    service.abandon(asked);
                    if deploys_nothing {
                        service.report.reason = Some("the run could not go on".to_owned());
                    }
                }
            }
            Event::Interrupted { message } => {
                self.interrupted = true;
                self.interrupt_message = Some(message.clone());
                for service in self.services.iter_mut().filter(|service| !service.finished) {
                    service.interrupt();
                    if deploys_nothing {
                        service.report.reason = Some(message.clone());
                    }
                }
            }
            Event::StepStarted { step } => self.steps.push(StepState {
                service: record.service.clone(),
                step: *step,
                started_at: record.time,
                duration_ms: None,
            }),
            Event::StepFinished { step, duration_ms } => {
                let known = self.steps.iter_mut().rev().find(|known| {
                    known.step == *step && known.service == record.service && known.duration_ms.is_none()
                });
                if let Some(known) = known {
                    known.duration_ms = Some(*duration_ms);
                }
            }
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

    /// Whether services are deployed; other commands push images, or look at env files.
    pub fn is_deployment(&self) -> bool {
        self.run.as_ref().is_none_or(|run| matches!(run.command.as_str(), "deploy" | "rollback"))
    }

    /// The worst verdict of the services; [`Verdict::Failed`] where the run could not go on.
    pub fn verdict(&self) -> Verdict {
        let worst = self.services.iter().map(|service| service.report.verdict).max_by_key(|v| severity(*v));
        match worst {
            _ if self.error.is_some() => Verdict::Failed,
            Some(verdict) => verdict,
            None if self.interrupted => Verdict::Interrupted,
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
    /// Where a run that cannot go on leaves the service.
    fn abandon(&mut self, update_asked: bool) {
        self.report.reason = Some(match &self.report.deployment_id {
            None if update_asked => "the run could not go on; whether the service was updated is not known, and running the same command again finds out".to_owned(),
            Some(id) => format!("the run could not go on; ECS goes on with deployment {id}"),
            None => "the run could not go on; the service was not touched".to_owned(),
        });
    }

    /// Where an interrupt leaves the service.
    fn interrupt(&mut self) {
        self.report.verdict = Verdict::Interrupted;
        self.report.reason = Some(match (&self.rollback, &self.report.deployment_id) {
            (Some(RollbackState { complete: Some(true), task_definition, .. }), _) => {
                format!("the service was put back to {task_definition}")
            }
            (Some(rollback), _) => {
                format!("ECS goes on putting the service back to {}", rollback.task_definition)
            }
            (None, Some(id)) => {
                format!("ECS goes on with deployment {id}; run the same command again to follow it")
            }
            (None, None) => "the service was not updated; run the same command again".to_owned(),
        });
        self.finished = true;
    }

    fn apply(&mut self, time: Timestamp, event: &Event) {
        let report = &mut self.report;
        match event {
            Event::Planned { ecs_service, current_task_definition, changes, variables } => {
                self.variables.clone_from(variables);
                self.ecs_service = Some(ecs_service.clone());
                report.previous_task_definition.clone_from(current_task_definition);
                self.changes = Some(changes.clone());
            }
            Event::ImagePushStarted { container, source, target, blobs } => {
                let mut push = PushState::new(container, time);
                // Layers are packed before the first push of an image begins; a second destination takes them too.
                if let Some(before) = self.pushes.iter_mut().rfind(|push| push.container == *container) {
                    push.packing = std::mem::take(&mut before.packing);
                }
                push.source.clone_from(source);
                push.target.clone_from(target);
                for blob in blobs {
                    push.blob_mut(&blob.digest, blob.size);
                }
                self.pushes.retain(|push| push.container != *container || push.done.is_some());
                self.pushes.push(push);
            }
            Event::LayerProgress { container, layer, read, size } => {
                self.push_mut(container, time).packing_mut(layer, *size, time).read = *read;
            }
            Event::LayerPacked { container, layer, diff_id, uncompressed, digest, size, duration_ms } => {
                let push = self.push_mut(container, time);
                let packing = push.packing_mut(layer, *uncompressed, time);
                packing.read = *uncompressed;
                packing.packed = Some(PackedState {
                    diff_id: diff_id.clone(),
                    digest: digest.clone(),
                    duration_ms: *duration_ms,
                });
                push.blob_mut(digest, *size);
            }
            Event::BlobProgress { container, digest, sent, size } => {
                let blob = self.push_mut(container, time).blob_mut(digest, *size);
                blob.started_at.get_or_insert(time);
                blob.sent = *sent;
            }
            Event::BlobPushed { container, digest, size, outcome, duration_ms } => {
                let blob = self.push_mut(container, time).blob_mut(digest, *size);
                blob.outcome = Some(*outcome);
                blob.duration_ms = *duration_ms;
            }
            Event::ImagePushed {
                container,
                reference,
                digest,
                media_type,
                manifest_size,
                bytes_sent,
                outcome,
                duration_ms,
            } => {
                report.image_digest.get_or_insert_with(|| digest.clone());
                report.images.insert(container.clone(), digest.clone());
                let push = self.push_mut(container, time);
                push.done = Some(PushDone {
                    reference: reference.clone(),
                    digest: digest.clone(),
                    media_type: media_type.clone(),
                    manifest_size: *manifest_size,
                    bytes_sent: *bytes_sent,
                    outcome: *outcome,
                    duration_ms: *duration_ms,
                });
                self.report.pushes = self.pushes.iter().filter_map(PushState::report).collect();
            }
            Event::EnvFileStored(file) => {
                // One that was there at first can have gone in the meantime and been stored again.
                let same = |known: &EnvFileReport| known.container == file.container && known.arn == file.arn;
                report.env_files.retain(|known| !same(known));
                report.env_files.push(file.clone());
            }
            Event::TaskDefinitionRegistered { arn } => report.task_definition = Some(arn.clone()),
            Event::ServiceUpdated {
                deployment_id,
                task_definition,
                previous_task_definition,
                desired_count,
                floor,
            } => {
                report.deployment_id = Some(deployment_id.clone());
                report.task_definition = Some(task_definition.clone());
                report.previous_task_definition.clone_from(previous_task_definition);
                self.desired = *desired_count;
                self.floor = *floor;
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
            Event::ContainerLogs(logs) => report.logs.push(logs.clone()),
            Event::Healthy { at_ms } => report.healthy_at_ms = Some(*at_ms),
            Event::Steady { at_ms } => report.steady_at_ms = Some(*at_ms),
            Event::RollbackStarted { by, task_definition, .. } => {
                let task_definition = task_definition.clone();
                self.rollback = Some(RollbackState { by: *by, task_definition, complete: None });
            }
            Event::RollbackFinished { by, task_definition, complete } => {
                if *complete {
                    report.rolled_back_to = Some(task_definition.clone());
                }
                let task_definition = task_definition.clone();
                self.rollback = Some(RollbackState { by: *by, task_definition, complete: Some(*complete) });
            }
            Event::RolloutFinished { verdict, reason, zero_downtime } => {
                report.verdict = *verdict;
                if *verdict == Verdict::Unchanged {
                    report.task_definition.clone_from(&report.previous_task_definition);
                }
                report.reason = Some(reason.clone());
                report.zero_downtime.clone_from(zero_downtime);
                self.finished = true;
                self.finished_at = Some(time);
            }
            event => {
                NativeState::apply(&mut self.native, event, time);
            }
        }
    }

    fn push_mut(&mut self, container: &str, time: Timestamp) -> &mut PushState {
        let index = match self.pushes.iter().rposition(|push| push.container == container) {
            Some(index) => index,
            None => {
                self.pushes.push(PushState::new(container, time));
                self.pushes.len() - 1
            }
        };
        &mut self.pushes[index]
    }
}

fn fold_finding(findings: &mut Vec<Finding>, finding: &Finding) {
    match findings.iter_mut().find(|known| known.code == finding.code) {
        Some(known) => *known = finding.clone(),
        None => findings.push(finding.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::event::{ErrorReport, RunStarted, Step};

    fn reason_after(error: &str) -> String {
        let mut state = RunState::default();
        let events = [
            Event::RunStarted(RunStarted {
                version: "0".into(),
                command: "deploy".into(),
                region: "r".into(),
                cluster: "c".into(),
                services: vec!["web".into()],
                dry_run: false,
                detailed_exitcode: false,
                sandbox: None,
            }),
            Event::StepStarted { step: Step::UpdateService },
            Event::RunFailed {
                error: ErrorReport { kind: ErrorKind::Aws, message: error.into(), hint: None },
            },
        ];
        for event in events {
            state.apply(&Record { time: Timestamp::UNIX_EPOCH, service: Some("web".into()), event });
        }
        state.services[0].report.reason.clone().unwrap()
    }

    #[test]
    fn an_update_without_an_answer_may_have_been_made() {
        let lost = reason_after("ecs:UpdateService on c/web: operation timeout");
        assert!(lost.contains("whether the service was updated is not known"), "{lost}");
        let refused = reason_after("ecs:UpdateService on c/web: AccessDeniedException: no");
        assert!(refused.contains("the service was not touched"), "{refused}");
    }
}
