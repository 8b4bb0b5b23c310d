//! Reads an OCI image layout: a directory with `oci-layout`, `index.json` and `blobs/sha256/`.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::digest;
use super::document::{Descriptor, Document, MANIFEST_LIMIT, Platform, is_image_config};
use super::open::{Blob, Manifest, OpenImage};
use crate::error::{Error, Result};

/// Indexes in indexes; real ones have one or two levels.
const DEPTH_LIMIT: usize = 8;
/// Manifests in one image; real ones have a few dozen.
const MANIFEST_COUNT_LIMIT: usize = 1000;
/// A configuration in bytes; real ones have a few thousand.
pub(super) const CONFIG_LIMIT: u64 = 8 * 1024 * 1024;

/// Opens the image that `reference` names in the layout `dir`, or its only one.
///
/// # Errors
///
/// Usage, naming the file that is missing or wrong.
pub(super) fn open(dir: &Path, reference: Option<&str>, source: String) -> Result<OpenImage> {
    check_version(dir)?;
    let index_file = dir.join("index.json");
    let bytes = read_limited(&index_file, MANIFEST_LIMIT)?;
    let Ok(Document::Index { manifests, .. }) = Document::parse(&bytes, "") else {
        return Err(broken(&index_file, "is not an OCI image index"));
    };
    let chosen = choose(dir, &manifests, reference)?;
    if chosen.is_attestation() {
        return Err(Error::usage(format!(
            "{} in {} is an attestation, not an image",
            chosen.digest,
            dir.display()
        ))
        .hint("name the image or its index; `index.json` lists them"));
    }
    let mut walk = Walk {
        dir,
        children: Vec::new(),
        seen: HashSet::new(),
        blobs: Vec::new(),
        blobs_seen: HashSet::new(),
        platforms: Vec::new(),
        images: 0,
    };
    let top = walk.manifest(chosen, 0)?;
    if walk.images == 0 {
        return Err(broken(
            &walk.blob_file(&chosen.digest)?,
            "names no image that could run, only attestations or artifacts",
        ));
    }
    Ok(OpenImage {
        source,
        top,
        children: walk.children,
        blobs: walk.blobs,
        platforms: walk.platforms,
        _scratch: None,
    })
}

fn check_version(dir: &Path) -> Result<()> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marker {
        image_layout_version: String,
    }
    let build =
        format!("build it with `docker buildx build --output type=oci,tar=false,dest={} .`", dir.display());
    if !dir.is_dir() {
        let what = if dir.exists() { "is not a directory" } else { "does not exist" };
        return Err(Error::usage(format!("the OCI layout {} {what}", dir.display())).hint(build));
    }
    let file = dir.join("oci-layout");
    if !file.exists() {
        return Err(Error::usage(format!(
            "{} is not an OCI layout: it has no file `oci-layout`",
            dir.display()
        ))
        .hint(build));
    }
    let marker: Marker = serde_json::from_slice(&read_limited(&file, MANIFEST_LIMIT)?)
        .map_err(|error| broken(&file, "is not the marker of an OCI layout").source(error))?;
    if marker.image_layout_version != "1.0.0" {
        let what = format!("says version {}, and only 1.0.0 is known", marker.image_layout_version);
        return Err(broken(&file, &what));
    }
    Ok(())
}

/// Picks an entry of `index.json`: by name or digest, else the only one.
fn choose<'a>(dir: &Path, entries: &'a [Descriptor], reference: Option<&str>) -> Result<&'a Descriptor> {
    let names = |entry: &Descriptor| -> Vec<String> {
        let names = ["org.opencontainers.image.ref.name", "io.containerd.image.name"];
        names.iter().filter_map(|key| entry.annotation(key)).map(str::to_owned).collect()
    };
    let fitting: Vec<&Descriptor> = match reference {
        Some(wanted) => entries
            .iter()
            .filter(|entry| entry.digest == wanted || names(entry).iter().any(|name| name == wanted))
            .collect(),
        None => entries.iter().filter(|entry| !entry.is_attestation()).collect(),
    };
    let mut distinct: Vec<&str> = fitting.iter().map(|entry| entry.digest.as_str()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if let ([_], [entry, ..]) = (distinct.as_slice(), fitting.as_slice()) {
        return Ok(entry);
    }
    let known: Vec<String> = entries
        .iter()
        .map(|entry| names(entry).into_iter().next().unwrap_or_else(|| entry.digest.clone()))
        .collect();
    let holds =
        if known.is_empty() { "it is empty".to_owned() } else { format!("it has {}", known.join(", ")) };
    let message = match reference {
        Some(wanted) if fitting.is_empty() => {
            format!("the OCI layout {} has no image `{wanted}`: {holds}", dir.display())
        }
        Some(wanted) => {
            format!("the OCI layout {} has several images called `{wanted}`", dir.display())
        }
        None if fitting.is_empty() => format!("the OCI layout {} has no image: {holds}", dir.display()),
        None => format!("the OCI layout {} has several images: {holds}", dir.display()),
    };
    Err(Error::usage(message).hint(format!("name one: `oci:{}:NAME` or `oci:{0}:sha256:...`", dir.display())))
}

/// Collects what one image consists of.
struct Walk<'a> {
    dir: &'a Path,
    children: Vec<Manifest>,
    seen: HashSet<String>,
    blobs: Vec<Blob>,
    blobs_seen: HashSet<String>,
    platforms: Vec<String>,
    images: usize,
}

impl Walk<'_> {
    /// Reads a manifest and all that it names; what an index names goes to `children`, deepest first.
    fn manifest(&mut self, entry: &Descriptor, depth: usize) -> Result<Manifest> {
        let file = self.blob_file(&entry.digest)?;
        if depth > DEPTH_LIMIT {
            return Err(broken(&file, "is nested too deeply in other indexes"));
        }
        let bytes = self.read_verified(entry, MANIFEST_LIMIT)?;
        let document = Document::parse(&bytes, &entry.media_type).map_err(|what| broken(&file, &what))?;
        let manifest =
            Manifest { digest: entry.digest.clone(), media_type: document.media_type().to_owned(), bytes };
        match document {
            Document::Index { manifests, .. } => {
                for child in &manifests {
                    // Two entries may name the same manifest.
                    if !self.seen.insert(child.digest.clone()) {
                        continue;
                    }
                    if self.seen.len() > MANIFEST_COUNT_LIMIT {
                        return Err(broken(&file, "names more manifests than an image can have"));
                    }
                    let child = self.manifest(child, depth + 1)?;
                    self.children.push(child);
                }
            }
            Document::Image { config, layers, .. } => {
                if !entry.is_attestation() && is_image_config(&config.media_type) {
                    self.images += 1;
                    self.platform(entry, &config)?;
                }
                self.blob(&config)?;
                for layer in &layers {
                    self.blob(layer)?;
                }
            }
        }
        Ok(manifest)
    }

    fn platform(&mut self, entry: &Descriptor, config: &Descriptor) -> Result<()> {
        let name = match entry.platform.as_ref().and_then(Platform::name) {
            Some(name) => Some(name),
            None => {
                let file = self.blob_file(&config.digest)?;
                let bytes = self.read_verified(config, CONFIG_LIMIT)?;
                let platform: Platform = serde_json::from_slice(&bytes)
                    .map_err(|error| broken(&file, "is not an image's configuration").source(error))?;
                platform.name()
            }
        };
        if let Some(name) = name
            && !self.platforms.contains(&name)
        {
            self.platforms.push(name);
        }
        Ok(())
    }

    fn blob(&mut self, entry: &Descriptor) -> Result<()> {
        let file = self.blob_file(&entry.digest)?;
        let elsewhere = entry.urls.as_ref().is_some_and(|urls| !urls.is_empty());
        if elsewhere && !file.exists() {
            // A foreign layer (Windows base images) is fetched from its own place, never pushed.
            return Ok(());
        }
        check_size(&file, entry.size)?;
        if self.blobs_seen.insert(entry.digest.clone()) {
            self.blobs.push(Blob {
                digest: entry.digest.clone(),
                size: entry.size,
                media_type: entry.media_type.clone(),
                file,
                offset: 0,
            });
        }
        Ok(())
    }

    /// The file of a blob. A digest that is well-formed cannot climb out of the directory.
    fn blob_file(&self, text: &str) -> Result<PathBuf> {
        match digest::hex_part(text) {
            Some(hex) => Ok(self.dir.join("blobs").join("sha256").join(hex)),
            None => Err(broken(
                &self.dir.join("index.json"),
                &format!("leads to the digest `{}`, which is not a SHA-256 digest", text.escape_debug()),
            )),
        }
    }

    fn read_verified(&self, entry: &Descriptor, limit: u64) -> Result<Vec<u8>> {
        let file = self.blob_file(&entry.digest)?;
        check_size(&file, entry.size)?;
        let bytes = read_limited(&file, limit)?;
        let found = digest::of(&bytes);
        if found != entry.digest {
            return Err(broken(
                &file,
                &format!("has other content than its name says: its digest is {found}"),
            ));
        }
        Ok(bytes)
    }
}

fn check_size(file: &Path, expected: u64) -> Result<()> {
    let metadata = fs::metadata(file).map_err(|error| unreadable(file, error))?;
    if !metadata.is_file() {
        return Err(broken(file, "is not a file"));
    }
    if metadata.len() != expected {
        return Err(broken(file, &format!("has {} bytes where {expected} were announced", metadata.len())));
    }
    Ok(())
}

fn read_limited(file: &Path, limit: u64) -> Result<Vec<u8>> {
    let size = fs::metadata(file).map_err(|error| unreadable(file, error))?.len();
    if size > limit {
        return Err(broken(file, &format!("has {size} bytes, more than the {limit} allowed")));
    }
    fs::read(file).map_err(|error| unreadable(file, error))
}

fn unreadable(file: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        broken(file, "is missing")
    } else {
        broken(file, "cannot be read").source(error)
    }
}

fn broken(file: &Path, what: &str) -> Error {
    Error::usage(format!("the OCI layout is broken: {} {what}", file.display()))
        .hint("build the image again into an empty directory: `docker buildx build --output type=oci,tar=false,dest=DIR .`")
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
