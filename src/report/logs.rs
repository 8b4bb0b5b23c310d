//! The log of a container as a block of lines.

use super::line::Line;
use super::style::{Style, Tone};
use super::text::{count, short_task};
use crate::event::ContainerLogs;

/// What is fetched once is told once in full; at the end of the run so many lines are enough.
pub(super) const IN_SUMMARY: usize = 10;

/// A heading, and at most the newest `most` lines, each behind a bar.
pub(super) fn block(logs: &ContainerLogs, most: usize, style: Style) -> Vec<Line> {
    let mut lines = heading(logs, most).wrap(style.width, 4);
    let newest = logs.lines.len().saturating_sub(most);
    for line in logs.lines.iter().skip(newest) {
        let line = Line::new().tone(Tone::Dim, "| ").text(&line.text).indent(2);
        lines.extend(line.wrap(style.width, 4));
    }
    lines
}

/// `log of web in task 0123abcd (exit code 3), its last 12 lines:`
pub(crate) fn heading(logs: &ContainerLogs, most: usize) -> Line {
    let mut what = format!("log of {} in task {}", logs.container, short_task(&logs.task));
    if let Some(code) = logs.exit_code {
        what.push_str(&format!(" (exit code {code})"));
    }
    let line = Line::new().tone(Tone::Strong, &what);
    match &logs.reason {
        Some(reason) => line.text(": not to be had: ").text(reason),
        None => line.text(&format!(", the last {}:", count(logs.lines.len().min(most), "line"))),
    }
}
