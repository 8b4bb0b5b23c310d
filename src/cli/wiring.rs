//! What every verb is connected to: the configuration, AWS, and where its report goes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::ProgressDrawTarget;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::args::{Global, given_path};
use super::environment::Environment;
use super::interrupt::on_signal;
use crate::aws::AwsSettings;
use crate::commands;
use crate::config::{Config, Need, Overrides, Reach, read_config};
use crate::emit::{Emitter, Masks};
use crate::error::{Error, Result, exit_code};
use crate::event::Event;
use crate::github::mask_commands;
use crate::report::{Format, HtmlReport, Sinks, Streams, choose, drive};
use crate::secret::Secret;
use crate::state::RunState;

/// Does what emits events, with the reporters at their other end, and gives what the run came to.
pub(super) async fn reported(
    sinks: Sinks,
    global: &Global,
    environment: &Environment,
    work: impl AsyncFnOnce(&Emitter, &CancellationToken) -> Result<()>,
) -> Result<RunState> {
    let (events, receiver) = Emitter::channel();
    let events = events.with_masks(masks(environment)).with_verbosity(global.verbose);
    let interrupt = on_signal();
    let receiver = global.github.relay(receiver, config_file(global), environment, &events, &interrupt);
    let reporting = tokio::spawn(drive(receiver, sinks));
    if let Err(error) = work(&events, &interrupt).await {
        events.emit(Event::RunFailed { error: (&error).into() });
    }
    drop(events);
    reporting.await.map_err(|error| Error::internal("the reporters failed").source(error))
}

/// The configuration, with what is needed of it looked up.
pub(super) async fn configured(
    file: Option<&Path>,
    overrides: &Overrides,
    environment: &Environment,
    need: Need,
) -> Result<Config> {
    let reach = Reach { aws: Some(aws_settings(environment)), need };
    read_config(file, overrides, &environment.variables, reach).await
}

/// The same of the file that every verb takes.
pub(super) async fn configuration(
    global: &Global,
    overrides: &Overrides,
    environment: &Environment,
    need: Need,
) -> Result<Config> {
    configured(config_file(global).as_deref(), overrides, environment, need).await
}

pub(super) fn aws_settings(environment: &Environment) -> AwsSettings {
    let settings = commands::aws_settings(environment.has_s3_endpoint(), environment.registry_endpoint());
    AwsSettings { login: environment.login.clone(), ..settings }
}

/// The configuration file: the one that is named, or `landfall.yml` where there is one.
pub(super) fn config_file(global: &Global) -> Option<PathBuf> {
    let named = global.config.clone().filter(|path| !path.as_os_str().is_empty());
    named.or_else(|| Some(PathBuf::from("landfall.yml")).filter(|path| path.exists()))
}

pub(super) fn sinks(global: &Global, environment: &Environment) -> Result<Sinks> {
    sinks_with(global, environment, true)
}

/// The reporters; what is not data goes to standard error where standard output is for data alone.
pub(super) fn sinks_with(global: &Global, environment: &Environment, to_stdout: bool) -> Result<Sinks> {
    let format = choose(global.output, environment.terminal(global.no_color));
    open_sinks(format, global, environment, to_stdout)
}

pub(super) fn open_sinks(
    format: Format,
    global: &Global,
    environment: &Environment,
    to_stdout: bool,
) -> Result<Sinks> {
    let terminal = environment.terminal(global.no_color);
    let stdout: Box<dyn std::io::Write + Send> =
        if to_stdout { Box::new(std::io::stdout()) } else { Box::new(std::io::stderr()) };
    let streams = Streams { stdout, stderr: Box::new(std::io::stderr()), live: ProgressDrawTarget::stderr() };
    let record = global.record.as_deref().filter(|path| !path.as_os_str().is_empty());
    let sinks = Sinks::open(format, &terminal, streams, record)?;
    let sinks = match given_path(&global.report) {
        Some(path) => sinks.with(format!("the report {}", path.display()), HtmlReport::new(&path)),
        None => sinks,
    };
    let sinks = global.codebuild.add_to(sinks)?;
    let to_stdout = to_stdout && format == Format::Github;
    Ok(global.github.sinks(sinks, environment, given_path(&global.report), to_stdout))
}

/// In GitHub Actions, values are hidden from the log before anything is told (design 8). The commands go to standard
/// error, which the runner reads too: standard output may be data that a later step reads.
pub(super) fn masks(environment: &Environment) -> Option<Masks> {
    environment.is_github_actions().then(|| {
        Masks::new(|value| {
            use std::io::Write;
            let commands = Zeroizing::new(mask_commands(value.expose()));
            // A log that is gone shows nothing either.
            let _ = std::io::stderr().write_all(commands.as_bytes());
        })
    })
}

/// Hides values from the log at once, where no run is there yet that would.
pub(super) fn hide(environment: &Environment, values: &[Secret]) {
    if let Some(masks) = masks(environment) {
        values.iter().for_each(|value| masks.hide(value));
    }
}

/// Writes data to standard output. A reader that has gone is no error.
pub(super) fn print(text: &str) -> Result<()> {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::internal("cannot write to standard output").source(error))
        }
        _ => Ok(()),
    }
}

/// Tells people something beside the data on standard output.
pub(super) fn note(text: &str) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(format!("note: {text}\n").as_bytes());
}

/// Tells an error that no reporter was there for.
pub(super) fn report_error(error: &Error) -> ExitCode {
    use std::io::Write;
    let mut text = format!("error: {error}\n");
    if let Some(hint) = error.hint_text() {
        text.push_str(&format!("hint: {hint}\n"));
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(exit_code::of_error(error.kind()))
}
