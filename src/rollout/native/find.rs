//! Which service deployment belongs to an update. UpdateService does not say (facts 4.1), and no clock is
//! asked: it is one that was not there before and that brings the registered revision.

use super::machine::Native;
use crate::aws::Watching;
use crate::error::Result;

/// What a search came to.
pub(super) enum Found {
    /// This one.
    Arn(String),
    /// None is listed yet.
    NotYet,
    /// This endpoint has no service deployments.
    Unsupported,
}

pub(super) async fn find(watching: &Watching, service: &str, native: &Native) -> Result<Found> {
    let followed = native.followed();
    let aws = watching.aws();
    let Some(listed) = aws.list_service_deployments(watching.cluster(), service, &[]).await? else {
        return Ok(Found::Unsupported);
    };
    let new: Vec<_> = listed.into_iter().filter(|listed| !followed.known.contains(&listed.arn)).collect();
    // Newest first; more than a few cannot have begun since.
    let new = &new[..new.len().min(20)];
    if new.is_empty() {
        return Ok(Found::NotYet);
    }
    let targets: Vec<String> = new.iter().map(|listed| listed.target_revision.clone()).collect();
    let revisions = aws.describe_service_revisions(&targets).await?;
    let ours =
        new.iter().find(|listed| revisions.get(&listed.target_revision) == Some(&followed.task_definition));
    Ok(ours.map_or(Found::NotYet, |ours| Found::Arn(ours.arn.clone())))
}
