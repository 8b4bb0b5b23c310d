use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use backon::ExponentialBuilder;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fake::{Fake, Reply, Request, Store};
use super::retry::Policy;
use super::{Credentials, CredentialsProvider, Destination, Pushed, Registry};
use crate::emit::Emitter;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Transfer};
use crate::image::Cache;
use crate::image::testing::{Layout, simple};
use crate::image::{OpenImage, Progress, Reference};
use crate::secret::Secret;

pub(super) const HOST: &str = "registry.test";

/// The same numbers of tries as in earnest, without the waits.
pub(super) fn quick() -> Policy {
    let delays = ExponentialBuilder::default().with_min_delay(Duration::from_millis(1)).with_factor(1.0);
    Policy { general: delays.with_max_times(3), visibility: delays.with_max_times(6) }
}

pub(super) fn target(text: &str) -> Reference {
    format!("{HOST}/{text}").parse().unwrap()
}

/// Gives `token-1`, then `token-2` and so on.
pub(super) fn tokens() -> (CredentialsProvider, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    let provider: CredentialsProvider = Arc::new(move || {
        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
        let password = Secret::new(format!("token-{number}"));
        Box::pin(async { Ok(Some(Credentials::Login { user: "AWS".to_owned(), password })) })
    });
    (provider, calls)
}

pub(super) fn registry(fake: &Fake) -> Registry {
    Registry::with_policy(HOST, Some(&fake.endpoint), tokens().0, quick()).unwrap()
}

pub(super) fn bearer_of(request: &Request, token: &str) -> bool {
    let expected = format!("Basic {}", STANDARD.encode(format!("AWS:{token}")));
    request.header("authorization") == Some(&expected)
}

pub(super) async fn push_with(
    registry: &Registry,
    image: &OpenImage,
    to: &str,
) -> (Result<Pushed>, Vec<Event>) {
    let (emitter, mut events) = Emitter::channel();
    let to = Destination::new(registry.clone(), &target(to));
    let outcome = super::push(image, &[to], &Progress::new(emitter, "api")).await;
    let mut seen = Vec::new();
    while let Ok(record) = events.try_recv() {
        seen.push(record.event);
    }
    (outcome, seen)
}

pub(super) async fn push(fake: &Fake, image: &OpenImage) -> Result<Pushed> {
    push_with(&registry(fake), image, "app:v1").await.0
}

/// A registry that answers as `script` says, and where that says nothing as a good registry does.
pub(super) async fn scripted(
    mut script: impl FnMut(&Request, &mut Store) -> Option<Reply> + Send + 'static,
) -> Fake {
    let mut store = Store::default();
    Fake::start(move |request| script(request, &mut store).unwrap_or_else(|| store.answer(request))).await
}

/// Gives these replies to the first requests that fit.
pub(super) fn first(
    method: &'static str,
    path: &'static str,
    replies: Vec<Reply>,
) -> impl FnMut(&Request, &mut Store) -> Option<Reply> {
    let mut replies = replies.into_iter();
    move |request, _| if request.is(method, path) { replies.next() } else { None }
}

pub(super) fn hint(error: &Error) -> &str {
    error.hint_text().unwrap()
}

#[tokio::test]
async fn a_cold_push_sends_each_blob_once_and_then_the_tag() {
    let (layout, fake) = (simple(), scripted(|_, _| None).await);
    let image = layout.open(None).unwrap();
    let registry = registry(&fake);
    let (pushed, events) = push_with(&registry, &image, "team/app:v1").await;
    let expected = Pushed {
        digest: image.known_digest().to_owned(),
        bytes_sent: image.size(),
        outcome: Transfer::Uploaded,
    };
    assert_eq!(pushed.unwrap(), expected);

    let log = fake.log();
    assert_eq!(log.len(), 1 + 3 * image.blobs().len() + 1);
    assert!(log.iter().all(|request| bearer_of(request, "token-1")), "credentials at once, no ping");
    assert!(log.iter().all(|request| request.path.starts_with("/v2/team/app/")));
    assert!(log.iter().all(|request| request.header("user-agent").unwrap().starts_with("landfall/")));
    assert!(log.last().unwrap().is("PUT", "/manifests/v1"));
    assert_eq!(fake.count("PATCH", ""), 0);

    assert!(matches!(&events[0], Event::ImagePushStarted { blobs, source, target, .. }
        if blobs.len() == 3 && source == "oci:test" && target == "registry.test/team/app:v1"));
    let confirmed = events.iter().filter(|event| {
        matches!(event, Event::BlobPushed { outcome: Transfer::Uploaded, container, .. } if container == "api")
    });
    assert_eq!(confirmed.count(), 3);
    assert!(matches!(events.last().unwrap(), Event::ImagePushed { reference, .. }
        if *reference == format!("registry.test/team/app@{}", image.known_digest())));

    let (again, events) = push_with(&registry, &image, "team/app:v1").await;
    assert_eq!(again.unwrap(), Pushed { bytes_sent: 0, outcome: Transfer::Exists, ..expected });
    assert_eq!(fake.log().len(), log.len() + 1, "one question settles it");
    assert_eq!(events.len(), 2);

    let (other, events) = push_with(&registry, &image, "team/app:v2").await;
    assert_eq!(other.unwrap().bytes_sent, 0);
    assert_eq!(fake.count("PUT", "/uploads/"), 3, "a new tag sends no blob");
    assert!(events.iter().any(|event| matches!(event, Event::BlobPushed { outcome: Transfer::Exists, .. })));
}

#[tokio::test]
async fn a_push_can_run_in_a_task_of_its_own() {
    let (layout, fake) = (simple(), scripted(|_, _| None).await);
    let image = layout.open(None).unwrap();
    let registry = registry(&fake);
    let task = tokio::spawn(async move {
        let progress = Progress::new(Emitter::channel().0, "api");
        let to = Destination::new(registry, &target("app:v1"));
        super::push(&image, &[to], &progress).await
    });
    assert!(task.await.unwrap().is_ok());
}

#[tokio::test]
async fn without_a_tag_the_image_goes_by_its_digest() {
    let (layout, fake) = (simple(), scripted(|_, _| None).await);
    let image = layout.open(None).unwrap();
    let (pushed, _) = push_with(&registry(&fake), &image, "app").await;
    assert!(pushed.is_ok());
    assert!(fake.log().last().unwrap().is("PUT", &format!("/manifests/{}", image.known_digest())));
    let other = format!("app@sha256:{}", "0".repeat(64));
    let (pushed, events) = push_with(&registry(&fake), &image, &other).await;
    assert_eq!(pushed.unwrap_err().kind(), ErrorKind::Usage);
    assert!(events.is_empty());
}

#[tokio::test]
async fn children_of_an_index_go_before_it() {
    let layout = Layout::new();
    let (amd, arm) = (layout.image("amd64", &[b"x"]), layout.image("arm64", &[b"y"]));
    let attestation = layout.attestation(&amd);
    let inner = layout.index(&[&arm]);
    let top = layout.index(&[&inner, &amd, &attestation]);
    let image = layout.finish(&[&top]).open(None).unwrap();
    // The fake refuses an index whose children it does not have.
    let fake = scripted(|_, _| None).await;
    assert_eq!(push(&fake, &image).await.unwrap().digest, top["digest"].as_str().unwrap());
    assert_eq!(fake.count("PUT", "/manifests/sha256:"), 4);
    assert!(fake.log().last().unwrap().is("PUT", "/manifests/v1"));
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let busy = || Reply::new(429).header("Retry-After", "0");
    let expired = || Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown");
    for (method, path, replies) in [
        ("HEAD", "/manifests/", vec![Reply::new(500), busy(), Reply::new(503)]),
        ("HEAD", "/blobs/", vec![Reply::new(502), Reply::new(504), Reply::cut()]),
        ("POST", "/uploads/", vec![busy(), Reply::new(500), Reply::cut()]),
        ("PUT", "/uploads/", vec![Reply::cut(), Reply::new(500), Reply::new(408)]),
        ("PUT", "/uploads/", vec![expired(), Reply::new(416)]),
        ("PUT", "/manifests/", vec![Reply::new(500), Reply::cut(), busy()]),
    ] {
        let tries = replies.len();
        let fake = scripted(first(method, path, replies)).await;
        let pushed = push(&fake, &image).await;
        assert!(pushed.is_ok(), "{method} {path}: {pushed:?}");
        assert!(fake.count(method, path) > tries, "{method} {path}");
    }
}

#[tokio::test]
async fn what_does_not_pass_ends_after_four_tries() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    for (method, path) in [("HEAD", "/manifests/"), ("POST", "/uploads/"), ("PUT", "/manifests/")] {
        let fake = scripted(move |request, _| request.is(method, path).then(|| Reply::new(503))).await;
        let error = push(&fake, &image).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registry);
        assert!(error.to_string().contains("503"), "{error}");
        if path != "/uploads/" {
            assert_eq!(fake.count(method, path), 4);
        }
    }
}

#[tokio::test]
async fn a_blob_that_arrived_although_the_connection_broke_is_not_sent_again() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let fake = scripted(|request, store| {
        if request.is("PUT", "/uploads/") {
            store.answer(request);
            return Some(Reply::cut());
        }
        None
    })
    .await;
    assert!(push(&fake, &image).await.is_ok());
    assert_eq!(fake.count("PUT", "/uploads/"), 3);
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_a_blob_costs_a_try() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    for (cuts, good) in [(3, true), (4, false)] {
        let mut store = Store::default();
        let fake = Fake::start_cutting(cuts, move |request| store.answer(request)).await;
        let (pushed, events) = push_with(&registry(&fake), &image, "app:v1").await;
        assert_eq!(pushed.is_ok(), good, "{pushed:?}");
        assert_eq!(fake.count("PUT", "/manifests/"), usize::from(good));
        assert!(events.iter().any(|event| matches!(event, Event::BlobProgress { sent: 0, .. })));
    }
}

#[tokio::test]
async fn the_bytes_of_a_broken_attempt_are_taken_back() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let fake = scripted(first("PUT", "/uploads/", vec![Reply::new(500)])).await;
    let (pushed, events) = push_with(&registry(&fake), &image, "app:v1").await;
    assert_eq!(pushed.unwrap().bytes_sent, image.size());
    let fell_back = events.iter().any(|event| matches!(event, Event::BlobProgress { sent: 0, .. }));
    assert!(fell_back);
}

#[tokio::test]
async fn an_expired_token_is_refreshed_once_for_all() {
    let layout = Layout::new();
    let layers: Vec<Vec<u8>> = (0..20).map(|number| vec![number; 1000]).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let image = layout.image("amd64", &layers);
    let image = layout.finish(&[&image]).open(None).unwrap();
    for status in [401, 403] {
        let mut answered = 0;
        let fake = scripted(move |request, _| {
            answered += 1;
            let expired = answered > 5 && bearer_of(request, "token-1");
            expired.then(|| {
                Reply::new(status).body("Your authorization token has expired. Reauthenticate and try again.")
            })
        })
        .await;
        let (provider, calls) = tokens();
        let registry = Registry::with_policy(HOST, Some(&fake.endpoint), provider, quick()).unwrap();
        push_with(&registry, &image, "app:v1").await.0.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_refusal_of_fresh_credentials_is_a_matter_of_permission() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let denied = "User: arn:aws:iam::1:role/ci is not authorized to perform: ecr:InitiateLayerUpload";
    let fake =
        scripted(move |request, _| request.is("POST", "").then(|| Reply::error(403, "DENIED", denied))).await;
    let (provider, calls) = tokens();
    let registry = Registry::with_policy(HOST, Some(&fake.endpoint), provider, quick()).unwrap();
    let error = push_with(&registry, &image, "app:v1").await.0.unwrap_err();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(error.kind(), ErrorKind::Registry);
    assert!(error.to_string().contains(denied), "{error}");
    assert!(hint(&error).contains("ecr:InitiateLayerUpload"));
}

#[tokio::test]
async fn a_corrupt_layer_never_arrives() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let large = image.blobs().iter().max_by_key(|blob| blob.size).unwrap().clone();
    for damage in ["changed", "truncated", "gone"] {
        let mut content = vec![7; 600_000];
        content[599_999] = 8;
        match damage {
            "changed" => std::fs::write(large.file(), &content).unwrap(),
            "truncated" => std::fs::write(large.file(), &content[..300_000]).unwrap(),
            _ => std::fs::remove_file(large.file()).unwrap(),
        }
        let fake = scripted(|_, _| None).await;
        let error = push(&fake, &image).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{damage}");
        assert!(error.to_string().contains(large.file().to_str().unwrap()), "{error}");
        assert_eq!(fake.count("PUT", "/manifests/"), 0);
        let arrived: HashSet<usize> = fake.log().iter().map(|request| request.body.len()).collect();
        assert!(!arrived.contains(&600_000), "the request was broken off");
    }
}

#[tokio::test]
async fn credentials_do_not_follow_to_another_host() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let storage = Fake::start(|_| Reply::new(201)).await;
    let elsewhere = format!("{}/put?sig=a%2Bb", storage.endpoint.replace("127.0.0.1", "localhost"));
    // The fake does not see these blobs, so it has to take the manifest anyway.
    let fake = scripted(move |request, _| {
        if request.is("POST", "") {
            return Some(Reply::new(202).header("Location", elsewhere.clone()));
        }
        request.is("PUT", "/manifests/").then(|| Reply::new(202))
    })
    .await;
    push(&fake, &image).await.unwrap();
    assert_eq!(storage.count("PUT", "/put?sig=a%2Bb&digest=sha256:"), 3);
    assert!(storage.log().iter().all(|request| request.header("authorization").is_none()));
}

#[tokio::test]
async fn an_absolute_location_that_names_the_registry_goes_to_its_endpoint() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let fake = scripted(|request, _| {
        let path = "https://registry.test/v2/app/blobs/uploads/1?_state=a%2Fb%3D";
        request.is("POST", "").then(|| Reply::new(202).header("Location", path))
    })
    .await;
    push(&fake, &image).await.unwrap();
    assert_eq!(fake.count("PUT", "/uploads/1?"), 3);
}

#[tokio::test]
async fn an_upload_without_a_location_is_an_error() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let fake = scripted(|request, _| request.is("POST", "").then(|| Reply::new(202))).await;
    let error = push(&fake, &image).await.unwrap_err();
    assert!(error.to_string().contains("does not say where to send it"), "{error}");
}

#[tokio::test]
async fn a_missing_repository_says_how_to_create_it() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let unknown = || Reply::error(404, "NAME_UNKNOWN", "The repository does not exist");
    for script in [
        first("POST", "", vec![unknown(), unknown(), unknown()]),
        first("PUT", "/manifests/", vec![unknown()]),
    ] {
        let fake = scripted(script).await;
        let error = push(&fake, &image).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Preflight);
        assert!(hint(&error).contains("aws ecr create-repository --repository-name app"));
    }
}

#[tokio::test]
async fn a_manifest_that_runs_ahead_of_its_blobs_is_sent_again() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let unknown = || Reply::error(400, "BLOB_UNKNOWN", "Layers do not exist");
    let fake = scripted(first("PUT", "/manifests/", vec![unknown(); 6])).await;
    push(&fake, &image).await.unwrap();
    let fake = scripted(first("PUT", "/manifests/", vec![unknown(); 7])).await;
    let error = push(&fake, &image).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Registry);
    assert_eq!(fake.count("PUT", "/manifests/"), 7);
}

#[tokio::test]
async fn what_the_registry_says_about_a_manifest_is_heard() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let other = format!("sha256:{}", "0".repeat(64));
    let taken = "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the repository is immutable.";
    for (reply, expected) in [
        (Reply::new(201).header("Docker-Content-Digest", other.clone()), other.as_str()),
        (Reply::error(400, "TAG_INVALID", taken), "immutable"),
        (Reply::new(400).body("plain \x1b[31mtext"), "plain  [31mtext"),
    ] {
        let fake = scripted(first("PUT", "/manifests/", vec![reply])).await;
        let error = push(&fake, &image).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registry);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fake.count("PUT", "/manifests/"), 1);
    }
}

#[tokio::test]
async fn references_are_resolved_to_digests() {
    let body = r#"{"schemaVersion":2}"#;
    let digest = crate::image::digest::of(body.as_bytes());
    let known = digest.clone();
    let fake = Fake::start(move |request| {
        assert!(request.header("accept").unwrap().contains("manifest.list.v2+json"));
        let name = request.path.rsplit('/').next().unwrap();
        match name {
            "v1" => Reply::new(200).header("Docker-Content-Digest", known.clone()),
            "silent" | "latest" => Reply::new(200).body(body),
            "no-head" if request.method == "HEAD" => Reply::new(405),
            "no-head" => Reply::new(200).body(body),
            name if name == known => Reply::new(200),
            _ => Reply::new(404),
        }
    })
    .await;
    let registry = registry(&fake);
    let by_digest = format!("app@{digest}");
    for name in ["app:v1", "app:silent", "app:no-head", "app", &by_digest] {
        let found = registry.resolve(&target(name)).await.unwrap();
        assert_eq!(found.as_deref(), Some(digest.as_str()), "{name}");
    }
    assert_eq!(registry.resolve(&target("app:v2")).await.unwrap(), None);
    let missing = format!("app@sha256:{}", "0".repeat(64));
    assert_eq!(registry.resolve(&target(&missing)).await.unwrap(), None);
    let other: Reference = "other.test/app:v1".parse().unwrap();
    assert_eq!(registry.resolve(&other).await.unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn loopback_is_spoken_to_in_plain_http_and_all_else_over_tls() {
    let base = |host: &str| {
        let registry = Registry::new(host, None, tokens().0).unwrap();
        registry.inner.url("/v2/").to_string()
    };
    assert_eq!(base("localhost:4566"), "http://localhost:4566/v2/");
    assert_eq!(base("127.0.0.5"), "http://127.0.0.5/v2/");
    assert_eq!(base("[::1]:5000"), "http://[::1]:5000/v2/");
    assert_eq!(base("localhost.example:5000"), "https://localhost.example:5000/v2/");
    assert_eq!(base("127.0.0.1.example"), "https://127.0.0.1.example/v2/");
    assert_eq!(base("docker.io"), "https://registry-1.docker.io/v2/");
    for endpoint in ["127.0.0.1:4000", "ftp://x", "http://user:pw@x"] {
        assert!(Registry::new("a.example", Some(endpoint), tokens().0).is_err(), "{endpoint}");
    }
}

#[tokio::test]
async fn a_blob_that_another_repository_had_is_mounted_or_sent_after_all() {
    let layout = simple();
    let folder = tempfile::tempdir().unwrap();
    let mut image = layout.open(None).unwrap();
    image.cache = Cache::at(folder.path());
    let large = image.blobs().iter().max_by_key(|blob| blob.size).unwrap().digest.clone();
    // 201: mounted; 202: an ordinary upload; 403 and 404: the other repository is not ours, or gone.
    for (status, sent) in [(201, 2), (202, 3), (403, 3), (404, 3)] {
        let mounted = large.clone();
        let fake = scripted(move |request, store| {
            // The fake keeps the blobs of all repositories together.
            if request.is("HEAD", "/team/app/blobs/") {
                return Some(Reply::new(404));
            }
            if !request.is("POST", "mount=sha256") || status == 202 {
                return None;
            }
            if status == 201 {
                store.blobs.insert(mounted.clone());
            }
            Some(Reply::new(status))
        })
        .await;
        let registry = registry(&fake);
        push_with(&registry, &image, "team/base:v1").await.0.unwrap();
        assert_eq!(fake.count("POST", "mount="), 0, "nothing was known of this registry's repositories");
        let before = fake.count("PUT", "/uploads/");
        let (pushed, events) = push_with(&registry, &image, "team/app:v2").await;
        pushed.unwrap();
        assert_eq!(fake.count("POST", "mount="), 1, "small blobs are not worth it");
        assert_eq!(fake.count("POST", "from=team%2Fbase"), 1);
        assert_eq!(fake.count("PUT", "/uploads/") - before, sent, "{status}");
        let outcome = if status == 201 { Transfer::Mounted } else { Transfer::Uploaded };
        let told = events.iter().any(|event| {
            matches!(event, Event::BlobPushed { digest, outcome: how, .. } if *digest == large && *how == outcome)
        });
        assert!(told, "{status}: {events:?}");
        std::fs::remove_dir_all(folder.path().join("v1/places")).unwrap();
    }
}
