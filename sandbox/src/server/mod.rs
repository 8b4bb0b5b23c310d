//! The world on loopback: one port for every AWS API, the image registry and S3.

mod answer;
mod api_json;
mod api_query;
mod chunked;
mod clock;
mod journal;
mod listen;
mod objects;
mod registry;
mod route;
mod shared;
mod xml;

pub use journal::ApiCall;
pub(crate) use listen::Listening;
pub use objects::{BucketOptions, BucketPolicy};
pub(crate) use objects::{ObjectFiles, Objects};
pub(crate) use registry::BlobStore;
pub(crate) use shared::{Shared, SharedParts};
