//! Expressions in a task definition or a service definition.

use std::collections::BTreeSet;

use serde_json::Value;

use super::expression::{Lookup, Reading, Unresolved, Values, is_one_expression, substitute, wanted};

/// The lookups that a document wants.
pub fn wanted_by_document(document: &Value) -> BTreeSet<Lookup> {
    let mut all = BTreeSet::new();
    let mut copy = document.clone();
    // Nothing is changed, so that nothing can fail.
    let _ = each_text(&mut copy, &mut |_, _, text, reading| {
        all.extend(wanted(text.as_str().unwrap_or_default(), reading));
        Ok::<(), ()>(())
    });
    all
}

/// Replaces the expressions in every text of a document but its keys. A text that is nothing but one expression
/// becomes a number or a boolean where ECS wants one.
///
/// # Errors
/// The first expression that cannot be replaced, and the number of its text among all of them.
pub fn substitute_document(document: &mut Value, values: Values<'_>) -> Result<(), (usize, Unresolved)> {
    each_text(document, &mut |index, key, value, reading| {
        let text = value.as_str().unwrap_or_default();
        if !text.contains('$') {
            return Ok(());
        }
        let replaced = substitute(text, reading, values).map_err(|unresolved| (index, unresolved))?;
        *value = typed(key, is_one_expression(text, reading), replaced);
        Ok(())
    })
}

/// Makes a document that is read as a file with expressions come out as it is.
pub fn escape_document(document: &mut Value) {
    map_texts(document, &mut |text, reading| match reading {
        Reading::Value => escape(text),
        Reading::Shell => text.to_owned(),
    });
}

/// Replaces every text of a document but its keys.
pub fn map_texts(document: &mut Value, map: &mut impl FnMut(&str, Reading) -> String) {
    // Nothing can fail.
    let _ = each_text(document, &mut |_, _, value, reading| {
        if let Value::String(text) = value {
            *text = map(text, reading);
        }
        Ok::<(), ()>(())
    });
}

/// A text that [`substitute`] makes this one of.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        out.push(c);
        if c == '$' && matches!(rest.peek(), Some('$' | '{')) {
            out.push('$');
        }
    }
    out
}

/// Fields of RegisterTaskDefinition and CreateService that are numbers. `cpu` and `memory` are texts for the task and
/// numbers for a container, and are told apart by where they stand.
const NUMBERS: [&str; 29] = [
    "containerPort",
    "hostPort",
    "memoryReservation",
    "startTimeout",
    "stopTimeout",
    "interval",
    "timeout",
    "retries",
    "startPeriod",
    "softLimit",
    "hardLimit",
    "sharedMemorySize",
    "maxSwap",
    "swappiness",
    "sizeInGiB",
    "transitEncryptionPort",
    "restartAttemptPeriod",
    "desiredCount",
    "healthCheckGracePeriodSeconds",
    "maximumPercent",
    "minimumHealthyPercent",
    "bakeTimeInMinutes",
    "base",
    "weight",
    "port",
    "ingressPortOverride",
    "size",
    "iops",
    "throughput",
];

/// Fields that are true or false.
const BOOLEANS: [&str; 13] = [
    "essential",
    "privileged",
    "readonlyRootFilesystem",
    "interactive",
    "pseudoTerminal",
    "disableNetworking",
    "initProcessEnabled",
    "readOnly",
    "autoprovision",
    "enabled",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "enableFaultInjection",
];

fn typed(key: Key<'_>, whole: bool, text: String) -> Value {
    let Key { name, in_container } = key;
    let is_number = NUMBERS.contains(&name) || (in_container && matches!(name, "cpu" | "memory"));
    if whole
        && is_number
        && let Ok(number) = text.trim().parse::<i64>()
    {
        return Value::from(number);
    }
    if whole
        && BOOLEANS.contains(&name)
        && let Ok(value) = text.trim().parse::<bool>()
    {
        return Value::from(value);
    }
    Value::String(text)
}

/// The key that a text stands under.
#[derive(Clone, Copy)]
struct Key<'a> {
    name: &'a str,
    /// It is a field of a container definition itself.
    in_container: bool,
}

/// Calls `act` with each text of a document, in order, numbered from 0.
fn each_text<E>(
    document: &mut Value,
    act: &mut impl FnMut(usize, Key<'_>, &mut Value, Reading) -> Result<(), E>,
) -> Result<(), E> {
    let mut walk = Walk { next: 0, act };
    let top = Key { name: "", in_container: false };
    walk.value(document, top, Reading::Value)
}

struct Walk<'a, F> {
    next: usize,
    act: &'a mut F,
}

impl<F> Walk<'_, F> {
    fn value<E>(&mut self, value: &mut Value, key: Key<'_>, reading: Reading) -> Result<(), E>
    where
        F: FnMut(usize, Key<'_>, &mut Value, Reading) -> Result<(), E>,
    {
        match value {
            Value::String(_) => {
                let index = self.next;
                self.next += 1;
                (self.act)(index, key, value, reading)
            }
            Value::Array(list) => {
                let is_container = key.name == "containerDefinitions";
                let mut list = list.iter_mut();
                list.try_for_each(|item| match is_container {
                    true => self.container(item),
                    // Of `dependsOn` and the like, only the key of the list itself counts.
                    false => self.value(item, Key { in_container: false, ..key }, reading),
                })
            }
            Value::Object(fields) => fields
                .iter_mut()
                .try_for_each(|(name, value)| self.value(value, Key { name, in_container: false }, reading)),
            _ => Ok(()),
        }
    }

    fn container<E>(&mut self, container: &mut Value) -> Result<(), E>
    where
        F: FnMut(usize, Key<'_>, &mut Value, Reading) -> Result<(), E>,
    {
        let by_shell = ["entryPoint", "command"].iter().any(|key| runs_a_shell(container.get(key)));
        let check_by_shell = runs_a_shell(container.pointer("/healthCheck/command"));
        let reading = |by_shell: bool| if by_shell { Reading::Shell } else { Reading::Value };
        let Value::Object(fields) = container else {
            return self.value(container, Key { name: "", in_container: false }, Reading::Value);
        };
        fields.iter_mut().try_for_each(|(name, value)| {
            let reading = match name.as_str() {
                "entryPoint" | "command" => reading(by_shell),
                "healthCheck" => reading(check_by_shell),
                _ => Reading::Value,
            };
            self.value(value, Key { name, in_container: true }, reading)
        })
    }
}

/// Whether a command is given to a shell: `["CMD-SHELL", ...]`, `["sh", "-c", ...]`, `["/bin/bash", ...]`.
fn runs_a_shell(command: Option<&Value>) -> bool {
    let words = command.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut words = words.map(|word| word.rsplit('/').next().unwrap_or(word));
    words.any(|word| matches!(word, "CMD-SHELL" | "sh" | "bash" | "ash" | "dash" | "ksh" | "zsh" | "busybox"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::expression::Found;
    use super::*;

    fn replaced(mut document: Value) -> Result<Value, (usize, Unresolved)> {
        let variables = [("A", "x\"y\\"), ("PORT", "8080"), ("YES", "true"), ("CPU", "256")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        substitute_document(&mut document, Values { variables: &variables, found: &Found::new() })?;
        Ok(document)
    }

    #[test]
    fn values_are_replaced_and_keys_are_not() {
        let document = json!({ "family": "a-${A}", "tags": [{ "key": "${A}", "${A}": "$$${A}" }] });
        let expected = json!({ "family": "a-x\"y\\", "tags": [{ "key": "x\"y\\", "${A}": "$x\"y\\" }] });
        assert_eq!(replaced(document).unwrap(), expected);
    }

    #[test]
    fn what_is_escaped_comes_out_as_it_was() {
        for text in ["$", "$$", "$$$", "${A}", "$${A}", "a$b", "$$x${", "$(date)", "${env:A}"] {
            let document = json!({ "a": text, "command": ["sh", text] });
            let mut escaped = document.clone();
            escape_document(&mut escaped);
            assert_eq!(replaced(escaped).unwrap(), document, "{text}");
        }
    }

    #[test]
    fn numbers_and_booleans_are_what_ecs_wants() {
        let document = json!({
            "cpu": "${CPU}",
            "containerDefinitions": [{
                "name": "${PORT}", "cpu": "${CPU}", "essential": "${YES}",
                "portMappings": [{ "containerPort": "${PORT}", "protocol": "tcp" }],
                "environment": [{ "name": "PORT", "value": "${PORT}" }],
                "stopTimeout": "${A}"
            }]
        });
        let expected = json!({
            "cpu": "256",
            "containerDefinitions": [{
                "name": "8080", "cpu": 256, "essential": true,
                "portMappings": [{ "containerPort": 8080, "protocol": "tcp" }],
                "environment": [{ "name": "PORT", "value": "8080" }],
                // ECS says what is wrong with it.
                "stopTimeout": "x\"y\\"
            }]
        });
        assert_eq!(replaced(document).unwrap(), expected);
    }

    #[test]
    fn what_a_shell_reads_is_left_to_it() {
        let container = |entry: Value, command: Value| {
            let document = json!({ "containerDefinitions": [{ "entryPoint": entry, "command": command }] });
            replaced(document).map(|document| document["containerDefinitions"][0]["command"].clone())
        };
        assert_eq!(
            container(json!(["/bin/sh", "-c"]), json!(["serve ${PORT} $$ ${env:PORT} ${HOME:-/}"])).unwrap(),
            json!(["serve ${PORT} $$ 8080 ${HOME:-/}"])
        );
        assert_eq!(container(json!([]), json!(["bash", "-c", "${HOME}"])).unwrap()[2], "${HOME}");
        assert_eq!(container(json!([]), json!(["serve", "${PORT}"])).unwrap(), json!(["serve", "8080"]));
        assert_eq!(container(json!([]), json!(["serve", "${HOME}"])).unwrap_err().0, 1);
        let check = |kind: &str| {
            let check = json!({ "command": [kind, "curl localhost:${PORT}"], "interval": "${PORT}" });
            replaced(json!({ "containerDefinitions": [{ "healthCheck": check }] })).unwrap()
                ["containerDefinitions"][0]["healthCheck"]
                .clone()
        };
        assert_eq!(check("CMD-SHELL")["command"][1], "curl localhost:${PORT}");
        assert_eq!(check("CMD")["command"][1], "curl localhost:8080");
        assert_eq!(check("CMD")["interval"], 8080);
    }
}
