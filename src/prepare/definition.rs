//! Where the base of a new revision comes from.

use crate::aws::Aws;
use crate::config::{ServiceConfig, TaskDefinitionSource};
use crate::error::{Error, ErrorKind, Result};
use crate::lookup::{Account, Expressions};
use crate::task_definition::{Loaded, TaskDefinition, from_file, verbatim_from_file};

/// The task definition of a file; `None` where it is a revision's.
///
/// # Errors
/// [`ErrorKind::Usage`] naming the file and the place in it.
pub(crate) async fn definition_file(
    service: &ServiceConfig,
    expressions: &Expressions,
    account: &Account,
) -> Result<Option<Loaded<TaskDefinition>>> {
    match &service.task_definition {
        TaskDefinitionSource::File(path) => from_file(path, expressions, account).await.map(Some),
        TaskDefinitionSource::Verbatim { path, keep } => verbatim_from_file(path, keep).map(Some),
        TaskDefinitionSource::Live | TaskDefinitionSource::Revision(_) => Ok(None),
    }
}

/// The revision that is named, and its ARN; `None` where none is.
///
/// # Errors
/// [`ErrorKind::Preflight`] where it does not exist; [`ErrorKind::Aws`].
pub(crate) async fn named_revision(
    source: &TaskDefinitionSource,
    aws: &Aws,
) -> Result<Option<(String, TaskDefinition)>> {
    let TaskDefinitionSource::Revision(name) = source else { return Ok(None) };
    let found = aws.describe_task_definition(name).await?;
    found.map(Some).ok_or_else(|| {
        Error::new(ErrorKind::Preflight, format!("there is no task definition {name} ({})", aws.region))
            .hint("Name an ARN, FAMILY:NUMBER or a family with an ACTIVE revision.")
    })
}
