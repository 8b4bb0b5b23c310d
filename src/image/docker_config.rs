//! Credentials in Docker's `config.json`.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::reference::DOCKER_HUB;
use super::registry::Credentials;
use crate::error::{Error, Result};
use crate::secret::Secret;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    auths: HashMap<String, Entry>,
    #[serde(default)]
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: HashMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Entry {
    auth: Option<Secreted>,
    username: Option<String>,
    password: Option<Secreted>,
    identitytoken: Option<Secreted>,
}

/// A text that is a [`Secret`] from the parser on.
struct Secreted(Secret);

impl<'de> Deserialize<'de> for Secreted {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// The credentials for `host` that `docker login` left in the file `config_json`.
///
/// `None` when the file does not exist, or has none for that host. Only `auths` is read; where credentials
/// are with a helper (`credsStore`, `credHelpers`) and this host needs them, that is an error, because going on
/// without would only fail later.
///
/// # Errors
///
/// Usage, naming the file: it cannot be read, the entry is damaged, or a credential helper has it.
pub fn docker_config_credentials(config_json: &Path, host: &str) -> Result<Option<Credentials>> {
    let bytes = match std::fs::read(config_json) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Error::usage(format!("cannot read {}", config_json.display()))
                .hint("make the file readable, or point DOCKER_CONFIG to another directory")
                .source(error));
        }
    };
    // The parser's own message quotes no values, only where it stopped and what it expected there.
    let config: Config = serde_json::from_slice(&bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::usage(format!("{} is not a Docker configuration file ({place})", config_json.display()))
            .hint(format!("mend the file, or move it away and run `docker login {host}` again"))
    })?;
    let entry = config.auths.iter().find(|(key, _)| is_key_of(key, host)).map(|(_, entry)| entry);
    if let Some(entry) = entry
        && let Some(found) = read_entry(entry, config_json, host)?
    {
        return Ok(Some(found));
    }
    let helper = config.cred_helpers.iter().find(|(key, _)| is_key_of(key, host)).map(|(_, name)| name);
    // A store that has credentials for a host leaves an empty entry in `auths`.
    let helper = helper.or(entry.and(config.creds_store.as_ref())).filter(|name| !name.is_empty());
    match helper {
        None => Ok(None),
        Some(name) => Err(Error::usage(format!(
            "the credentials for {host} are with the helper `docker-credential-{}`, and helpers are not supported yet",
            name.escape_debug()
        ))
        .hint(format!(
            "remove `credsStore` and the helper of {host} from {}, and run `docker login {host}` again",
            config_json.display()
        ))),
    }
}

fn read_entry(entry: &Entry, file: &Path, host: &str) -> Result<Option<Credentials>> {
    let damaged = || {
        Error::usage(format!("the entry for {host} in {} is damaged", file.display()))
            .hint(format!("run `docker login {host}` again"))
    };
    if let Some(Secreted(auth)) = entry.auth.as_ref().filter(|Secreted(auth)| !auth.expose().is_empty()) {
        let bytes = STANDARD.decode(auth.expose().trim()).map_err(|_| damaged())?;
        let text = Secret::new(String::from_utf8(bytes).map_err(|_| damaged())?);
        let (user, password) = text.expose().split_once(':').ok_or_else(damaged)?;
        // Some writers pad the password with zero bytes.
        let password = password.trim_end_matches('\0');
        return Ok(Some(Credentials { user: user.to_owned(), password: Secret::new(password) }));
    }
    if let (Some(user), Some(Secreted(password))) = (&entry.username, &entry.password) {
        return Ok(Some(Credentials { user: user.clone(), password: password.clone() }));
    }
    if entry.identitytoken.is_some() {
        return Err(Error::usage(format!(
            "{} has an identity token for {host}, and those are not supported yet",
            file.display()
        ))
        .hint(format!("run `docker login {host}` with a user name and a password or access token")));
    }
    Ok(None)
}

/// Whether a key of `auths` stands for the host: `host`, `https://host`, `https://host/v1/`.
fn is_key_of(key: &str, host: &str) -> bool {
    let plain = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (name, path) = plain.split_once('/').unwrap_or((plain, ""));
    let hub = |name: &str| matches!(name, DOCKER_HUB | "index.docker.io" | "registry-1.docker.io");
    // podman also writes `host/namespace`, which is not for the whole host.
    matches!(path.trim_end_matches('/'), "" | "v1" | "v2") && (name == host || (hub(name) && hub(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(config: &str, host: &str) -> Result<Option<String>> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        std::fs::write(&file, config).unwrap();
        let found = docker_config_credentials(&file, host)?;
        Ok(found.map(|found| format!("{}/{}", found.user, found.password.expose())))
    }

    #[test]
    fn credentials_are_found_under_every_form_of_the_host() {
        let auth = STANDARD.encode("AWS:pass:word");
        for key in ["localhost:5000", "https://localhost:5000", "http://localhost:5000/v2/"] {
            let config = format!(r#"{{"auths":{{"{key}":{{"auth":"{auth}"}}}},"HttpHeaders":{{}}}}"#);
            assert_eq!(look_up(&config, "localhost:5000").unwrap().as_deref(), Some("AWS/pass:word"));
            assert_eq!(look_up(&config, "localhost:5001").unwrap(), None);
        }
        let hub = format!(r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{auth}"}}}}}}"#);
        assert!(look_up(&hub, "docker.io").unwrap().is_some());
        let plain = r#"{"auths":{"a.example":{"username":"u","password":"p"}}}"#;
        assert_eq!(look_up(plain, "a.example").unwrap().as_deref(), Some("u/p"));
        let namespace = format!(r#"{{"auths":{{"a.example/team":{{"auth":"{auth}"}}}}}}"#);
        assert_eq!(look_up(&namespace, "a.example").unwrap(), None);
    }

    #[test]
    fn a_helper_is_an_error_only_for_the_host_that_needs_it() {
        let config =
            r#"{"auths":{"a.example":{}},"credsStore":"desktop","credHelpers":{"b.example":"ecr-login"}}"#;
        for (host, helper) in [("a.example", "desktop"), ("b.example", "ecr-login")] {
            let error = look_up(config, host).unwrap_err();
            assert!(error.to_string().contains(helper), "{error}");
        }
        assert_eq!(look_up(config, "c.example").unwrap(), None);
    }

    #[test]
    fn a_damaged_file_is_a_clear_error_that_shows_no_secret() {
        for config in [
            "{",
            r#"{"auths":{"a.example":{"auth":"canary-7f3a!"}}}"#,
            r#"{"auths":{"a.example":"canary-7f3a"}}"#,
            r#"{"auths":{"a.example":{"auth":"Y2FuYXJ5LTdmM2E="}}}"#,
            r#"{"auths":{"a.example":{"identitytoken":"canary-7f3a"}}}"#,
        ] {
            let error = look_up(config, "a.example").unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains("config.json") && !text.contains("canary"), "{text}");
            assert!(error.hint_text().is_some());
        }
    }

    #[test]
    fn a_missing_file_means_no_credentials() {
        let dir = tempfile::tempdir().unwrap();
        assert!(docker_config_credentials(&dir.path().join("none"), "a.example").unwrap().is_none());
    }
}
