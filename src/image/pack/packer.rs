//! [`Packer`]: layers into compressed files, hashed on the way. Memory stays flat whatever their size.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::encode::BATCH;
use super::pool::{Batch, Pool};
use crate::image::compression::Compression;
use crate::image::digest;
use crate::image::slice::{CHUNK, Coding, Hashing, Slice, StopFlag, drain, fill};

/// What a layer is, compressed and not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::image) struct Packed {
    /// The digest of the uncompressed bytes.
    pub(in crate::image) diff_id: String,
    /// Uncompressed bytes.
    pub(in crate::image) unpacked: u64,
    /// The digest of the compressed bytes.
    pub(in crate::image) digest: String,
    /// Where the compressed bytes are.
    pub(in crate::image) slice: Slice,
}

/// Packs the layers of one image. Clones share its threads and its directory.
#[derive(Clone)]
pub(in crate::image) struct Packer {
    pool: Arc<Pool>,
    dir: Arc<PathBuf>,
    stop: StopFlag,
}

impl Packer {
    /// Packs into files of `dir`, until `stop`.
    ///
    /// # Errors
    ///
    /// When no threads can be started.
    pub(in crate::image) fn new(compression: Compression, dir: &Path, stop: StopFlag) -> io::Result<Self> {
        Ok(Self::with_pool(Pool::start(compression)?, dir, stop))
    }

    pub(super) fn with_pool(pool: Pool, dir: &Path, stop: StopFlag) -> Self {
        Self { pool: Arc::new(pool), dir: Arc::new(dir.to_owned()), stop }
    }

    /// A new file for a layer.
    fn create(&self) -> io::Result<(PathBuf, File)> {
        let file = tempfile::Builder::new().prefix("layer-").tempfile_in(&*self.dir)?;
        // It goes away with the directory.
        let (file, path) = file.keep().map_err(|error| error.error)?;
        Ok((path, file))
    }

    /// Compresses what `reader` gives, in batches of one size: the result depends on the content alone. `saw` is
    /// told how many more bytes have been read.
    pub(in crate::image) fn compress(&self, reader: &mut impl Read, saw: &dyn Fn(u64)) -> io::Result<Packed> {
        let (path, file) = self.create()?;
        let mut output = Hashing::new(file);
        let mut first = self.pool.batch();
        self.read_batch(reader, &mut first, saw)?;
        let mut hasher = Sha256::new_with_prefix(&first.content);
        let mut unpacked = first.content.len() as u64;
        let last = first.content.len() < BATCH;
        let first = self.pool.compress(first)?;
        if last {
            output.write_all(&arrived(&first)?.packed)?;
        } else {
            output = thread::scope(|scope| {
                // It is bounded by the number of batches already.
                let (queue, arrivals) = channel::<Receiver<io::Result<Batch>>>();
                let writer = scope.spawn(move || {
                    for arrival in arrivals {
                        output.write_all(&arrived(&arrival)?.packed)?;
                    }
                    Ok(output)
                });
                let read = (|| {
                    let mut ahead = first;
                    loop {
                        if queue.send(ahead).is_err() {
                            // The writer has ended early, and says why.
                            return Ok(());
                        }
                        let mut batch = self.pool.batch();
                        self.read_batch(reader, &mut batch, saw)?;
                        if batch.content.is_empty() {
                            return Ok(());
                        }
                        hasher.update(&batch.content);
                        unpacked += batch.content.len() as u64;
                        ahead = self.pool.compress(batch)?;
                    }
                })();
                drop(queue);
                let written =
                    writer.join().unwrap_or_else(|_| Err(io::Error::other("a writing thread failed")));
                read.and(written)
            })?;
        }
        output.flush()?;
        let (digest, size) = output.finish();
        let diff_id = digest::finish(hasher);
        Ok(Packed { diff_id, unpacked, digest, slice: Slice::whole(path, size) })
    }

    fn read_batch(&self, reader: &mut impl Read, batch: &mut Batch, saw: &dyn Fn(u64)) -> io::Result<()> {
        self.stop.check()?;
        let filled = fill(reader, &mut batch.content)?;
        batch.content.truncate(filled);
        saw(filled as u64);
        Ok(())
    }

    /// As [`compress`](Self::compress), of a range of a file; an error where that ends too early.
    pub(in crate::image) fn compress_slice(&self, slice: &Slice, saw: &dyn Fn(u64)) -> io::Result<Packed> {
        let mut reader = slice.reader()?;
        let packed = self.compress(&mut reader, saw)?;
        if reader.limit() > 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(packed) }
    }

    /// Stores what `reader` gives as it is: its digest, and where it is.
    pub(in crate::image) fn store(
        &self,
        reader: &mut impl Read,
        saw: &dyn Fn(u64),
    ) -> io::Result<(String, Slice)> {
        let (path, file) = self.create()?;
        let mut output = Hashing::new(file);
        let mut chunk = vec![0; CHUNK];
        loop {
            self.stop.check()?;
            let filled = fill(reader, &mut chunk)?;
            if filled == 0 {
                break;
            }
            output.write_all(&chunk[..filled])?;
            saw(filled as u64);
        }
        let (digest, size) = output.finish();
        Ok((digest, Slice::whole(path, size)))
    }

    /// Describes a range that is compressed already, and what is in it.
    pub(in crate::image) fn look_into(&self, slice: &Slice, coding: Coding) -> io::Result<Packed> {
        let mut compressed = Hashing::new(slice.reader()?);
        let (content, unpacked) = {
            let buffered = io::BufReader::with_capacity(CHUNK, &mut compressed);
            match coding {
                Coding::Zstd => drain(&mut zstd::stream::read::Decoder::with_buffer(buffered)?, &self.stop)?,
                _ => drain(&mut MultiGzDecoder::new(buffered), &self.stop)?,
            }
        };
        // What stands after the last member is not content, but it is part of the blob.
        drain(&mut compressed, &self.stop)?;
        let (digest, len) = compressed.finish();
        if len != slice.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Packed { diff_id: digest::finish(content), unpacked, digest, slice: slice.clone() })
    }
}

fn arrived(arrival: &Receiver<io::Result<Batch>>) -> io::Result<Batch> {
    arrival.recv().unwrap_or_else(|_| Err(io::Error::other("a compressing thread failed")))
}
