//! Compresses members: pieces of a layer, each on its own. A layer is the members of its content one after
//! another, which both formats allow (RFC 1952 2.2, RFC 8878 3), so that every core can work at it.

use std::io;

use libdeflater::{CompressionLvl, Compressor};

use crate::image::compression::Compression;

/// Bytes of content that a thread takes at a time. Changing it changes every digest of zstd layers.
pub(super) const BATCH: usize = 1024 * 1024;
/// Bytes of content in a member of a gzip layer. Changing it changes every digest of those. Small enough that a
/// member is seldom half text and half noise; a larger one packs better by less than half a percent.
const MEMBER: usize = 128 * 1024;
/// Of the fast levels the one that packs well: 211 MB a CPU second to 0.61 (registry facts 1).
const GZIP_LEVEL: i32 = 1;
const ZSTD_LEVEL: i32 = 3;
/// A member is judged by this many samples of this many bytes.
const SAMPLES: usize = 4;
const SAMPLE: usize = 2 * 1024;

/// Names what the encoder does: digests that were remembered under another name do not come out of this one.
pub(in crate::image) fn recipe(compression: Compression) -> &'static str {
    match compression {
        Compression::Gzip => "gzip-libdeflate1-128k",
        Compression::Zstd => "zstd3-1m",
    }
}

/// The output depends on the input alone: no time, no name, and no number of threads.
pub(super) enum Encoder {
    Gzip { packing: Compressor, storing: Compressor, scratch: Vec<u8> },
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Encoder {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        let level = |level| CompressionLvl::new(level).map_err(|_| io::Error::other("no such level"));
        Ok(match compression {
            Compression::Gzip => Self::Gzip {
                packing: Compressor::new(level(GZIP_LEVEL)?),
                storing: Compressor::new(level(0)?),
                scratch: Vec::new(),
            },
            Compression::Zstd => {
                let mut encoder = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Replaces `output` by the members that hold `input`.
    pub(super) fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        output.clear();
        match self {
            Self::Gzip { packing, storing, scratch } => {
                // An empty layer still is one member.
                let (first, rest) = input.split_at(input.len().min(MEMBER));
                for member in std::iter::once(first).chain(rest.chunks(MEMBER)) {
                    let packed = is_packed_already(packing, scratch, member);
                    let encoder: &mut Compressor = if packed { storing } else { packing };
                    let start = output.len();
                    output.resize(start + encoder.gzip_compress_bound(member.len()), 0);
                    let written =
                        encoder.gzip_compress(member, &mut output[start..]).map_err(io::Error::other)?;
                    output.truncate(start + written);
                }
            }
            Self::Zstd(encoder) => {
                output.reserve(zstd::zstd_safe::compress_bound(input.len()));
                encoder.compress_to_buffer(input, output)?;
            }
        }
        Ok(())
    }
}

/// Whether samples of a member hardly shrink, as those of images, archives and jars do not. Packing them again
/// would take most of the time of a layer and gain nothing.
fn is_packed_already(encoder: &mut Compressor, scratch: &mut Vec<u8>, input: &[u8]) -> bool {
    if input.len() < 4 * SAMPLES * SAMPLE {
        return false;
    }
    let last = input.len() - SAMPLE;
    scratch.resize(encoder.deflate_compress_bound(SAMPLE), 0);
    (0..SAMPLES).map(|number| last / (SAMPLES - 1) * number).all(|start| {
        let packed = encoder.deflate_compress(&input[start..start + SAMPLE], scratch);
        packed.is_ok_and(|packed| packed * 50 > SAMPLE * 49)
    })
}
