//! Following a service deployment: the strategies BLUE_GREEN, LINEAR and CANARY, which ECS carries out by
//! itself (facts 4).
//!
//! | file | what it does |
//! | --- | --- |
//! | `observation` | a service deployment as plain data |
//! | `machine` | stages, traffic, bake time, pauses, and how it ended; pure |
//! | `targets` | the two target groups of a load balancer, seen as one |
//! | `find` | which service deployment belongs to an update |
//! | `watch` | the poller: feeds this machine and the ordinary one |

mod find;
mod machine;
mod observation;
mod targets;
#[cfg(test)]
mod tests;
mod watch;

pub use machine::{Native, NativeFollowed, NativeOutcome};
pub use observation::{Hook, NativeObservation, RollbackTo, ServiceDeployment, Share};
pub(super) use targets::{merge, with_alternates};
pub use watch::{NativeEnd, find_native, follow_rollback, watch_native};
