use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tar::{Builder, EntryType, Header};

use std::sync::Arc;

use super::*;
use crate::emit::Emitter;
use crate::error::{ErrorKind, Result};
use crate::image::document::{OCI_LAYER_GZIP, OCI_LAYER_ZSTD};
use crate::image::registry::fake::{Fake, Reply};
use crate::image::testing::options;
use crate::image::{
    Cache, Destination, OpenImage, OpenOptions, Progress, Reference, Registry, Source, open, settle,
};

/// Writes an archive entry by entry.
struct Archive(Builder<Vec<u8>>);

impl Archive {
    fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    fn file(mut self, name: &str, bytes: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        self.0.append_data(&mut header, name, bytes).unwrap();
        self
    }

    fn link(mut self, kind: EntryType, name: &str, to: &str) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        self.0.append_link(&mut header, name, to).unwrap();
        self
    }

    fn manifest(self, config: &str, layers: &[&str]) -> Self {
        let manifest = json!([{"Config": config, "RepoTags": ["app:latest"], "Layers": layers}]);
        self.file("manifest.json", manifest.to_string().as_bytes())
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// Opens an archive and packs its layers for a registry that has none of them.
async fn settled(bytes: &[u8], cache: &Cache) -> Result<OpenImage> {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("archive.tar");
    std::fs::write(&file, bytes).unwrap();
    let empty = Fake::start(|_| Reply::new(404)).await;
    let target: Reference =
        format!("{}/app:v1", empty.endpoint.strip_prefix("http://").unwrap()).parse().unwrap();
    let registry = Registry::new(&target.host, None, Arc::new(|| Box::pin(async { Ok(None) }))).unwrap();
    let options = OpenOptions { cache: cache.clone(), ..options() };
    let mut image = open(&Source::DockerArchive { file, reference: None }, &options).await?;
    let progress = Progress::new(Emitter::channel().0, "app");
    settle(&mut image, &Destination::new(registry, &target), &progress).await?;
    // Layers that were compressed already are read from the archive, which has to stay.
    let _ = scratch.keep();
    Ok(image)
}

async fn convert_bytes(bytes: &[u8]) -> Result<OpenImage> {
    settled(bytes, &Cache::disabled()).await
}

async fn refused(bytes: &[u8]) -> String {
    let error = convert_bytes(bytes).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Preflight, "{error}");
    assert!(error.hint_text().is_some());
    error.to_string()
}

pub(in crate::image) fn image_config(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest::of(layer)).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "config": {"Cmd": ["/bin/app"], "Healthcheck": {"Test": ["CMD", "true"]}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    config.to_string().into_bytes()
}

fn hex_of(bytes: &[u8]) -> String {
    digest::of(bytes)[7..].to_owned()
}

const ONE: &[u8] = b"first layer";
const TWO: &[u8] = &[9; 300_000];
/// What [`legacy`] holds.
pub(in crate::image) const LAYERS: [&[u8]; 3] = [ONE, TWO, ONE];

/// As Docker 20.10 writes it: the third layer is the first again, by a symbolic link.
pub(in crate::image) fn legacy() -> Vec<u8> {
    let config = image_config(&[ONE, TWO, ONE]);
    let name = format!("{}.json", hex_of(&config));
    Archive::new()
        .file(&name, &config)
        .file("aaa/layer.tar", ONE)
        .file("bbb/layer.tar", TWO)
        .link(EntryType::Symlink, "ccc/layer.tar", "../aaa/layer.tar")
        .manifest(&name, &["aaa/layer.tar", "bbb/layer.tar", "ccc/layer.tar"])
        .bytes()
}

/// As Docker 25 and later write it, with layers as their store holds them.
pub(in crate::image) fn modern(stored: &[&[u8]], layers: &[&[u8]]) -> Vec<u8> {
    let config = image_config(layers);
    let place = |bytes: &[u8]| format!("blobs/sha256/{}", hex_of(bytes));
    let mut archive = Archive::new().file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    for layer in stored {
        archive = archive.file(&place(layer), layer);
    }
    let names: Vec<String> = stored.iter().map(|layer| place(layer)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    archive.file(&place(&config), &config).manifest(&place(&config), &names).bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn both_formats_of_one_image_give_the_same_digest_each_time() {
    let one = convert_bytes(&legacy()).await.unwrap();
    let two = convert_bytes(&legacy()).await.unwrap();
    let three = convert_bytes(&modern(&[ONE, TWO, ONE], &[ONE, TWO, ONE])).await.unwrap();
    assert_eq!(one.digest(), two.digest());
    assert_eq!(one.digest(), three.digest());
    assert_eq!(one.platforms(), ["linux/amd64"]);
    assert_eq!(one.blobs().len(), 3, "the configuration and two distinct layers");
}

#[tokio::test]
async fn the_manifest_names_the_configuration_byte_for_byte_and_layers_in_order() {
    let image = convert_bytes(&legacy()).await.unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&image.top().bytes).unwrap();
    let config = image_config(&[ONE, TWO, ONE]);
    assert_eq!(manifest["config"]["digest"], digest::of(&config));
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 3);
    assert_eq!(layers[0], layers[2]);
    for blob in image.blobs() {
        assert_eq!(digest::of(&blob.bytes()), blob.digest);
    }
}

#[tokio::test]
async fn temporary_files_go_away_with_the_image() {
    let image = convert_bytes(&legacy()).await.unwrap();
    let file = image.blobs()[1].file().to_owned();
    assert!(file.exists());
    drop(image);
    assert!(!file.exists());
}

#[tokio::test]
async fn layers_that_are_compressed_already_are_passed_on_as_they_are() {
    let (packed, zstd) = (gzip(TWO), zstd::encode_all(ONE, 1).unwrap());
    let image = convert_bytes(&modern(&[&packed, &zstd], &[TWO, ONE])).await.unwrap();
    let found: Vec<(&str, &str)> =
        image.blobs()[1..].iter().map(|blob| (blob.digest.as_str(), blob.media_type.as_str())).collect();
    let expected = [(digest::of(&packed), OCI_LAYER_GZIP), (digest::of(&zstd), OCI_LAYER_ZSTD)];
    assert_eq!(found, expected.each_ref().map(|(digest, media_type)| (digest.as_str(), *media_type)));
}

#[tokio::test]
async fn a_layer_with_other_content_is_refused() {
    let packed = gzip(ONE);
    for bytes in [modern(&[ONE], &[TWO]), modern(&[&packed], &[TWO])] {
        assert!(refused(&bytes).await.contains("with other content: its digest is"));
    }
}

#[tokio::test]
async fn a_configuration_that_is_not_what_its_name_says_is_refused() {
    let config = image_config(&[ONE]);
    let name = format!("{}.json", hex_of(b"other"));
    let bytes =
        Archive::new().file(&name, &config).file("a/layer.tar", ONE).manifest(&name, &["a/layer.tar"]);
    assert!(refused(&bytes.bytes()).await.contains("a configuration with other content"));
}

#[tokio::test]
async fn names_that_climb_lead_nowhere() {
    let config = image_config(&[ONE]);
    for archive in [
        Archive::new().manifest("config.json", &["../../../../etc/passwd"]),
        Archive::new().manifest("config.json", &["/etc/passwd"]),
        Archive::new().manifest("config.json", &["a"]).link(EntryType::Symlink, "a", "/etc/passwd"),
        Archive::new().manifest("config.json", &["a"]).link(EntryType::Symlink, "a", "../../etc/passwd"),
        Archive::new().manifest("config.json", &["a"]).link(EntryType::Symlink, "a", "a"),
    ] {
        let bytes = archive.file("config.json", &config).bytes();
        assert!(refused(&bytes).await.contains("it has no file `"));
    }
}

#[tokio::test]
async fn an_archive_that_is_cut_off_is_refused() {
    let whole = legacy();
    for length in [0, 100, 700, whole.len() / 2, 300_000] {
        let text = refused(&whole[..length]).await;
        assert!(text.contains("is broken: it"), "{text}");
    }
}

#[tokio::test]
async fn an_archive_of_a_thousand_layers_is_no_problem() {
    let layers: Vec<Vec<u8>> = (0..1000).map(|number| format!("layer {number}").into_bytes()).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let image = convert_bytes(&modern(&layers, &layers)).await.unwrap();
    assert_eq!(image.blobs().len(), 1001);
}

#[test]
fn tags_are_compared_as_the_engine_means_them() {
    for (tag, name) in
        [("app:latest", "app"), ("docker.io/library/app:v1", "app:v1"), ("localhost/a:v1", "localhost/a:v1")]
    {
        assert!(is_tag_of(tag, name), "{tag} {name}");
    }
    assert!(!is_tag_of("app:v1", "app"));
}
