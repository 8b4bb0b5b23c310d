//! Whole deployments on paused time: the code of `landfall deploy`, real SDK clients, and in place of the network a
//! wire to the embedded stand-in of AWS that can fail in every way in which a network fails. Thousands of rollouts
//! take minutes, and the same seed gives the same rollout.

// The benchmark and the tests each use a part.
#![allow(dead_code)]

pub mod run;
pub mod truth;
pub mod wire;

#[allow(unused_imports, reason = "the benchmark and the tests each use a part")]
pub use run::{Plan, Service, deploy, deploy_all, look_on};
pub use truth::steady;
#[allow(unused_imports, reason = "the benchmark and the tests each use a part")]
pub use wire::{Call, Fault, Faults, Wire};
