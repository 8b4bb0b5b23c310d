//! Both readings side by side.

use std::collections::HashMap;

use crate::codes::{Code, Finding, Remedy};
use crate::credential::looks_like_credential;
use crate::dotenv::{Assignment, Form, Kind, Statement, Value};
use crate::ecs::LONGEST_LINE;
use crate::lines::{Line, NotUtf8, column};
use crate::names::{is_conventional, is_possible, shown};
use crate::secret::Secret;

/// Linux starts a process with at most a quarter of its stack limit, 2 MiB by default, for arguments and variables
/// together (execve(2)); half of that leaves room for the image's own.
const LONGEST_FILE: usize = 1024 * 1024;

/// An assignment and what is to be stored of it.
pub(crate) struct Meant {
    pub name: Secret,
    pub value: Value,
    /// `None` where nobody knows what was meant; a finding refuses then.
    pub stored: Option<Secret>,
    /// 1-based.
    pub line: u32,
}

pub(crate) struct Checked {
    pub findings: Vec<Finding>,
    pub meant: Vec<Meant>,
}

/// What was found in a file that is not a text.
pub(crate) fn not_utf8(wrong: NotUtf8) -> Finding {
    Finding {
        code: Code::NotUtf8,
        line: wrong.line,
        column: wrong.column,
        name: None,
        gets: "nothing: ECS wants UTF-8, and the tasks may not start".to_owned(),
        meant: format!("the same text in UTF-8; it is probably {} now", wrong.likely),
        fix: format!("convert the file: iconv -f {} -t UTF-8", wrong.likely),
        remedy: Remedy::Refuse,
    }
}

pub(crate) fn bom() -> Finding {
    Finding {
        code: Code::Bom,
        line: 1,
        column: 1,
        name: None,
        gets: "a first variable whose name begins with an invisible character".to_owned(),
        meant: "a file without the mark".to_owned(),
        fix: "save the file as UTF-8 without a byte-order mark".to_owned(),
        remedy: Remedy::Repair,
    }
}

/// Checks every statement.
pub(crate) fn check(lines: &[Line<'_>], statements: &[Statement], interpolate: bool) -> Checked {
    let mut checker = Checker { interpolate, findings: Vec::new(), meant: Vec::new(), seen: HashMap::new() };
    checker.whole_file(lines);
    for statement in statements {
        checker.statement(statement, &lines[statement.first..=statement.last]);
    }
    checker.findings.sort_by_key(|finding| (finding.line, finding.column));
    Checked { findings: checker.findings, meant: checker.meant }
}

struct Checker {
    interpolate: bool,
    findings: Vec<Finding>,
    meant: Vec<Meant>,
    /// Name -> index in `meant` of its first assignment.
    seen: HashMap<String, usize>,
}

/// Where a finding is, and of which variable.
struct Place<'a> {
    line: &'a Line<'a>,
    name: Option<&'a str>,
}

impl Place<'_> {
    fn finding(&self, code: Code, at: usize, remedy: Remedy, [gets, meant, fix]: [&str; 3]) -> Finding {
        Finding {
            code,
            line: self.line.number,
            column: column(self.line.text, at),
            name: self.name.map(str::to_owned),
            gets: gets.to_owned(),
            meant: meant.to_owned(),
            fix: fix.to_owned(),
            remedy,
        }
    }
}

impl Checker {
    fn whole_file(&mut self, lines: &[Line<'_>]) {
        let mut with_cr = lines.iter().filter(|line| line.crlf);
        if let Some(first) = with_cr.next() {
            let count = 1 + with_cr.count();
            self.findings.push(Place { line: first, name: None }.finding(
                Code::Crlf,
                first.text.len(),
                Remedy::Repair,
                [
                    &format!(
                        "{count} line(s) as Windows ends them; only on EC2 is it known that the CR goes"
                    ),
                    "lines that end with LF",
                    "save the file with LF, or set `*.env text eol=lf` in .gitattributes",
                ],
            ));
        }
        for line in lines.iter().filter(|line| line.text.len() > LONGEST_LINE) {
            self.findings.push(Place { line, name: None }.finding(
                Code::LineTooLong,
                0,
                Remedy::Refuse,
                [
                    "nothing of the whole file: ECS's reader stops at a line of 64 KiB",
                    "a large value",
                    "keep the value in S3 or in a secret, and let the program read it from there",
                ],
            ));
        }
        let size: usize = lines.iter().map(|line| line.text.len() + 1).sum();
        if let Some(line) = lines.last().filter(|_| size > LONGEST_FILE) {
            self.findings.push(Place { line, name: None }.finding(
                Code::FileTooLong,
                0,
                Remedy::Refuse,
                [
                    "a program that cannot be started: `argument list too long`",
                    "variables of at most 1 MiB together",
                    "keep large values in S3 or in a secret, and let the program read them from there",
                ],
            ));
        }
    }

    fn statement(&mut self, statement: &Statement, lines: &[Line<'_>]) {
        let Some(line) = lines.first() else { return };
        let place = Place { line, name: None };
        let indent = line.text.len() - line.text.trim_start().len();
        match &statement.kind {
            Kind::Blank | Kind::Comment { indented: false } => {}
            Kind::Comment { indented: true } => {
                let gets = if line.text.contains('=') {
                    "a variable whose name begins with spaces and `#`"
                } else {
                    "nothing, but only because the line has no `=`"
                };
                self.findings.push(place.finding(
                    Code::IndentedComment,
                    indent,
                    Remedy::Repair,
                    [gets, "a comment", "begin the line with `#`"],
                ));
            }
            Kind::NoEquals => self.findings.push(place.finding(
                Code::NoEquals,
                indent,
                Remedy::Refuse,
                [
                    "nothing: ECS passes over the line",
                    "a variable, or a comment",
                    "write NAME=VALUE; ECS takes no value from the machine that deploys. Remove the line, or begin it with `#`",
                ],
            )),
            Kind::Assignment(assignment) => self.assignment(assignment, lines),
        }
    }

    fn assignment(&mut self, assignment: &Assignment, lines: &[Line<'_>]) {
        let Some(line) = lines.first() else { return };
        let name = assignment.name.expose();
        let place = Place { line, name: shown(name) };
        self.name(assignment, &place);
        let stored = if lines.len() > 1 {
            self.findings.push(place.finding(
                Code::MultiLine,
                assignment.value.at,
                Remedy::Refuse,
                [
                    "the first line with its quote, and of the other lines variables that nobody meant, or nothing",
                    &format!("a value of {} lines", lines.len()),
                    NO_LINE_BREAK,
                ],
            ));
            None
        } else {
            self.value(assignment, &place)
        };
        self.twice(assignment, &place, stored.as_ref());
        self.meant.push(Meant {
            name: assignment.name.clone(),
            value: assignment.value.clone(),
            stored,
            line: line.number,
        });
    }

    fn name(&mut self, assignment: &Assignment, place: &Place<'_>) {
        let name = assignment.name.expose();
        let at = assignment.name_at;
        if name.is_empty() {
            self.findings.push(place.finding(
                Code::NameInvalid,
                at,
                Remedy::Refuse,
                [
                    "nothing: ECS passes over a line without a name",
                    "a variable",
                    "write a name in front of `=`",
                ],
            ));
            return;
        }
        if assignment.export {
            self.findings.push(place.finding(
                Code::Export,
                0,
                Remedy::Repair,
                [
                    "a variable whose name begins with `export `, and none of the name that follows",
                    "the variable that is named behind `export`",
                    "remove `export`",
                ],
            ));
        } else if assignment.name_spaces {
            self.findings.push(place.finding(
                Code::NameSpaces,
                if at == 0 { name.len() } else { 0 },
                Remedy::Repair,
                [
                    "a variable whose name has spaces in it, which no program asks for",
                    "the name without the spaces",
                    "write NAME=VALUE without spaces around the name",
                ],
            ));
        }
        if is_conventional(name) {
            return;
        }
        if is_possible(name) {
            self.findings.push(place.finding(
                Code::NameUnusual,
                at,
                Remedy::Keep,
                [
                    "the variable, but a shell in the container passes over it",
                    "a name of letters, digits and `_`",
                    "rename it, or accept it where no shell script starts the program",
                ],
            ));
        } else {
            self.findings.push(place.finding(
                Code::NameInvalid,
                at,
                Remedy::Refuse,
                [
                    "a variable that no program asks for, or a task that does not start",
                    "a name of letters, digits and `_` in front of `=`",
                    "correct the name, or begin the line with `#` if it is a comment",
                ],
            ));
        }
    }

    /// What is to be stored of a value on one line.
    fn value(&mut self, assignment: &Assignment, place: &Place<'_>) -> Option<Secret> {
        let value = &assignment.value;
        let raw = &place.line.text[assignment.raw_at..];
        self.form(value, raw, place);
        let clear = value.ambiguous.is_none() || value.form != Form::Plain;
        let replaced = self.interpolation(value, place, clear);
        let stored = match (value.form, clear) {
            (Form::Unbalanced(_), _) => return None,
            (_, false) => Secret::new(raw),
            (_, true) => replaced?,
        };
        self.characters(&stored, value, place)?;
        if stored.expose().is_empty() {
            self.findings.push(place.finding(
                Code::Empty,
                assignment.raw_at,
                Remedy::Repair,
                [
                    "no such variable: Fargate does not set one that is empty in a file",
                    "the variable with an empty value",
                    "put it into `environment`, which can hold empty values, or remove the line",
                ],
            ));
        }
        if looks_like_credential(assignment.name.expose(), stored.expose()) {
            self.findings.push(place.finding(
                Code::Credential,
                value.at,
                Remedy::Keep,
                [
                    "the value; whoever may read the bucket gets it too",
                    "a credential",
                    "keep it in Parameter Store or Secrets Manager, and name it under `secrets`",
                ],
            ));
        }
        Some(stored)
    }

    fn form(&mut self, value: &Value, raw: &str, place: &Place<'_>) {
        let mut found = |code, at, remedy, texts| self.findings.push(place.finding(code, at, remedy, texts));
        match value.form {
            Form::Quoted(_) => found(
                Code::Quotes,
                value.at,
                Remedy::Repair,
                ["the value with its quotes", "the text between the quotes", "remove the quotes"],
            ),
            Form::Unbalanced(_) => found(
                Code::UnbalancedQuote,
                value.at,
                Remedy::Refuse,
                [
                    "the value with the quote at its beginning",
                    "a quoted value, or one that begins with a quote",
                    "close the quote, or remove it",
                ],
            ),
            Form::Plain => {}
        }
        if let Some(at) = value.ambiguous {
            found(
                Code::Ambiguous,
                at,
                Remedy::Keep,
                [
                    "every character as it stands here",
                    "either that, or what a dotenv library makes of quotes, backslashes or `#`",
                    "keep it if every character is part of the value; otherwise remove what is not",
                ],
            );
            return;
        }
        if let Some(at) = value.comment {
            found(
                Code::InlineComment,
                at,
                Remedy::Repair,
                [
                    "the value with the comment behind it",
                    "the value, and a comment about it",
                    "put the comment on a line of its own; where `#` belongs to the value, set it in `environment`",
                ],
            );
        } else if let Some(at) = value.outer_space
            && !raw.is_empty()
        {
            found(
                Code::OuterSpace,
                at,
                Remedy::Repair,
                [
                    "the value with the spaces around it",
                    "the value without them",
                    "remove the spaces; where they belong to the value, set it in `environment`",
                ],
            );
        }
    }

    /// The value with its references replaced, where that is asked for; `None` where one cannot be.
    fn interpolation(&mut self, value: &Value, place: &Place<'_>, clear: bool) -> Option<Secret> {
        let Some((_, at, _)) = value.references().next() else { return Some(value.literal()) };
        if !self.interpolate || !clear {
            self.findings.push(place.finding(
                Code::Interpolation,
                at,
                Remedy::Keep,
                [
                    "the `$` and what follows it as they stand here",
                    "either that, or the value of another variable",
                    "write the value out, or ask for replacement from the same file (`interpolate: true`)",
                ],
            ));
            return Some(value.literal());
        }
        for (name, at, clear) in value.references() {
            let unknown = if !clear {
                "where the name ends is read in different ways"
            } else if !is_conventional(name.expose()) {
                "only $NAME and ${NAME} can be replaced"
            } else if self.earlier(name.expose()).is_none() {
                "no line above sets that name"
            } else {
                continue;
            };
            self.findings.push(place.finding(
                Code::Interpolation,
                at,
                Remedy::Refuse,
                [
                    "the `$` and what follows it as they stand here",
                    &format!("the value of another variable, but {unknown}"),
                    "write ${NAME} with a name that the file sets further up, or put the value in single quotes",
                ],
            ));
            return None;
        }
        let stored = value.with(|name, _| self.earlier(name));
        self.findings.push(place.finding(
            Code::Interpolation,
            at,
            Remedy::Repair,
            [
                "the `$` and what follows it as they stand here",
                "the value of another variable",
                "write the value out",
            ],
        ));
        stored
    }

    fn earlier(&self, name: &str) -> Option<String> {
        let meant = self.meant.get(*self.seen.get(name)?)?;
        Some(meant.stored.as_ref()?.expose().to_owned())
    }

    fn characters(&mut self, stored: &Secret, value: &Value, place: &Place<'_>) -> Option<()> {
        let control = |c: char| c.is_control() && c != '\t';
        let Some(first) = stored.expose().chars().find(|c| control(*c)) else { return Some(()) };
        let text = place.line.text;
        let at = text[value.at..].find(control).map_or(value.at, |at| value.at + at);
        if stored.expose().contains('\n') {
            self.findings.push(place.finding(
                Code::MultiLine,
                value.at,
                Remedy::Refuse,
                ["the backslash and the `n` as they stand here", "a value of several lines", NO_LINE_BREAK],
            ));
            return None;
        }
        // NUL ends a variable for the kernel; a CR at the end of a line is not read (facts 2.2).
        let impossible = stored.expose().contains(['\0', '\r']);
        self.findings.push(place.finding(
            Code::ControlCharacter,
            at,
            if impossible { Remedy::Refuse } else { Remedy::Keep },
            [
                &format!("the value with the invisible character U+{:04X}", u32::from(first)),
                "probably the value without it",
                "remove the character, or keep the value in a secret in an encoded form",
            ],
        ));
        (!impossible).then_some(())
    }

    fn twice(&mut self, assignment: &Assignment, place: &Place<'_>, stored: Option<&Secret>) {
        let name = assignment.name.expose();
        if name.is_empty() {
            return;
        }
        let Some(&first) = self.seen.get(name) else {
            self.seen.insert(name.to_owned(), self.meant.len());
            return;
        };
        let Some(first) = self.meant.get(first) else { return };
        let same = stored.is_some() && first.stored.as_ref() == stored;
        self.findings.push(place.finding(
            Code::Duplicate,
            assignment.name_at,
            if same { Remedy::Repair } else { Remedy::Refuse },
            [
                "the later value on EC2; for Fargate AWS does not say which",
                &format!(
                    "{} (line {} sets it too)",
                    if same { "the value, which both lines have" } else { "one of two values" },
                    first.line
                ),
                "keep one of the two lines",
            ],
        ));
    }
}

const NO_LINE_BREAK: &str = "a line of an env file cannot hold a line break: keep the value in Secrets Manager or \
    Parameter Store and name it under `secrets`, or store it in base64. Where backslash and `n` are meant, use \
    single quotes";
