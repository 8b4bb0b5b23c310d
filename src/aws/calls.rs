//! Counting the calls that go to AWS.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use crate::emit::Emitter;
use crate::event::Event;

/// Counts every attempt at every operation, retries included, and tells each where that is wanted. Clones share the
/// counts.
#[derive(Debug, Clone, Default)]
pub struct CallCounter {
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
    told: Option<Emitter>,
}

/// When an attempt began.
#[derive(Debug)]
struct Began(Instant);

impl Storable for Began {
    type Storer = StoreReplace<Self>;
}

impl CallCounter {
    /// A counter that tells each attempt by an event (`-v`). No parameter, header or body is among what it tells.
    pub fn telling(told: Option<Emitter>) -> Self {
        Self { told, ..Self::default() }
    }

    /// `ecs:DescribeServices` -> number of attempts so far.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        // A poisoned lock only means that another thread panicked between two increments.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, name: String) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }
}

#[dyn_dispatch_hint]
impl Intercept for CallCounter {
    fn name(&self) -> &'static str {
        "CallCounter"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(name) = operation(config) {
            self.count(name);
        }
        if self.told.is_some() {
            config.interceptor_state().store_put(Began(Instant::now()));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (Some(events), Some(operation), Some(Began(began))) =
            (&self.told, operation(config), config.load::<Began>())
        else {
            return Ok(());
        };
        let answer = context.response();
        let id = ["x-amzn-requestid", "x-amz-request-id"]
            .iter()
            .find_map(|name| answer?.headers().get(*name))
            .filter(|_| events.tells_request_ids())
            .map(str::to_owned);
        events.emit(Event::ApiCall {
            operation,
            status: answer.map(|answer| answer.status().as_u16()),
            request_id: id,
            duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        Ok(())
    }
}

/// `ecs:DescribeServices`
fn operation(config: &ConfigBag) -> Option<String> {
    let metadata = config.load::<Metadata>()?;
    Some(format!("{}:{}", iam_prefix(metadata.service()), metadata.name()))
}

/// The prefix that IAM uses for a service's actions, from the SDK's service id.
fn iam_prefix(service_id: &str) -> String {
    match service_id {
        "Elastic Load Balancing v2" => "elasticloadbalancing".to_owned(),
        "CloudWatch Logs" => "logs".to_owned(),
        other => other.to_lowercase().replace(' ', "-"),
    }
}
