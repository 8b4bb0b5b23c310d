//! [`Source`]: a definition file.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

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
        let read = || if self.is_yaml { Node::of_yaml(&self.text) } else { Node::of_json(&self.text) };
        Some(self.tree.get_or_init(read).as_ref()?.at(steps).place)
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
