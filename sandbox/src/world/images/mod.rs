//! The image registry's knowledge: repositories, manifests, and which blobs each repository has.
//! The bytes of blobs are kept by whoever serves them.

mod operations;
mod reference;
mod registry;

pub(crate) use reference::ImageReference;
pub(crate) use registry::Registry;
pub use registry::{RegistryError, StoredManifest};
