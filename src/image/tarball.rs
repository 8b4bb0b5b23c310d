//! [`Tarball`]: a tar archive that is looked into, never unpacked.
//!
//! The archive is indexed once, and its entries are read as ranges of the file. The names in it are only ever
//! looked up, so no path can climb anywhere.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::slice::{CHUNK, Coding, Slice};

/// Entries of an archive; an image of a thousand layers has about four thousand.
pub(super) const ENTRY_LIMIT: usize = 100_000;
/// Links to links; real ones have one step.
const LINK_LIMIT: usize = 8;

/// Where the entries of an archive are.
#[derive(Debug)]
pub(super) struct Names<T> {
    entries: HashMap<String, Entry<T>>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

#[derive(Debug)]
enum Entry<T> {
    File(T),
    /// The name it leads to.
    Link(String),
}

impl<T> Names<T> {
    pub(super) fn file(&mut self, name: &str, value: T) {
        self.entries.insert(normal(name), Entry::File(value));
    }

    /// A symbolic link is relative to where it stands, a hard link to the root of the archive.
    pub(super) fn link(&mut self, name: &str, to: &str, kind: EntryType) {
        let to = if kind == EntryType::Symlink { format!("{name}/../{to}") } else { to.to_owned() };
        self.entries.insert(normal(name), Entry::Link(to));
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What stands under a name, through links.
    pub(super) fn find(&self, name: &str) -> Option<&T> {
        let mut current = normal(name);
        for _ in 0..LINK_LIMIT {
            match self.entries.get(&current)? {
                Entry::File(value) => return Some(value),
                Entry::Link(to) => current = normal(to),
            }
        }
        None
    }
}

/// An archive in a file.
#[derive(Debug)]
pub(super) struct Tarball {
    pub(super) file: Arc<PathBuf>,
    names: Names<Slice>,
}

impl Tarball {
    /// Indexes an archive that is not compressed.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence.
    pub(super) fn index(path: &Path) -> Result<Self, String> {
        let unreadable = |error: io::Error| format!("cannot be read as a tar archive ({error})");
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let path = Arc::new(path.to_owned());
        let mut names = Names::default();
        for entry in tar::Archive::new(file).entries_with_seek().map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
            match (entry.header().entry_type(), link) {
                (EntryType::Regular | EntryType::Continuous, _) => {
                    let (offset, len) = (entry.raw_file_position(), entry.size());
                    if offset.checked_add(len).is_none_or(|end| end > length) {
                        return Err(format!("ends in the middle of `{}`", name.escape_debug()));
                    }
                    names.file(&name, Slice { file: Arc::clone(&path), offset, len });
                }
                (kind @ (EntryType::Symlink | EntryType::Link), Some(to)) => names.link(&name, &to, kind),
                _ => continue,
            }
            if names.len() > ENTRY_LIMIT {
                return Err("has more entries than an image can have".to_owned());
            }
        }
        Ok(Self { file: path, names })
    }

    pub(super) fn find(&self, name: &str) -> Option<&Slice> {
        self.names.find(name)
    }

    /// The content of a small file.
    ///
    /// # Errors
    ///
    /// What is wrong, as the end of a sentence about the archive.
    pub(super) fn bytes(&self, name: &str, limit: u64) -> Result<Vec<u8>, String> {
        let shown = name.escape_debug();
        let slice = self.find(name).ok_or_else(|| format!("has no file `{shown}`"))?;
        if slice.len > limit {
            return Err(format!("has {} bytes in `{shown}`, more than the {limit} allowed", slice.len));
        }
        slice.read().map_err(|error| format!("cannot be read at `{shown}` ({error})"))
    }
}

/// Makes a plain file of what may be compressed or come through a pipe: the ranges of an archive are read
/// more than once.
///
/// # Errors
///
/// Those of reading and writing; a stream that is cut off is one.
pub(super) fn unpack(mut from: impl Read, to: &Path) -> io::Result<()> {
    let mut start = [0; 4];
    let filled = super::slice::fill(&mut from, &mut start)?;
    let start = &start[..filled];
    let mut all = start.chain(from);
    let mut file = File::create_new(to)?;
    match Coding::of(start) {
        Coding::Plain => io::copy(&mut all, &mut file)?,
        Coding::Gzip => {
            io::copy(&mut MultiGzDecoder::new(io::BufReader::with_capacity(CHUNK, all)), &mut file)?
        }
        Coding::Zstd => io::copy(&mut zstd::stream::read::Decoder::new(all)?, &mut file)?,
    };
    Ok(())
}

/// A name without `.`, `..` and doubled slashes, for looking it up.
pub(super) fn normal(name: &str) -> String {
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
