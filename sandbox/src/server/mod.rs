//! The world on loopback: one port for every AWS API, the image registry and S3.

mod answer;
mod api_json;
mod api_query;
mod api_rest;
mod chunked;
mod clock;
mod journal;
mod listen;
mod objects;
mod registry;
mod route;
mod shared;
mod xml;

pub(crate) use answer::Reply;
pub use journal::ApiCall;
pub(crate) use listen::Listening;
pub use objects::{BucketOptions, BucketPolicy};
pub(crate) use objects::{ObjectFiles, Objects};
pub(crate) use registry::BlobStore;
pub(crate) use shared::{Shared, SharedParts, Timed};

/// Answers one request of the AWS JSON or AWS Query APIs without a server.
pub(crate) fn reply(timed: &mut Timed, target: Option<&str>, body: &[u8]) -> (journal::Named, Reply) {
    match target {
        Some(target) => api_json::reply(timed, target, true, Ok(body)),
        None => api_query::reply(timed, true, body),
    }
}
