//! Repositories and what they hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::ImageReference;
use crate::world::{VirtualTime, json::text, random::Random};

/// A manifest as it was pushed.
#[derive(Clone, Debug)]
pub struct StoredManifest {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The Content-Type it was pushed with.
    pub media_type: String,
    /// Its bytes, exactly.
    pub body: Vec<u8>,
    pub(crate) pushed_at: VirtualTime,
}

pub(crate) struct Repository {
    pub(crate) name: String,
    pub(crate) created_at: VirtualTime,
    pub(crate) blobs: BTreeSet<String>,
    pub(crate) manifests: BTreeMap<String, StoredManifest>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Why the registry refuses a manifest or does not know something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// There is no such repository (facts 6.2).
    #[error("The repository with name '{repository}' does not exist in the registry")]
    RepositoryMissing {
        /// Its name.
        repository: String,
    },
    /// The manifest names a blob that the repository does not have.
    #[error("blob unknown to registry: {digest}")]
    BlobMissing {
        /// The blob's digest.
        digest: String,
    },
    /// An index names a manifest that the repository does not have.
    #[error("Images with digests '{digest}' required for pushing image into repository do not exist")]
    ManifestMissing {
        /// The manifest's digest.
        digest: String,
    },
    /// The body is no manifest.
    #[error("Invalid JSON syntax")]
    NotAManifest,
    /// The manifest was pushed under another digest than its own.
    #[error("provided digest did not match uploaded content")]
    DigestMismatch,
}

pub(crate) struct Registry {
    pub(crate) host: String,
    pub(crate) password: String,
    pub(crate) repositories: BTreeMap<String, Repository>,
}

impl Registry {
    pub(crate) fn new(host: String, seed: u64) -> Self {
        let password = format!("sandbox-{}", Random::new(seed ^ 0x70617373).hex(32));
        Registry { host, password, repositories: BTreeMap::new() }
    }

    pub(crate) fn create(&mut self, name: &str, now: VirtualTime) {
        self.repositories.entry(name.to_owned()).or_insert_with(|| Repository {
            name: name.to_owned(),
            created_at: now,
            blobs: BTreeSet::new(),
            manifests: BTreeMap::new(),
            tags: BTreeMap::new(),
        });
    }

    /// Whether an image is kept in (this) ECR: by its host name as AWS forms it, or because the
    /// host is the sandbox.
    pub(crate) fn is_ecr(&self, image: &str) -> bool {
        let host = ImageReference::parse(image).host;
        host == self.host || host.contains(".dkr.ecr.") || host.contains(".dkr-ecr.")
    }

    pub(crate) fn repository(&self, name: &str) -> Result<&Repository, RegistryError> {
        self.repositories
            .get(name)
            .ok_or_else(|| RegistryError::RepositoryMissing { repository: name.to_owned() })
    }

    pub(crate) fn repository_mut(&mut self, name: &str) -> Result<&mut Repository, RegistryError> {
        self.repositories
            .get_mut(name)
            .ok_or_else(|| RegistryError::RepositoryMissing { repository: name.to_owned() })
    }

    /// The digest that a task gets for an image: `None` when it is not there. Images of other
    /// registries are assumed to exist, with a digest made from their name.
    pub(crate) fn pull(&self, image: &str) -> Option<String> {
        let reference = ImageReference::parse(image);
        if !self.is_ecr(image) {
            let made_up = || format!("sha256:{}", hex::encode(Sha256::digest(image.as_bytes())));
            return Some(reference.digest.unwrap_or_else(made_up));
        }
        let repository = self.repositories.get(&reference.repository)?;
        repository.manifest(reference.version()).map(|manifest| manifest.digest.clone())
    }
}

impl Repository {
    /// A manifest by digest or tag.
    pub(crate) fn manifest(&self, reference: &str) -> Option<&StoredManifest> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        self.manifests.get(digest)
    }

    /// Takes a manifest in; what it names has to be there already (facts 6.4).
    pub(crate) fn put_manifest(
        &mut self,
        reference: &str,
        media_type: &str,
        body: Vec<u8>,
        now: VirtualTime,
    ) -> Result<String, RegistryError> {
        let manifest: Value = serde_json::from_slice(&body).map_err(|_| RegistryError::NotAManifest)?;
        for blob in manifest["layers"].as_array().into_iter().flatten().chain(manifest.get("config")) {
            let digest = text(blob, "digest").ok_or(RegistryError::NotAManifest)?;
            if !self.blobs.contains(digest) {
                return Err(RegistryError::BlobMissing { digest: digest.to_owned() });
            }
        }
        for child in manifest["manifests"].as_array().into_iter().flatten() {
            let digest = text(child, "digest").ok_or(RegistryError::NotAManifest)?;
            if !self.manifests.contains_key(digest) {
                return Err(RegistryError::ManifestMissing { digest: digest.to_owned() });
            }
        }
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(&body)));
        if reference.starts_with("sha256:") {
            if reference != digest {
                return Err(RegistryError::DigestMismatch);
            }
        } else {
            self.tags.insert(reference.to_owned(), digest.clone());
        }
        let stored = StoredManifest {
            digest: digest.clone(),
            media_type: media_type.to_owned(),
            body,
            pushed_at: now,
        };
        self.manifests.entry(digest.clone()).or_insert(stored);
        Ok(digest)
    }
}
