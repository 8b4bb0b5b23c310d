//! Where images come from, and pushing them.
//!
//! A [`Source`] is opened into an [`OpenImage`]: manifests in memory, blobs as byte ranges of files.
//! [`Registry`] resolves a [`Reference`] to its digest, and pushes an [`OpenImage`]. What ECR and other
//! registries do differently from the specification is in `facts/registry-push.md` and in
//! `facts/aws-ecs.md`, section 6.
//!
//! | file | what it does |
//! | --- | --- |
//! | `reference`, `source`, `digest`, `compression` | the texts that name things, parsed and checked |
//! | `open` | [`OpenImage`], and the one function that opens any source |
//! | `document` | manifests and indexes as registries and layouts write them |
//! | `layout` | reads an OCI layout, in a directory or an archive, and an image of a repository |
//! | `docker_archive`, `tarball` | reads what `docker save` writes, without unpacking it |
//! | `engine`, `export` | a Docker engine's image, packed while it is exported |
//! | `engine_store` | the layers of an engine on this machine, read where it keeps them |
//! | `unpacked`, `pack`, `slice` | layers that are not compressed yet, and compressing them |
//! | `cache` | what layers became the last time |
//! | `docker_config` | Docker's `config.json`: logins, and the programs that keep them |
//! | `docker_host` | which engine is meant: `DOCKER_HOST`, contexts, default sockets |
//! | `registry` | the registry protocol: authentication, retries, upload, push |
//! | `progress` | telling how far a push is |

#[cfg(test)]
mod archive_fault_tests;
mod cache;
mod compression;
mod digest;
mod docker_archive;
mod docker_config;
mod docker_host;
mod document;
mod engine;
mod engine_store;
mod export;
mod layout;
mod open;
mod pack;
mod progress;
mod reference;
mod registry;
mod slice;
mod source;
mod tarball;
#[cfg(test)]
mod testing;
mod unpacked;

pub use cache::Cache;
pub use compression::Compression;
pub use docker_config::Logins;
pub use open::{Blob, Manifest, OpenImage, OpenOptions, Registries, Variant, open};
pub use progress::Progress;
pub use reference::{EcrHost, Reference};
pub use registry::{
    Credentials, CredentialsProvider, Destination, Pushed, Registry, missing_repository, push, settle, survey,
};
pub use source::{DockerOptions, Source};
