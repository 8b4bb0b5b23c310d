//! Every request that the sandbox answered.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use tokio::time::Instant;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCall {
    /// Real time since the sandbox started.
    pub at: Duration,
    /// The prefix of IAM's actions, e.g. `ecs`, or `registry`.
    pub service: String,
    /// The operation, e.g. `UpdateService`, `PutObject` or, for the registry, `PUT blob`.
    pub operation: String,
    /// Whether the operation changes something.
    pub write: bool,
    /// What it was answered with.
    pub http_status: u16,
    /// The access key that signed it; requests of the registry are not signed.
    pub access_key: Option<String>,
}

/// What a request is, before it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) write: bool,
}

impl Named {
    pub(crate) fn new(service: &str, operation: &str, write: bool) -> Named {
        Named { service: service.to_owned(), operation: operation.to_owned(), write }
    }
}

pub(crate) struct Journal {
    origin: Instant,
    calls: Mutex<Vec<ApiCall>>,
    grown: Notify,
}

impl Journal {
    pub(crate) fn new() -> Journal {
        Journal { origin: Instant::now(), calls: Mutex::default(), grown: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ApiCall>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, named: Named, http_status: u16, access_key: Option<String>) {
        let at = self.origin.elapsed();
        let Named { service, operation, write } = named;
        self.lock().push(ApiCall { at, service, operation, write, http_status, access_key });
        self.grown.notify_waiters();
    }

    pub(crate) fn calls(&self) -> Vec<ApiCall> {
        self.lock().clone()
    }

    /// Until an operation of this name was answered, now or before.
    pub(crate) async fn called(&self, operation: &str) {
        loop {
            let grown = self.grown.notified();
            if self.lock().iter().any(|call| call.operation == operation) {
                return;
            }
            grown.await;
        }
    }
}
