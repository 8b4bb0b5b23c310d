//! The image registry's protocol, as ECR speaks it (facts 6, and the registry facts, section 3).

mod answers;
mod blobs;
mod manifests;
mod route;
mod store;

pub(crate) use route::respond;
pub(crate) use store::BlobStore;
