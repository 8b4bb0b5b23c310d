//! [`Ingest`]: reads what an engine exports while it arrives, and packs its layers on the way.

use std::collections::HashSet;
use std::io::{self, Read};

use tar::EntryType;
use tokio::sync::mpsc::UnboundedSender;

use super::docker_archive::{Saved, digest_in_name};
use super::layout::CONFIG_LIMIT;
use super::open::broken;
use super::pack::{Packed, Packer};
use super::progress::Progress;
use super::slice::{Coding, fill};
use super::tarball::{ENTRY_LIMIT, Names};
use super::unpacked::{Outcome, check_layer, no_room, unreadable_layer};
use crate::error::{Error, Result};

/// Files other than layers (configurations, manifests) that are kept in memory, in bytes altogether.
const MEMORY_LIMIT: u64 = 2 * CONFIG_LIMIT;

/// Which layers are to be packed.
pub(super) struct Layers {
    /// All layers of the image by uncompressed digest; empty when the engine did not say.
    all: HashSet<String>,
    /// `None` stands for all.
    wanted: Option<HashSet<String>>,
}

impl Layers {
    pub(super) fn new(all: &[String], wanted: Option<HashSet<String>>) -> Self {
        Self { all: all.iter().cloned().collect(), wanted }
    }

    fn is_wanted(&self, diff_id: &str) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.contains(diff_id))
    }

    /// Whether a layer whose digest is not known beforehand is likely to be wanted.
    fn most_are_wanted(&self) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.len() * 2 > self.all.len())
    }
}

/// What stands in an export.
enum Kept {
    /// A layer, packed.
    Layer(Box<(Packed, Coding)>),
    /// A layer that is not wanted: its digest.
    Passed(String),
    Small(Vec<u8>),
}

/// Reads one export.
pub(super) struct Ingest {
    pub(super) source: String,
    /// What the engine was asked for.
    pub(super) image: String,
    pub(super) wanted: Layers,
    pub(super) packer: Packer,
    pub(super) progress: Progress,
    /// Layers, as soon as they are ready, and how they came.
    pub(super) out: UnboundedSender<(Packed, Coding)>,
}

impl Ingest {
    /// Reads to the end.
    ///
    /// # Errors
    ///
    /// Preflight when the export is not what it should be; Internal when there is no room.
    pub(super) fn run(self, reader: impl Read) -> Result<Outcome> {
        let broken = |what: &str| broken(&self.source, what);
        let unreadable = |error: io::Error| broken("cannot be read as a tar archive").source(error);
        let mut archive = tar::Archive::new(reader);
        let mut names: Names<Kept> = Names::default();
        let mut told = HashSet::new();
        let mut room = MEMORY_LIMIT;
        for entry in archive.entries().map_err(unreadable)? {
            let mut entry = entry.map_err(unreadable)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
            let size = entry.size();
            match (entry.header().entry_type(), link) {
                (EntryType::Regular | EntryType::Continuous, _) => {
                    let mut start = [0; 4];
                    let filled = fill(&mut entry, &mut start).map_err(unreadable)?;
                    let start = &start[..filled];
                    let mut content = start.chain(entry);
                    // Documents are small and never compressed.
                    let small = size <= room.min(CONFIG_LIMIT) && Coding::of(start) == Coding::Plain;
                    let kept = if small && !self.is_layer(&name) {
                        room -= size;
                        let mut bytes = Vec::new();
                        content.read_to_end(&mut bytes).map_err(unreadable)?;
                        Kept::Small(bytes)
                    } else {
                        self.layer(&name, size, Coding::of(start), &mut content, &mut told)?
                    };
                    names.file(&name, kept);
                }
                (kind @ (EntryType::Symlink | EntryType::Link), Some(to)) => names.link(&name, &to, kind),
                _ => continue,
            }
            if names.len() > ENTRY_LIMIT {
                return Err(broken("has more entries than an image can have"));
            }
        }
        // The padding behind the end belongs to the answer: what follows it would be its error.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(unreadable)?;
        self.finish(&names, &mut told)
    }

    /// Whether a file of the export is a layer, by its name.
    fn is_layer(&self, name: &str) -> bool {
        name.ends_with(".tar") || digest_in_name(name).is_some_and(|digest| self.wanted.all.contains(&digest))
    }

    fn layer(
        &self,
        name: &str,
        size: u64,
        coding: Coding,
        content: &mut impl Read,
        told: &mut HashSet<String>,
    ) -> Result<Kept> {
        let named = digest_in_name(name);
        let known = named.clone().filter(|digest| self.wanted.all.contains(digest));
        if let Some(digest) = &known
            && !self.wanted.is_wanted(digest)
        {
            return Ok(Kept::Passed(digest.clone()));
        }
        let label = known.clone().unwrap_or_else(|| name.to_owned());
        let failed = |error| unreadable_layer(&self.source, &label, error);
        let reading = self.progress.reading(&label, size);
        let saw = |more| reading.add(more);
        let packed = match coding {
            Coding::Plain if known.is_some() || self.wanted.most_are_wanted() => {
                self.packer.compress(content, &saw).map_err(failed)?
            }
            Coding::Plain => {
                // Which layer it is shows only at its end. Reading it twice costs less than packing it in vain.
                let (digest, stored) = self.packer.store(content, &saw).map_err(failed)?;
                let is_wanted = self.wanted.is_wanted(&digest);
                let packed = is_wanted.then(|| self.packer.compress_slice(&stored, &|_| {}));
                // Only room is lost where it cannot be removed.
                let _ = std::fs::remove_file(&*stored.file);
                match packed {
                    Some(packed) => packed.map_err(failed)?,
                    None => return Ok(Kept::Passed(digest)),
                }
            }
            coding => {
                let (_, stored) = self.packer.store(content, &saw).map_err(failed)?;
                self.packer.look_into(&stored, coding).map_err(failed)?
            }
        };
        if let Some(diff_id) = &known {
            check_layer(&self.source, diff_id, &packed)?;
        }
        if !self.wanted.is_wanted(&packed.diff_id) {
            return Ok(Kept::Passed(packed.diff_id));
        }
        reading.done(&packed);
        if self.wanted.all.contains(&packed.diff_id) {
            self.tell(&packed, coding, told);
        }
        Ok(Kept::Layer(Box::new((packed, coding))))
    }

    fn tell(&self, packed: &Packed, coding: Coding, told: &mut HashSet<String>) {
        if told.insert(packed.diff_id.clone()) {
            // Who does not listen any more has an error of its own to tell.
            let _ = self.out.send((packed.clone(), coding));
        }
    }

    /// Matches what was read with what the configuration announces.
    fn finish(&self, names: &Names<Kept>, told: &mut HashSet<String>) -> Result<Outcome> {
        let small = |name: &str| match names.find(name) {
            Some(Kept::Small(bytes)) => Ok(bytes.clone()),
            _ => Err(format!("has no file `{}`", name.escape_debug())),
        };
        let saved = Saved::read(small, None)
            .or_else(|_| Saved::read(small, Some(&self.image)))
            .map_err(|what| broken(&self.source, &what))?;
        let diff_ids = saved.parsed.rootfs.diff_ids;
        if !self.wanted.all.is_empty() && !diff_ids.iter().all(|diff_id| self.wanted.all.contains(diff_id)) {
            return Err(changed(&self.source));
        }
        for (name, diff_id) in saved.layers.iter().zip(&diff_ids) {
            match names.find(name) {
                Some(Kept::Layer(_)) if !self.wanted.is_wanted(diff_id) => {}
                Some(Kept::Layer(layer)) => {
                    let (packed, coding) = &**layer;
                    check_layer(&self.source, diff_id, packed)?;
                    self.tell(packed, *coding, told);
                }
                Some(Kept::Passed(digest)) if digest == diff_id => {}
                Some(Kept::Passed(digest)) => {
                    let what = format!("has the layer {diff_id} with other content: its digest is {digest}");
                    return Err(broken(&self.source, &what));
                }
                Some(Kept::Small(bytes)) => self.small_layer(diff_id, bytes, told)?,
                None => {
                    return Err(broken(&self.source, &format!("has no file `{}`", name.escape_debug())));
                }
            }
        }
        Ok(Outcome { config: saved.config, diff_ids })
    }

    /// A layer whose name did not say that it is one; it is in memory.
    fn small_layer(&self, diff_id: &str, bytes: &[u8], told: &mut HashSet<String>) -> Result<()> {
        if told.contains(diff_id) || !self.wanted.is_wanted(diff_id) {
            return Ok(());
        }
        let coding = Coding::of(bytes);
        let failed = |error| unreadable_layer(&self.source, diff_id, error);
        let packed = if coding == Coding::Plain {
            self.packer.compress(&mut &*bytes, &|_| {}).map_err(failed)?
        } else {
            let (_, stored) = self.packer.store(&mut &*bytes, &|_| {}).map_err(no_room)?;
            self.packer.look_into(&stored, coding).map_err(failed)?
        };
        check_layer(&self.source, diff_id, &packed)?;
        self.tell(&packed, coding, told);
        Ok(())
    }
}

/// The tag of an engine's image was moved between two requests.
fn changed(source: &str) -> Error {
    Error::new(
        crate::error::ErrorKind::Preflight,
        format!("the image {source} was replaced by another one while it was exported"),
    )
    .hint("wait until its build is over, and run again")
}
