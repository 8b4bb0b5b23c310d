//! Takes an image from a Docker engine, or from podman's service, over its HTTP API.
//!
//! Two requests are all it takes, both without a version in their path: an engine then answers with its own,
//! so that engines of any age serve. An engine can only export an image whole, so what it sends is packed while it
//! arrives, and layers that the registry has are passed over.

use std::error::Error as StdError;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::cache::Cache;
use super::docker_host::DockerHost;
use super::document::Platform;
use super::engine_store::{EngineStore, GraphDriver};
use super::export::{Ingest, Layers};
use super::open::{Form, OpenImage, OpenOptions, Variant, blocking, scratch};
use super::pack::{Packed, Packer};
use super::progress::Progress;
use super::slice::Coding;
use super::source::DockerOptions;
use super::unpacked::{Origin, Outcome, Unpacked};
use crate::error::{Error, ErrorKind, Result};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// An engine may collect a large image for minutes before its first byte.
const SILENCE_LIMIT: Duration = Duration::from_secs(300);

/// Looks at an image; its layers stay in the engine.
///
/// # Errors
///
/// Usage for a `DOCKER_HOST` of a kind that is not supported; Preflight when the engine cannot be reached or does
/// not have the image.
pub(super) async fn open(name: &str, options: &OpenOptions, source: String) -> Result<OpenImage> {
    let engine = Engine::new(&options.docker)?;
    let Inspected { id, platform, root_fs, graph_driver, size } = engine.inspect(name).await?;
    let diff_ids = root_fs.layers;
    let store = EngineStore::of(&graph_driver).filter(|_| !options.docker.never_read_store);
    let export = Export { engine, name: name.to_owned(), source: source.clone(), store };
    let origin = Origin::Engine(Box::new(export));
    let unpacked = Unpacked::new(source.clone(), id, diff_ids, None, origin, options);
    Ok(OpenImage {
        source,
        form: Form::Unpacked(Box::new(unpacked)),
        variants: vec![Variant { platform: platform.name().unwrap_or_default(), size }],
        notes: Vec::new(),
        scratch: Some(scratch()?),
        cache: Cache::disabled(),
    })
}

/// What an engine says about an image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    #[serde(default)]
    id: String,
    #[serde(flatten)]
    platform: PlatformOfEngine,
    #[serde(default, rename = "RootFS")]
    root_fs: RootFs,
    #[serde(default)]
    graph_driver: GraphDriver,
    #[serde(default)]
    size: u64,
}

/// As in an image's configuration, but with capitals.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PlatformOfEngine {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

impl PlatformOfEngine {
    fn name(self) -> Option<String> {
        Platform { os: self.os, architecture: self.architecture, variant: self.variant }.name()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs {
    #[serde(default)]
    layers: Vec<String>,
}

/// The export of one image.
#[derive(Debug)]
pub(super) struct Export {
    engine: Engine,
    name: String,
    source: String,
    store: Option<EngineStore>,
}

impl Export {
    /// Where the engine keeps its images, if that can be read here.
    pub(super) fn store(&self) -> Option<&EngineStore> {
        self.store.as_ref()
    }

    /// Exports the image and packs what is wanted of it while it arrives; `None` stands for all.
    ///
    /// # Errors
    ///
    /// Preflight when the engine breaks off or the export is not what it should be; Internal when there is no room.
    pub(super) async fn pack(
        &self,
        diff_ids: &[String],
        wanted: Option<std::collections::HashSet<String>>,
        packer: Packer,
        progress: &Progress,
        done: &(dyn Fn(Packed, Coding) + Sync),
    ) -> Result<Outcome> {
        let (layers, mut ready) = tokio::sync::mpsc::unbounded_channel();
        let reading = async {
            let stream = self.engine.export(&self.name).await?;
            let reader = SyncIoBridge::new(StreamReader::new(stream));
            let ingest = Ingest {
                source: self.source.clone(),
                image: self.name.clone(),
                wanted: Layers::new(diff_ids, wanted),
                packer,
                progress: progress.clone(),
                out: layers,
            };
            let outcome = blocking(move || ingest.run(reader)).await;
            outcome.map_err(|error| self.engine.broke_off(&self.name, error))
        };
        let telling = async {
            while let Some((packed, coding)) = ready.recv().await {
                done(packed, coding);
            }
        };
        let (outcome, ()) = tokio::join!(reading, telling);
        outcome
    }
}

/// An answer that ended too early.
#[derive(Debug)]
struct Broken(reqwest::Error);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Broken {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// A Docker engine.
#[derive(Debug)]
struct Engine {
    client: Client,
    base: String,
    host: String,
}

impl Engine {
    fn new(options: &DockerOptions) -> Result<Self> {
        let host = DockerHost::resolve(options)?;
        let builder = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(SILENCE_LIMIT)
            .user_agent(super::registry::USER_AGENT);
        let (client, base) = host.connect(builder)?;
        Ok(Self { client, base, host: host.to_string() })
    }

    async fn inspect(&self, name: &str) -> Result<Inspected> {
        let answer = self.get(&format!("/images/{name}/json")).await?;
        match answer.status() {
            StatusCode::OK => {
                let malformed = |error| {
                    let what = format!("the engine at {} does not answer as Docker's API does", self.host);
                    Error::new(ErrorKind::Preflight, what)
                        .hint("see whether DOCKER_HOST leads to a Docker engine or to podman's service")
                        .source(error)
                };
                let text = answer.bytes().await.map_err(|error| {
                    Error::new(ErrorKind::Preflight, format!("the Docker engine at {} broke off", self.host))
                        .hint("run again")
                        .source(error.without_url())
                })?;
                serde_json::from_slice(&text).map_err(malformed)
            }
            StatusCode::NOT_FOUND => Err(Error::new(
                ErrorKind::Preflight,
                format!("the Docker engine at {} has no image `{name}`", self.host),
            )
            .hint(format!(
                "build it with `docker build -t {name} .`; `docker image ls` lists what there is"
            ))),
            _ => Err(self.refused(name, answer).await),
        }
    }

    /// The bytes of `docker save`.
    async fn export(
        &self,
        name: &str,
    ) -> Result<impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Unpin + use<>> {
        let answer = self.get(&format!("/images/{name}/get")).await?;
        if !answer.status().is_success() {
            return Err(self.refused(name, answer).await);
        }
        Ok(Box::pin(
            answer.bytes_stream().map_err(|error| std::io::Error::other(Broken(error.without_url()))),
        ))
    }

    /// Tells an engine that broke off from an export that is wrong in itself.
    fn broke_off(&self, name: &str, error: Error) -> Error {
        let mut cause = StdError::source(&error);
        while let Some(current) = cause {
            let inner = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            if inner.is_some_and(|inner| inner.is::<Broken>()) {
                return Error::new(
                    ErrorKind::Preflight,
                    format!("the Docker engine at {} broke off while it exported `{name}`", self.host),
                )
                .hint("run again; if it happens each time, the engine's own log says why")
                .source(error);
            }
            cause = current.source();
        }
        error
    }

    async fn get(&self, path: &str) -> Result<Response> {
        self.client.get(format!("{}{path}", self.base)).send().await.map_err(|error| {
            let hint = if is_denied(&error) {
                "add your user to the group `docker`, or set DOCKER_HOST to a socket that you may use"
            } else {
                "start the engine, or set DOCKER_HOST to its socket (`unix://PATH`) or address (`tcp://HOST:PORT`)"
            };
            Error::new(ErrorKind::Preflight, format!("cannot reach the Docker engine at {}", self.host))
                .hint(hint)
                .source(error.without_url())
        })
    }

    async fn refused(&self, name: &str, answer: Response) -> Error {
        #[derive(Deserialize)]
        struct Said {
            message: String,
        }
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        let said = serde_json::from_str::<Said>(&text).map_or(text, |said| said.message);
        Error::new(
            ErrorKind::Preflight,
            format!(
                "the Docker engine at {} cannot give the image `{name}`: {status}: {}",
                self.host,
                super::registry::printable(&said)
            ),
        )
        .hint(format!("see whether `docker save {name} -o image.tar` works"))
    }
}

fn is_denied(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::PermissionDenied
        {
            return true;
        }
        cause = current.source();
    }
    false
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
