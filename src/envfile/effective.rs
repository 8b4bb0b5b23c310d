//! The variables that a container has in the end, and how they change. Values are compared here and go nowhere.

use std::collections::{BTreeMap, BTreeSet};

use landfall_envfile::{Variable, shown};
use serde_json::{Map, Value};

use crate::event::{ContainerVariables, EffectiveVariable, VariableChange, VariableSource};
use crate::secret::Secret;

/// What is in an env file that a task definition names.
#[derive(Debug, Clone)]
pub enum Content {
    /// Its variables, the empty ones too, and what to call it.
    Read {
        /// The local file, or the ARN.
        label: String,
        /// In any order; names are unique.
        variables: Vec<Variable>,
    },
    /// It could not be read: why.
    Unread(String),
}

/// Everything that sets variables of one container.
#[derive(Debug, Default)]
pub struct Sources {
    /// By name, the strongest first.
    set: BTreeMap<String, Vec<(VariableSource, Secret)>>,
    /// Env files that could not be read.
    unread: Vec<String>,
}

impl Sources {
    /// What a container definition sets. `content` knows env files by their ARN.
    ///
    /// `environment` beats every file, and of the files the first one that has a name (facts 2.3). An empty value of
    /// a file sets nothing on Fargate (facts 2.2).
    pub fn of(container: &Map<String, Value>, content: impl Fn(&str) -> Option<Content>) -> Self {
        let mut sources = Self::default();
        let entries = |key: &str| container.get(key).and_then(Value::as_array).into_iter().flatten();
        let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        for entry in entries("secrets") {
            if let (Some(name), Some(value_from)) = (text(entry, "name"), text(entry, "valueFrom")) {
                let value = Secret::new(value_from.clone());
                sources.add(name, VariableSource::Secret { value_from }, value);
            }
        }
        for entry in entries("environment") {
            if let (Some(name), Some(value)) = (text(entry, "name"), text(entry, "value")) {
                sources.add(name, VariableSource::Environment, Secret::new(value));
            }
        }
        for arn in entries("environmentFiles").filter_map(|entry| text(entry, "value")) {
            match content(&arn) {
                Some(Content::Read { label, variables }) => {
                    for variable in variables.into_iter().filter(|v| !v.value.expose().is_empty()) {
                        let file = VariableSource::EnvFile { file: label.clone() };
                        sources.add(variable.name, file, variable.value);
                    }
                }
                Some(Content::Unread(why)) => sources.unread.push(format!("{arn}: {why}")),
                None => sources.unread.push(format!("{arn}: it was not read")),
            }
        }
        sources
    }

    fn add(&mut self, name: String, source: VariableSource, value: Secret) {
        self.set.entry(name).or_default().push((source, value));
    }

    fn winner(&self, name: &str) -> Option<&(VariableSource, Secret)> {
        self.set.get(name)?.first()
    }
}

/// What a container has now beside what it will have.
pub fn compare(container: &str, before: &Sources, after: &Sources) -> ContainerVariables {
    let names: BTreeSet<&String> = before.set.keys().chain(after.set.keys()).collect();
    let variables = names.into_iter().filter_map(|name| {
        let (old, new) = (before.winner(name), after.winner(name));
        let change = match (old, new) {
            (Some((from, old)), Some((to, new))) => {
                let secret = |source: &VariableSource| matches!(source, VariableSource::Secret { .. });
                if old == new && secret(from) == secret(to) {
                    VariableChange::Unchanged
                } else {
                    VariableChange::Changed
                }
            }
            (None, Some(_)) if before.unread.is_empty() => VariableChange::Added,
            (Some(_), None) if after.unread.is_empty() => VariableChange::Removed,
            _ => VariableChange::Unknown,
        };
        let sources = if new.is_some() { after } else { before };
        let mut sources = sources.set.get(name)?.iter().map(|(source, _)| source.clone());
        Some(EffectiveVariable {
            name: shown(name).unwrap_or("(not shown)").to_owned(),
            from: sources.next()?,
            hidden: if new.is_some() { sources.collect() } else { Vec::new() },
            change,
        })
    });
    let unread: BTreeSet<&String> = before.unread.iter().chain(&after.unread).collect();
    ContainerVariables {
        container: container.to_owned(),
        variables: variables.collect(),
        unread: unread.into_iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(label: &str, variables: &[(&str, &str)]) -> Content {
        let variable = |(name, value): &(&str, &str)| Variable {
            name: (*name).to_owned(),
            value: Secret::new(*value),
            line: 1,
        };
        Content::Read { label: label.to_owned(), variables: variables.iter().map(variable).collect() }
    }

    fn sources(container: Value) -> Sources {
        let Value::Object(container) = container else { panic!("an object") };
        Sources::of(&container, |arn| match arn {
            "old" => Some(file("old", &[("A", "1"), ("B", "1"), ("GONE", "1"), ("EMPTY", "")])),
            "new" => Some(file(".env", &[("A", "1"), ("B", "2"), ("NEW", "1"), ("can ary", "x")])),
            "more" => Some(file("more", &[("B", "3"), ("LEVEL", "3")])),
            "closed" => Some(Content::Unread("s3:GetObject is denied".to_owned())),
            _ => None,
        })
    }

    fn told(variables: &ContainerVariables) -> Vec<String> {
        variables.variables.iter().map(|v| format!("{} {:?} {}", v.name, v.change, v.hidden.len())).collect()
    }

    #[test]
    fn the_strongest_source_wins_and_changes_are_told_without_values() {
        let before = sources(json!({
            "environment": [{"name": "LEVEL", "value": "info"}, {"name": "EMPTY", "value": ""}],
            "secrets": [{"name": "KEY", "valueFrom": "/a"}],
            "environmentFiles": [{"value": "old"}]
        }));
        let after = sources(json!({
            "environment": [{"name": "LEVEL", "value": "debug"}],
            "secrets": [{"name": "KEY", "valueFrom": "/b"}],
            "environmentFiles": [{"value": "new"}, {"value": "more"}]
        }));
        let compared = compare("web", &before, &after);
        assert_eq!(
            told(&compared),
            [
                "A Unchanged 0",
                "B Changed 1",
                "EMPTY Removed 0",
                "GONE Removed 0",
                "KEY Changed 0",
                "LEVEL Changed 1",
                "NEW Added 0",
                "(not shown) Added 0",
            ]
        );
        assert_eq!(compared.variables[1].from, VariableSource::EnvFile { file: ".env".to_owned() });
    }

    #[test]
    fn what_was_not_read_leaves_things_unknown() {
        let before = sources(json!({"environmentFiles": [{"value": "closed"}]}));
        let after = sources(json!({"environmentFiles": [{"value": "more"}, {"value": "lost"}]}));
        let compared = compare("web", &before, &after);
        assert_eq!(told(&compared), ["B Unknown 0", "LEVEL Unknown 0"]);
        assert_eq!(compared.unread, ["closed: s3:GetObject is denied", "lost: it was not read"]);
    }
}
