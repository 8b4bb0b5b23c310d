//! The clap types.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use landfall_envfile::Policy;

use super::attribute_args::AttributeArgs;
use super::codebuild_args::CodeBuildArgs;
use super::env_args::{EnvArgs, EnvFilesArgs, PruneArgs};
use super::github_args::GithubArgs;
use super::iam_policy_args::IamPolicyArgs;
use super::init_args::InitArgs;
use super::login_args::LoginArgs;
use super::logs_args::LogsArgs;
use super::origin::OriginArgs;
use super::plan_args::{DiffArgs, RenderArgs};
use super::push_args::{PushArgs, PushCommandArgs};
use super::rollout_args::RolloutArgs;
use super::service_args::{ContinueArgs, RollbackArgs, StatusArgs};
use super::verify_args::{PreflightArgs, VerifyArgs};
use crate::config::Overrides;
use crate::error::{Error, Result};
use crate::report::Format;
use crate::secret::Secret;

/// From a container image to a healthy Amazon ECS service, in one step.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: Global,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The configuration file [default: landfall.yml, where there is one]
    #[arg(long, global = true, env = "LANDFALL_CONFIG", value_name = "FILE", value_parser = path)]
    pub config: Option<PathBuf>,
    /// AWS Region
    #[arg(long, global = true, env = "LANDFALL_REGION")]
    pub region: Option<String>,
    /// ECS cluster: name or ARN
    #[arg(long, global = true, env = "LANDFALL_CLUSTER")]
    pub cluster: Option<String>,
    /// How to report [default: human at a terminal, github in GitHub Actions, otherwise plain]
    #[arg(long, global = true, env = "LANDFALL_OUTPUT", value_enum)]
    pub output: Option<Format>,
    /// Keep the events of the run in a file, for `landfall replay`
    #[arg(long, global = true, env = "LANDFALL_RECORD", value_name = "FILE", value_parser = path)]
    pub record: Option<PathBuf>,
    /// Write the run as an HTML page into a file when it ends: verdict, timeline, findings, plan
    #[arg(long, global = true, env = "LANDFALL_REPORT", value_name = "FILE", value_parser = path)]
    pub report: Option<PathBuf>,
    /// Files for CodeBuild and CodePipeline
    #[command(flatten)]
    pub codebuild: CodeBuildArgs,
    /// Tell each call of AWS; twice: with its request id
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// No colours
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Logging in to AWS
    #[command(flatten)]
    pub login: LoginArgs,
    /// What GitHub is told
    #[command(flatten)]
    pub github: GithubArgs,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Push the image, upload the env file, register a revision, update the service, and wait until
    /// its new tasks are healthy
    Deploy(Box<DeployArgs>),
    /// Make the checks that a deployment makes, and change nothing
    Verify(Box<VerifyArgs>),
    /// Push images to their registries, and deploy nothing
    Push(Box<PushCommandArgs>),
    /// Check .env files, store them, and compare them with what a service has
    Env(EnvArgs),
    /// Delete what no revision of the services needs any more: env files in the store
    Prune(PruneArgs),
    /// Print the task definition that a deployment would register, as JSON
    Render(RenderArgs),
    /// Compare two task definitions: what would be registered, what a service runs, any revision
    Diff(DiffArgs),
    /// Show how services stand: deployments, tasks, targets and the newest events
    Status(StatusArgs),
    /// Set services back to the revision that was last good, or to one that is named, and watch them
    Rollback(RollbackArgs),
    /// Say what a finding or an exit code means and what to do about it; without a code, list them all
    Explain(ExplainArgs),
    /// Let a deployment that is paused by a lifecycle hook go on, or go back
    Continue(ContinueArgs),
    /// Show what the containers of services write, or wrote last before they failed
    Logs(LogsArgs),
    /// Write landfall.yml and definitions from a live service, from ecspresso's configuration or from a workflow
    Init(InitArgs),
    /// Print the least IAM policy for a deployment, or the trust policy of its role
    IamPolicy(Box<IamPolicyArgs>),
    /// Print a script that completes commands and flags in a shell
    Completions {
        /// For which shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page, or write one for each command
    Manpage(ManpageArgs),
    /// Show a recorded run again
    Replay {
        /// What `--record` wrote
        file: PathBuf,
    },
    /// Run the embedded stand-in of AWS in the foreground
    Sandbox(SandboxArgs),
    /// Do what the inputs of the GitHub action ask for
    #[command(hide = true)]
    Action,
    /// Print a JSON Schema
    Schema {
        /// Of what
        #[arg(value_enum)]
        of: SchemaOf,
    },
}

/// `landfall explain`
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// What a finding or a check is called, such as image-not-found or env-quotes; or the exit code of a container
    pub code: Vec<String>,
    /// Write a page for each code into this folder (docs/findings)
    #[arg(long, hide = true, value_name = "FOLDER", conflicts_with = "code", value_parser = path)]
    pub pages: Option<PathBuf>,
    /// Write the page on all checks into this file (docs/preflight.md)
    #[arg(long, hide = true, value_name = "FILE", conflicts_with = "code", value_parser = path)]
    pub checks: Option<PathBuf>,
}

/// `landfall manpage`
#[derive(Debug, Args)]
pub struct ManpageArgs {
    /// Write a page for each command into this folder [default: print that of landfall]
    #[arg(long, value_name = "DIR", value_parser = path)]
    pub out: Option<PathBuf>,
}

/// What `landfall schema` can print.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaOf {
    /// The JSON events (`--output json`, `--record`)
    Events,
    /// landfall.yml
    Config,
}

/// `landfall deploy`
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// Only these services of the configuration [default: all]
    pub services: Vec<String>,
    /// Show what would change, and change nothing
    #[arg(long, env = "LANDFALL_DRY_RUN", value_parser = clap::builder::FalseyValueParser::new())]
    pub dry_run: bool,
    /// With --dry-run: exit 10 when there is something to do
    #[arg(long, requires = "dry_run")]
    pub detailed_exitcode: bool,
    /// Prices for the cost in the plan: a JSON file [default: a table that comes with Landfall]
    #[arg(long, env = "LANDFALL_PRICES", value_name = "FILE", value_parser = path)]
    pub prices: Option<PathBuf>,
    /// Run against an embedded stand-in of AWS, in this scenario (`landfall sandbox --list`)
    #[arg(long, value_name = "SCENARIO", num_args = 0..=1, require_equals = true, default_missing_value = "healthy")]
    pub sandbox: Option<String>,
    /// How much faster than the real world the stand-in's clock runs
    #[arg(long, value_name = "FACTOR", default_value_t = DEFAULT_SPEED)]
    pub sandbox_speed: f64,
    /// What to change, without or on top of a configuration file
    #[command(flatten)]
    pub service: ServiceArgs,
    /// Which revision it gets, and its attributes
    #[command(flatten)]
    pub attributes: AttributeArgs,
    /// How images are pushed
    #[command(flatten)]
    pub push: PushArgs,
    /// Where the run comes from
    #[command(flatten)]
    pub origin: OriginArgs,
    /// When the rollout is over
    #[command(flatten)]
    pub rollout: RolloutArgs,
    /// Checks before anything is changed
    #[command(flatten)]
    pub preflight: PreflightArgs,
}

/// Such that the hello example ends in about 5 s.
pub const DEFAULT_SPEED: f64 = 20.0;

/// What to change, without or on top of a configuration file.
#[derive(Debug, Args)]
#[command(next_help_heading = "One service")]
pub struct ServiceArgs {
    /// ECS service: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
    /// Task definition: a JSON or YAML file [default: the revision that the service runs]
    #[arg(long, env = "LANDFALL_TASK_DEFINITION", value_name = "FILE", value_parser = path)]
    pub task_definition: Option<PathBuf>,
    /// The container to change [default: the only one]
    #[arg(long, env = "LANDFALL_CONTAINER", value_name = "NAME")]
    pub container: Option<String>,
    /// The image in its registry: HOST/REPOSITORY:TAG; with --from it may be repeated, and the first one goes
    /// into the task definition
    #[arg(long, env = "LANDFALL_IMAGE", value_name = "REFERENCE")]
    pub image: Vec<String>,
    /// Push the image from here first: docker:NAME[:TAG], docker-archive:FILE[:REF],
    /// oci-archive:FILE[:REF], oci:DIR[:REF], registry:REFERENCE, or - for an archive on standard input
    #[arg(long, env = "LANDFALL_FROM", value_name = "SOURCE")]
    pub from: Option<String>,
    /// Its .env files
    #[command(flatten)]
    pub env_files: EnvFilesArgs,
    /// Set a variable in the task definition; may be repeated
    #[arg(long = "env", short = 'e', value_name = "NAME=VALUE", value_parser = raw)]
    pub environment: Vec<Secret>,
    /// Set a variable from a parameter or secret: its name or ARN; may be repeated
    #[arg(long = "secret", value_name = "NAME=VALUE_FROM", value_parser = raw)]
    pub secrets: Vec<Secret>,
}

/// `landfall sandbox`
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// What happens to deployments
    #[arg(long, default_value = "healthy")]
    pub scenario: String,
    /// Explain the scenarios and leave
    #[arg(long)]
    pub list: bool,
    /// The port on 127.0.0.1 [default: a free one]
    #[arg(long)]
    pub port: Option<u16>,
    /// How much faster than the real world its clock runs
    #[arg(long, value_name = "FACTOR", default_value_t = DEFAULT_SPEED)]
    pub speed: f64,
}

impl DeployArgs {
    /// What the flags say over the file.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a variable without a name, and as the parts have it.
    pub fn overrides(&self, global: &Global) -> Result<Overrides> {
        let known = Overrides {
            push: self.push.overrides()?,
            prices: given_path(&self.prices),
            ..self.service.over(&self.services, global)?
        };
        self.attributes.over(self.preflight.over(self.rollout.over(known)))
    }
}

impl ServiceArgs {
    /// What the flags say over the file; `only` are the services that were named.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a variable without a name.
    pub(super) fn over(&self, only: &[String], global: &Global) -> Result<Overrides> {
        let pairs = |flag: &str, texts: &[Secret]| {
            texts.iter().map(|text| pair(flag, text)).collect::<Result<Vec<_>>>()
        };
        let secrets = pairs("--secret", &self.secrets)?;
        Ok(Overrides {
            only: only.to_vec(),
            region: given(&global.region),
            cluster: given(&global.cluster),
            service: given(&self.service),
            task_definition: given_path(&self.task_definition),
            container: given(&self.container),
            from: given(&self.from),
            images: given_list(&self.image),
            environment: pairs("--env", &self.environment)?,
            secrets: secrets.into_iter().map(|(name, from)| (name, from.expose().to_owned())).collect(),
            ..self.env_files.over(Overrides::default())
        })
    }
}

/// CI systems pass inputs that nobody gave as empty texts.
pub(super) fn given(value: &Option<String>) -> Option<String> {
    value.clone().filter(|text| !text.is_empty())
}

/// The values of a flag that may be repeated. A variable holds several with white space between them, which
/// no reference has.
pub(super) fn given_list(values: &[String]) -> Vec<String> {
    values.iter().flat_map(|text| text.split_whitespace()).map(str::to_owned).collect()
}

pub(super) fn given_path(value: &Option<PathBuf>) -> Option<PathBuf> {
    value.clone().filter(|path| !path.as_os_str().is_empty())
}

pub(super) fn given_paths(values: &[PathBuf]) -> Vec<PathBuf> {
    values.iter().filter(|path| !path.as_os_str().is_empty()).cloned().collect()
}

/// `--env-policy`; nothing where CI has passed an input that nobody gave.
#[derive(Debug, Clone, Copy)]
pub struct EnvPolicyArg(pub(super) Option<Policy>);

pub(super) fn env_policy(text: &str) -> std::result::Result<EnvPolicyArg, String> {
    let policy = match text {
        "" => None,
        "strict" => Some(Policy::Strict),
        "normalize" => Some(Policy::Normalize),
        "verbatim" => Some(Policy::Verbatim),
        _ => return Err("write strict, normalize or verbatim".to_owned()),
    };
    Ok(EnvPolicyArg(policy))
}

/// As clap's own parser of paths, but for the empty one.
pub(super) fn path(text: &str) -> std::result::Result<PathBuf, std::convert::Infallible> {
    Ok(PathBuf::from(text))
}

/// Takes any text: clap repeats what it refuses, and this may be a value whose name was forgotten.
pub(super) fn raw(text: &str) -> std::result::Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn pair(flag: &str, text: &Secret) -> Result<(String, Secret)> {
    match text.expose().split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Secret::new(value))),
        _ => Err(Error::usage(format!("{flag} has no NAME= in front of its value")).hint(format!(
            "Write {flag} NAME=VALUE. What was given is not repeated here: it may be a secret."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn empty_texts_are_as_if_not_given() {
        let cli = Cli::parse_from(["landfall", "deploy", "--image", "", "--env-file", "", "--cluster", "c"]);
        let Command::Deploy(deploy) = &cli.command else { panic!("deploy") };
        let overrides = deploy.overrides(&cli.global).unwrap();
        assert_eq!((overrides.images, overrides.env_files), (Vec::new(), Vec::new()));
        assert_eq!(overrides.cluster.as_deref(), Some("c"));
    }

    #[test]
    fn images_and_the_flags_of_a_push_reach_the_overrides() {
        let args =
            ["--from", "docker:a", "--image", "a:1", "--image", "a:2", "--create-repository", "--no-cache"];
        let cli = Cli::parse_from(["landfall", "deploy"].into_iter().chain(args));
        let Command::Deploy(deploy) = &cli.command else { panic!("deploy") };
        let overrides = deploy.overrides(&cli.global).unwrap();
        assert_eq!(overrides.images, ["a:1", "a:2"]);
        assert!(overrides.push.create_repository && deploy.push.no_cache && !overrides.only_images);
    }

    #[test]
    fn a_scenario_needs_an_equals_sign_so_that_a_service_is_not_taken_for_one() {
        let cli = Cli::parse_from(["landfall", "deploy", "--sandbox", "web"]);
        let Command::Deploy(deploy) = &cli.command else { panic!("deploy") };
        assert_eq!(deploy.sandbox.as_deref(), Some("healthy"));
        assert_eq!(deploy.services, ["web"]);
    }
}
