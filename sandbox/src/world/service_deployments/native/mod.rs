//! The strategies BLUE_GREEN, LINEAR and CANARY (facts 4.2 and 4.3).
//!
//! Where the facts are silent, the simplest is done:
//! - plain stages last five virtual seconds, and all stages are gone through in every strategy;
//! - the first deployment of a service has nothing to shift traffic from, and goes as a rolling one;
//! - the new revision is started in full at SCALE_UP, whatever `maximumPercent` says;
//! - a Lambda hook succeeds after two virtual seconds, and alarms never fire;
//! - the circuit breaker, where one is enabled, acts as in a rolling update: the model says that it is for
//!   those only, yet shows its state on service deployments of every strategy;
//! - on a rollback all traffic goes back at once, the stage stays what it was, and `deployments[]`
//!   shows what it shows after a rollback of a rolling update;
//! - a rolling update with lifecycle hooks goes through RECONCILE_SERVICE, PRE_SCALE_UP, SCALE_UP, POST_SCALE_UP and
//!   CLEAN_UP, and old tasks make room from SCALE_UP on;
//! - a service without a load balancer goes through the same stages with the same weights.

mod advance;
mod hooks;
mod model;
mod operations;

pub(crate) use model::{Native, other_target_groups};
