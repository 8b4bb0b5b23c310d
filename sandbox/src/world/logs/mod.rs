//! CloudWatch Logs: groups, streams, and what containers write into them.

mod operations;
mod store;
mod words;

pub(crate) use store::Logs;
