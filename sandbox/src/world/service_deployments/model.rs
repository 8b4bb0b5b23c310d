//! What is kept of a deployment.

use serde_json::{Map, Value};

use super::Native;
use crate::world::{VirtualTime, random::Random};

/// `status` (facts 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    InProgress,
    Successful,
    StopRequested,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Status::Pending => "PENDING",
            Status::InProgress => "IN_PROGRESS",
            Status::Successful => "SUCCESSFUL",
            Status::StopRequested => "STOP_REQUESTED",
            Status::Stopped => "STOPPED",
            Status::RollbackRequested => "ROLLBACK_REQUESTED",
            Status::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Status::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Status::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    /// Nothing follows after it.
    pub(crate) fn is_terminal(self) -> bool {
        matches!(
            self,
            Status::Successful | Status::Stopped | Status::RollbackSuccessful | Status::RollbackFailed
        )
    }
}

/// A frozen copy of a service's configuration.
pub(crate) struct ServiceRevision {
    pub(crate) arn: String,
    pub(crate) service_arn: String,
    pub(crate) cluster: String,
    pub(crate) task_definition: String,
    pub(crate) settings: Map<String, Value>,
    pub(crate) created_at: VirtualTime,
}

/// What went back, and why.
#[derive(Clone)]
pub(crate) struct Rollback {
    pub(crate) reason: String,
    pub(crate) started_at: VirtualTime,
    /// The service revision that is gone back to.
    pub(crate) revision: String,
}

pub(crate) struct ServiceDeployment {
    pub(crate) arn: String,
    pub(crate) service_arn: String,
    pub(crate) cluster: String,
    /// The entry of `deployments[]` that carries it out; that of the rollback once there is one.
    pub(crate) deployment: String,
    /// ARNs of the service revisions that ran before.
    pub(crate) sources: Vec<String>,
    /// ARN of the service revision that is to run.
    pub(crate) target: String,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: VirtualTime,
    pub(crate) started_at: Option<VirtualTime>,
    pub(crate) finished_at: Option<VirtualTime>,
    pub(crate) stopped_at: Option<VirtualTime>,
    pub(crate) updated_at: VirtualTime,
    pub(crate) rollback: Option<Rollback>,
    /// `deploymentConfiguration` as it was when it began.
    pub(crate) configuration: Value,
    /// Its stages; `None` for a rolling update.
    pub(crate) native: Option<Native>,
}

impl ServiceDeployment {
    /// Changes the status; a final one ends it.
    pub(crate) fn become_status(&mut self, status: Status, now: VirtualTime) {
        if self.status == status {
            return;
        }
        self.status = status;
        self.updated_at = now;
        if matches!(status, Status::InProgress) {
            self.started_at.get_or_insert(now);
        }
        if status.is_terminal() {
            self.finished_at = Some(now);
        }
        if status == Status::Stopped {
            self.stopped_at = Some(now);
        }
    }
}

/// All service deployments and revisions, oldest first. AWS keeps 90 days of them (facts 4.1), longer
/// than a sandbox runs.
pub(crate) struct History {
    pub(crate) deployments: Vec<ServiceDeployment>,
    pub(crate) revisions: Vec<ServiceRevision>,
    /// Its own sequence, so that what is noted here does not change a deployment's jitter.
    random: Random,
}

impl History {
    pub(crate) fn new(seed: u64) -> Self {
        History {
            deployments: Vec::new(),
            revisions: Vec::new(),
            random: Random::new(seed ^ 0x6465_706c_6f79_6d74),
        }
    }

    /// The last part of an ARN.
    pub(crate) fn new_id(&mut self) -> String {
        self.random.hex(21)
    }

    pub(crate) fn by_arn(&self, arn: &str) -> Option<&ServiceDeployment> {
        self.deployments.iter().find(|deployment| deployment.arn == arn)
    }

    pub(crate) fn by_arn_mut(&mut self, arn: &str) -> Option<&mut ServiceDeployment> {
        self.deployments.iter_mut().find(|deployment| deployment.arn == arn)
    }

    pub(crate) fn revision(&self, arn: &str) -> Option<&ServiceRevision> {
        self.revisions.iter().find(|revision| revision.arn == arn)
    }

    /// The deployment of a service that is not at its end and that nothing replaces.
    pub(crate) fn current(&self, service_arn: &str) -> Option<&ServiceDeployment> {
        let newest = self.deployments.iter().rev().find(|deployment| deployment.service_arn == service_arn);
        newest.filter(|deployment| !deployment.status.is_terminal())
    }

    pub(crate) fn current_mut(&mut self, service_arn: &str) -> Option<&mut ServiceDeployment> {
        let newest =
            self.deployments.iter_mut().rev().find(|deployment| deployment.service_arn == service_arn);
        newest.filter(|deployment| !deployment.status.is_terminal())
    }

    /// History goes with the service (facts 4.1).
    pub(crate) fn forget(&mut self, service_arn: &str) {
        self.deployments.retain(|deployment| deployment.service_arn != service_arn);
        self.revisions.retain(|revision| revision.service_arn != service_arn);
    }
}
