//! [`Node`]: a document as a tree of positions.

use std::fmt;

use indexmap::IndexMap;
use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::{Lines, Place, Step};

/// A value and where it begins.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it stands; for an alias of YAML where the alias does.
    pub place: Place,
    /// Where its text is written; for an alias of YAML where the anchor is.
    pub written_at: Place,
    /// What it is.
    pub kind: NodeKind,
}

/// What a [`Node`] is.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// An object.
    Map(IndexMap<String, Node>),
    /// A list.
    List(Vec<Node>),
    /// A text, without its quotes.
    Text(String),
    /// A number, a boolean, nothing.
    Other,
}

impl Node {
    /// The tree of a YAML document; `None` where it cannot be read.
    pub fn of_yaml(text: &str) -> Option<Self> {
        serde_saphyr::from_str(text).ok()
    }

    /// The tree of a JSON document; `None` where it cannot be read.
    pub fn of_json(text: &str) -> Option<Self> {
        let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()).ok()?;
        let lines = Lines::of(text);
        parsed.value.map(|value| Self::of_value(value, &lines))
    }

    fn of_value(value: Value<'_>, lines: &Lines<'_>) -> Self {
        let place = lines.place(value.start());
        let kind = match value {
            Value::StringLit(literal) => NodeKind::Text(literal.value.into_owned()),
            Value::Object(object) => NodeKind::Map(
                object
                    .properties
                    .into_iter()
                    .map(|property| (property.name.into_string(), Self::of_value(property.value, lines)))
                    .collect(),
            ),
            Value::Array(list) => {
                NodeKind::List(list.elements.into_iter().map(|value| Self::of_value(value, lines)).collect())
            }
            Value::NumberLit(_) | Value::BooleanLit(_) | Value::NullKeyword(_) => NodeKind::Other,
        };
        Self { place, written_at: place, kind }
    }

    /// The value at the end of these steps, or the nearest one around it that there is.
    pub fn at(&self, steps: &[Step]) -> &Self {
        let mut node = self;
        for step in steps {
            let inner = match (step, &node.kind) {
                (Step::Key(key), NodeKind::Map(map)) => map.get(key),
                (Step::Index(index), NodeKind::List(list)) => list.get(*index),
                _ => None,
            };
            let Some(inner) = inner else { break };
            node = inner;
        }
        node
    }

    /// Every text that is a value, in their order, with where it is written.
    pub fn texts(&self) -> Vec<(&str, Place)> {
        match &self.kind {
            NodeKind::Text(text) => vec![(text, self.written_at)],
            NodeKind::Map(map) => map.values().flat_map(Self::texts).collect(),
            NodeKind::List(list) => list.iter().flat_map(Self::texts).collect(),
            NodeKind::Other => Vec::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, defined } = Spanned::<NodeKind>::deserialize(deserializer)?;
        let place = |location: Location| {
            let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            Place { line: number(location.line()), column: number(location.column()) }
        };
        Ok(Self { place: place(referenced), written_at: place(defined), kind: value })
    }
}

impl<'de> Deserialize<'de> for NodeKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = NodeKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<NodeKind, A::Error> {
        let mut map = IndexMap::new();
        while let Some((key, value)) = access.next_entry::<String, Node>()? {
            map.insert(key, value);
        }
        Ok(NodeKind::Map(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<NodeKind, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = access.next_element()? {
            list.push(node);
        }
        Ok(NodeKind::List(list))
    }

    fn visit_str<E>(self, text: &str) -> Result<NodeKind, E> {
        Ok(NodeKind::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<NodeKind, E> {
        Ok(NodeKind::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<NodeKind, E> {
        Ok(NodeKind::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<NodeKind, E> {
        Ok(NodeKind::Other)
    }

    fn visit_i128<E>(self, _: i128) -> Result<NodeKind, E> {
        Ok(NodeKind::Other)
    }

    fn visit_u128<E>(self, _: u128) -> Result<NodeKind, E> {
        Ok(NodeKind::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<NodeKind, E> {
        Ok(NodeKind::Other)
    }

    fn visit_unit<E>(self) -> Result<NodeKind, E> {
        Ok(NodeKind::Other)
    }

    fn visit_none<E>(self) -> Result<NodeKind, E> {
        Ok(NodeKind::Other)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<NodeKind, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| NodeKind::Other)
    }
}
