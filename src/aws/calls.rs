//! Counting the calls that go to AWS.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Counts every attempt at every operation, retries included. Clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct CallCounter {
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl CallCounter {
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
        if let Some(metadata) = config.load::<Metadata>() {
            self.count(format!("{}:{}", iam_prefix(metadata.service()), metadata.name()));
        }
        Ok(())
    }
}

/// The prefix that IAM uses for a service's actions, from the SDK's service id.
fn iam_prefix(service_id: &str) -> String {
    match service_id {
        "Elastic Load Balancing v2" => "elasticloadbalancing".to_owned(),
        other => other.to_lowercase().replace(' ', "-"),
    }
}
