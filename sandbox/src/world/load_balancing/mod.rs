//! Elastic Load Balancing: target groups and the health of their targets.

mod model;
mod operations;
mod targets;

pub use model::TargetGroupOptions;
pub(crate) use model::{Target, TargetGroup, TargetState};
pub(crate) use operations::FAILING_CODE;
