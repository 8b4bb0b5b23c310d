//! From events to what people and programs read.
//!
//! One loop, [`drive`], is the only writer of a run. It folds each [`Record`](crate::event::Record)
//! into a [`RunState`](crate::state::RunState) and hands both to every [`Reporter`] in its [`Sinks`]:
//!
//! | reporter | for | where it writes |
//! | --- | --- | --- |
//! | [`Human`] | a person at a terminal: live rows and bars, then a summary | standard error, all of it |
//! | [`Plain`] | a CI log: one line per change, then the same summary | standard output |
//! | [`Markdown`] | a comment on a pull request: the plan, or how it ended | standard output; what goes on, plain on standard error |
//! | [`Json`] | a program: one record per line | standard output |
//! | [`HtmlReport`] | `--report FILE`: the run as a page, at its end | the file |
//! | [`Recorder`] | `--record FILE`, to be [replayed](replay) later | the file |
//!
//! Standard output carries data, so the live display keeps off it; who wants to keep or pipe the
//! report asks for `plain` or `json`, which is also what [`choose`] takes when standard output is
//! not a terminal.
//!
//! Nothing here reads the environment or the clock (but for [`drive`], which owns the ticks), and
//! nothing prints except into writers that are passed in. Text from AWS and from containers becomes
//! output only by way of [`Line`], which neutralises it.

mod format;
pub mod html;
mod human;
mod json;
mod line;
mod live;
mod log_writer;
mod logs;
mod markdown;
mod measured;
mod plain;
mod plan;
mod plan_details;
mod preflight;
mod record;
pub mod replay;
mod reporter;
mod sinks;
mod style;
mod summary;
pub mod text;
mod variables;
mod words;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use format::{Format, Terminal, choose};
pub use html::HtmlReport;
pub use human::{Human, Scrollback};
pub use json::{Json, json_line};
pub use line::Line;
pub use log_writer::{LogWriter, LoggedLine};
pub(crate) use logs::heading as log_heading;
pub use markdown::{Markdown, markdown};
pub(crate) use markdown::{code as html_code, difference_block, opening, parts, text_of as html_text};
pub(crate) use measured::zero_downtime as measured_zero_downtime;
pub use plain::Plain;
pub use record::Recorder;
pub use reporter::Reporter;
pub use sinks::{Sinks, Streams, drive};
pub use style::{Mark, Style, Tone};
pub use summary::summary;
pub use words::stopped as stopped_sentence;
pub(crate) use words::{role_name, step_name, verdict_name};
