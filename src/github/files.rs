//! The files that a step writes for GitHub: the job's summary and the outputs.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use super::context::Context;
use super::outputs::{lines, outputs};
use super::summary::{LIMIT, summary};
use crate::event::Record;
use crate::report::Reporter;
use crate::state::RunState;

/// Writes the summary of a run at its end.
pub struct Summary {
    path: PathBuf,
    context: Context,
    append: bool,
}

impl Summary {
    /// Appends to the summary that the runner collects: others of this step may have written there.
    pub fn of_job(path: PathBuf, context: Context) -> Self {
        Self { path, context, append: true }
    }

    /// Writes a file of its own.
    pub fn to_file(path: PathBuf, context: Context) -> Self {
        Self { path, context, append: false }
    }
}

impl Reporter for Summary {
    fn on_event(&mut self, _record: &Record, _state: &RunState) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, state: &RunState) -> io::Result<()> {
        // The limit is that of the whole file; above it, GitHub shows nothing of it.
        let there = if self.append { std::fs::metadata(&self.path).map_or(0, |file| file.len()) } else { 0 };
        let room = LIMIT.saturating_sub(usize::try_from(there).unwrap_or(usize::MAX));
        let text = summary(state, &self.context, room);
        if text.is_empty() {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.create(true).append(self.append).write(true).truncate(!self.append);
        options.open(&self.path)?.write_all(text.as_bytes())
    }
}

/// Writes the outputs of the step at the end of a run.
pub struct Outputs {
    path: PathBuf,
    report: Option<String>,
}

impl Outputs {
    /// Appends to the file that the runner reads. `report` is where the page of `--report` is.
    pub fn new(path: PathBuf, report: Option<String>) -> Self {
        Self { path, report }
    }
}

impl Reporter for Outputs {
    fn on_event(&mut self, _record: &Record, _state: &RunState) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, state: &RunState) -> io::Result<()> {
        let outputs = outputs(state, self.report.as_deref());
        if outputs.is_empty() {
            return Ok(());
        }
        // One write: another process of the step may append too.
        OpenOptions::new().create(true).append(true).open(&self.path)?.write_all(lines(&outputs).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::testing::{context, deployed};

    #[test]
    fn what_others_have_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let state = deployed(&["hello"]);
        for name in ["summary", "output", "own"] {
            std::fs::write(path(name), "before\n").unwrap();
        }
        Summary::of_job(path("summary"), context()).finish(&state).unwrap();
        Outputs::new(path("output"), None).finish(&state).unwrap();
        Summary::to_file(path("own"), context()).finish(&state).unwrap();
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
        assert!(read("summary").starts_with("before\n### Landfall: succeeded"));
        assert!(read("output").starts_with("before\nverdict<<landfall_"));
        assert!(read("own").starts_with("### Landfall: succeeded"));
    }

    #[test]
    fn a_full_summary_gets_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary");
        std::fs::write(&path, vec![b'x'; LIMIT - 10]).unwrap();
        Summary::of_job(path.clone(), context()).finish(&deployed(&["hello"])).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() <= LIMIT as u64);
    }
}
