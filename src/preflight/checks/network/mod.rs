//! What can be told of the network that the tasks run in.

pub mod acls;
pub mod addresses;
mod cidr;
pub mod configuration;
mod doors;
pub mod ecr_route;
pub mod efs;
pub mod logs_route;
pub mod parameters_route;
mod path;
pub mod registry_route;
pub mod s3_route;
pub mod secrets_route;
#[cfg(test)]
mod tests;
