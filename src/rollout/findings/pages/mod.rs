//! What is known of a code at length: `landfall explain CODE` and `docs/findings/CODE.md`.

mod aws;
mod checks;
mod env_files;
mod markdown;
mod page;
#[cfg(test)]
mod tests;

pub use markdown::{files, list};
pub use page::{Page, nearest_codes, page, pages, says_more};
