//! Flags on what GitHub is told.

use std::path::PathBuf;

use clap::Args;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::args::{given, given_path, path};
use super::environment::Environment;
use crate::emit::Emitter;
use crate::event::Record;
use crate::github::{Annotations, Asked, Folders, Outputs, Summary, relay};
use crate::report::Sinks;

/// What GitHub is told, and the summary, which can be written elsewhere too.
#[derive(Debug, Args)]
#[command(next_help_heading = "GitHub Actions")]
pub struct GithubArgs {
    /// Write the summary of the run, as Markdown, into this file [default: the job's summary in GitHub Actions]
    #[arg(long, global = true, env = "LANDFALL_SUMMARY", value_name = "FILE", value_parser = path)]
    pub summary: Option<PathBuf>,
    /// Write nothing into the job's summary
    #[arg(long, global = true, env = "LANDFALL_NO_SUMMARY", value_parser = clap::builder::FalseyValueParser::new())]
    pub no_summary: bool,
    /// Make a GitHub Deployment to this environment and keep its status up to date (permission deployments: write)
    #[arg(long, global = true, env = "LANDFALL_GITHUB_DEPLOYMENT", value_name = "ENVIRONMENT")]
    pub github_deployment: Option<String>,
    /// Where the environment is to be seen, for the GitHub Deployment
    #[arg(long, global = true, env = "LANDFALL_ENVIRONMENT_URL", value_name = "URL")]
    pub environment_url: Option<String>,
    /// Keep one comment with the plan of a dry run on the pull request (permission pull-requests: write)
    #[arg(long, global = true, env = "LANDFALL_COMMENT", value_parser = clap::builder::FalseyValueParser::new())]
    pub comment: bool,
}

impl GithubArgs {
    /// The reporters that write what GitHub reads: annotations, outputs and the job's summary. `to_stdout` says whether
    /// standard output may have workflow commands in it; the runner reads standard error as well. `report` is where the
    /// page of `--report` goes.
    pub(super) fn sinks(
        &self,
        sinks: Sinks,
        environment: &Environment,
        report: Option<PathBuf>,
        to_stdout: bool,
    ) -> Sinks {
        let context = environment.github();
        let mut sinks = sinks;
        if context.is_some() || to_stdout {
            let out: Box<dyn std::io::Write + Send> =
                if to_stdout { Box::new(std::io::stdout()) } else { Box::new(std::io::stderr()) };
            let workspace = context.as_ref().and_then(|context| context.workspace.clone());
            sinks = sinks.with("the annotations", Annotations::new(out, folders(workspace)));
        }
        if let Some(path) = context.as_ref().and_then(|context| context.output.clone()) {
            sinks = sinks
                .with("GITHUB_OUTPUT", Outputs::new(path, report.map(|path| path.display().to_string())));
        }
        let own = given_path(&self.summary);
        let of_job = context.as_ref().and_then(|context| context.step_summary.clone());
        let context = context.clone().unwrap_or_default();
        match (own, of_job) {
            (Some(path), _) => {
                sinks.with(format!("the summary {}", path.display()), Summary::to_file(path, context))
            }
            (None, Some(path)) if !self.no_summary => {
                sinks.with("the job's summary", Summary::of_job(path, context))
            }
            _ => sinks,
        }
    }

    /// Has GitHub told what was asked for, beside the reporters.
    pub(super) fn relay(
        &self,
        receiver: UnboundedReceiver<Record>,
        config: Option<PathBuf>,
        environment: &Environment,
        events: &Emitter,
        interrupt: &CancellationToken,
    ) -> UnboundedReceiver<Record> {
        let deployment = given(&self.github_deployment);
        if deployment.is_none() && !self.comment {
            return receiver;
        }
        let Some(context) = environment.github() else {
            events.warn("this is no job of GitHub Actions: there is no deployment and no comment", None);
            return receiver;
        };
        let config = config.map(|path| path.display().to_string()).unwrap_or_default();
        let asked = Asked {
            deployment,
            environment_url: given(&self.environment_url),
            comment: self.comment,
            // Steps in different folders may each have a `landfall.yml`.
            config: folders(context.workspace.clone()).in_repository(&config).unwrap_or(config),
        };
        events.mask(context.token.clone());
        relay(receiver, asked, context, interrupt.clone())
    }
}

fn folders(workspace: Option<PathBuf>) -> Folders {
    Folders { current: std::env::current_dir().unwrap_or_default(), workspace }
}
