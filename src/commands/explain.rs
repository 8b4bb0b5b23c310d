//! `landfall explain`: what a code means, at length. It needs no AWS and no configuration.

use std::path::Path;

use crate::error::{Error, Result};
use crate::report::Format;
use crate::rollout::explain;

/// Columns of text at most, however wide the terminal is: longer lines are hard to read.
const WIDEST: usize = 80;
/// Columns of text at least: narrower, words stand below one another.
const NARROWEST: usize = 30;

/// The page of a finding's code or of a container's exit code, or the list of all codes, as text or JSON. `columns` of
/// the terminal that it is for; without one, lines are not broken, so that what reads them finds whole paragraphs.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a code that there is not; it names the nearest ones.
pub fn explain(code: Option<&str>, format: Format, columns: Option<u16>) -> Result<String> {
    let width = columns.map(|columns| usize::from(columns).clamp(NARROWEST, WIDEST));
    let json = |value: serde_json::Result<String>| {
        let text = value.map_err(|error| Error::internal("cannot write the page").source(error))?;
        Ok(format!("{text}\n"))
    };
    let Some(code) = code else {
        let pages = explain::pages();
        return match format {
            Format::Json => json(serde_json::to_string_pretty(&pages)),
            _ => Ok(explain::list(&pages, width)),
        };
    };
    let page = explain::page(code).or_else(|| explain::exit_code_page(code)).ok_or_else(|| unknown(code))?;
    match format {
        Format::Json => json(serde_json::to_string_pretty(&page)),
        _ => Ok(page.text(width)),
    }
}

fn unknown(code: &str) -> Error {
    if code.parse::<i64>().is_ok() {
        return Error::usage(format!("{code} is no exit code of a container"))
            .hint("Exit codes are 0 to 255; `landfall explain` lists what they mean.");
    }
    let near = explain::nearest_codes(code);
    let error = Error::usage(format!("there is no code `{code}`"));
    match near.as_slice() {
        [] => error.hint("`landfall explain` lists all codes."),
        near => {
            let names: Vec<String> = near.iter().map(|code| format!("`{code}`")).collect();
            error.hint(format!("Did you mean {}? `landfall explain` lists all codes.", names.join(" or ")))
        }
    }
}

/// Writes a page for each code and the index into a folder, and removes pages of codes that there are no more.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::error::ErrorKind::Internal) where a file cannot be written.
pub fn write_pages(folder: &Path) -> Result<()> {
    let failed = |error| Error::internal(format!("cannot write pages to {}", folder.display())).source(error);
    let files = explain::files();
    std::fs::create_dir_all(folder).map_err(failed)?;
    for file in std::fs::read_dir(folder).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".md") && !files.iter().any(|(known, _)| known == name) {
            std::fs::remove_file(&path).map_err(failed)?;
        }
    }
    files.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text).map_err(failed))
}
