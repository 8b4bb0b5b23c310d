//! Reading arguments by the clap types.

use clap::{Command, CommandFactory, FromArgMatches};

use super::args::Cli;
use super::environment::is_empty_variable;

/// Reads arguments, the first of which is the program's name. An empty `LANDFALL_*` variable is one that is not set: CI
/// systems pass inputs that nobody gave as empty texts.
///
/// # Errors
/// What clap says of them; help and version are errors too.
pub(super) fn parse_from(args: impl IntoIterator<Item = String>) -> Result<Cli, clap::Error> {
    read(Cli::command(), args.into_iter().map(Into::into))
}

/// The same of the process's own arguments.
///
/// # Errors
/// As [`parse_from`].
pub(super) fn parse() -> Result<Cli, clap::Error> {
    read(Cli::command(), std::env::args_os())
}

fn read(command: Command, args: impl Iterator<Item = std::ffi::OsString>) -> Result<Cli, clap::Error> {
    let mut command = without_empty_variables(command);
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn without_empty_variables(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_env() {
        Some(name) if is_empty_variable(name) => arg.env(clap::builder::Resettable::Reset),
        _ => arg,
    });
    command.mut_subcommands(without_empty_variables)
}
