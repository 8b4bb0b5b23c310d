//! What a run would change: a pure function of the configuration and a read-only snapshot of AWS.

mod arithmetic;
mod cost;
mod decide;
mod details;
#[cfg(test)]
mod env_tests;
mod snapshot;
#[cfg(test)]
pub(crate) mod tests;

pub use arithmetic::{Rolling, TargetGroupTimes, forecast};
pub use cost::{Capacity, Prices, estimate};
pub use decide::{Action, Plan, Revision, check_platform, draft, plan};
pub(crate) use decide::{check_service, check_storage, short};
pub use snapshot::{EnvFileFacts, ImageFacts, Snapshot};
