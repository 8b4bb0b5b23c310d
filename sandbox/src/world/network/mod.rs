//! The VPC that tasks run in: subnets, route tables, VPC endpoints, security groups, network ACLs.

mod model;
mod operations;
mod render;

pub use model::{
    AclEntryOptions, NetworkAclOptions, PermissionOptions, RouteOptions, RouteTableOptions,
    SecurityGroupOptions, SubnetOptions, VpcEndpointOptions,
};
pub(crate) use model::{Network, VPC};
