//! Following a service deployment: the strategies BLUE_GREEN, LINEAR and CANARY, which ECS carries out by
//! itself (facts 4).

mod observation;

pub use observation::{Hook, NativeObservation, RollbackTo, ServiceDeployment, Share};
