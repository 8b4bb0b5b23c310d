//! The sandbox without a server: requests are answered in the caller's process and at the caller's time, which may
//! be a paused one. It has the APIs that speak AWS JSON and AWS Query, and neither EFS nor S3 nor a registry.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::Options;
use crate::{
    server::{Timed, reply},
    world::{
        ApiError, EveryObject, Mishap, NeverSteady, Service, TargetGroupOptions, Truth, VirtualTime, World,
        WorldOptions,
    },
};

/// A stand-in of AWS that answers in the caller's process.
pub struct InProcess {
    timed: Mutex<Timed>,
}

/// An answer in the form of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// `content-type`.
    pub media_type: &'static str,
    /// The header `x-amzn-errortype` of an error.
    pub error_type: Option<String>,
    /// The body.
    pub body: String,
}

impl InProcess {
    /// An empty account. Its time follows Tokio's clock.
    pub fn new(options: Options) -> InProcess {
        let world = World::new(WorldOptions {
            region: options.region,
            account: options.account,
            registry_host: "registry.invalid".to_owned(),
            scenario: options.scenario,
            seed: options.seed,
            start: VirtualTime::from_micros(1_800_000_000_000_000),
            objects: Box::new(EveryObject),
            blob_mounting: options.blob_mounting,
            token_life: options.token_life,
            denied_actions: options.denied_actions,
        });
        InProcess { timed: Mutex::new(Timed::new(world, options.speed)) }
    }

    pub(super) fn timed(&self) -> MutexGuard<'_, Timed> {
        self.timed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world as it is now.
    fn now<R>(&self, read: impl FnOnce(&mut World) -> R) -> R {
        let mut timed = self.timed();
        let now = timed.now();
        timed.world.advance(now);
        read(&mut timed.world)
    }

    /// Answers a request of an AWS JSON API (`target` is its header `x-amz-target`) or, without a target, of an
    /// AWS Query API.
    pub fn answer(&self, target: Option<&str>, body: &[u8]) -> HttpAnswer {
        let (_, reply) = reply(&mut self.timed(), target, body);
        HttpAnswer {
            status: reply.status.as_u16(),
            media_type: reply.media_type,
            error_type: reply.error_type,
            body: reply.body,
        }
    }

    /// One call of the ECS API by somebody.
    ///
    /// Errors: what ECS answers.
    pub fn ecs(&self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        let mut timed = self.timed();
        let now = timed.now();
        timed.world.call(Service::Ecs, operation, input, now)
    }

    /// Makes a cluster; an existing one is left alone.
    pub fn create_cluster(&self, name: &str) {
        self.timed().world.create_cluster(name);
    }

    /// An EC2 instance joins a cluster; its id. DAEMON services want one task more from then on.
    pub fn add_instance(&self, cluster: &str) -> String {
        self.now(|world| world.add_instance(cluster))
    }

    /// Makes a target group and returns its ARN.
    pub fn create_target_group(&self, name: &str, options: TargetGroupOptions) -> String {
        self.timed().world.create_target_group(name, options)
    }

    /// Lets time pass until every service is steady, and puts the scenario in force.
    ///
    /// Errors: [`NeverSteady`].
    pub fn settle(&self) -> Result<(), NeverSteady> {
        let mut timed = self.timed();
        let now = timed.world.settle()?;
        timed.clock.jump(now);
        Ok(())
    }

    /// Lets something happen to the next `times` tasks (to every one where `None`) of revisions that were registered
    /// after [`settle`](InProcess::settle).
    pub fn ordain(&self, mishap: Mishap, times: Option<u32>) {
        self.timed().world.ordain(mishap, times);
    }

    /// Takes everything back that was ordained: tasks that live on are well.
    pub fn mend(&self) {
        self.now(World::mend);
    }

    /// Lets the health of a target of one of the service's running tasks change by itself; whether there was one.
    pub fn flap_target(&self, cluster: &str, service: &str, healthy: bool, draw: u64) -> bool {
        self.now(|world| world.flap_target(cluster, service, healthy, draw))
    }

    /// Ends a task of the newest deployment as if its essential container had exited; whether there was one.
    pub fn kill_task(&self, cluster: &str, service: &str, draw: u64) -> bool {
        self.now(|world| world.kill_task(cluster, service, draw))
    }

    /// What the newest deployment of a service really did.
    pub fn truth(&self, cluster: &str, service: &str) -> Option<Truth> {
        self.now(|world| world.truth(cluster, service))
    }

    /// What time it is in the world.
    pub fn time(&self) -> VirtualTime {
        self.timed().now()
    }

    /// How long from now until something happens in the world by itself.
    pub fn next_change(&self) -> Option<Duration> {
        let timed = self.timed();
        Some(timed.world.next_due()?.since(timed.now()))
    }

    /// The service as DescribeServices shows it.
    ///
    /// Errors: what ECS answers.
    pub fn service(&self, cluster: &str, service: &str) -> Result<Value, ApiError> {
        let mut answer =
            self.ecs("DescribeServices", &json!({ "cluster": cluster, "services": [service] }))?;
        Ok(answer["services"][0].take())
    }
}
