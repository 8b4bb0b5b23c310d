//! The clap types of `landfall env` and `landfall prune`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use landfall_envfile::Options;

use super::args::{EnvPolicyArg, Global, env_policy, given, given_paths, path};
use crate::config::{EnvFileConfig, Overrides, env_code};
use crate::error::{Error, Result};

/// `landfall env`
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// What to do
    #[command(subcommand)]
    pub command: EnvCommand,
}

/// The verbs of `landfall env`.
#[derive(Debug, Subcommand)]
pub enum EnvCommand {
    /// Find the lines that ECS reads otherwise than their author meant; needs neither AWS nor a configuration
    Check(EnvCheckArgs),
    /// Store env files as a deployment would, and deploy nothing
    Push(EnvPushArgs),
    /// Write the variables that a service runs with into a .env file that only you can read
    Pull(EnvPullArgs),
    /// Compare the variables of the configuration with those that the services run with: names, never values
    Diff(EnvDiffArgs),
}

const CHECK_EXAMPLES: &str = "\
Examples:
  landfall env check .env.production
  landfall env check --fix .env*
  sops decrypt prod.env | landfall env check -

It exits 2 when something is found.";

/// `landfall env check`
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct EnvCheckArgs {
    /// Files to check, - for standard input [default: every env file of landfall.yml]
    #[arg(value_name = "FILE", value_parser = path)]
    pub files: Vec<PathBuf>,
    /// The policy under which they will be deployed [default: normalize, or what landfall.yml says]
    #[arg(long, env = "LANDFALL_ENV_POLICY", value_name = "POLICY", value_parser = env_policy)]
    pub policy: Option<EnvPolicyArg>,
    /// ${NAME} stands for a variable that the same file sets further up
    #[arg(long)]
    pub interpolate: bool,
    /// A finding that is meant (`env-credential`); may be repeated
    #[arg(long, value_name = "CODE")]
    pub allow: Vec<String>,
    /// Rewrite the files so that ECS reads what they mean, as far as that can be written
    #[arg(long)]
    pub fix: bool,
}

/// The env files of a service, without or on top of a configuration file.
#[derive(Debug, Args)]
#[command(next_help_heading = "One service")]
pub struct EnvSourceArgs {
    /// ECS service: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
    /// The container [default: the only one]
    #[arg(long, env = "LANDFALL_CONTAINER", value_name = "NAME")]
    pub container: Option<String>,
    /// Its .env files
    #[command(flatten)]
    pub env_files: EnvFilesArgs,
}

/// The .env files of a container, and where they are stored.
#[derive(Debug, Args)]
pub struct EnvFilesArgs {
    /// A .env file that the container reads; may be repeated, and the first one that sets a name wins
    #[arg(long, env = "LANDFALL_ENV_FILE", value_name = "FILE", value_parser = path)]
    pub env_file: Vec<PathBuf>,
    /// What to do about lines that ECS reads otherwise than dotenv libraries do [default: normalize]
    #[arg(long, env = "LANDFALL_ENV_POLICY", value_name = "POLICY", value_parser = env_policy)]
    pub env_policy: Option<EnvPolicyArg>,
    /// Where .env files are stored: s3://BUCKET/PREFIX
    #[arg(long, env = "LANDFALL_ENV_STORE", value_name = "S3-URL")]
    pub env_store: Option<String>,
}

impl EnvFilesArgs {
    /// What the flags say over the file, beside what is known of it.
    pub(super) fn over(&self, known: Overrides) -> Overrides {
        Overrides {
            env_files: given_paths(&self.env_file),
            env_policy: self.env_policy.and_then(|policy| policy.0),
            env_store: given(&self.env_store),
            ..known
        }
    }
}

/// `landfall env push`
#[derive(Debug, Args)]
#[command(
    after_help = "Standard output has one line for each file, its ARN for `environmentFiles`; the rest is on standard error."
)]
pub struct EnvPushArgs {
    /// Only the env files of these services of the configuration [default: all]
    pub services: Vec<String>,
    /// What to store
    #[command(flatten)]
    pub source: EnvSourceArgs,
}

/// `landfall env pull`
#[derive(Debug, Args)]
pub struct EnvPullArgs {
    /// The service: a key of the configuration, or without one the ECS service [default: the only one]
    #[arg(value_name = "SERVICE")]
    pub name: Option<String>,
    /// The file to write; it is never standard output
    #[arg(long, value_name = "FILE", value_parser = path)]
    pub to: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
    /// ECS service: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
    /// The container [default: the only one]
    #[arg(long, env = "LANDFALL_CONTAINER", value_name = "NAME")]
    pub container: Option<String>,
}

/// `landfall env diff`
#[derive(Debug, Args)]
pub struct EnvDiffArgs {
    /// Only these services of the configuration [default: all]
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Exit 10 when something differs
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// What to compare with
    #[command(flatten)]
    pub source: EnvSourceArgs,
}

/// `landfall prune`
#[derive(Debug, Args)]
#[command(
    after_help = "An env file stays as long as an ACTIVE revision of the service's family or a deployment of the service names it. \
Services of different clusters or Regions that share an env store need prefixes of their own: each would take the other's files for unused."
)]
pub struct PruneArgs {
    /// Only the env files of these services of the configuration [default: all]
    pub services: Vec<String>,
    /// Younger ones stay: a deployment may be about to name them
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    pub min_age: String,
    /// Delete, and do not only show
    #[arg(long)]
    pub yes: bool,
    /// ECS service: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
    /// Where .env files are stored: s3://BUCKET/PREFIX
    #[arg(long, env = "LANDFALL_ENV_STORE", value_name = "S3-URL")]
    pub env_store: Option<String>,
}

impl EnvCheckArgs {
    /// The files that were named, each read as the flags say; none where the configuration is to name them.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a code that is not known.
    pub fn files(&self) -> Result<Vec<EnvFileConfig>> {
        let options = Options {
            policy: self.policy.and_then(|policy| policy.0).unwrap_or_default(),
            allow: self.allow()?,
        };
        let file = |path| EnvFileConfig { path, interpolate: self.interpolate, options: options.clone() };
        Ok(given_paths(&self.files).into_iter().map(file).collect())
    }

    /// Lays the flags over a file of the configuration.
    ///
    /// # Errors
    /// As [`Self::files`].
    pub fn apply(&self, file: &mut EnvFileConfig) -> Result<()> {
        file.interpolate |= self.interpolate;
        file.options.allow.extend(self.allow()?);
        Ok(())
    }

    fn allow(&self) -> Result<Vec<landfall_envfile::Code>> {
        self.allow.iter().map(|text| env_code("--allow", text)).collect()
    }

    /// What the flags say over the configuration file.
    pub fn overrides(&self, global: &Global) -> Overrides {
        Overrides { env_policy: self.policy.and_then(|policy| policy.0), ..without_images(global) }
    }
}

impl EnvSourceArgs {
    fn overrides(&self, global: &Global, only: &[String]) -> Overrides {
        Overrides {
            only: only.to_vec(),
            service: given(&self.service),
            container: given(&self.container),
            ..self.env_files.over(without_images(global))
        }
    }
}

impl EnvPushArgs {
    /// What the flags say over the configuration file.
    pub fn overrides(&self, global: &Global) -> Overrides {
        self.source.overrides(global, &self.services)
    }
}

impl EnvDiffArgs {
    /// What the flags say over the configuration file.
    pub fn overrides(&self, global: &Global) -> Overrides {
        Overrides { only_images: false, ..self.source.overrides(global, &self.services) }
    }
}

impl EnvPullArgs {
    /// What the flags say over the configuration `file`.
    pub fn overrides(&self, global: &Global, file: Option<&Path>) -> Overrides {
        let mut overrides = Overrides { service: given(&self.service), ..without_images(global) };
        match (given(&self.name), file) {
            // There are no keys: what is named can only be the ECS service itself.
            (Some(name), None) if overrides.service.is_none() => overrides.service = Some(name),
            (name, _) => overrides.only.extend(name),
        }
        overrides
    }
}

impl PruneArgs {
    /// What the flags say over the configuration file.
    pub fn overrides(&self, global: &Global) -> Overrides {
        Overrides {
            only: self.services.clone(),
            service: given(&self.service),
            env_store: given(&self.env_store),
            ..without_images(global)
        }
    }

    /// How old an object must be. A day has 24 hours.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for what is no duration.
    pub fn min_age(&self) -> Result<Duration> {
        age("--min-age", &self.min_age)
    }
}

/// A span of time that lies behind, where a day has 24 hours.
pub(super) fn age(flag: &str, text: &str) -> Result<Duration> {
    let days = SpanRelativeTo::days_are_24_hours();
    let span: Option<Span> = text.parse().ok();
    let duration: Option<SignedDuration> = span.and_then(|span| span.to_duration(days).ok());
    duration.and_then(|duration| Duration::try_from(duration).ok()).ok_or_else(|| {
        Error::usage(format!("{flag}: `{text}` is not a duration"))
            .hint("Write a number with a unit: 10m, 12h or 7d.")
    })
}

/// The flags that every command takes, for one that has nothing to do with images: what it needs of the rest, it
/// asks for itself.
fn without_images(global: &Global) -> Overrides {
    Overrides {
        region: given(&global.region),
        cluster: given(&global.cluster),
        only_images: true,
        ..Overrides::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn prune(min_age: &str) -> Result<Duration> {
        let cli = Cli::try_parse_from(["landfall", "prune", "--min-age", min_age]).unwrap();
        let Command::Prune(args) = cli.command else { panic!("prune") };
        args.min_age()
    }

    #[test]
    fn an_age_can_be_said_in_days() {
        assert_eq!(prune("7d").unwrap(), Duration::from_secs(7 * 86_400));
        assert_eq!(prune("1h30m").unwrap(), Duration::from_secs(5_400));
        assert_eq!(prune("0s").unwrap(), Duration::ZERO);
        for wrong in ["7", "", "soon", "1 month"] {
            let error = prune(wrong).unwrap_err();
            assert!(error.to_string().starts_with("--min-age: "), "{error}");
        }
        assert!(prune("7d ago").is_err(), "no age is negative");
    }

    #[test]
    fn files_of_a_check_are_read_as_the_flags_say() {
        let parse = |args: &[&str]| {
            let cli = Cli::try_parse_from(["landfall", "env", "check"].iter().chain(args)).unwrap();
            let Command::Env(EnvArgs { command: EnvCommand::Check(args) }) = cli.command else {
                panic!("env check")
            };
            args
        };
        let args = parse(&["a.env", "-", "--policy", "strict", "--allow", "env-credential", "--interpolate"]);
        let files = args.files().unwrap();
        assert_eq!(files.iter().map(|f| f.path.to_str().unwrap()).collect::<Vec<_>>(), ["a.env", "-"]);
        assert!(files.iter().all(|f| f.interpolate && f.options.allow.len() == 1));
        let error = parse(&["a.env", "--allow", "env-quote"]).files().unwrap_err();
        assert!(error.to_string().contains("--allow: `env-quote`"), "{error}");
    }
}
