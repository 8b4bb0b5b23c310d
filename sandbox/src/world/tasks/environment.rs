//! The environment that a container gets when its task starts (facts 2.2 and 2.3).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::world::{
    ObjectStore,
    json::{list, text},
    task_definitions::parse_object_arn,
};

/// The EC2 agent reads lines through a buffer of this size, line end included (facts 2.2).
const LINE_BUFFER: usize = 64 * 1024;

/// Why an environment file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileFailure {
    /// The object is not there.
    Missing,
    /// Its bytes are not UTF-8.
    NotText,
    /// A line does not fit the buffer.
    LongLine,
}

/// The variables of one container: its files as they are now, its `environment` and its `secrets`.
pub(super) fn effective(
    container: &Value,
    objects: &dyn ObjectStore,
) -> Result<BTreeMap<String, String>, FileFailure> {
    let mut variables = BTreeMap::new();
    for file in list(container, "environmentFiles") {
        let content = text(file, "value")
            .and_then(parse_object_arn)
            .and_then(|(bucket, key)| objects.read(bucket, key))
            .ok_or(FileFailure::Missing)?;
        for (name, value) in read(&content)? {
            // The first file that has the name wins (facts 2.3).
            variables.entry(name).or_insert(value);
        }
    }
    for pair in list(container, "environment") {
        if let (Some(name), Some(value)) = (text(pair, "name"), text(pair, "value")) {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
    // That a secret beats a file is not confirmed (facts 2.3).
    for secret in list(container, "secrets") {
        if let (Some(name), Some(source)) = (text(secret, "name"), text(secret, "valueFrom")) {
            variables.insert(name.to_owned(), format!("<secret {source}>"));
        }
    }
    Ok(variables)
}

/// The variables of one file; names and values are literal (facts 2.2).
fn read(content: &[u8]) -> Result<BTreeMap<String, String>, FileFailure> {
    let content = std::str::from_utf8(content).map_err(|_| FileFailure::NotText)?;
    let mut variables = BTreeMap::new();
    for line in content.split('\n') {
        if line.len() >= LINE_BUFFER {
            return Err(FileFailure::LongLine);
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.starts_with('#') {
            continue;
        }
        // A line with an empty value sets nothing (facts 2.2). As the EC2 agent skips such a line,
        // it does not take back an earlier line, nor a later file's value, of the same name.
        if let Some((name, value)) = line.split_once('=')
            && !name.is_empty()
            && !value.is_empty()
        {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pairs(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn lines_are_read_as_in_facts_2_2() {
        let table: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("KEY=value", &[("KEY", "value")]),
            ("A=1\nB=2\n", &[("A", "1"), ("B", "2")]),
            ("# A=1\nB=2", &[("B", "2")]),
            ("\n\nA=1\n\n", &[("A", "1")]),
            ("  # indented", &[]),
            ("  # indented=1", &[("  # indented", "1")]),
            ("A=\"a b\"\nB='c'", &[("A", "\"a b\""), ("B", "'c'")]),
            ("A=  a  ", &[("A", "  a  ")]),
            (" A B =1", &[(" A B ", "1")]),
            ("A=\nB=1", &[("B", "1")]),
            ("A=1\nA=", &[("A", "1")]),
            ("A=\r\n", &[]),
            ("A", &[]),
            ("=value", &[]),
            ("A=a=b=c", &[("A", "a=b=c")]),
            ("A==", &[("A", "=")]),
            ("A=1 # note", &[("A", "1 # note")]),
            ("export A=1", &[("export A", "1")]),
            ("A=\\n$B", &[("A", "\\n$B")]),
            ("A=\"1\n2\"", &[("A", "\"1")]),
            ("A=1\r\nB=2\r\n", &[("A", "1"), ("B", "2")]),
            ("A=1\r\r\n", &[("A", "1\r")]),
            ("A=1\rB=2", &[("A", "1\rB=2")]),
            ("\u{feff}A=1\nB=2", &[("\u{feff}A", "1"), ("B", "2")]),
            ("\u{feff}# A=1", &[("\u{feff}# A", "1")]),
            ("A=1\nA=2", &[("A", "2")]),
            ("Ä=ü", &[("Ä", "ü")]),
        ];
        for (content, expected) in table {
            assert_eq!(read(content.as_bytes()), Ok(pairs(expected)), "{content:?}");
        }
    }

    #[test]
    fn a_file_with_one_bad_line_is_refused() {
        assert_eq!(read(b"A=1\nB=\xff\n"), Err(FileFailure::NotText));
        let line = |length: usize| format!("A=1\nB={}\nC=1\n", "x".repeat(length - 2));
        assert_eq!(read(line(LINE_BUFFER - 1).as_bytes()).unwrap().len(), 3);
        assert_eq!(read(line(LINE_BUFFER).as_bytes()), Err(FileFailure::LongLine));
    }

    struct Files;

    impl ObjectStore for Files {
        fn read(&self, _bucket: &str, key: &str) -> Option<Vec<u8>> {
            match key {
                "1.env" => Some(b"A=first\nB=first\nC=first\nE=\n".to_vec()),
                "2.env" => Some(b"A=second\nD=second\nE=second\n".to_vec()),
                _ => None,
            }
        }
    }

    #[test]
    fn the_first_file_wins_and_the_environment_wins_over_files() {
        let file = |key: &str| json!({ "type": "s3", "value": format!("arn:aws:s3:::bucket/{key}") });
        let container = json!({
            "environmentFiles": [file("1.env"), file("2.env")],
            "environment": [{ "name": "B", "value": "plain" }, { "name": "EMPTY", "value": "" }],
            "secrets": [{ "name": "C", "valueFrom": "parameter" }],
        });
        let expected = [
            ("A", "first"),
            ("B", "plain"),
            ("C", "<secret parameter>"),
            ("D", "second"),
            ("E", "second"),
            ("EMPTY", ""),
        ];
        assert_eq!(effective(&container, &Files), Ok(pairs(&expected)));
        let missing = json!({ "environmentFiles": [file("1.env"), file("3.env")] });
        assert_eq!(effective(&missing, &Files), Err(FileFailure::Missing));
    }
}
