//! Where in a JSON or YAML text a value stands.

use std::fmt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::config::yaml_error;
use crate::error::{Error, Result};

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
}

/// A position in a text, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A JSON or YAML file that was read; YAML by the endings `.yml` and `.yaml`.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    text: String,
    is_yaml: bool,
}

impl Source {
    /// Takes the text of a file over. A byte-order mark, which editors on Windows write and JSON does not allow, goes.
    pub fn new(path: &Path, text: &str) -> Self {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        Self { path: path.to_owned(), text, is_yaml: matches!(ending, "yml" | "yaml") }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is read as YAML.
    pub fn is_yaml(&self) -> bool {
        self.is_yaml
    }

    /// What is in it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) with `path:line:column` where the syntax is wrong.
    pub fn value(&self) -> Result<Value> {
        if self.is_yaml {
            return serde_saphyr::from_str(&self.text).map_err(|error| yaml_error(&self.path, &error));
        }
        serde_json::from_str(&self.text).map_err(|error| {
            let full = error.to_string();
            let what = full.split(" at line ").next().unwrap_or(&full).to_owned();
            Error::usage(format!("{}:{}:{}: {what}", self.path.display(), error.line(), error.column())).hint(
                "The file must be JSON as the AWS command line takes it (or YAML, named .yml). JSON has no comments and no comma behind the last entry, and a placeholder stands in quotes.",
            )
        })
    }

    /// Where the value at the end of these steps stands, or the nearest value around it that there is.
    pub fn place(&self, steps: &[Step]) -> Option<Place> {
        if self.is_yaml { self.place_in_yaml(steps) } else { self.place_in_json(steps) }
    }

    fn place_in_json(&self, steps: &[Step]) -> Option<Place> {
        // From the whole path to ever shorter ones, until there is something.
        let error = (0..=steps.len()).rev().find_map(|length| {
            Seek(&steps[..length]).deserialize(&mut serde_json::Deserializer::from_str(&self.text)).err()
        })?;
        let line_start: usize =
            self.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let reached = self.text.get(line_start + error.column()..)?;
        // The value itself begins behind the white space, perhaps some lines further down.
        let offset = self.text.len() - reached.trim_start().len();
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some(Place {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        })
    }

    fn place_in_yaml(&self, steps: &[Step]) -> Option<Place> {
        let root: Node = serde_saphyr::from_str(&self.text).ok()?;
        let mut node = &root;
        for step in steps {
            let inner = match (step, &node.kind) {
                (Step::Key(key), Kind::Map(map)) => map.get(key),
                (Step::Index(index), Kind::List(list)) => list.get(*index),
                _ => None,
            };
            let Some(inner) = inner else { break };
            node = inner;
        }
        Some(node.place)
    }
}

/// Goes to a value of a JSON text and ends there with an error: only errors of the parser tell where it is.
struct Seek<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        match self.0 {
            [] => Err(serde::de::Error::custom("here")),
            steps => deserializer.deserialize_any(SeekVisitor(steps)),
        }
    }
}

/// At a value around the one that is looked for; there is at least one step to go.
struct SeekVisitor<'a>(&'a [Step]);

impl<'de> Visitor<'de> for SeekVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> std::result::Result<(), A::Error> {
        while let Some(key) = access.next_key::<String>()? {
            match &self.0[0] {
                Step::Key(wanted) if *wanted == key => access.next_value_seed(Seek(&self.0[1..]))?,
                _ => drop(access.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> std::result::Result<(), A::Error> {
        for index in 0.. {
            let found = match &self.0[0] {
                Step::Index(wanted) if *wanted == index => access.next_element_seed(Seek(&self.0[1..]))?,
                _ => access.next_element::<IgnoredAny>()?.map(drop),
            };
            if found.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        Ok(())
    }
}

/// A YAML value with its position.
struct Node {
    place: Place,
    kind: Kind,
}

enum Kind {
    Map(IndexMap<String, Node>),
    List(Vec<Node>),
    Leaf,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Kind>::deserialize(deserializer)?;
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let place = Place { line: number(referenced.line()), column: number(referenced.column()) };
        Ok(Self { place, kind: value })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> std::result::Result<Kind, A::Error> {
        let mut map = IndexMap::new();
        while let Some(key) = access.next_key::<String>()? {
            map.insert(key, access.next_value()?);
        }
        Ok(Kind::Map(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> std::result::Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = access.next_element()? {
            list.push(node);
        }
        Ok(Kind::List(list))
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Kind, E> {
        Ok(Kind::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Kind, E> {
        Ok(Kind::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Kind, E> {
        Ok(Kind::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Kind, E> {
        Ok(Kind::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Kind, E> {
        Ok(Kind::Leaf)
    }

    fn visit_unit<E>(self) -> std::result::Result<Kind, E> {
        Ok(Kind::Leaf)
    }

    fn visit_none<E>(self) -> std::result::Result<Kind, E> {
        Ok(Kind::Leaf)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Kind, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Kind::Leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, text: &str, steps: &[Step]) -> String {
        Source::new(Path::new(path), text).place(steps).expect("a place").to_string()
    }

    fn key(name: &str) -> Step {
        Step::Key(name.to_owned())
    }

    #[test]
    fn a_value_is_found_in_json_and_in_yaml() {
        let json = "\u{feff}{\n  \"family\": \"ä\", \"list\": [\n\t{\"a\": 1},\n    {\"é\": \"ü\", \"name\": true}]\n}";
        let name = [key("list"), Step::Index(1), key("name")];
        assert_eq!(place("t.json", json, &name), "4:24");
        assert_eq!(place("t.json", json, &[]), "1:1");
        let beyond = [key("list"), Step::Index(1), key("none"), key("more")];
        assert_eq!(place("t.json", json, &beyond), "4:5");
        let yaml = "family: a\nlist:\n  - a: 1\n  - é: ü\n    name: true\n";
        assert_eq!(place("t.yml", yaml, &name), "5:11");
        assert_eq!(place("t.yml", yaml, &[key("family")]), "1:9");
    }
}
