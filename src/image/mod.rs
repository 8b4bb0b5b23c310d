//! Where images come from, and pushing them.
//!
//! A [`Source`] is opened into an [`OpenImage`]: manifests in memory, blobs as byte ranges of files.
//! [`Registry`] resolves a [`Reference`] to its digest, and pushes an [`OpenImage`]. What ECR and other
//! registries do differently from the specification is in `facts/registry-push.md` and in
//! `facts/aws-ecs.md`, section 6.
//!
//! | file | what it does |
//! | --- | --- |
//! | `reference`, `source`, `digest` | the texts that name things, parsed and checked |
//! | `compression` | the choice of gzip or zstd |
//! | `open` | [`OpenImage`], and the one function that opens any source |
//! | `document` | manifests and indexes as registries and layouts write them |
//! | `layout` | reads an OCI layout directory |
//! | `docker`, `archive`, `gzip` | a daemon's export, turned into an OCI image |
//! | `docker_config` | credentials in Docker's `config.json` |
//! | `registry` | the registry protocol: authentication, retries, upload, push |

mod archive;
mod compression;
mod digest;
mod docker;
mod docker_config;
mod document;
mod gzip;
mod layout;
mod open;
mod reference;
mod registry;
mod source;
#[cfg(test)]
mod testing;

pub use compression::Compression;
pub use docker_config::docker_config_credentials;
pub use open::{Blob, Manifest, OpenImage, open};
pub use reference::{EcrHost, Reference};
pub use registry::{Credentials, CredentialsProvider, Progress, Pushed, Registry};
pub use source::{DockerOptions, Source};
