//! The ECR API, and what the registry protocol asks the world.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Login, RegistryError, RepositoryOptions, StoredManifest, registry::Repository};
use crate::world::{
    ApiError, VirtualTime, World,
    json::{list, required, text, texts},
};

/// The one account setting that is modelled (facts 6.3).
const BLOB_MOUNTING: &str = "BLOB_MOUNTING";

impl World {
    pub(crate) fn call_ecr(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        match operation {
            "GetAuthorizationToken" => Ok(self.authorization_token()),
            "DescribeRepositories" => self.describe_repositories(input),
            "CreateRepository" => self.api_create_repository(input),
            "DescribeImages" => self.describe_images(input),
            "BatchGetImage" => self.batch_get_image(input),
            "GetRepositoryPolicy" => self.repository_policy(input),
            "GetAccountSetting" | "PutAccountSetting" => self.account_setting(operation, input),
            _ => Err(ApiError::not_implemented("ecr", operation)),
        }
    }

    /// What a password of the registry's one user, `AWS`, is worth at this time.
    pub fn registry_login(&self, password: &str, now: VirtualTime) -> Login {
        self.registry.logins.check(password, now)
    }

    /// Whether a repository exists.
    ///
    /// Errors: [`RegistryError::RepositoryMissing`].
    pub fn check_repository(&self, repository: &str) -> Result<(), RegistryError> {
        self.registry.repository(repository).map(|_| ())
    }

    /// Whether a repository has a blob.
    ///
    /// Errors: [`RegistryError::RepositoryMissing`].
    pub fn has_blob(&self, repository: &str, digest: &str) -> Result<bool, RegistryError> {
        Ok(self.registry.repository(repository)?.blobs.contains(digest))
    }

    /// Notes that a repository has a blob now.
    ///
    /// Errors: [`RegistryError::RepositoryMissing`].
    pub fn add_blob(&mut self, repository: &str, digest: &str) -> Result<(), RegistryError> {
        self.registry.repository_mut(repository)?.blobs.insert(digest.to_owned());
        Ok(())
    }

    /// Gives a repository a blob of another one, and says whether ECR would.
    ///
    /// Errors: [`RegistryError::RepositoryMissing`] for the repository that shall get it.
    pub fn mount_blob(&mut self, into: &str, digest: &str, from: &str) -> Result<bool, RegistryError> {
        self.registry.mount(into, digest, from)
    }

    /// A manifest by tag or digest.
    ///
    /// Errors: [`RegistryError::RepositoryMissing`].
    pub fn manifest(
        &self,
        repository: &str,
        reference: &str,
    ) -> Result<Option<StoredManifest>, RegistryError> {
        Ok(self.registry.repository(repository)?.manifest(reference).cloned())
    }

    /// Takes in a manifest under a tag or its digest, and returns its digest.
    ///
    /// Errors: [`RegistryError`], e.g. when a blob that it names is not there.
    pub fn put_manifest(
        &mut self,
        repository: &str,
        reference: &str,
        media_type: &str,
        body: Vec<u8>,
        now: VirtualTime,
    ) -> Result<String, RegistryError> {
        self.advance(now);
        let now = self.now;
        self.registry.repository_mut(repository)?.put_manifest(reference, media_type, body, now)
    }

    fn authorization_token(&mut self) -> Value {
        let (password, end) = self.registry.logins.issue(self.now);
        json!({ "authorizationData": [{
            "authorizationToken": STANDARD.encode(format!("AWS:{password}")),
            "expiresAt": end.epoch_seconds(),
            "proxyEndpoint": format!("http://{}", self.registry.host),
        }]})
    }

    fn account_setting(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        let name = required(input, "name")?;
        if name != BLOB_MOUNTING {
            return Err(ApiError::not_implemented("ecr", &format!("{operation} of {name}")));
        }
        if operation == "PutAccountSetting" {
            self.registry.blob_mounting = match required(input, "value")? {
                "ENABLED" => true,
                "DISABLED" => false,
                _ => return Err(ApiError::invalid_parameter("value must be ENABLED or DISABLED.")),
            };
        }
        let value = if self.registry.blob_mounting { "ENABLED" } else { "DISABLED" };
        Ok(json!({ "name": name, "value": value }))
    }

    fn ecr_repository(&self, name: &str) -> Result<&Repository, ApiError> {
        self.registry.repository(name).map_err(|_| {
            ApiError::client(
                "RepositoryNotFoundException",
                format!(
                    "The repository with name '{name}' does not exist in the registry with id '{}'",
                    self.account
                ),
            )
        })
    }

    fn render_repository(&self, repository: &Repository) -> Value {
        let mut rendered = json!({
            "repositoryArn": format!("arn:aws:ecr:{}:{}:repository/{}", self.region, self.account, repository.name),
            "registryId": self.account,
            "repositoryName": repository.name,
            "repositoryUri": format!("{}/{}", self.registry.host, repository.name),
            "createdAt": repository.created_at.epoch_seconds(),
        });
        repository.options.render_into(&mut rendered);
        rendered
    }

    fn describe_repositories(&self, input: &Value) -> Result<Value, ApiError> {
        let names = texts(input, "repositoryNames");
        let repositories: Vec<Value> = if names.is_empty() {
            self.registry.repositories.values().map(|repository| self.render_repository(repository)).collect()
        } else {
            names
                .into_iter()
                .map(|name| Ok(self.render_repository(self.ecr_repository(name)?)))
                .collect::<Result<_, ApiError>>()?
        };
        Ok(json!({ "repositories": repositories }))
    }

    fn api_create_repository(&mut self, input: &Value) -> Result<Value, ApiError> {
        let name = required(input, "repositoryName")?;
        let options = RepositoryOptions::from_input(input)?;
        if self.registry.repositories.contains_key(name) {
            return Err(ApiError::client(
                "RepositoryAlreadyExistsException",
                format!(
                    "The repository with name '{name}' already exists in the registry with id '{}'",
                    self.account
                ),
            ));
        }
        self.create_repository(name, options);
        Ok(json!({ "repository": self.render_repository(self.ecr_repository(name)?) }))
    }

    fn repository_policy(&self, input: &Value) -> Result<Value, ApiError> {
        let name = required(input, "repositoryName")?;
        self.ecr_repository(name)?;
        let arn = format!("arn:aws:ecr:{}:{}:repository/{name}", self.region, self.account);
        let policy = self.resource_policy(&arn).ok_or_else(|| {
            let text = format!(
                "Repository policy does not exist for the repository with name '{name}' in the registry with id '{}'",
                self.account
            );
            ApiError::client("RepositoryPolicyNotFoundException", text)
        })?;
        Ok(json!({ "registryId": self.account, "repositoryName": name, "policyText": policy.to_string() }))
    }

    fn describe_images(&self, input: &Value) -> Result<Value, ApiError> {
        let name = required(input, "repositoryName")?;
        let repository = self.ecr_repository(name)?;
        let asked = list(input, "imageIds");
        let found: Vec<&StoredManifest> = if asked.is_empty() {
            repository.manifests.values().collect()
        } else {
            asked
                .iter()
                .map(|id| find_image(repository, id).ok_or_else(|| self.image_not_found(name, id)))
                .collect::<Result<_, _>>()?
        };
        let details: Vec<Value> = found
            .into_iter()
            .map(|manifest| {
                json!({
                    "registryId": self.account,
                    "repositoryName": name,
                    "imageDigest": manifest.digest,
                    "imageTags": tags_of(repository, &manifest.digest),
                    "imageSizeInBytes": image_size(&manifest.body),
                    "imagePushedAt": manifest.pushed_at.epoch_seconds(),
                    "imageManifestMediaType": manifest.media_type,
                    "imageStatus": "ACTIVE",
                })
            })
            .collect();
        Ok(json!({ "imageDetails": details }))
    }

    fn image_not_found(&self, repository: &str, id: &Value) -> ApiError {
        let tag = text(id, "imageTag").unwrap_or("null");
        let digest = text(id, "imageDigest").unwrap_or("null");
        ApiError::client(
            "ImageNotFoundException",
            format!(
                "The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the repository with name '{repository}' in the registry with id '{}'",
                self.account
            ),
        )
    }

    fn batch_get_image(&self, input: &Value) -> Result<Value, ApiError> {
        let name = required(input, "repositoryName")?;
        let repository = self.ecr_repository(name)?;
        let mut images = Vec::new();
        let mut failures = Vec::new();
        for id in list(input, "imageIds") {
            match find_image(repository, id) {
                Some(manifest) => images.push(json!({
                    "registryId": self.account,
                    "repositoryName": name,
                    "imageId": {
                        "imageDigest": manifest.digest,
                        "imageTag": text(id, "imageTag"),
                    },
                    "imageManifest": String::from_utf8_lossy(&manifest.body),
                    "imageManifestMediaType": manifest.media_type,
                })),
                None => failures.push(json!({
                    "imageId": id,
                    "failureCode": "ImageNotFound",
                    "failureReason": "Requested image not found",
                })),
            }
        }
        Ok(json!({ "images": images, "failures": failures }))
    }
}

fn find_image<'a>(repository: &'a Repository, id: &Value) -> Option<&'a StoredManifest> {
    repository.manifest(text(id, "imageDigest").or_else(|| text(id, "imageTag"))?)
}

fn tags_of<'a>(repository: &'a Repository, digest: &str) -> Vec<&'a str> {
    let tags = repository.tags.iter().filter(|(_, tagged)| *tagged == digest);
    tags.map(|(tag, _)| tag.as_str()).collect()
}

/// ECR adds up the sizes that the manifest gives.
fn image_size(manifest: &[u8]) -> u64 {
    let manifest: Value = serde_json::from_slice(manifest).unwrap_or_default();
    let layers = manifest["layers"].as_array().into_iter().flatten();
    layers.chain(manifest.get("config")).filter_map(|blob| blob["size"].as_u64()).sum()
}
