//! What whole runs look like, by reporter.

mod harmless;
mod native;
mod plain;
mod push;
mod screen;
mod summary;
mod variables;
