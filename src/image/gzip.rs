//! Compresses layers, file to file: memory stays flat whatever their size.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Take, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};

use super::digest;

/// MB of layer a CPU second (output ratio), measured on `/usr/bin`: level 1 168 (0.49), 2 100 (0.41), 3 85 (0.39).
/// Level 1 also makes what is compressed already 5 % larger, and every pull pays for that.
const LEVEL: u32 = 2;
const CHUNK: usize = 256 * 1024;

/// A range of bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) file: PathBuf,
    /// Bytes from the start of the file.
    pub(super) offset: u64,
    /// Bytes.
    pub(super) len: u64,
}

impl Slice {
    /// Reads the range and nothing beyond.
    pub(super) fn reader(&self) -> io::Result<Take<File>> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(file.take(self.len))
    }

    /// The first bytes, at most four: enough to tell how it is compressed.
    pub(super) fn magic(&self) -> io::Result<Vec<u8>> {
        let mut magic = Vec::new();
        self.reader()?.take(4).read_to_end(&mut magic)?;
        Ok(magic)
    }
}

/// Ends the work of blocking threads when the future that waits for them is dropped: they would otherwise
/// keep an interrupted run alive until their layer is done.
#[derive(Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

/// The side of [`Stop`] that a thread looks at.
#[derive(Debug, Clone, Default)]
pub(super) struct StopFlag(Arc<AtomicBool>);

impl Stop {
    pub(super) fn flag(&self) -> StopFlag {
        StopFlag(Arc::clone(&self.0))
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl StopFlag {
    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(io::Error::other("the push was given up")) } else { Ok(()) }
    }
}

/// What a layer is, compressed and not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Compressed {
    /// The digest of the uncompressed bytes; `None` where we cannot decompress them.
    pub(super) diff_id: Option<String>,
    /// The digest of the compressed bytes.
    pub(super) digest: String,
    /// Compressed bytes.
    pub(super) size: u64,
}

/// Compresses a range into the file `to`.
///
/// The result depends on the content alone: no time, no name, and the compressor gets its input in chunks of
/// one size (how its input is cut shows in its output). A new version of the compressor may still change it.
pub(super) fn compress(slice: &Slice, to: &Path, stop: &StopFlag) -> io::Result<Compressed> {
    let mut reader = slice.reader()?;
    let output = Hashing::new(BufWriter::with_capacity(CHUNK, File::create_new(to)?));
    let mut encoder = GzBuilder::new().mtime(0).write(output, Compression::new(LEVEL));
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut left = slice.len;
    loop {
        stop.check()?;
        let filled = fill(&mut reader, &mut chunk)?;
        if filled == 0 {
            break;
        }
        hasher.update(&chunk[..filled]);
        encoder.write_all(&chunk[..filled])?;
        left -= filled as u64;
    }
    if left > 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut output = encoder.finish()?;
    output.flush()?;
    Ok(Compressed {
        diff_id: Some(digest::finish(hasher)),
        digest: digest::finish(output.hasher),
        size: output.len,
    })
}

/// Describes a range that is compressed with gzip already.
pub(super) fn describe_gzip(slice: &Slice, stop: &StopFlag) -> io::Result<Compressed> {
    let mut compressed = Hashing::new(slice.reader()?);
    let mut hasher = Sha256::new();
    {
        let mut decoder = MultiGzDecoder::new(io::BufReader::with_capacity(CHUNK, &mut compressed));
        drain(&mut decoder, &mut hasher, stop)?;
    }
    // What stands after the last member is not content, but it is part of the blob.
    drain(&mut compressed, &mut Sha256::new(), stop)?;
    finish_described(slice, compressed, Some(digest::finish(hasher)))
}

/// Describes a range that is passed on as it is, without looking into it.
pub(super) fn describe_opaque(slice: &Slice, stop: &StopFlag) -> io::Result<Compressed> {
    let mut compressed = Hashing::new(slice.reader()?);
    drain(&mut compressed, &mut Sha256::new(), stop)?;
    finish_described(slice, compressed, None)
}

fn finish_described<R>(slice: &Slice, read: Hashing<R>, diff_id: Option<String>) -> io::Result<Compressed> {
    if read.len != slice.len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Compressed { diff_id, digest: digest::finish(read.hasher), size: read.len })
}

fn drain(reader: &mut impl Read, hasher: &mut Sha256, stop: &StopFlag) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        stop.check()?;
        let filled = fill(reader, &mut chunk)?;
        if filled == 0 {
            return Ok(());
        }
        hasher.update(&chunk[..filled]);
    }
}

/// Reads until the buffer is full or the input ends.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Hashes and counts what passes through.
struct Hashing<T> {
    inner: T,
    hasher: Sha256,
    len: u64,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Self {
        Self { inner, hasher: Sha256::new(), len: 0 }
    }

    fn saw(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.saw(&buffer[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let filled = self.inner.read(buffer)?;
        self.saw(&buffer[..filled]);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file whose middle holds `content`.
    fn slice_of(dir: &Path, content: &[u8]) -> Slice {
        let file = dir.join("in");
        std::fs::write(&file, [b"before".as_slice(), content, b"after"].concat()).unwrap();
        Slice { file, offset: 6, len: content.len() as u64 }
    }

    fn content() -> Vec<u8> {
        (0..700_000_u32).flat_map(|number| (number % 977).to_le_bytes()).collect()
    }

    #[test]
    fn the_same_content_gives_the_same_digest_and_unpacks_to_itself() {
        let dir = tempfile::tempdir().unwrap();
        let slice = slice_of(dir.path(), &content());
        let one = compress(&slice, &dir.path().join("1"), &StopFlag::default()).unwrap();
        let two = compress(&slice, &dir.path().join("2"), &StopFlag::default()).unwrap();
        assert_eq!(one, two);
        assert_eq!(one.diff_id.as_deref(), Some(digest::of(&content()).as_str()));
        let packed = std::fs::read(dir.path().join("1")).unwrap();
        assert_eq!((digest::of(&packed), packed.len() as u64), (one.digest.clone(), one.size));
        // No flags, no time, and `unknown` as the system it was made on.
        assert_eq!(packed[3..8], [0; 5]);
        assert_eq!(packed[9], 255);
        let packed = Slice { file: dir.path().join("1"), offset: 0, len: one.size };
        assert_eq!(describe_gzip(&packed, &StopFlag::default()).unwrap(), one);
    }

    #[test]
    fn the_digest_is_pinned_because_registries_remember_it() {
        let dir = tempfile::tempdir().unwrap();
        let slice = slice_of(dir.path(), &content());
        let made = compress(&slice, &dir.path().join("1"), &StopFlag::default()).unwrap();
        let pinned = "sha256:c07c645a41103ee95869ddb6e26eb0867db2d45a8c37d4d2fde657e2ea132982";
        assert_eq!(made.digest, pinned, "every image that was pushed before would be pushed again");
    }

    #[test]
    fn a_range_beyond_the_end_of_the_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut slice = slice_of(dir.path(), b"content");
        slice.len += 100;
        for outcome in [
            compress(&slice, &dir.path().join("1"), &StopFlag::default()),
            describe_opaque(&slice, &StopFlag::default()),
        ] {
            assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn dropping_the_stop_ends_the_work() {
        let dir = tempfile::tempdir().unwrap();
        let slice = slice_of(dir.path(), b"content");
        let stop = Stop::default();
        let flag = stop.flag();
        drop(stop);
        assert!(compress(&slice, &dir.path().join("1"), &flag).is_err());
    }
}
