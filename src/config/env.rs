//! How `landfall.yml` writes env files and the place where they are stored.

use std::fmt;
use std::path::Path;

use landfall_envfile::{Code, Options, Policy};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::given::{Given, Pending};
use super::model::{EnvFileConfig, EnvStore};
use crate::aws::Encryption;
use crate::error::{Error, Result};

/// What to do about lines that ECS reads otherwise than dotenv libraries do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyEntry {
    /// Any finding refuses.
    Strict,
    /// Repair what can be repaired without changing the meaning, warn of what stays, refuse the rest.
    Normalize,
    /// Store the file as it is, and warn.
    Verbatim,
}

impl From<PolicyEntry> for Policy {
    fn from(entry: PolicyEntry) -> Self {
        match entry {
            PolicyEntry::Strict => Self::Strict,
            PolicyEntry::Normalize => Self::Normalize,
            PolicyEntry::Verbatim => Self::Verbatim,
        }
    }
}

/// The `.env` files of a container: of two that set a name, the first one wins, as ECS has it.
#[derive(Debug, Default, JsonSchema)]
#[serde(transparent)]
pub struct EnvFiles(#[schemars(with = "EnvFilesForm")] pub(super) Vec<EnvFileEntry>);

/// What editors should accept for [`EnvFiles`].
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum EnvFilesForm {
    One(EnvFileEntry),
    Several(Vec<EnvFileEntry>),
}

/// One `.env` file: its path, relative to this file, or a map.
#[derive(Debug, JsonSchema)]
#[serde(transparent)]
pub struct EnvFileEntry(#[schemars(with = "EnvFileForm")] EnvFileMap);

/// What editors should accept for an [`EnvFileEntry`].
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum EnvFileForm {
    Path(String),
    With(EnvFileMap),
}

/// A `.env` file and how it is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvFileMap {
    /// Relative to this file.
    pub path: String,
    /// Default: `env_policy`, and without that `normalize`.
    pub policy: Option<Given<PolicyEntry>>,
    /// Whether `${NAME}` stands for a variable that the same file sets further up; default: `false`.
    #[serde(default)]
    pub interpolate: Given<bool>,
    /// Findings that are known and accepted: `env-credential`, ...
    #[serde(default)]
    pub allow: Vec<String>,
}

/// Where `.env` files are stored: `s3://BUCKET/PREFIX`, or a map.
#[derive(Debug, JsonSchema)]
#[serde(transparent)]
pub struct EnvStoreEntry(#[schemars(with = "EnvStoreForm")] EnvStoreMap);

/// What editors should accept for an [`EnvStoreEntry`].
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum EnvStoreForm {
    Url(String),
    With(EnvStoreMap),
}

/// Where `.env` files are stored, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvStoreMap {
    /// `s3://BUCKET/PREFIX`
    pub url: String,
    /// `aes256`, `kms` or `kms:KEY`; default: as the bucket encrypts.
    pub encryption: Option<String>,
    /// The account that owns the bucket; default: the caller's.
    pub owner: Option<String>,
}

impl EnvFiles {
    /// Every text in which expressions are replaced.
    pub(super) fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        self.0.iter_mut().map(|entry| &mut entry.0.path)
    }

    /// Every value that is no text and may be an expression.
    pub(super) fn pending(&mut self) -> impl Iterator<Item = &mut dyn Pending> {
        self.0.iter_mut().flat_map(|EnvFileEntry(EnvFileMap { policy, interpolate, .. })| {
            let policy = policy.as_mut().map(|policy| policy as &mut dyn Pending);
            policy.into_iter().chain([interpolate as &mut dyn Pending])
        })
    }

    /// Checks what is written. Paths are relative to `base`; `place` is the key.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a code that is not known.
    pub(super) fn check(self, place: &str, base: &Path, policy: Policy) -> Result<Vec<EnvFileConfig>> {
        let file = |EnvFileEntry(entry): EnvFileEntry| {
            let own = entry.policy.map(Given::known).transpose()?;
            let allow = entry.allow.iter().map(|text| code(place, text)).collect::<Result<_>>()?;
            Ok(EnvFileConfig {
                path: base.join(entry.path),
                interpolate: entry.interpolate.known()?,
                options: Options { policy: own.map_or(policy, Policy::from), allow },
            })
        };
        self.0.into_iter().map(file).collect()
    }
}

/// The code of that name.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage), with those that there are.
pub fn code(place: &str, text: &str) -> Result<Code> {
    Code::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        Error::usage(format!("{place}: `{text}` is no code of a finding"))
            .hint(format!("there are: {}", known.join(", ")))
    })
}

impl EnvStoreEntry {
    /// Every text in which expressions are replaced.
    pub(super) fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let EnvStoreMap { url, encryption, owner } = &mut self.0;
        [Some(url), encryption.as_mut(), owner.as_mut()].into_iter().flatten()
    }

    /// Checks what is written; `url` is what a flag says in place of the file.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage).
    pub(super) fn check(self, url: Option<&str>) -> Result<EnvStore> {
        let mut store: EnvStore = url.unwrap_or(&self.0.url).parse()?;
        store.encryption =
            self.0.encryption.map(|text| text.parse::<Encryption>()).transpose().map_err(|error| {
                let hint = error.hint_text().unwrap_or_default().to_owned();
                Error::usage(format!("env_store.encryption: {error}")).hint(hint)
            })?;
        if let Some(owner) = self.0.owner {
            if owner.len() != 12 || !owner.chars().all(|c| c.is_ascii_digit()) {
                return Err(Error::usage(format!("env_store.owner: `{owner}` is not an AWS account"))
                    .hint("write the account's 12 digits, in quotes"));
            }
            store.owner = Some(owner);
        }
        Ok(store)
    }
}

impl<'de> Deserialize<'de> for EnvFileEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = EnvFileEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a .env file, or a map with `path`")
            }

            fn visit_str<E>(self, text: &str) -> Result<EnvFileEntry, E> {
                let path = text.to_owned();
                Ok(EnvFileEntry(EnvFileMap {
                    path,
                    policy: None,
                    interpolate: Given::default(),
                    allow: Vec::new(),
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvFileEntry, A::Error> {
                EnvFileMap::deserialize(MapAccessDeserializer::new(map)).map(EnvFileEntry)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for EnvFiles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = EnvFiles;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a .env file, a map with `path`, or a list of them")
            }

            fn visit_str<E>(self, text: &str) -> Result<EnvFiles, E> {
                let path = text.to_owned();
                let map = EnvFileMap { path, policy: None, interpolate: Given::default(), allow: Vec::new() };
                Ok(EnvFiles(vec![EnvFileEntry(map)]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvFiles, A::Error> {
                let map = EnvFileMap::deserialize(MapAccessDeserializer::new(map))?;
                Ok(EnvFiles(vec![EnvFileEntry(map)]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<EnvFiles, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = list.next_element()? {
                    entries.push(entry);
                }
                if entries.is_empty() {
                    return Err(A::Error::custom(
                        "`env_file` is an empty list; name a file, or remove the key",
                    ));
                }
                Ok(EnvFiles(entries))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for EnvStoreEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = EnvStoreEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`s3://BUCKET/PREFIX`, or a map with `url`")
            }

            fn visit_str<E>(self, text: &str) -> Result<EnvStoreEntry, E> {
                let url = text.to_owned();
                Ok(EnvStoreEntry(EnvStoreMap { url, encryption: None, owner: None }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<EnvStoreEntry, A::Error> {
                EnvStoreMap::deserialize(MapAccessDeserializer::new(map)).map(EnvStoreEntry)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::config::{Config, Overrides, load};

    fn read(env_store: &str, env_file: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("landfall.yml");
        let text = format!(
            "version: 1\ncluster: c\nenv_policy: strict\nenv_store: {env_store}\nservices:\n  api:\n    containers:\n      web:\n        env_file: {env_file}\n"
        );
        std::fs::write(&path, text).unwrap();
        let variables = [("STAGE", "prod"), ("KEY", "alias/env")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        load(Some(&path), &Overrides::default(), &HashMap::from(variables))
    }

    #[test]
    fn env_files_are_a_path_a_map_or_a_list() {
        let files = |text: &str| {
            let mut config = read("s3://bucket/env", text).unwrap();
            let files = config.services.remove(0).containers.remove(0).env_files;
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
            files
                .into_iter()
                .map(|file| (name(&file.path), file.options.policy, file.interpolate, file.options.allow))
                .collect::<Vec<_>>()
        };
        assert_eq!(files("'.env.${STAGE}'"), [(".env.prod".to_owned(), Policy::Strict, false, vec![])]);
        assert_eq!(
            files("[a.env, { path: b.env, policy: normalize, interpolate: true, allow: [env-credential] }]"),
            [
                ("a.env".to_owned(), Policy::Strict, false, vec![]),
                ("b.env".to_owned(), Policy::Normalize, true, vec![Code::Credential]),
            ]
        );
    }

    #[test]
    fn an_env_store_is_an_address_or_a_map() {
        let store = |text: &str| read(text, "a.env").unwrap().env_store.unwrap();
        assert_eq!(store("s3://bucket/env/").prefix, "env");
        let store = store("{ url: 's3://bucket/${STAGE}', encryption: 'kms:${KEY}', owner: '123456789012' }");
        assert_eq!((store.prefix.as_str(), store.owner.as_deref()), ("prod", Some("123456789012")));
        assert_eq!(store.encryption, Some("kms:alias/env".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (store, file, expected) in [
            ("s3://bucket", "[]", "landfall.yml:9:"),
            ("s3://bucket", "{ path: a.env, polcy: strict }", "Did you mean `policy`?"),
            (
                "s3://bucket",
                "{ path: a.env, allow: [env-quote] }",
                "services.api.containers.web.env_file: `env-quote`",
            ),
            ("{ url: 's3://bucket', owner: '12' }", "a.env", "env_store.owner: `12`"),
            ("{ url: 's3://bucket', encryption: rot13 }", "a.env", "env_store.encryption: "),
            ("{ bucket: x }", "a.env", "landfall.yml:4:"),
        ] {
            let error = read(store, file).unwrap_err();
            let message = format!("{error} | {}", error.hint_text().unwrap_or("-"));
            assert!(message.contains(expected), "{message}");
        }
    }
}
