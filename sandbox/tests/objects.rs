//! Buckets and objects of S3 over HTTP.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod http;

use std::time::{Duration, SystemTime};

use http::{s3, start};
use landfall_sandbox::{BucketOptions, BucketPolicy, Sandbox, Scenario};
use reqwest::{Client, Method, Response};

const ALGORITHM: &str = "x-amz-server-side-encryption";
const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

async fn with_bucket() -> Sandbox {
    let sandbox = start(Scenario::Healthy, 1.0).await;
    sandbox.create_bucket("env").unwrap();
    sandbox
}

async fn get(sandbox: &Sandbox, path: &str) -> (u16, String) {
    let response = s3(sandbox, Method::GET, path, &[], b"").await;
    (response.status().as_u16(), response.text().await.unwrap())
}

fn text<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

/// The texts of all elements of a name.
fn elements<'a>(body: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    body.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap()).collect()
}

#[tokio::test]
async fn the_encryption_of_an_object_is_remembered() {
    let sandbox = with_bucket().await;
    let id = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555";
    for (path, headers, algorithm, key) in [
        ("env/plain", &[][..], "AES256", None),
        ("env/a%20key", &[(ALGORITHM, "aws:kms"), (KEY, id)], "aws:kms", Some(id)),
        (
            "env/short",
            &[(ALGORITHM, "aws:kms"), (KEY, "11111111-2222-3333-4444-555555555555")],
            "aws:kms",
            Some(id),
        ),
    ] {
        // SDKs name the operation in the query.
        let put = s3(&sandbox, Method::PUT, &format!("{path}?x-id=PutObject"), headers, b"A=1\n").await;
        let head = s3(&sandbox, Method::HEAD, path, &[], b"").await;
        let get = s3(&sandbox, Method::GET, &format!("{path}?x-id=GetObject"), &[], b"").await;
        for response in [put, head, get] {
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!((text(&response, ALGORITHM), text(&response, KEY)), (Some(algorithm), key), "{path}");
        }
    }
    let head = s3(&sandbox, Method::HEAD, "env/plain", &[], b"").await;
    assert_eq!(text(&head, KEY), None);
    let without_key = s3(&sandbox, Method::PUT, "env/default", &[(ALGORITHM, "aws:kms")], b"").await;
    assert!(text(&without_key, KEY).unwrap().starts_with("arn:aws:kms:us-east-1:000000000000:key/"));
    let wrong = s3(&sandbox, Method::PUT, "env/wrong", &[(KEY, id)], b"").await;
    assert_eq!(wrong.status(), 400);
    assert_eq!(get(&sandbox, "env/wrong").await.0, 404);

    // A write that is refused changes nothing of what is there.
    let once = [("if-none-match", "*"), (ALGORITHM, "aws:kms")];
    assert_eq!(s3(&sandbox, Method::PUT, "env/plain", &once, b"B").await.status(), 412);
    let head = s3(&sandbox, Method::HEAD, "env/plain", &[], b"").await;
    assert_eq!(text(&head, ALGORITHM), Some("AES256"));
    // Another object under the key is another object.
    sandbox.put_object("env", "a key", b"B=2\n").unwrap();
    let head = s3(&sandbox, Method::HEAD, "env/a%20key", &[], b"").await;
    assert_eq!((text(&head, ALGORITHM), text(&head, KEY)), (Some("AES256"), None));
}

#[tokio::test]
async fn a_seeded_object_has_its_own_etag_and_no_old_checksum() {
    let sandbox = with_bucket().await;
    let checksum = [("x-amz-checksum-crc32", "NhCmhg==")];
    let put = s3(&sandbox, Method::PUT, "env/a", &checksum, b"hello").await;
    assert_eq!(put.status(), 200);
    sandbox.put_object("env", "a", b"other").unwrap();
    let got = s3(&sandbox, Method::GET, "env/a", &[("x-amz-checksum-mode", "ENABLED")], b"").await;
    assert_ne!(text(&got, "etag"), text(&put, "etag"));
    assert_eq!(text(&got, "x-amz-checksum-crc32"), None);
    assert_eq!(got.text().await.unwrap(), "other");
}

#[tokio::test]
async fn a_new_bucket_is_private() {
    let sandbox = with_bucket().await;
    let (status, body) = get(&sandbox, "env/?publicAccessBlock").await;
    assert_eq!((status, body.matches(">true<").count()), (200, 4), "{body}");
    let (status, body) = get(&sandbox, "env?policyStatus").await;
    assert_eq!((status, elements(&body, "Code")), (404, vec!["NoSuchBucketPolicy"]));
    let (status, body) = get(&sandbox, "env?acl").await;
    assert_eq!((status, elements(&body, "Permission")), (200, vec!["FULL_CONTROL"]));
    let owner = elements(&body, "ID");
    assert_eq!((owner.len(), owner[0].len()), (2, 64));
    assert_eq!(owner[0], owner[1]);
}

#[tokio::test]
async fn public_buckets_say_so() {
    let sandbox = with_bucket().await;
    let open = BucketOptions { public_access_block: false, ..BucketOptions::default() };
    let set = |options: BucketOptions| sandbox.set_bucket("env", options).unwrap();

    set(BucketOptions { policy: BucketPolicy::Public, ..open.clone() });
    let (status, body) = get(&sandbox, "env?policyStatus").await;
    assert_eq!((status, elements(&body, "IsPublic")), (200, vec!["true"]));
    let (status, body) = get(&sandbox, "env?publicAccessBlock").await;
    assert_eq!((status, elements(&body, "Code")), (404, vec!["NoSuchPublicAccessBlockConfiguration"]));

    set(BucketOptions { policy: BucketPolicy::Restricted, ..open.clone() });
    let (_, body) = get(&sandbox, "env?policyStatus").await;
    assert_eq!(elements(&body, "IsPublic"), ["false"]);

    set(BucketOptions { public_acl: true, ..open });
    let (_, body) = get(&sandbox, "env?acl").await;
    assert_eq!(elements(&body, "Permission"), ["FULL_CONTROL", "READ"]);
    assert_eq!(elements(&body, "URI"), ["http://acs.amazonaws.com/groups/global/AllUsers"]);
}

#[tokio::test]
async fn a_bucket_in_another_region_redirects_until_that_region_is_asked() {
    let sandbox = start(Scenario::Healthy, 1.0).await;
    let away = BucketOptions { region: Some("eu-west-1".to_owned()), ..BucketOptions::default() };
    sandbox.set_bucket("env", away).unwrap();
    sandbox.put_object("env", "a", b"A=1\n").unwrap();
    let head = s3(&sandbox, Method::HEAD, "env", &[], b"").await;
    assert_eq!((head.status().as_u16(), text(&head, "x-amz-bucket-region")), (301, Some("eu-west-1")));
    for (method, path) in [(Method::GET, "env/a"), (Method::PUT, "env/b"), (Method::GET, "env?location")] {
        let response = s3(&sandbox, method, path, &[], b"B").await;
        assert_eq!(
            (response.status().as_u16(), text(&response, "x-amz-bucket-region")),
            (301, Some("eu-west-1"))
        );
        let body = response.text().await.unwrap();
        assert_eq!(elements(&body, "Code"), ["PermanentRedirect"]);
        assert_eq!(elements(&body, "Endpoint"), ["s3.eu-west-1.amazonaws.com"]);
    }
    let there = |method: Method, path: &str| {
        let signed = "AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=00";
        let url = format!("{}/{path}", sandbox.endpoint());
        Client::new().request(method, url).header("authorization", signed).send()
    };
    let head = there(Method::HEAD, "env").await.unwrap();
    assert_eq!((head.status().as_u16(), text(&head, "x-amz-bucket-region")), (200, Some("eu-west-1")));
    assert_eq!(there(Method::GET, "env/a").await.unwrap().text().await.unwrap(), "A=1\n");
    let location = there(Method::GET, "env?location").await.unwrap().text().await.unwrap();
    assert!(location.contains(">eu-west-1</LocationConstraint>"), "{location}");
    assert_eq!(get(&sandbox, "env/b").await.0, 301);
    assert_eq!(there(Method::GET, "env/b").await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_expected_owner_tells_a_bucket_of_another_account() {
    let sandbox = with_bucket().await;
    let foreign = BucketOptions { owner: Some("111111111111".to_owned()), ..BucketOptions::default() };
    sandbox.set_bucket("foreign", foreign).unwrap();
    let ours = [("x-amz-expected-bucket-owner", "000000000000")];
    let theirs = [("x-amz-expected-bucket-owner", "111111111111")];
    for (bucket, headers, status) in [
        ("env", &ours, 200),
        ("env", &theirs, 403),
        ("foreign", &ours, 403),
        ("foreign", &theirs, 200),
        ("none", &ours, 404),
    ] {
        let head = s3(&sandbox, Method::HEAD, bucket, headers, b"").await;
        assert_eq!(head.status(), status, "{bucket} {headers:?}");
        let region = (status != 404).then_some("us-east-1");
        assert_eq!(text(&head, "x-amz-bucket-region"), region, "{bucket} {headers:?}");
    }
    assert_eq!(s3(&sandbox, Method::PUT, "foreign/a", &ours, b"A").await.status(), 403);
    assert_eq!(s3(&sandbox, Method::PUT, "foreign/a", &[], b"A").await.status(), 200);
}

#[tokio::test]
async fn objects_are_listed_in_pages() {
    let sandbox = with_bucket().await;
    for key in ["prod/api/1.env", "prod/api/2.env", "prod/api/3.env", "prod/web/1.env", "prod-2/1.env"] {
        s3(&sandbox, Method::PUT, &format!("env/{key}"), &[], b"A=1\n").await;
    }
    let (status, first) = get(&sandbox, "env/?list-type=2&prefix=prod%2Fapi%2F&max-keys=2").await;
    assert_eq!(status, 200);
    assert_eq!(elements(&first, "Key"), ["prod/api/1.env", "prod/api/2.env"]);
    assert_eq!(elements(&first, "IsTruncated"), ["true"]);
    let token = elements(&first, "NextContinuationToken")[0].replace('/', "%2F");
    let next = format!("env?list-type=2&prefix=prod%2Fapi%2F&max-keys=2&continuation-token={token}");
    let (_, second) = get(&sandbox, &next).await;
    assert_eq!(elements(&second, "Key"), ["prod/api/3.env"]);
    assert_eq!(elements(&second, "IsTruncated"), ["false"]);
    assert!(elements(&second, "NextContinuationToken").is_empty());
    let (_, all) = get(&sandbox, "env?list-type=2").await;
    assert_eq!(elements(&all, "Key").len(), 5);
}

#[tokio::test]
async fn objects_have_an_age() {
    let sandbox = with_bucket().await;
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    sandbox.put_object_at("env", "old", b"A=1\n", old).unwrap();
    s3(&sandbox, Method::PUT, "env/young", &[], b"A=1\n").await;
    let (_, listed) = get(&sandbox, "env?list-type=2").await;
    let times = elements(&listed, "LastModified");
    assert_eq!(times[0], "2023-11-14T22:13:20.000Z");
    assert!(times[1] > times[0], "{listed}");
    let head = s3(&sandbox, Method::HEAD, "env/old", &[], b"").await;
    assert_eq!(text(&head, "last-modified"), Some("Tue, 14 Nov 2023 22:13:20 GMT"));
    assert!(sandbox.put_object_at("none", "old", b"", old).is_err());
}

const DELETE: &[u8] = b"<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a</Key></Object><Object><Key>b&amp;c</Key></Object><Object><Key>none</Key></Object></Delete>";

#[tokio::test]
async fn objects_are_deleted_one_by_one_and_many_at_once() {
    let sandbox = with_bucket().await;
    for key in ["a", "b&c", "d", "e"] {
        sandbox.put_object("env", key, b"A=1\n").unwrap();
    }
    assert_eq!(s3(&sandbox, Method::DELETE, "env/d?x-id=DeleteObject", &[], b"").await.status(), 204);
    // What is gone already can be deleted again.
    assert_eq!(s3(&sandbox, Method::DELETE, "env/d", &[], b"").await.status(), 204);
    // As SDKs send it.
    let checksum = [
        ("content-type", "application/xml"),
        ("x-amz-sdk-checksum-algorithm", "CRC32"),
        ("x-amz-checksum-crc32", "c65kdQ=="),
    ];
    let response = s3(&sandbox, Method::POST, "env/?delete", &checksum, DELETE).await;
    assert_eq!(response.status(), 200);
    let body = response.text().await.unwrap();
    assert_eq!(elements(&body, "Key"), ["a", "b&amp;c", "none"]);
    let (_, listed) = get(&sandbox, "env?list-type=2").await;
    assert_eq!(elements(&listed, "Key"), ["e"]);
    let calls = sandbox.calls();
    let call = &calls[calls.len() - 2];
    assert_eq!((call.operation.as_str(), call.write), ("DeleteObjects", true));
}

#[tokio::test]
async fn denied_actions_concern_the_caller() {
    let sandbox = with_bucket().await;
    sandbox.put_object("env", "a", b"A=1\n").unwrap();
    sandbox.deny_action("s3:GetObject");
    let (status, body) = get(&sandbox, "env/a").await;
    assert_eq!((status, elements(&body, "Code")), (403, vec!["AccessDenied"]));
    assert!(body.contains("s3:GetObject on resource: &quot;arn:aws:s3:::env/a&quot;"), "{body}");
    assert_eq!(s3(&sandbox, Method::HEAD, "env/a", &[], b"").await.status(), 403);
    assert_eq!(get(&sandbox, "env?list-type=2").await.0, 200);
    sandbox.allow_action("s3:GetObject");
    assert_eq!(get(&sandbox, "env/a").await, (200, "A=1\n".to_owned()));

    // Facts 2.4: 404 is only for those who may list the bucket.
    assert_eq!(get(&sandbox, "env/none").await.0, 404);
    sandbox.deny_action("s3:ListBucket");
    assert_eq!(get(&sandbox, "env/none").await.0, 403);
    assert_eq!(get(&sandbox, "env/a").await.0, 200);
    assert_eq!(s3(&sandbox, Method::HEAD, "env", &[], b"").await.status(), 403);

    sandbox.deny_action("s3:DeleteObject");
    let response = s3(&sandbox, Method::POST, "env?delete", &[], DELETE).await;
    assert_eq!(response.status(), 200);
    let body = response.text().await.unwrap();
    assert_eq!(elements(&body, "Key"), ["a", "b&amp;c", "none"]);
    assert_eq!(elements(&body, "Code"), ["AccessDenied"; 3]);
    assert_eq!(get(&sandbox, "env/a").await.0, 200);

    sandbox.deny_action("s3:PutObject");
    assert_eq!(s3(&sandbox, Method::PUT, "env/b", &[], b"").await.status(), 403);
    assert_eq!(get(&sandbox, "env?publicAccessBlock").await.0, 200);
    sandbox.deny_action("s3:GetBucketPublicAccessBlock");
    assert_eq!(get(&sandbox, "env?publicAccessBlock").await.0, 403);
}
