//! What preflight and lookups read of an account beside the services of a deployment: network, roles, secrets,
//! file systems, quotas, stacks. All of it is read-only.

mod caller;
mod documents;
mod known;
mod network;
mod network_reads;
mod policy;
mod quotas;
mod resource_policies;
mod role_reads;
mod roles;
mod secrets;
mod simulation;
mod storage;
mod storage_reads;
mod targets;
mod values;

pub use caller::Caller;
pub use known::Known;
pub use network::{
    AclEntry, Endpoint, EndpointKind, Network, NetworkAcl, Peer, Route, RouteTable, Rule, SecurityGroup,
    Subnet,
};
pub use roles::{Decision, Demand, Principal, Role};
pub use storage::{AccessPoint, FileSystem, MountTarget};
pub use values::{ClusterFacts, LogGroup, ParameterFacts, ParameterKind, SecretFacts, TargetGroupFacts};
