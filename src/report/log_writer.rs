//! [`LogWriter`]: the lines of `landfall logs`.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::format::Format;
use super::json::harmless_line;
use super::text::{neutralise, neutralise_github, short_task};

/// A line of a container's log, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedLine {
    /// When it was written.
    pub time: Option<Timestamp>,
    /// The key of the service in the configuration.
    pub service: String,
    /// The last part of the task's ARN.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// What was written.
    pub text: String,
}

/// Writes log lines to standard output, and everything else to standard error.
pub struct LogWriter {
    out: Box<dyn Write + Send>,
    notes: Box<dyn Write + Send>,
    format: Format,
    several: bool,
}

impl LogWriter {
    /// A writer that puts the log on `out` and remarks on `notes`.
    pub fn new(out: Box<dyn Write + Send>, notes: Box<dyn Write + Send>, format: Format) -> Self {
        Self { out, notes, format, several: false }
    }

    /// Names the service in front of each line where there are several.
    pub fn name_services(&mut self, several: bool) {
        self.several = several;
    }

    /// Writes lines: `HH:MM:SS 0123abcd web | text`, or one JSON object each.
    pub fn lines(&mut self, lines: &[LoggedLine]) -> io::Result<()> {
        let mut text = String::new();
        for line in lines {
            text.push_str(&self.rendered(line)?);
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    fn rendered(&self, line: &LoggedLine) -> io::Result<String> {
        if self.format == Format::Json {
            return Ok(harmless_line(&serde_json::to_string(line)?));
        }
        // Eight columns, so that what follows is aligned.
        let time = line.time.map_or_else(|| " ".repeat(8), |time| time.strftime("%T").to_string());
        let service = if self.several { format!("{} ", line.service) } else { String::new() };
        let text = neutralise(&line.text);
        let line = format!("{time} {service}{} {} | {text}", short_task(&line.task), line.container);
        Ok(self.for_format(line.trim_end()))
    }

    /// Writes a remark.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        let text = self.for_format(&neutralise(text));
        self.notes.write_all(text.as_bytes())?;
        self.notes.flush()
    }

    fn for_format(&self, line: &str) -> String {
        let line = if self.format == Format::Github { neutralise_github(line) } else { line.to_owned() };
        format!("{line}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Buffer;
    use super::*;

    fn written(format: Format, several: bool, text: &str) -> String {
        let (out, notes) = (Buffer::default(), Buffer::default());
        let mut writer = LogWriter::new(Box::new(out.clone()), Box::new(notes.clone()), format);
        writer.name_services(several);
        let line = LoggedLine {
            time: Timestamp::from_second(1_800_000_000).ok(),
            service: "shop".to_owned(),
            task: "0123456789abcdef".to_owned(),
            container: "web".to_owned(),
            text: text.to_owned(),
        };
        writer.lines(&[line]).expect("written");
        assert_eq!(notes.text(), "");
        out.text()
    }

    #[test]
    fn a_line_says_when_and_who() {
        assert_eq!(written(Format::Plain, false, "hello"), "08:00:00 01234567 web | hello\n");
        assert_eq!(written(Format::Human, true, "hello"), "08:00:00 shop 01234567 web | hello\n");
        assert_eq!(
            written(Format::Json, false, "a \u{9b}2J"),
            "{\"time\":\"2027-01-15T08:00:00Z\",\"service\":\"shop\",\"task\":\"0123456789abcdef\",\"container\":\"web\",\"text\":\"a \\u009b2J\"}\n"
        );
    }

    #[test]
    fn no_line_steers_a_terminal_or_a_ci_log() {
        assert_eq!(
            written(Format::Github, false, "\u{1b}[2J##[error]x"),
            "08:00:00 01234567 web | ## [error]x\n"
        );
    }
}
