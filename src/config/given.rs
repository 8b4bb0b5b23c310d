//! Values of the file that are no texts: numbers, booleans, one word of several. An expression may stand there as well.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{Error as Mismatch, StrDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use crate::error::{Error, Result};

/// A value as it is written, or an expression that becomes one.
#[derive(Debug)]
pub struct Given<T> {
    form: Form<T>,
    /// Line and column; zeros for what stands in no file.
    place: (u64, u64),
}

#[derive(Debug)]
enum Form<T> {
    Value(T),
    Expression(String),
}

impl<T: Default> Default for Given<T> {
    fn default() -> Self {
        Self { form: Form::Value(T::default()), place: (0, 0) }
    }
}

impl<T> Given<T> {
    /// The value.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::error::ErrorKind::Internal) where its expression was never replaced.
    pub(super) fn known(self) -> Result<T> {
        match self.form {
            Form::Value(value) => Ok(value),
            Form::Expression(_) => {
                Err(Error::internal("an expression of the configuration was not replaced"))
            }
        }
    }
}

/// A [`Given`] of any type.
pub(super) trait Pending {
    /// The text in which expressions are to be replaced, if there is one.
    fn expression(&self) -> Option<&str>;
    /// Line and column.
    fn place(&self) -> (u64, u64);
    /// Takes the text that the expression has become.
    ///
    /// # Errors
    /// What it has to be, where it is something else: "a whole number". It does not repeat the text.
    fn settle(&mut self, text: &str) -> std::result::Result<(), String>;
}

impl<T: DeserializeOwned> Pending for Given<T> {
    fn expression(&self) -> Option<&str> {
        match &self.form {
            Form::Value(_) => None,
            Form::Expression(text) => Some(text),
        }
    }

    fn place(&self) -> (u64, u64) {
        self.place
    }

    fn settle(&mut self, text: &str) -> std::result::Result<(), String> {
        let value = read(text).map_err(|mismatch| {
            let told = mismatch.to_string();
            let wanted = told.rsplit_once("expected ").map_or(told.as_str(), |(_, wanted)| wanted);
            match wanted {
                "u32" => "a whole number".to_owned(),
                other => other.to_owned(),
            }
        })?;
        self.form = Form::Value(value);
        Ok(())
    }
}

/// A word, or what JSON reads as a number or a boolean.
fn read<T: DeserializeOwned>(text: &str) -> std::result::Result<T, Mismatch> {
    let text = text.trim();
    T::deserialize(StrDeserializer::<Mismatch>::new(text))
        .or_else(|mismatch| serde_json::from_str(text).map_err(|_| mismatch))
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Literal>::deserialize(deserializer)?;
        let form = match value {
            Literal::Text(text) if text.contains("${") => Form::Expression(text),
            literal => Form::Value(literal.read().map_err(D::Error::custom)?),
        };
        Ok(Self { form, place: (referenced.line(), referenced.column()) })
    }
}

/// A value whose type is not known yet. YAML is read as this alone: a reader of YAML for each type takes a lot of code.
enum Literal {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
}

impl Literal {
    fn read<T: DeserializeOwned>(self) -> std::result::Result<T, Mismatch> {
        match self {
            Self::Bool(value) => T::deserialize(value.into_deserializer()),
            Self::Unsigned(value) => T::deserialize(value.into_deserializer()),
            Self::Signed(value) => T::deserialize(value.into_deserializer()),
            Self::Float(value) => T::deserialize(value.into_deserializer()),
            Self::Text(text) => read(&text),
        }
    }
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Literal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a single value, or an expression like ${NAME}")
            }

            fn visit_bool<E: serde::de::Error>(self, value: bool) -> std::result::Result<Literal, E> {
                Ok(Literal::Bool(value))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Literal, E> {
                Ok(Literal::Unsigned(value))
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<Literal, E> {
                Ok(Literal::Signed(value))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Literal, E> {
                Ok(Literal::Float(value))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Literal, E> {
                Ok(Literal::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Given_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<T>(), { "type": "string", "pattern": "\\$\\{.+\\}" }] })
    }
}
