//! Images that come from a registry: whole, bit for bit, and never wrong, whatever their registry does.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::fake::{Fake, Reply, Request, Store};
use super::tests::{HOST, bearer_of, hint, push_with, quick, registry, scripted, tokens};
use super::{Pushed, Registry};
use crate::error::{ErrorKind, Result};
use crate::event::{Event, Transfer};
use crate::image::digest;
use crate::image::document::{OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST};
use crate::image::testing::{Layout, options, simple};
use crate::image::{OpenImage, OpenOptions, Source, open};

/// Content by digest, and the digest of the tag `v1`.
#[derive(Clone)]
struct Held {
    top: String,
    content: HashMap<String, Vec<u8>>,
}

impl Held {
    /// What a layout has, with its only image under the tag.
    fn of(layout: &Layout) -> Self {
        let index: Value =
            serde_json::from_slice(&std::fs::read(layout.path().join("index.json")).unwrap()).unwrap();
        let files = std::fs::read_dir(layout.path().join("blobs/sha256")).unwrap();
        let content = files.map(|file| {
            let file = file.unwrap();
            (format!("sha256:{}", file.file_name().to_str().unwrap()), std::fs::read(file.path()).unwrap())
        });
        Self { top: index["manifests"][0]["digest"].as_str().unwrap().to_owned(), content: content.collect() }
    }

    /// Answers what is read; nothing else.
    fn answer(&self, request: &Request) -> Option<Reply> {
        let name = request.path.rsplit('/').next().unwrap();
        let is_manifest = request.path.contains("/manifests/");
        if request.method != "GET" {
            return None;
        }
        let name = if is_manifest && name == "v1" { self.top.as_str() } else { name };
        let Some(bytes) = self.content.get(name) else {
            return Some(Reply::error(404, "BLOB_UNKNOWN", "blob unknown to registry"));
        };
        let reply = Reply::new(200).body(bytes);
        if !is_manifest {
            return Some(reply);
        }
        let document: Value = serde_json::from_slice(bytes).unwrap();
        Some(reply.header("Content-Type", document["mediaType"].as_str().unwrap()))
    }
}

/// A registry that an image is read from, and does first what `script` says.
async fn source(held: &Held, mut script: impl FnMut(&Request) -> Option<Reply> + Send + 'static) -> Fake {
    let held = held.clone();
    Fake::start(move |request| {
        script(request).or_else(|| held.answer(request)).unwrap_or_else(|| Reply::new(405))
    })
    .await
}

async fn opened(source: &Registry, reference: &str) -> Result<OpenImage> {
    let source = source.clone();
    let options = OpenOptions { registries: Arc::new(move |_| Ok(source.clone())), ..options() };
    open(&Source::Registry(reference.parse().unwrap()), &options).await
}

const FROM: &str = "source.test";

fn registry_of(fake: &Fake) -> Registry {
    Registry::with_policy(FROM, Some(&fake.endpoint), tokens().0, quick()).unwrap()
}

/// Copies `source.test/base:v1` to `registry.test/app:v1`.
async fn copy(from: &Fake, to: &Fake) -> (Result<Pushed>, Vec<Event>) {
    match opened(&registry_of(from), "source.test/base:v1").await {
        Ok(image) => push_with(&registry(to), &image, "app:v1").await,
        Err(error) => (Err(error), Vec::new()),
    }
}

fn first_of(
    method: &'static str,
    path: String,
    replies: Vec<Reply>,
) -> impl FnMut(&Request) -> Option<Reply> {
    let mut replies = replies.into_iter();
    move |request| if request.is(method, &path) { replies.next() } else { None }
}

#[tokio::test]
async fn an_index_is_copied_whole_and_bit_for_bit_with_children_first() {
    let layout = Layout::new();
    let (amd, arm) = (layout.image("amd64", &[b"x", b"common"]), layout.image("arm64", &[b"y", b"common"]));
    let attestation = layout.attestation(&amd);
    let inner = layout.index(&[&arm]);
    let top = layout.index(&[&inner, &amd, &attestation]);
    layout.finish(&[&top]);
    let held = Held::of(&layout);
    let from = source(&held, |_| None).await;
    // It refuses an index whose children it does not have.
    let to = scripted(|_, _| None).await;
    let (pushed, _) = copy(&from, &to).await;
    assert_eq!(pushed.unwrap().digest, top["digest"].as_str().unwrap());
    let manifests: Vec<Request> =
        to.log().into_iter().filter(|request| request.is("PUT", "/manifests/")).collect();
    assert_eq!(manifests.len(), 5);
    for manifest in &manifests {
        let found = digest::of(&manifest.body);
        assert!(held.content[&found] == manifest.body, "not a byte is changed");
        assert!(manifest.path.ends_with(&found) || manifest.path.ends_with("/v1"));
    }
    assert!(manifests.last().unwrap().path.ends_with("/manifests/v1"));
    // x, y, common; three configurations; the attestation's statement.
    assert_eq!(to.count("PUT", "/uploads/"), 7);
    let blobs = from.log().iter().filter(|request| request.is("GET", "/blobs/")).count();
    let configs = 3;
    assert!(blobs <= 7 + configs, "nothing is fetched twice but a configuration, which is looked into");
}

#[tokio::test]
async fn what_passes_at_the_source_is_tried_again() {
    let layout = simple();
    let held = Held::of(&layout);
    let large = digest::of(&[7; 600_000]);
    let busy = || Reply::new(429).header("Retry-After", "0");
    let half = Reply::new(200).body(vec![7; 600_000]).cut_at(300_000);
    for (path, replies) in [
        ("/manifests/v1".to_owned(), vec![busy(), Reply::new(500), Reply::new(503)]),
        ("/manifests/v1".to_owned(), vec![Reply::cut(), Reply::new(200).body("{").short(), busy()]),
        (format!("/blobs/{large}"), vec![busy(), Reply::new(500), Reply::new(503)]),
        (format!("/blobs/{large}"), vec![half.clone(), Reply::cut(), half.clone()]),
        // The configuration is read when the image is opened, and again when it is sent.
        ("/blobs/sha256:".to_owned(), vec![busy(), Reply::new(503), Reply::cut()]),
    ] {
        let from = source(&held, first_of("GET", path.clone(), replies)).await;
        let to = scripted(|_, _| None).await;
        let (pushed, _) = copy(&from, &to).await;
        assert_eq!(pushed.unwrap().digest, held.top, "{path}");
        assert!(from.count("GET", &path) > 3, "{path}");
        assert_eq!(to.count("PUT", "/uploads/"), 3, "{path}: a broken source is never a whole upload");
    }
}

#[tokio::test]
async fn a_cut_in_the_middle_of_any_blob_of_the_source_costs_tries_and_for_ever_costs_the_push() {
    let layout = simple();
    let held = Held::of(&layout);
    let blobs: Vec<String> =
        layout.open(None).unwrap().blobs().iter().map(|blob| blob.digest.clone()).collect();
    for blob in blobs {
        let bytes = held.content[&blob].clone();
        let half = Reply::new(200).body(&bytes).cut_at(bytes.len() / 2);
        let from = source(&held, first_of("GET", format!("/blobs/{blob}"), vec![half.clone(); 3])).await;
        let to = scripted(|_, _| None).await;
        assert_eq!(copy(&from, &to).await.0.unwrap().digest, held.top);

        let from = source(&held, first_of("GET", format!("/blobs/{blob}"), vec![half; 1000])).await;
        let to = scripted(|_, _| None).await;
        let error = copy(&from, &to).await.0.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registry, "{error}");
        assert!(error.to_string().contains(FROM), "{error}");
        assert_eq!(to.count("PUT", "/manifests/"), 0);
        assert!(
            to.log().iter().all(|request| digest::of(&request.body) != digest::of(&bytes[..bytes.len() / 2]))
        );
    }
}

#[tokio::test]
async fn other_bytes_than_the_digest_says_never_arrive() {
    let layout = simple();
    let held = Held::of(&layout);
    let large = digest::of(&[7; 600_000]);
    let mut flipped = vec![7; 600_000];
    flipped[599_999] = 6;
    let mut early = vec![7; 600_000];
    early[0] = 6;
    for (what, reply, kind) in [
        ("last byte", Reply::new(200).body(&flipped), ErrorKind::Usage),
        ("first byte", Reply::new(200).body(&early), ErrorKind::Usage),
        ("too few", Reply::new(200).body(vec![7; 599_999]), ErrorKind::Registry),
        ("none", Reply::new(200), ErrorKind::Registry),
        ("too many", Reply::new(200).body(vec![7; 600_001]), ErrorKind::Usage),
        ("gone", Reply::error(404, "BLOB_UNKNOWN", "blob unknown to registry"), ErrorKind::Preflight),
    ] {
        let from = source(&held, first_of("GET", format!("/blobs/{large}"), vec![reply; 1000])).await;
        let to = scripted(|_, _| None).await;
        let (pushed, _) = copy(&from, &to).await;
        let error = pushed.unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains(FROM) && text.contains(&large), "{what}: {text}");
        assert!(error.hint_text().is_some(), "{what}");
        assert_eq!(to.count("PUT", "/manifests/"), 0, "{what}");
        let sizes: Vec<usize> = to
            .log()
            .iter()
            .filter(|request| request.method == "PUT")
            .map(|request| request.body.len())
            .collect();
        assert!(sizes.iter().all(|size| *size < 1000), "{what}: {sizes:?}");
    }
}

#[tokio::test]
async fn manifests_that_are_not_what_was_asked_for_are_refused() {
    let layout = simple();
    let mut held = Held::of(&layout);
    let other = Layout::new();
    let entry = other.image("arm64", &[b"other"]);
    let other = Held::of(other.finish(&[&entry]));
    held.content.insert(held.top.clone(), other.content[&other.top].clone());
    held.content.extend(
        other.content.iter().filter(|(digest, _)| **digest != other.top).map(|(a, b)| (a.clone(), b.clone())),
    );
    let from = source(&held, |_| None).await;
    let by_digest = format!("source.test/base@{}", held.top);
    let error = opened(&registry_of(&from), &by_digest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Registry);
    assert!(error.to_string().contains(&other.top) && error.to_string().contains(&held.top), "{error}");
    // Under a tag it is another image, but a whole one.
    assert_eq!(opened(&registry_of(&from), "source.test/base:v1").await.unwrap().known_digest(), other.top);

    let layout = Layout::new();
    let (child, wrong) = (layout.image("amd64", &[b"x"]), layout.image("amd64", &[b"y"]));
    let top = layout.index(&[&child]);
    layout.finish(&[&top]);
    let held = Held::of(&layout);
    let (child, wrong) = (child["digest"].as_str().unwrap(), wrong["digest"].as_str().unwrap());
    let mut lying = held.clone();
    lying.content.insert(child.to_owned(), held.content[wrong].clone());
    let mut lost = held.clone();
    lost.content.remove(child);
    for (held, kind) in [(lying, ErrorKind::Registry), (lost, ErrorKind::Preflight)] {
        let from = source(&held, |_| None).await;
        let error = opened(&registry_of(&from), "source.test/base:v1").await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(child), "{error}");
    }
}

#[tokio::test]
async fn an_index_that_is_deeper_than_any_real_one_is_refused() {
    for (depth, good) in [(8, true), (9, false)] {
        let layout = Layout::new();
        let mut top = layout.image("amd64", &[b"x"]);
        for _ in 0..depth {
            top = layout.index(&[&top]);
        }
        layout.finish(&[&top]);
        let held = Held::of(&layout);
        let from = source(&held, |_| None).await;
        let found = opened(&registry_of(&from), "source.test/base:v1").await;
        assert_eq!(found.is_ok(), good, "{depth}: {found:?}");
        if let Err(error) = found {
            assert!(error.to_string().contains("nested too deeply"), "{error}");
        }
    }
}

#[tokio::test]
async fn foreign_layers_are_told_and_not_asked_for_and_unknown_ones_are_refused() {
    let layout = Layout::new();
    let config = layout.blob(OCI_CONFIG, br#"{"os":"windows","architecture":"amd64"}"#);
    let mut foreign = layout.blob("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", b"base");
    foreign["urls"] = json!(["https://example.com/base"]);
    let own = layout.blob(OCI_LAYER_GZIP, b"own");
    let image = |layers: &[&Value]| {
        layout.document(&json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers,
        }))
    };
    layout.finish(&[&image(&[&foreign, &own])]);
    let held = Held::of(&layout);
    let from = source(&held, |_| None).await;
    let opened_image = opened(&registry_of(&from), "source.test/base:v1").await.unwrap();
    let notes = opened_image.notes();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains(foreign["digest"].as_str().unwrap()), "{notes:?}");
    let to = Fake::start({
        // A registry takes a manifest with a foreign layer that it does not have.
        let mut store = Store::default();
        store.blobs.insert(foreign["digest"].as_str().unwrap().to_owned());
        move |request| store.answer(request)
    })
    .await;
    push_with(&registry(&to), &opened_image, "app:v1").await.0.unwrap();
    assert_eq!(to.count("PUT", "/uploads/"), 2);
    assert_eq!(from.count("GET", foreign["digest"].as_str().unwrap()), 0);

    let unknown = layout.blob("application/x-squashfs", b"odd");
    layout.finish(&[&image(&[&unknown])]);
    let from = source(&Held::of(&layout), |_| None).await;
    let error = opened(&registry_of(&from), "source.test/base:v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Preflight);
    assert!(error.to_string().contains("application/x-squashfs"), "{error}");
}

/// One registry with the image in `base`, which answers mounts as it is told.
async fn with_mounts(held: &Held, status: u16) -> Fake {
    let (held, mut store) = (held.clone(), Store::default());
    Fake::start(move |request| {
        if request.is("POST", "mount=") && status == 201 {
            let digest = request.path.split("mount=").nth(1).unwrap().split('&').next().unwrap();
            store.blobs.insert(digest.replace("%3A", ":"));
            return Reply::new(201);
        }
        match request.path.starts_with("/v2/base/") {
            true => held.answer(request).unwrap_or_else(|| Reply::new(405)),
            false => store.answer(request),
        }
    })
    .await
}

#[tokio::test]
async fn a_mount_sends_nothing_and_without_one_the_blob_is_streamed() {
    let held = Held::of(&simple());
    for (status, outcome, puts) in [(201, Transfer::Mounted, 0), (202, Transfer::Uploaded, 3)] {
        let fake = with_mounts(&held, status).await;
        let registry = registry(&fake);
        let image = opened(&registry, &format!("{HOST}/base:v1")).await.unwrap();
        let gets = fake.count("GET", "/blobs/");
        let (pushed, events) = push_with(&registry, &image, "app:v1").await;
        let pushed = pushed.unwrap();
        assert_eq!(pushed.digest, held.top);
        assert_eq!(pushed.bytes_sent, if puts == 0 { 0 } else { image.size() });
        assert_eq!(fake.count("POST", "/app/blobs/uploads/?mount=sha256%3A"), 3);
        assert_eq!(fake.count("POST", "&from=base"), 3);
        assert_eq!(fake.count("PUT", "/uploads/"), puts);
        assert_eq!(fake.count("GET", "/blobs/"), gets + puts, "what is mounted is not read");
        let outcomes: Vec<Transfer> = events
            .iter()
            .filter_map(|event| match event {
                Event::BlobPushed { outcome, .. } => Some(*outcome),
                _ => None,
            })
            .collect();
        assert_eq!(outcomes, [outcome; 3]);
    }
}

#[tokio::test]
async fn another_host_is_never_asked_to_mount() {
    let held = Held::of(&simple());
    let (from, to) = (source(&held, |_| None).await, scripted(|_, _| None).await);
    copy(&from, &to).await.0.unwrap();
    assert_eq!((to.count("POST", "mount="), to.count("PUT", "/uploads/")), (0, 3));
    assert!(to.log().iter().chain(&from.log()).all(|request| bearer_of(request, "token-1")));
}

#[tokio::test]
async fn an_expired_token_of_the_source_is_refreshed_in_the_middle() {
    let held = Held::of(&simple());
    let answered = Arc::new(Mutex::new(0));
    let from = source(&held, move |request| {
        let mut answered = answered.lock().unwrap();
        *answered += 1;
        let expired = *answered > 2 && bearer_of(request, "token-1");
        expired.then(|| Reply::new(403).body("Your authorization token has expired."))
    })
    .await;
    let (provider, calls): (_, Arc<AtomicU32>) = tokens();
    let registry_from = Registry::with_policy(FROM, Some(&from.endpoint), provider, quick()).unwrap();
    let image = opened(&registry_from, "source.test/base:v1").await.unwrap();
    let to = scripted(|_, _| None).await;
    push_with(&registry(&to), &image, "app:v1").await.0.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn redirects_of_the_source_are_followed_without_credentials_and_not_for_ever() {
    let held = Held::of(&simple());
    let stored = held.clone();
    let storage = Fake::start(move |request| {
        let name = request.path.split('?').next().unwrap().rsplit('/').next().unwrap();
        Reply::new(200).body(&stored.content[name])
    })
    .await;
    let elsewhere = storage.endpoint.replace("127.0.0.1", "localhost");
    let from = source(&held, move |request| {
        let name = request.path.rsplit('/').next().unwrap();
        let to = format!("{elsewhere}/store/{name}?sig=a%2Bb");
        request.is("GET", "/blobs/").then(|| Reply::new(307).header("Location", to))
    })
    .await;
    let to = scripted(|_, _| None).await;
    assert_eq!(copy(&from, &to).await.0.unwrap().digest, held.top);
    assert!(!storage.log().is_empty());
    assert!(storage.log().iter().all(|request| request.header("authorization").is_none()));
    assert!(storage.log().iter().all(|request| request.path.ends_with("?sig=a%2Bb")));

    let from = source(&held, |request| {
        let again = request.path.clone();
        request.is("GET", "/blobs/").then(|| Reply::new(307).header("Location", again))
    })
    .await;
    let error = copy(&from, &to).await.0.unwrap_err();
    assert!(error.to_string().contains("redirects again and again"), "{error}");
}

#[tokio::test]
async fn an_image_that_is_not_there_is_one_error() {
    let held = Held::of(&simple());
    let from = source(&held, |request| request.is("GET", "/manifests/").then(|| Reply::new(404))).await;
    let error = opened(&registry_of(&from), "source.test/base:v1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Preflight);
    assert!(error.to_string().contains("source.test/base:v1"), "{error}");
    assert!(hint(&error).contains("name and tag"));
}
