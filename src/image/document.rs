//! Manifests and indexes as registries and layouts write them.
//!
//! They are only *read* with these types: what goes to the registry is the original bytes, so a field
//! that is not named here is never lost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(super) const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// Every type we understand. Without the full list a registry may translate a manifest, and the digest
/// differs then (AWS facts 6.4).
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// ECR takes manifests up to this size in bytes (AWS facts 6.4).
pub(super) const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;

/// Names a blob or manifest by digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: String,
    /// Bytes.
    pub(super) size: u64,
    #[serde(default, skip_serializing)]
    pub(super) platform: Option<Platform>,
    #[serde(default, skip_serializing)]
    pub(super) annotations: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing)]
    pub(super) urls: Option<Vec<String>>,
}

impl Descriptor {
    /// One that a manifest of our own names.
    pub(super) fn new(media_type: &str, digest: String, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: None,
            urls: None,
        }
    }

    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether this is what buildx adds about an image (provenance, bill of materials) and not an image.
    /// Harmless in an index, fatal when deployed (AWS facts 6.4).
    pub(super) fn is_attestation(&self) -> bool {
        self.annotation("vnd.docker.reference.type").is_some()
            || self.platform.as_ref().is_some_and(|platform| {
                platform.os.as_deref() == Some("unknown")
                    && platform.architecture.as_deref() == Some("unknown")
            })
    }
}

/// What an image runs on: in an index's entry, and under the same names in an image's configuration.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    pub(super) os: Option<String>,
    #[serde(default)]
    pub(super) architecture: Option<String>,
    #[serde(default)]
    pub(super) variant: Option<String>,
}

impl Platform {
    /// `linux/amd64`, `linux/arm/v7`; `None` where it is not said. `v8` is what `arm64` means anyway, and
    /// only some builders write it.
    pub(super) fn name(&self) -> Option<String> {
        let (os, architecture) = (self.os.as_deref()?, self.architecture.as_deref()?);
        if os.is_empty() || architecture.is_empty() || architecture == "unknown" {
            return None;
        }
        Some(match self.variant.as_deref() {
            None | Some("") => format!("{os}/{architecture}"),
            Some("v8") if architecture == "arm64" => format!("{os}/{architecture}"),
            Some(variant) => format!("{os}/{architecture}/{variant}"),
        })
    }
}

/// A manifest or an index.
#[derive(Debug)]
pub(super) enum Document {
    /// Names a configuration and layers.
    Image { media_type: String, config: Descriptor, layers: Vec<Descriptor> },
    /// Names manifests.
    Index { media_type: String, manifests: Vec<Descriptor> },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u32,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Document {
    /// Reads a manifest or index that a descriptor called `media_type` (empty where it did not say).
    ///
    /// # Errors
    ///
    /// What is wrong, as the end of a sentence.
    pub(super) fn parse(bytes: &[u8], media_type: &str) -> Result<Self, String> {
        let raw: Raw =
            serde_json::from_slice(bytes).map_err(|error| format!("is not a manifest ({error})"))?;
        if raw.schema_version != 2 {
            return Err(format!("has schemaVersion {}, and only 2 can be pushed", raw.schema_version));
        }
        // A document that is both could be read as one thing here and as another in the registry
        // (the ambiguity of GHSA-mc8v-mgrf-8f4m).
        let is_index = match (&raw.config, &raw.layers, &raw.manifests) {
            (None, None, Some(_)) => true,
            (Some(_), Some(_), None) => false,
            _ => return Err("is neither a manifest (config and layers) nor an index (manifests)".to_owned()),
        };
        let own = raw.media_type.filter(|own| !own.is_empty());
        let said = own.unwrap_or_else(|| media_type.to_owned());
        let fits = match said.as_str() {
            OCI_INDEX | DOCKER_LIST => is_index,
            OCI_MANIFEST | DOCKER_MANIFEST => !is_index,
            "" => true,
            other => return Err(format!("has the media type {other}, which is not known")),
        };
        if !fits {
            return Err(format!("is called {said}, but its content is another kind"));
        }
        let media_type = match said.as_str() {
            "" if is_index => OCI_INDEX.to_owned(),
            "" => OCI_MANIFEST.to_owned(),
            _ => said,
        };
        match (raw.config, raw.layers, raw.manifests) {
            (Some(config), Some(layers), None) => Ok(Self::Image { media_type, config, layers }),
            (_, _, manifests) => Ok(Self::Index { media_type, manifests: manifests.unwrap_or_default() }),
        }
    }

    /// What to send as `Content-Type`: the document's own word, else its descriptor's (AWS facts 6.4).
    pub(super) fn media_type(&self) -> &str {
        match self {
            Self::Image { media_type, .. } | Self::Index { media_type, .. } => media_type,
        }
    }
}

/// What a layer's media type says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayerKind {
    /// A file system, which every runtime unpacks.
    Known,
    /// One that may not be redistributed, and is fetched from its own place (Windows base images).
    Foreign,
    Unknown,
}

/// Sorts a layer's media type.
pub(super) fn layer_kind(media_type: &str) -> LayerKind {
    match media_type {
        "application/vnd.oci.image.layer.v1.tar"
        | OCI_LAYER_GZIP
        | OCI_LAYER_ZSTD
        | "application/vnd.docker.image.rootfs.diff.tar"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd" => LayerKind::Known,
        "application/vnd.docker.image.rootfs.foreign.diff.tar"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd" => LayerKind::Foreign,
        _ => LayerKind::Unknown,
    }
}

/// Whether a manifest's `config` is an image's configuration, not some artifact's.
pub(super) fn is_image_config(media_type: &str) -> bool {
    matches!(media_type, OCI_CONFIG | DOCKER_CONFIG)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: &str = r#"{"digest":"sha256:x","size":1}"#;

    #[test]
    fn the_documents_own_media_type_wins_over_its_descriptors() {
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{DOCKER_MANIFEST}","config":{BLOB},"layers":[{BLOB}]}}"#
        );
        let document = Document::parse(text.as_bytes(), OCI_MANIFEST).unwrap();
        assert_eq!(document.media_type(), DOCKER_MANIFEST);
    }

    #[test]
    fn a_document_without_a_media_type_has_its_descriptors_or_that_of_its_shape() {
        let image = format!(r#"{{"schemaVersion":2,"config":{BLOB},"layers":[]}}"#);
        assert_eq!(Document::parse(image.as_bytes(), "").unwrap().media_type(), OCI_MANIFEST);
        assert_eq!(Document::parse(image.as_bytes(), DOCKER_MANIFEST).unwrap().media_type(), DOCKER_MANIFEST);
        let index = r#"{"schemaVersion":2,"manifests":[]}"#;
        assert_eq!(Document::parse(index.as_bytes(), "").unwrap().media_type(), OCI_INDEX);
    }

    #[test]
    fn what_is_ambiguous_or_unknown_is_refused() {
        for text in [
            format!(r#"{{"schemaVersion":2,"config":{BLOB},"layers":[],"manifests":[]}}"#),
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","config":{BLOB},"layers":[]}}"#),
            r#"{"schemaVersion":1,"name":"x","fsLayers":[]}"#.to_owned(),
            r#"{"schemaVersion":2,"mediaType":"text/plain","manifests":[]}"#.to_owned(),
            r#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#.to_owned(),
            "[]".to_owned(),
        ] {
            assert!(Document::parse(text.as_bytes(), "").is_err(), "{text}");
        }
    }

    #[test]
    fn platforms_have_one_name_each() {
        let name = |text: &str| serde_json::from_str::<Platform>(text).unwrap().name();
        assert_eq!(name(r#"{"os":"linux","architecture":"amd64"}"#).as_deref(), Some("linux/amd64"));
        assert_eq!(
            name(r#"{"os":"linux","architecture":"arm64","variant":"v8"}"#).as_deref(),
            Some("linux/arm64")
        );
        assert_eq!(
            name(r#"{"os":"linux","architecture":"arm","variant":"v7"}"#).as_deref(),
            Some("linux/arm/v7")
        );
        assert_eq!(name(r#"{"os":"unknown","architecture":"unknown"}"#), None);
        assert_eq!(name("{}"), None);
    }
}
