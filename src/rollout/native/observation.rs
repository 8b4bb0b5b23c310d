//! A service deployment as plain data (facts 4.1). Names that AWS may add to later are texts, shown as
//! they are (facts 4.2).

use std::time::Duration;

use jiff::Timestamp;

/// One look at a service deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct NativeObservation {
    /// Since `UpdateService`.
    pub at: Duration,
    /// By this machine's clock.
    pub now: Timestamp,
    /// From DescribeServiceDeployments; `None` where it is not listed (yet).
    pub deployment: Option<ServiceDeployment>,
}

/// A service deployment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceDeployment {
    /// `arn:aws:ecs:R:A:service-deployment/CLUSTER/SERVICE/ID`
    pub arn: String,
    /// `PENDING` ... `ROLLBACK_FAILED`.
    pub status: String,
    /// AWS's text.
    pub status_reason: Option<String>,
    /// `RECONCILE_SERVICE` ... `CLEAN_UP`; absent for ROLLING.
    pub stage: Option<String>,
    /// When AWS changed it last.
    pub updated_at: Option<Timestamp>,
    /// The revision that is to run.
    pub target: Share,
    /// The revisions that ran before.
    pub sources: Vec<Share>,
    /// What is waited for, or was.
    pub hooks: Vec<Hook>,
    /// `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`.
    pub strategy: String,
    /// `bakeTimeInMinutes`.
    pub bake_time: Duration,
    /// Where it goes back, once it does.
    pub rollback: Option<RollbackTo>,
}

/// A service revision's part in a service deployment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Share {
    /// The service revision's ARN.
    pub revision: String,
    /// How much of the production traffic it is to get, in percent.
    pub production_percent: Option<f64>,
    /// How much of the test traffic it is to get, in percent.
    pub test_percent: Option<f64>,
}

/// A lifecycle hook that has run, runs, or waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hook {
    /// What ContinueServiceDeployment is given.
    pub id: String,
    /// `PAUSE` or `AWS_LAMBDA`.
    pub kind: String,
    /// `AWAITING_ACTION`, `IN_PROGRESS`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`.
    pub status: String,
    /// When nobody waits any longer.
    pub expires_at: Option<Timestamp>,
    /// What happens then: `ROLLBACK` or `CONTINUE`.
    pub timeout_action: Option<String>,
}

impl Hook {
    /// It waits for somebody to say how to go on.
    pub fn is_paused(&self) -> bool {
        self.status == "AWAITING_ACTION"
    }
}

/// The rollback of a service deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackTo {
    /// AWS's text.
    pub reason: Option<String>,
    /// The service revision that is gone back to.
    pub revision: Option<String>,
}

impl ServiceDeployment {
    /// Nothing follows after its status (facts 4.2).
    pub fn is_over(&self) -> bool {
        ["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"].contains(&self.status.as_str())
    }

    /// The hook that waits for somebody, if one does.
    pub fn paused_hook(&self) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.is_paused())
    }
}
