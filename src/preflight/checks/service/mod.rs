//! What can be told of the service, its cluster and its target groups.

pub mod capacity_providers;
pub mod cluster;
pub mod conflict;
pub mod drain_time;
pub mod express;
pub mod grace_period;
pub mod load_balancer;
pub mod percent;
pub mod rollback;
pub mod service_connect;
pub mod spot;
pub mod state;
pub mod target_groups;
pub mod vcpu_quota;
