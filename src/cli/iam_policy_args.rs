//! The clap types of `landfall iam-policy`.

use clap::{Args, ValueEnum};

use super::args::{Global, ServiceArgs, given};
use super::environment::Environment;
use super::push_args::PushArgs;
use crate::commands::TrustJob;
use crate::config::Overrides;
use crate::error::{Error, Result};
use crate::iam_policy::{AUDIENCE, GithubRepository, Runs};

/// `landfall iam-policy`
#[derive(Debug, Args)]
pub struct IamPolicyArgs {
    /// Only these services of the configuration [default: all]
    pub services: Vec<String>,
    /// The account id [default: that of the ARNs and ECR hosts in the configuration]
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// What the tasks' execution role needs, in place of what a deployment needs
    #[arg(long, conflicts_with = "trust")]
    pub execution_role: bool,
    /// Leave out what is only read for checks before a deployment
    #[arg(long)]
    pub no_checks: bool,
    /// Look at the services as they are, for what no file has
    #[arg(long, conflicts_with = "trust")]
    pub resolve: bool,
    /// Print the trust policy of the role in place of its permissions
    #[arg(long, value_enum, value_name = "WHOM")]
    pub trust: Option<TrustArg>,
    /// Who may assume the role
    #[command(flatten)]
    pub whom: WhomArgs,
    /// What would be deployed, without or on top of a configuration file
    #[command(flatten)]
    pub service: ServiceArgs,
    /// How images would be pushed
    #[command(flatten)]
    pub push: PushArgs,
}

/// `--trust`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrustArg {
    /// Workflows of GitHub Actions
    Github,
}

/// Who may assume the role.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust policy")]
pub struct WhomArgs {
    /// The repository on GitHub [default: that of the workflow]
    #[arg(id = "of_repository", long = "repository", value_name = "OWNER/REPO", requires = "trust")]
    pub repository: Option<String>,
    /// Only runs of this branch
    #[arg(id = "of_branch", long = "branch", value_name = "NAME", requires = "trust", group = "runs")]
    pub branch: Option<String>,
    /// Only runs of this tag; * stands for any characters
    #[arg(id = "of_tag", long = "tag", value_name = "NAME", requires = "trust", group = "runs")]
    pub tag: Option<String>,
    /// Only jobs with this environment
    #[arg(
        id = "of_environment",
        long = "environment",
        value_name = "NAME",
        requires = "trust",
        group = "runs"
    )]
    pub environment: Option<String>,
    /// Only runs of pull requests
    #[arg(long, requires = "trust", group = "runs")]
    pub pull_request: bool,
    /// The numeric id of the repository's owner
    #[arg(long, value_name = "N", requires = "repository_id")]
    pub owner_id: Option<u64>,
    /// The numeric id of the repository
    #[arg(long, value_name = "N", requires = "owner_id")]
    pub repository_id: Option<u64>,
}

impl IamPolicyArgs {
    /// What the flags say over the file.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a variable without a name.
    pub(super) fn overrides(&self, global: &Global) -> Result<Overrides> {
        Ok(Overrides { push: self.push.overrides()?, ..self.service.over(&self.services, global)? })
    }

    /// The account that was named.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where it is none.
    pub(super) fn account(&self) -> Result<Option<String>> {
        match given(&self.account) {
            Some(id) if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(Error::usage(format!("--account: `{id}` is not the id of an account"))
                    .hint("It has twelve digits."))
            }
            other => Ok(other),
        }
    }

    /// The trust policy that is asked for, in this account.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where no repository is named.
    pub(super) fn trust(
        &self,
        account: String,
        global: &Global,
        environment: &Environment,
    ) -> Result<TrustJob> {
        let whom = &self.whom;
        let named = given(&whom.repository);
        // The ids are those of the repository whose workflow runs.
        let ids = match (whom.owner_id.zip(whom.repository_id), &named) {
            (Some((owner, repository)), _) => Some((owner.to_string(), repository.to_string())),
            (None, None) => {
                let id = |name| environment.get(name).map(str::to_owned);
                id("GITHUB_REPOSITORY_OWNER_ID").zip(id("GITHUB_REPOSITORY_ID"))
            }
            (None, Some(_)) => None,
        };
        let named = named.or_else(|| environment.get("GITHUB_REPOSITORY").map(str::to_owned));
        let named = named.ok_or_else(|| {
            Error::usage("no repository is named").hint("Name it: --repository OWNER/REPO.")
        })?;
        let part = |text: &str| !text.is_empty() && !text.contains(['/', ':', '*', '"']);
        let (owner, name) =
            named.split_once('/').filter(|(owner, name)| part(owner) && part(name)).ok_or_else(|| {
                Error::usage(format!("--repository: `{named}` is no repository of GitHub"))
                    .hint("Write OWNER/REPO.")
            })?;
        let runs = match (given(&whom.branch), given(&whom.tag), given(&whom.environment)) {
            (Some(branch), ..) => Runs::Branch(branch),
            (_, Some(tag), _) => Runs::Tag(tag),
            (_, _, Some(environment)) => Runs::Environment(environment),
            _ if whom.pull_request => Runs::PullRequest,
            _ => Runs::Any,
        };
        Ok(TrustJob {
            account,
            region: region(&global.region, environment).unwrap_or_default(),
            repository: GithubRepository { owner: owner.to_owned(), name: name.to_owned(), ids },
            runs,
            audience: given(&global.login.oidc_audience).unwrap_or_else(|| AUDIENCE.to_owned()),
        })
    }
}

/// The Region that is named, or that of the environment.
pub(super) fn region(named: &Option<String>, environment: &Environment) -> Option<String> {
    let variable = |name| environment.get(name).map(str::to_owned);
    given(named).or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"))
}
