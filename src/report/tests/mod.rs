//! What whole runs look like, by reporter.

mod harmless;
mod plain;
mod screen;
mod summary;
