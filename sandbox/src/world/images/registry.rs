//! Repositories and what they hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{ImageReference, Logins, RepositoryOptions};
use crate::world::{VirtualTime, json::text};

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
    pub(crate) options: RepositoryOptions,
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
    /// The tag is another image's, and the repository does not let it move (facts 6.5).
    #[error(
        "The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because the repository is immutable."
    )]
    TagImmutable {
        /// The tag.
        tag: String,
        /// The repository's name.
        repository: String,
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
    pub(crate) logins: Logins,
    /// The account setting BLOB_MOUNTING (facts 6.3).
    pub(crate) blob_mounting: bool,
    pub(crate) repositories: BTreeMap<String, Repository>,
}

impl Registry {
    pub(crate) fn new(host: String, logins: Logins, blob_mounting: bool) -> Self {
        Registry { host, logins, blob_mounting, repositories: BTreeMap::new() }
    }

    /// Makes a repository; an existing one is left alone.
    pub(crate) fn create(&mut self, name: &str, options: RepositoryOptions, now: VirtualTime) {
        self.repositories.entry(name.to_owned()).or_insert_with(|| Repository {
            name: name.to_owned(),
            created_at: now,
            options,
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

    /// Gives a repository a blob of another one, and says whether that is possible: the setting is
    /// on, the two are encrypted alike, and a manifest of the other repository names the blob (facts
    /// 6.3, and the registry facts, section 3). A blob that was only uploaded does not do.
    ///
    /// Errors: [`RegistryError::RepositoryMissing`] for the repository that shall get it.
    pub(crate) fn mount(&mut self, into: &str, digest: &str, from: &str) -> Result<bool, RegistryError> {
        let target = self.repository(into)?;
        let mountable = self.blob_mounting
            && self.repositories.get(from).is_some_and(|source| {
                source.options.encryption == target.options.encryption && source.uses_blob(digest)
            });
        if mountable {
            self.repository_mut(into)?.blobs.insert(digest.to_owned());
        }
        Ok(mountable)
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

    /// Whether it has a blob that one of its manifests names.
    fn uses_blob(&self, digest: &str) -> bool {
        let named = |manifest: &StoredManifest| {
            let manifest: Value = serde_json::from_slice(&manifest.body).unwrap_or_default();
            blobs_of(&manifest).any(|blob| text(blob, "digest") == Some(digest))
        };
        self.blobs.contains(digest) && self.manifests.values().any(named)
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
        for blob in blobs_of(&manifest) {
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
            // The same image again is no move (facts 6.5: unconfirmed for immutable repositories).
            let moves = self.tags.get(reference).is_some_and(|tagged| *tagged != digest);
            if moves && !self.options.tags.allows_move(reference) {
                let (tag, repository) = (reference.to_owned(), self.name.clone());
                return Err(RegistryError::TagImmutable { tag, repository });
            }
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

/// The blobs that a manifest names: layers and config.
fn blobs_of(manifest: &Value) -> impl Iterator<Item = &Value> {
    manifest["layers"].as_array().into_iter().flatten().chain(manifest.get("config"))
}
