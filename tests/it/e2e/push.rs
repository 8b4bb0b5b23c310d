//! `landfall push` from every source to Distribution behind Basic authentication, and to ministack's ECR; then
//! skopeo and the Docker engine pull what has arrived.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ministack::Ministack;
use super::{docker, docker_command, docker_with, part, unique};
use crate::images::{Layout, OCI_INDEX, OCI_MANIFEST, digest_of, docker_archive, layer};
use crate::proxy::Proxy;
use crate::support::{Landfall, Ran, pushes};

const ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// An image in the Docker engine, and in files: busybox and some text, four layers of which two are the same.
/// Nothing of it is in any other image, so that no one can do without pulling it.
struct Sample {
    folder: tempfile::TempDir,
    /// `NAME:v1` in the engine.
    name: String,
    /// The digest of its configuration.
    id: String,
    /// What it prints.
    says: String,
    /// In the registry.
    repository: String,
}

impl Sample {
    fn new(name: &str) -> Self {
        let sample = Self::without_engine(name);
        docker(&["load", "-i", &sample.path("image.tar")]);
        sample
    }

    fn without_engine(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = unique(name);
        let (name, says) = (format!("{repository}:v1"), format!("this is {repository}\n"));
        let twice = layer(&[("twice", says.as_bytes())]);
        let layers = [
            layer(&[("bin/busybox", &busybox()), ("id", says.as_bytes())]),
            twice.clone(),
            layer(&[("says", says.as_bytes())]),
            twice,
        ];
        let entrypoint = ["/bin/busybox", "cat", "/says"];
        let id = docker_archive(&folder.path().join("image.tar"), &name, &entrypoint, &layers);
        let login =
            format!("{}:{}", part("LANDFALL_E2E_REGISTRY_USER"), part("LANDFALL_E2E_REGISTRY_PASSWORD"));
        let login = json!({"auth": STANDARD.encode(login)});
        let logins = json!({"auths": {registry(): login, localhost(): login}});
        std::fs::write(folder.path().join("config.json"), logins.to_string()).expect("written");
        Self { folder, name, id, says, repository }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// What the engine itself makes of it.
    fn saved(&self) -> String {
        let path = self.path("saved.tar");
        docker(&["save", "-o", &path, &self.name]);
        path
    }

    /// As an OCI layout or archive, made by skopeo.
    fn oci(&self, kind: &str) -> String {
        let to = format!("{kind}:{}", self.path(kind));
        skopeo(&["copy", &format!("docker-archive:{}", self.path("image.tar")), &to]);
        to
    }

    fn target(&self) -> String {
        format!("{}/{}:v1", registry(), self.repository)
    }

    fn landfall(&self, from: &str, to: &str, more: &[&str]) -> Landfall {
        let args = [&["push", "--from", from, "--to", to, "--output", "json"], more].concat();
        Landfall::new(&args)
            .env("DOCKER_CONFIG", self.folder.path().to_str().expect("UTF-8"))
            .env("DOCKER_HOST", &part("LANDFALL_E2E_DOCKER_HOST"))
            // One each: what a push remembers of places to mount from would make the next one send less.
            .env("LANDFALL_CACHE_DIR", &self.path(&unique("cache")))
    }

    fn push(&self, from: &str) -> Value {
        pushed(&self.landfall(from, &self.target(), &[]).run())
    }

    /// Pulls with skopeo what a push has reported, and checks all of it; its layers, lowest first.
    fn check(&self, pushed: &Value) -> Vec<Value> {
        let reference = pushed["reference"].as_str().expect("a reference");
        let pulled = self.folder.path().join(unique("pulled"));
        skopeo(&[
            "copy",
            "--preserve-digests",
            "--src-tls-verify=false",
            "--src-authfile",
            &self.path("config.json"),
            &format!("docker://{reference}"),
            &format!("dir:{}", pulled.display()),
        ]);
        let manifest = std::fs::read(pulled.join("manifest.json")).expect("a manifest");
        assert_eq!(pushed["digest"], digest_of(&manifest));
        assert_eq!(pushed["manifest_size"], manifest.len());
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        assert_eq!(manifest["mediaType"], pushed["media_type"]);
        let config = blob(&pulled, &manifest["config"]);
        let config: Value = serde_json::from_slice(&config).expect("JSON");
        let layers = manifest["layers"].as_array().expect("layers");
        let diff_ids: Vec<String> =
            layers.iter().map(|layer| digest_of(&uncompressed(&blob(&pulled, layer)))).collect();
        assert_eq!(json!(diff_ids), config["rootfs"]["diff_ids"]);
        assert_eq!(layers.len(), 4, "{manifest}");
        assert_eq!(layers[1], layers[3], "{manifest}");
        // Each blob is told once: three layers and the configuration.
        assert_eq!(pushed["blobs"].as_array().map(Vec::len), Some(4), "{pushed}");
        layers.clone()
    }

    /// The configuration is the one that the image was made of, byte for byte: pulled again, it has the same id.
    fn check_id(&self, pushed: &Value) {
        let digest = pushed["digest"].as_str().expect("a digest");
        let manifest = skopeo(&[
            "inspect",
            "--raw",
            "--tls-verify=false",
            "--authfile",
            &self.path("config.json"),
            &format!("docker://{}/{}@{digest}", registry(), self.repository),
        ]);
        let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
        assert_eq!(manifest["config"]["digest"], self.id);
    }

    /// Pulls with the engine what a push has reported, and runs it; its id there.
    fn run(&self, pushed: &Value) -> String {
        let reference = pushed["reference"].as_str().expect("a reference");
        docker_with(self.folder.path(), &["pull", reference]);
        assert_eq!(docker(&["run", "--rm", "--network", "none", reference]), self.says);
        docker(&["image", "inspect", "-f", "{{.Id}}", reference]).trim().to_owned()
    }

    /// Takes it out of the engine, so that it has to be pulled.
    fn forget(&self) {
        docker(&["image", "rm", &self.name]);
    }
}

fn registry() -> String {
    part("LANDFALL_E2E_REGISTRY")
}

/// The same registry by another name, which is another registry as far as a client can tell.
fn localhost() -> String {
    registry().replace("127.0.0.1", "localhost")
}

fn busybox() -> Vec<u8> {
    let found = std::env::split_paths(&std::env::var_os("PATH").expect("a PATH"))
        .map(|folder| folder.join("busybox"))
        .find(|file| file.is_file());
    std::fs::read(found.expect("`scripts/parts up` installs busybox")).expect("busybox")
}

fn skopeo(args: &[&str]) -> Vec<u8> {
    let output = Command::new("skopeo").arg("--insecure-policy").args(args).output().expect("skopeo runs");
    assert!(output.status.success(), "skopeo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[track_caller]
fn pushed(ran: &Ran) -> Value {
    assert_eq!(ran.code(), 0, "{}", ran.all());
    let mut pushes = pushes(&ran.report());
    assert_eq!(pushes.len(), 1, "{}", ran.all());
    pushes.remove(0)
}

/// A file of what skopeo calls `dir:`, checked against its descriptor.
fn blob(pulled: &Path, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().expect("a digest");
    let bytes = std::fs::read(pulled.join(&digest["sha256:".len()..])).expect("a blob");
    assert_eq!(digest_of(&bytes), digest);
    assert_eq!(descriptor["size"], bytes.len());
    bytes
}

fn uncompressed(layer: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    if layer.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        zstd::stream::copy_decode(layer, &mut plain).expect("zstd");
    } else {
        flate2::read::MultiGzDecoder::new(layer).read_to_end(&mut plain).expect("gzip");
    }
    plain
}

fn outcomes(pushed: &Value) -> Vec<&str> {
    let blobs = pushed["blobs"].as_array().expect("blobs");
    let mut outcomes: Vec<&str> =
        blobs.iter().map(|blob| blob["outcome"].as_str().expect("an outcome")).collect();
    outcomes.dedup();
    outcomes
}

#[test]
fn an_image_of_the_engine_comes_back_as_it_was() {
    let sample = Sample::new("of-engine");
    let pushed = sample.push(&format!("docker:{}", sample.name));
    assert_eq!(pushed["media_type"], OCI_MANIFEST);
    sample.check(&pushed);
    sample.check_id(&pushed);
    sample.forget();
    assert_eq!(sample.run(&pushed), sample.id);
}

#[test]
fn what_docker_saves_is_pushed_in_every_form_with_one_digest() {
    let sample = Sample::new("saved");
    let saved = sample.saved();
    let compressed = sample.path("saved.tar.gz");
    let mut gzip = flate2::write::GzEncoder::new(
        File::create(&compressed).expect("a file"),
        flate2::Compression::fast(),
    );
    gzip.write_all(&std::fs::read(&saved).expect("the archive")).expect("written");
    gzip.finish().expect("written");

    let plain = sample.push(&format!("docker-archive:{saved}"));
    assert_eq!(outcomes(&plain), ["uploaded"], "{plain}");
    sample.check(&plain);
    sample.check_id(&plain);
    // The same image in other wrappings, each to a repository that has nothing of it.
    let elsewhere = |number: u8| format!("{}/{}-{number}:v1", registry(), sample.repository);
    let gzipped = pushed(&sample.landfall(&format!("docker-archive:{compressed}"), &elsewhere(1), &[]).run());
    let engine = pushed(&sample.landfall(&format!("docker:{}", sample.name), &elsewhere(2), &[]).run());
    let mut saving = docker_command(sample.folder.path(), &["save", &sample.name])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the docker client runs");
    let pipe = saving.stdout.take().expect("a pipe");
    let piped = pushed(&sample.landfall("-", &elsewhere(3), &[]).stdin(pipe.into()).run());
    assert!(saving.wait().expect("docker save ends").success());
    for other in [&gzipped, &engine, &piped] {
        assert_eq!(other["digest"], plain["digest"], "{other}");
        assert_eq!(outcomes(other), ["uploaded"], "{other}");
        sample.check(other);
    }
    sample.forget();
    assert_eq!(sample.run(&piped), sample.id);
}

#[test]
fn what_skopeo_writes_as_oci_keeps_its_digest() {
    let sample = Sample::without_engine("of-oci");
    for kind in ["oci", "oci-archive"] {
        let from = sample.oci(kind);
        let original = skopeo(&["inspect", "--raw", &from]);
        let target = format!("{}/{}-{kind}:v1", registry(), sample.repository);
        let pushed = pushed(&sample.landfall(&from, &target, &[]).run());
        assert_eq!(pushed["digest"], digest_of(&original), "{kind}");
        assert_eq!(outcomes(&pushed), ["uploaded"], "{pushed}");
        sample.check(&pushed);
        sample.run(&pushed);
        docker(&["image", "rm", pushed["reference"].as_str().expect("a reference")]);
    }
    let archive = File::open(sample.path("oci-archive")).expect("the archive");
    let target = format!("{}/{}-piped:v1", registry(), sample.repository);
    let piped = pushed(&sample.landfall("-", &target, &[]).stdin(archive.into()).run());
    let original = skopeo(&["inspect", "--raw", &format!("oci-archive:{}", sample.path("oci-archive"))]);
    assert_eq!(piped["digest"], digest_of(&original));
    sample.check(&piped);
}

#[test]
fn an_image_of_a_registry_is_mounted_where_it_can_be_and_streamed_where_not() {
    let sample = Sample::without_engine("of-registry");
    let first = sample.push(&format!("docker-archive:{}", sample.path("image.tar")));
    let repository = &sample.repository;
    let beside = format!("{}/{repository}-beside:v1", registry());
    let mounted = pushed(&sample.landfall(&format!("registry:{}", sample.target()), &beside, &[]).run());
    assert_eq!(mounted["digest"], first["digest"]);
    assert_eq!(outcomes(&mounted), ["mounted"], "{mounted}");
    assert_eq!(mounted["bytes_sent"], 0);
    assert_eq!(mounted["bytes_mounted"], first["bytes_sent"]);
    sample.check(&mounted);

    let from = format!("registry:{}/{repository}:v1", localhost());
    let far = format!("{}/{repository}-far:v1", registry());
    let streamed = pushed(&sample.landfall(&from, &far, &[]).run());
    assert_eq!(streamed["digest"], first["digest"]);
    assert_eq!(outcomes(&streamed), ["uploaded"], "{streamed}");
    assert_eq!(streamed["bytes_sent"], first["bytes_sent"]);
    sample.check(&streamed);
    assert_eq!(sample.run(&streamed), sample.id);
}

/// skopeo reads zstd. Docker's engine does from 23.0 on, so that it is not asked here: the parts' is 20.10.
#[test]
fn layers_can_be_zstd() {
    let sample = Sample::new("zstd");
    let repository = &sample.repository;
    for (number, from) in
        [format!("docker:{}", sample.name), format!("docker-archive:{}", sample.path("image.tar"))]
            .iter()
            .enumerate()
    {
        let target = format!("{}/{repository}-{number}:v1", registry());
        let pushed = pushed(&sample.landfall(from, &target, &["--compression", "zstd"]).run());
        let layers = sample.check(&pushed);
        assert!(layers.iter().all(|layer| layer["mediaType"] == ZSTD_LAYER), "{layers:?}");
    }
}

/// Asks the registry for a manifest: its bytes.
async fn manifest(repository: &str, reference: &str) -> Vec<u8> {
    let answer = reqwest::Client::new()
        .get(format!("http://{}/v2/{repository}/manifests/{reference}", registry()))
        .basic_auth(part("LANDFALL_E2E_REGISTRY_USER"), Some(part("LANDFALL_E2E_REGISTRY_PASSWORD")))
        .header("accept", format!("{OCI_INDEX}, {OCI_MANIFEST}"))
        .send()
        .await
        .expect("Distribution answers");
    assert!(answer.status().is_success(), "{repository} {reference}: {}", answer.status());
    answer.bytes().await.expect("a body").to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_keeps_its_platforms_and_its_attestation() {
    let sample = Sample::without_engine("index");
    let layout = Layout::new(PathBuf::from(sample.path("index")));
    let images = ["amd64", "arm64"].map(|architecture| {
        layout
            .image(architecture, &[layer(&[("note", format!("{architecture} {}", sample.says).as_bytes())])])
    });
    let attestation = layout.attestation(&images[0]);
    let children = [&images[..], &[attestation]].concat();
    let top = layout.index(&children);
    layout.finish(&top);
    let digest = top["digest"].as_str().expect("a digest");

    let copies = [
        (layout.source(), sample.repository.clone()),
        (format!("registry:{}", sample.target()), format!("{}-beside", sample.repository)),
        (format!("registry:{}/{}:v1", localhost(), sample.repository), format!("{}-far", sample.repository)),
    ];
    for (from, repository) in copies {
        let target = format!("{}/{repository}:v1", registry());
        let pushed = {
            let landfall = sample.landfall(&from, &target, &[]);
            pushed(&tokio::task::spawn_blocking(move || landfall.run()).await.expect("landfall ran"))
        };
        assert_eq!(pushed["digest"], top["digest"], "{from}");
        assert_eq!(pushed["media_type"], OCI_INDEX, "{from}");
        assert_eq!(manifest(&repository, "v1").await, layout.read(digest), "{from}");
        for child in &children {
            let digest = child["digest"].as_str().expect("a digest");
            assert_eq!(manifest(&repository, digest).await, layout.read(digest), "{from}");
        }
        // Everything that the children name can be pulled: the attestation's statement too.
        let pulled = sample.path(&unique("index"));
        skopeo(&[
            "copy",
            "--all",
            "--preserve-digests",
            "--src-tls-verify=false",
            "--src-authfile",
            &sample.path("config.json"),
            &format!("docker://{target}"),
            &format!("dir:{pulled}"),
        ]);
        for child in &children {
            let manifest = layout.read(child["digest"].as_str().expect("a digest"));
            let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
            for descriptor in
                manifest["layers"].as_array().expect("layers").iter().chain([&manifest["config"]])
            {
                blob(Path::new(&pulled), descriptor);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ministacks_ecr_takes_an_image_and_the_engine_gets_it_back() {
    let sample = Sample::new("to-ecr");
    let ministack = Ministack::connect();
    ministack.create_repository(&sample.repository).await;
    let target = format!("{}/{}:v1", ministack.registry(), sample.repository);
    let landfall =
        sample.landfall(&format!("docker:{}", sample.name), &target, &[]).envs(&ministack.environment());
    let ran = tokio::task::spawn_blocking(move || landfall.run()).await.expect("landfall ran");
    let pushed = pushed(&ran);
    assert_eq!(pushed["outcome"], "uploaded");
    tokio::task::spawn_blocking(move || {
        sample.forget();
        assert_eq!(sample.run(&pushed), sample.id);
    })
    .await
    .expect("it ran");
}

/// How often images have been exported.
fn exports(engine: &Proxy) -> usize {
    engine
        .requests()
        .iter()
        .filter(|request| request.starts_with("GET /images/") && request.ends_with("/get"))
        .count()
}

#[test]
fn a_warm_push_does_not_export_the_image_again() {
    let sample = Sample::new("warm");
    let socket = part("LANDFALL_E2E_DOCKER_HOST");
    let engine = Proxy::to_socket(socket.strip_prefix("unix://").expect("a socket"));
    let from = format!("docker:{}", sample.name);
    let push = |tag: &str, more: &[&str]| {
        let target = format!("{}/{}:{tag}", registry(), sample.repository);
        sample
            .landfall(&from, &target, more)
            .env("DOCKER_HOST", &format!("tcp://{}", engine.address))
            .env("LANDFALL_CACHE_DIR", &sample.path("cache"))
            // The engine's own files can be read here, which would leave nothing to export.
            .env("LANDFALL_ENGINE_STORE", "never")
            .run()
            .expect_code(0)
    };
    let packed = |ran: &Ran| ran.events().iter().filter(|event| event["event"] == "layer_packed").count();

    let cold = push("v1", &[]);
    assert_eq!(exports(&engine), 1, "{:?}", engine.requests());
    assert_eq!(packed(&cold), 3, "{}", cold.all());
    let cold = pushed(&cold);
    assert_eq!(outcomes(&cold), ["uploaded"], "{cold}");

    // Under the same tag nothing is left to do, under another one only the manifest.
    for (tag, outcome) in [("v1", "exists"), ("v2", "uploaded")] {
        let warm = push(tag, &[]);
        assert_eq!(exports(&engine), 1, "{tag}: {:?}", engine.requests());
        assert_eq!(packed(&warm), 0, "{}", warm.all());
        let warm = pushed(&warm);
        assert_eq!(warm["digest"], cold["digest"]);
        assert_eq!(warm["bytes_sent"], 0);
        assert_eq!(warm["outcome"], outcome, "{tag}: {warm}");
    }

    let uncached = push("v1", &["--no-cache"]);
    assert_eq!(exports(&engine), 2, "{:?}", engine.requests());
    assert_eq!(packed(&uncached), 3, "{}", uncached.all());
    let uncached = pushed(&uncached);
    assert_eq!(uncached["digest"], cold["digest"]);
    assert_eq!(uncached["bytes_sent"], 0, "{uncached}");
    assert_eq!(uncached["outcome"], "exists", "{uncached}");
}
