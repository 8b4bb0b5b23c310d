use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::emit::Emitter;
use crate::image::docker_archive::tests::{LAYERS, image_config, legacy, modern};
use crate::image::engine_store::tests::FakeStore;
use crate::image::registry::fake::{Fake, Reply, Store};
use crate::image::testing::options;
use crate::image::{Cache, Destination, Reference, Registry, digest, push, settle};

/// An engine with the image `app:v1`, which it exports like this; it counts its exports.
async fn engine(inspected: serde_json::Value, export: Reply) -> (Fake, Arc<AtomicUsize>) {
    let exports = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&exports);
    let fake = Fake::start(move |request| match request.path.as_str() {
        "/images/app:v1/json" => Reply::new(200).body(inspected.to_string()),
        "/images/app:v1/get" => {
            count.fetch_add(1, Ordering::SeqCst);
            export.clone()
        }
        _ => Reply::new(404).body(r#"{"message":"No such image"}"#),
    })
    .await;
    (fake, exports)
}

/// What an engine says of the image that `legacy` and `modern` hold.
fn inspected() -> serde_json::Value {
    let config = image_config(&LAYERS);
    let layers: Vec<String> = LAYERS.iter().map(|layer| digest::of(layer)).collect();
    json!({
        "Id": digest::of(&config), "Os": "linux", "Architecture": "arm64", "Variant": "v8",
        "RootFS": {"Type": "layers", "Layers": layers}, "Size": 300_022,
    })
}

fn options_for(engine: &Fake, cache: Cache) -> OpenOptions {
    let host = Some(engine.endpoint.replace("http://", "tcp://"));
    OpenOptions { docker: DockerOptions { host, ..Default::default() }, cache, ..options() }
}

async fn registry() -> (Fake, Destination) {
    let mut store = Store::default();
    let fake = Fake::start(move |request| store.answer(request)).await;
    let host = fake.endpoint.strip_prefix("http://").unwrap().to_owned();
    let target: Reference = format!("{host}/app:v1").parse().unwrap();
    let registry = Registry::new(&host, None, Arc::new(|| Box::pin(async { Ok(None) }))).unwrap();
    (fake, Destination::new(registry, &target))
}

fn progress() -> Progress {
    Progress::new(Emitter::channel().0, "app")
}

async fn settled(export: Reply) -> Result<OpenImage> {
    let (engine, _) = engine(inspected(), export).await;
    let (_registry, destination) = registry().await;
    let mut image =
        open("app:v1", &options_for(&engine, Cache::disabled()), "docker:app:v1".to_owned()).await?;
    settle(&mut image, &destination, &progress()).await?;
    Ok(image)
}

#[tokio::test]
async fn an_export_of_any_age_becomes_the_same_image() {
    let old = settled(Reply::new(200).body(legacy())).await.unwrap();
    assert_eq!((old.blobs().len(), old.source()), (3, "docker:app:v1"));
    assert_eq!(old.platforms(), ["linux/arm64"]);
    let new = settled(Reply::new(200).body(modern(&LAYERS, &LAYERS))).await.unwrap();
    assert_eq!(old.top(), new.top());
    for blob in old.blobs() {
        assert_eq!(digest::of(&blob.bytes()), blob.digest);
    }
}

#[tokio::test]
async fn an_engine_that_does_not_say_its_layers_serves_too() {
    let (engine, _) = engine(json!({"Id": "sha256:0"}), Reply::new(200).body(legacy())).await;
    let (_registry, destination) = registry().await;
    let options = options_for(&engine, Cache::disabled());
    let mut image = open("app:v1", &options, "docker:app:v1".to_owned()).await.unwrap();
    settle(&mut image, &destination, &progress()).await.unwrap();
    let told = settled(Reply::new(200).body(legacy())).await.unwrap();
    assert_eq!(image.top(), told.top());
}

#[tokio::test]
async fn what_the_registry_has_is_not_exported_again() {
    let (engine, exports) = engine(inspected(), Reply::new(200).body(legacy())).await;
    let (registry, destination) = registry().await;
    let folder = tempfile::tempdir().unwrap();
    let options = options_for(&engine, Cache::at(folder.path()));
    let open_it = || open("app:v1", &options, "docker:app:v1".to_owned());

    let image = open_it().await.unwrap();
    assert_eq!(image.digest(), None, "its layers have never been packed");
    let first = push(&image, std::slice::from_ref(&destination), &progress()).await.unwrap();
    assert_eq!(exports.load(Ordering::SeqCst), 1);
    assert_eq!(registry.log().len(), 1 + 3 * 3 + 1, "a question, a session and an upload for each blob");

    let image = open_it().await.unwrap();
    assert_eq!(image.digest().as_deref(), Some(first.digest.as_str()));
    let before = registry.log().len();
    let second = push(&image, std::slice::from_ref(&destination), &progress()).await.unwrap();
    assert_eq!((second.digest, second.bytes_sent), (first.digest.clone(), 0));
    assert_eq!(registry.log().len(), before + 1, "one question settles it");

    // Another tag, as a new build without changes has it: still nothing to export.
    let image = open_it().await.unwrap();
    let other = Destination { tags: vec!["v2".to_owned(), "v3".to_owned()], ..destination };
    let third = push(&image, &[other], &progress()).await.unwrap();
    assert_eq!((third.digest, third.bytes_sent), (first.digest, 0));
    assert_eq!(exports.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn only_the_layers_that_are_missing_are_packed() {
    let folder = tempfile::tempdir().unwrap();
    let changed: [&[u8]; 3] = [LAYERS[0], LAYERS[1], b"a changed layer"];
    for export in [legacy(), modern(&LAYERS, &LAYERS)] {
        let (engine, _) = engine(inspected(), Reply::new(200).body(export)).await;
        let (registry, destination) = registry().await;
        let options = options_for(&engine, Cache::at(folder.path()));
        let image = open("app:v1", &options, "docker:app:v1".to_owned()).await.unwrap();
        push(&image, std::slice::from_ref(&destination), &progress()).await.unwrap();

        let mut said = inspected();
        let diff_ids = changed.map(digest::of);
        said["RootFS"]["Layers"] = json!(diff_ids);
        said["Id"] = json!(digest::of(&image_config(&changed)));
        let (engine, exports) = self::engine(said, Reply::new(200).body(modern(&changed, &changed))).await;
        let options = options_for(&engine, Cache::at(folder.path()));
        let image = open("app:v1", &options, "docker:app:v1".to_owned()).await.unwrap();
        let uploads = registry.count("PUT", "/uploads/");
        push(&image, &[destination], &progress()).await.unwrap();
        assert_eq!(registry.count("PUT", "/uploads/"), uploads + 2, "the layer and the configuration");
        assert_eq!(exports.load(Ordering::SeqCst), 1);
        let packed: HashSet<String> = std::fs::read_dir(image.scratch_dir().unwrap())
            .unwrap()
            .map(|file| format!("{file:?}"))
            .collect();
        assert_eq!(packed.len(), 1, "{packed:?}");
    }
}

#[tokio::test]
async fn an_image_that_was_replaced_meanwhile_is_refused() {
    let other: [&[u8]; 1] = [b"something else"];
    let error = settled(Reply::new(200).body(modern(&other, &other))).await.unwrap_err();
    assert!(error.to_string().contains("was replaced"), "{error}");
}

#[tokio::test]
async fn an_export_that_breaks_off_or_is_refused_is_an_error() {
    let cut = Reply::new(200).body(&legacy()[..4000]).short();
    let refused = Reply::new(500).body(r#"{"message":"no space left on device"}"#);
    for (reply, expected) in [(cut, "broke off"), (refused, "no space left on device")] {
        let error = settled(reply).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Preflight);
        assert!(error.to_string().contains(expected) && error.hint_text().is_some(), "{error}");
    }
}

#[tokio::test]
async fn an_image_that_the_engine_does_not_have_says_how_to_build_it() {
    let (engine, _) = engine(inspected(), Reply::new(200)).await;
    let missing = open("nope", &options_for(&engine, Cache::disabled()), String::new()).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Preflight);
    assert!(missing.hint_text().unwrap().contains("docker build -t nope"));
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_named_with_docker_host() {
    for (host, kind) in [
        ("unix:///nonexistent/docker.sock", ErrorKind::Preflight),
        ("ssh://user@host", ErrorKind::Usage),
        ("/var/run/docker.sock", ErrorKind::Usage),
    ] {
        let docker = DockerOptions { host: Some(host.to_owned()), ..Default::default() };
        let error = open("app", &OpenOptions { docker, ..options() }, String::new()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(host), "{error}");
        let all = format!("{error} {}", error.hint_text().unwrap());
        assert!(all.contains("DOCKER_HOST"), "{all}");
    }
}

/// Pushes the image of a storage on this machine; how often it was exported, and the pushed manifest's digest.
async fn push_stored(store: &FakeStore, never: bool) -> (usize, String) {
    let export = Reply::new(200).body(modern(&store.layers(), &store.layers()));
    let (engine, exports) = engine(store.inspected(), export).await;
    let (registry, destination) = registry().await;
    let mut options = options_for(&engine, Cache::disabled());
    options.docker.never_read_store = never;
    let image = open("app:v1", &options, "docker:app:v1".to_owned()).await.unwrap();
    let pushed = push(&image, &[destination], &progress()).await.unwrap();
    assert_eq!(registry.count("PUT", "/uploads/"), 4);
    (exports.load(Ordering::SeqCst), pushed.digest)
}

#[tokio::test]
async fn layers_that_can_be_read_where_they_are_need_no_export() {
    let (exports, digest) = push_stored(&FakeStore::new(), false).await;
    assert_eq!(exports, 0);
    assert_eq!(push_stored(&FakeStore::new(), true).await, (1, digest.clone()), "unless that is not wanted");

    // A storage is not to be trusted: what is not what it should be is exported, and the image is the same.
    let changed = FakeStore::new();
    std::fs::write(changed.files(1).join("etc/app.conf"), "its CONFIGURATION").unwrap();
    let gone = FakeStore::new();
    std::fs::remove_dir_all(gone.root.path().join("image/overlay2/imagedb")).unwrap();
    for store in [changed, gone] {
        assert_eq!(push_stored(&store, false).await, (1, digest.clone()));
    }
}
