//! Task definitions: documents that are kept as they come.

mod defaults;
mod operations;
mod rules;
mod store;

pub(crate) use rules::parse_object_arn;
pub(crate) use store::TaskDefinitions;
