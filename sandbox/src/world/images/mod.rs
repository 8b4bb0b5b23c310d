//! The image registry's knowledge: repositories, manifests, and which blobs each repository has.
//! The bytes of blobs are kept by whoever serves them.

mod logins;
mod operations;
mod reference;
mod registry;
mod settings;

pub use logins::Login;
pub(crate) use logins::Logins;
pub(crate) use reference::ImageReference;
pub(crate) use registry::Registry;
pub use registry::{RegistryError, StoredManifest};
pub use settings::{Encryption, RepositoryOptions, TagMutability};
