//! Docker's `config.json` (and podman's `auth.json`, which has the same form): logins to registries, and which
//! engine is the current one.

mod helper;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::reference::DOCKER_HUB;
use super::registry::Credentials;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// What Docker calls Docker Hub in `config.json`, and to credential helpers.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// Where `docker login` and `podman login` leave what they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logins {
    /// Docker's `config.json`, podman's `auth.json`: the first that has a login counts. They need not exist.
    pub files: Vec<PathBuf>,
    /// `PATH`, where the programs `docker-credential-NAME` are looked for.
    pub search_path: Option<OsString>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: HashMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: HashMap<String, String>,
    current_context: Option<String>,
}

#[derive(Default, Deserialize)]
struct Entry {
    auth: Option<Secreted>,
    username: Option<String>,
    password: Option<Secreted>,
    identitytoken: Option<Secreted>,
}

/// A text that is a [`Secret`] from the parser on.
pub(super) struct Secreted(pub(super) Secret);

impl<'de> Deserialize<'de> for Secreted {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl Logins {
    /// The credentials for `repository` at `host`; `None` where there are none.
    ///
    /// In each file a helper for this host (`credHelpers`) is asked, or else the store of all (`credsStore`);
    /// where it has nothing, `auths` is read. Of several keys that fit, as podman writes them
    /// (`host/namespace`), the longest counts.
    ///
    /// # Errors
    ///
    /// Usage, naming the file: it cannot be read, the entry is damaged, or the helper is not installed. Registry,
    /// naming the helper, when it fails.
    pub async fn find(&self, host: &str, repository: &str) -> Result<Option<Credentials>> {
        for file in &self.files {
            let Some(config) = read(file)? else { continue };
            let own = most_specific(&config.cred_helpers, host, repository);
            let store = config.creds_store.as_ref().map(|name| (server_of(host), name));
            // An empty name for a host keeps it out of the store.
            let helper = own.map(|(key, name)| (server_name(key, host), name)).or(store);
            if let Some((server, name)) = helper.filter(|(_, name)| !name.is_empty())
                && let Some(found) = helper::get(name, server, self.search_path.as_deref(), file).await?
            {
                return Ok(Some(found));
            }
            if let Some((_, entry)) = most_specific(&config.auths, host, repository)
                && let Some(found) = read_entry(entry, file, host)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The name of the context that `docker context use` left in `config.json`.
///
/// # Errors
///
/// Usage, naming the file: it cannot be read or parsed.
pub(super) fn current_context(config_json: &Path) -> Result<Option<String>> {
    Ok(read(config_json)?.and_then(|config| config.current_context).filter(|name| !name.is_empty()))
}

fn read(file: &Path) -> Result<Option<Config>> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => {
            return Err(Error::usage(format!("cannot read {}", file.display()))
                .hint("make the file readable, or point DOCKER_CONFIG to another directory")
                .source(error));
        }
    };
    // The parser's own message may quote what it did not expect.
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::usage(format!("{} is not a Docker configuration file ({place})", file.display()))
            .hint("mend the file, or move it away and run `docker login` again")
    })
}

fn read_entry(entry: &Entry, file: &Path, host: &str) -> Result<Option<Credentials>> {
    let damaged = || {
        Error::usage(format!("the entry for {host} in {} is damaged", file.display()))
            .hint(format!("run `docker login {host}` again"))
    };
    // Docker leaves the user's name in `auth` beside it.
    if let Some(Secreted(token)) =
        entry.identitytoken.as_ref().filter(|Secreted(token)| !token.expose().is_empty())
    {
        return Ok(Some(Credentials::IdentityToken(token.clone())));
    }
    if let Some(Secreted(auth)) = entry.auth.as_ref().filter(|Secreted(auth)| !auth.expose().is_empty()) {
        let bytes = STANDARD.decode(auth.expose().trim()).map_err(|_| damaged())?;
        let text = Secret::new(String::from_utf8(bytes).map_err(|_| damaged())?);
        let (user, password) = text.expose().split_once(':').ok_or_else(damaged)?;
        // Some writers pad the password with zero bytes.
        let password = password.trim_end_matches('\0');
        return Ok(Some(Credentials::Login { user: user.to_owned(), password: Secret::new(password) }));
    }
    if let (Some(user), Some(Secreted(password))) = (&entry.username, &entry.password) {
        return Ok(Some(Credentials::Login { user: user.clone(), password: password.clone() }));
    }
    Ok(None)
}

/// The entry whose key fits best, with the key.
fn most_specific<'a, T>(
    entries: &'a HashMap<String, T>,
    host: &str,
    repository: &str,
) -> Option<(&'a str, &'a T)> {
    entries
        .iter()
        .filter_map(|(key, entry)| Some((specificity(key, host, repository)?, key.as_str(), entry)))
        .max_by_key(|(specificity, ..)| *specificity)
        .map(|(_, key, entry)| (key, entry))
}

/// How much of the repository's name a key says, where it stands for the repository: `host`, `https://host`,
/// `https://host/v1/`, `host/namespace`.
fn specificity(key: &str, host: &str, repository: &str) -> Option<usize> {
    let (name, path) = parts(key);
    let hub = |name: &str| matches!(name, DOCKER_HUB | "index.docker.io" | "registry-1.docker.io");
    if name != host && !(hub(name) && hub(host)) {
        return None;
    }
    match path {
        "" | "v1" | "v2" => Some(0),
        _ => {
            let rest = repository.strip_prefix(path)?;
            (rest.is_empty() || rest.starts_with('/')).then_some(path.len())
        }
    }
}

/// The host and the path of a key.
fn parts(key: &str) -> (&str, &str) {
    let plain = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (name, path) = plain.split_once('/').unwrap_or((plain, ""));
    (name, path.trim_end_matches('/'))
}

/// What a helper knows a host as.
fn server_of(host: &str) -> &str {
    if host == DOCKER_HUB { HUB_KEY } else { host }
}

/// What a helper knows the key of `credHelpers` as: podman has it keep each namespace by its own name.
fn server_name<'a>(key: &'a str, host: &'a str) -> &'a str {
    match parts(key).1 {
        "" | "v1" | "v2" => server_of(host),
        _ => key,
    }
}
