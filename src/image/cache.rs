//! [`Cache`]: what layers became when they were compressed, and the configurations of images, so that a
//! second push neither compresses nor exports again.
//!
//! ```text
//! DIR/v1/layers/RECIPE/<hex of the uncompressed digest>   digest, size and media type of the blob
//! DIR/v1/configs/<hex of the image id>                    the configuration, byte for byte
//! DIR/v1/places/<hash of the host>/<hex of the digest>    a repository of that registry that has the blob
//! ```
//!
//! Nothing here is needed: an entry that is missing, damaged or cannot be written costs time alone. A wrong
//! entry cannot put a wrong image under a tag either: a digest from here is only used for a blob that the
//! registry has, or when packing the layer gives it again.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::compression::Compression;
use super::digest;
use super::layout::CONFIG_LIMIT;
use super::pack::recipe;
use super::reference::Reference;

/// Files in one directory of the cache. When there are more, the older half goes.
const FILES_LIMIT: usize = 4096;

/// A small directory of digests, or none at all.
#[derive(Debug, Clone, Default)]
pub struct Cache {
    dir: Option<PathBuf>,
}

/// What a layer became when it was compressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownLayer {
    /// Of the compressed bytes.
    pub(super) digest: String,
    /// Compressed bytes.
    pub(super) size: u64,
    pub(super) media_type: String,
}

impl Cache {
    /// In this directory, which need not exist yet.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: Some(dir.into().join("v1")) }
    }

    /// Remembers nothing.
    pub fn disabled() -> Self {
        Self::default()
    }

    fn layer_file(&self, compression: Compression, diff_id: &str) -> Option<PathBuf> {
        let hex = digest::hex_part(diff_id)?;
        Some(self.dir.as_ref()?.join("layers").join(recipe(compression)).join(hex))
    }

    fn config_file(&self, image_id: &str) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join("configs").join(digest::hex_part(image_id)?))
    }

    fn place_file(&self, host: &str, digest: &str) -> Option<PathBuf> {
        let host = digest::of(host.as_bytes());
        let places = self.dir.as_ref()?.join("places").join(digest::hex_part(&host)?.get(..16)?);
        Some(places.join(digest::hex_part(digest)?))
    }

    /// A repository of a registry that had the blob the last time.
    pub(super) fn place(&self, host: &str, digest: &str) -> Option<String> {
        let repository = fs::read_to_string(self.place_file(host, digest)?).ok()?;
        // What is no name of a repository has no place in a URL.
        let reference: Reference = format!("{host}/{repository}").parse().ok()?;
        (reference.repository == repository).then_some(repository)
    }

    pub(super) fn remember_place(&self, host: &str, digest: &str, repository: &str) {
        if let Some(file) = self.place_file(host, digest)
            && fs::read(&file).ok().as_deref() != Some(repository.as_bytes())
        {
            write(&file, repository.as_bytes());
        }
    }

    /// What the layer with this uncompressed digest became.
    pub(super) fn layer(&self, compression: Compression, diff_id: &str) -> Option<KnownLayer> {
        let bytes = fs::read(self.layer_file(compression, diff_id)?).ok()?;
        let known: KnownLayer = serde_json::from_slice(&bytes).ok()?;
        digest::hex_part(&known.digest).is_some().then_some(known)
    }

    pub(super) fn remember_layer(&self, compression: Compression, diff_id: &str, known: &KnownLayer) {
        if let (Some(file), Ok(bytes)) = (self.layer_file(compression, diff_id), serde_json::to_vec(known)) {
            write(&file, &bytes);
        }
    }

    /// The configuration of an image, by its id.
    pub(super) fn config(&self, image_id: &str) -> Option<Vec<u8>> {
        let file = self.config_file(image_id)?;
        (fs::metadata(&file).ok()?.len() <= CONFIG_LIMIT).then(|| fs::read(&file).ok())?
    }

    pub(super) fn remember_config(&self, image_id: &str, config: &[u8]) {
        if let Some(file) = self.config_file(image_id) {
            write(&file, config);
        }
    }
}

/// Writes a file whole or not at all: runs side by side share the directory. A failure is no matter.
fn write(file: &Path, bytes: &[u8]) {
    let Some(dir) = file.parent() else { return };
    let written = fs::create_dir_all(dir)
        .and_then(|()| NamedTempFile::new_in(dir))
        .and_then(|mut temporary| temporary.write_all(bytes).map(|()| temporary));
    if let Ok(temporary) = written
        && temporary.persist(file).is_ok()
        // Looking through a directory takes longer than writing a file of it.
        && fastrand::u32(..64) == 0
    {
        prune(dir);
    }
}

fn prune(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    if files.len() <= FILES_LIMIT {
        return;
    }
    let age = |file: &PathBuf| {
        fs::metadata(file).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
    };
    let mut files: Vec<(SystemTime, PathBuf)> = files.into_iter().map(|file| (age(&file), file)).collect();
    files.sort();
    for (_, file) in files.iter().take(FILES_LIMIT / 2) {
        let _ = fs::remove_file(file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(number: u8) -> KnownLayer {
        KnownLayer {
            digest: digest::of(&[number]),
            size: u64::from(number),
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
        }
    }

    #[test]
    fn what_is_remembered_is_found_under_its_recipe_alone() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path().join("not/there/yet"));
        let layer = digest::of(b"layer");
        assert_eq!(cache.layer(Compression::Gzip, &layer), None);
        cache.remember_layer(Compression::Gzip, &layer, &known(1));
        assert_eq!(cache.layer(Compression::Gzip, &layer), Some(known(1)));
        assert_eq!(cache.layer(Compression::Zstd, &layer), None);
        cache.remember_config(&layer, b"{}");
        assert_eq!(cache.config(&layer).as_deref(), Some(&b"{}"[..]));
    }

    #[test]
    fn a_place_is_known_for_its_registry_alone() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let blob = digest::of(b"blob");
        cache.remember_place("a.example", &blob, "team/app");
        assert_eq!(cache.place("a.example", &blob).as_deref(), Some("team/app"));
        assert_eq!(cache.place("b.example", &blob), None);
        fs::write(cache.place_file("a.example", &blob).unwrap(), "../x?mount=y").unwrap();
        assert_eq!(cache.place("a.example", &blob), None);
    }

    #[test]
    fn without_a_directory_or_a_digest_nothing_is_remembered() {
        let layer = digest::of(b"layer");
        Cache::disabled().remember_layer(Compression::Gzip, &layer, &known(1));
        assert_eq!(Cache::disabled().layer(Compression::Gzip, &layer), None);
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        for name in ["", "sha256:../../x", "app:v1"] {
            cache.remember_config(name, b"{}");
            assert_eq!(cache.config(name), None, "{name}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_entry_is_no_entry() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let layer = digest::of(b"layer");
        cache.remember_layer(Compression::Gzip, &layer, &known(1));
        let file = cache.layer_file(Compression::Gzip, &layer).unwrap();
        for damaged in ["", "{", r#"{"digest":"sha256:x","size":1,"media_type":"x"}"#] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(cache.layer(Compression::Gzip, &layer), None, "{damaged}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_no_matter() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        let cache = Cache::at(&file);
        cache.remember_config(&digest::of(b""), b"{}");
        assert_eq!(cache.config(&digest::of(b"")), None);
    }

    #[test]
    fn the_directory_stays_small() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        cache.remember_config(&digest::of(b"first"), b"{}");
        let configs = cache.config_file(&digest::of(b"first")).unwrap().parent().unwrap().to_owned();
        for number in 0..FILES_LIMIT {
            fs::write(configs.join(number.to_string()), "").unwrap();
        }
        prune(&configs);
        assert!(fs::read_dir(&configs).unwrap().count() <= FILES_LIMIT);
    }
}
