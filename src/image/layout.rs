//! Reads what an image consists of, from documents that name each other: an OCI layout in a directory or in an
//! archive, or a repository.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;

use super::digest;
use super::document::{
    Descriptor, Document, LayerKind, MANIFEST_LIMIT, Platform, is_image_config, layer_kind,
};
use super::open::{Blob, Content, Manifest, Variant, Written};
use super::registry::Registry;
use super::slice::Slice;
use super::tarball::Tarball;
use crate::error::{Error, ErrorKind, Result};

/// Indexes in indexes; real ones have one or two levels.
pub(super) const DEPTH_LIMIT: usize = 8;
/// Manifests in one image; real ones have a few dozen.
pub(super) const MANIFEST_COUNT_LIMIT: usize = 1000;
/// A configuration in bytes; real ones have a few thousand.
pub(super) const CONFIG_LIMIT: u64 = 8 * 1024 * 1024;

/// Where an image's documents and blobs are.
pub(super) enum Holdings {
    /// `oci-layout`, `index.json` and `blobs/sha256/` in a directory.
    Dir(PathBuf),
    /// The same in an archive.
    Tar(Tarball),
    /// In a repository; what the walk needs to read has been fetched.
    Repository {
        registry: Registry,
        repository: String,
        /// By digest.
        documents: HashMap<String, Vec<u8>>,
    },
}

/// What was found.
pub(super) struct Found {
    pub(super) written: Written,
    pub(super) variants: Vec<Variant>,
    pub(super) notes: Vec<String>,
}

/// Opens the image that `reference` names in a layout, or its only one.
///
/// # Errors
///
/// Usage, naming the file that is missing or wrong.
pub(super) fn open(holdings: &Holdings, reference: Option<&str>) -> Result<Found> {
    check_version(holdings)?;
    let bytes = holdings.read("index.json", MANIFEST_LIMIT)?;
    let Ok(Document::Index { manifests, .. }) = Document::parse(&bytes, "") else {
        return Err(holdings.broken("index.json", "is not an OCI image index"));
    };
    let chosen = choose(holdings, &manifests, reference)?;
    if chosen.is_attestation() {
        return Err(Error::usage(format!("{} in {holdings} is an attestation, not an image", chosen.digest))
            .hint("name the image or its index; `index.json` lists them"));
    }
    walk(holdings, chosen)
}

/// Reads one image from its topmost manifest on.
///
/// # Errors
///
/// As [`open`].
pub(super) fn walk(holdings: &Holdings, top: &Descriptor) -> Result<Found> {
    let mut walk = Walk {
        holdings,
        children: Vec::new(),
        seen: HashSet::new(),
        blobs: Vec::new(),
        blobs_seen: HashSet::new(),
        variants: Vec::new(),
        notes: Vec::new(),
        images: 0,
    };
    let manifest = walk.manifest(top, 0)?;
    if walk.images == 0 {
        return Err(holdings.broken(
            &blob_name(holdings, &top.digest)?,
            "names no image that could run, only attestations or artifacts",
        ));
    }
    let Walk { children, blobs, variants, notes, .. } = walk;
    Ok(Found { written: Written { top: manifest, children, blobs }, variants, notes })
}

fn check_version(holdings: &Holdings) -> Result<()> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marker {
        image_layout_version: String,
    }
    if let Holdings::Dir(dir) = holdings {
        let build = format!(
            "build it with `docker buildx build --output type=oci,tar=false,dest={} .`",
            dir.display()
        );
        if !dir.is_dir() {
            let (what, hint) = if dir.exists() {
                ("is not a directory", format!("for a file, write `oci-archive:{}`", dir.display()))
            } else {
                ("does not exist", build)
            };
            return Err(Error::usage(format!("the OCI layout {} {what}", dir.display())).hint(hint));
        }
        if !dir.join("oci-layout").exists() {
            return Err(Error::usage(format!(
                "{} is not an OCI layout: it has no file `oci-layout`",
                dir.display()
            ))
            .hint(build));
        }
    }
    let marker: Marker = serde_json::from_slice(&holdings.read("oci-layout", MANIFEST_LIMIT)?)
        .map_err(|error| holdings.broken("oci-layout", "is not the marker of an OCI layout").source(error))?;
    if marker.image_layout_version != "1.0.0" {
        let what = format!("says version {}, and only 1.0.0 is known", marker.image_layout_version);
        return Err(holdings.broken("oci-layout", &what));
    }
    Ok(())
}

impl std::fmt::Display for Holdings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dir(dir) => write!(f, "the OCI layout {}", dir.display()),
            Self::Tar(tarball) => write!(f, "the OCI archive {}", tarball.file.display()),
            Self::Repository { registry, repository, .. } => write!(f, "{}/{repository}", registry.host()),
        }
    }
}

impl Holdings {
    /// The content of a small file.
    fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        match self {
            Self::Dir(dir) => {
                let file = dir.join(name);
                let size = fs::metadata(&file).map_err(|error| self.unreadable(name, error))?.len();
                if size > limit {
                    let what = format!("has {size} bytes, more than the {limit} allowed");
                    return Err(self.broken(name, &what));
                }
                fs::read(file).map_err(|error| self.unreadable(name, error))
            }
            Self::Tar(tarball) => tarball.bytes(name, limit).map_err(|what| self.broken("it", &what)),
            Self::Repository { documents, .. } => {
                documents.get(name).cloned().ok_or_else(|| self.broken(name, "was not fetched"))
            }
        }
    }

    /// A blob, if it is here: its size is checked, its digest when it is sent.
    fn content(&self, name: &str, size: u64) -> Result<Option<Content>> {
        let slice = match self {
            Self::Dir(dir) => {
                let file = dir.join(name);
                let metadata = match fs::metadata(&file) {
                    Ok(metadata) => metadata,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(self.unreadable(name, error)),
                };
                if !metadata.is_file() {
                    return Err(self.broken(name, "is not a file"));
                }
                Slice::whole(file, metadata.len())
            }
            Self::Tar(tarball) => match tarball.find(name) {
                Some(slice) => slice.clone(),
                None => return Ok(None),
            },
            Self::Repository { registry, repository, .. } => {
                return Ok(Some(Content::Remote(registry.clone(), repository.clone())));
            }
        };
        if slice.len != size {
            let what = format!("has {} bytes where {size} were announced", slice.len);
            return Err(self.broken(name, &what));
        }
        Ok(Some(Content::File(slice)))
    }

    fn unreadable(&self, name: &str, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::NotFound {
            self.broken(name, "is missing")
        } else {
            self.broken(name, "cannot be read").source(error)
        }
    }

    fn broken(&self, name: &str, what: &str) -> Error {
        match self {
            Self::Dir(dir) => Error::usage(format!("the OCI layout is broken: {} {what}", dir.join(name).display()))
                .hint("build the image again into an empty directory: `docker buildx build --output type=oci,tar=false,dest=DIR .`"),
            Self::Tar(tarball) => Error::usage(format!("{} is broken: {name} {what}", tarball.file.display()))
                .hint("write the archive again: `docker buildx build --output type=oci,dest=FILE .`"),
            Self::Repository { .. } => Error::new(ErrorKind::Preflight, format!("{self} cannot be copied: {name} {what}"))
                .hint("push the image to its registry again"),
        }
    }
}

/// What a blob is called where it is held. A digest that is well-formed cannot climb out of a directory.
fn blob_name(holdings: &Holdings, text: &str) -> Result<String> {
    match (digest::hex_part(text), holdings) {
        (Some(_), Holdings::Repository { .. }) => Ok(text.to_owned()),
        (Some(hex), _) => Ok(format!("blobs/sha256/{hex}")),
        (None, _) => Err(holdings.broken(
            "index.json",
            &format!("leads to the digest `{}`, which is not a SHA-256 digest", text.escape_debug()),
        )),
    }
}

/// Picks an entry of `index.json`: by name or digest, else the only one.
fn choose<'a>(
    holdings: &Holdings,
    entries: &'a [Descriptor],
    reference: Option<&str>,
) -> Result<&'a Descriptor> {
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
            format!("{holdings} has no image `{wanted}`: {holds}")
        }
        Some(wanted) => {
            format!("{holdings} has several images called `{wanted}`")
        }
        None if fitting.is_empty() => format!("{holdings} has no image: {holds}"),
        None => format!("{holdings} has several images: {holds}"),
    };
    let source = match holdings {
        Holdings::Tar(tarball) => format!("oci-archive:{}", tarball.file.display()),
        Holdings::Dir(dir) => format!("oci:{}", dir.display()),
        Holdings::Repository { .. } => "registry:REPOSITORY".to_owned(),
    };
    Err(Error::usage(message).hint(format!("name one: `{source}:NAME` or `{source}:sha256:...`")))
}

/// Collects what one image consists of.
struct Walk<'a> {
    holdings: &'a Holdings,
    children: Vec<Manifest>,
    seen: HashSet<String>,
    blobs: Vec<Blob>,
    blobs_seen: HashSet<String>,
    variants: Vec<Variant>,
    notes: Vec<String>,
    images: usize,
}

impl Walk<'_> {
    /// Reads a manifest and all that it names; what an index names goes to `children`, deepest first.
    fn manifest(&mut self, entry: &Descriptor, depth: usize) -> Result<Manifest> {
        let name = blob_name(self.holdings, &entry.digest)?;
        let broken = |what: &str| self.holdings.broken(&name, what);
        if depth > DEPTH_LIMIT {
            return Err(broken("is nested too deeply in other indexes"));
        }
        let bytes = self.read_verified(entry, MANIFEST_LIMIT)?;
        let document = Document::parse(&bytes, &entry.media_type).map_err(|what| broken(&what))?;
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
                        return Err(broken("names more manifests than an image can have"));
                    }
                    let child = self.manifest(child, depth + 1)?;
                    self.children.push(child);
                }
            }
            Document::Image { config, layers, .. } => {
                let is_image = !entry.is_attestation() && is_image_config(&config.media_type);
                if is_image {
                    self.images += 1;
                    self.variant(entry, &config, &layers)?;
                }
                self.blob(&config)?;
                for layer in &layers {
                    if is_image && layer_kind(&layer.media_type) == LayerKind::Unknown {
                        return Err(broken(&format!(
                            "has a layer of the type `{}`, which no container runtime unpacks",
                            layer.media_type.escape_debug()
                        )));
                    }
                    self.blob(layer)?;
                }
            }
        }
        Ok(manifest)
    }

    fn variant(&mut self, entry: &Descriptor, config: &Descriptor, layers: &[Descriptor]) -> Result<()> {
        let platform = match entry.platform.as_ref().and_then(Platform::name) {
            Some(name) => name,
            None => {
                let name = blob_name(self.holdings, &config.digest)?;
                let bytes = self.read_verified(config, CONFIG_LIMIT)?;
                let platform: Platform = serde_json::from_slice(&bytes).map_err(|error| {
                    self.holdings.broken(&name, "is not an image's configuration").source(error)
                })?;
                platform.name().unwrap_or_default()
            }
        };
        if !self.variants.iter().any(|known| known.platform == platform) {
            self.variants.push(Variant { platform, size: layers.iter().map(|layer| layer.size).sum() });
        }
        Ok(())
    }

    fn blob(&mut self, entry: &Descriptor) -> Result<()> {
        let name = blob_name(self.holdings, &entry.digest)?;
        let foreign = entry.urls.as_ref().is_some_and(|urls| !urls.is_empty())
            || layer_kind(&entry.media_type) == LayerKind::Foreign;
        // A repository may or may not hold a foreign layer; it is not asked to, and need not.
        let content = match self.holdings {
            Holdings::Repository { .. } if foreign => None,
            holdings => holdings.content(&name, entry.size)?,
        };
        let Some(content) = content else {
            if !foreign {
                return Err(self.holdings.broken(&name, "is missing"));
            }
            self.notes.push(format!(
                "the layer {} is fetched from elsewhere by whoever runs the image ({}): it will not be in the registry",
                entry.digest, entry.media_type
            ));
            return Ok(());
        };
        if self.blobs_seen.insert(entry.digest.clone()) {
            self.blobs.push(Blob {
                digest: entry.digest.clone(),
                size: entry.size,
                media_type: entry.media_type.clone(),
                content,
            });
        }
        Ok(())
    }

    fn read_verified(&self, entry: &Descriptor, limit: u64) -> Result<Vec<u8>> {
        let name = blob_name(self.holdings, &entry.digest)?;
        let bytes = self.holdings.read(&name, limit)?;
        if bytes.len() as u64 != entry.size {
            let what = format!("has {} bytes where {} were announced", bytes.len(), entry.size);
            return Err(self.holdings.broken(&name, &what));
        }
        let found = digest::of(&bytes);
        if found != entry.digest {
            return Err(self
                .holdings
                .broken(&name, &format!("has other content than its name says: its digest is {found}")));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
