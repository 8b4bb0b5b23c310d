//! Requests that go on throughout a rollout, to prove that none is lost (design 3, "Zero downtime is a measurement").
//!
//! `request` sends one, `run` keeps the clock, `log` counts, and `board` knows what the tasks are doing meanwhile.

mod board;
mod log;
mod request;
mod run;

pub use board::Board;
pub use run::Probe;
