//! `.env` files of a deployment: read under their policy, stored in S3 under the hash of their content, so that
//! each revision keeps its own and a rollback is exact; and the variables that a container has in the end.
//!
//! How a file is read, and what can be found in it, is the crate `landfall_envfile`.

mod bucket;
mod effective;
mod local;
mod store;

pub use bucket::{BucketFacts, check_bucket};
pub use effective::{Content, Sources, compare};
pub use local::{LocalEnvFile, finding, read, refuse};
pub use store::{StoreKey, arn_prefix, folder, parse_arn};
