//! [`Unpacked`]: an image whose layers are not compressed yet, from a Docker engine or its archive.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;

use super::cache::{Cache, KnownLayer};
use super::compression::Compression;
use super::digest;
use super::document::{Descriptor, OCI_CONFIG, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST};
use super::engine::Export;
use super::engine_store::StoredLayer;
use super::open::{Blob, Content, Manifest, OpenOptions, Written, blocking, broken};
use super::pack::{Packed, Packer};
use super::progress::{Progress, Reading};
use super::slice::{Coding, Slice, Stop};
use crate::error::{Error, Result};

/// Layers that are read at a time: while the last MiB of one is written, the next begins.
const LAYERS: usize = 3;

/// An image whose layers are not compressed yet.
#[derive(Debug)]
pub(super) struct Unpacked {
    source: String,
    /// What the cache knows it by: the digest of its configuration, or what its engine calls it.
    id: String,
    /// Lowest first; one may occur twice. Empty when the engine did not say.
    diff_ids: Vec<String>,
    /// Unknown until an engine has exported it.
    config: Option<Vec<u8>>,
    /// What some of its layers became the last time, by uncompressed digest.
    known: HashMap<String, KnownLayer>,
    origin: Origin,
    cache: Cache,
    compression: Compression,
}

/// Where the layers are.
#[derive(Debug)]
pub(super) enum Origin {
    /// Ranges of a file with their uncompressed digests; lowest first.
    Archive(Vec<(String, Slice)>),
    Engine(Box<Export>),
}

/// What packing came to.
pub(super) struct Outcome {
    pub(super) config: Vec<u8>,
    /// Lowest first.
    pub(super) diff_ids: Vec<String>,
}

impl Unpacked {
    pub(super) fn new(
        source: String,
        id: String,
        diff_ids: Vec<String>,
        config: Option<Vec<u8>>,
        origin: Origin,
        options: &OpenOptions,
    ) -> Self {
        let OpenOptions { cache, compression, .. } = options;
        let known = diff_ids
            .iter()
            .filter_map(|diff_id| Some((diff_id.clone(), cache.layer(*compression, diff_id)?)))
            .collect();
        // An archive's own configuration is at hand; an engine only gives it with everything else.
        let config = config.or_else(|| {
            let cached = cache.config(&id)?;
            let parsed = super::docker_archive::Config::parse(&cached).ok()?;
            (!diff_ids.is_empty() && parsed.rootfs.diff_ids == diff_ids).then_some(cached)
        });
        Self { source, id, diff_ids, config, known, origin, cache: cache.clone(), compression: *compression }
    }

    /// The configuration, if it is known.
    pub(super) fn config(&self) -> Option<&[u8]> {
        self.config.as_deref()
    }

    /// Blobs that are expected to come out: digests and sizes, from the cache.
    pub(super) fn expected(&self) -> Vec<(String, u64)> {
        let config = self.config.iter().map(|config| (digest::of(config), config.len() as u64));
        let mut blobs: Vec<(String, u64)> = config.collect();
        for known in self.diff_ids.iter().filter_map(|diff_id| self.known.get(diff_id)) {
            if !blobs.iter().any(|(digest, _)| *digest == known.digest) {
                blobs.push((known.digest.clone(), known.size));
            }
        }
        blobs
    }

    /// The manifest that comes out, when all of it is known.
    pub(super) fn expected_manifest(&self) -> Option<Manifest> {
        let config = self.config.as_ref().filter(|_| !self.diff_ids.is_empty())?;
        let layers: Vec<(&str, &str, u64)> = self
            .diff_ids
            .iter()
            .map(|diff_id| {
                let known = self.known.get(diff_id)?;
                Some((known.media_type.as_str(), known.digest.as_str(), known.size))
            })
            .collect::<Option<_>>()?;
        manifest(config, &layers).ok()
    }

    /// Splits the layers by what is in the registry already: those that are, by uncompressed digest, as blobs with
    /// this content; and those that have to be packed. `None` stands for all of them.
    pub(super) fn split(
        &self,
        there: &HashSet<String>,
        content: &Content,
    ) -> (HashMap<String, Blob>, Option<HashSet<String>>) {
        if self.diff_ids.is_empty() {
            return (HashMap::new(), None);
        }
        let (mut have, mut wanted) = (HashMap::new(), HashSet::new());
        for diff_id in &self.diff_ids {
            match self.known.get(diff_id).filter(|known| there.contains(&known.digest)) {
                Some(KnownLayer { digest, size, media_type }) => {
                    let blob = Blob {
                        digest: digest.clone(),
                        size: *size,
                        media_type: media_type.clone(),
                        content: content.clone(),
                    };
                    have.insert(diff_id.clone(), blob);
                }
                None => {
                    wanted.insert(diff_id.clone());
                }
            }
        }
        (have, Some(wanted))
    }

    /// Packs the layers that are wanted, and gives each away as soon as it is ready. Without any that are wanted,
    /// and with a configuration at hand, nothing is read.
    ///
    /// # Errors
    ///
    /// Preflight when the image is not what it should be; Internal when there is no room for its layers.
    pub(super) async fn pack(
        &self,
        wanted: Option<HashSet<String>>,
        scratch: &Path,
        out: &UnboundedSender<(String, Blob)>,
        progress: &Progress,
    ) -> Result<Outcome> {
        if let (Some(config), Some(wanted)) = (&self.config, &wanted)
            && wanted.is_empty()
        {
            return Ok(Outcome { config: config.clone(), diff_ids: self.diff_ids.clone() });
        }
        let stop = Stop::default();
        let packer = Packer::new(self.compression, scratch, stop.flag()).map_err(no_room)?;
        let done = |packed: Packed, coding: Coding| {
            let diff_id = packed.diff_id.clone();
            // Who does not listen any more has an error of its own to tell.
            let _ = out.send((diff_id, self.remember(packed, coding)));
        };
        match &self.origin {
            Origin::Archive(layers) => {
                let mut seen = HashSet::new();
                let wanted = layers.iter().filter(|(diff_id, _)| {
                    let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.contains(diff_id));
                    is_wanted && seen.insert(diff_id.as_str())
                });
                let work = wanted.map(|(diff_id, slice)| {
                    let (packer, source) = (packer.clone(), self.source.clone());
                    let (diff_id, slice) = (diff_id.clone(), slice.clone());
                    let reading = progress.reading(&diff_id, slice.len);
                    (slice.len, move || pack_slice(&diff_id, &slice, &packer, &source, &reading))
                });
                largest_first(work, |(packed, coding)| done(packed, coding)).await?;
                let config = self.config.clone().unwrap_or_default();
                Ok(Outcome { config, diff_ids: self.diff_ids.clone() })
            }
            Origin::Engine(export) => {
                let (config, wanted) = self.take_from_store(export, wanted, &packer, progress, &done).await?;
                if let (Some(config), Some(wanted)) = (config, &wanted)
                    && wanted.is_empty()
                {
                    return Ok(Outcome { config, diff_ids: self.diff_ids.clone() });
                }
                let exported = export.pack(&self.diff_ids, wanted, packer, progress, &done).await?;
                self.cache.remember_config(&self.id, &exported.config);
                Ok(exported)
            }
        }
    }

    /// Packs what can be read where the engine keeps it; gives the configuration, if it is known then, and the layers
    /// that are still wanted.
    async fn take_from_store(
        &self,
        export: &Export,
        wanted: Option<HashSet<String>>,
        packer: &Packer,
        progress: &Progress,
        done: &(dyn Fn(Packed, Coding) + Sync),
    ) -> Result<(Option<Vec<u8>>, Option<HashSet<String>>)> {
        let (Some(store), Some(mut wanted)) = (export.store(), wanted.clone()) else {
            return Ok((self.config.clone(), wanted));
        };
        let config = self.config.clone().or_else(|| store.config(&self.id));
        let Some(config) = config else {
            // It takes an export anyway.
            return Ok((None, Some(wanted)));
        };
        let layers = store.layers(&self.diff_ids);
        let work = wanted.iter().filter_map(|diff_id| layers.get(diff_id)).cloned().map(|layer| {
            let packer = packer.clone();
            let reading = progress.reading(&layer.diff_id, layer.size);
            (layer.size, move || Ok(pack_stored(&layer, &packer, &reading)))
        });
        let mut taken = Vec::new();
        largest_first(work.collect::<Vec<_>>().into_iter(), |packed| {
            if let Some(packed) = packed {
                taken.push(packed.diff_id.clone());
                done(packed, Coding::Plain);
            }
        })
        .await?;
        for diff_id in taken {
            wanted.remove(&diff_id);
        }
        self.cache.remember_config(&self.id, &config);
        Ok((Some(config), Some(wanted)))
    }

    /// A packed layer as a blob; the cache learns it.
    fn remember(&self, packed: Packed, coding: Coding) -> Blob {
        let media_type = match (coding, self.compression) {
            (Coding::Gzip, _) | (Coding::Plain, Compression::Gzip) => OCI_LAYER_GZIP,
            (Coding::Zstd, _) | (Coding::Plain, Compression::Zstd) => OCI_LAYER_ZSTD,
        };
        let Packed { diff_id, digest, slice, .. } = packed;
        let (size, media_type) = (slice.len, media_type.to_owned());
        let known = KnownLayer { digest, size, media_type };
        self.cache.remember_layer(self.compression, &diff_id, &known);
        let KnownLayer { digest, media_type, .. } = known;
        let own = coding == Coding::Plain || matches!(self.origin, Origin::Engine(_));
        Blob {
            digest,
            size,
            media_type,
            content: if own { Content::Own(slice) } else { Content::File(slice) },
        }
    }

    /// The image, once its configuration and all of its layers are known.
    ///
    /// # Errors
    ///
    /// Internal when a layer is missing.
    pub(super) fn write(&self, outcome: Outcome, layers: &HashMap<String, Blob>) -> Result<Written> {
        let Outcome { config, diff_ids } = outcome;
        let chosen: Vec<&Blob> = diff_ids.iter().filter_map(|diff_id| layers.get(diff_id)).collect();
        if chosen.len() != diff_ids.len() {
            return Err(Error::internal(format!("a layer of {} was not packed", self.source)));
        }
        let entries: Vec<(&str, &str, u64)> =
            chosen.iter().map(|blob| (blob.media_type.as_str(), blob.digest.as_str(), blob.size)).collect();
        let top = manifest(&config, &entries)?;
        let mut blobs = vec![config_blob(config)];
        let mut seen = HashSet::new();
        blobs.extend(chosen.into_iter().filter(|blob| seen.insert(blob.digest.as_str())).cloned());
        Ok(Written { top, children: Vec::new(), blobs })
    }
}

/// The configuration as a blob.
pub(super) fn config_blob(config: Vec<u8>) -> Blob {
    Blob {
        digest: digest::of(&config),
        size: config.len() as u64,
        media_type: OCI_CONFIG.to_owned(),
        content: Content::Memory(Bytes::from(config)),
    }
}

/// The manifest of an image: fields in a fixed order, so that the same image has the same digest each time.
/// Layers are media type, digest and size.
fn manifest(config: &[u8], layers: &[(&str, &str, u64)]) -> Result<Manifest> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        schema_version: u32,
        media_type: &'a str,
        config: Descriptor,
        layers: Vec<Descriptor>,
    }
    let document = Document {
        schema_version: 2,
        media_type: OCI_MANIFEST,
        config: Descriptor::new(OCI_CONFIG, digest::of(config), config.len() as u64),
        layers: layers
            .iter()
            .map(|(media_type, digest, size)| Descriptor::new(media_type, (*digest).to_owned(), *size))
            .collect(),
    };
    let bytes = serde_json::to_vec(&document)
        .map_err(|error| Error::internal("cannot write an image manifest").source(error))?;
    Ok(Manifest { digest: digest::of(&bytes), media_type: OCI_MANIFEST.to_owned(), bytes })
}

/// Runs work on layers, a few at a time, the largest first, so that no core ends alone with it.
async fn largest_first<T: Send + 'static>(
    work: impl Iterator<Item = (u64, impl FnOnce() -> Result<T> + Send + 'static)>,
    mut done: impl FnMut(T),
) -> Result<()> {
    let mut work: Vec<_> = work.collect();
    work.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let mut running = stream::iter(work).map(|(_, work)| blocking(work)).buffer_unordered(LAYERS);
    while let Some(outcome) = running.try_next().await? {
        done(outcome);
    }
    Ok(())
}

/// Makes a range of an archive a blob, and verifies it against what its configuration announces.
fn pack_slice(
    diff_id: &str,
    slice: &Slice,
    packer: &Packer,
    source: &str,
    reading: &Reading,
) -> Result<(Packed, Coding)> {
    let coding = slice.coding().map_err(no_room)?;
    let packed = match coding {
        Coding::Plain => packer.compress_slice(slice, &|more| reading.add(more)),
        // What is compressed is passed on as it is, but not unseen: a runtime would refuse it when it is pulled.
        coding => packer.look_into(slice, coding),
    };
    let packed = packed.map_err(|error| unreadable_layer(source, diff_id, error))?;
    check_layer(source, diff_id, &packed)?;
    reading.done(&packed);
    Ok((packed, coding))
}

/// Packs a layer of an engine's storage; `None` where it cannot be read or is not what it should be: then it is
/// exported.
fn pack_stored(layer: &StoredLayer, packer: &Packer, reading: &Reading) -> Option<Packed> {
    let packed = packer.compress(&mut layer.open().ok()?, &|more| reading.add(more)).ok()?;
    if packed.diff_id != layer.diff_id {
        // Only room is lost where it cannot be removed.
        let _ = std::fs::remove_file(&*packed.slice.file);
        return None;
    }
    reading.done(&packed);
    Some(packed)
}

/// Whether a layer is what its configuration announces.
pub(super) fn check_layer(source: &str, diff_id: &str, packed: &Packed) -> Result<()> {
    if packed.diff_id == diff_id {
        return Ok(());
    }
    let found = &packed.diff_id;
    Err(broken(source, &format!("has the layer {diff_id} with other content: its digest is {found}")))
}

/// A layer could not be read, or not be written packed.
pub(super) fn unreadable_layer(source: &str, layer: &str, error: io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        UnexpectedEof => broken(source, &format!("ends in the middle of the layer {layer}")),
        InvalidData | InvalidInput => {
            broken(source, &format!("has the layer {layer} that cannot be decompressed")).source(error)
        }
        _ => no_room(error),
    }
}

/// Files could not be read or written while layers were packed.
pub(super) fn no_room(error: io::Error) -> Error {
    Error::internal("cannot compress a layer")
        .hint("its archive must stay in place, and the temporary directory (TMPDIR) needs room for all compressed layers")
        .source(error)
}
