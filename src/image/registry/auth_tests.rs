use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};

use super::fake::{Fake, Reply, Request, Store};
use super::retry::attempts;
use super::scope::Scope;
use super::tests::{HOST, hint, push_with, quick, scripted, tokens};
use super::{Credentials, CredentialsProvider, Registry};
use crate::error::{Error, ErrorKind};
use crate::image::testing::{Layout, simple};
use crate::secret::Secret;

const SERVICE: &str = "token service of registry.test";

/// A token service: its tokens are `t1`, `t2` and so on, each followed by what it was asked for.
#[derive(Clone, Default)]
pub(super) struct Issuer {
    issued: Arc<AtomicU32>,
    revoked: Arc<Mutex<HashSet<String>>>,
}

impl Issuer {
    pub(super) fn issue(&self, request: &Request) -> String {
        let number = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        let (_, query) = request.path.split_once('?').unwrap_or_default();
        let query = if query.is_empty() { std::str::from_utf8(&request.body).unwrap() } else { query };
        let url = reqwest::Url::parse(&format!("http://x/?{query}")).unwrap();
        let scopes: Vec<String> = url
            .query_pairs()
            .filter(|(name, _)| name == "scope")
            .map(|(_, scope)| scope.into_owned())
            .collect();
        format!("t{number}.{}", scopes.join(" "))
    }

    pub(super) fn count(&self) -> u32 {
        self.issued.load(Ordering::SeqCst)
    }

    /// The registry takes the token of this request no longer.
    fn revoke(&self, request: &Request) {
        self.revoked.lock().unwrap().insert(bearer(request).unwrap().to_owned());
    }

    /// Whether the request has a token for what it does.
    pub(super) fn allows(&self, request: &Request) -> bool {
        let Some(token) = bearer(request) else { return false };
        let (_, scopes) = token.split_once('.').unwrap();
        let path = request.path.strip_prefix("/v2/").unwrap();
        let end = path.find("/manifests/").or_else(|| path.find("/blobs/")).unwrap();
        let push = if matches!(request.method.as_str(), "GET" | "HEAD") { "" } else { ",push" };
        let needed = format!("repository:{}:pull{push}", &path[..end]);
        scopes.split(' ').any(|scope| scope.starts_with(&needed))
            && !self.revoked.lock().unwrap().contains(token)
    }
}

pub(super) fn bearer(request: &Request) -> Option<&str> {
    request.header("authorization")?.strip_prefix("Bearer ")
}

pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub(super) fn challenge(realm: &str) -> Reply {
    let challenge =
        format!(r#"Bearer realm="{realm}/token",service="{SERVICE}",scope="repository:user/image:pull""#);
    Reply::new(401).header("WWW-Authenticate", challenge)
}

pub(super) fn granted(token: &str) -> Reply {
    Reply::new(200).body(serde_json::json!({"token": token, "expires_in": 300}).to_string())
}

/// Gives always the same, and counts.
pub(super) fn knowing(known: Option<Credentials>) -> (CredentialsProvider, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    let provider: CredentialsProvider = Arc::new(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        let known = known.clone();
        Box::pin(async { Ok(known) })
    });
    (provider, calls)
}

pub(super) fn login() -> CredentialsProvider {
    knowing(Some(Credentials::Login { user: "ada".to_owned(), password: Secret::new("canary-7f3a") })).0
}

pub(super) fn nobody() -> CredentialsProvider {
    knowing(None).0
}

/// A token service that gives a token to everyone.
pub(super) async fn generous(issuer: &Issuer) -> Fake {
    let issuer = issuer.clone();
    Fake::start(move |request| granted(&issuer.issue(request))).await
}

/// A registry that takes only tokens of this issuer; `script` goes before what a good registry answers.
pub(super) async fn guarded(
    issuer: &Issuer,
    service: &Fake,
    mut script: impl FnMut(&Request, &mut Store) -> Option<Reply> + Send + 'static,
) -> Fake {
    let (issuer, realm) = (issuer.clone(), service.endpoint.clone());
    scripted(move |request, store| {
        if !issuer.allows(request) {
            return Some(challenge(&realm));
        }
        script(request, store)
    })
    .await
}

pub(super) fn registry(fake: &Fake, provider: CredentialsProvider) -> Registry {
    Registry::with_policy(HOST, Some(&fake.endpoint), provider, quick()).unwrap()
}

pub(super) async fn resolve(registry: &Registry, name: &str) -> Result<Option<String>, Error> {
    registry.resolve(&format!("{}/{name}", registry.inner.host).parse().unwrap()).await
}

/// All that a person may see of an error.
fn shown(error: &Error) -> String {
    format!("{error} {error:?} {}", hint(error))
}

#[tokio::test]
async fn a_push_takes_one_token_from_the_token_service_and_shows_the_password_to_it() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let issuer = Issuer::default();
    let service = generous(&issuer).await;
    let fake = guarded(&issuer, &service, |_, _| None).await;
    let registry = registry(&fake, login());
    push_with(&registry, &image, "team/app:v1").await.0.unwrap();

    let asked = service.log();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].method.as_str(), asked[0].path.as_str()),
        (
            "GET",
            "/token?service=token+service+of+registry.test&scope=repository%3Ateam%2Fapp%3Apull%2Cpush\
             &account=ada&client_id=landfall"
        )
    );
    assert_eq!(asked[0].header("authorization"), Some(basic("ada", "canary-7f3a").as_str()));
    let log = fake.log();
    assert_eq!(log[0].header("authorization"), Some(basic("ada", "canary-7f3a").as_str()));
    assert!(
        log[1..].iter().all(|request| bearer(request).is_some()),
        "the password went to the registry again"
    );
    assert_eq!(log.len(), 1 + 1 + 3 * image.blobs().len() + 1, "one refusal is all that it costs");
}

#[tokio::test]
async fn each_repository_has_its_own_token_and_one_to_push_serves_to_pull() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let issuer = Issuer::default();
    let service = generous(&issuer).await;
    let fake = guarded(&issuer, &service, |_, _| None).await;
    let registry = registry(&fake, login());
    push_with(&registry, &image, "app:v1").await.0.unwrap();
    assert_eq!(resolve(&registry, "app:v1").await.unwrap().as_deref(), Some(image.known_digest()));
    assert_eq!(issuer.count(), 1);
    assert_eq!(resolve(&registry, "other:v9").await.unwrap(), None);
    assert_eq!(resolve(&registry, "other:v8").await.unwrap(), None);
    assert_eq!(issuer.count(), 2);
    assert_eq!(
        fake.log().iter().filter(|request| bearer(request).is_none()).count(),
        1,
        "asked once, known for all"
    );
    push_with(&registry, &image, "other:v1").await.0.unwrap();
    assert_eq!(issuer.count(), 3);

    let mounting = Scope::push("app").mounting_from("base");
    let doing = &"mount".to_owned();
    let token = registry.inner.auth.token(&mounting, doing).await.map_err(drop).unwrap();
    assert!(
        token.header.unwrap().to_str().unwrap().ends_with("repository:app:pull,push repository:base:pull")
    );
}

#[tokio::test]
async fn who_has_no_login_gets_a_token_for_what_is_public() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let issuer = Issuer::default();
    let service = generous(&issuer).await;
    let denied = |request: &Request, _: &mut Store| {
        request.is("POST", "").then(|| Reply::error(401, "UNAUTHORIZED", "authentication required"))
    };
    let fake = guarded(&issuer, &service, denied).await;
    let registry = registry(&fake, nobody());
    assert_eq!(resolve(&registry, "app:v1").await.unwrap(), None);
    assert_eq!(service.log()[0].header("authorization"), None);
    assert!(!service.log()[0].path.contains("account"));
    let error = push_with(&registry, &image, "app:v1").await.0.unwrap_err();
    assert!(error.to_string().contains("none are known"), "{error}");
    assert!(hint(&error).contains("docker login registry.test"));
}

#[tokio::test]
async fn a_token_may_expire_any_number_of_times_during_a_push() {
    let layout = Layout::new();
    let mut top = layout.image("amd64", &[b"one", b"two"]);
    for _ in 0..5 {
        top = layout.index(&[&top]);
    }
    let image = layout.finish(&[&top]).open(None).unwrap();
    let issuer = Issuer::default();
    let service = generous(&issuer).await;
    let revoking = issuer.clone();
    let fake = guarded(&issuer, &service, move |request, _| {
        if request.is("PUT", "") {
            revoking.revoke(request);
        }
        None
    })
    .await;
    push_with(&registry(&fake, login()), &image, "app:v1").await.0.unwrap();
    // Three blobs and six manifests, the last of which is the end.
    assert_eq!(issuer.count(), 9);
}

#[tokio::test]
async fn requests_that_are_refused_at_the_same_time_share_a_new_token() {
    let layout = Layout::new();
    let layers: Vec<Vec<u8>> = (0..20).map(|number| vec![number; 1000]).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let image = layout.image("amd64", &layers);
    let image = layout.finish(&[&image]).open(None).unwrap();
    let issuer = Issuer::default();
    let service = generous(&issuer).await;
    let (revoking, mut answered) = (issuer.clone(), 0);
    let fake = guarded(&issuer, &service, move |request, _| {
        answered += 1;
        if answered == 5 {
            revoking.revoke(request);
        }
        None
    })
    .await;
    push_with(&registry(&fake, login()), &image, "app:v1").await.0.unwrap();
    assert_eq!(issuer.count(), 2);
}

#[tokio::test]
async fn basic_credentials_may_expire_any_number_of_times() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let mut revoked = HashSet::new();
    let fake = scripted(move |request, _| {
        let sent = request.header("authorization").unwrap().to_owned();
        if revoked.contains(&sent) {
            return Some(
                Reply::new(403).body("Your authorization token has expired. Reauthenticate and try again."),
            );
        }
        if request.is("PUT", "") {
            revoked.insert(sent);
        }
        None
    })
    .await;
    let (provider, calls) = tokens();
    push_with(&registry(&fake, provider), &image, "app:v1").await.0.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 4, "after each of three blobs");
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_names_the_missing_permission() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    for (host, status, expected) in [
        (HOST, 403, "ecr:InitiateLayerUpload"),
        (HOST, 401, "`team/app`"),
        ("ghcr.io", 403, "`write:packages`"),
        ("docker.io", 401, "read and write"),
        ("public.ecr.aws", 403, "ecr-public:InitiateLayerUpload"),
    ] {
        let issuer = Issuer::default();
        let service = generous(&issuer).await;
        let realm = service.endpoint.clone();
        let fake = guarded(&issuer, &service, move |request, _| {
            request.is("POST", "").then(|| match status {
                401 => challenge(&realm).body("insufficient scope"),
                _ => Reply::error(403, "DENIED", "insufficient scope"),
            })
        })
        .await;
        let registry = Registry::with_policy(host, Some(&fake.endpoint), login(), quick()).unwrap();
        let target = format!("{host}/team/app:v1").parse().unwrap();
        let progress = crate::image::Progress::new(crate::emit::Emitter::channel().0, "api");
        let to = [super::Destination::new(registry, &target)];
        let error = super::push(&image, &to, &progress).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registry);
        assert!(error.to_string().contains("insufficient scope"), "{error}");
        assert!(hint(&error).contains(expected), "{}", hint(&error));
        assert!(!shown(&error).contains("canary") && !shown(&error).contains("t1."), "{}", shown(&error));
        assert_eq!(issuer.count(), 2, "one that had been accepted, and one afresh");
    }
}

#[tokio::test]
async fn credentials_that_are_refused_at_their_first_use_are_not_asked_for_again() {
    for (reply, expected) in [
        (Reply::new(401).header("WWW-Authenticate", r#"Basic realm="x""#), "docker login registry.test"),
        (Reply::new(403).body("not yours"), "ecr:BatchGetImage"),
    ] {
        let fake = Fake::start(move |_| reply.clone()).await;
        let (provider, calls) = tokens();
        let error = resolve(&registry(&fake, provider), "app:v1").await.unwrap_err();
        assert!(hint(&error).contains(expected), "{}", hint(&error));
        assert_eq!((calls.load(Ordering::SeqCst), fake.count("HEAD", "/manifests/v1")), (1, 1));
    }
}

#[tokio::test]
async fn without_credentials_a_refusal_names_docker_login() {
    let service = Fake::start(|_| Reply::error(401, "UNAUTHORIZED", "log in first")).await;
    let realm = format!(r#"Bearer realm="{}/token""#, service.endpoint);
    for challenge in [r#"Basic realm="x""#, realm.as_str(), "not a challenge =,"] {
        let challenge = challenge.to_owned();
        let fake = Fake::start(move |_| Reply::new(401).header("WWW-Authenticate", challenge.clone())).await;
        let error = resolve(&registry(&fake, nobody()), "app:v1").await.unwrap_err();
        assert!(error.to_string().contains("none are known"), "{error}");
        assert!(hint(&error).contains("docker login registry.test"), "{}", hint(&error));
        assert!(fake.log().iter().all(|request| request.header("authorization").is_none()));
    }
    assert_eq!(service.log().len(), 1);
}

#[tokio::test]
async fn a_registry_that_asks_only_who_sends_nothing_is_asked_that_way() {
    let issuer = Issuer::default();
    let service = generous(&issuer).await;
    let (guard, realm) = (issuer.clone(), service.endpoint.clone());
    let fake = scripted(move |request, _| match request.header("authorization") {
        None => Some(challenge(&realm)),
        Some(_) if bearer(request).is_none() => Some(Reply::error(403, "DENIED", "invalid token")),
        Some(_) if guard.allows(request) => None,
        Some(_) => Some(Reply::new(403)),
    })
    .await;
    assert_eq!(resolve(&registry(&fake, login()), "app:v1").await.unwrap(), None);
    let paths: Vec<String> = fake.log().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/v2/app/manifests/v1", "/v2/", "/v2/app/manifests/v1"]);
}

#[tokio::test]
async fn neither_password_nor_token_goes_to_another_host() {
    let layout = simple();
    let image = layout.open(None).unwrap();
    let issuer = Issuer::default();
    let service = generous(&issuer).await;
    let thief = Fake::start(|_| granted("stolen")).await;
    let trap = thief.endpoint.clone();
    let storage = Fake::start(move |_| challenge(&trap)).await;
    let elsewhere = format!("{}/put", storage.endpoint.replace("127.0.0.1", "localhost"));
    let fake = guarded(&issuer, &service, move |request, _| {
        request.is("POST", "").then(|| Reply::new(202).header("Location", elsewhere.clone()))
    })
    .await;
    let error = push_with(&registry(&fake, login()), &image, "app:v1").await.0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Registry);
    assert!(storage.count("PUT", "/put") > 0);
    assert!(storage.log().iter().all(|request| request.header("authorization").is_none()));
    assert_eq!(thief.log().len(), 0, "an upload's host cannot say where the password goes");
}

#[tokio::test]
async fn first_requests_that_are_refused_at_the_same_time_share_one_token() {
    let issuer = Issuer::default();
    let service = generous(&issuer).await;
    let fake = guarded(&issuer, &service, |_, _| None).await;
    let registry = registry(&fake, login());
    let (scope, barrier) = (Scope::pull("app"), tokio::sync::Barrier::new(8));
    let ask = || async {
        // All of them are out before the first refusal is seen to.
        attempts(&registry.inner.policy, &registry.inner.auth, &scope, "ask", |token| {
            let (inner, barrier) = (&registry.inner, &barrier);
            async move {
                let url = inner.url("/v2/app/manifests/v1");
                let answer = inner.send(inner.request(Method::HEAD, url, &token), "ask").await?;
                barrier.wait().await;
                if answer.status == StatusCode::NOT_FOUND {
                    Ok(token.header)
                } else {
                    Err(answer.failure("ask"))
                }
            }
        })
        .await
        .unwrap()
    };
    let headers = join_all((0..8).map(|_| ask())).await;
    assert!(headers.iter().all(|header| header.is_some() && header == &headers[0]));
    assert_eq!((issuer.count(), fake.log().len()), (1, 16));
}

#[tokio::test]
async fn a_registry_that_always_asks_for_another_token_is_given_up() {
    let issuer = Issuer::default();
    let service = generous(&issuer).await;
    let (realm, mut asked) = (service.endpoint.clone(), 0);
    let fake = Fake::start(move |_| {
        asked += 1;
        challenge(&format!("{realm}/{asked}"))
    })
    .await;
    let error = resolve(&registry(&fake, login()), "app:v1").await.unwrap_err();
    assert!(error.to_string().contains("refuses these credentials"), "{error}");
    assert_eq!((fake.log().len(), issuer.count()), (3, 2));
}
