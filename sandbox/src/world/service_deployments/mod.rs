//! Service deployments and service revisions: the newer view of what `deployments[]` shows, and one
//! that is kept after the entries there are gone (facts 4).

mod follow;
mod model;
mod native;
mod operations;
mod render;

pub(crate) use model::{History, ServiceDeployment, ServiceRevision, Status};
pub(crate) use native::{Native, other_target_groups};
