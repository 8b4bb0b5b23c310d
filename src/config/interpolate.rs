//! `${NAME}`, `${NAME:-default}` and `${NAME:?message}` in the values of the configuration.
//!
//! The YAML parser's own replacement is not used: it leaves quoted values alone, and it replaces before
//! the type of a value is decided, so that a commit id of digits and an `e` would become a number.

use std::collections::HashMap;

/// Why a text cannot be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unresolved {
    /// The expression, for finding its line.
    pub expression: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Replaces every expression in `text`; `$$` is a dollar sign, and a single one stays.
pub(super) fn interpolate(text: &str, variables: &HashMap<String, String>) -> Result<String, Unresolved> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some(body) = rest.strip_prefix("${") {
            let end = body.find('}').ok_or_else(|| Unresolved {
                expression: rest.to_owned(),
                message: "`${` has no `}`".to_owned(),
                hint: "Write ${NAME}, or $${ for the characters themselves.".to_owned(),
            })?;
            out.push_str(&resolve(&body[..end], variables)?);
            rest = &body[end + 1..];
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn resolve(body: &str, variables: &HashMap<String, String>) -> Result<String, Unresolved> {
    let unresolved =
        |message: String, hint: String| Unresolved { expression: format!("${{{body}}}"), message, hint };
    let (name, otherwise) = match body.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (body, None),
    };
    let mut characters = name.chars();
    let valid = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    let operator = otherwise.and_then(|rest| rest.chars().next());
    if !valid || !matches!(operator, None | Some('-' | '?')) || otherwise == Some("") {
        return Err(unresolved(
            format!("`${{{body}}}` is not known"),
            "Write ${NAME}, ${NAME:-default} or ${NAME:?message}; $${ is for the characters themselves."
                .to_owned(),
        ));
    }
    // `:-` and `:?` take an empty variable for one that is not set, as shells do.
    match (variables.get(name), otherwise) {
        (Some(value), None) => Ok(value.clone()),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value.clone()),
        (_, Some(rest)) if operator == Some('-') => Ok(rest[1..].to_owned()),
        (_, Some(rest)) => Err(unresolved(
            format!("the environment variable `{name}` is not set: {}", rest[1..].trim()),
            format!("Set {name}."),
        )),
        (None, None) => Err(unresolved(
            format!("the environment variable `{name}` is not set"),
            format!("Set it, or write ${{{name}:-default}}."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_replaced_once_and_nothing_else_is() {
        let variables = [("A", "1"), ("NESTED", "${A}"), ("EMPTY", "")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (text, expected) in [
            ("x${A}y", "x1y"),
            ("${NESTED}", "${A}"),
            ("${NONE:-d:e}", "d:e"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY}", ""),
            ("$A $1 $", "$A $1 $"),
            ("$${A} a$$b", "${A} a$b"),
        ] {
            assert_eq!(interpolate(text, &variables).as_deref(), Ok(expected), "{text}");
        }
        for text in
            ["${NONE}", "${NONE:?why}", "${EMPTY:?why}", "${", "${}", "${1A}", "${A:}", "${A:+x}", "${A B}"]
        {
            assert!(interpolate(text, &variables).is_err(), "{text}");
        }
    }
}
