//! The calls of watchers: what several services ask at the same time goes out together, and ticks of a common
//! clock see to it that they do (facts 7.1, 7.3).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::batch::Batch;
use super::clients::Aws;
use super::ecs::{SERVICES_PER_CALL, TASKS_PER_CALL};
use super::live::LiveService;
use crate::error::Result;
use crate::rollout::{TargetGroupHealth, Task};

/// Calls a second for one service, on average: ten pipelines at the same time stay below the 20 a second that an
/// account has for services and for tasks (facts 7.1).
const RATE: f64 = 1.4;
/// Calls a second for all services of a run: DescribeTargetHealth cannot be shared, and the lower one of the two rates
/// that AWS's documents give for it is 10 a second, and 40 at once (facts 7.2).
const RATE_OF_ALL: f64 = 10.0;
/// How many calls one service may make until the average counts, and all services of a run together.
const BURST: f64 = 24.0;
const BURST_OF_ALL: f64 = 20.0;

/// How many calls one watcher may make.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Calls a second, on average.
    pub rate: f64,
    /// How many calls may be made before the average counts.
    pub burst: f64,
}

/// What watchers of one cluster ask AWS. One for a run, however many services it has.
#[derive(Debug)]
pub struct Watching {
    aws: Aws,
    cluster: String,
    watchers: AtomicUsize,
    began: Instant,
    services: Batch<LiveService>,
    tasks: Batch<Task>,
}

impl Watching {
    /// For the services of one cluster.
    pub fn new(aws: &Aws, cluster: &str) -> Self {
        Self {
            aws: aws.impatient(),
            cluster: cluster.to_owned(),
            watchers: AtomicUsize::new(0),
            began: Instant::now(),
            services: Batch::of(SERVICES_PER_CALL),
            tasks: Batch::of(TASKS_PER_CALL),
        }
    }

    /// For the calls that only one service makes.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// The cluster.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// One more service is watched, until what this gives is dropped.
    pub fn join(&self) -> Watcher<'_> {
        self.watchers.fetch_add(1, Ordering::Relaxed);
        Watcher(self)
    }

    fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Relaxed).max(1)
    }

    /// How many calls one watcher may make.
    pub fn allowance(&self) -> Allowance {
        let watchers = self.watchers() as f64;
        Allowance { rate: RATE.min(RATE_OF_ALL / watchers), burst: BURST.min(BURST_OF_ALL / watchers) }
    }

    /// What a call that can be shared counts for one watcher.
    pub fn share(&self) -> f64 {
        1.0 / self.watchers().min(SERVICES_PER_CALL) as f64
    }

    /// When to look again: about `pace` from now. Several watchers meet at common instants, so that their calls can
    /// be shared; a lone one is jittered, so that pipelines of one push do not ask in step.
    pub fn next_tick(&self, pace: Duration) -> Instant {
        let now = Instant::now();
        if self.watchers() == 1 {
            return now + pace.mul_f64(0.9 + 0.2 * fastrand::f64());
        }
        let grid = Duration::from_millis(500);
        let steps = ((now - self.began) + pace).as_secs_f64() / grid.as_secs_f64();
        self.began + grid.mul_f64(steps.round())
    }

    /// A service, or `None` where the cluster has none of that name (facts 5.7).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws); [`ErrorKind::Preflight`](crate::error::ErrorKind::Preflight)
    /// where the cluster does not exist.
    pub async fn service(&self, name: &str) -> Result<Option<LiveService>> {
        if self.watchers() == 1 {
            return self.aws.describe_service(&self.cluster, name).await;
        }
        let fetch = |names| self.aws.describe_services(&self.cluster, names);
        let found = self.services.get(vec![name.to_owned()], fetch, |live| &live.name).await?;
        Ok(found.into_iter().next())
    }

    /// Tasks by ARN; those that AWS does not know any more are left out.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws).
    pub async fn tasks(&self, arns: Vec<String>) -> Result<Vec<Task>> {
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        if self.watchers() == 1 {
            let pages = arns.chunks(TASKS_PER_CALL).map(|page| self.aws.describe_tasks(&self.cluster, page));
            return Ok(try_join_all(pages).await?.into_iter().flatten().collect());
        }
        let fetch = |arns: Vec<String>| async move { self.aws.describe_tasks(&self.cluster, &arns).await };
        self.tasks.get(arns, fetch, |task| &task.arn).await
    }

    /// The ARNs of a service's tasks: those that are to run, or those that were stopped within the last hour (facts 3.1).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws).
    pub async fn list(&self, service: &str, stopped: bool) -> Result<Vec<String>> {
        self.aws.list_tasks(&self.cluster, service, stopped).await
    }

    /// The ids of the EC2 instances behind container instances, by the latter's ARNs.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws); the permission may be missing where everything else is allowed.
    pub async fn instances(&self, arns: &[String]) -> Result<Vec<(String, Option<String>)>> {
        let pages = arns
            .chunks(TASKS_PER_CALL)
            .map(|page| self.aws.describe_container_instances(&self.cluster, page));
        Ok(try_join_all(pages).await?.into_iter().flatten().collect())
    }

    /// The health of every target of a target group.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws).
    pub async fn target_health(&self, target_group: &str) -> Result<TargetGroupHealth> {
        self.aws.target_health(target_group).await
    }
}

/// A service that is being watched.
#[derive(Debug)]
pub struct Watcher<'a>(&'a Watching);

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}
