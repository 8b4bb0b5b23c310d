//! Turns what `docker save` writes into an OCI image.
//!
//! Docker 20.10 writes `manifest.json`, `<id>.json` and `<id>/layer.tar`, with symbolic links for layers
//! that are the same; Docker 25 and later write an OCI layout and `manifest.json` beside it, with
//! layers that are compressed when its containerd store holds them. `manifest.json` serves for all of them.
//!
//! Nothing is unpacked: the archive is indexed once, and its entries are read as ranges of the file. So the
//! names in it are only ever looked up, and no path can climb anywhere.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use tar::EntryType;
use tempfile::TempDir;

use super::digest;
use super::document::{
    Descriptor, MANIFEST_LIMIT, OCI_CONFIG, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST, Platform,
};
use super::gzip::{self, Compressed, Slice, Stop, StopFlag};
use super::layout::CONFIG_LIMIT;
use super::open::{Blob, Manifest, OpenImage, blocking};
use crate::error::{Error, ErrorKind, Result};

/// Entries of an archive; an image of a thousand layers has about four thousand.
const ENTRY_LIMIT: usize = 100_000;
/// Links to links; real ones have one step.
const LINK_LIMIT: usize = 8;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What is read from an archive before any layer is.
#[derive(Debug)]
struct Contents {
    config: Vec<u8>,
    platform: Option<String>,
    /// Lowest layer first.
    layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
struct Layer {
    slice: Slice,
    /// The digest that the configuration announces for the uncompressed bytes.
    diff_id: String,
    /// The digest in the entry's own name, where it has one.
    named: Option<String>,
}

/// Makes the image `name` of `archive` ready to be pushed; compressed layers go to `scratch`.
///
/// # Errors
///
/// Preflight when the archive is not what it should be; Internal when there is no room for its layers.
pub(super) async fn convert(
    archive: PathBuf,
    name: &str,
    source: String,
    scratch: TempDir,
) -> Result<OpenImage> {
    let (file, wanted) = (archive.clone(), name.to_owned());
    let contents = blocking(move || read_contents(&file, &wanted)).await?;

    let mut distinct: Vec<Layer> = Vec::new();
    for layer in &contents.layers {
        if !distinct.iter().any(|known| known.diff_id == layer.diff_id) {
            distinct.push(layer.clone());
        }
    }
    // The largest first, so that no core ends alone with it.
    distinct.sort_by_key(|layer| std::cmp::Reverse(layer.slice.len));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let stop = Stop::default();
    let work = distinct.into_iter().enumerate().map(|(number, layer)| {
        let (to, flag, image) =
            (scratch.path().join(format!("layer-{number}")), stop.flag(), name.to_owned());
        blocking(move || pack(&layer, to, &flag, &image).map(|blob| (layer.diff_id, blob)))
    });
    let packed: HashMap<String, Blob> =
        futures_util::stream::iter(work).buffer_unordered(cores).try_collect().await?;

    let config_file = scratch.path().join("config.json");
    let config = Blob {
        digest: digest::of(&contents.config),
        size: contents.config.len() as u64,
        media_type: OCI_CONFIG.to_owned(),
        file: config_file.clone(),
        offset: 0,
    };
    tokio::fs::write(&config_file, &contents.config).await.map_err(|error| no_room(&config_file, error))?;
    if packed.values().all(|blob| blob.file != archive) {
        // Everything has been compressed out of it; a failure to remove it only costs room.
        let _ = tokio::fs::remove_file(&archive).await;
    }

    let layers: Vec<&Blob> = contents.layers.iter().filter_map(|layer| packed.get(&layer.diff_id)).collect();
    let top = manifest(&config, &layers)?;
    let mut blobs: Vec<Blob> = Vec::new();
    for blob in std::iter::once(&config).chain(layers) {
        if !blobs.iter().any(|known| known.digest == blob.digest) {
            blobs.push(blob.clone());
        }
    }
    Ok(OpenImage {
        source,
        top,
        children: Vec::new(),
        blobs,
        platforms: contents.platform.into_iter().collect(),
        _scratch: Some(scratch),
    })
}

/// The manifest of an image: fields in a fixed order, so that the same image has the same digest each time.
fn manifest(config: &Blob, layers: &[&Blob]) -> Result<Manifest> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        schema_version: u32,
        media_type: &'a str,
        config: Descriptor,
        layers: Vec<Descriptor>,
    }
    let descriptor = |blob: &Blob| Descriptor::new(&blob.media_type, blob.digest.clone(), blob.size);
    let document = Document {
        schema_version: 2,
        media_type: OCI_MANIFEST,
        config: descriptor(config),
        layers: layers.iter().map(|blob| descriptor(blob)).collect(),
    };
    let bytes = serde_json::to_vec(&document)
        .map_err(|error| Error::internal("cannot write an image manifest").source(error))?;
    Ok(Manifest { digest: digest::of(&bytes), media_type: OCI_MANIFEST.to_owned(), bytes })
}

/// Makes one layer a blob, and verifies it against what its configuration announces.
fn pack(layer: &Layer, to: PathBuf, stop: &StopFlag, image: &str) -> Result<Blob> {
    let slice = &layer.slice;
    let magic = slice.magic().map_err(|error| no_room(&slice.file, error))?;
    let (made, media_type, file, offset) = if magic.starts_with(&GZIP_MAGIC) {
        (gzip::describe_gzip(slice, stop), OCI_LAYER_GZIP, slice.file.clone(), slice.offset)
    } else if magic.starts_with(&ZSTD_MAGIC) {
        (gzip::describe_opaque(slice, stop), OCI_LAYER_ZSTD, slice.file.clone(), slice.offset)
    } else {
        (gzip::compress(slice, &to, stop), OCI_LAYER_GZIP, to.clone(), 0)
    };
    let Compressed { diff_id, digest, size } = made.map_err(|error| no_room(&to, error))?;
    let found = match (&diff_id, &layer.named) {
        (Some(found), _) if *found != layer.diff_id => Some(found),
        // A zstd layer is not unpacked here; at least it has to be what its own name says.
        (None, Some(named)) if digest != *named => Some(&digest),
        _ => None,
    };
    if let Some(found) = found {
        let what = format!("the layer {} has other content: its digest is {found}", layer.diff_id);
        return Err(broken(image, &what));
    }
    Ok(Blob { digest, size, media_type: media_type.to_owned(), file, offset })
}

fn read_contents(archive: &Path, image: &str) -> Result<Contents> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Entry {
        config: String,
        repo_tags: Option<Vec<String>>,
        layers: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Config {
        #[serde(flatten)]
        platform: Platform,
        rootfs: RootFs,
    }
    #[derive(Deserialize)]
    struct RootFs {
        diff_ids: Vec<String>,
    }

    let index = Index::read(archive, image)?;
    let bytes = index.bytes("manifest.json", MANIFEST_LIMIT)?;
    let entries: Vec<Entry> = serde_json::from_slice(&bytes)
        .map_err(|error| broken(image, "its manifest.json cannot be read").source(error))?;
    let tagged = |entry: &&Entry| entry.repo_tags.iter().flatten().any(|tag| is_tag_of(tag, image));
    let entry = match entries.as_slice() {
        [entry] => entry,
        several => several.iter().find(tagged).ok_or_else(|| {
            broken(image, &format!("it holds {} images, and none has that name", several.len()))
        })?,
    };

    let config = index.bytes(&entry.config, CONFIG_LIMIT)?;
    if let Some(named) = digest_in_name(&entry.config)
        && digest::of(&config) != named
    {
        return Err(broken(image, "its configuration has other content than its name says"));
    }
    let parsed: Config = serde_json::from_slice(&config)
        .map_err(|error| broken(image, "its configuration cannot be read").source(error))?;
    if parsed.rootfs.diff_ids.len() != entry.layers.len() {
        let what = format!(
            "its configuration announces {} layers, and it holds {}",
            parsed.rootfs.diff_ids.len(),
            entry.layers.len()
        );
        return Err(broken(image, &what));
    }
    let mut layers = Vec::with_capacity(entry.layers.len());
    for (name, diff_id) in entry.layers.iter().zip(parsed.rootfs.diff_ids) {
        layers.push(Layer { slice: index.find(name)?, diff_id, named: digest_in_name(name) });
    }
    Ok(Contents { config, platform: parsed.platform.name(), layers })
}

/// `<hex>.json` and `blobs/sha256/<hex>` name their content.
fn digest_in_name(name: &str) -> Option<String> {
    let last = name.rsplit('/').next()?;
    let hex = last.strip_suffix(".json").unwrap_or(last);
    digest::is_hex(hex).then(|| format!("sha256:{hex}"))
}

/// Whether the tag in an archive is what the engine was asked for; `app` means `app:latest`.
fn is_tag_of(tag: &str, name: &str) -> bool {
    let full = |text: &str| {
        text.parse::<super::Reference>().ok().map(|reference| {
            let tag = reference.tag.clone().unwrap_or_else(|| "latest".to_owned());
            (reference.host, reference.repository, tag)
        })
    };
    tag == name || full(tag).is_some_and(|tag| full(name) == Some(tag))
}

/// Where the entries of an archive are.
struct Index<'a> {
    image: &'a str,
    entries: HashMap<String, Entry>,
}

enum Entry {
    File(Slice),
    /// The name it leads to.
    Link(String),
}

impl<'a> Index<'a> {
    fn read(archive: &Path, image: &'a str) -> Result<Self> {
        let unreadable = |error| broken(image, "it cannot be read as a tar archive").source(error);
        let file = File::open(archive).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut entries = HashMap::new();
        for entry in tar::Archive::new(file).entries_with_seek().map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
            let found = match (entry.header().entry_type(), link) {
                (EntryType::Regular | EntryType::Continuous, _) => {
                    let (offset, len) = (entry.raw_file_position(), entry.size());
                    if offset.checked_add(len).is_none_or(|end| end > length) {
                        return Err(broken(
                            image,
                            &format!("it ends in the middle of `{}`", name.escape_debug()),
                        ));
                    }
                    Entry::File(Slice { file: archive.to_owned(), offset, len })
                }
                // A symbolic link is relative to where it stands, a hard link to the root of the archive.
                (EntryType::Symlink, Some(to)) => Entry::Link(format!("{name}/../{to}")),
                (EntryType::Link, Some(to)) => Entry::Link(to),
                _ => continue,
            };
            entries.insert(normal(&name), found);
            if entries.len() > ENTRY_LIMIT {
                return Err(broken(image, "it has more entries than an image can have"));
            }
        }
        Ok(Self { image, entries })
    }

    fn find(&self, name: &str) -> Result<Slice> {
        let mut current = normal(name);
        for _ in 0..LINK_LIMIT {
            match self.entries.get(&current) {
                Some(Entry::File(slice)) => return Ok(slice.clone()),
                Some(Entry::Link(to)) => current = normal(to),
                None => break,
            }
        }
        Err(broken(self.image, &format!("it has no file `{}`", name.escape_debug())))
    }

    fn bytes(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let slice = self.find(name)?;
        if slice.len > limit {
            return Err(broken(self.image, &format!("`{}` has {} bytes", name.escape_debug(), slice.len)));
        }
        let mut bytes = Vec::new();
        let read = slice.reader().and_then(|mut reader| reader.read_to_end(&mut bytes));
        match read {
            Ok(_) => Ok(bytes),
            Err(error) => Err(broken(self.image, "it cannot be read").source(error)),
        }
    }
}

/// A name without `.`, `..` and doubled slashes, for looking it up.
fn normal(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn broken(image: &str, what: &str) -> Error {
    Error::new(ErrorKind::Preflight, format!("the exported image `{image}` is broken: {what}")).hint(format!(
        "build or pull the image again; `docker save {image} -o image.tar` shows what the engine exports"
    ))
}

pub(super) fn no_room(file: &Path, error: std::io::Error) -> Error {
    Error::internal(format!("cannot write the temporary file {}", file.display()))
        .hint("an exported image needs its own size, and again its compressed size, in the temporary directory; set TMPDIR to one with room")
        .source(error)
}

#[cfg(test)]
#[path = "archive_tests.rs"]
pub(super) mod tests;
