//! [`DockerHost`]: which engine is meant, found in the way of the `docker` command.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, Client, ClientBuilder, Identity, Url};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::digest;
use super::docker_config::current_context;
use super::source::DockerOptions;
use crate::error::{Error, Result};

const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// podman's service, as root and below `XDG_RUNTIME_DIR`.
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";
const PODMAN_ROOTLESS: &str = "podman/podman.sock";
/// The context that is none: `DOCKER_HOST` or the default socket.
const NO_CONTEXT: &str = "default";

/// Where an engine listens, and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DockerHost {
    /// As it was written: `unix:///var/run/docker.sock`.
    written: String,
    said_by: SaidBy,
    address: Address,
    tls: Option<Tls>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum SaidBy {
    DockerHost,
    Context(String),
    Default,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Address {
    Socket(PathBuf),
    /// `http` or `https`.
    Http(Url),
}

/// What a TLS connection takes beyond the system's certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tls {
    /// May have `ca.pem`, and `cert.pem` with `key.pem`.
    folder: Option<PathBuf>,
    verify: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    endpoints: Endpoints,
}

#[derive(Deserialize)]
struct Endpoints {
    docker: Endpoint,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

impl fmt::Display for DockerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said_by {
            SaidBy::Context(name) => write!(f, "{} (context `{name}`)", self.written),
            _ => f.write_str(&self.written),
        }
    }
}

impl fmt::Display for SaidBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DockerHost => f.write_str("DOCKER_HOST"),
            Self::Context(name) => write!(f, "the address of the Docker context `{name}`"),
            Self::Default => f.write_str("the default socket"),
        }
    }
}

impl DockerHost {
    /// `DOCKER_HOST`, else the context (`DOCKER_CONTEXT`, else the current one of `config.json`), else the first
    /// default socket that exists.
    ///
    /// # Errors
    ///
    /// Usage: the address is of a kind that is not supported, or the context cannot be read.
    pub(super) fn resolve(options: &DockerOptions) -> Result<Self> {
        Self::resolve_among(options, &|socket| socket.exists())
    }

    fn resolve_among(options: &DockerOptions, exists: &dyn Fn(&Path) -> bool) -> Result<Self> {
        if let Some(host) = options.host.as_deref().filter(|host| !host.is_empty()) {
            return Self::parse(host, SaidBy::DockerHost, tls_of_environment(options)?);
        }
        let folder = options.config_folder.as_deref();
        let context = match options.context.clone().filter(|name| !name.is_empty()) {
            Some(name) => Some(name),
            None => folder.map(|folder| current_context(&folder.join("config.json"))).transpose()?.flatten(),
        };
        if let Some(name) = context.filter(|name| name != NO_CONTEXT) {
            return Self::of_context(name, folder);
        }
        let rootless = options.runtime_dir.as_ref().map(|folder| folder.join(PODMAN_ROOTLESS));
        let candidates = [Some(DOCKER_SOCKET.into()), rootless, Some(PODMAN_SOCKET.into())];
        let socket = candidates.into_iter().flatten().find(|socket| exists(socket));
        let socket = socket.unwrap_or_else(|| DOCKER_SOCKET.into());
        Ok(Self {
            written: format!("unix://{}", socket.display()),
            said_by: SaidBy::Default,
            address: Address::Socket(socket),
            tls: None,
        })
    }

    fn of_context(name: String, folder: Option<&Path>) -> Result<Self> {
        let missing = || {
            Error::usage(format!("there is no Docker context `{name}`")).hint(
                "`docker context ls` lists what there is; choose one with DOCKER_CONTEXT or `docker context use`, \
                 or set DOCKER_HOST",
            )
        };
        let contexts = folder.ok_or_else(missing)?.join("contexts");
        let hash = digest::of(name.as_bytes());
        let id = digest::hex_part(&hash).unwrap_or_default();
        let file = contexts.join("meta").join(id).join("meta.json");
        let broken = |what: &str| {
            Error::usage(format!("the Docker context `{name}` {what} ({})", file.display()))
                .hint(format!("see `docker context inspect {name}`, or set DOCKER_HOST"))
        };
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
            Err(error) => return Err(broken("cannot be read").source(error)),
        };
        let meta: Meta =
            serde_json::from_slice(&bytes).map_err(|error| broken("names no engine").source(error))?;
        let Endpoint { host, skip_tls_verify } = meta.endpoints.docker;
        let material = contexts.join("tls").join(id).join("docker");
        let material = material.is_dir().then_some(material);
        let tls = (material.is_some() || skip_tls_verify)
            .then_some(Tls { folder: material, verify: !skip_tls_verify });
        Self::parse(&host, SaidBy::Context(name), tls)
    }

    fn parse(written: &str, said_by: SaidBy, tls: Option<Tls>) -> Result<Self> {
        let refused = |hint: String| {
            Err(Error::usage(format!("{said_by} is `{written}`, and that cannot be used")).hint(hint))
        };
        let plain = "set DOCKER_HOST to `unix://PATH`, `tcp://HOST:PORT` or `https://HOST:PORT`";
        let (scheme, rest) = written.split_once("://").unwrap_or(("", written));
        let (address, tls) = match scheme {
            "unix" if cfg!(unix) && rest.starts_with('/') => (Address::Socket(rest.into()), None),
            "tcp" | "http" | "https" => {
                let encrypted = scheme == "https" || scheme == "tcp" && tls.is_some();
                let web = if encrypted { "https" } else { "http" };
                let url = Url::parse(&format!("{web}://{rest}"));
                let Ok(mut url) = url.or(Err(())) else { return refused(plain.to_owned()) };
                // `docker` knows these ports by heart.
                if scheme == "tcp" && !has_port(rest) {
                    // An http URL takes any port.
                    let _ = url.set_port(Some(if encrypted { 2376 } else { 2375 }));
                }
                let none = Tls { folder: None, verify: true };
                (Address::Http(url), encrypted.then(|| tls.unwrap_or(none)))
            }
            "ssh" => {
                return refused(format!(
                    "forward the engine's socket yourself: `ssh -nNT -L /tmp/docker.sock:{DOCKER_SOCKET} {}`, and \
                     set DOCKER_HOST=unix:///tmp/docker.sock",
                    rest.trim_end_matches('/')
                ));
            }
            "npipe" => {
                return refused(
                    "a named pipe cannot be reached from here; expose the engine on a socket or port, and set \
                     DOCKER_HOST to `unix://PATH` or `tcp://HOST:PORT`"
                        .to_owned(),
                );
            }
            _ => return refused(plain.to_owned()),
        };
        Ok(Self { written: written.to_owned(), said_by, address, tls })
    }

    fn is_https(&self) -> bool {
        matches!(&self.address, Address::Http(url) if url.scheme() == "https")
    }

    /// A client for this engine, and what its URLs begin with.
    ///
    /// # Errors
    ///
    /// Usage when the TLS material cannot be read or used.
    pub(super) fn connect(&self, builder: ClientBuilder) -> Result<(Client, String)> {
        let mut builder = builder.no_proxy();
        builder = match &self.tls {
            Some(tls) => tls.apply(builder)?,
            // Reading the machine's certificates takes longer than all that is asked of an engine at hand.
            None if !self.is_https() => builder.tls_certs_only([]),
            None => builder,
        };
        let base = match &self.address {
            #[cfg(unix)]
            Address::Socket(path) => {
                builder = builder.unix_socket(path.clone());
                "http://docker".to_owned()
            }
            #[cfg(not(unix))]
            Address::Socket(_) => "http://docker".to_owned(),
            Address::Http(url) => url.as_str().trim_end_matches('/').to_owned(),
        };
        let client = builder.build().map_err(|error| {
            Error::internal(format!("cannot set up a client for the Docker engine at {self}")).source(error)
        })?;
        Ok((client, base))
    }
}

/// Whether `host:port/path` has a port.
fn has_port(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let after_address = authority.rsplit(']').next().unwrap_or_default();
    after_address.contains(':')
}

/// `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`.
fn tls_of_environment(options: &DockerOptions) -> Result<Option<Tls>> {
    if !options.tls_verify {
        return Ok(None);
    }
    if let Some(folder) = options.cert_path.as_ref().filter(|folder| !folder.is_dir()) {
        return Err(Error::usage(format!("DOCKER_CERT_PATH is {}, which is no directory", folder.display()))
            .hint(
                "point it to the directory with ca.pem, cert.pem and key.pem, or unset DOCKER_TLS_VERIFY",
            ));
    }
    let folder = options.cert_path.clone().or_else(|| options.config_folder.clone());
    Ok(Some(Tls { folder, verify: true }))
}

impl Tls {
    fn apply(&self, mut builder: ClientBuilder) -> Result<ClientBuilder> {
        if !self.verify {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some((file, pem)) = self.read("ca.pem")? {
            let authorities =
                Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&file).source(error))?;
            // Who names an authority for the engine means this one alone.
            if self.verify {
                builder = builder.tls_certs_only(authorities);
            }
        }
        match (self.read("cert.pem")?, self.read("key.pem")?) {
            (Some((file, cert)), Some((_, key))) => {
                let both = Zeroizing::new([&key[..], b"\n", &cert[..]].concat());
                let identity = Identity::from_pem(&both).map_err(|error| unusable(&file).source(error))?;
                Ok(builder.identity(identity))
            }
            (None, None) => Ok(builder),
            (Some((file, _)), None) => {
                Err(unusable(&file).hint("put key.pem beside it, or take cert.pem away"))
            }
            (None, Some((file, _))) => {
                Err(unusable(&file).hint("put cert.pem beside it, or take key.pem away"))
            }
        }
    }

    /// A file of the folder; `None` when it does not exist.
    fn read(&self, name: &str) -> Result<Option<(PathBuf, Zeroizing<Vec<u8>>)>> {
        let Some(file) = self.folder.as_ref().map(|folder| folder.join(name)) else { return Ok(None) };
        match std::fs::read(&file) {
            Ok(bytes) => Ok(Some((file, Zeroizing::new(bytes)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::usage(format!("cannot read {}", file.display()))
                .hint("make it readable; it is what the Docker engine is spoken to with")
                .source(error)),
        }
    }
}

fn unusable(file: &Path) -> Error {
    Error::usage(format!("{} cannot be used to speak to the Docker engine", file.display()))
        .hint("have ca.pem, cert.pem and key.pem in this directory, in PEM form, as for the `docker` command")
}

#[cfg(test)]
#[path = "docker_host_tests.rs"]
mod tests;
