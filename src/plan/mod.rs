//! What a run would change: a pure function of the configuration and a read-only snapshot of AWS.

mod decide;
#[cfg(test)]
mod env_tests;
mod snapshot;
#[cfg(test)]
pub(crate) mod tests;

pub use decide::{Action, Plan, Revision, check_platform, plan};
pub(crate) use decide::{check_service, check_storage, short};
pub use snapshot::{EnvFileFacts, ImageFacts, Snapshot};
