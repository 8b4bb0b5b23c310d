//! What CreateRepository sets: tag mutability, scanning, encryption (facts 6.5 and 6.6).

use serde_json::{Value, json};

use crate::world::{
    ApiError,
    json::{flag, list, text},
};

/// What a repository is created with. The default is AWS's: tags move, no scan on push, AES256.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryOptions {
    /// Whether tags can be moved.
    pub tags: TagMutability,
    /// Whether a pushed image is scanned. Nothing is ever scanned here.
    pub scan_on_push: bool,
    /// How images are encrypted at rest.
    pub encryption: Encryption,
}

/// Whether a tag can be moved to another image. The texts are wildcard filters: `*` is any run of
/// characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TagMutability {
    /// Every tag can be moved.
    #[default]
    Mutable,
    /// No tag can be moved.
    Immutable,
    /// Only tags that match a filter can be moved.
    ImmutableWithExclusion(Vec<String>),
    /// Only tags that match no filter can be moved.
    MutableWithExclusion(Vec<String>),
}

/// How images are encrypted at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// `AES256`, `KMS` or `KMS_DSSE`.
    pub kind: String,
    /// The key; `None` is AWS's own.
    pub key: Option<String>,
}

impl Default for Encryption {
    fn default() -> Self {
        Encryption { kind: "AES256".to_owned(), key: None }
    }
}

impl RepositoryOptions {
    /// Reads the input of CreateRepository.
    ///
    /// Errors: `InvalidParameterException` for a value that AWS does not have.
    pub(super) fn from_input(input: &Value) -> Result<RepositoryOptions, ApiError> {
        Ok(RepositoryOptions {
            tags: TagMutability::from_input(input)?,
            scan_on_push: input.get("imageScanningConfiguration").is_some_and(|it| flag(it, "scanOnPush")),
            encryption: Encryption::from_input(input)?,
        })
    }

    /// The fields of a repository in an answer.
    pub(super) fn render_into(&self, repository: &mut Value) {
        let (mode, filters) = match &self.tags {
            TagMutability::Mutable => ("MUTABLE", None),
            TagMutability::Immutable => ("IMMUTABLE", None),
            TagMutability::ImmutableWithExclusion(filters) => ("IMMUTABLE_WITH_EXCLUSION", Some(filters)),
            TagMutability::MutableWithExclusion(filters) => ("MUTABLE_WITH_EXCLUSION", Some(filters)),
        };
        repository["imageTagMutability"] = json!(mode);
        if let Some(filters) = filters {
            let filters = filters.iter().map(|filter| json!({ "filterType": "WILDCARD", "filter": filter }));
            repository["imageTagMutabilityExclusionFilters"] = filters.collect();
        }
        repository["imageScanningConfiguration"] = json!({ "scanOnPush": self.scan_on_push });
        let Encryption { kind, key } = &self.encryption;
        repository["encryptionConfiguration"] = json!({ "encryptionType": kind });
        if let Some(key) = key {
            repository["encryptionConfiguration"]["kmsKey"] = json!(key);
        }
    }
}

impl Encryption {
    fn from_input(input: &Value) -> Result<Encryption, ApiError> {
        let Some(given) = input.get("encryptionConfiguration").filter(|given| !given.is_null()) else {
            return Ok(Encryption::default());
        };
        let kind = text(given, "encryptionType").unwrap_or_default();
        let key = text(given, "kmsKey").map(str::to_owned);
        match kind {
            "KMS" | "KMS_DSSE" => Ok(Encryption { kind: kind.to_owned(), key }),
            "AES256" if key.is_none() => Ok(Encryption::default()),
            _ => Err(invalid("encryptionConfiguration", given)),
        }
    }
}

impl TagMutability {
    fn from_input(input: &Value) -> Result<TagMutability, ApiError> {
        let filters = || {
            let given = list(input, "imageTagMutabilityExclusionFilters");
            given.iter().filter_map(|filter| text(filter, "filter")).map(str::to_owned).collect()
        };
        match text(input, "imageTagMutability") {
            None | Some("MUTABLE") => Ok(TagMutability::Mutable),
            Some("IMMUTABLE") => Ok(TagMutability::Immutable),
            Some("IMMUTABLE_WITH_EXCLUSION") => Ok(TagMutability::ImmutableWithExclusion(filters())),
            Some("MUTABLE_WITH_EXCLUSION") => Ok(TagMutability::MutableWithExclusion(filters())),
            Some(_) => Err(invalid("imageTagMutability", &input["imageTagMutability"])),
        }
    }

    /// Whether this tag can be moved to another image.
    pub(super) fn allows_move(&self, tag: &str) -> bool {
        let excluded = |filters: &[String]| filters.iter().any(|filter| matches(filter, tag));
        match self {
            TagMutability::Mutable => true,
            TagMutability::Immutable => false,
            TagMutability::ImmutableWithExclusion(filters) => excluded(filters),
            TagMutability::MutableWithExclusion(filters) => !excluded(filters),
        }
    }
}

fn invalid(field: &str, value: &Value) -> ApiError {
    ApiError::invalid_parameter(format!(
        "Invalid parameter at '{field}' failed to satisfy constraint: {value} is not valid"
    ))
}

/// Whether `text` matches `pattern`, in which `*` is any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| matches(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("latest", "latest", true),
            ("latest", "latest-1", false),
            ("dev-*", "dev-", true),
            ("dev-*", "dev-a*b", true),
            ("*-rc*", "v1-rc2", true),
            ("*-rc*", "v1", false),
            ("a*b", "ab", true),
            ("a*b", "abc", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
