//! Which deployment leads, told apart from an answer that is only stale (facts 3.4, 3.6, 3.11).

use std::collections::BTreeSet;
use std::time::Duration;

use super::observation::{Deployment, Service};
use super::policy::Followed;

/// DescribeServices is eventually consistent: what is missing has to be missing this often ...
const ABSENT_OBSERVATIONS: u32 = 3;
/// ... and this long, before it is gone. A wrong conclusion would roll a good deployment back.
const ABSENT_FOR: Duration = Duration::from_secs(10);

/// Counts how long something has been missing.
#[derive(Debug, Default)]
pub(super) struct Absence {
    count: u32,
    since: Option<Duration>,
}

impl Absence {
    /// It is missing from the observation at `at`; whether that can no longer be a stale answer.
    pub fn missing(&mut self, at: Duration) -> bool {
        self.count += 1;
        let since = *self.since.get_or_insert(at);
        self.count >= ABSENT_OBSERVATIONS && at.saturating_sub(since) >= ABSENT_FOR
    }

    /// It is there.
    pub fn present(&mut self) {
        *self = Self::default();
    }
}

/// Who leads in one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leader<'a> {
    /// The followed deployment.
    Ours(&'a Deployment),
    /// ECS has put the service back; this deployment is the one that it goes back to.
    Rollback(&'a Deployment),
    /// Someone else's deployment.
    Other(&'a Deployment),
    /// Ours is not listed, which may be a stale answer.
    Unclear,
    /// Ours is no longer listed, and nothing says why.
    Lost,
}

/// What is known about the order of the service's deployments.
#[derive(Debug)]
pub(super) struct History {
    ours: String,
    older: BTreeSet<String>,
    newer: BTreeSet<String>,
    seen: bool,
    absence: Absence,
}

impl History {
    pub fn new(followed: &Followed) -> Self {
        Self {
            ours: followed.deployment_id.clone(),
            older: followed
                .earlier_deployments
                .iter()
                .filter(|id| **id != followed.deployment_id)
                .cloned()
                .collect(),
            newer: BTreeSet::new(),
            seen: false,
            absence: Absence::default(),
        }
    }

    /// Whether a deployment was made after the followed one.
    pub fn is_newer(&self, id: &str) -> bool {
        self.newer.contains(id)
    }

    /// Takes one observation in.
    pub fn look<'a>(&mut self, followed: &Followed, service: &'a Service, at: Duration) -> Leader<'a> {
        let ours = service.deployment(&self.ours);
        let primary = service.primary();
        self.learn(ours, service);
        let leader = match (ours, primary) {
            (Some(ours), Some(primary)) if ours.id == primary.id => Leader::Ours(ours),
            // Ours is listed, so that this is no answer from before it.
            (Some(ours), Some(primary)) => self.successor(followed, Some(ours), primary),
            (None, Some(primary)) if self.seen && self.newer.contains(&primary.id) => {
                self.successor(followed, None, primary)
            }
            _ => Leader::Unclear,
        };
        if leader != Leader::Unclear {
            self.absence.present();
            return leader;
        }
        if !self.absence.missing(at) {
            return Leader::Unclear;
        }
        match primary {
            // What was never seen was never rolled back either.
            Some(primary) if self.seen || !self.older.contains(&primary.id) => {
                self.successor(followed, None, primary)
            }
            _ => Leader::Lost,
        }
    }

    /// A deployment that is listed for the first time beside ours, while ours is PRIMARY, is an older one;
    /// later it is a newer one.
    fn learn(&mut self, ours: Option<&Deployment>, service: &Service) {
        for deployment in service.deployments.iter().filter(|deployment| deployment.id != self.ours) {
            if self.older.contains(&deployment.id) {
                continue;
            }
            let leads = ours.is_some_and(|ours| ours.status == "PRIMARY");
            if leads && !self.newer.contains(&deployment.id) {
                self.older.insert(deployment.id.clone());
            } else if ours.is_some() || self.seen {
                self.newer.insert(deployment.id.clone());
            }
        }
        self.seen |= ours.is_some();
    }

    /// A rollback by ECS, or somebody's deployment (facts 3.11).
    fn successor<'a>(
        &self,
        followed: &Followed,
        ours: Option<&Deployment>,
        primary: &'a Deployment,
    ) -> Leader<'a> {
        let ours_failed = ours.is_some_and(|ours| ours.is_in("FAILED"));
        let runs_earlier = followed.earlier_task_definition.as_ref() == Some(&primary.task_definition);
        let is_rollback = says_rollback(primary)
            // An older deployment leads again: not AWS's way, but ministack's.
            || self.older.contains(&primary.id)
            || (primary.task_definition != followed.task_definition
                && (runs_earlier
                    || (ours_failed && !is_newer_revision(&primary.task_definition, &followed.task_definition))));
        if is_rollback { Leader::Rollback(primary) } else { Leader::Other(primary) }
    }
}

/// `ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/<n>.` (facts 3.6).
pub(super) fn says_rollback(deployment: &Deployment) -> bool {
    let reason = deployment.rollout_state_reason.as_deref().unwrap_or_default().to_lowercase();
    reason.contains("rolling back") || reason.contains("rollback")
}

/// A later revision of the same family.
fn is_newer_revision(arn: &str, than: &str) -> bool {
    let split = |arn: &'_ str| {
        let (family, revision) = arn.rsplit_once(':')?;
        Some((family.to_owned(), revision.parse::<u64>().ok()?))
    };
    match (split(arn), split(than)) {
        (Some((family, revision)), Some((other, base))) => family == other && revision > base,
        _ => false,
    }
}
