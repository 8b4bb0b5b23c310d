//! The passing of time: tasks and targets change, and the service scheduler rolls deployments out
//! (facts 3.4 to 3.8).

mod advance;
mod circuit_breaker;
mod interference;
mod measurement;
mod replace;
mod scheduler;
mod start;

pub(crate) use measurement::Measurement;
pub use measurement::Truth;
