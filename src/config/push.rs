//! How `landfall.yml` writes an image: a reference, or a source and where to push it.
//!
//! The forms are read by visitors of their own: serde's `untagged` would answer a wrong key inside with
//! "did not match any variant", without the key and without its line.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::given::{Given, Pending};
use super::model::{ImageConfig, PushConfig};
use crate::aws::{Encryption, RepositoryOptions, RepositoryTags};
use crate::error::{Error, Result};
use crate::image::{Compression, Source};

/// An image: a reference that is already in its registry, or a source and where to push it.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum ImageEntry {
    /// `host/repository:tag` or `host/repository@sha256:...`
    Existing(String),
    /// Push `from` to `to`.
    Push(PushEntry),
}

/// A push.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushEntry {
    /// `docker:NAME[:TAG]`, `docker-archive:FILE`, `oci-archive:FILE`, `oci:DIR[:REF]`, `registry:REFERENCE` or `-`.
    pub from: String,
    /// `host/repository:tag`, or a list of them: the first is what the task definition gets.
    pub to: Targets,
    /// Whether to create an ECR repository that does not exist: `true`, or with what; default: no.
    pub create_repository: Option<CreateEntry>,
    /// How layers are compressed that the source gives uncompressed; default: `gzip`.
    pub compression: Option<Given<Compression>>,
}

/// One reference or several.
#[derive(Debug, JsonSchema)]
#[serde(transparent)]
pub struct Targets(#[schemars(with = "TargetsForm")] Vec<String>);

/// What editors should accept for [`Targets`].
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum TargetsForm {
    One(String),
    Several(#[schemars(length(min = 1), extend("uniqueItems" = true))] Vec<String>),
}

/// Whether to create a repository, and with what.
#[derive(Debug, JsonSchema)]
#[serde(transparent)]
pub struct CreateEntry(#[schemars(with = "CreateForm")] Option<RepositoryEntry>);

/// What editors should accept for a [`CreateEntry`].
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum CreateForm {
    Plain(bool),
    With(RepositoryEntry),
}

/// What an ECR repository is created with.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositoryEntry {
    /// Whether its tags can be moved to other images; default: `immutable`.
    pub tags: Option<Given<RepositoryTags>>,
    /// Whether ECR scans what is pushed; default: `true`.
    pub scan_on_push: Option<Given<bool>>,
    /// `aes256` (default), `kms` or `kms:KEY`. It can never be changed afterwards.
    pub encryption: Option<String>,
}

impl ImageEntry {
    /// Every text in which expressions are replaced.
    pub(super) fn texts(&mut self) -> Vec<&mut String> {
        match self {
            Self::Existing(reference) => vec![reference],
            Self::Push(PushEntry { from, to, create_repository, compression: _ }) => {
                let created = create_repository.as_mut().and_then(|create| create.0.as_mut());
                let encryption = created.and_then(|repository| repository.encryption.as_mut());
                [from].into_iter().chain(&mut to.0).chain(encryption).collect()
            }
        }
    }

    /// Every value that is no text and may be an expression.
    pub(super) fn pending(&mut self) -> Vec<&mut dyn Pending> {
        let Self::Push(PushEntry { create_repository, compression, .. }) = self else { return Vec::new() };
        let mut all: Vec<&mut dyn Pending> = Vec::new();
        if let Some(compression) = compression {
            all.push(compression);
        }
        if let Some(CreateEntry(Some(RepositoryEntry { tags, scan_on_push, .. }))) = create_repository {
            all.extend(tags.as_mut().map(|tags| tags as &mut dyn Pending));
            all.extend(scan_on_push.as_mut().map(|scan| scan as &mut dyn Pending));
        }
        all
    }

    /// Checks what the texts say. Paths are relative to `base`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage), naming the key below `place`.
    pub(super) fn check(self, place: &str, base: &Path) -> Result<ImageConfig> {
        match self {
            Self::Existing(reference) => {
                Ok(ImageConfig::Existing(reference.parse().map_err(|error| at(place, error))?))
            }
            Self::Push(push) => push.check(place, base).map(ImageConfig::Push),
        }
    }
}

impl PushEntry {
    fn check(self, place: &str, base: &Path) -> Result<PushConfig> {
        let from = self.from.parse().map_err(|error| at(&format!("{place}.from"), error))?;
        let to = self.to.0.iter().map(|text| text.parse()).collect::<Result<_>>();
        let push = to.and_then(|to| PushConfig::new(relative_to(base, from), to));
        let mut push = push.map_err(|error| at(&format!("{place}.to"), error))?;
        if let Some(CreateEntry(Some(repository))) = self.create_repository {
            let options = repository.check();
            let options = options.map_err(|error| at(&format!("{place}.create_repository"), error))?;
            push.create_repository = Some(options);
        }
        push.compression = self.compression.map(Given::known).transpose()?.unwrap_or_default();
        Ok(push)
    }
}

impl RepositoryEntry {
    fn check(self) -> Result<RepositoryOptions> {
        let default = RepositoryOptions::default();
        let encryption: Option<Encryption> = self.encryption.map(|text| text.parse()).transpose()?;
        Ok(RepositoryOptions {
            tags: self.tags.map(Given::known).transpose()?.unwrap_or(default.tags),
            scan_on_push: self.scan_on_push.map(Given::known).transpose()?.unwrap_or(default.scan_on_push),
            encryption: encryption.unwrap_or(default.encryption),
        })
    }
}

fn relative_to(base: &Path, source: Source) -> Source {
    match source {
        Source::OciLayout { dir, reference } => Source::OciLayout { dir: base.join(dir), reference },
        Source::OciArchive { file, reference } => Source::OciArchive { file: base.join(file), reference },
        Source::DockerArchive { file, reference } => {
            Source::DockerArchive { file: base.join(file), reference }
        }
        source @ (Source::Docker { .. } | Source::Registry(_) | Source::Stdin) => source,
    }
}

fn at(place: &str, error: Error) -> Error {
    let message = format!("{place}: {error}");
    let hint = error.hint_text().map(str::to_owned);
    let error = Error::new(error.kind(), message);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What flags and `LANDFALL_*` say about pushing; each wins over the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushOverrides {
    /// Create the repository where it is missing.
    pub create_repository: bool,
    /// Whether a created repository's tags can be moved.
    pub repository_tags: Option<RepositoryTags>,
    /// Whether a created repository scans what is pushed.
    pub scan_on_push: Option<bool>,
    /// How a created repository is encrypted.
    pub encryption: Option<Encryption>,
    /// How layers are compressed.
    pub compression: Option<Compression>,
}

impl PushOverrides {
    /// Lays them over a push. How to create a repository says nothing about whether to, so that
    /// `LANDFALL_*` may hold an organisation's rules for every pipeline.
    pub fn apply(&self, push: &mut PushConfig) {
        if self.create_repository {
            push.create_repository.get_or_insert_default();
        }
        if let Some(options) = &mut push.create_repository {
            options.tags = self.repository_tags.unwrap_or(options.tags);
            options.scan_on_push = self.scan_on_push.unwrap_or(options.scan_on_push);
            if let Some(encryption) = &self.encryption {
                options.encryption = encryption.clone();
            }
        }
        push.compression = self.compression.unwrap_or(push.compression);
    }
}

impl<'de> Deserialize<'de> for ImageEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = ImageEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an image reference, or a map with `from` and `to`")
            }

            fn visit_str<E>(self, text: &str) -> Result<ImageEntry, E> {
                Ok(ImageEntry::Existing(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ImageEntry, A::Error> {
                PushEntry::deserialize(MapAccessDeserializer::new(map)).map(ImageEntry::Push)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for Targets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Targets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an image reference, or a list of them")
            }

            fn visit_str<E>(self, text: &str) -> Result<Targets, E> {
                Ok(Targets(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Targets, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                if texts.is_empty() {
                    return Err(A::Error::custom("`to` is an empty list; name at least one image reference"));
                }
                Ok(Targets(texts))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for CreateEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = CreateEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false`, or a map of `tags`, `scan_on_push` and `encryption`")
            }

            fn visit_bool<E>(self, create: bool) -> Result<CreateEntry, E> {
                Ok(CreateEntry(create.then(RepositoryEntry::default)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<CreateEntry, A::Error> {
                let entry = RepositoryEntry::deserialize(MapAccessDeserializer::new(map))?;
                Ok(CreateEntry(Some(entry)))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::config::{Overrides, load, parse};

    /// A file whose only container has this image.
    fn file(image: &str) -> String {
        format!(
            "version: 1\ncluster: c\nservices:\n  api:\n    containers:\n      web:\n        image: {image}\n"
        )
    }

    fn load_with(image: &str, overrides: &Overrides) -> Result<ImageConfig> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("landfall.yml");
        std::fs::write(&path, file(image)).unwrap();
        let variables = [("TAG", "v2"), ("KEY", "alias/images")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let mut config = load(Some(&path), overrides, &HashMap::from(variables))?;
        Ok(config.services.remove(0).containers.remove(0).image.unwrap())
    }

    fn push(image: &str, overrides: &Overrides) -> PushConfig {
        match load_with(image, overrides).unwrap() {
            ImageConfig::Push(push) => push,
            other => panic!("{other:?}"),
        }
    }

    fn targets(push: &PushConfig) -> Vec<String> {
        push.to.iter().map(ToString::to_string).collect()
    }

    const PLAIN: &str = "{ from: 'docker:api', to: 'r.example/api:v1' }";

    #[test]
    fn one_target_or_several_the_first_is_deployed() {
        let none = Overrides::default();
        let one = push(PLAIN, &none);
        assert_eq!(targets(&one), ["r.example/api:v1"]);
        assert_eq!((one.create_repository, one.compression), (None, Compression::Gzip));
        let image =
            "{ from: 'docker:api', to: ['r.example/api:${TAG}', \"r.example/api:latest\", 's.example/b'] }";
        let several = push(image, &none);
        assert_eq!(targets(&several), ["r.example/api:v2", "r.example/api:latest", "s.example/b"]);
        assert_eq!(several.target().tag.as_deref(), Some("v2"));
        assert_eq!(ImageConfig::Push(several.clone()).targets(), several.to);
    }

    #[test]
    fn a_repository_is_created_with_safe_defaults_or_as_written() {
        let with = |create: &str| {
            let image = format!("{{ from: 'docker:api', to: 'r.example/api', create_repository: {create} }}");
            push(&image, &Overrides::default()).create_repository
        };
        let safe = RepositoryOptions {
            tags: RepositoryTags::Immutable,
            scan_on_push: true,
            encryption: Encryption::Aes256,
        };
        assert_eq!(with("true"), Some(safe.clone()));
        assert_eq!(with("{}"), Some(safe.clone()));
        assert_eq!(with("false"), None);
        assert_eq!(
            with("{ encryption: kms }"),
            Some(RepositoryOptions { encryption: Encryption::Kms, ..safe })
        );
        assert_eq!(
            with("{ tags: mutable, scan_on_push: false, encryption: 'kms:${KEY}' }"),
            Some(RepositoryOptions {
                tags: RepositoryTags::Mutable,
                scan_on_push: false,
                encryption: Encryption::KmsKey("alias/images".to_owned()),
            })
        );
    }

    #[test]
    fn flags_win_over_the_file_and_leave_the_rest_of_it() {
        let image = "{ from: 'docker:api', to: [r.example/a, r.example/b], compression: zstd, create_repository: { tags: mutable } }";
        let overrides = Overrides {
            from: Some("docker:other".into()),
            images: vec!["s.example/x:1".into(), "s.example/y:1".into()],
            push: PushOverrides { scan_on_push: Some(false), ..PushOverrides::default() },
            ..Overrides::default()
        };
        let merged = push(image, &overrides);
        assert_eq!(merged.from.to_string(), "docker:other");
        assert_eq!(targets(&merged), ["s.example/x:1", "s.example/y:1"]);
        assert_eq!(merged.compression, Compression::Zstd);
        let options = merged.create_repository.unwrap();
        assert_eq!((options.tags, options.scan_on_push), (RepositoryTags::Mutable, false));

        let overrides = PushOverrides {
            create_repository: true,
            repository_tags: Some(RepositoryTags::Mutable),
            scan_on_push: None,
            encryption: Some(Encryption::Kms),
            compression: Some(Compression::Zstd),
        };
        let merged = push(PLAIN, &Overrides { push: overrides.clone(), ..Overrides::default() });
        assert_eq!(merged.compression, Compression::Zstd);
        let options = merged.create_repository.unwrap();
        assert!(options.scan_on_push);
        assert_eq!((options.tags, options.encryption), (RepositoryTags::Mutable, Encryption::Kms));
        // How to create a repository does not say that one should be.
        let rules = PushOverrides { create_repository: false, ..overrides };
        let merged = push(PLAIN, &Overrides { push: rules, ..Overrides::default() });
        assert_eq!(merged.create_repository, None);
    }

    #[test]
    fn what_is_wrong_in_a_push_names_its_line_and_the_nearest_key() {
        for (image, expected) in [
            ("{ from: 'oci:x', too: a }", "unknown key `too` | Did you mean `to`?"),
            (
                "{ from: 'oci:x', to: a, compresion: zstd }",
                "unknown key `compresion` | Did you mean `compression`?",
            ),
            (
                "{ from: 'oci:x', to: a, create_repository: { tag: x } }",
                "unknown key `tag` | Did you mean `tags`?",
            ),
            ("{ from: 'oci:x' }", "missing field `to`"),
            ("{ from: 'oci:x', to: [] }", "`to` is an empty list"),
            ("{ from: 'oci:x', to: { a: b } }", "expected an image reference, or a list of them"),
            ("[a]", "expected an image reference, or a map with `from` and `to`"),
            (
                "{ from: 'oci:x', to: a, compression: lz4 }",
                "unknown variant `lz4`, expected `gzip` or `zstd`",
            ),
            (
                "{ from: 'oci:x', to: a, create_repository: { tags: often } }",
                "expected `immutable` or `mutable` | See docs",
            ),
            (
                "{ from: 'oci:x', to: a, create_repository: yes please }",
                "expected `true`, `false`, or a map of `tags`, `scan_on_push` and `encryption`",
            ),
            ("{ from: 'oci:x', to: [a, '${NONE}'] }", "`NONE` is not set"),
            ("{ from: 'oci:x', to: a, create_repository: { encryption: '${NONE}' } }", "`NONE` is not set"),
        ] {
            let error = parse(Path::new("landfall.yml"), &file(image), &HashMap::new()).unwrap_err();
            let message = format!("{error} | {}", error.hint_text().unwrap_or("-"));
            assert!(message.starts_with("landfall.yml:7"), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn what_cannot_be_meant_names_its_key() {
        for (image, expected) in [
            ("{ from: 'zip:x', to: a }", "services.api.containers.web.image.from: image source `zip:x`"),
            ("{ from: 'oci:x', to: [a, B] }", "services.api.containers.web.image.to: `B`"),
            (
                "{ from: 'oci:x', to: ['a:1', 'a:2', 'a:1'] }",
                "services.api.containers.web.image.to: docker.io/library/a:1 is named twice",
            ),
            (
                "{ from: 'oci:x', to: a, create_repository: { encryption: rot13 } }",
                "services.api.containers.web.image.create_repository: `rot13`",
            ),
        ] {
            let error = load_with(image, &Overrides::default()).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
            assert!(error.hint_text().is_some(), "{error}");
        }
        let several = Overrides { images: vec!["a:1".into(), "a:2".into()], ..Overrides::default() };
        let error = load_with("r.example/a", &several).unwrap_err();
        assert!(error.to_string().contains("nothing says what to push"), "{error}");
        let twice = Overrides { images: vec!["a:1".into(), "a:1".into()], ..Overrides::default() };
        assert!(load_with(PLAIN, &twice).unwrap_err().to_string().contains("named twice"));
    }
}
