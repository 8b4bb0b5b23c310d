//! What is asked of a token service, and what it answers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Credentials;
use super::auth_tests::{
    Issuer, basic, challenge, generous, granted, guarded, knowing, login, nobody, registry, resolve,
};
use super::fake::{Fake, Reply};
use super::tests::{hint, scripted, tokens};
use crate::error::ErrorKind;
use crate::secret::Secret;

#[tokio::test]
async fn a_token_is_fetched_anew_before_it_expires() {
    for (life, passes, expires) in
        [(r#","expires_in":300"#, 240, 20), ("", 45, 10), (r#","expires_in":1"#, 45, 10)]
    {
        let issuer = Issuer::default();
        let issuing = issuer.clone();
        let service = Fake::start(move |request| {
            Reply::new(200).body(format!(r#"{{"access_token":"{}"{life}}}"#, issuing.issue(request)))
        })
        .await;
        let fake = guarded(&issuer, &service, |_, _| None).await;
        let registry = registry(&fake, login());
        for (seconds, tokens) in [(0, 1), (passes, 1), (expires, 2)] {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(seconds)).await;
            tokio::time::resume();
            resolve(&registry, "app:v1").await.unwrap();
            assert_eq!(issuer.count(), tokens, "{life}, after {seconds} s more");
        }
        assert_eq!(fake.log().len(), 4, "nothing was refused but the first");
    }
}

#[tokio::test]
async fn a_token_service_without_tls_gets_no_credentials() {
    for realm in ["http://auth.test", "http://127.0.0.1.test", "ftp://auth.test", "auth.test", ""] {
        let fake = Fake::start(move |_| challenge(realm)).await;
        let error = resolve(&registry(&fake, login()), "app:v1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Registry);
        assert!(error.to_string().contains(realm) && hint(&error).contains("https://"), "{error}");
        assert_eq!(fake.log().len(), 1);
    }
}

#[tokio::test]
async fn an_identity_token_goes_to_the_token_service_alone() {
    let issuer = Issuer::default();
    let (issuing, mut next) = (issuer.clone(), 0);
    let service = Fake::start(move |request| {
        next += 1;
        let token = issuing.issue(request);
        let body = serde_json::json!({"access_token": token, "refresh_token": format!("canary-{next}&")});
        Reply::new(200).body(body.to_string())
    })
    .await;
    let fake = guarded(&issuer, &service, |_, _| None).await;
    let (provider, calls) = knowing(Some(Credentials::IdentityToken(Secret::new("canary-0&"))));
    let registry = registry(&fake, provider);
    for name in ["app:v1", "app:v2", "other:v1"] {
        assert_eq!(resolve(&registry, name).await.unwrap(), None);
    }
    let asked = service.log();
    let bodies: Vec<&str> = asked.iter().map(|request| std::str::from_utf8(&request.body).unwrap()).collect();
    let expected = |token: &str, repository: &str| {
        format!(
            "grant_type=refresh_token&service=token+service+of+registry.test&client_id=landfall\
             &scope=repository%3A{repository}%3Apull&refresh_token={token}%26"
        )
    };
    assert_eq!(bodies, [expected("canary-0", "app"), expected("canary-1", "other")]);
    assert!(
        asked.iter().all(|request| request.is("POST", "/token") && request.header("authorization").is_none())
    );
    assert!(asked.iter().all(|request| {
        request.header("content-type") == Some("application/x-www-form-urlencoded")
            && request.path == "/token"
    }));
    assert_eq!(fake.log()[0].header("authorization"), None);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_token_service_that_is_out_of_order_is_asked_again() {
    for (failures, good) in [(3, true), (4, false)] {
        let issuer = Issuer::default();
        let (issuing, mut asked) = (issuer.clone(), 0);
        let service = Fake::start(move |request| {
            asked += 1;
            match asked {
                _ if asked > failures => granted(&issuing.issue(request)),
                1 => Reply::cut(),
                _ => Reply::new(503).body("come back later"),
            }
        })
        .await;
        let fake = guarded(&issuer, &service, |_, _| None).await;
        let found = resolve(&registry(&fake, login()), "app:v1").await;
        assert_eq!(found.is_ok(), good, "{found:?}");
        if let Err(error) = found {
            assert!(error.to_string().contains("the token service 127.0.0.1 answered 503"), "{error}");
        }
    }
}

#[tokio::test]
async fn what_a_token_service_refuses_or_garbles_is_one_clear_error() {
    for (reply, expected, advice) in [
        (Reply::error(401, "UNAUTHORIZED", "wrong password"), "wrong password", "docker login registry.test"),
        (Reply::error(403, "DENIED", "blocked"), "refuses these credentials", "docker login registry.test"),
        (Reply::new(404), "404", "message"),
        (Reply::new(200).body(r#"{"token":"","canary-7f3a":1}"#), "without a token", "operator"),
        (Reply::new(200).body(r#"["canary-7f3a"]"#), "without a token", "operator"),
        (granted("line\nbreak"), "cannot be sent", ""),
    ] {
        let service = Fake::start(move |_| reply.clone()).await;
        let fake = guarded(&Issuer::default(), &service, |_, _| None).await;
        let error = resolve(&registry(&fake, login()), "app:v1").await.unwrap_err();
        let all = format!("{error} {error:?} {:?}", error.hint_text());
        assert!(all.contains(expected) && all.contains(advice) && !all.contains("canary"), "{all}");
        assert_eq!(service.log().len(), 1, "{expected}");
    }
}

#[tokio::test]
async fn a_password_that_the_token_service_has_accepted_before_is_asked_for_again() {
    let issuer = Issuer::default();
    let issuing = issuer.clone();
    let service = Fake::start(move |request| {
        let number = issuing.count() + 1;
        let expected = basic("AWS", &format!("token-{number}"));
        if request.header("authorization") != Some(&expected) {
            return Reply::error(401, "UNAUTHORIZED", "the password has expired");
        }
        granted(&issuing.issue(request))
    })
    .await;
    let fake = guarded(&issuer, &service, |_, _| None).await;
    let (provider, calls) = tokens();
    let registry = registry(&fake, provider);
    for name in ["one:v1", "two:v1", "three:v1"] {
        assert_eq!(resolve(&registry, name).await.unwrap(), None);
    }
    assert_eq!((calls.load(Ordering::SeqCst), issuer.count()), (3, 3));
}

#[tokio::test]
async fn scopes_that_are_not_of_a_repository_are_asked_for_too() {
    let issuer = Issuer::default();
    let service = generous(&issuer).await;
    let (guard, realm) = (issuer.clone(), service.endpoint.clone());
    let fake = scripted(move |request, _| {
        let challenge = format!(r#"Basic realm="x", BEARER realm="{realm}/token?from=here", scope="aws""#);
        (!guard.allows(request)).then(|| Reply::new(401).header("WWW-Authenticate", challenge))
    })
    .await;
    assert_eq!(resolve(&registry(&fake, nobody()), "app:v1").await.unwrap(), None);
    assert_eq!(
        service.log()[0].path,
        "/token?from=here&scope=repository%3Aapp%3Apull&scope=aws&client_id=landfall"
    );
}
