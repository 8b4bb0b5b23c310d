//! A task definition is a JSON document that is edited in place, so that no field is ever lost.

mod clean;
mod compare;
mod document;
mod edit;
mod load;
mod render;
mod tags;

pub use clean::{drop_empty, read_only_keys};
pub use compare::{attribute_differences, differences, masked};
pub use document::TaskDefinition;
pub use edit::EnvFileSlot;
pub use load::{Loaded, from_file, load_to_render, read_document, verbatim_from_file};
pub use render::Rendering;
pub use tags::{COMMIT_TAG, RUN_TAG};
