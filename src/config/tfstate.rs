//! How `landfall.yml` names Terraform states.

use std::fmt;
use std::path::Path;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};
use crate::lookup::{StateLocation, StateSources};

/// Terraform states: `s3://BUCKET/KEY` or a file, or a map of them by name.
#[derive(Debug, JsonSchema)]
#[serde(transparent)]
pub struct StateEntry(#[schemars(with = "StateForm")] IndexMap<String, String>);

/// What editors should accept for a [`StateEntry`].
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum StateForm {
    One(String),
    Several(IndexMap<String, String>),
}

impl StateEntry {
    /// Every text in which expressions are replaced.
    pub(super) fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        self.0.values_mut()
    }

    /// Checks what is written. Paths are relative to `base`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage).
    pub(super) fn check(&self, base: &Path) -> Result<StateSources> {
        let source = |(name, location): (&String, &String)| {
            let valid =
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            if !valid {
                return Err(Error::usage(format!("tfstate: `{name}` cannot name a state"))
                    .hint("Use letters, digits, `-` and `_`."));
            }
            Ok((name.clone(), StateLocation::read(location, base)?))
        };
        Ok(StateSources(self.0.iter().map(source).collect::<Result<_>>()?))
    }
}

impl<'de> Deserialize<'de> for StateEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = StateEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`s3://BUCKET/KEY`, the path of a Terraform state, or a map of them by name")
            }

            fn visit_str<E>(self, text: &str) -> Result<StateEntry, E> {
                Ok(StateEntry([(StateSources::MAIN.to_owned(), text.to_owned())].into_iter().collect()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StateEntry, A::Error> {
                IndexMap::deserialize(MapAccessDeserializer::new(map)).map(StateEntry)
            }
        }
        deserializer.deserialize_any(Form)
    }
}
