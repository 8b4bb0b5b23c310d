//! [`Source`]: a definition file.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::{Node, Place, Step};
use crate::config::yaml_error;
use crate::error::{Error, Result};

/// A JSON or YAML file that was read; YAML by the endings `.yml` and `.yaml`.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    text: String,
    is_yaml: bool,
    tree: OnceLock<Option<Node>>,
}

impl Source {
    /// Takes the text of a file over. A byte-order mark, which editors on Windows write and JSON does not allow, goes.
    pub fn new(path: &Path, text: &str) -> Self {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        Self { path: path.to_owned(), text, is_yaml: matches!(ending, "yml" | "yaml"), tree: OnceLock::new() }
    }

    /// The same for a file that is YAML whatever its name is.
    pub fn yaml(path: &Path, text: &str) -> Self {
        Self { is_yaml: true, ..Self::new(path, text) }
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

    /// What is in it, as values of a type. The type is not read from YAML itself, which would take a reader of YAML for
    /// each type. `hint` says what to do about a value of another type.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) with `path:line:column` of what is wrong.
    pub fn read<T: DeserializeOwned>(&self, hint: &str) -> Result<T> {
        serde_path_to_error::deserialize(self.value()?).map_err(|error| {
            let steps: Vec<Step> = error.path().iter().filter_map(step).collect();
            let place = self.place(&steps).map_or_else(String::new, |place| format!(":{place}"));
            Error::usage(format!("{}{place}: {}", self.path.display(), error.inner())).hint(hint)
        })
    }

    /// Where the value at the end of these steps stands, or the nearest value around it that there is.
    pub fn place(&self, steps: &[Step]) -> Option<Place> {
        let read = || if self.is_yaml { Node::of_yaml(&self.text) } else { Node::of_json(&self.text) };
        Some(self.tree.get_or_init(read).as_ref()?.at(steps).place)
    }

    /// The line of [`place`](Self::place); 0 where that is not known.
    pub fn line(&self, steps: &[Step]) -> usize {
        self.place(steps).map_or(0, |place| place.line)
    }
}

fn step(segment: &Segment) -> Option<Step> {
    match segment {
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Enum { .. } | Segment::Unknown => None,
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

    #[test]
    fn a_wrong_value_is_told_where_it_stands() {
        #[derive(Debug, serde::Deserialize)]
        struct Job {
            #[expect(dead_code, reason = "it is never read")]
            steps: Vec<String>,
        }
        let refusal = |path: &str, text: &str| match Source::new(Path::new(path), text)
            .read::<indexmap::IndexMap<String, Job>>("-")
        {
            Ok(jobs) => panic!("{jobs:?} was taken"),
            Err(error) => error.to_string(),
        };
        let told = refusal("w.yml", "build:\n  steps:\n    - a\n    - { b: c }\n");
        assert_eq!(told, "w.yml:4:7: invalid type: map, expected a string");
        let told = refusal("w.json", "{\"build\": {\n  \"steps\": 1}}");
        assert_eq!(told, "w.json:2:12: invalid type: integer `1`, expected a sequence");
        let told = refusal("w.yml", "build:\n  step: []\n");
        assert_eq!(told, "w.yml:2:3: missing field `steps`");
        assert!(refusal("w.yml", "a: [\n").starts_with("w.yml:"));
    }
}
