//! `.env` files: read as ECS reads them, and stored in S3 under the hash of their content, so that
//! each revision keeps its own and a rollback is exact.

mod canonical;
mod parse;
mod store;

pub use canonical::CanonicalEnvFile;
pub use parse::{EnvFile, Note, Variable, read};
pub use store::{StoreKey, arn_prefix};
