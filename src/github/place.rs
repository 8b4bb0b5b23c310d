//! Where in a file of the repository something stands.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::shape::{Source, Step};

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From the folder in which the repository is checked out, with `/`.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// From paths as this process understands them to those of the repository.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    /// Where this process runs.
    pub current: PathBuf,
    /// Where the repository is checked out; `None` outside GitHub Actions, where the current folder stands for it.
    pub workspace: Option<PathBuf>,
}

impl Folders {
    /// The name of a file in the repository; `None` for one that is elsewhere.
    pub fn in_repository(&self, file: &str) -> Option<String> {
        let workspace = normal(self.workspace.as_ref().unwrap_or(&self.current));
        let path = normal(&self.current.join(file));
        let inner = path.strip_prefix(&workspace).ok()?;
        let parts: Vec<&str> = inner.components().filter_map(|part| part.as_os_str().to_str()).collect();
        (!parts.is_empty()).then(|| parts.join("/"))
    }

    /// A place in a file of this process; `None` for a file outside the repository.
    pub fn place(&self, file: &str, line: usize, column: usize) -> Option<Place> {
        Some(Place { file: self.in_repository(file)?, line, column })
    }

    /// The place at which a message of ours begins (`FILE:LINE:COLUMN: `), and the rest of the message. The file has to
    /// be there: a message of somebody else may look alike.
    pub fn place_of_message<'a>(&self, message: &'a str) -> Option<(Place, &'a str)> {
        let mut from = 0;
        while let Some(at) = message[from..].find(':').map(|at| from + at) {
            let file = &message[..at];
            if let Some((line, column, rest)) = numbers(&message[at..])
                && !file.is_empty()
                && self.current.join(file).is_file()
            {
                return Some((self.place(file, line, column)?, rest));
            }
            from = at + 1;
        }
        None
    }

    /// The line of a task definition that a problem is about: the path in its message (`containerDefinitions[0].image`),
    /// or the container or volume that its subject names.
    pub fn place_in_definition(&self, file: &str, code: &str, subject: &str, message: &str) -> Option<Place> {
        let text = std::fs::read_to_string(self.current.join(file)).ok()?;
        let source = Source::new(Path::new(file), &text);
        let place = source.place(&steps(&source.value().ok()?, code, subject, message)?)?;
        self.place(file, place.line, place.column)
    }
}

/// `:12:5: text` as 12, 5 and the text.
fn numbers(text: &str) -> Option<(usize, usize, &str)> {
    let (line, rest) = text.strip_prefix(':')?.split_once(':')?;
    let (column, rest) = rest.split_once(": ")?;
    Some((line.parse().ok()?, column.parse().ok()?, rest))
}

/// Without `.` and `..`, by the names alone: links are followed by nobody who reads annotations.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(out.pop()),
            part => out.push(part),
        }
    }
    out
}

/// The way to what a problem is about; `None` where that is not in the document.
fn steps(document: &Value, code: &str, subject: &str, message: &str) -> Option<Vec<Step>> {
    let (wrapper, definition) = match document.get("taskDefinition") {
        Some(inner) if inner.is_object() => (Some(Step::Key("taskDefinition".to_owned())), inner),
        _ => (None, document),
    };
    let found = path_in(message)
        .or_else(|| named(definition, "containerDefinitions", subject, "container ", Some(field_of(code))))
        .or_else(|| named(definition, "volumes", subject, "volume ", None))
        .or_else(|| subject.starts_with("task definition").then(Vec::new))?;
    Some(wrapper.into_iter().chain(found).collect())
}

/// The element of a list whose name stands behind a word in the subject: `secret DB of container web`.
fn named(
    definition: &Value,
    list: &str,
    subject: &str,
    word: &str,
    field: Option<&str>,
) -> Option<Vec<Step>> {
    let name = subject.rsplit_once(word)?.1;
    let elements = definition.get(list)?.as_array()?;
    let index =
        elements.iter().position(|element| element.get("name").and_then(Value::as_str) == Some(name))?;
    let mut steps = vec![Step::Key(list.to_owned()), Step::Index(index)];
    // An element that has no such field is told by its own place.
    let field = field.filter(|field| elements[index].get(field).is_some()).unwrap_or("name");
    steps.push(Step::Key(field.to_owned()));
    Some(steps)
}

/// The field of a container that a check is about.
fn field_of(code: &str) -> &'static str {
    const FIELDS: [(&str, &str); 12] = [
        ("image", "image"),
        ("registry", "repositoryCredentials"),
        ("secret", "secrets"),
        ("parameter", "secrets"),
        ("env-file", "environmentFiles"),
        ("log", "logConfiguration"),
        ("health-check", "healthCheck"),
        ("depends", "dependsOn"),
        ("port", "portMappings"),
        ("memory", "memory"),
        ("cpu", "cpu"),
        ("size", "memory"),
    ];
    FIELDS.iter().find(|(part, _)| code.contains(part)).map_or("name", |(_, field)| field)
}

/// The first `containerDefinitions[0].dependsOn[1]` or the like in a text.
fn path_in(message: &str) -> Option<Vec<Step>> {
    let start = ["containerDefinitions[", "volumes["].iter().filter_map(|list| message.find(list)).min()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '[' | ']');
    let text = &message[start..];
    let text = &text[..text.find(|c| !allowed(c)).unwrap_or(text.len())];
    let mut steps = Vec::new();
    for part in text.trim_end_matches('.').split('.') {
        let mut pieces = part.split('[');
        steps.push(Step::Key(pieces.next().filter(|key| !key.is_empty())?.to_owned()));
        for index in pieces {
            steps.push(Step::Index(index.strip_suffix(']')?.parse().ok()?));
        }
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(current: &str, workspace: &str) -> Folders {
        Folders { current: current.into(), workspace: Some(workspace.into()) }
    }

    #[test]
    fn files_are_named_from_the_root_of_the_repository() {
        let inner = folders("/repo/infra", "/repo/");
        assert_eq!(inner.in_repository("../.env").as_deref(), Some(".env"));
        assert_eq!(inner.in_repository("./a/b.json").as_deref(), Some("infra/a/b.json"));
        assert_eq!(inner.in_repository("/repo/x").as_deref(), Some("x"));
        assert_eq!(inner.in_repository("../../secret"), None);
        assert_eq!(inner.in_repository("/etc/passwd"), None);
        let outside = Folders { current: "/elsewhere".into(), workspace: None };
        assert_eq!(outside.in_repository("a.env").as_deref(), Some("a.env"));
    }

    #[test]
    fn a_message_of_ours_begins_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.json"), "").unwrap();
        let folders = Folders { current: folder.path().into(), workspace: None };
        let (place, rest) = folders.place_of_message("t.json:3:12: `cpu` is wrong: no").unwrap();
        assert_eq!(
            (place.file.as_str(), place.line, place.column, rest),
            ("t.json", 3, 12, "`cpu` is wrong: no")
        );
        for message in
            ["none.json:3:12: x", "t.json: x", "t.json:3: x", ":1:2: x", "", "arn:aws:s3:::b", "é:1:1: x"]
        {
            assert_eq!(folders.place_of_message(message), None, "{message}");
        }
    }

    const DEFINITION: &str = r#"{
  "family": "web",
  "containerDefinitions": [
    {"name": "init", "image": "busybox"},
    {"name": "web",
     "image": "x:1",
     "dependsOn": [
       {"containerName": "init", "condition": "SUCCESS"}],
     "secrets": []}
  ],
  "volumes": [
    {"name": "data"}]
}"#;

    fn place(code: &str, subject: &str, message: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.json"), DEFINITION).unwrap();
        let folders = Folders { current: folder.path().into(), workspace: None };
        let place = folders.place_in_definition("t.json", code, subject, message)?;
        Some(format!("{}:{}:{}", place.file, place.line, place.column))
    }

    #[test]
    fn a_problem_is_traced_to_its_line() {
        for (code, subject, message, expected) in [
            ("image-not-found", "container web", "the image x:1 does not exist", "t.json:6:15"),
            ("secrets", "secret DB of container web", "there is no secret", "t.json:9:17"),
            ("log-group", "container web", "there is no log group", "t.json:5:14"),
            (
                "depends-on",
                "container web",
                "containerDefinitions[1].dependsOn[0] waits for SUCCESS",
                "t.json:8:8",
            ),
            ("volumes", "volume data", "it is odd", "t.json:12:14"),
            ("task-size", "task definition", "no such size", "t.json:1:1"),
        ] {
            assert_eq!(place(code, subject, message).as_deref(), Some(expected), "{code}");
        }
        for (subject, message) in
            [("subnet subnet-1", "no way"), ("container gone", "?"), ("volume", "volumes[x]")]
        {
            assert_eq!(place("x", subject, message), None, "{subject}");
        }
    }
}
