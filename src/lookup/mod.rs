//! Expressions in values: `${NAME}` and its kin from the environment, and lookups (`${tfstate:...}`, `${cfn:...}`,
//! `${ssm:...}`) from where infrastructure is described.
//!
//! `expression` reads and replaces them in a text, `document` does so in a task definition, `place` says where one
//! stands, `address` and `state` find a value in a Terraform state: these are pure. `sources` reads files, S3 and AWS.

mod address;
mod document;
mod expression;
mod place;
mod sources;
mod state;

pub use document::{escape, escape_document, map_texts, substitute_document, wanted_by_document};
pub use expression::{Found, Lookup, NotFound, Reading, Unresolved, Values, substitute, wanted};
pub use place::Places;
pub use sources::{Account, Expressions, LookedUp, NOT_IN_THE_SANDBOX, StateLocation, StateSources};
