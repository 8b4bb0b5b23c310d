//! [`Slice`], a range of bytes of a file, and reading and hashing it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest as _, Sha256};

use super::digest;

/// Bytes that are read, hashed and passed on at a time.
pub(super) const CHUNK: usize = 256 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A range of bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) file: Arc<PathBuf>,
    /// Bytes from the start of the file.
    pub(super) offset: u64,
    /// Bytes.
    pub(super) len: u64,
}

impl Slice {
    /// All `len` bytes of a file.
    pub(super) fn whole(file: PathBuf, len: u64) -> Self {
        Self { file: Arc::new(file), offset: 0, len }
    }

    /// Reads the range and nothing beyond.
    pub(super) fn reader(&self) -> io::Result<Take<File>> {
        let mut file = File::open(&*self.file)?;
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(file.take(self.len))
    }

    /// The range in memory.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader()?.read_to_end(&mut bytes)?;
        if bytes.len() as u64 == self.len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// How it is compressed, by its first bytes.
    pub(super) fn coding(&self) -> io::Result<Coding> {
        let mut magic = Vec::new();
        self.reader()?.take(4).read_to_end(&mut magic)?;
        Ok(Coding::of(&magic))
    }
}

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Not, or in no way that a layer may be.
    Plain,
    Gzip,
    Zstd,
}

impl Coding {
    /// What the first bytes say; four are enough.
    pub(super) fn of(start: &[u8]) -> Self {
        if start.starts_with(&GZIP_MAGIC) {
            Self::Gzip
        } else if start.starts_with(&ZSTD_MAGIC) {
            Self::Zstd
        } else {
            Self::Plain
        }
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
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(io::Error::other("the push was given up")) } else { Ok(()) }
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

/// Reads to the end, and hashes what passes.
pub(super) fn drain(reader: &mut impl Read, stop: &StopFlag) -> io::Result<(Sha256, u64)> {
    let (mut hasher, mut len) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        stop.check()?;
        let filled = fill(reader, &mut chunk)?;
        if filled == 0 {
            return Ok((hasher, len));
        }
        hasher.update(&chunk[..filled]);
        len += filled as u64;
    }
}

/// Hashes and counts what passes through.
pub(super) struct Hashing<T> {
    inner: T,
    hasher: Sha256,
    len: u64,
}

impl<T> Hashing<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, hasher: Sha256::new(), len: 0 }
    }

    fn saw(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
    }

    /// The digest and the number of the bytes that passed.
    pub(super) fn finish(self) -> (String, u64) {
        (digest::finish(self.hasher), self.len)
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
