//! The registry protocol and the ECR API, as ECR answers.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use landfall_sandbox::{Options, RepositoryOptions, Sandbox, TagMutability};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIASANDBOXSANDBOX00/20260101/us-east-1/ecr/aws4_request, SignedHeaders=host, Signature=00";

struct Registry {
    sandbox: Sandbox,
    token: String,
}

impl Registry {
    async fn start() -> Registry {
        Registry::start_with(Options::default()).await
    }

    async fn start_with(options: Options) -> Registry {
        let sandbox = Sandbox::start(options).await.unwrap();
        sandbox.create_repository("team/api");
        let mut registry = Registry { sandbox, token: String::new() };
        registry.log_in().await;
        registry
    }

    async fn log_in(&mut self) {
        let (_, answer) = self.ecr("GetAuthorizationToken", &json!({})).await;
        let data = &answer["authorizationData"][0];
        assert_eq!(data["proxyEndpoint"], self.sandbox.endpoint());
        assert!(data["expiresAt"].is_number());
        self.token = data["authorizationToken"].as_str().unwrap().to_owned();
        assert!(STANDARD.decode(&self.token).unwrap().starts_with(b"AWS:"));
    }

    async fn ecr(&self, operation: &str, input: &Value) -> (StatusCode, Value) {
        let response = Client::new()
            .post(self.sandbox.endpoint())
            .header("x-amz-target", format!("AmazonEC2ContainerRegistry_V20150921.{operation}"))
            .header("authorization", SIGNED)
            .body(input.to_string())
            .send()
            .await
            .unwrap();
        (response.status(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    async fn send(&self, method: Method, url: &str, kind: &str, body: &[u8]) -> Response {
        let url = if url.starts_with("http") {
            url.to_owned()
        } else {
            format!("{}{url}", self.sandbox.endpoint())
        };
        Client::new()
            .request(method, url)
            .header("authorization", format!("Basic {}", self.token))
            .header("content-type", kind)
            .body(body.to_vec())
            .send()
            .await
            .unwrap()
    }

    async fn begin(&self) -> String {
        let response =
            self.send(Method::POST, "/v2/team/api/blobs/uploads/?mount=sha256:0&from=other", "", b"").await;
        assert_eq!(response.status(), 202);
        response.headers()["location"].to_str().unwrap().to_owned()
    }

    /// POST, then one PUT with everything: what works with ECR.
    async fn push_blob(&self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let location = self.begin().await;
        assert!(location.contains('?'), "the client has to add to the query: {location}");
        let response = self
            .send(Method::PUT, &format!("{location}&digest={digest}"), "application/octet-stream", bytes)
            .await;
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["docker-content-digest"], digest.as_str());
        digest
    }

    async fn push_image(&self, reference: &str) -> (Response, Vec<u8>) {
        let (config, layer) = (b"{\"os\":\"linux\"}".as_slice(), b"a layer".as_slice());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": self.push_blob(config).await, "size": config.len() },
            "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": self.push_blob(layer).await, "size": layer.len() }],
        })
        .to_string()
        .into_bytes();
        let path = format!("/v2/team/api/manifests/{reference}");
        (self.send(Method::PUT, &path, MANIFEST, &manifest).await, manifest)
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

async fn error_code(response: Response) -> String {
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    body["errors"][0]["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_image_is_pushed_and_pulled() {
    let registry = Registry::start().await;
    let (response, manifest) = registry.push_image("v1").await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers().get("location"), None);
    let pushed = digest(&manifest);
    assert_eq!(response.headers()["docker-content-digest"], pushed.as_str());

    for reference in ["v1", &pushed] {
        let path = format!("/v2/team/api/manifests/{reference}");
        let head = registry.send(Method::HEAD, &path, "", b"").await;
        assert_eq!(head.status(), 200);
        assert_eq!(head.headers()["content-type"], MANIFEST);
        assert_eq!(head.headers()["content-length"], manifest.len().to_string().as_str());
        let get = registry.send(Method::GET, &path, "", b"").await;
        assert_eq!(get.headers()["docker-content-digest"], pushed.as_str());
        assert_eq!(get.bytes().await.unwrap(), manifest);
    }
    let layer = digest(b"a layer");
    let head = registry.send(Method::HEAD, &format!("/v2/team/api/blobs/{layer}"), "", b"").await;
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"7".parse().unwrap()));
    let get = registry.send(Method::GET, &format!("/v2/team/api/blobs/{layer}"), "", b"").await;
    assert_eq!(get.bytes().await.unwrap(), b"a layer".as_slice());

    let input = json!({ "repositoryName": "team/api", "imageIds": [{ "imageTag": "v1" }] });
    let (_, images) = registry.ecr("DescribeImages", &input).await;
    let image = &images["imageDetails"][0];
    assert_eq!((&image["imageDigest"], &image["imageTags"]), (&json!(pushed), &json!(["v1"])));
    let (_, images) = registry.ecr("BatchGetImage", &input).await;
    assert_eq!(images["images"][0]["imageManifest"].as_str().unwrap().as_bytes(), manifest);
    let operations: Vec<String> = registry
        .sandbox
        .calls()
        .into_iter()
        .filter(|call| call.service == "registry" && call.write)
        .map(|call| call.operation)
        .collect();
    assert_eq!(operations, ["POST upload", "PUT blob", "POST upload", "PUT blob", "PUT manifest"]);
}

#[tokio::test]
async fn one_patch_is_answered_with_201_and_a_second_is_refused() {
    let registry = Registry::start().await;
    let location = registry.begin().await;
    let response = registry.send(Method::PATCH, &location, "application/octet-stream", b"hello").await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["range"], "0-4");
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let second = registry.send(Method::PATCH, &location, "application/octet-stream", b"again").await;
    assert_eq!(second.status(), 416);
    assert_eq!(error_code(second).await, "BLOB_UPLOAD_INVALID");
    let response =
        registry.send(Method::PUT, &format!("{location}&digest={}", digest(b"hello")), "", b"").await;
    assert_eq!(response.status(), 201);
}

#[tokio::test]
async fn what_the_registry_refuses() {
    let registry = Registry::start().await;
    let location = registry.begin().await;
    let wrong = format!("{location}&digest={}", digest(b"something else"));
    let response = registry.send(Method::PUT, &wrong, "", b"hello").await;
    assert_eq!((response.status().as_u16(), error_code(response).await.as_str()), (400, "DIGEST_INVALID"));
    // The session is gone with it.
    let response = registry.send(Method::PUT, &wrong, "", b"hello").await;
    assert_eq!(
        (response.status().as_u16(), error_code(response).await.as_str()),
        (404, "BLOB_UPLOAD_UNKNOWN")
    );

    let manifest = json!({ "config": { "digest": digest(b"nowhere") }, "layers": [] }).to_string();
    let response =
        registry.send(Method::PUT, "/v2/team/api/manifests/v1", MANIFEST, manifest.as_bytes()).await;
    assert_eq!(
        (response.status().as_u16(), error_code(response).await.as_str()),
        (400, "MANIFEST_BLOB_UNKNOWN")
    );
    let response = registry.send(Method::PUT, "/v2/team/api/manifests/v1", MANIFEST, b"no json").await;
    assert_eq!(error_code(response).await, "MANIFEST_INVALID");
    let (response, _) = registry.push_image(&digest(b"another manifest")).await;
    assert_eq!(error_code(response).await, "DIGEST_INVALID");

    let response = registry.send(Method::GET, "/v2/team/api/manifests/none", "", b"").await;
    assert_eq!((response.status().as_u16(), error_code(response).await.as_str()), (404, "MANIFEST_UNKNOWN"));
    let response = registry.send(Method::POST, "/v2/none/blobs/uploads/", "", b"").await;
    assert_eq!(response.status(), 404);
    let text = response.text().await.unwrap();
    assert!(text.contains("NAME_UNKNOWN"), "{text}");
    assert!(
        text.contains(
            "The repository with name 'none' does not exist in the registry with id '000000000000'"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn blobs_belong_to_their_repository() {
    let registry = Registry::start().await;
    registry.sandbox.create_repository("other");
    let digest = registry.push_blob(b"hello").await;
    let status = |repository: &str| {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let registry = &registry;
        async move { registry.send(Method::HEAD, &path, "", b"").await.status().as_u16() }
    };
    assert_eq!((status("team/api").await, status("other").await), (200, 404));
}

#[tokio::test]
async fn only_the_user_aws_with_the_token_is_let_in() {
    let registry = Registry::start().await;
    let url = format!("{}/v2/", registry.sandbox.endpoint());
    assert_eq!(registry.send(Method::GET, "/v2/", "", b"").await.status(), 200);
    for authorization in
        [None, Some(format!("Basic {}", STANDARD.encode("AWS:wrong"))), Some(SIGNED.to_owned())]
    {
        let mut request = Client::new().get(&url);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic realm="));
    }
}

#[tokio::test]
async fn repositories_over_the_api() {
    let registry = Registry::start().await;
    let (status, body) = registry.ecr("DescribeRepositories", &json!({ "repositoryNames": ["none"] })).await;
    assert_eq!((status.as_u16(), body["__type"].as_str().unwrap()), (400, "RepositoryNotFoundException"));
    assert_eq!(
        body["message"],
        "The repository with name 'none' does not exist in the registry with id '000000000000'"
    );
    let (_, body) = registry.ecr("CreateRepository", &json!({ "repositoryName": "none" })).await;
    assert_eq!(body["repository"]["repositoryUri"], format!("{}/none", registry.sandbox.registry_host()));
    let (_, body) = registry.ecr("CreateRepository", &json!({ "repositoryName": "none" })).await;
    assert_eq!(body["__type"], "RepositoryAlreadyExistsException");
    let (_, body) = registry.ecr("DescribeRepositories", &json!({})).await;
    assert_eq!(body["repositories"].as_array().unwrap().len(), 2);
    let missing = json!({ "repositoryName": "none", "imageIds": [{ "imageTag": "v1" }] });
    let (_, body) = registry.ecr("DescribeImages", &missing).await;
    assert_eq!(body["__type"], "ImageNotFoundException");
    let (_, body) = registry.ecr("BatchGetImage", &missing).await;
    assert_eq!(body["failures"][0]["failureCode"], "ImageNotFound");
}

/// Bodies go to the disk: a blob much bigger than any buffer arrives whole.
#[tokio::test]
async fn a_big_blob_survives() {
    let registry = Registry::start().await;
    let bytes: Vec<u8> = (0..16 * 1024 * 1024_u32).map(|index| (index % 251) as u8).collect();
    let digest = registry.push_blob(&bytes).await;
    let response = registry.send(Method::GET, &format!("/v2/team/api/blobs/{digest}"), "", b"").await;
    assert!(response.bytes().await.unwrap() == bytes);
}

async fn put_tag(registry: &Registry, repository: &str, tag: &str, content: &str) -> Response {
    let manifest = json!({ "schemaVersion": 2, "layers": [], "annotations": { "content": content } });
    let path = format!("/v2/{repository}/manifests/{tag}");
    registry.send(Method::PUT, &path, MANIFEST, manifest.to_string().as_bytes()).await
}

#[tokio::test]
async fn a_tag_of_an_immutable_repository_stays_where_it_is() {
    let registry = Registry::start().await;
    let tags = TagMutability::Immutable;
    registry.sandbox.create_repository_with("fixed", RepositoryOptions { tags, ..Default::default() });
    assert_eq!(put_tag(&registry, "fixed", "v1", "one").await.status(), 201);
    // The same image again is no move.
    assert_eq!(put_tag(&registry, "fixed", "v1", "one").await.status(), 201);
    let refused = put_tag(&registry, "fixed", "v1", "two").await;
    assert_eq!(refused.status(), 400);
    let body: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(body["errors"][0]["code"], "TAG_INVALID");
    assert_eq!(
        body["errors"][0]["message"],
        "The image tag 'v1' already exists in the 'fixed' repository and cannot be overwritten because the repository is immutable."
    );
    assert_eq!(put_tag(&registry, "fixed", "v2", "two").await.status(), 201);
    let head = registry.send(Method::HEAD, "/v2/fixed/manifests/v1", "", b"").await;
    let one = head.headers()["docker-content-digest"].clone();
    let head = registry.send(Method::HEAD, "/v2/fixed/manifests/v2", "", b"").await;
    assert_ne!(head.headers()["docker-content-digest"], one);
    // AWS's default lets tags move.
    for content in ["one", "two"] {
        assert_eq!(put_tag(&registry, "team/api", "v1", content).await.status(), 201);
    }
}

#[tokio::test]
async fn filters_make_exceptions_from_the_rule() {
    let registry = Registry::start().await;
    let rules = [
        ("except", TagMutability::ImmutableWithExclusion(vec!["dev-*".to_owned(), "latest".to_owned()])),
        ("only", TagMutability::MutableWithExclusion(vec!["v*".to_owned()])),
    ];
    for (name, tags) in rules {
        registry.sandbox.create_repository_with(name, RepositoryOptions { tags, ..Default::default() });
    }
    for (repository, tag, moves) in [
        ("except", "dev-1", true),
        ("except", "latest", true),
        ("except", "v1", false),
        ("only", "v1", false),
        ("only", "latest", true),
    ] {
        assert_eq!(put_tag(&registry, repository, tag, "one").await.status(), 201);
        let status = put_tag(&registry, repository, tag, "two").await.status().as_u16();
        assert_eq!(status, if moves { 201 } else { 400 }, "{repository}:{tag}");
    }
}

#[tokio::test]
async fn a_repository_keeps_what_it_was_created_with() {
    let registry = Registry::start().await;
    let create = json!({
        "repositoryName": "made",
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "dev-*" }],
        "imageScanningConfiguration": { "scanOnPush": true },
        "encryptionConfiguration": { "encryptionType": "KMS", "kmsKey": "alias/images" },
    });
    assert_eq!(registry.ecr("CreateRepository", &create).await.0, 200);
    let (_, body) = registry.ecr("DescribeRepositories", &json!({ "repositoryNames": ["made"] })).await;
    for (key, value) in create.as_object().unwrap() {
        assert_eq!(&body["repositories"][0][key], value, "{key}");
    }
    registry.ecr("CreateRepository", &json!({ "repositoryName": "plain" })).await;
    let (_, body) = registry.ecr("DescribeRepositories", &json!({ "repositoryNames": ["plain"] })).await;
    let plain = &body["repositories"][0];
    assert_eq!(plain["imageTagMutability"], "MUTABLE");
    assert_eq!(plain["imageScanningConfiguration"], json!({ "scanOnPush": false }));
    assert_eq!(plain["encryptionConfiguration"], json!({ "encryptionType": "AES256" }));
    for wrong in [
        json!({ "imageTagMutability": "SOMETIMES" }),
        json!({ "encryptionConfiguration": { "encryptionType": "ROT13" } }),
    ] {
        let mut input = json!({ "repositoryName": "wrong" });
        input.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let (_, body) = registry.ecr("CreateRepository", &input).await;
        assert_eq!(body["__type"], "InvalidParameterException", "{wrong}");
    }
}

#[tokio::test]
async fn a_blob_is_mounted_from_a_repository_that_uses_it() {
    let registry = Registry::start().await;
    registry.sandbox.create_repository("other");
    registry.push_image("v1").await;
    let unused = registry.push_blob(b"uploaded, and named by no manifest").await;
    let layer = digest(b"a layer");
    let mount = async |digest: &str, from: &str| {
        let path = format!("/v2/other/blobs/uploads/?mount={digest}&from={from}");
        registry.send(Method::POST, &path, "", b"").await
    };
    for (digest, from) in [(&unused, "team/api"), (&layer, "none"), (&digest(b"nowhere"), "team/api")] {
        let session = mount(digest, from).await;
        assert_eq!(session.status(), 202, "{digest} from {from}");
        assert!(session.headers().contains_key("location"));
    }
    let set = async |value: &str| {
        let input = json!({ "name": "BLOB_MOUNTING", "value": value });
        assert_eq!(registry.ecr("PutAccountSetting", &input).await.1["value"], value);
    };
    set("DISABLED").await;
    assert_eq!(mount(&layer, "team%2Fapi").await.status(), 202);
    set("ENABLED").await;
    let mounted = mount(&layer, "team%2Fapi").await;
    assert_eq!(mounted.status(), 201);
    assert_eq!(mounted.headers()["docker-content-digest"], layer.as_str());
    let blob = registry.send(Method::GET, &format!("/v2/other/blobs/{layer}"), "", b"").await;
    assert_eq!(blob.bytes().await.unwrap(), b"a layer".as_slice());
}

#[tokio::test]
async fn mounting_needs_the_setting_and_the_same_encryption() {
    let off = Registry::start_with(Options { blob_mounting: false, ..Options::default() }).await;
    let (_, answer) = off.ecr("GetAccountSetting", &json!({ "name": "BLOB_MOUNTING" })).await;
    assert_eq!(answer["value"], "DISABLED");
    let on = Registry::start().await;
    let kms = json!({ "repositoryName": "other", "encryptionConfiguration": { "encryptionType": "KMS" } });
    on.ecr("CreateRepository", &kms).await;
    off.sandbox.create_repository("other");
    for registry in [off, on] {
        registry.push_image("v1").await;
        let path = format!("/v2/other/blobs/uploads/?mount={}&from=team/api", digest(b"a layer"));
        assert_eq!(registry.send(Method::POST, &path, "", b"").await.status(), 202);
    }
}

#[tokio::test]
async fn an_expired_login_is_refused_in_plain_text() {
    let options = Options { token_life: Some(Duration::ZERO), ..Options::default() };
    let registry = Registry::start_with(options).await;
    let refused = registry.send(Method::GET, "/v2/", "", b"").await;
    assert_eq!(refused.status(), 403);
    assert!(refused.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    assert_eq!(
        refused.text().await.unwrap(),
        "denied: Your authorization token has expired. Reauthenticate and try again."
    );
}

#[tokio::test]
async fn a_denied_action_is_refused_as_iam_does() {
    let denied_actions = ["ecr:CreateRepository".to_owned()].into();
    let registry = Registry::start_with(Options { denied_actions, ..Options::default() }).await;
    let (status, body) = registry.ecr("CreateRepository", &json!({ "repositoryName": "x" })).await;
    assert_eq!((status.as_u16(), body["__type"].as_str().unwrap()), (400, "AccessDeniedException"));
    let text = body["message"].as_str().unwrap();
    assert!(text.contains("is not authorized to perform: ecr:CreateRepository on resource"), "{text}");
    let (_, body) = registry.ecr("DescribeRepositories", &json!({})).await;
    assert_eq!(body["repositories"].as_array().unwrap().len(), 1);
}
