//! `landfall completions`: a script that completes commands and flags in a shell.

use clap::Command;
use clap_complete::{Shell, generate};

/// The script for a shell, made from the command line as it is.
pub fn completions(mut command: Command, shell: Shell) -> String {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
