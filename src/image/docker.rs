//! Exports an image from a Docker engine, or from podman's service, over its HTTP API.
//!
//! Two requests are all it takes, both without a version in their path: an engine then answers with its own,
//! so that engines of any age serve.

use std::error::Error as StdError;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;

use super::archive::{self, no_room};
use super::docker_host::DockerHost;
use super::open::OpenImage;
use super::source::DockerOptions;
use crate::error::{Error, ErrorKind, Result};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// An engine may collect a large image for minutes before its first byte.
const SILENCE_LIMIT: Duration = Duration::from_secs(300);
/// The disk gets pieces of this many bytes.
const WRITE_BUFFER: usize = 1024 * 1024;

/// Exports `name` into a temporary file and makes it ready to be pushed.
///
/// # Errors
///
/// Usage for a `DOCKER_HOST` of a kind that is not supported; Preflight when the engine cannot be reached, does
/// not have the image, or breaks off.
pub(super) async fn open(name: &str, options: &DockerOptions, source: String) -> Result<OpenImage> {
    let engine = Engine::new(options)?;
    engine.check_image(name).await?;
    let scratch = tempfile::Builder::new().prefix("landfall-image-").tempdir().map_err(|error| {
        Error::internal("cannot create a temporary directory")
            .hint("set TMPDIR to a directory that can be written")
            .source(error)
    })?;
    let archive = scratch.path().join("archive.tar");
    engine.export(name, &archive).await?;
    archive::convert(archive, name, source, scratch).await
}

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

    async fn check_image(&self, name: &str) -> Result<()> {
        let answer = self.get(&format!("/images/{name}/json")).await?;
        match answer.status() {
            StatusCode::OK => Ok(()),
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

    async fn export(&self, name: &str, to: &Path) -> Result<()> {
        let mut answer = self.get(&format!("/images/{name}/get")).await?;
        if !answer.status().is_success() {
            return Err(self.refused(name, answer).await);
        }
        let file = tokio::fs::File::create_new(to).await.map_err(|error| no_room(to, error))?;
        let mut file = tokio::io::BufWriter::with_capacity(WRITE_BUFFER, file);
        loop {
            let chunk = answer.chunk().await.map_err(|error| {
                Error::new(
                    ErrorKind::Preflight,
                    format!("the Docker engine at {} broke off while it exported `{name}`", self.host),
                )
                .hint("run again; if it happens each time, the engine's own log says why")
                .source(error.without_url())
            })?;
            let Some(chunk) = chunk else { break };
            file.write_all(&chunk).await.map_err(|error| no_room(to, error))?;
        }
        file.flush().await.map_err(|error| no_room(to, error))
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
mod tests {
    use super::*;
    use crate::image::archive::tests::legacy;
    use crate::image::registry::fake::{Fake, Reply};

    async fn open_from(export: Reply) -> Result<OpenImage> {
        let engine = Fake::start(move |request| match request.path.as_str() {
            "/images/app:v1/json" => Reply::new(200).body("{}"),
            "/images/app:v1/get" => export.clone(),
            _ => Reply::new(404).body(r#"{"message":"No such image"}"#),
        })
        .await;
        let options = DockerOptions {
            host: Some(engine.endpoint.replace("http://", "tcp://")),
            ..DockerOptions::default()
        };
        let missing = open("nope", &options, String::new()).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Preflight);
        assert!(missing.hint_text().unwrap().contains("docker build -t nope"));
        open("app:v1", &options, "docker:app:v1".to_owned()).await
    }

    #[tokio::test]
    async fn an_export_becomes_an_image() {
        let image = open_from(Reply::new(200).body(legacy())).await.unwrap();
        assert_eq!((image.blobs().len(), image.source()), (3, "docker:app:v1"));
    }

    #[tokio::test]
    async fn an_export_that_breaks_off_or_is_refused_is_an_error() {
        let cut = Reply::new(200).body(&legacy()[..4000]).short();
        let refused = Reply::new(500).body(r#"{"message":"no space left on device"}"#);
        for (reply, expected) in [(cut, "broke off"), (refused, "no space left on device")] {
            let error = open_from(reply).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Preflight);
            assert!(error.to_string().contains(expected) && error.hint_text().is_some(), "{error}");
        }
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_named_with_docker_host() {
        for (host, kind) in [
            ("unix:///nonexistent/docker.sock", ErrorKind::Preflight),
            ("ssh://user@host", ErrorKind::Usage),
            ("/var/run/docker.sock", ErrorKind::Usage),
        ] {
            let options = DockerOptions { host: Some(host.to_owned()), ..DockerOptions::default() };
            let error = open("app", &options, String::new()).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(host), "{error}");
            let all = format!("{error} {}", error.hint_text().unwrap());
            assert!(all.contains("DOCKER_HOST"), "{all}");
        }
    }
}
