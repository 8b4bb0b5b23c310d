//! The sandbox's AWS account as a pure value: requests and the time go in, answers come out.

mod account;
mod api_error;
mod call;
mod disturb;
mod file_systems;
mod furnish;
mod identity;
mod images;
mod json;
mod load_balancing;
mod logs;
mod network;
mod object_store;
mod policies;
mod random;
mod rolling_update;
mod service_deployments;
mod services;
mod sessions;
mod state;
mod task_definitions;
mod tasks;
mod throttling;
mod time;
mod values;

pub use api_error::ApiError;
pub use call::{Service, is_write};
pub use disturb::Mishap;
pub(crate) use disturb::Ordained;
pub use file_systems::MountTargetOptions;
pub use identity::Simulated;
pub use images::{Encryption, Login, RegistryError, RepositoryOptions, StoredManifest, TagMutability};
pub use load_balancing::TargetGroupOptions;
pub(crate) use network::VPC;
pub use network::{
    AclEntryOptions, NetworkAclOptions, PermissionOptions, RouteOptions, RouteTableOptions,
    SecurityGroupOptions, SubnetOptions, VpcEndpointOptions,
};
pub use object_store::{EveryObject, ObjectStore};
pub use rolling_update::Truth;
pub use state::{NeverSteady, World, WorldOptions};
pub use tasks::RunningTask;
pub use time::VirtualTime;
