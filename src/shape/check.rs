//! Walking through a document beside its shape.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};

use super::placeholder::placeholder;
use super::table::{Shape, named};
use crate::error::Error;
use crate::written::{Place, Source, Step};

/// What a document is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// RegisterTaskDefinition takes it.
    TaskDefinition,
    /// CreateService takes it, or UpdateService.
    Service,
}

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// A field that has to be there is not.
    Missing,
    /// AWS wants another type.
    WrongType,
    /// Two of a name where each has one of its own.
    Duplicate,
    /// A placeholder that nobody replaced.
    Placeholder,
    /// AWS's model knows no such field; a newer one may.
    UnknownField,
    /// AWS's model knows no such value; a newer one may.
    UnknownValue,
}

impl Trouble {
    /// Whether AWS is certain to refuse the document.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Missing | Self::WrongType | Self::Duplicate | Self::Placeholder)
    }

    /// Its stable name: `wrong-type`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing-field",
            Self::WrongType => "wrong-type",
            Self::Duplicate => "duplicate-name",
            Self::Placeholder => "placeholder",
            Self::UnknownField => "unknown-field",
            Self::UnknownValue => "unknown-value",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What kind it is.
    pub trouble: Trouble,
    /// Where, in the terms of the document: `containerDefinitions[0].image`.
    pub path: String,
    /// Where in the file.
    pub place: Option<Place>,
    /// What is wrong, for a person. It repeats no value but placeholders and names of fields.
    pub message: String,
}

impl Remark {
    /// The same as an error of the file.
    pub fn into_error(self, path: &Path) -> Error {
        let hint = match self.trouble {
            Trouble::Placeholder => "Write the value there, or ${NAME} for a variable of the environment.",
            Trouble::Missing => "AWS refuses the document without it.",
            _ => "Correct it: AWS refuses the document as it is.",
        };
        Error::usage(format!("{}:{self}", path.display())).hint(hint)
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{} [{}]", self.message, self.trouble.code())
    }
}

/// Fields that `aws ecs describe-task-definition` prints and RegisterTaskDefinition does not take: they are dropped on
/// loading (facts 8.1).
const DESCRIBED: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// Texts in these are for a program, which has its own use of `$`, `<` and `%`.
const FOR_PROGRAMS: [&str; 5] = ["command", "entryPoint", "environment", "dockerLabels", "tags"];

/// Everything that is wrong with the form of a document, in its order. One level of `{"taskDefinition": {...}}` is
/// looked into; what a deployment sets by itself (a container's image) may be missing or a placeholder.
pub fn check(source: &Source, value: &Value, document: Document) -> Vec<Remark> {
    let mut walk = Walk { source, steps: Vec::new(), remarks: Vec::new() };
    let (name, wrapper) = match document {
        Document::TaskDefinition => ("RegisterTaskDefinitionRequest", "taskDefinition"),
        Document::Service => ("CreateServiceRequest", "service"),
    };
    let shape = named(name);
    match value.get(wrapper) {
        Some(inner) if inner.is_object() => {
            walk.within(Step::Key(wrapper.to_owned()), |walk| walk.value(inner, shape, document));
        }
        _ => walk.value(value, shape, document),
    }
    if document == Document::TaskDefinition {
        walk.containers(
            value.get(wrapper).filter(|inner| inner.is_object()).unwrap_or(value),
            wrapper,
            value,
        );
    }
    walk.remarks.sort_by_key(|remark| remark.place);
    walk.remarks
}

struct Walk<'a> {
    source: &'a Source,
    steps: Vec<Step>,
    remarks: Vec<Remark>,
}

impl Walk<'_> {
    fn within(&mut self, step: Step, inside: impl FnOnce(&mut Self)) {
        self.steps.push(step);
        inside(self);
        self.steps.pop();
    }

    fn remark(&mut self, trouble: Trouble, message: String) {
        let place = self.source.place(&self.steps);
        self.remarks.push(Remark { trouble, path: path(&self.steps), place, message });
    }

    fn value(&mut self, value: &Value, shape: Shape<'_>, document: Document) {
        match (shape, value) {
            // `null` is as if it were not there: other tools write it, and AWS's own do not send it.
            (Shape::Any, _) | (_, Value::Null) => {}
            (Shape::Text, Value::String(text)) => self.text(text),
            (Shape::Text, Value::Number(_) | Value::Bool(_)) if self.is_made_text() => {}
            (Shape::OneOf(known), Value::String(text)) => {
                if !known.split(' ').any(|known| known == text) {
                    if placeholder(text).is_some() {
                        return self.text(text);
                    }
                    let known: Vec<&str> = known.split(' ').collect();
                    let name = path(&self.steps);
                    self.remark(
                        Trouble::UnknownValue,
                        format!(
                            "`{name}` is a value that AWS's model does not know; it knows {}",
                            known.join(", ")
                        ),
                    );
                }
            }
            (Shape::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {}
            (Shape::Number, Value::Number(_)) | (Shape::Boolean, Value::Bool(_)) => {}
            (Shape::List(inner), Value::Array(list)) => {
                for (index, value) in list.iter().enumerate() {
                    self.within(Step::Index(index), |walk| walk.value(value, Shape::of(inner), document));
                }
            }
            (Shape::Map(inner), Value::Object(map)) => {
                for (key, value) in map {
                    let step = Step::Key(key.clone());
                    self.within(step, |walk| walk.value(value, Shape::of(inner), document));
                }
            }
            (Shape::Object(fields), Value::Object(map)) => self.object(map, fields, document),
            (shape, value) => {
                let name = path(&self.steps);
                let name = if name.is_empty() { "the document".to_owned() } else { format!("`{name}`") };
                self.remark(
                    Trouble::WrongType,
                    format!("{name} is {}, and AWS wants {}", kind(value), wanted(shape)),
                );
            }
        }
    }

    fn object(&mut self, map: &Map<String, Value>, fields: &Map<String, Value>, document: Document) {
        let is_top = self
            .steps
            .iter()
            .all(|step| matches!(step, Step::Key(key) if key == "taskDefinition" || key == "service"));
        for (key, value) in map {
            let entry = fields.get(key).or_else(|| fields.get(&format!("{key}!")));
            match entry {
                Some(entry) => {
                    self.within(Step::Key(key.clone()), |walk| walk.value(value, Shape::of(entry), document));
                }
                None if is_top && self.is_dropped(key, document) => {}
                None => {
                    let near = nearest(key, fields);
                    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                    self.within(Step::Key(key.clone()), |walk| {
                        walk.remark(
                            Trouble::UnknownField,
                            format!("`{key}` is a field that AWS's model does not know{near}"),
                        );
                    });
                }
            }
        }
        for name in fields.keys().filter_map(|name| name.strip_suffix('!')) {
            // A service's name may stand in the configuration.
            if document == Document::Service && is_top {
                continue;
            }
            if map.get(name).is_none_or(Value::is_null) {
                self.remark(Trouble::Missing, format!("`{}` is missing", joined(&self.steps, name)));
            }
        }
    }

    /// What loading a document takes away, because describing one has put it there.
    fn is_dropped(&self, key: &str, document: Document) -> bool {
        match document {
            Document::TaskDefinition => DESCRIBED.contains(&key),
            Document::Service => super::table::is_described_of_service(key),
        }
    }

    /// A number here becomes a text on loading: people write `cpu: 256` and `PORT: 8080`.
    fn is_made_text(&self) -> bool {
        match self.steps.as_slice() {
            [Step::Key(key)] => key == "cpu" || key == "memory",
            [.., Step::Key(list), Step::Index(_), Step::Key(key)] => list == "environment" && key == "value",
            [Step::Key(wrapper), Step::Key(key)] => {
                wrapper == "taskDefinition" && (key == "cpu" || key == "memory")
            }
            _ => false,
        }
    }

    fn text(&mut self, text: &str) {
        let key = |step: &Step| match step {
            Step::Key(key) => Some(key.as_str().to_owned()),
            Step::Index(_) => None,
        };
        if self.steps.iter().filter_map(key).any(|key| FOR_PROGRAMS.contains(&key.as_str())) {
            return;
        }
        // The image is what a deployment is there to replace.
        let is_image = matches!(self.steps.last(), Some(Step::Key(key)) if key == "image");
        if let Some(found) = placeholder(text).filter(|_| !is_image) {
            let name = path(&self.steps);
            self.remark(Trouble::Placeholder, format!("`{name}` has the placeholder `{found}`"));
        }
    }

    /// Names of containers: each has one, and no two the same.
    fn containers(&mut self, definition: &Value, wrapper: &str, root: &Value) {
        let Some(list) = definition.get("containerDefinitions").and_then(Value::as_array) else { return };
        let mut seen = HashSet::new();
        if !std::ptr::eq(definition, root) {
            self.steps.push(Step::Key(wrapper.to_owned()));
        }
        self.steps.push(Step::Key("containerDefinitions".to_owned()));
        if list.is_empty() {
            self.remark(Trouble::Missing, "`containerDefinitions` has no container".to_owned());
        }
        for (index, container) in list.iter().enumerate().filter(|(_, container)| container.is_object()) {
            self.steps.push(Step::Index(index));
            match container.get("name").and_then(Value::as_str) {
                None | Some("") => {
                    let name = joined(&self.steps, "name");
                    self.remark(Trouble::Missing, format!("`{name}` is missing"));
                }
                Some(name) if !seen.insert(name) => {
                    self.steps.push(Step::Key("name".to_owned()));
                    self.remark(Trouble::Duplicate, "two containers have the same name".to_owned());
                    self.steps.pop();
                }
                Some(_) => {}
            }
            self.steps.pop();
        }
        self.steps.clear();
    }
}

fn path(steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Key(key) if out.is_empty() => out.push_str(key),
            Step::Key(key) => {
                out.push('.');
                out.push_str(key);
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

fn joined(steps: &[Step], name: &str) -> String {
    let before = path(steps);
    if before.is_empty() { name.to_owned() } else { format!("{before}.{name}") }
}

fn nearest(key: &str, fields: &Map<String, Value>) -> Option<String> {
    let lower = key.to_lowercase();
    fields
        .keys()
        .map(|name| name.trim_end_matches('!'))
        .map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn wanted(shape: Shape<'_>) -> &'static str {
    match shape {
        Shape::Text | Shape::OneOf(_) => "a text",
        Shape::Integer => "a whole number without quotes",
        Shape::Number => "a number without quotes",
        Shape::Boolean => "true or false without quotes",
        Shape::Any => "anything",
        Shape::List(_) => "a list",
        Shape::Map(_) | Shape::Object(_) => "an object",
    }
}
