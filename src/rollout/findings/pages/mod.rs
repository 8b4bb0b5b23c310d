//! What is known of a code at length: `landfall explain CODE` and `docs/findings/CODE.md`.

mod aws;
mod env_files;
mod exits;
mod markdown;
mod page;
#[cfg(test)]
mod tests;

pub use exits::exit_code_page;
pub use markdown::{files, list};
pub use page::{Page, nearest_codes, page, pages, says_more};
