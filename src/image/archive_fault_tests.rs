//! Archives that are damaged, cut off, not what they are called, or huge. Each ends in an image that is right, or in
//! one error with a hint.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use flate2::Compression as Level;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::compression::Compression;
use super::docker_archive::tests::{LAYERS, image_config, legacy, modern};
use super::document::{OCI_INDEX, OCI_LAYER_ZSTD, OCI_MANIFEST};
use super::registry::fake::{Fake, Request, Store};
use super::testing::{Layout, options, simple};
use super::{
    Destination, OpenImage, OpenOptions, Progress, Pushed, Reference, Registry, Source, digest, open, push,
};
use crate::emit::Emitter;
use crate::error::{Error, Result};

/// An archive on disk, and a registry to push it to.
struct Case {
    dir: tempfile::TempDir,
    fake: Fake,
}

impl Case {
    async fn new() -> Self {
        let mut store = Store::default();
        let fake = Fake::start(move |request| store.answer(request)).await;
        Self { dir: tempfile::tempdir().unwrap(), fake }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("archive.tar")
    }

    fn write(&self, bytes: &[u8]) {
        std::fs::write(self.file(), bytes).unwrap();
    }

    fn docker(&self, reference: Option<&str>) -> Source {
        Source::DockerArchive { file: self.file(), reference: reference.map(str::to_owned) }
    }

    fn oci(&self, reference: Option<&str>) -> Source {
        Source::OciArchive { file: self.file(), reference: reference.map(str::to_owned) }
    }

    async fn push_image(&self, image: &OpenImage) -> Result<Pushed> {
        let host = self.fake.endpoint.strip_prefix("http://").unwrap();
        let registry = Registry::new(host, None, Arc::new(|| Box::pin(async { Ok(None) }))).unwrap();
        let target: Reference = format!("{host}/app:v1").parse().unwrap();
        push(image, &[Destination::new(registry, &target)], &Progress::new(Emitter::channel().0, "app")).await
    }

    async fn push_with(&self, source: &Source, options: &OpenOptions) -> Result<Pushed> {
        self.push_image(&open(source, options).await?).await
    }

    async fn push(&self, source: &Source) -> Result<Pushed> {
        self.push_with(source, &options()).await
    }

    /// The error of a push of these bytes, after which nothing may be under a tag.
    async fn refused(&self, bytes: &[u8], source: &Source) -> Error {
        self.write(bytes);
        let error = self.push(source).await.unwrap_err();
        assert!(error.hint_text().is_some(), "{error}");
        assert_eq!(self.fake.count("PUT", "/manifests/"), 0, "{error}");
        error
    }

    fn uploads(&self) -> Vec<Request> {
        self.fake.log().into_iter().filter(|request| request.is("PUT", "/uploads/")).collect()
    }
}

fn tar_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

/// A layout as an archive, blobs last.
fn oci_archive(layout: &Layout) -> Vec<u8> {
    let read = |name: &str| std::fs::read(layout.path().join(name)).unwrap();
    let mut entries =
        vec![("oci-layout".to_owned(), read("oci-layout")), ("index.json".to_owned(), read("index.json"))];
    let mut names: Vec<String> = std::fs::read_dir(layout.path().join("blobs/sha256"))
        .unwrap()
        .map(|file| format!("blobs/sha256/{}", file.unwrap().file_name().to_str().unwrap()))
        .collect();
    names.sort();
    entries.extend(names.into_iter().map(|name| (name.clone(), read(&name))));
    let entries: Vec<(&str, &[u8])> =
        entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    tar_of(&entries)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut content).unwrap();
    content
}

/// Where a needle begins.
fn place(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

#[tokio::test]
async fn a_flipped_byte_in_any_layer_is_found_before_the_tag() {
    for (layer, offset) in [(LAYERS[0], 0), (LAYERS[1], 0), (LAYERS[1], LAYERS[1].len() - 1)] {
        let case = Case::new().await;
        let mut bytes = legacy();
        let at = place(&bytes, layer) + offset;
        bytes[at] ^= 1;
        let error = case.refused(&bytes, &case.docker(None)).await;
        assert!(error.to_string().contains(&digest::of(layer)), "{error}");
        let wrong: Vec<Vec<u8>> = case
            .uploads()
            .into_iter()
            .filter(|request| request.body.starts_with(&[0x1f, 0x8b]))
            .map(|request| gunzip(&request.body))
            .filter(|content| !LAYERS.contains(&content.as_slice()))
            .collect();
        assert!(wrong.is_empty(), "a wrong layer was sent");
    }
}

#[tokio::test]
async fn a_flipped_byte_in_a_compressed_layer_or_in_the_configuration_is_found_too() {
    let packed = gzip(LAYERS[1]);
    for offset in [0, 12, packed.len() - 6] {
        let case = Case::new().await;
        let mut bytes = modern(&[&packed], &[LAYERS[1]]);
        let at = place(&bytes, &packed) + offset;
        bytes[at] ^= 1;
        case.refused(&bytes, &case.docker(None)).await;
        // The configuration is right, and may go while layers are looked into.
        assert!(case.uploads().iter().all(|content| content.body.starts_with(b"{")), "{offset}");
    }
    let case = Case::new().await;
    let mut bytes = legacy();
    let at = place(&bytes, b"/bin/app");
    bytes[at] = b'x';
    let error = case.refused(&bytes, &case.docker(None)).await;
    assert!(error.to_string().contains("configuration with other content"), "{error}");
}

#[tokio::test]
async fn a_flipped_byte_in_an_oci_archive_is_found_and_the_blob_never_completes() {
    let whole = oci_archive(&simple());
    let large = place(&whole, &[7; 1000]);
    for at in [large, large + 599_999, place(&whole, b"layer one"), place(&whole, b"\"architecture\"") + 2] {
        let case = Case::new().await;
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        case.refused(&bytes, &case.oci(None)).await;
        // The fake answers 400 to what has another digest than it was sent under, so it must not even arrive.
        assert!(
            case.uploads().iter().all(|request| request.path.ends_with(&digest::of(&request.body))),
            "{at}"
        );
    }
}

/// Every header, every second block, and positions that no block begins at.
fn cuts(length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..24).map(|number| number * 512).filter(|cut| *cut < length).collect();
    cuts.extend((1..40).map(|number| number * length / 40));
    cuts.extend([1, 3, 17, 511, 513, length - 1025, length - 1536]);
    cuts
}

#[tokio::test]
async fn an_archive_that_is_cut_anywhere_is_whole_or_an_error() {
    for (whole, is_docker) in
        [(legacy(), true), (modern(&LAYERS, &LAYERS), true), (oci_archive(&simple()), false)]
    {
        let case = Case::new().await;
        let source = if is_docker { case.docker(None) } else { case.oci(None) };
        case.write(&whole);
        let expected = case.push(&source).await.unwrap().digest;
        let mut refused = 0;
        for cut in cuts(whole.len()) {
            let case = Case::new().await;
            let source = if is_docker { case.docker(None) } else { case.oci(None) };
            case.write(&whole[..cut]);
            match case.push(&source).await {
                // Nothing but the end mark of the archive was missing.
                Ok(pushed) => assert_eq!(pushed.digest, expected, "{cut}"),
                Err(error) => {
                    refused += 1;
                    assert!(error.hint_text().is_some(), "{cut}: {error}");
                    assert_eq!(case.fake.count("PUT", "/manifests/"), 0, "{cut}");
                }
            }
        }
        assert!(refused > 30, "{refused}");
    }
}

#[tokio::test]
async fn a_compressed_archive_that_is_cut_or_has_more_behind_it_is_whole_or_an_error() {
    for (plain, is_docker) in [(legacy(), true), (oci_archive(&simple()), false)] {
        for packed in [gzip(&plain), zstd::encode_all(&plain[..], 1).unwrap()] {
            let case = Case::new().await;
            let source = if is_docker { case.docker(None) } else { case.oci(None) };
            case.write(&packed);
            let expected = case.push(&source).await.unwrap().digest;
            for number in 0..20 {
                let case = Case::new().await;
                let source = if is_docker { case.docker(None) } else { case.oci(None) };
                // The last cut takes one byte away, of the check sum.
                let cut = if number == 19 { packed.len() - 1 } else { number * packed.len() / 20 };
                case.refused(&packed[..cut], &source).await;
            }
            for behind in [&[0; 512][..], b"garbage"] {
                let case = Case::new().await;
                let source = if is_docker { case.docker(None) } else { case.oci(None) };
                case.write(&[&packed, behind].concat());
                match case.push(&source).await {
                    Ok(pushed) => assert_eq!(pushed.digest, expected),
                    Err(error) => assert!(error.to_string().contains("cannot be decompressed"), "{error}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn what_stands_behind_the_end_of_an_archive_is_no_part_of_it() {
    for behind in [&[0; 10_240][..], b"garbage", &legacy()] {
        let case = Case::new().await;
        case.write(&legacy());
        let expected = case.push(&case.docker(None)).await.unwrap().digest;
        case.write(&[&legacy(), behind].concat());
        assert_eq!(case.push(&case.docker(None)).await.unwrap().digest, expected);
    }
}

#[tokio::test]
async fn an_index_whose_digests_lie_is_refused() {
    let layout = Layout::new();
    let (one, two) = (layout.image("amd64", &[b"1"]), layout.image("amd64", &[b"2"]));
    std::fs::copy(layout.file_of(&two), layout.file_of(&one)).unwrap();
    let nested = layout.index(&[&one]);
    for top in [&one, &nested] {
        let case = Case::new().await;
        let error = case.refused(&oci_archive(layout.finish(&[top])), &case.oci(None)).await;
        assert!(error.to_string().contains("has other content than its name says"), "{error}");
        assert!(case.fake.log().is_empty());
    }
}

#[tokio::test]
async fn indexes_that_name_each_other_or_go_deep_are_refused() {
    let layout = Layout::new();
    // A digest cannot be known before the content that it is of, so a circle is always a lie as well.
    let name = digest::of(b"never");
    let body = json!({"schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [{"mediaType": OCI_INDEX, "digest": name, "size": 10}]})
    .to_string();
    let entry = json!({"mediaType": OCI_INDEX, "digest": name, "size": body.len()});
    std::fs::write(layout.file_of(&entry), &body).unwrap();
    layout.finish(&[&entry]);
    let case = Case::new().await;
    let error = case.refused(&oci_archive(&layout), &case.oci(None)).await;
    assert!(error.to_string().contains("has other content than its name says"), "{error}");

    for (depth, good) in [(8, true), (9, false), (100, false)] {
        let layout = Layout::new();
        let mut top = layout.image("amd64", &[b"x"]);
        for _ in 0..depth {
            top = layout.index(&[&top]);
        }
        let case = Case::new().await;
        let bytes = oci_archive(layout.finish(&[&top]));
        if good {
            case.write(&bytes);
            case.push(&case.oci(None)).await.unwrap();
        } else {
            let error = case.refused(&bytes, &case.oci(None)).await;
            assert!(error.to_string().contains("nested too deeply"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_path_that_climbs_reads_nothing_outside() {
    let secret = tempfile::tempdir().unwrap();
    let outside = secret.path().join("secret");
    std::fs::write(&outside, LAYERS[0]).unwrap();
    let outside = outside.to_str().unwrap();
    let climbing = format!("../../../../../../../..{outside}");
    let config = image_config(&[LAYERS[0]]);
    // The file outside has just the content that is announced, so reading it would succeed.
    for layer in [outside, climbing.as_str(), "link", "hard"] {
        let manifest = json!([{"Config": "config.json", "RepoTags": null, "Layers": [layer]}]).to_string();
        let mut archive = Builder::new(tar_of(&[]));
        archive.get_mut().clear();
        for (name, bytes) in [("config.json", config.as_slice()), ("manifest.json", manifest.as_bytes())] {
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, name, bytes).unwrap();
        }
        for (name, to, kind) in
            [("link", climbing.as_str(), EntryType::Symlink), ("hard", outside, EntryType::Link)]
        {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            archive.append_link(&mut header, name, to).unwrap();
        }
        let case = Case::new().await;
        let error = case.refused(&archive.into_inner().unwrap(), &case.docker(None)).await;
        assert!(error.to_string().contains("has no file `"), "{layer}: {error}");
        assert!(case.uploads().is_empty());
    }

    let layout = simple();
    let layer = layout.open(None).unwrap().blobs()[1].clone();
    std::fs::write(outside, layer.bytes()).unwrap();
    let inside = format!("blobs/sha256/{}", &layer.digest[7..]);
    let read = |name: &str| std::fs::read(layout.path().join(name)).unwrap();
    let mut archive = Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes).unwrap();
    };
    for name in ["oci-layout", "index.json"] {
        add(name, &read(name));
    }
    for file in std::fs::read_dir(layout.path().join("blobs/sha256")).unwrap() {
        let name = format!("blobs/sha256/{}", file.unwrap().file_name().to_str().unwrap());
        if name != inside {
            add(&name, &read(&name));
        }
    }
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Symlink);
    header.set_size(0);
    archive.append_link(&mut header, &inside, outside).unwrap();
    let case = Case::new().await;
    let error = case.refused(&archive.into_inner().unwrap(), &case.oci(None)).await;
    assert!(error.to_string().contains("is missing"), "{error}");
}

#[tokio::test]
async fn a_digest_that_climbs_out_of_an_oci_archive_is_refused() {
    for name in ["sha256:../../../../etc/passwd", "../../secret", "/etc/passwd"] {
        let layout = Layout::new();
        let entry = json!({"mediaType": OCI_MANIFEST, "digest": name, "size": 3});
        let case = Case::new().await;
        let error = case.refused(&oci_archive(layout.finish(&[&entry])), &case.oci(None)).await;
        assert!(error.to_string().contains("not a SHA-256 digest"), "{error}");
    }
}

#[tokio::test]
async fn an_archive_of_the_other_kind_names_the_prefix_that_it_needs() {
    let case = Case::new().await;
    let error = case.refused(&oci_archive(&simple()), &case.docker(None)).await;
    assert!(error.hint_text().unwrap().contains("oci-archive:"), "{error}");
    let error = case.refused(&legacy(), &case.oci(None)).await;
    assert!(error.hint_text().unwrap().contains("docker-archive:"), "{error}");
    for source in [case.docker(None), case.oci(None)] {
        let error = case.refused(&tar_of(&[("README", b"no image")]), &source).await;
        assert!(error.to_string().contains("archive.tar"), "{error}");
    }
}

#[tokio::test]
async fn of_several_images_the_named_one_is_pushed() {
    let configs = [image_config(&[LAYERS[0]]), image_config(&[LAYERS[1]])];
    let manifest = json!([
        {"Config": "one.json", "RepoTags": ["app:v1"], "Layers": ["one.tar"]},
        {"Config": "two.json", "RepoTags": ["app:v2", "other:latest"], "Layers": ["two.tar"]},
    ])
    .to_string();
    let bytes = tar_of(&[
        ("one.json", &configs[0]),
        ("two.json", &configs[1]),
        ("one.tar", LAYERS[0]),
        ("two.tar", LAYERS[1]),
        ("manifest.json", manifest.as_bytes()),
    ]);
    for (name, config) in [("app:v1", 0), ("app:v2", 1), ("other", 1)] {
        let case = Case::new().await;
        case.write(&bytes);
        case.push(&case.docker(Some(name))).await.unwrap();
        let uploads = case.uploads();
        assert!(uploads.iter().any(|request| request.body == configs[config]), "{name}");
        assert!(uploads.iter().all(|request| request.body != configs[1 - config]), "{name}");
    }
    let case = Case::new().await;
    for (name, expected) in [(None, "name one"), (Some("app"), "has no image `app`")] {
        let error = case.refused(&bytes, &case.docker(name)).await;
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains("app:v1") && text.contains("app:v2"), "{text}");
    }

    let layout = Layout::new();
    let images = [layout.image("amd64", &[b"1"]), layout.image("amd64", &[b"2"])];
    let mut named = images.clone();
    for (image, name) in named.iter_mut().zip(["v1", "v2"]) {
        image["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    }
    let bytes = oci_archive(layout.finish(&[&named[0], &named[1]]));
    for (name, image) in [("v1", &images[0]), ("v2", &images[1])] {
        let case = Case::new().await;
        case.write(&bytes);
        let pushed = case.push(&case.oci(Some(name))).await.unwrap();
        assert_eq!(pushed.digest, image["digest"].as_str().unwrap());
    }
    let case = Case::new().await;
    for (name, expected) in [(None, "has several images"), (Some("v3"), "has no image `v3`")] {
        let error = case.refused(&bytes, &case.oci(name)).await;
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint_text().unwrap().contains("oci-archive:"), "{error:?}");
    }
}

#[tokio::test]
async fn three_thousand_layers_are_packed_and_pushed() {
    let layers: Vec<Vec<u8>> = (0..3000).map(|number| format!("layer {number}").into_bytes()).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let case = Case::new().await;
    case.write(&modern(&layers, &layers));
    let pushed = case.push(&case.docker(None)).await.unwrap();
    assert_eq!(case.uploads().len(), 3001);
    let manifest = case.fake.log().pop().unwrap();
    assert_eq!(digest::of(&manifest.body), pushed.digest);
    let manifest: Value = serde_json::from_slice(&manifest.body).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 3000);
}

#[tokio::test]
async fn zstd_gives_its_media_type_and_unpacks_to_the_same_layers() {
    let options = OpenOptions { compression: Compression::Zstd, ..options() };
    let case = Case::new().await;
    case.write(&legacy());
    case.push_with(&case.docker(None), &options).await.unwrap();
    let manifest = case.fake.log().pop().unwrap();
    let manifest: Value = serde_json::from_slice(&manifest.body).unwrap();
    let uploads = case.uploads();
    let entries = manifest["layers"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    for (entry, layer) in entries.iter().zip(LAYERS) {
        assert_eq!(entry["mediaType"], OCI_LAYER_ZSTD);
        let digest = entry["digest"].as_str().unwrap();
        let sent = uploads.iter().find(|request| request.path.ends_with(digest)).unwrap();
        assert_eq!(entry["size"], sent.body.len());
        assert!(zstd::decode_all(&sent.body[..]).unwrap() == layer);
    }
}
