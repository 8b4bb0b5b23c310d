//! Doing what the inputs ask for.

use std::io::Write;
use std::path::Path;

use super::inputs::Inputs;
use super::translate::{Mode, translate};
use crate::aws::AwsSettings;
use crate::cli::args::{Cli, Command, Global, given};
use crate::cli::environment::Environment;
use crate::cli::parse::parse_from;
use crate::cli::run::{deploy, environment_of};
use crate::cli::wiring::{aws_settings, hide, print, reported, sinks, sinks_with};
use crate::commands::{self, RegisterJob, RenderFileJob};
use crate::error::{Error, Result};
use crate::event::{Event, Verdict};
use crate::secret::Secret;
use crate::shape::Source;
use crate::state::RunState;
use crate::task_definition::{TaskDefinition, read_only_keys};

/// Reads the inputs, does what they ask for, and gives the process's exit code.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for an input that is wrong or not supported.
pub(in crate::cli) async fn action(environment: &Environment) -> Result<u8> {
    let error = match work(environment).await {
        Ok(code) => return Ok(code),
        Err(error) => error,
    };
    // Nothing was there yet to tell it.
    let global = as_command("action", std::iter::empty())?.global;
    let state = reported(sinks(&global, environment)?, &global, environment, async |_, _| Err(error));
    Ok(state.await?.exit_code())
}

async fn work(environment: &Environment) -> Result<u8> {
    let inputs = Inputs::read(&environment.variables);
    let request = translate(&inputs, Path::new("landfall.yml").exists())?;
    hide(environment, &request.masks);
    let globals = request.globals.into_iter().map(Secret::new);
    let mut notes = request.notes;
    if let Some(path) = inputs.get("task-definition") {
        notes.extend(read_only_note(path));
    }
    match request.mode {
        Mode::Deploy(args) => {
            // What stands behind a lone `--` is no flag.
            let cli = as_command("deploy", globals.chain(args))?;
            let Command::Deploy(args) = cli.command else {
                return Err(Error::internal("deploy was read as another command"));
            };
            let state = deploy(&args, &cli.global, &environment_of(&cli.global), &notes).await?;
            keep_revision(&state, environment)?;
            Ok(state.exit_code())
        }
        Mode::Register { path, keep, dry_run } => {
            let global = as_command("action", globals)?.global;
            let environment = &environment_of(&global);
            let sinks = sinks(&global, environment)?;
            let state = reported(sinks, &global, environment, async |events, interrupt| {
                notes.iter().for_each(|note| events.warn(note, None));
                let aws = settings(&global, environment);
                commands::register(RegisterJob { path: path.into(), keep, aws, dry_run }, events, interrupt)
                    .await
            });
            let state = state.await?;
            Ok(state.exit_code())
        }
        Mode::Render(job) => {
            let global = as_command("action", globals)?.global;
            let environment = &environment_of(&global);
            let (base, rendering) = *job;
            let sinks = sinks_with(&global, environment, environment.is_github_actions())?;
            let state = reported(sinks, &global, environment, async |events, _| {
                notes.iter().for_each(|note| events.warn(note, None));
                let aws = settings(&global, environment);
                let rendered = commands::render_file(RenderFileJob { base, rendering, aws }, events).await?;
                let path = write_down(&rendered, environment)?;
                let events = events.for_service(rendered.family());
                let reason = format!("rendered into {path}");
                events.emit(Event::RolloutFinished {
                    verdict: Verdict::Unchanged,
                    reason,
                    zero_downtime: None,
                });
                Ok(())
            });
            Ok(state.await?.exit_code())
        }
    }
}

/// The arguments as clap reads them on a command line: there is one way in.
fn as_command(verb: &str, args: impl Iterator<Item = Secret>) -> Result<Cli> {
    let words = args.map(|arg| arg.expose().to_owned());
    parse_from(["landfall".to_owned(), verb.to_owned()].into_iter().chain(words)).map_err(|error| {
        // The first line says what is wrong with which flag; inputs are called as their flags are.
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let what = first.strip_prefix("error: ").unwrap_or(first);
        let possible = text.lines().map(str::trim).find(|line| line.starts_with("[possible values"));
        let hint = "Correct the input of that name; docs/github-actions.md has them all.";
        Error::usage(format!("an input cannot be read: {what}"))
            .hint(possible.map_or_else(|| hint.to_owned(), |values| format!("{hint} {values}")))
    })
}

fn settings(global: &Global, environment: &Environment) -> AwsSettings {
    AwsSettings { region: given(&global.region), ..aws_settings(environment) }
}

/// The file is read again for the run, which tells what is wrong with it.
fn read_only_note(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let document = Source::new(Path::new(path), &text).value().ok()?;
    let keys = read_only_keys(&document);
    (!keys.is_empty()).then(|| {
        format!(
            "{path}: {} left out: AWS shows them of a revision and takes them for none; they can be removed from the file",
            keys.join(", ")
        )
    })
}

/// A run that had nothing to do has deployed no revision; whoever reads the output wants the one that runs.
fn keep_revision(state: &RunState, environment: &Environment) -> Result<()> {
    let first = state.services.first().map(|service| &service.report);
    let unchanged =
        first.filter(|first| first.verdict == Verdict::Unchanged && first.task_definition.is_none());
    match unchanged.and_then(|first| first.previous_task_definition.as_ref()) {
        Some(arn) => set_output("task-definition-arn", arn, environment).map(|_| ()),
        None => Ok(()),
    }
}

/// Sets an output of the step; false where there is no step, or a value that needs more than one line.
fn set_output(name: &str, value: &str, environment: &Environment) -> Result<bool> {
    let Some(path) = environment.get("GITHUB_OUTPUT").filter(|_| !value.contains(['\n', '\r'])) else {
        return Ok(false);
    };
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let written = opened.and_then(|mut file| file.write_all(format!("{name}={value}\n").as_bytes()));
    written.map_err(|error| Error::internal("cannot write the outputs of the step").source(error))?;
    Ok(true)
}

/// Writes a rendered task definition where the files of the job are, and names it as the step's output.
fn write_down(definition: &TaskDefinition, environment: &Environment) -> Result<String> {
    let failed =
        |what: &str, error: std::io::Error| Error::internal(format!("cannot write {what}")).source(error);
    let text = serde_json::to_string_pretty(&definition.to_value())
        .map_err(|error| Error::internal("cannot write the task definition").source(error))?;
    let folder = environment.get("RUNNER_TEMP").map_or_else(std::env::temp_dir, Into::into);
    let file = tempfile::Builder::new().prefix("task-definition-").suffix(".json").tempfile_in(&folder);
    let mut file = file.map_err(|error| failed(&folder.display().to_string(), error))?;
    file.write_all(text.as_bytes()).map_err(|error| failed("the rendered task definition", error))?;
    let (_, path) = file.keep().map_err(|error| failed("the rendered task definition", error.error))?;
    let path = path.display().to_string();
    if !set_output("task-definition", &path, environment)? {
        print(&format!("{path}\n"))?;
    }
    Ok(path)
}
