//! Pages as Markdown (`docs/findings`) and as text (`landfall explain`).

use std::fmt::Write;

use super::exits;
use super::page::{Page, pages};

/// Says where the pages come from, so that nobody edits them by hand.
const GENERATED: &str = "<!-- Generated: cargo run -- explain --pages docs/findings -->";

impl Page {
    /// The page as a file of `docs/findings`.
    pub fn markdown(&self) -> String {
        let mut out = format!(
            "{GENERATED}\n# {}\n\n`{}`: {}.\n\n{}\n",
            self.title,
            self.code,
            self.group,
            escape(&self.cause)
        );
        out.push_str("\n## What to do\n\n");
        out.push_str(&steps(&self.fix));
        if !self.checks.is_empty() {
            out.push_str("\nTo find out more:\n\n```sh\n");
            for check in &self.checks {
                out.push_str(check);
                out.push('\n');
            }
            out.push_str("```\n");
        }
        if let Some((heading, lines)) = &self.table {
            let _ = write!(out, "\n## {heading}\n\n");
            for line in lines {
                let _ = writeln!(out, "- {}", escape(line));
            }
        }
        let _ = write!(out, "\n## What Landfall does\n\n{}\n", escape(&self.landfall));
        if !self.texts.is_empty() {
            out.push_str("\n## How it is recognised\n\nBy any of these; letter case does not matter:\n\n");
            for text in &self.texts {
                let _ = writeln!(out, "- {text}");
            }
        }
        if let Some(address) = &self.aws_page {
            let _ = write!(out, "\nAWS on this: <{address}>\n");
        }
        out
    }

    /// The page for a terminal: plain lines, `width` columns wide where that is known.
    pub fn text(&self, width: Option<usize>) -> String {
        let mut out = String::new();
        push(&mut out, "", &format!("{}: {}", self.code, self.title), width);
        out.push('\n');
        push(&mut out, "", &self.cause, width);
        out.push_str("\nWhat to do\n");
        let numbered = self.fix.len() > 1;
        for (index, step) in self.fix.iter().enumerate() {
            let mark = if numbered { format!("  {}. ", index + 1) } else { "  ".to_owned() };
            push(&mut out, &mark, step, width);
        }
        if !self.checks.is_empty() {
            out.push_str("\nTo find out more\n");
            for check in &self.checks {
                // Commands are to be copied, so they are never broken.
                let _ = writeln!(out, "  {check}");
            }
        }
        if let Some((heading, lines)) = &self.table {
            let _ = write!(out, "\n{heading}\n");
            lines.iter().for_each(|line| push(&mut out, "  - ", line, width));
        }
        out.push_str("\nWhat Landfall does\n");
        push(&mut out, "  ", &self.landfall, width);
        if !self.texts.is_empty() {
            out.push_str("\nHow it is recognised (any of these, in any letter case)\n");
            self.texts.iter().for_each(|text| push(&mut out, "  - ", text, width));
        }
        if let Some(address) = &self.aws_page {
            let _ = write!(out, "\nAWS on this: {address}\n");
        }
        out
    }
}

/// All codes with their titles, group by group, and exit codes, as text. Lines are broken where `width` is known.
pub fn list(pages: &[Page], width: Option<usize>) -> String {
    let column = pages.iter().map(|page| page.code.len()).max().unwrap_or_default() + 2;
    let mut out = String::new();
    let mut group = "";
    for page in pages {
        if page.group != group {
            group = page.group;
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}{group}");
        }
        push(&mut out, &format!("  {:column$}", page.code), &page.title, width);
    }
    let _ = writeln!(out, "\n{} (landfall explain 137)", exits::GROUP);
    for (code, meaning) in exits::listed() {
        push(&mut out, &format!("  {code:column$}"), &meaning, width);
    }
    out
}

/// The files of `docs/findings` by their names.
pub fn files() -> Vec<(String, String)> {
    let pages = pages();
    let mut files = vec![("README.md".to_owned(), index(&pages))];
    files.extend(pages.iter().map(|page| (format!("{}.md", page.code), page.markdown())));
    files
}

/// `docs/findings/README.md`: all codes with links to their pages.
fn index(pages: &[Page]) -> String {
    let mut out = format!(
        "{GENERATED}\n# Findings\n\nEverything that Landfall recognises when a deployment fails, and what to do about it. \
         `landfall explain CODE` prints the same at a terminal.\n"
    );
    let mut group = "";
    for page in pages {
        if page.group != group {
            group = page.group;
            let _ = write!(out, "\n## {group}\n\n| code | what happened |\n| --- | --- |\n");
        }
        let _ = writeln!(out, "| [`{0}`]({0}.md) | {1} |", page.code, escape(&page.title));
    }
    out
}

fn steps(fix: &[String]) -> String {
    match fix {
        [only] => format!("{}\n", escape(only)),
        several => {
            let mut out = String::new();
            for (index, step) in several.iter().enumerate() {
                let _ = writeln!(out, "{}. {}", index + 1, escape(step));
            }
            out
        }
    }
}

/// Keeps Markdown from reading what is meant as text; names in backticks stay code.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut code = false;
    for char in text.chars() {
        match char {
            '`' => code = !code,
            '*' | '<' | '|' if !code => out.push('\\'),
            _ => {}
        }
        out.push(char);
    }
    out
}

/// A paragraph behind `mark`, broken at spaces where `width` is known; further lines stand under its text.
fn push(out: &mut String, mark: &str, text: &str, width: Option<usize>) {
    let hanging = mark.chars().count();
    let mut column = hanging;
    out.push_str(mark);
    for (index, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 {
            if width.is_some_and(|width| column + 1 + length > width) {
                let _ = write!(out, "\n{:hanging$}", "");
                column = hanging;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}
