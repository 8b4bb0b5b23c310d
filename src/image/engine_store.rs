//! [`EngineStore`]: the layers of a Docker engine on this machine, read where it keeps them.
//!
//! An engine can only export an image whole, on one core, and through a copy on its disk: that takes longer than
//! everything else in a push. Who may read its storage (root on the machine of the engine, as in CodeBuild) need not
//! wait for that. The storage is private to the engine, so nothing here is trusted: a layer counts only when its digest
//! is the one that the image announces, and whatever is missing or different is exported after all.
//!
//! ```text
//! ROOT/image/overlay2/imagedb/content/sha256/<image id>          the configuration
//! ROOT/image/overlay2/layerdb/sha256/<chain id>/cache-id         which directory below ROOT/overlay2 has the files
//! ROOT/image/overlay2/layerdb/sha256/<chain id>/tar-split.json.gz  everything of the layer's tar but their content
//! ```

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Take};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde::Deserialize;

use super::digest;
use super::layout::CONFIG_LIMIT;
use super::tarball::normal;

/// The one driver whose directories hold plain files, and the default of every engine that has drivers.
const DRIVER: &str = "overlay2";
/// One entry of a tar's skeleton: headers and names, so a few kilobytes.
const LINE_LIMIT: u64 = 16 * 1024 * 1024;

/// How an engine says that it stores an image.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GraphDriver {
    #[serde(default)]
    name: String,
    #[serde(default)]
    data: Option<HashMap<String, String>>,
}

/// Where an engine keeps its images, if that can be read.
#[derive(Debug, Clone)]
pub(super) struct EngineStore {
    root: PathBuf,
}

/// One layer in the storage of an engine.
#[derive(Debug, Clone)]
pub(super) struct StoredLayer {
    pub(super) diff_id: String,
    /// Bytes of its files.
    pub(super) size: u64,
    /// The skeleton of its tar.
    split: PathBuf,
    /// Its files.
    files: PathBuf,
}

impl EngineStore {
    /// The storage that holds an image; `None` where it is not on this machine, not readable, or of another kind.
    pub(super) fn of(driver: &GraphDriver) -> Option<Self> {
        if driver.name != DRIVER {
            return None;
        }
        // ROOT/overlay2/<id>/diff
        let upper = Path::new(driver.data.as_ref()?.get("UpperDir")?);
        let directory = upper.parent()?.parent()?;
        let root = directory.parent()?;
        let store = Self { root: root.to_owned() };
        (directory.ends_with(DRIVER) && store.layer_db().is_dir()).then_some(store)
    }

    fn layer_db(&self) -> PathBuf {
        self.root.join("image").join(DRIVER).join("layerdb/sha256")
    }

    /// The configuration of an image, by its id.
    pub(super) fn config(&self, image_id: &str) -> Option<Vec<u8>> {
        let contents = self.root.join("image").join(DRIVER).join("imagedb/content/sha256");
        let file = contents.join(digest::hex_part(image_id)?);
        if fs::metadata(&file).ok()?.len() > CONFIG_LIMIT {
            return None;
        }
        fs::read(file).ok().filter(|config| digest::of(config) == image_id)
    }

    /// The layers of an image that are there, by uncompressed digest; lowest first come their digests.
    pub(super) fn layers(&self, diff_ids: &[String]) -> HashMap<String, StoredLayer> {
        let mut found = HashMap::new();
        let mut chain: Option<String> = None;
        for diff_id in diff_ids {
            // As the image specification defines it: a layer is stored once for everything below it.
            let id = match &chain {
                None => diff_id.clone(),
                Some(below) => digest::of(format!("{below} {diff_id}").as_bytes()),
            };
            if let Some(layer) = self.layer(&id, diff_id) {
                found.insert(diff_id.clone(), layer);
            }
            chain = Some(id);
        }
        found
    }

    fn layer(&self, chain_id: &str, diff_id: &str) -> Option<StoredLayer> {
        let entry = self.layer_db().join(digest::hex_part(chain_id)?);
        let text = |name: &str| fs::read_to_string(entry.join(name)).ok();
        if text("diff")?.trim() != diff_id {
            return None;
        }
        let cache_id = text("cache-id")?;
        let cache_id = cache_id.trim();
        if cache_id.is_empty() || !cache_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let files = self.root.join(DRIVER).join(cache_id).join("diff").canonicalize().ok()?;
        let split = entry.join("tar-split.json.gz");
        File::open(&split).ok()?;
        let size = text("size")?.trim().parse().ok()?;
        Some(StoredLayer { diff_id: diff_id.to_owned(), size, split, files })
    }
}

impl StoredLayer {
    /// The layer's tar, put together while it is read.
    ///
    /// # Errors
    ///
    /// Those of opening files.
    pub(super) fn open(&self) -> io::Result<LayerReader> {
        let lines = BufReader::new(GzDecoder::new(BufReader::new(File::open(&self.split)?)));
        Ok(LayerReader { lines, files: self.files.clone(), current: Piece::None })
    }
}

/// Puts a layer's tar together.
pub(super) struct LayerReader {
    lines: BufReader<GzDecoder<BufReader<File>>>,
    files: PathBuf,
    current: Piece,
}

/// What is being read.
enum Piece {
    None,
    Bytes(io::Cursor<Vec<u8>>),
    File(Take<File>),
}

/// A line of the skeleton: bytes of the tar as they are, or a file whose content stands there.
#[derive(Deserialize)]
struct Line {
    r#type: u8,
    #[serde(default)]
    name: String,
    /// In place of `name` where that is not UTF-8.
    #[serde(default)]
    name_raw: Option<String>,
    #[serde(default)]
    size: u64,
    /// Bytes of the tar, or a checksum of the file, which its digest makes needless.
    #[serde(default)]
    payload: Option<String>,
}

const FILE: u8 = 1;
const SEGMENT: u8 = 2;

impl LayerReader {
    /// Goes on to the next piece; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut line = Vec::new();
        self.lines.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(false);
        }
        let line: Line = serde_json::from_slice(&line)?;
        let payload = line.payload.unwrap_or_default();
        self.current = match line.r#type {
            SEGMENT => {
                let bytes = STANDARD.decode(payload).map_err(|_| wrong("a segment that is not Base64"))?;
                Piece::Bytes(io::Cursor::new(bytes))
            }
            FILE if line.size == 0 => Piece::None,
            FILE if line.name_raw.is_some() => return Err(wrong("a name that is not UTF-8")),
            FILE => Piece::File(self.file(&line.name)?.take(line.size)),
            _ => return Err(wrong("an entry of an unknown type")),
        };
        Ok(true)
    }

    /// A file of the layer. A link in its path could lead out of the layer, so it has to be where it seems to be.
    fn file(&self, name: &str) -> io::Result<File> {
        let path = self.files.join(normal(name));
        let is_file = fs::symlink_metadata(&path)?.is_file();
        if !is_file || path.canonicalize()? != path {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a file that is none"));
        }
        File::open(path)
    }
}

impl Read for LayerReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.current {
                Piece::None => 0,
                Piece::Bytes(bytes) => bytes.read(buffer)?,
                Piece::File(file) => {
                    let read = file.read(buffer)?;
                    if read == 0 && file.limit() > 0 && !buffer.is_empty() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    read
                }
            };
            if read > 0 || buffer.is_empty() || !self.advance()? {
                return Ok(read);
            }
        }
    }
}

#[cfg(test)]
#[path = "engine_store_tests.rs"]
pub(super) mod tests;
