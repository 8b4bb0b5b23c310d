//! `landfall manpage`: manual pages, made from the command line as it is.

use std::path::Path;

use clap::Command;
use clap_mangen::{Man, generate_to};

use crate::error::{Error, Result};

/// The page of the program itself.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::error::ErrorKind::Internal): none that is known.
pub fn manpage(command: Command) -> Result<String> {
    let mut page = Vec::new();
    Man::new(without_help(command))
        .render(&mut page)
        .map_err(|error| Error::internal("cannot write the manual page").source(error))?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// Writes `landfall.1` and a page for each command, `landfall-deploy.1`, into a folder, which is made where it is missing.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where the folder cannot be written to.
pub fn write_manpages(command: Command, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).and_then(|()| generate_to(without_help(command), folder)).map_err(
        |error| {
            Error::usage(format!("cannot write manual pages to {}", folder.display()))
                .source(error)
                .hint("Give --out a folder that you may write to.")
        },
    )
}

/// `help` explains itself, and its pages would only repeat the names of all others.
fn without_help(command: Command) -> Command {
    command.disable_help_subcommand(true)
}
