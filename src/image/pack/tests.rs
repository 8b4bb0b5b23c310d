use std::fs;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::encode::BATCH;
use super::pool::Pool;
use super::{Packed, Packer};
use crate::image::compression::Compression;
use crate::image::digest;
use crate::image::slice::{Coding, Slice, Stop, StopFlag};

fn packer(compression: Compression, threads: usize, dir: &Path) -> Packer {
    Packer::with_pool(Pool::with_threads(compression, threads).unwrap(), dir, StopFlag::default())
}

/// Text that packs well, then noise that does not; three batches and a bit.
fn content() -> Vec<u8> {
    let text = (0..2 * BATCH as u32 / 4).flat_map(|number| (number % 977).to_le_bytes());
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let noise = std::iter::repeat_with(move || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise as u8
    });
    text.chain(noise.take(BATCH + 12_345)).collect()
}

fn pack(packer: &Packer, content: &[u8]) -> Packed {
    packer.compress(&mut &*content, &|_| {}).unwrap()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut content).unwrap();
    content
}

#[test]
fn a_layer_unpacks_to_itself_and_is_described_truly() {
    let dir = tempfile::tempdir().unwrap();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let packer = packer(compression, 3, dir.path());
        for content in [&[][..], b"x", &content()[..BATCH], &content()] {
            let packed = pack(&packer, content);
            let bytes = packed.slice.read().unwrap();
            assert_eq!(digest::of(&bytes), packed.digest);
            assert_eq!(digest::of(content), packed.diff_id);
            let (unpacked, coding) = match compression {
                Compression::Gzip => (gunzip(&bytes), Coding::Gzip),
                Compression::Zstd => (zstd::decode_all(&*bytes).unwrap(), Coding::Zstd),
            };
            assert!(unpacked == content);
            assert_eq!(packed.slice.coding().unwrap(), coding);
            assert_eq!(packer.look_into(&packed.slice, coding).unwrap(), packed);
        }
    }
}

#[test]
fn the_same_layer_has_the_same_digest_however_many_threads_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let content = content();
    let one = pack(&packer(Compression::Gzip, 1, dir.path()), &content);
    let other = tempfile::tempdir().unwrap();
    let many = packer(Compression::Gzip, 7, other.path());
    for _ in 0..3 {
        assert_eq!(pack(&many, &content).digest, one.digest);
    }
}

#[test]
fn the_digests_are_pinned_because_registries_remember_them() {
    let dir = tempfile::tempdir().unwrap();
    for (compression, pinned) in [
        (Compression::Gzip, "sha256:309cdeb3f584f9eeb799b1ac872f535f667679440262179d5979643f8835da0d"),
        (Compression::Zstd, "sha256:8c3f567a9700d9c8931ca1fe92ec2dfbe256b1e3bcb8421f5fe86bc36b3a2754"),
    ] {
        let packed = pack(&packer(compression, 2, dir.path()), &content());
        assert_eq!(packed.digest, pinned, "every image that was pushed before would be pushed again");
    }
}

#[test]
fn a_header_says_nothing_about_when_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = pack(&packer(Compression::Gzip, 1, dir.path()), b"content").slice.read().unwrap();
    assert_eq!(bytes[3..8], [0; 5], "no flags, no time");
    assert_eq!(bytes[9], 255, "an unknown system");
}

#[test]
fn what_does_not_shrink_is_stored_and_grows_by_almost_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let noise = &content()[2 * BATCH..];
    let packed = pack(&packer(Compression::Gzip, 1, dir.path()), noise);
    assert!(packed.slice.len < noise.len() as u64 + 1000, "{}", packed.slice.len);
}

#[test]
fn many_layers_at_a_time_share_the_buffers() {
    let dir = tempfile::tempdir().unwrap();
    let packer = packer(Compression::Gzip, 2, dir.path());
    let content = content();
    let expected = pack(&packer, &content).digest;
    std::thread::scope(|scope| {
        let layers: Vec<_> = (0..6).map(|_| scope.spawn(|| pack(&packer, &content).digest)).collect();
        for layer in layers {
            assert_eq!(layer.join().unwrap(), expected);
        }
    });
}

#[test]
fn a_range_beyond_the_end_of_the_file_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("in");
    fs::write(&file, b"content").unwrap();
    let packer = packer(Compression::Gzip, 1, dir.path());
    let slice = Slice::whole(file, 100);
    assert_eq!(packer.compress_slice(&slice, &|_| {}).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_reader_that_fails_in_a_later_batch_ends_the_layer_and_leaves_the_buffers() {
    struct Failing(u64);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("the disk is gone"));
            }
            let given = buffer.len().min(usize::try_from(self.0).unwrap());
            self.0 -= given as u64;
            Ok(given)
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let packer = packer(Compression::Gzip, 2, dir.path());
    for _ in 0..20 {
        let error = packer.compress(&mut Failing(3 * BATCH as u64 + 5), &|_| {}).unwrap_err();
        assert_eq!(error.to_string(), "the disk is gone");
    }
    assert!(gunzip(&pack(&packer, &content()).slice.read().unwrap()) == content());
}

#[test]
fn a_place_that_cannot_be_written_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let packer = packer(Compression::Gzip, 1, &dir.path().join("none"));
    assert_eq!(packer.compress(&mut &b"x"[..], &|_| {}).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn dropping_the_stop_ends_the_work() {
    let dir = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let pool = Pool::with_threads(Compression::Gzip, 1).unwrap();
    let packer = Packer::with_pool(pool, dir.path(), stop.flag());
    drop(stop);
    assert!(packer.compress(&mut &b"x"[..], &|_| {}).is_err());
}
