//! `--report FILE`: the run as one HTML page, a view of [`RunState`](crate::state::RunState).
//!
//! The page needs nothing but itself: no script, no font and no picture from anywhere, and a policy in its head that
//! would let none in. It is well-formed as XML, too. What came from outside reaches it by way of [`Html::text`] and
//! attribute values alone, and markup is `'static` text of this program.

mod checks;
mod findings;
mod latency;
mod markup;
mod page;
mod plan;
mod scale;
mod service;
mod swimlanes;
mod swimlanes_table;
mod variables;
mod writer;

#[cfg(test)]
mod tests;

pub use markup::Html;
pub use page::page;
pub use writer::HtmlReport;
