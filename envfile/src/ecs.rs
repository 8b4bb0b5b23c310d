//! The reading of ECS (facts 2.2).

use crate::env_file::Variable;
use crate::lines::{Line, decode, lines};
use crate::secret::Secret;

/// How many env files a task definition may name (facts 2.1).
pub const FARGATE_FILES: usize = 10;

/// The EC2 agent gives up on a file with a line over 64 KiB (facts 2.2: keep a line under 60 KiB).
pub(crate) const LONGEST_LINE: usize = 60 * 1024;

/// What ECS makes of one line.
pub(crate) enum EcsLine<'a> {
    /// Nothing: a comment, a blank line, one without `=` or without a name.
    Nothing,
    /// A variable with this value, which may be empty: Fargate does not set it then.
    Pair(&'a str, &'a str),
}

/// Split at the first `=`; nothing is trimmed, unquoted or replaced.
pub(crate) fn read_line(line: &str) -> EcsLine<'_> {
    if line.starts_with('#') {
        return EcsLine::Nothing;
    }
    match line.split_once('=') {
        None | Some(("", _)) => EcsLine::Nothing,
        Some((name, value)) => EcsLine::Pair(name, value),
    }
}

/// The pairs of a text in the order of their first appearance: of two with one name the later one wins.
pub(crate) fn read_lines(lines: &[Line<'_>]) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for line in lines {
        let EcsLine::Pair(name, value) = read_line(line.text) else { continue };
        let variable = Variable { name: name.to_owned(), value: Secret::new(value), line: line.number };
        match places.get(name) {
            Some(&place) => variables[place] = variable,
            None => {
                places.insert(name, variables.len());
                variables.push(variable);
            }
        }
    }
    variables
}

/// Reads an object that tasks read, empty values included, although Fargate does not set those. `None` where the
/// bytes are not UTF-8. A byte-order mark is part of the first name.
pub fn read_stored(bytes: &[u8]) -> Option<Vec<Variable>> {
    let decoded = decode(bytes).ok()?;
    let mut variables = read_lines(&lines(decoded.text));
    if decoded.bom
        && let Some(first) = variables.iter_mut().find(|variable| variable.line == 1)
    {
        first.name.insert(0, '\u{feff}');
    }
    Some(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let variables = read_stored(text.as_bytes()).unwrap();
        variables.into_iter().map(|v| (v.name, v.value.expose().to_owned())).collect()
    }

    /// A row for each of facts 2.2. An empty value is listed: that Fargate does not set it is for whoever asks.
    #[test]
    fn lines_become_what_ecs_makes_of_them() {
        for (text, expected) in [
            ("KEY=value", vec![("KEY", "value")]),
            ("# KEY=value", vec![]),
            ("", vec![]),
            ("  # indented", vec![]),
            ("  # indented=x", vec![("  # indented", "x")]),
            ("KEY=\"a b\"", vec![("KEY", "\"a b\"")]),
            ("KEY='a'", vec![("KEY", "'a'")]),
            ("KEY= a ", vec![("KEY", " a ")]),
            ("KEY =a", vec![("KEY ", "a")]),
            ("KEY=", vec![("KEY", "")]),
            ("KEY", vec![]),
            ("=value", vec![]),
            ("KEY=a=b=c", vec![("KEY", "a=b=c")]),
            ("KEY=value # note", vec![("KEY", "value # note")]),
            ("export KEY=v", vec![("export KEY", "v")]),
            ("KEY=a\\n$B", vec![("KEY", "a\\n$B")]),
            ("KEY=\"a\nb\"", vec![("KEY", "\"a")]),
            ("A=1\r\nB=2\r\n", vec![("A", "1"), ("B", "2")]),
            ("\u{feff}A=1\nB=2", vec![("\u{feff}A", "1"), ("B", "2")]),
            ("A=1\nB=2\nA=3", vec![("A", "3"), ("B", "2")]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(read(text), expected, "{text:?}");
        }
    }
}
