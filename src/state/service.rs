//! What is known of one service of a run: the fold of its events.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{NativeState, PackedState, PushDone, PushState, Timeline};
use crate::event::{
    Change, CheckReport, CheckResult, ContainerVariables, DeploymentState, EnvFileReport, Event, Finding,
    PlanDetails, PreflightSummary, RollbackBy, ServiceReport, TaskState, Verdict,
};
use crate::plan::short;

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
    /// What the checks before a change found.
    pub checks: Vec<CheckReport>,
    /// The same in numbers; `None` until all were made.
    pub preflight: Option<PreflightSummary>,
    /// Differences, arithmetic, cost and calls.
    pub plan: Option<Box<PlanDetails>>,
    /// Attempts at calls of AWS by the time when the plan was ready.
    pub planned_with: u64,
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
    /// Tasks, phases and marks over time.
    pub timeline: Timeline,
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
    pub(super) fn new(name: &str) -> Self {
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
                checks: Vec::new(),
                preflight: None,
                findings: Vec::new(),
                logs: Vec::new(),
                rolled_back_to: None,
            },
            finished: false,
            changes: None,
            variables: Vec::new(),
            checks: Vec::new(),
            preflight: None,
            plan: None,
            planned_with: 0,
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
            timeline: Timeline::default(),
        }
    }
}

impl ServiceState {
    /// Where a run that cannot go on leaves the service.
    pub(super) fn abandon(&mut self, update_asked: bool) {
        self.report.reason = Some(match &self.report.deployment_id {
            None if update_asked => "the run could not go on; whether the service was updated is not known, and running the same command again finds out".to_owned(),
            Some(id) => format!("the run could not go on; ECS goes on with deployment {id}"),
            None => "the run could not go on; the service was not touched".to_owned(),
        });
    }

    /// Where an interrupt leaves the service.
    pub(super) fn interrupt(&mut self) {
        self.report.verdict = Verdict::Interrupted;
        self.report.reason = Some(match (&self.rollback, &self.report.deployment_id) {
            (Some(RollbackState { complete: Some(true), task_definition, .. }), _) => {
                format!("the service was put back to {}", short(task_definition))
            }
            (Some(rollback), _) => {
                format!("ECS goes on putting the service back to {}", short(&rollback.task_definition))
            }
            (None, Some(id)) => {
                format!("ECS goes on with deployment {id}; run the same command again to follow it")
            }
            (None, None) => "the service was not updated; run the same command again".to_owned(),
        });
        self.finished = true;
    }

    pub(super) fn apply(&mut self, time: Timestamp, event: &Event) {
        self.timeline.apply(time, event);
        let report = &mut self.report;
        match event {
            Event::Planned {
                ecs_service,
                current_task_definition,
                changes,
                variables,
                details,
                api_calls,
            } => {
                self.plan.clone_from(details);
                self.planned_with = *api_calls;
                self.variables.clone_from(variables);
                self.ecs_service = Some(ecs_service.clone());
                report.previous_task_definition.clone_from(current_task_definition);
                self.changes = Some(changes.clone());
            }
            Event::Checked(check) => {
                if check.result == CheckResult::Problems {
                    report.checks.push(check.clone());
                }
                self.checks.push(check.clone());
            }
            Event::PreflightFinished(summary) => {
                report.preflight = Some(summary.clone());
                self.preflight = Some(summary.clone());
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
