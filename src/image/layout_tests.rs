use serde_json::json;

use super::*;
use crate::error::ErrorKind;
use crate::image::document::{OCI_CONFIG, OCI_MANIFEST};
use crate::image::testing::{Layout, simple};

/// Asserts a usage error with a hint, and gives its text.
fn refused(layout: &Layout, reference: Option<&str>) -> String {
    let error = layout.open(reference).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.hint_text().is_some());
    error.to_string()
}

#[test]
fn the_only_image_is_opened_with_all_its_blobs() {
    let layout = Layout::new();
    let image = layout.image("arm64", &[b"a", b"b", b"a"]);
    let open = layout.finish(&[&image]).open(None).unwrap();
    assert_eq!(open.known_digest(), image["digest"].as_str().unwrap());
    assert_eq!(open.top().media_type.as_str(), OCI_MANIFEST);
    assert_eq!(open.platforms(), ["linux/arm64"]);
    assert_eq!(open.blobs().len(), 3, "a layer that occurs twice is one blob");
    assert_eq!(open.size(), 2 + open.blobs()[0].size);
    assert!(open.children().is_empty());
}

#[test]
fn an_image_is_chosen_by_name_full_name_or_digest() {
    let layout = Layout::new();
    let (mut one, mut two) = (layout.image("amd64", &[b"1"]), layout.image("amd64", &[b"2"]));
    one["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
    two["annotations"] = json!({
        "org.opencontainers.image.ref.name": "v2",
        "io.containerd.image.name": "docker.io/library/app:v2",
    });
    layout.finish(&[&one, &two]);
    for (reference, image) in [
        ("v1", &one),
        ("v2", &two),
        ("docker.io/library/app:v2", &two),
        (one["digest"].as_str().unwrap(), &one),
    ] {
        assert_eq!(layout.open(Some(reference)).unwrap().known_digest(), image["digest"].as_str().unwrap());
    }
    assert!(refused(&layout, None).contains("several images: it has v1, v2"));
    assert!(refused(&layout, Some("v3")).contains("no image `v3`: it has v1, v2"));
}

#[test]
fn one_image_under_two_names_needs_no_choice() {
    let layout = Layout::new();
    let image = layout.image("amd64", &[b"1"]);
    let mut again = image.clone();
    again["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
    assert!(layout.finish(&[&image, &again]).open(None).is_ok());
}

#[test]
fn an_index_comes_whole_and_attestations_are_no_platform() {
    let layout = Layout::new();
    let (amd, arm) = (layout.image("amd64", &[b"x", b"common"]), layout.image("arm64", &[b"y", b"common"]));
    let attestation = layout.attestation(&amd);
    let inner = layout.index(&[&arm]);
    let top = layout.index(&[&amd, &attestation, &inner, &amd]);
    let open = layout.finish(&[&top]).open(None).unwrap();
    assert_eq!(open.platforms(), ["linux/amd64", "linux/arm64"]);
    let children: Vec<&str> = open.children().iter().map(|child| child.digest.as_str()).collect();
    let expected = [&amd, &attestation, &arm, &inner].map(|child| child["digest"].as_str().unwrap());
    assert_eq!(children, expected, "each once, and what an index names before it");
    assert_eq!(open.blobs().len(), 3 + 4, "three configurations, x, y, common, and the attestation's");
}

#[test]
fn an_attestation_is_never_taken_for_the_image() {
    let layout = Layout::new();
    let image = layout.image("amd64", &[b"x"]);
    let attestation = layout.attestation(&image);
    let digest = attestation["digest"].as_str().unwrap();
    layout.finish(&[&image, &attestation]);
    assert_eq!(layout.open(None).unwrap().known_digest(), image["digest"].as_str().unwrap());
    assert!(refused(&layout, Some(digest)).contains("is an attestation"));
    let only = layout.index(&[&attestation]);
    layout.finish(&[&only]);
    assert!(refused(&layout, None).contains("names no image"));
}

#[test]
fn docker_media_types_are_kept() {
    let layout = Layout::new();
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let config_type = "application/vnd.docker.container.image.v1+json";
    let config = layout.blob(config_type, br#"{"os":"linux","architecture":"amd64"}"#);
    let image =
        layout.document(&json!({"schemaVersion": 2, "mediaType": docker, "config": config, "layers": []}));
    let open = layout.finish(&[&image]).open(None).unwrap();
    assert_eq!((open.top().media_type.as_str(), open.platforms().len()), (docker, 1));
}

#[test]
fn a_foreign_layer_that_is_not_there_is_not_pushed() {
    let layout = Layout::new();
    let config = layout.blob(OCI_CONFIG, br#"{"os":"windows","architecture":"amd64"}"#);
    let mut foreign = layout.blob("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", b"base");
    std::fs::remove_file(layout.file_of(&foreign)).unwrap();
    foreign["urls"] = json!(["https://example.com/base"]);
    let manifest =
        json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [foreign]});
    let image = layout.document(&manifest);
    assert_eq!(layout.finish(&[&image]).open(None).unwrap().blobs().len(), 1);
}

#[test]
fn what_is_missing_or_changed_is_named() {
    let layout = simple();
    let layer = layout.open(None).unwrap().blobs()[1].file().to_owned();
    let name = layer.file_name().unwrap().to_str().unwrap().to_owned();

    std::fs::write(&layer, "longer than it was").unwrap();
    assert!(refused(&layout, None).contains(&format!("{name} has 18 bytes where 9 were announced")));
    std::fs::remove_file(&layer).unwrap();
    assert!(refused(&layout, None).contains(&format!("{name} is missing")));
}

#[test]
fn a_manifest_whose_digest_lies_is_refused() {
    let layout = Layout::new();
    let (one, two) = (layout.image("amd64", &[b"1"]), layout.image("amd64", &[b"2"]));
    std::fs::copy(layout.file_of(&two), layout.file_of(&one)).unwrap();
    layout.finish(&[&one]);
    assert!(refused(&layout, None).contains("has other content than its name says"));
}

#[test]
fn a_digest_cannot_climb_out_of_the_directory() {
    let layout = Layout::new();
    for digest in ["sha256:../../../../etc/passwd", "../../secret", "sha512:00", ""] {
        let entry = json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": 3});
        layout.finish(&[&entry]);
        assert!(refused(&layout, None).contains("not a SHA-256 digest"), "{digest}");
    }
}

#[test]
fn a_directory_that_is_no_layout_says_how_to_build_one() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none");
    for (path, what) in [(missing.as_path(), "does not exist"), (dir.path(), "no file `oci-layout`")] {
        let error = open(&Holdings::Dir(path.to_owned()), None).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.hint_text().unwrap().contains("docker buildx build --output type=oci,tar=false,dest="));
    }
    let layout = simple();
    std::fs::write(layout.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    assert!(refused(&layout, None).contains("only 1.0.0 is known"));
    let layout = Layout::new();
    assert!(refused(&layout, None).contains("index.json is missing"));
    layout.finish(&[]);
    assert!(refused(&layout, None).contains("it is empty"));
}
