//! A task definition is a JSON document that is edited in place, so that no field is ever lost.

mod compare;
mod document;
mod edit;
mod load;
mod tags;

pub use compare::{attribute_differences, differences, masked};
pub use document::TaskDefinition;
pub use edit::EnvFileSlot;
pub use load::{Loaded, from_file, read_document};
pub use tags::{COMMIT_TAG, RUN_TAG};
