//! Reading a `.env` file as ECS reads it (facts 2.2), which is not as dotenv libraries do.

use std::path::Path;

use crate::error::{Error, Result};
use crate::secret::Secret;

/// A line longer than this makes the EC2 agent give up on the whole file (facts 2.2: 64 KiB; "keep a
/// line under 60 KiB").
const LONGEST_LINE: usize = 60 * 1024;

/// The variables of a file, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// In the order of the file; names are unique and valid.
    pub variables: Vec<Variable>,
    /// What a person should know about the file; never with a value.
    pub notes: Vec<Note>,
}

/// One variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, byte for byte as the container gets it.
    pub value: Secret,
}

/// Something about a line that is probably not what its author meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// 1-based.
    pub line: usize,
    /// What ECS makes of it.
    pub text: String,
}

/// Reads a file.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) with file and line where the file cannot be
/// read, is not UTF-8, or a line would not become the variable that it looks like.
pub fn read(path: &Path) -> Result<EnvFile> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::usage(format!("cannot read the env file {}", path.display()))
            .source(error)
            .hint("Correct `env_file`, or write the file in an earlier step of the job.")
    })?;
    parse(&path.display().to_string(), &bytes)
}

fn parse(name: &str, bytes: &[u8]) -> Result<EnvFile> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        Error::usage(format!("{name}:{line}: this is not UTF-8"))
            .hint("Save the file as UTF-8 without a byte-order mark.")
    })?;
    // A byte-order mark would become part of the first name (facts 2.2).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut file = EnvFile { variables: Vec::new(), notes: Vec::new() };
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        read_line(&mut file, name, index + 1, line)?;
    }
    Ok(file)
}

fn read_line(file: &mut EnvFile, name: &str, number: usize, line: &str) -> Result<()> {
    let place = format!("{name}:{number}");
    let trimmed = line.trim_start();
    if trimmed.is_empty() {
        return Ok(());
    }
    if trimmed.starts_with('#') {
        if trimmed.len() != line.len() {
            file.note(number, "an indented comment is no comment to ECS; it is left out of what is stored");
        }
        return Ok(());
    }
    if line.len() > LONGEST_LINE {
        return Err(Error::usage(format!("{place}: the line has {} bytes", line.len()))
            .hint("ECS cannot read a file with a line over 60 KiB; keep large values in S3 or a secret."));
    }
    let Some((key, value)) = line.split_once('=') else {
        return Err(Error::usage(format!("{place}: there is no `=`"))
            .hint("Write NAME=value. ECS ignores a line without `=`; remove it or make it a comment."));
    };
    check_name(&place, key)?;
    if file.variables.iter().any(|variable| variable.name == key) {
        return Err(Error::usage(format!("{place}: `{key}` stands in this file twice"))
            .hint("Keep one of the two lines."));
    }
    if value.is_empty() {
        file.note(number, &format!("`{key}` is empty: Fargate does not set it at all"));
    }
    if value.len() >= 2 && ["\"", "'"].iter().any(|quote| value.starts_with(quote) && value.ends_with(quote))
    {
        file.note(number, &format!("`{key}`: the quotes are part of the value that the container gets"));
    } else if value.contains(" #") {
        file.note(
            number,
            &format!("`{key}`: ECS knows no inline comments; ` #` and the rest are part of the value"),
        );
    }
    if value != value.trim() {
        file.note(number, &format!("`{key}`: spaces around the value are part of it"));
    }
    file.variables.push(Variable { name: key.to_owned(), value: Secret::new(value) });
    Ok(())
}

fn check_name(place: &str, key: &str) -> Result<()> {
    let mut characters = key.chars();
    let first = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if first && characters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    // A malformed line may hold a secret in front of its `=`, so the name is not shown.
    let hint = if key.trim_start().starts_with("export ") {
        "Remove `export`: ECS would make it part of the name."
    } else if key.is_empty() {
        "Write a name in front of `=`."
    } else {
        "A name has letters, digits and `_`, does not begin with a digit, and has no space before `=`."
    };
    Err(Error::usage(format!("{place}: what stands before `=` is not a variable's name")).hint(hint))
}

impl EnvFile {
    fn note(&mut self, line: usize, text: &str) {
        self.notes.push(Note { line, text: text.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let file = parse("t.env", text.as_bytes()).unwrap();
        file.variables.into_iter().map(|v| (v.name, v.value.expose().to_owned())).collect()
    }

    fn refusal(bytes: &[u8]) -> String {
        let error = parse("t.env", bytes).unwrap_err();
        format!("{error} | {}", error.hint_text().unwrap_or("-"))
    }

    #[test]
    fn a_value_is_literal_and_split_at_the_first_equals_sign() {
        let text = "\u{feff}A=1\r\n\n# comment\nB=a=b=c\nC=\"q\"\nD=$A\nE= x \nF=v # note\n";
        let expected =
            [("A", "1"), ("B", "a=b=c"), ("C", "\"q\""), ("D", "$A"), ("E", " x "), ("F", "v # note")];
        let expected: Vec<_> = expected.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec();
        assert_eq!(values(text), expected);
    }

    #[test]
    fn notes_name_the_line_and_show_no_value() {
        let file = parse("t.env", b"A='canary'\nB=\nC=canary # x\n  # note\nD= canary\n").unwrap();
        let lines: Vec<_> = file.notes.iter().map(|note| note.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5]);
        assert!(file.notes.iter().all(|note| !note.text.contains("canary")), "{:?}", file.notes);
    }

    #[test]
    fn what_would_not_become_the_variable_it_looks_like_is_refused() {
        for (bytes, expected) in [
            (
                &b"A=1\nexport B=2\n"[..],
                "t.env:2: what stands before `=` is not a variable's name | Remove `export`",
            ),
            (b"A=1\nA=2\n", "t.env:2: `A` stands in this file twice"),
            (b"just words\n", "t.env:1: there is no `=`"),
            (b"A =1\n", "t.env:1: what stands before"),
            (b"=1\n", "t.env:1: what stands before `=` is not a variable's name | Write a name"),
            (b"A=1\nB=\xff\n", "t.env:2: this is not UTF-8"),
        ] {
            let message = refusal(bytes);
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn no_refusal_shows_what_the_line_says() {
        for bytes in
            [&b"canary words\n"[..], b"can ary=canary\n", b"A=canary\nA=canary\n", b"export canary=canary"]
        {
            let message = refusal(bytes);
            assert!(!message.contains("canary"), "{message}");
        }
    }
}
