//! The reading of dotenv libraries. They differ among each other: where they agree, a value is *clear*; where they
//! do not, the reading is that of Rust's dotenvy, and nothing is repaired by it.

use std::iter::Peekable;
use std::str::CharIndices;

use zeroize::Zeroizing;

use crate::lines::Line;
use crate::secret::Secret;

/// What one or, with a value of several lines, several lines are.
pub(crate) struct Statement {
    /// Index of its first line.
    pub first: usize,
    /// Index of its last line.
    pub last: usize,
    /// What it is.
    pub kind: Kind,
}

pub(crate) enum Kind {
    Blank,
    Comment { indented: bool },
    NoEquals,
    Assignment(Assignment),
}

pub(crate) struct Assignment {
    /// `export` stands in front of the name.
    pub export: bool,
    /// Spaces stand around the name.
    pub name_spaces: bool,
    /// Trimmed, without `export`; anything, also nothing.
    pub name: Secret,
    /// Byte offset of the name in its line.
    pub name_at: usize,
    /// Byte offset of what follows `=`.
    pub raw_at: usize,
    pub value: Value,
}

/// What stands behind `=`. Offsets are in bytes, in the statement's first line.
#[derive(Clone)]
pub(crate) struct Value {
    pub parts: Vec<Part>,
    pub form: Form,
    /// Where the value itself begins: behind spaces.
    pub at: usize,
    /// Where a comment behind the value begins: at its `#`.
    pub comment: Option<usize>,
    /// Where spaces around an unquoted value begin that are not part of it.
    pub outer_space: Option<usize>,
    /// What libraries read in different ways.
    pub ambiguous: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    /// In quotes of this kind from its beginning to its end.
    Quoted(char),
    /// It begins with this quote, which is not closed.
    Unbalanced(char),
}

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(Secret),
    Reference {
        /// Of the other variable.
        name: Secret,
        /// As it stands in the file.
        source: Secret,
        /// Byte offset of its `$`.
        at: usize,
        /// Libraries agree on where the name ends.
        clear: bool,
    },
}

/// The statements of a file: each line belongs to one.
pub(crate) fn statements(lines: &[Line<'_>]) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut next = 0;
    while next < lines.len() {
        let statement = statement(lines, next);
        next = statement.last + 1;
        statements.push(statement);
    }
    statements
}

fn statement(lines: &[Line<'_>], first: usize) -> Statement {
    let line = lines[first].text;
    let simple = |kind| Statement { first, last: first, kind };
    let trimmed = line.trim_start();
    if trimmed.is_empty() {
        return simple(Kind::Blank);
    }
    if trimmed.starts_with('#') {
        return simple(Kind::Comment { indented: trimmed.len() != line.len() });
    }
    let Some((left, right)) = line.split_once('=') else { return simple(Kind::NoEquals) };
    let (export, name) = match left.trim().strip_prefix("export") {
        Some(rest) if rest.starts_with(char::is_whitespace) => (true, rest.trim_start()),
        _ => (false, left.trim()),
    };
    let name_at = left.len() - left.trim_end().len();
    let name_at = left.len() - name_at - name.len();
    let spaces = left.starts_with(char::is_whitespace) || left.ends_with(char::is_whitespace);
    let raw_at = left.len() + 1;
    let at = raw_at + right.len() - right.trim_start().len();
    let (value, last) = value(lines, first, raw_at, at);
    let assignment =
        Assignment { export, name_spaces: spaces, name: Secret::new(name), name_at, raw_at, value };
    Statement { first, last, kind: Kind::Assignment(assignment) }
}

/// The value whose text begins at `at`, behind the spaces that begin at `raw_at`; and the line that it ends on.
fn value(lines: &[Line<'_>], first: usize, raw_at: usize, at: usize) -> (Value, usize) {
    let line = lines[first].text;
    let text = &line[at..];
    let leading = (at > raw_at).then_some(raw_at);
    if let Some(quote @ ('"' | '\'')) = text.chars().next() {
        if let Some(end) = closing(text, quote) {
            let rest = &text[end + 1..];
            let after = rest.trim_start();
            let comment = after.starts_with('#') && after.len() != rest.len();
            if after.is_empty() || comment {
                let scanned = scan(&text[1..end], at + 1, Some(quote));
                let value = Value {
                    parts: scanned.parts,
                    form: Form::Quoted(quote),
                    at,
                    comment: comment.then(|| line.len() - after.len()),
                    outer_space: None,
                    ambiguous: scanned.ambiguous,
                };
                return (value, first);
            }
        } else if let Some((body, last)) = multi_line(lines, first, at, quote) {
            let scanned = scan(&body, at + 1, Some(quote));
            let value = Value {
                parts: scanned.parts,
                form: Form::Quoted(quote),
                at,
                comment: None,
                outer_space: None,
                ambiguous: None,
            };
            return (value, last);
        } else {
            let parts = vec![Part::Text(Secret::new(text))];
            let form = Form::Unbalanced(quote);
            return (Value { parts, form, at, comment: None, outer_space: None, ambiguous: None }, first);
        }
    }
    if text.starts_with('#') {
        // `A= # note` has a comment for everyone; `COLOUR=#fff` for some.
        let (comment, ambiguous) = if leading.is_some() { (Some(at), None) } else { (None, Some(at)) };
        return (
            Value { parts: Vec::new(), form: Form::Plain, at, comment, outer_space: None, ambiguous },
            first,
        );
    }
    let scanned = scan(text.trim_end(), at, None);
    let end = scanned.comment.unwrap_or(line.len());
    let trailing = line[at..end].trim_end().len() + at;
    // Behind a value alone: spaces before a comment are told with the comment.
    let trailing = (scanned.comment.is_none() && trailing < end).then_some(trailing);
    let value = Value {
        parts: scanned.parts,
        form: Form::Plain,
        at,
        comment: scanned.comment,
        outer_space: leading.or(trailing),
        ambiguous: scanned.ambiguous,
    };
    (value, first)
}

/// The byte offset of the quote that closes the one at the beginning of `text`.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        // Both kinds: dotenvy's search for the end of a line does so, and its reading of the value does not.
        let escape = escaped;
        escaped = !escape && c == '\\' && quote == '"';
        (c == quote && !escape).then_some(at)
    })
}

/// A quoted value of several lines: its text, and the last of its lines. The closing quote has only spaces or a
/// comment behind it; otherwise it opens another value, and the first quote was never closed.
fn multi_line(lines: &[Line<'_>], first: usize, at: usize, quote: char) -> Option<(String, usize)> {
    let mut body = lines[first].text[at + 1..].to_owned();
    for (index, line) in lines.iter().enumerate().skip(first + 1) {
        body.push('\n');
        let start = body.len();
        // With a quote in front, as `closing` wants it.
        let end = closing(&format!("{quote}{}", line.text), quote);
        let Some(end) = end else {
            body.push_str(line.text);
            continue;
        };
        let rest = line.text[end..].trim_start();
        body.push_str(&line.text[..end - 1]);
        debug_assert!(body.len() >= start, "the line was added");
        return (rest.is_empty() || rest.starts_with('#')).then_some((body, index));
    }
    None
}

struct Scanned {
    parts: Vec<Part>,
    comment: Option<usize>,
    ambiguous: Option<usize>,
}

/// Reads a value: within `quote`, or without one up to the end of the line. `base` is the byte offset of `text`
/// in its line.
fn scan(text: &str, base: usize, quote: Option<char>) -> Scanned {
    let mut scan = Scan {
        characters: text.char_indices().peekable(),
        text,
        base,
        quote,
        inner: None,
        out: Zeroizing::new(String::with_capacity(text.len())),
        spaces: 0,
        parts: Vec::new(),
        comment: None,
        ambiguous: None,
    };
    scan.run();
    scan.flush();
    Scanned { parts: scan.parts, comment: scan.comment, ambiguous: scan.ambiguous }
}

struct Scan<'a> {
    characters: Peekable<CharIndices<'a>>,
    text: &'a str,
    base: usize,
    quote: Option<char>,
    /// A quote within an unquoted value that is open.
    inner: Option<char>,
    out: Zeroizing<String>,
    /// How many unquoted spaces `out` ends with: neither they nor what follows `#` behind them is part of the value.
    spaces: usize,
    parts: Vec<Part>,
    comment: Option<usize>,
    ambiguous: Option<usize>,
}

impl Scan<'_> {
    fn run(&mut self) {
        while let Some((at, c)) = self.characters.next() {
            let within = self.quote.or(self.inner);
            match c {
                _ if within == Some('\'') => {
                    if self.inner == Some(c) {
                        self.inner = None;
                    } else {
                        self.out.push(c);
                    }
                }
                '$' => self.reference(at),
                '\\' => self.escape(at),
                _ if self.inner == Some(c) => self.inner = None,
                '"' | '\'' if within.is_none() && self.text[at + 1..].contains(c) => {
                    self.differs(at);
                    self.inner = Some(c);
                }
                '#' if within.is_none() && self.spaces > 0 => {
                    self.comment = Some(self.base + at);
                    break;
                }
                ' ' | '\t' if within.is_none() => {
                    self.out.push(c);
                    self.spaces += 1;
                    continue;
                }
                _ => self.out.push(c),
            }
            self.spaces = 0;
        }
        let end = self.out.len().saturating_sub(self.spaces);
        self.out.truncate(end);
    }

    fn differs(&mut self, at: usize) {
        self.ambiguous.get_or_insert(self.base + at);
    }

    /// In double quotes libraries agree on escaped quotes, backslashes and dollar signs, and on `\n`.
    fn escape(&mut self, at: usize) {
        let next = self.characters.peek().map(|(_, next)| *next);
        let plain = match next {
            Some(c @ ('\\' | '\'' | '"' | '$' | ' ')) => c,
            Some('n') => '\n',
            None => return self.differs(at),
            _ => {
                self.out.push('\\');
                return;
            }
        };
        if self.quote.is_none() || matches!(next, Some('\'' | ' ')) {
            self.differs(at);
        }
        self.characters.next();
        self.out.push(plain);
    }

    fn reference(&mut self, at: usize) {
        let rest = &self.text[at + 1..];
        let (name, length, clear) = match rest.strip_prefix('{').and_then(|body| body.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2, true),
            None => {
                // dotenvy ends a name without braces at `_`, others do not.
                let length = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
                (&rest[..length], length, !rest[length..].starts_with('_'))
            }
        };
        let source = &self.text[at..at + 1 + length];
        self.flush();
        self.parts.push(Part::Reference {
            name: Secret::new(name),
            source: Secret::new(source),
            at: self.base + at,
            clear,
        });
        while self.characters.peek().is_some_and(|(next, _)| *next <= at + length) {
            self.characters.next();
        }
    }

    fn flush(&mut self) {
        if !self.out.is_empty() {
            self.parts.push(Part::Text(Secret::new(std::mem::take(&mut *self.out))));
        }
    }
}

impl Value {
    /// With every reference as it stands in the file.
    pub fn literal(&self) -> Secret {
        self.with(|_, source| Some(source.to_owned())).unwrap_or_else(|| Secret::new(""))
    }

    /// With references replaced by what `look_up` gives for name and source; `None` where it gives none.
    pub fn with(&self, mut look_up: impl FnMut(&str, &str) -> Option<String>) -> Option<Secret> {
        let mut text = Zeroizing::new(String::new());
        for part in &self.parts {
            match part {
                Part::Text(piece) => text.push_str(piece.expose()),
                Part::Reference { name, source, .. } => {
                    text.push_str(&Zeroizing::new(look_up(name.expose(), source.expose())?));
                }
            }
        }
        Some(Secret::new(text.as_str()))
    }

    /// The references, in order.
    pub fn references(&self) -> impl Iterator<Item = (&Secret, usize, bool)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference { name, at, clear, .. } => Some((name, *at, *clear)),
            Part::Text(_) => None,
        })
    }
}
