//! Reading a recorded run, and playing it into reporters.

use std::fs;
use std::path::Path;

use super::sinks::Sinks;
use crate::error::{Error, Result};
use crate::event::{Event, Record};
use crate::state::RunState;

/// Reads the records of a file that `--record` wrote. Unknown fields are ignored, so that the
/// recording of a newer version can be read.
pub fn read(path: &Path) -> Result<Vec<Record>> {
    let text = fs::read_to_string(path).map_err(|source| {
        Error::usage(format!("cannot read the recording {}", path.display())).source(source)
    })?;
    let mut records = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let record = serde_json::from_str(line).map_err(|source| {
            let cut_off = source.is_eof() && index + 1 == text.lines().count() && !text.ends_with('\n');
            let hint = if cut_off {
                "the run was killed while it wrote this last line; delete the line to replay the rest"
            } else {
                "a recording has one event a line, as `--record FILE` and `--output json` write them"
            };
            Error::usage(format!("{}, line {}: not a recorded event", path.display(), index + 1))
                .hint(hint)
                .source(source)
        })?;
        records.push(record);
    }
    if records.is_empty() {
        return Err(Error::usage(format!("the recording {} has no events", path.display())));
    }
    Ok(records)
}

/// Plays records into reporters, as fast as they take them.
///
/// A recorded `run_finished` gives the time of the new one and nothing else: the report is made
/// from the state again, as it was in the run itself.
pub fn run(records: &[Record], mut sinks: Sinks) -> RunState {
    let mut end = None;
    for record in records {
        end = Some(record.time);
        if !matches!(record.event, Event::RunFinished(_)) {
            sinks.apply(record);
        }
    }
    sinks.finish(end.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Buffer, all_scripts, play, sinks_with, success};
    use super::super::{Json, Plain, Recorder, Style};
    use super::*;

    #[test]
    fn a_recording_replays_into_the_same_bytes() {
        for (name, script) in all_scripts() {
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path().join("run.ndjson");
            let state = play(&script, Recorder::create(&path).expect("a file"));

            let records = read(&path).expect("a recording");
            let out = Buffer::default();
            let again = run(&records, sinks_with(Json::new(Box::new(out.clone()))));
            assert_eq!(out.text(), fs::read_to_string(&path).expect("text"), "{name}");
            assert_eq!(again.report(), state.report(), "{name}");
            assert_eq!(
                records.last().map(|last| &last.event),
                Some(&Event::RunFinished(state.report())),
                "{name}"
            );
        }
    }

    #[test]
    fn a_recording_replays_into_the_same_text() {
        let (first, second) = (Buffer::default(), Buffer::default());
        play(&success(), Plain::new(Box::new(first.clone()), Style::ASCII));
        run(&success(), sinks_with(Plain::new(Box::new(second.clone()), Style::ASCII)));
        assert_eq!(first.text(), second.text());
    }

    #[cfg(unix)]
    #[test]
    fn a_recording_is_private_even_where_a_public_file_was() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("run.ndjson");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        Recorder::create(&path).expect("a file");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).expect("text"), "");
    }

    fn read_text(text: &str) -> Result<Vec<Record>> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("run.ndjson");
        fs::write(&path, text).expect("written");
        read(&path)
    }

    const WAITING: &str =
        r#"{"time":"2026-03-01T12:00:00Z","event":"waiting","elapsed_ms":1,"healthy":0,"desired":2,"new":1}"#;

    #[test]
    fn unknown_fields_and_empty_lines_are_tolerated() {
        assert_eq!(read_text(&format!("{WAITING}\n\n{WAITING}\n")).expect("read").len(), 2);
    }

    #[test]
    fn garbage_is_named_by_file_and_line() {
        let error = read_text(&format!("{WAITING}\nnonsense\n")).expect_err("garbage");
        assert!(error.to_string().contains("run.ndjson, line 2: not a recorded event: "), "{error}");
        let error = read_text(&format!("{WAITING}\n{}", &WAITING[..40])).expect_err("cut off");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("killed")), "{error}");
        assert!(read_text("").expect_err("empty").to_string().contains("has no events"));
        assert!(
            read(Path::new("/nonexistent/run")).expect_err("none").to_string().contains("/nonexistent/run")
        );
    }
}
