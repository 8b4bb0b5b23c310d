//! What can go wrong while an image is pushed. Each case ends in success or in one error, and never with a wrong
//! image under a tag.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::answer::Failure;
use super::fake::{Fake, Fate, Reply, Request, Store};
use super::scope::Scope;
use super::tests::{
    HOST, bearer_of, first, hint, push, push_with, quick, registry, scripted, target, tokens,
};
use super::{Destination, Registry};
use crate::emit::Emitter;
use crate::error::ErrorKind;
use crate::event::{Event, Transfer};
use crate::image::docker_archive::tests::{LAYERS, legacy};
use crate::image::testing::{Layout, options, simple};
use crate::image::{Cache, OpenImage, OpenOptions, Progress, Source, open};

/// A `docker-archive:` with two layers of which one occurs twice.
async fn archive(dir: &tempfile::TempDir, cache: Cache) -> OpenImage {
    let file = dir.path().join("archive.tar");
    std::fs::write(&file, legacy()).unwrap();
    open(&Source::DockerArchive { file, reference: None }, &OpenOptions { cache, ..options() }).await.unwrap()
}

/// Breaks the first `times` uploads of the blob that was sent as number `which`, counted by first appearance.
async fn breaking(which: usize, times: u32) -> (Fake, Arc<AtomicU32>) {
    let (mut seen, mut store) = (Vec::<String>::new(), Store::default());
    let broken = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&broken);
    let cut = move |request: &Request, _: usize| {
        if !request.is("PUT", "/uploads/") {
            return Fate::Whole;
        }
        let digest = request.path.rsplit("digest=").next().unwrap().to_owned();
        let number = seen.iter().position(|known| *known == digest).unwrap_or_else(|| {
            seen.push(digest);
            seen.len() - 1
        });
        if number != which {
            return Fate::Whole;
        }
        if count.fetch_add(1, Ordering::SeqCst) < times { Fate::Broken } else { Fate::Whole }
    };
    (Fake::start_with(cut, move |request| store.answer(request)).await, broken)
}

#[tokio::test]
async fn a_cut_in_the_middle_of_any_blob_costs_tries_and_for_ever_costs_the_push() {
    let (layout, dir) = (simple(), tempfile::tempdir().unwrap());
    for number in 0..6 {
        let (image, which) = if number < 3 {
            (layout.open(None).unwrap(), number)
        } else {
            (archive(&dir, Cache::disabled()).await, number - 3)
        };
        let (fake, broken) = breaking(which, 3).await;
        let pushed = push(&fake, &image).await.unwrap();
        assert_eq!(pushed.outcome, Transfer::Uploaded, "{number}");
        assert!(broken.load(Ordering::SeqCst) > 3, "{number}: this blob was never broken off");
        assert_eq!(fake.count("PUT", "/uploads/"), 3, "{number}");

        let (fake, broken) = breaking(which, u32::MAX).await;
        let error = push(&fake, &image).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registry, "{number}");
        assert!(error.to_string().contains("no answer from registry.test"), "{error}");
        assert_eq!(broken.load(Ordering::SeqCst), 4, "{number}");
        assert_eq!(fake.count("PUT", "/manifests/"), 0, "{number}");
    }
}

#[tokio::test]
async fn every_kind_of_request_passes_through_what_passes() {
    let layout = simple();
    let dir = tempfile::tempdir().unwrap();
    let busy = || Reply::new(429).header("Retry-After", "0").body("Rate exceeded");
    for (method, path) in [
        ("HEAD", "/manifests/"),
        ("HEAD", "/blobs/"),
        ("POST", "/uploads/"),
        ("PUT", "/uploads/"),
        ("PUT", "/manifests/"),
    ] {
        for reply in [busy(), Reply::new(500), Reply::new(503), Reply::new(503).header("Retry-After", "soon")]
        {
            for image in [layout.open(None).unwrap(), archive(&dir, Cache::disabled()).await] {
                let fake = scripted(first(method, path, vec![reply.clone(); 3])).await;
                let pushed = push(&fake, &image).await;
                // An archive that was never packed asks for one blob alone, its configuration.
                assert!(pushed.is_ok(), "{method} {path} {reply:?}: {pushed:?}");
                assert!(fake.count(method, path) > 3, "{method} {path} {reply:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_registry_says_how_long_to_wait_and_not_longer_than_a_minute() {
    for (said, expected) in
        [("7", Some(7)), ("100000", Some(60)), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", None)]
    {
        let fake = Fake::start(move |_| Reply::new(429).header("Retry-After", said)).await;
        let registry = registry(&fake);
        let inner = &registry.inner;
        let token = inner.auth.token(&Scope::pull("app"), "test").await.unwrap();
        let request = inner.request(reqwest::Method::GET, inner.url("/v2/"), &token);
        let failure = inner.send(request, "test").await.unwrap().failure("test");
        let Failure::Again { after, .. } = failure else { panic!("{failure:?}") };
        assert_eq!(after, expected.map(Duration::from_secs), "{said}");
    }
}

#[tokio::test]
async fn a_token_that_expires_while_layers_are_packed_is_refreshed_once() {
    let dir = tempfile::tempdir().unwrap();
    for expires_after in 1..9 {
        let image = archive(&dir, Cache::disabled()).await;
        let mut answered = 0;
        let fake = scripted(move |request, _| {
            answered += 1;
            let expired = answered > expires_after && bearer_of(request, "token-1");
            let text = "Your authorization token has expired. Reauthenticate and try again.";
            expired.then(|| Reply::new(403).header("Content-Type", "text/plain").body(text))
        })
        .await;
        let (provider, calls) = tokens();
        let registry = Registry::with_policy(HOST, Some(&fake.endpoint), provider, quick()).unwrap();
        push_with(&registry, &image, "app:v1").await.0.unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 2, "{expires_after}");
        assert!(fake.log().last().unwrap().is("PUT", "/manifests/v1"));
    }
}

#[tokio::test]
async fn a_registry_that_knows_no_patch_is_never_sent_one() {
    let (layout, dir) = (simple(), tempfile::tempdir().unwrap());
    for image in [layout.open(None).unwrap(), archive(&dir, Cache::disabled()).await] {
        let patched = |request: &Request, _: &mut Store| (request.method == "PATCH").then(|| Reply::new(405));
        let fake = scripted(patched).await;
        push(&fake, &image).await.unwrap();
        assert_eq!(fake.count("PATCH", ""), 0);
    }
}

#[tokio::test]
async fn locations_of_every_kind_lead_to_the_upload_with_their_query_as_it_was() {
    let layout = simple();
    for (said, expected) in [
        (
            "/v2/app/blobs/uploads/1?_state=a%2Fb%3D%3D",
            "/v2/app/blobs/uploads/1?_state=a%2Fb%3D%3D&digest=sha256:",
        ),
        ("/v2/app/blobs/uploads/1", "/v2/app/blobs/uploads/1?digest=sha256:"),
        ("1?_state=x", "/v2/app/blobs/uploads/1?_state=x&digest=sha256:"),
        ("?_state=x", "/v2/app/blobs/uploads/?_state=x&digest=sha256:"),
        ("https://registry.test/elsewhere/1?a=b&c=%26", "/elsewhere/1?a=b&c=%26&digest=sha256:"),
        ("ENDPOINT/elsewhere/1?a=b+c", "/elsewhere/1?a=b+c&digest=sha256:"),
    ] {
        let endpoint = Arc::new(std::sync::OnceLock::<String>::new());
        let known = Arc::clone(&endpoint);
        let fake = scripted(move |request, _| match request.method.as_str() {
            "POST" => {
                let said = said.replace("ENDPOINT", known.get().unwrap());
                Some(Reply::new(202).header("Location", said))
            }
            // Neither a blob nor a manifest has to be answered with a Location.
            "PUT" => Some(Reply::new(201)),
            _ => None,
        })
        .await;
        endpoint.set(fake.endpoint.clone()).unwrap();
        push(&fake, &layout.open(None).unwrap()).await.unwrap();
        let puts: Vec<String> = fake
            .log()
            .into_iter()
            .filter(|request| request.method == "PUT" && !request.path.contains("/manifests/"))
            .map(|request| request.path)
            .collect();
        assert_eq!(puts.len(), 3, "{said}");
        assert!(puts.iter().all(|path| path.starts_with(expected)), "{said}: {puts:?}");
    }
}

#[tokio::test]
async fn a_location_that_leads_nowhere_is_one_error() {
    let layout = simple();
    for said in ["ftp://registry.test/x", "file:///etc/passwd", "http://[", "\u{e9}"] {
        let fake = scripted(move |request, _| {
            request.is("POST", "").then(|| Reply::new(202).header("Location", said))
        })
        .await;
        let error = push(&fake, &layout.open(None).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registry, "{said}");
        assert!(error.to_string().contains("does not say where to send it"), "{said}: {error}");
        assert_eq!(fake.count("PUT", ""), 0, "{said}");
    }
}

#[tokio::test]
async fn a_manifest_waits_for_blobs_that_are_not_visible_yet_whatever_the_source() {
    let dir = tempfile::tempdir().unwrap();
    for (status, code) in [(400, "BLOB_UNKNOWN"), (404, "MANIFEST_BLOB_UNKNOWN"), (404, "BLOB_UNKNOWN")] {
        let image = archive(&dir, Cache::disabled()).await;
        let unknown = Reply::error(status, code, "Layers with digests are not found");
        let fake = scripted(first("PUT", "/manifests/", vec![unknown; 4])).await;
        push(&fake, &image).await.unwrap();
        assert_eq!((fake.count("PUT", "/manifests/"), fake.count("PUT", "/uploads/")), (5, 3), "{code}");
    }
}

#[tokio::test]
async fn a_connection_that_ecr_drops_says_how_to_create_the_repository() {
    let host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
    let (layout, dir) = (simple(), tempfile::tempdir().unwrap());
    for image in [layout.open(None).unwrap(), archive(&dir, Cache::disabled()).await] {
        let fake = scripted(first("POST", "", vec![Reply::cut(); 1000])).await;
        let registry = Registry::with_policy(host, Some(&fake.endpoint), tokens().0, quick()).unwrap();
        let to = Destination::new(registry, &format!("{host}/team/app:v1").parse().unwrap());
        let progress = Progress::new(Emitter::channel().0, "api");
        let error = super::push(&image, &[to], &progress).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registry);
        let expected = "aws ecr create-repository --repository-name team/app --region eu-central-1";
        assert!(hint(&error).contains(expected), "{}", hint(&error));
        assert_eq!(fake.count("PUT", ""), 0);
    }
}

/// Pushes to these repositories of one registry; the events, too.
async fn push_to_all(fake: &Fake, image: &OpenImage, to: &[&str]) -> (crate::error::Result<u64>, Vec<Event>) {
    let registry = registry(fake);
    let to: Vec<Destination> = to.iter().map(|to| Destination::new(registry.clone(), &target(to))).collect();
    let (emitter, mut events) = Emitter::channel();
    let pushed = super::push(image, &to, &Progress::new(emitter, "api")).await;
    let mut seen = Vec::new();
    while let Ok(record) = events.try_recv() {
        seen.push(record.event);
    }
    (pushed.map(|pushed| pushed.bytes_sent), seen)
}

/// Keeps repositories apart, and mounts as `mounts` says.
async fn repositories(mounts: impl Fn(&Request) -> Option<u16> + Send + 'static) -> Fake {
    let mut stores = std::collections::HashMap::<String, Store>::new();
    Fake::start(move |request| {
        let name = |path: &str| path.trim_start_matches("/v2/").split('/').next().unwrap().to_owned();
        if request.is("POST", "mount=")
            && let Some(status) = mounts(request)
        {
            let query = request.path.split_once("?mount=").unwrap().1;
            let (digest, from) = query.split_once("&from=").unwrap();
            let digest = digest.replace("%3A", ":");
            if status == 201 {
                assert!(stores[from].blobs.contains(&digest), "{from} has no {digest}");
                assert!(!stores[from].manifests.is_empty(), "ECR mounts only what a manifest names");
                stores.entry(name(&request.path)).or_default().blobs.insert(digest);
            }
            if status != 202 {
                return Reply::new(status);
            }
        }
        stores.entry(name(&request.path)).or_default().answer(request)
    })
    .await
}

#[tokio::test]
async fn a_second_repository_of_a_registry_mounts_what_the_first_one_got() {
    let (layout, dir) = (simple(), tempfile::tempdir().unwrap());
    for image in [layout.open(None).unwrap(), archive(&dir, Cache::disabled()).await] {
        let fake = repositories(|_| Some(201)).await;
        let (sent, events) = push_to_all(&fake, &image, &["one:v1", "two:v1", "two:v2"]).await;
        assert!(sent.unwrap() > 0);
        assert_eq!(fake.count("PUT", "/one/blobs/uploads/"), 3);
        assert_eq!(fake.count("PUT", "/two/blobs/uploads/"), 0, "no blob is sent twice");
        assert_eq!(fake.count("POST", "/two/blobs/uploads/?mount=sha256%3A"), 3);
        assert_eq!(fake.count("PUT", "/two/manifests/"), 2);
        let mounted = events
            .iter()
            .filter(|event| matches!(event, Event::BlobPushed { outcome: Transfer::Mounted, .. }));
        assert_eq!(mounted.count(), 3);
    }
}

#[tokio::test]
async fn what_is_not_mounted_is_sent() {
    let (layout, dir) = (simple(), tempfile::tempdir().unwrap());
    // 202 is an ordinary upload; 403 is the answer where one may push here, and not read there.
    for status in [202, 403] {
        for image in [layout.open(None).unwrap(), archive(&dir, Cache::disabled()).await] {
            let fake = repositories(move |_| Some(status)).await;
            push_to_all(&fake, &image, &["one:v1", "two:v1"]).await.0.unwrap();
            assert_eq!(fake.count("PUT", "/one/blobs/uploads/"), 3, "{status}");
            assert_eq!(fake.count("PUT", "/two/blobs/uploads/"), 3, "{status}");
            assert_eq!(fake.count("PUT", "/two/manifests/v1"), 1, "{status}");
        }
    }
}

#[tokio::test]
async fn nothing_is_mounted_across_hosts() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let (one, two) = (scripted(|_, _| None).await, scripted(|_, _| None).await);
    let host = "other.test";
    let other = Registry::with_policy(host, Some(&two.endpoint), tokens().0, quick()).unwrap();
    let to = [
        Destination::new(registry(&one), &target("app:v1")),
        Destination::new(other, &format!("{host}/copy:v1").parse().unwrap()),
    ];
    super::push(&image, &to, &Progress::new(Emitter::channel().0, "api")).await.unwrap();
    assert_eq!(two.count("PUT", "/uploads/"), 3);
    assert_eq!(two.count("POST", "mount="), 0);
}

#[tokio::test]
async fn a_tag_that_cannot_move_lets_the_same_image_pass_and_no_other() {
    let (layout, dir, cache) = (simple(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for number in 0..3 {
        // The last one's digest is known from the cache by the second push, that of the second never is.
        let cache = if number == 2 { Cache::at(cache.path()) } else { Cache::disabled() };
        let again = async || match number {
            0 => layout.open(None).unwrap(),
            _ => archive(&dir, cache.clone()).await,
        };
        let fake = scripted(|_, _| None).await;
        let mut to = Destination::new(registry(&fake), &target("app:v1"));
        to.immovable = HashSet::from(["v1".to_owned()]);
        let progress = || Progress::new(Emitter::channel().0, "api");
        let pushed = super::push(&again().await, std::slice::from_ref(&to), &progress()).await.unwrap();
        assert_eq!(pushed.outcome, Transfer::Uploaded);
        let writes = |fake: &Fake| fake.count("POST", "") + fake.count("PUT", "");
        let before = writes(&fake);
        let second = super::push(&again().await, std::slice::from_ref(&to), &progress()).await.unwrap();
        assert_eq!((second.outcome, second.digest), (Transfer::Exists, pushed.digest), "{number}");
        assert_eq!(writes(&fake), before, "{number}");

        let other = scripted(|request, _| {
            let taken = format!("sha256:{}", "0".repeat(64));
            let is_tag = request.is("HEAD", "/manifests/v1");
            is_tag.then(|| Reply::new(200).header("Docker-Content-Digest", taken))
        })
        .await;
        let mut to = Destination::new(registry(&other), &target("app:v1"));
        to.immovable = HashSet::from(["v1".to_owned()]);
        // It may be the first of several or a later one: nothing is sent anywhere.
        let free = scripted(|_, _| None).await;
        let first = Destination::new(registry(&free), &target("free:v1"));
        for to in [vec![to.clone()], vec![to.clone(), first.clone()], vec![first, to]] {
            let error = super::push(&again().await, &to, &progress()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Preflight, "{number}");
            assert!(error.to_string().contains("does not let tags move"), "{error}");
            assert_eq!(writes(&other) + writes(&free), 0, "{number}");
        }
    }
}

#[tokio::test]
async fn several_tags_get_the_image_and_its_blobs_go_once() {
    let dir = tempfile::tempdir().unwrap();
    let image = archive(&dir, Cache::disabled()).await;
    let fake = scripted(|_, _| None).await;
    let mut to = Destination::new(registry(&fake), &target("app:v1"));
    to.tags.extend(["v2".to_owned(), "latest".to_owned()]);
    super::push(&image, &[to], &Progress::new(Emitter::channel().0, "api")).await.unwrap();
    assert_eq!(fake.count("PUT", "/uploads/"), 3);
    for tag in ["v1", "v2", "latest"] {
        assert_eq!(fake.count("PUT", &format!("/manifests/{tag}")), 1, "{tag}");
    }
}

/// Waits as long as a slow machine may need for a thing that either happens soon or never.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_push_that_is_given_up_leaves_no_thread_behind() {
    let layout = Layout::new();
    // More than a connection holds that nobody reads from.
    let large: &[u8] = &vec![7; 32 << 20];
    let entry = layout.image("amd64", &[large]);
    let image = layout.finish(&[&entry]).open(None).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (started, starts) = mpsc::channel();
    let fake = runtime.block_on(async {
        let mut store = Store::default();
        let held = move |request: &Request, length: usize| {
            if !request.is("PUT", "/uploads/") || length < 1 << 20 {
                return Fate::Whole;
            }
            started.send(()).unwrap();
            Fate::Held
        };
        Fake::start_with(held, move |request| store.answer(request)).await
    });
    let to = Destination::new(registry(&fake), &target("app:v1"));
    let task = runtime.spawn(async move {
        let _ = super::push(&image, &[to], &Progress::new(Emitter::channel().0, "api")).await;
    });
    starts.recv_timeout(LONG).unwrap();
    task.abort();
    let (done, ends) = mpsc::channel();
    std::thread::spawn(move || {
        drop(fake);
        // This waits for every blocking thread, without end if one does not notice.
        drop(runtime);
        let _ = done.send(());
    });
    assert!(ends.recv_timeout(LONG).is_ok(), "a thread goes on");
}

#[tokio::test]
async fn the_configuration_and_each_distinct_layer_of_an_archive_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let image = archive(&dir, Cache::disabled()).await;
    let fake = scripted(|_, _| None).await;
    push(&fake, &image).await.unwrap();
    let arrived: Vec<Request> =
        fake.log().into_iter().filter(|request| request.is("PUT", "/uploads/")).collect();
    let mut contents: Vec<Vec<u8>> = arrived.into_iter().map(|request| request.body).collect();
    contents.retain(|body| body.starts_with(&[0x1f, 0x8b]));
    let mut unpacked: Vec<Vec<u8>> = contents
        .iter()
        .map(|body| {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&body[..]), &mut content)
                .unwrap();
            content
        })
        .collect();
    unpacked.sort();
    let mut expected = vec![LAYERS[0].to_vec(), LAYERS[1].to_vec()];
    expected.sort();
    assert_eq!(unpacked, expected);
}
