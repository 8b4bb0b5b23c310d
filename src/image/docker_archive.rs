//! What `docker save` writes, read: [`Saved`].
//!
//! Docker 20.10 writes `manifest.json`, `<id>.json` and `<id>/layer.tar`, with symbolic links for layers
//! that are the same; Docker 25 and later write an OCI layout and `manifest.json` beside it, with layers that
//! are compressed when its containerd store holds them; podman and skopeo write `<digest>.tar`. `manifest.json`
//! serves for all of them.

use serde::Deserialize;

use super::digest;
use super::document::Platform;

pub(super) const MANIFEST: &str = "manifest.json";

/// One image of an archive, before any layer is read.
#[derive(Debug)]
pub(super) struct Saved {
    /// The configuration, byte for byte.
    pub(super) config: Vec<u8>,
    pub(super) parsed: Config,
    /// The names of the layers in the archive, lowest first; as many as `parsed` has.
    pub(super) layers: Vec<String>,
}

/// What is needed of an image's configuration.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    #[serde(flatten)]
    pub(super) platform: Platform,
    pub(super) rootfs: RootFs,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RootFs {
    /// Digests of the uncompressed layers, lowest first.
    pub(super) diff_ids: Vec<String>,
}

impl Config {
    /// # Errors
    ///
    /// What is wrong, as the end of a sentence about what holds it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let config: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("has a configuration that cannot be read ({error})"))?;
        match config.rootfs.diff_ids.iter().find(|diff_id| digest::hex_part(diff_id).is_none()) {
            Some(wrong) => Err(format!(
                "has a configuration with the layer digest `{}`, which is not a SHA-256 digest",
                wrong.escape_debug()
            )),
            None => Ok(config),
        }
    }
}

impl Saved {
    /// Reads one image of an archive: the one with this name, or the only one. `file` gives the content of a
    /// small file.
    ///
    /// # Errors
    ///
    /// What is wrong, as the end of a sentence about the archive.
    pub(super) fn read(
        file: impl Fn(&str) -> Result<Vec<u8>, String>,
        wanted: Option<&str>,
    ) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Entry {
            config: String,
            repo_tags: Option<Vec<String>>,
            layers: Vec<String>,
        }
        let mut entries: Vec<Entry> = serde_json::from_slice(&file(MANIFEST)?)
            .map_err(|error| format!("has a manifest.json that cannot be read ({error})"))?;
        let named = |entry: &Entry, name: &str| {
            entry.repo_tags.iter().flatten().any(|tag| is_tag_of(tag, name))
                || digest_in_name(&entry.config).is_some_and(|id| id == name)
        };
        let names: Vec<String> =
            entries.iter().filter_map(|entry| entry.repo_tags.clone()).flatten().collect();
        let holds = || if names.is_empty() { "without names".to_owned() } else { names.join(", ") };
        let chosen = match (wanted, entries.len()) {
            (_, 0) => return Err("has no image in its manifest.json".to_owned()),
            (None, 1) => 0,
            (None, several) => return Err(format!("has {several} images ({}); name one", holds())),
            // An engine gives exactly what it was asked for, though not always under that name.
            (Some(name), several) => match entries.iter().position(|entry| named(entry, name)) {
                Some(position) => position,
                None if several == 1 && names.is_empty() => 0,
                None => return Err(format!("has no image `{}`; it has {}", name.escape_debug(), holds())),
            },
        };
        let entry = entries.swap_remove(chosen);
        let config = file(&entry.config)?;
        if let Some(named) = digest_in_name(&entry.config)
            && digest::of(&config) != named
        {
            return Err("has a configuration with other content than its name says".to_owned());
        }
        let parsed = Config::parse(&config)?;
        if parsed.rootfs.diff_ids.len() != entry.layers.len() {
            return Err(format!(
                "holds {} layers where its configuration announces {}",
                entry.layers.len(),
                parsed.rootfs.diff_ids.len()
            ));
        }
        Ok(Self { config, parsed, layers: entry.layers })
    }
}

/// `<hex>.json`, `<hex>.tar` and `blobs/sha256/<hex>` name their content.
pub(super) fn digest_in_name(name: &str) -> Option<String> {
    let last = name.rsplit('/').next()?;
    let hex = last.strip_suffix(".json").or_else(|| last.strip_suffix(".tar")).unwrap_or(last);
    digest::is_hex(hex).then(|| format!("sha256:{hex}"))
}

/// Whether the tag in an archive is what was asked for; `app` means `app:latest`.
fn is_tag_of(tag: &str, name: &str) -> bool {
    let full = |text: &str| {
        text.parse::<super::Reference>().ok().map(|reference| {
            let tag = reference.tag.clone().unwrap_or_else(|| "latest".to_owned());
            (reference.host, reference.repository, tag)
        })
    };
    tag == name || full(tag).is_some_and(|tag| full(name) == Some(tag))
}

#[cfg(test)]
#[path = "docker_archive_tests.rs"]
pub(super) mod tests;
