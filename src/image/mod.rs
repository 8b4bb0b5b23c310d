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
//! | `open` | [`OpenImage`], and the one function that opens any source |
//! | `document` | manifests and indexes as registries and layouts write them |
//! | `layout` | reads an OCI layout directory |
//! | `docker`, `archive`, `gzip` | a daemon's export, turned into an OCI image |
//! | `docker_config` | Docker's `config.json`: logins, and the programs that keep them |
//! | `docker_host` | which engine is meant: `DOCKER_HOST`, contexts, default sockets |
//! | `registry` | the registry protocol: authentication, retries, upload, push |

mod archive;
mod digest;
mod docker;
mod docker_config;
mod docker_host;
mod document;
mod gzip;
mod layout;
mod open;
mod reference;
mod registry;
mod source;
#[cfg(test)]
mod testing;

pub use docker_config::Logins;
pub use open::{Blob, Manifest, OpenImage, open};
pub use reference::{EcrHost, Reference};
pub use registry::{Credentials, CredentialsProvider, Progress, Pushed, Registry};
pub use source::{DockerOptions, Source};
