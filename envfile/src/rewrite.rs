//! A file whose two readings agree, as far as one can be written.

use zeroize::Zeroizing;

use crate::dotenv::{Form, Kind, Statement, statements};
use crate::ecs::{EcsLine, read_line};
use crate::lines::{Line, lines};
use crate::names::is_possible;
use crate::secret::Secret;

/// Rewrites what can be written so that ECS and dotenv libraries read the same; every other line stays. A comment
/// behind a value moves to a line above it.
pub(crate) fn rewrite(text: &str) -> Zeroizing<String> {
    // A second mark would begin the file once the first is gone.
    let lines = lines(text.trim_start_matches('\u{feff}'));
    let mut out = Zeroizing::new(String::with_capacity(text.len() + text.len() / 8));
    for statement in statements(&lines) {
        let own = &lines[statement.first..=statement.last];
        match rewritten(&statement, own) {
            Some(new) => push_line(&mut out, &new),
            None => own.iter().for_each(|line| push_line(&mut out, line.text)),
        }
    }
    out
}

fn push_line(out: &mut String, line: &str) {
    // One at the end of a line would be read as a part of CRLF.
    out.push_str(line.trim_end_matches('\r'));
    out.push('\n');
}

/// The new text of a statement, without the last line's end.
fn rewritten(statement: &Statement, own: &[Line<'_>]) -> Option<Zeroizing<String>> {
    let [line] = own else { return None };
    match &statement.kind {
        Kind::Comment { indented: true } => Some(Zeroizing::new(line.text.trim_start().to_owned())),
        Kind::Assignment(assignment) => {
            let name = assignment.name.expose();
            let value = &assignment.value;
            let unclear = value.ambiguous.is_some() || matches!(value.form, Form::Unbalanced(_));
            if !is_possible(name) {
                return None;
            }
            // What a value is cannot be told; the name in front of it can.
            let meaning =
                if unclear { Secret::new(&line.text[assignment.raw_at..]) } else { value.literal() };
            let new = Zeroizing::new(format!("{name}={}", meaning.expose()));
            if !unclear && !agrees(&new, name, meaning.expose()) {
                return None;
            }
            let Some(at) = value.comment.filter(|_| !unclear) else { return Some(new) };
            let comment = line.text[at..].trim_end();
            Some(Zeroizing::new(format!("{comment}\n{}", *new)))
        }
        _ => None,
    }
}

/// Whether both readings of a line give this variable.
fn agrees(line: &str, name: &str, value: &str) -> bool {
    let ecs = matches!(read_line(line), EcsLine::Pair(n, v) if n == name && v == value);
    let alone = lines(line);
    let dotenv = match statements(&alone).as_slice() {
        [Statement { kind: Kind::Assignment(read), .. }] => {
            read.name.expose() == name
                && !read.export
                && read.value.form == Form::Plain
                && read.value.ambiguous.is_none()
                && read.value.literal().expose() == value
        }
        _ => false,
    };
    ecs && dotenv
}

/// A line that dotenv libraries and [`Policy::Normalize`](crate::Policy::Normalize) read as this variable: plain
/// where ECS reads it so too, otherwise in quotes. `None` where a line break or another control character keeps it
/// from being written.
pub fn as_dotenv_line(name: &str, value: &str) -> Option<Secret> {
    if !is_possible(name) || value.contains(|c: char| c.is_control() && c != '\t') {
        return None;
    }
    let plain = Zeroizing::new(format!("{name}={value}"));
    if agrees(&plain, name, value) && !value.contains('$') {
        return Some(Secret::new(&**plain));
    }
    if !value.contains('\'') {
        return Some(Secret::new(format!("{name}='{value}'")));
    }
    let mut quoted = Zeroizing::new(format!("{name}=\""));
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    Some(Secret::new(&**quoted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnvFile, Options};

    #[test]
    fn what_can_be_written_for_both_readings_is() {
        for (text, expected) in [
            ("export A='x y' # why\r\n", "# why\nA=x y\n"),
            ("  # note\nB = 1 \n", "# note\nB=1\n"),
            // The text between these quotes cannot be written plainly.
            ("C=\"x #y\"\nD='a  '\n", "C=\"x #y\"\nD='a  '\n"),
            // Nobody knows what these mean.
            ("E = {\"a\": \"b\"}\nF=\"open\nno equals\n", "E= {\"a\": \"b\"}\nF=\"open\nno equals\n"),
            ("G=\"a\nb\"\nH='1'", "G=\"a\nb\"\nH=1\n"),
        ] {
            assert_eq!(rewrite(text).as_str(), expected, "{text:?}");
            assert_eq!(rewrite(expected).as_str(), expected, "{text:?} a second time");
        }
    }

    #[test]
    fn a_line_of_ones_own_is_read_back() {
        for value in
            ["", "plain", " spaces ", "a #b", "$x ${y}", "it's", "\"q\"", "it's \"$x\" \\n", "a\tb", "#c"]
        {
            let line = as_dotenv_line("NAME", value).unwrap();
            let settled = EnvFile::read(line.expose().as_bytes(), false).settle(&Options::default());
            let content = settled.content.unwrap();
            let read: Vec<_> =
                content.variables().iter().map(|v| (v.name.as_str(), v.value.expose())).collect();
            assert_eq!(read, [("NAME", value)]);
        }
        assert_eq!(as_dotenv_line("NAME", "a\nb"), None);
    }
}
