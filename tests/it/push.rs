//! `landfall push` to the ECR of the embedded stand-in.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::images::{Layout, OCI_MANIFEST, docker_archive, layer};
use crate::proxy::Proxy;
use crate::stage::LongLived;
use crate::support::{Landfall, Ran, api_calls, pushes, signal};

const HOST: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

/// The stand-in, with a look at what its registry is asked.
struct Ecr {
    sandbox: LongLived,
    registry: Proxy,
    folder: tempfile::TempDir,
}

impl Ecr {
    fn start(args: &[&str]) -> Self {
        let sandbox = LongLived::start(args);
        let registry = Proxy::to_tcp(address(&sandbox));
        Self { sandbox, registry, folder: tempfile::tempdir().expect("a folder") }
    }

    fn landfall(&self, args: &[&str]) -> Landfall {
        self.sandbox
            .landfall(args)
            .env("LANDFALL_REGISTRY_ENDPOINT", &format!("http://{}", self.registry.address))
    }

    /// `landfall push` as JSON.
    fn push(&self, from: &str, to: &[&str], more: &[&str]) -> Ran {
        self.landfall(&push_args(from, to, &[&["--output", "json"], more].concat())).run()
    }

    fn layout(&self, text: &str) -> Layout {
        Layout::of_one(self.folder.path().join(text), text)
    }

    /// Requests that write, so far.
    fn sent(&self) -> usize {
        let requests = self.registry.requests();
        requests.iter().filter(|request| !request.starts_with("GET") && !request.starts_with("HEAD")).count()
    }

    /// Asks ECR itself.
    async fn ecr(&self, operation: &str, input: Value) -> Value {
        let answer = reqwest::Client::new()
            .post(format!("http://{}", address(&self.sandbox)))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonEC2ContainerRegistry_V20150921.{operation}"))
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecr/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(input.to_string())
            .send()
            .await
            .expect("the stand-in answers");
        let text = answer.text().await.expect("a body");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The tags of an image.
    async fn tags(&self, repository: &str, digest: &Value) -> Vec<String> {
        let found = self
            .ecr(
                "DescribeImages",
                json!({"repositoryName": repository, "imageIds": [{"imageDigest": digest}]}),
            )
            .await;
        let tags = found["imageDetails"][0]["imageTags"].as_array().unwrap_or_else(|| panic!("{found}"));
        let mut tags: Vec<String> = tags.iter().map(|tag| tag.as_str().expect("a tag").to_owned()).collect();
        tags.sort();
        tags
    }
}

/// `127.0.0.1:PORT` of the stand-in.
fn address(sandbox: &LongLived) -> &str {
    let endpoint = sandbox.variables.iter().find(|(name, _)| name == "LANDFALL_REGISTRY_ENDPOINT");
    endpoint.and_then(|(_, url)| url.strip_prefix("http://")).expect("an address").trim_end_matches('/')
}

fn push_args<'a>(from: &'a str, to: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["push", "--from", from];
    for to in to {
        args.extend(["--to", to]);
    }
    args.extend(more);
    args
}

fn events_named(ran: &Ran, name: &str) -> usize {
    ran.events().iter().filter(|event| event["event"] == name).count()
}

#[test]
fn a_missing_repository_is_refused_before_anything_is_sent() {
    let ecr = Ecr::start(&[]);
    let target = format!("{HOST}/nowhere:v1");
    let ran = ecr.push(&ecr.layout("one").source(), &[&target], &[]).expect_code(3);
    let error = ran.report()["error"].clone();
    assert_eq!(error["kind"], "preflight");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("nowhere")), "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--create-repository")), "{error}");
    assert_eq!(ecr.sent(), 0, "{:?}", ecr.registry.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_repository_has_tags_that_stay_and_the_same_push_again_sends_nothing() {
    let ecr = Ecr::start(&[]);
    let target = format!("{HOST}/created/api:v1");
    let (one, two) = (ecr.layout("one"), ecr.layout("two"));
    let first = ecr.push(&one.source(), &[&target], &["--create-repository"]).expect_code(0);
    assert_eq!(events_named(&first, "repository_created"), 1);
    assert!(ecr.sent() > 0, "the proxy sees what is sent");
    let described = ecr.ecr("DescribeRepositories", json!({"repositoryNames": ["created/api"]})).await;
    let repository = &described["repositories"][0];
    assert_eq!(repository["imageTagMutability"], "IMMUTABLE", "{described}");
    assert_eq!(repository["imageScanningConfiguration"]["scanOnPush"], true, "{described}");
    let digest = pushes(&first.report())[0]["digest"].clone();
    assert_eq!(ecr.tags("created/api", &digest).await, ["v1"]);

    // The same: the repository is there, and so is everything in it.
    let before = ecr.sent();
    let again = ecr.push(&one.source(), &[&target], &["--create-repository"]).expect_code(0);
    let report = again.report();
    assert_eq!(report["verdict"], "unchanged", "{report}");
    assert_eq!(pushes(&report)[0]["outcome"], "exists", "{report}");
    assert_eq!(pushes(&report)[0]["bytes_sent"], 0, "{report}");
    assert_eq!(pushes(&report)[0]["digest"], digest, "{report}");
    assert_eq!(api_calls(&report).get("ecr:CreateRepository"), None, "{report}");
    assert_eq!(ecr.sent(), before, "{:?}", ecr.registry.requests());

    // Another image under that tag: refused, whether its digest is known beforehand or not.
    let archive = ecr.folder.path().join("two.tar");
    docker_archive(&archive, "two:v1", &["/note"], &[layer(&[("note", b"two")])]);
    for source in [two.source(), format!("docker-archive:{}", archive.display())] {
        let refused = ecr.push(&source, &[&target], &[]).expect_code(3);
        let error = refused.report()["error"].clone();
        assert_eq!(error["kind"], "preflight", "{error}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains("`v1`")), "{error}");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("new tag")), "{error}");
        assert_eq!(ecr.sent(), before, "{:?}", ecr.registry.requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_created_repository_is_as_the_flags_say() {
    let ecr = Ecr::start(&[]);
    let target = format!("{HOST}/moving:v1");
    let more = [
        "--create-repository",
        "--repository-tags",
        "mutable",
        "--no-scan-on-push",
        "--repository-encryption",
        "kms",
    ];
    ecr.push(&ecr.layout("one").source(), &[&target], &more).expect_code(0);
    let described = ecr.ecr("DescribeRepositories", json!({"repositoryNames": ["moving"]})).await;
    let repository = &described["repositories"][0];
    assert_eq!(repository["imageTagMutability"], "MUTABLE", "{described}");
    assert_eq!(repository["imageScanningConfiguration"]["scanOnPush"], false, "{described}");
    assert_eq!(repository["encryptionConfiguration"]["encryptionType"], "KMS", "{described}");
    // So that a tag moves.
    let moved = ecr.push(&ecr.layout("two").source(), &[&target], &[]).expect_code(0).report();
    assert_eq!(ecr.tags("moving", &pushes(&moved)[0]["digest"]).await, ["v1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_image_goes_to_several_repositories_and_tags() {
    let ecr = Ecr::start(&[]);
    let targets = [format!("{HOST}/a:v1"), format!("{HOST}/b:v1"), format!("{HOST}/a:latest")];
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let layout = ecr.layout("one");
    let ran = ecr.push(&layout.source(), &targets, &["--create-repository"]).expect_code(0);
    let pushed = pushes(&ran.report());
    let references: Vec<&Value> = pushed.iter().map(|push| &push["reference"]).collect();
    let digest = pushed[0]["digest"].clone();
    let text = digest.as_str().expect("a digest");
    assert_eq!(references, [&json!(format!("{HOST}/a@{text}")), &json!(format!("{HOST}/b@{text}"))]);
    assert_eq!(ecr.tags("a", &digest).await, ["latest", "v1"]);
    assert_eq!(ecr.tags("b", &digest).await, ["v1"]);
}

#[test]
fn standard_output_is_the_references_and_nothing_else() {
    let ecr = Ecr::start(&[]);
    let layout = ecr.layout("one");
    let (a, b) = (format!("{HOST}/a:v1"), format!("{HOST}/b:v1"));
    let digest = pushes(&ecr.push(&layout.source(), &[&a], &["--create-repository"]).expect_code(0).report())
        [0]["digest"]
        .clone();
    let digest = digest.as_str().expect("a digest");
    let expected = format!("{HOST}/a@{digest}\n{HOST}/b@{digest}\n");
    // The first of these sends something, the others nothing.
    for more in [
        &["--create-repository"][..],
        &["--output", "plain"],
        &["--output", "human"],
        &["--output", "github"],
    ] {
        let ran = ecr.landfall(&push_args(&layout.source(), &[&a, &b], more)).run().expect_code(0);
        assert_eq!(ran.stdout(), expected, "{}", ran.all());
        assert!(!ran.stderr().is_empty(), "{more:?}: who watches is told something");
    }
    // What fails has no reference to give.
    let failed = ecr.landfall(&push_args(&layout.source(), &[&format!("{HOST}/none:v1")], &[])).run();
    let failed = failed.expect_code(3);
    assert_eq!(failed.stdout(), "");
    assert!(failed.stderr().contains("--create-repository"), "{}", failed.all());
    assert!(failed.stderr().contains("was not pushed"), "{}", failed.all());
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_push_that_still_waits_for_its_image() {
    let args = push_args("-", &["127.0.0.1:1/nowhere:v1"], &["--output", "plain"]);
    let mut child = Landfall::new(&args)
        .stdin(Stdio::piped())
        .into_command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // As long as this is open, the archive has no end.
    let archive = child.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let begun = lines.by_ref().any(|line| line.expect("a line").contains("push image"));
    assert!(begun);
    signal("INT", child.id());
    let said: Vec<String> = lines.map(|line| line.expect("a line")).collect();
    let said = said.join("\n");
    let output = child.wait_with_output().expect("it ends");
    drop(archive);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!(output.stdout, b"");
    assert!(said.contains("nowhere was not pushed"), "{said}");
    assert!(said.contains("run the same command again"), "{said}");
    // There is no service, and nothing of it to tell.
    for word in ["service", "rollout", "revision", "interrupted: interrupted"] {
        assert!(!said.contains(word), "{word}: {said}");
    }
}

/// The configuration's images, without a cluster that runs them.
#[test]
fn the_images_of_the_configuration_are_pushed() {
    let ecr = Ecr::start(&[]);
    let (one, two) = (ecr.layout("one"), ecr.layout("two"));
    let config = ecr.folder.path().join("landfall.yml");
    let text = format!(
        "version: 1\nservices:\n  api:\n    containers:\n      web: {{ image: {{ from: '{}', to: ['{HOST}/api:v1', '{HOST}/web:v1'], create_repository: true }} }}\n  jobs:\n    containers:\n      main: {{ image: {{ from: '{}', to: '{HOST}/jobs:v1', create_repository: true }} }}\n",
        one.source(),
        two.source(),
    );
    std::fs::write(&config, text).expect("written");
    let config = config.to_str().expect("UTF-8");
    let ran = ecr.landfall(&["push", "--config", config, "jobs"]).run().expect_code(0);
    assert_eq!(ran.stdout().lines().count(), 1, "{}", ran.all());
    let ran = ecr.landfall(&["push", "--config", config]).run().expect_code(0);
    let repositories: Vec<String> =
        ran.stdout().lines().map(|line| line.split('@').next().expect("a part").to_owned()).collect();
    assert_eq!(repositories, [format!("{HOST}/api"), format!("{HOST}/web"), format!("{HOST}/jobs")]);
}

#[test]
fn the_last_line_of_json_tells_what_became_of_each_blob() {
    let ecr = Ecr::start(&[]);
    let layout = Layout::new(ecr.folder.path().join("layers"));
    let (base, top) = (layer(&[("base", b"base")]), layer(&[("note", b"one")]));
    let first = layout.image("amd64", &[base.clone(), top]);
    layout.finish(&first);
    let target = |tag: &str| format!("{HOST}/told:{tag}");
    let ran = ecr.push(&layout.source(), &[&target("v1")], &["--create-repository"]).expect_code(0);
    let pushed = pushes(&ran.report()).remove(0);
    assert_eq!(pushed["digest"], first["digest"]);
    assert_eq!(pushed["media_type"], OCI_MANIFEST);
    assert_eq!(pushed["manifest_size"], first["size"]);
    assert!(pushed["duration_ms"].is_u64(), "{pushed}");
    let manifest = layout.read(first["digest"].as_str().expect("a digest"));
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let descriptors: Vec<&Value> =
        manifest["layers"].as_array().expect("layers").iter().chain([&manifest["config"]]).collect();
    let blobs = pushed["blobs"].as_array().expect("blobs");
    assert_eq!(blobs.len(), descriptors.len(), "{pushed}");
    for descriptor in &descriptors {
        let blob = blobs.iter().find(|blob| blob["digest"] == descriptor["digest"]);
        let blob = blob.unwrap_or_else(|| panic!("{descriptor} is not told: {pushed}"));
        assert_eq!(blob["size"], descriptor["size"]);
        assert_eq!(blob["outcome"], "uploaded");
        assert!(blob["duration_ms"].is_u64(), "{blob}");
    }
    let size = |value: &Value| value["size"].as_u64().expect("a size");
    let all: u64 = descriptors.iter().map(|descriptor| size(descriptor)).sum();
    assert_eq!(bytes(&pushed), (all, 0, 0), "{pushed}");

    // One layer is new, the other is there.
    let second = layout.image("amd64", &[base, layer(&[("note", b"two")])]);
    layout.finish(&second);
    let ran = ecr.push(&layout.source(), &[&target("v2")], &[]).expect_code(0);
    let pushed = pushes(&ran.report()).remove(0);
    let skipped = size(&manifest["layers"][0]);
    let (sent, there, mounted) = bytes(&pushed);
    assert_eq!((there, mounted), (skipped, 0), "{pushed}");
    let all: u64 = pushed["blobs"].as_array().expect("blobs").iter().map(size).sum();
    assert_eq!(sent, all - skipped, "{pushed}");
    let outcome = |digest: &Value| {
        let blobs = pushed["blobs"].as_array().expect("blobs");
        blobs.iter().find(|blob| blob["digest"] == *digest).expect("it is told")["outcome"].clone()
    };
    assert_eq!(outcome(&manifest["layers"][0]["digest"]), "exists");
}

/// Sent, skipped, mounted.
fn bytes(pushed: &Value) -> (u64, u64, u64) {
    let bytes = |name: &str| pushed[name].as_u64().unwrap_or_else(|| panic!("{name}: {pushed}"));
    (bytes("bytes_sent"), bytes("bytes_skipped"), bytes("bytes_mounted"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_of_a_docker_archive_gets_both_of_its_tags() {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("api.tar");
    docker_archive(&archive, "api:v1", &["/note"], &[layer(&[("note", b"one")])]);
    let config = folder.path().join("landfall.yml");
    let text = format!(
        "version: 1\nregion: us-east-1\ncluster: demo\nservices:\n  api:\n    service: api\n    containers:\n      web:\n        image:\n          from: 'docker-archive:{}'\n          to: ['{HOST}/api:v1', '{HOST}/api:latest']\n",
        archive.display()
    );
    std::fs::write(&config, text).expect("written");
    let config = config.to_str().expect("UTF-8");
    let ecr = Ecr::start(&["--config", config]);
    let deploy = || ecr.landfall(&["deploy", "--config", config, "--output", "json"]).run();
    let report = deploy().expect_code(0).report();
    assert_eq!(report["verdict"], "succeeded", "{report}");
    let digest = report["services"][0]["image_digest"].clone();
    assert_eq!(ecr.tags("api", &digest).await, ["latest", "v1"]);
    let again = deploy().expect_code(0).report();
    assert_eq!(again["verdict"], "unchanged", "{again}");
    assert_eq!(again["services"][0]["image_digest"], digest);
}
