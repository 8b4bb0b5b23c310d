//! Pushing to Distribution behind Basic authentication, as ECR uses it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{docker, load_hello, part, unique, until};
use crate::support::{Landfall, Ran};

/// ECS is the embedded stand-in here; the registry and the engine are real.
fn deploy(from: &str, tag: &str, password: &str) -> Ran {
    let registry = part("LANDFALL_E2E_REGISTRY");
    let folder = tempfile::tempdir().expect("a folder");
    let login = STANDARD.encode(format!("{}:{password}", part("LANDFALL_E2E_REGISTRY_USER")));
    let config = json!({"auths": {&registry: {"auth": login}}});
    std::fs::write(folder.path().join("config.json"), config.to_string()).expect("written");
    let image = format!("{registry}/{tag}");
    Landfall::new(&[
        "deploy",
        "--sandbox",
        "--sandbox-speed",
        "100",
        "--output",
        "json",
        "--region",
        "us-east-1",
        "--cluster",
        "demo",
        "--service",
        "web",
        "--from",
        from,
        "--image",
        &image,
    ])
    .env("DOCKER_CONFIG", folder.path().to_str().expect("UTF-8"))
    .env("DOCKER_HOST", &part("LANDFALL_E2E_DOCKER_HOST"))
    .run()
}

fn password() -> String {
    part("LANDFALL_E2E_REGISTRY_PASSWORD")
}

/// Asks the registry itself.
async fn get(path: &str) -> (reqwest::StatusCode, Vec<u8>) {
    let answer = reqwest::Client::new()
        .get(format!("http://{}/v2/{path}", part("LANDFALL_E2E_REGISTRY")))
        .basic_auth(part("LANDFALL_E2E_REGISTRY_USER"), Some(password()))
        .header("accept", "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json")
        .send()
        .await
        .expect("Distribution answers");
    (answer.status(), answer.bytes().await.expect("a body").to_vec())
}

fn digest_of(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Everything that the manifest names is there, and is what its digest says.
async fn check_image(repository: &str, digest: &str) {
    let (status, manifest) = get(&format!("{repository}/manifests/{digest}")).await;
    assert!(status.is_success(), "{status}");
    assert_eq!(digest_of(&manifest), digest);
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let layers = manifest["layers"].as_array().expect("layers");
    assert!(!layers.is_empty());
    for blob in layers.iter().chain([&manifest["config"]]) {
        let digest = blob["digest"].as_str().expect("a digest");
        let (status, bytes) = get(&format!("{repository}/blobs/{digest}")).await;
        assert!(status.is_success(), "{status}");
        assert_eq!(digest_of(&bytes), digest);
        assert_eq!(blob["size"], bytes.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oci_layout_arrives_whole_and_is_not_sent_twice() {
    let name = unique("layout");
    let ran = deploy("oci:examples/hello/image", &format!("{name}:v1"), &password()).expect_code(0);
    let digest = ran.report()["services"][0]["image_digest"].as_str().expect("a digest").to_owned();
    check_image(&name, &digest).await;
    let again = deploy("oci:examples/hello/image", &format!("{name}:v1"), &password()).expect_code(0);
    let sent = again.events().into_iter().any(|event| event["event"] == "image_push_started");
    assert!(!sent, "{}", again.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_the_docker_engine_arrives_whole_and_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    load_hello(folder.path(), "from-engine", "v7");
    let first = deploy("docker:from-engine:v7", "from-engine:a", &password()).expect_code(0);
    let digest = first.report()["services"][0]["image_digest"].as_str().expect("a digest").to_owned();
    check_image("from-engine", &digest).await;
    // The same image has the same digest each time it is taken from the engine.
    let second = deploy("docker:from-engine:v7", "from-engine:b", &password()).expect_code(0);
    assert_eq!(second.report()["services"][0]["image_digest"], digest);

    let registry = part("LANDFALL_E2E_REGISTRY");
    docker(&["login", "-u", &part("LANDFALL_E2E_REGISTRY_USER"), "-p", &password(), &registry]);
    let reference = format!("{registry}/from-engine@{digest}");
    docker(&["pull", &reference]);
    let id = docker(&["run", "-d", "-e", "GREETING=there", &reference]);
    let address =
        docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", id.trim()]);
    let client = reqwest::Client::new();
    let url = format!("http://{}:8080/", address.trim());
    // The program listens a moment after the container has started.
    let answer =
        until(|| async { Some(client.get(&url).send().await.ok()?.text().await.expect("a body")) }).await;
    docker(&["rm", "-f", id.trim()]);
    assert_eq!(answer, "hello from v7 there\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_one_clear_error_and_nothing_is_updated() {
    let ran = deploy("oci:examples/hello/image", "refused:v1", "wrong").expect_code(8);
    let report = ran.report();
    assert_eq!(report["error"]["kind"], "registry", "{report}");
    assert!(!report.to_string().contains("wrong"), "the password was printed");
    assert_eq!(report["api_calls"].get("ecs:UpdateService"), None, "{report}");
}
