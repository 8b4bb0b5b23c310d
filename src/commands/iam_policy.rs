//! `landfall iam-policy`: what the role of a pipeline may do, or who may assume it.

use serde_json::Value;

use crate::aws::{Aws, AwsSettings};
use crate::config::{Config, ServiceConfig, TaskDefinitionSource};
use crate::error::{Error, Result};
use crate::iam_policy::{
    Deployed, GithubRepository, LONGEST, Place, Policy, Runs, Subject, account_of, not_allowed, of_caller,
    of_execution_role, trust_policy,
};
use crate::lookup::Account;
use crate::service_definition::ServiceDefinition;
use crate::task_definition::{TaskDefinition, from_file, verbatim_from_file};

/// What is asked of `landfall iam-policy`.
pub struct IamPolicyJob {
    /// The configuration.
    pub config: Config,
    /// How to reach AWS, where that is wanted.
    pub aws: AwsSettings,
    /// AWS Region.
    pub region: String,
    /// The account, where it was named.
    pub account: Option<String>,
    /// For the execution role of the tasks, in place of whoever deploys.
    pub execution_role: bool,
    /// With what the checks before a deployment read.
    pub checks: bool,
    /// Look at the services as they are.
    pub resolve: bool,
}

/// What is asked of `landfall iam-policy --trust github`.
pub struct TrustJob {
    /// Account id, 12 digits.
    pub account: String,
    /// AWS Region, which says what partition the account is in.
    pub region: String,
    /// Whose workflows.
    pub repository: GithubRepository,
    /// Which runs of them.
    pub runs: Runs,
    /// Whom the tokens are for.
    pub audience: String,
}

/// A policy, and what is to be known about it.
pub struct Printed {
    /// The document.
    pub document: Value,
    /// For people, beside it.
    pub notes: Vec<String>,
}

/// The least policy for a configuration.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where the account is not known, or a file is wrong;
/// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws) where AWS is asked and refuses.
pub async fn iam_policy(job: IamPolicyJob) -> Result<Printed> {
    let config = &job.config;
    let aws = match job.resolve {
        true => {
            Some(Aws::connect(AwsSettings { region: Some(job.region.clone()), ..job.aws.clone() }).await?)
        }
        false => None,
    };
    let lookups = match &aws {
        Some(aws) => Account::of(aws),
        None => Account::with(AwsSettings { region: Some(job.region.clone()), ..job.aws.clone() }),
    };
    let mut files = Vec::new();
    for service in &config.services {
        files.push(read(service, config, aws.as_ref(), &lookups).await?);
    }
    let definitions: Vec<Option<TaskDefinition>> = files.iter().map(|file| file.definition.clone()).collect();
    let account = match (job.account.clone(), &aws) {
        (Some(account), _) => account,
        (None, Some(aws)) => aws.account().await?,
        (None, None) => account_of(config, &definitions).ok_or_else(|| {
            Error::usage("the account is in no ARN and no image reference of the configuration")
                .hint("Give it: --account 123456789012.")
        })?,
    };
    let place = Place { region: &job.region, account: &account, cluster: &config.cluster };
    let store = config.env_store.as_ref();
    let mut subjects = Vec::new();
    for (service, file) in config.services.iter().zip(files) {
        subjects.push(Subject::new(service, store, file.definition, file.attributes.as_ref(), &place)?);
    }
    let deployed: Vec<Deployed<'_>> =
        subjects.iter().map(|subject| subject.deployed(store, &place)).collect();
    let policy = match job.execution_role {
        true => of_execution_role(&deployed),
        false => of_caller(&deployed, &config.expressions.looked_up(), job.checks),
    };
    if !job.execution_role
        && let Some(missing) = not_allowed(&policy, &deployed).first()
    {
        return Err(Error::internal(format!(
            "the policy does not allow {} on {}, which a deployment needs",
            missing.action, missing.resource
        )));
    }
    if policy.is_empty() {
        return Err(Error::usage("no task of this configuration needs a permission of its execution role")
            .hint("Images of other registries, and no env files, secrets or logs of AWS: the role can be left out."));
    }
    let mut notes = size(&policy);
    let unknown = config.services.iter().zip(&definitions).filter(|(_, definition)| definition.is_none());
    for (service, _) in unknown {
        notes.push(format!(
            "the task definition of {} is in no file: its roles, family and log groups are any of the account. Name the file (--task-definition), or let Landfall look at the service (--resolve).",
            service.name
        ));
    }
    Ok(Printed { document: policy.to_value(), notes })
}

/// The trust policy for workflows of a repository.
pub fn trust(job: &TrustJob) -> Printed {
    let place = Place { region: &job.region, account: &job.account, cluster: "" };
    let subjects = job.repository.subjects(&job.runs);
    let mut notes = Vec::new();
    let GithubRepository { owner, name, ids } = &job.repository;
    if ids.is_none() {
        notes.push(format!(
            "subjects of repositories that were created or renamed on or after 15 July 2026 have numeric ids: give --owner-id and --repository-id (gh api repos/{owner}/{name} --jq '.owner.id, .id') to accept that form as well."
        ));
    }
    if job.runs == Runs::Any {
        notes.push(format!(
            "every run of a workflow of {owner}/{name} may assume the role, of pull requests too: narrow it with --branch, --tag or --environment."
        ));
    }
    Printed { document: trust_policy(&job.account, place.partition(), &job.audience, &subjects), notes }
}

fn size(policy: &Policy) -> Vec<String> {
    let length = policy.length();
    let too_long = (length > LONGEST).then(|| {
        format!(
            "{length} characters are more than a managed policy may have ({LONGEST}): attach it to the role inline (aws iam put-role-policy), or make one for each service: landfall iam-policy SERVICE."
        )
    });
    vec![
        too_long.unwrap_or_else(|| {
            format!("{length} of the {LONGEST} characters that a managed policy may have")
        }),
    ]
}

/// What is known of a service.
struct Known {
    definition: Option<TaskDefinition>,
    attributes: Option<serde_json::Map<String, Value>>,
}

async fn read(
    service: &ServiceConfig,
    config: &Config,
    aws: Option<&Aws>,
    lookups: &Account,
) -> Result<Known> {
    let mut known = Known { definition: None, attributes: None };
    if let Some(aws) = aws {
        let live = aws.describe_whole_service(&config.cluster, &service.service).await?;
        if let Some(live) = live {
            known.definition =
                aws.describe_task_definition(&live.task_definition).await?.map(|(_, found)| found);
            known.attributes = Some(live.document);
        }
    }
    match &service.task_definition {
        TaskDefinitionSource::File(path) => {
            known.definition = Some(from_file(path, &config.expressions, lookups).await?.content);
        }
        TaskDefinitionSource::Verbatim { path, keep } => {
            known.definition = Some(verbatim_from_file(path, keep)?.content);
        }
        TaskDefinitionSource::Revision(name) => {
            if let Some(aws) = aws {
                known.definition = aws.describe_task_definition(name).await?.map(|(_, found)| found);
            }
        }
        TaskDefinitionSource::Live => {}
    }
    if let Some(path) = &service.service_definition {
        let file = ServiceDefinition::from_file(path, &config.expressions, lookups).await?;
        known.attributes.get_or_insert_default().extend(file.content.attributes().clone());
    }
    Ok(known)
}
