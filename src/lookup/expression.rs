//! `${...}` in a text.
//!
//! The YAML parser's own replacement is not used: it leaves quoted values alone, and it replaces before
//! the type of a value is decided, so that a commit id of digits and an `e` would become a number.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::error::{Error, ErrorKind};

/// What an expression asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    /// A variable of the environment.
    Variable { name: String, otherwise: Otherwise },
    /// Something that is described elsewhere.
    Lookup(Lookup),
}

/// What stands for a variable that is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Otherwise {
    /// Nothing: it must be set, and may be empty.
    Refuse,
    /// `:-`: this text, also for an empty variable.
    Default(String),
    /// `:?`: nothing, for this reason; an empty variable counts as not set.
    Message(String),
}

/// Something that is read at plan time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lookup {
    /// `${tfstate:ADDRESS}`, `${tfstate.SOURCE:ADDRESS}`
    State {
        /// The name under `tfstate`.
        source: Option<String>,
        /// `aws_lb.main.arn`, `output.vpc_id`
        address: String,
    },
    /// `${cfn:STACK.OUTPUT}`
    Stack {
        /// The stack's name.
        stack: String,
        /// The key of the output.
        output: String,
    },
    /// `${ssm:/NAME}`
    Parameter(String),
}

/// In what kind of text expressions stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Every `${...}` is an expression, and `$$` is a dollar sign.
    Value,
    /// What a shell in the container will read: `${NAME}` and `$$` are the shell's, and only `${env:NAME}` and lookups
    /// are replaced.
    Shell,
}

/// Why a lookup has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// What each lookup came to.
pub type Found = BTreeMap<Lookup, Result<String, NotFound>>;

/// What expressions are replaced from.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// The process environment.
    pub variables: &'a HashMap<String, String>,
    /// The lookups, all of which were looked up.
    pub found: &'a Found,
}

/// Why a text cannot be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// The expression as it is written, for finding its place.
    pub expression: String,
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Unresolved {
    /// The error, with its place in front: `landfall.yml:3:10`.
    pub fn into_error(self, place: &str) -> Error {
        Error::new(self.kind, format!("{place}: {}", self.message)).hint(self.hint)
    }
}

/// A part of a text.
enum Piece<'a> {
    Text(&'a str),
    /// As it is written, and what it says.
    Expression(&'a str, Result<Expression, Unresolved>),
}

/// The lookups in a text, as far as it can be read.
pub fn wanted(text: &str, reading: Reading) -> BTreeSet<Lookup> {
    let lookup = |piece: Piece<'_>| match piece {
        Piece::Expression(_, Ok(Expression::Lookup(lookup))) => Some(lookup),
        _ => None,
    };
    pieces(text, reading).into_iter().filter_map(lookup).collect()
}

/// Whether the whole text is one expression, so that its value may be something else than a text.
pub(super) fn is_one_expression(text: &str, reading: Reading) -> bool {
    matches!(pieces(text, reading).as_slice(), [Piece::Expression(..)])
}

/// Replaces every expression in `text`, each once: what a value contains is not read again.
///
/// # Errors
/// The first expression that cannot be replaced.
pub fn substitute(text: &str, reading: Reading, values: Values<'_>) -> Result<String, Unresolved> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text, reading) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Expression(written, expression) => out.push_str(&resolve(written, expression?, values)?),
        }
    }
    Ok(out)
}

fn pieces(text: &str, reading: Reading) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        if at > 0 {
            pieces.push(Piece::Text(&rest[..at]));
        }
        rest = &rest[at..];
        let length = match reading {
            Reading::Value if rest.starts_with("$$") => {
                pieces.push(Piece::Text("$"));
                2
            }
            Reading::Value if rest.starts_with("${") => {
                let (length, expression) = expression(rest);
                pieces.push(Piece::Expression(&rest[..length], expression));
                length
            }
            Reading::Shell if is_ours(rest) => {
                let (length, expression) = expression(rest);
                pieces.push(Piece::Expression(&rest[..length], expression));
                length
            }
            _ => {
                pieces.push(Piece::Text("$"));
                1
            }
        };
        rest = &rest[length..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// Whether a text begins with an expression that no shell has: one that names where its value comes from.
fn is_ours(text: &str) -> bool {
    let Some((name, rest)) = text.strip_prefix("${").and_then(|body| body.split_once(':')) else {
        return false;
    };
    is_origin(name) && !rest.starts_with(['-', '?', '=', '+'])
}

fn is_origin(name: &str) -> bool {
    matches!(name, "env" | "tfstate" | "cfn" | "ssm") || name.starts_with("tfstate.")
}

/// Reads the expression that a text begins with: how long it is, and what it says.
fn expression(text: &str) -> (usize, Result<Expression, Unresolved>) {
    let body = &text[2..];
    // An address may have a brace within quotes: aws_subnet.a["}"].id
    let quotes = is_ours(text);
    let mut quote = None;
    let end = body.char_indices().find(|&(_, c)| match quote {
        Some(open) => {
            if c == open {
                quote = None;
            }
            false
        }
        None if quotes && matches!(c, '"' | '\'') => {
            quote = Some(c);
            false
        }
        None => c == '}',
    });
    match end {
        Some((end, _)) => (end + 3, read(&body[..end])),
        None => {
            let unresolved = Unresolved {
                expression: text.to_owned(),
                kind: ErrorKind::Usage,
                message: "`${` has no `}`".to_owned(),
                hint: "Write ${NAME}, or $${ for the characters themselves.".to_owned(),
            };
            (text.len(), Err(unresolved))
        }
    }
}

/// Reads what stands between the braces.
fn read(body: &str) -> Result<Expression, Unresolved> {
    let unknown = |hint: &str| Unresolved {
        expression: format!("${{{body}}}"),
        kind: ErrorKind::Usage,
        message: format!("`${{{body}}}` is not known"),
        hint: hint.to_owned(),
    };
    let (name, rest) = match body.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (body, None),
    };
    if let Some(rest) = rest.filter(|rest| is_origin(name) && !rest.starts_with(['-', '?'])) {
        return match name {
            "env" => variable(rest)
                .ok_or_else(|| unknown("Write ${env:NAME}, ${env:NAME:-default} or ${env:NAME:?message}.")),
            "cfn" => match rest.split_once('.') {
                Some((stack, output)) if !stack.is_empty() && !output.is_empty() => {
                    Ok(Expression::Lookup(Lookup::Stack { stack: stack.into(), output: output.into() }))
                }
                _ => Err(unknown("Write ${cfn:STACK.OUTPUT}.")),
            },
            "ssm" if !rest.is_empty() => Ok(Expression::Lookup(Lookup::Parameter(rest.to_owned()))),
            "ssm" => Err(unknown("Write ${ssm:/NAME}.")),
            _ if rest.is_empty() => {
                Err(unknown("Write ${tfstate:ADDRESS}, for example ${tfstate:aws_lb.main.arn}."))
            }
            _ => {
                let source = name.strip_prefix("tfstate.").map(str::to_owned);
                Ok(Expression::Lookup(Lookup::State { source, address: rest.to_owned() }))
            }
        };
    }
    variable(body).ok_or_else(|| {
        unknown("Write ${NAME}, ${NAME:-default} or ${NAME:?message}; $${ is for the characters themselves.")
    })
}

/// `NAME`, `NAME:-default` or `NAME:?message`.
fn variable(body: &str) -> Option<Expression> {
    let (name, rest) = match body.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (body, None),
    };
    let mut characters = name.chars();
    let valid = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !valid {
        return None;
    }
    let otherwise = match rest {
        None => Otherwise::Refuse,
        Some(rest) => match (rest.strip_prefix('-'), rest.strip_prefix('?')) {
            (Some(default), _) => Otherwise::Default(default.to_owned()),
            (_, Some(message)) => Otherwise::Message(message.trim().to_owned()),
            (None, None) => return None,
        },
    };
    Some(Expression::Variable { name: name.to_owned(), otherwise })
}

fn resolve(written: &str, expression: Expression, values: Values<'_>) -> Result<String, Unresolved> {
    let unresolved = |kind, message, hint| Unresolved { expression: written.to_owned(), kind, message, hint };
    match expression {
        Expression::Variable { name, otherwise } => {
            // `:-` and `:?` take an empty variable for one that is not set, as shells do.
            match (values.variables.get(&name), otherwise) {
                (Some(value), Otherwise::Refuse) => Ok(value.clone()),
                (Some(value), _) if !value.is_empty() => Ok(value.clone()),
                (_, Otherwise::Default(default)) => Ok(default),
                (_, Otherwise::Message(message)) => Err(unresolved(
                    ErrorKind::Usage,
                    format!("the environment variable `{name}` is not set: {message}"),
                    format!("Set {name}."),
                )),
                (None, Otherwise::Refuse) => Err(unresolved(
                    ErrorKind::Usage,
                    format!("the environment variable `{name}` is not set"),
                    format!(
                        "Set it, write ${{{name}:-default}}, or $${{{name}}} for the characters themselves."
                    ),
                )),
            }
        }
        Expression::Lookup(lookup) => match values.found.get(&lookup) {
            Some(Ok(value)) => Ok(value.clone()),
            Some(Err(NotFound { kind, message, hint })) => {
                Err(unresolved(*kind, message.clone(), hint.clone()))
            }
            // Whoever replaces asks for what is wanted first.
            None => Err(unresolved(
                ErrorKind::Internal,
                format!("`{written}` was never looked up"),
                String::new(),
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, reading: Reading) -> Result<String, Unresolved> {
        let variables = [("A", "1"), ("NESTED", "${A}"), ("EMPTY", ""), ("cfn", "lower")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let found = wanted(text, reading)
            .into_iter()
            .map(|lookup| {
                let shown = match &lookup {
                    Lookup::State { source, address } => {
                        format!("<{} {address}>", source.as_deref().unwrap_or("-"))
                    }
                    Lookup::Stack { stack, output } => format!("<{stack} {output}>"),
                    Lookup::Parameter(name) => format!("<{name}>"),
                };
                (lookup, Ok(shown))
            })
            .collect();
        substitute(text, reading, Values { variables: &variables, found: &found })
    }

    #[test]
    fn expressions_are_replaced_once_and_nothing_else_is() {
        for (text, expected) in [
            ("x${A}y", "x1y"),
            ("${NESTED}", "${A}"),
            ("${NONE:-d:e}", "d:e"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY}", ""),
            ("$A $1 $", "$A $1 $"),
            ("$${A} a$$b", "${A} a$b"),
            ("${env:A}${env:NONE:-x}", "1x"),
            ("${cfn} ${tfstate:-none} ${env:-prod}", "lower none prod"),
        ] {
            assert_eq!(with(text, Reading::Value).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "${NONE}",
            "${NONE:?why}",
            "${EMPTY:?why}",
            "${",
            "${}",
            "${1A}",
            "${A:}",
            "${A:+x}",
            "${A B}",
            "${db.host}",
            "${AWS::Region}",
            "${env:}",
            "${env:A B}",
            "${cfn:}",
            "${cfn:stack}",
            "${ssm:}",
            "${tfstate:}",
        ] {
            assert!(with(text, Reading::Value).is_err(), "{text}");
        }
    }

    #[test]
    fn lookups_name_their_source_and_may_have_braces_in_quotes() {
        for (text, expected) in [
            ("${tfstate:aws_lb.main.arn}/x", "<- aws_lb.main.arn>/x"),
            ("${tfstate.net:output.vpc}", "<net output.vpc>"),
            (r#"${tfstate:a.b["}"].id}!"#, r#"<- a.b["}"].id>!"#),
            ("${tfstate:a.b['}'].id}!", "<- a.b['}'].id>!"),
            ("${cfn:net.VpcId}", "<net VpcId>"),
            ("${ssm:/a/b}", "</a/b>"),
            // An apostrophe in a default is only that.
            ("${NONE:-don't} ${A}", "don't 1"),
        ] {
            assert_eq!(with(text, Reading::Value).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_shell_keeps_what_is_its_own() {
        for (text, expected) in [
            ("echo ${HOME} $$ ${X:-y} $(date) ${A B}", "echo ${HOME} $$ ${X:-y} $(date) ${A B}"),
            ("serve --port ${env:A} ${ssm:/x} ${env:-prod} ${", "serve --port 1 </x> ${env:-prod} ${"),
        ] {
            assert_eq!(with(text, Reading::Shell).as_deref(), Ok(expected), "{text}");
        }
        assert!(with("${env:NONE}", Reading::Shell).is_err());
    }
}
