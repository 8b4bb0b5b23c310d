//! [`Json`]: each record as one line of JSON.

use std::io::{self, Write};

use super::reporter::Reporter;
use crate::event::Record;
use crate::state::RunState;

/// Writes each record as one JSON object per line; the last line is `run_finished`.
pub struct Json {
    out: Box<dyn Write + Send>,
}

impl Json {
    /// A reporter that writes to `out`, standard output as a rule.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out }
    }
}

impl Reporter for Json {
    fn on_event(&mut self, record: &Record, _state: &RunState) -> io::Result<()> {
        self.out.write_all(json_line(record)?.as_bytes())?;
        // Who reads a pipe wants each event when it happens.
        self.out.flush()
    }

    fn finish(&mut self, _state: &RunState) -> io::Result<()> {
        self.out.flush()
    }
}

/// One record as JSON with a line break after it.
///
/// What could steer a terminal or a CI log is written as `\u` escapes. These mean the same to every
/// JSON parser, so nothing is lost, and a log that shows the line raw stays harmless.
pub fn json_line(record: &Record) -> io::Result<String> {
    Ok(harmless_line(&serde_json::to_string(record)?))
}

/// JSON with what could steer a terminal or a CI log as escapes, and a line break after it.
pub(super) fn harmless_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len() + 1);
    // `##[` can occur only inside a JSON string, where an escape is allowed.
    for c in json.replace("##[", "##\\u005b").chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                line.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => line.push(c),
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Buffer, play, success, warning};
    use super::*;

    #[test]
    fn each_line_is_a_record_and_the_last_is_the_report() {
        let out = Buffer::default();
        let state = play(&success(), Json::new(Box::new(out.clone())));
        let text = out.text();
        let records: Vec<Record> =
            text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
        assert_eq!(records[..records.len() - 1], success()[..]);
        assert_eq!(
            records.last().map(|record| &record.event),
            Some(&crate::event::Event::RunFinished(state.report()))
        );
    }

    #[test]
    fn a_line_is_harmless_to_see_and_means_the_same() {
        let record = warning("\u{1b}[2J \u{9b}2J ##[add-mask]x \u{202e} ::error::\r\n::warning::");
        let line = json_line(&record).expect("written");
        assert!(!line.trim_end_matches('\n').contains(|c: char| c.is_control() || c == '\u{202e}'), "{line}");
        assert!(!line.contains("##["), "{line}");
        assert_eq!(serde_json::from_str::<Record>(&line).expect("read"), record);
    }
}
