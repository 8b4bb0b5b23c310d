//! The VPC that tasks run in: subnets, route tables, VPC endpoints, security groups.

mod model;
mod operations;
mod render;

pub(crate) use model::{Network, VPC};
pub use model::{
    PermissionOptions, RouteOptions, RouteTableOptions, SecurityGroupOptions, SubnetOptions,
    VpcEndpointOptions,
};
