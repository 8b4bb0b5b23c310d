//! From what the configuration says about a push to the repositories that get the image: which of them exist, whether
//! their tags may move, and creating those that are missing.

use futures_util::future::try_join_all;

use crate::aws::{Aws, Repository, RepositoryLook, RepositoryOptions};
use crate::config::PushConfig;
use crate::emit::Emitter;
use crate::error::{Error, Result};
use crate::image::{Destination, OpenOptions, Reference, Registries, missing_repository};
use crate::logins::Workbench;

/// A repository that gets an image.
#[derive(Debug)]
pub struct Target {
    /// Where it is.
    pub destination: Destination,
    /// It is missing, and is to be created with this before anything is sent.
    pub create: Option<RepositoryOptions>,
}

/// Looks at the repositories of a push. References to the same repository become one target with several tags, in the
/// order in which they are named. Changes nothing.
///
/// A missing repository of ECR has to be found out beforehand: ECR may drop the connection instead of saying so
/// (registry facts 3). What the caller may not look at is left to the registry.
///
/// # Errors
/// [`ErrorKind::Preflight`](crate::error::ErrorKind::Preflight) where a repository is missing and not to be created;
/// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws) where AWS cannot be asked.
pub async fn look(push: &PushConfig, aws: Option<&Aws>, registries: &Registries) -> Result<Vec<Target>> {
    let mut destinations: Vec<Destination> = Vec::new();
    for reference in &push.to {
        let same = |known: &&mut Destination| {
            let Reference { host, repository, digest, .. } = &known.repository;
            (host, repository, digest) == (&reference.host, &reference.repository, &reference.digest)
        };
        match (destinations.iter_mut().find(same), &reference.tag) {
            (Some(known), Some(tag)) => known.tags.push(tag.clone()),
            (Some(_), None) => {}
            (None, _) => destinations.push(Destination::new(registries(reference)?, reference)),
        }
    }
    try_join_all(destinations.into_iter().map(|destination| look_at(destination, push, aws))).await
}

async fn look_at(mut destination: Destination, push: &PushConfig, aws: Option<&Aws>) -> Result<Target> {
    let repository = &destination.repository;
    let look = match (repository.is_ecr(), aws) {
        (Some(ecr), Some(aws)) => aws.repository(&ecr, &repository.repository).await?,
        _ => RepositoryLook::NotAllowed,
    };
    let mut create = None;
    match (look, &push.create_repository) {
        (RepositoryLook::There(Repository { tag_mutability }), _) => {
            let stuck = destination.tags.iter().filter(|tag| !tag_mutability.allows_move(tag));
            destination.immovable = stuck.cloned().collect();
        }
        (RepositoryLook::Missing, Some(options)) => {
            destination.is_new = true;
            create = Some(options.clone());
        }
        (RepositoryLook::Missing, None) => {
            let error = missing_repository(repository);
            let hint = error.hint_text().unwrap_or_default().to_owned();
            return Err(error.hint(format!("{hint}, or let Landfall do it with --create-repository")));
        }
        (RepositoryLook::NotAllowed, _) => {}
    }
    Ok(Target { destination, create })
}

/// Creates the repositories that are missing.
///
/// # Errors
/// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws) where AWS refuses.
pub async fn create_missing(targets: &[Target], aws: Option<&Aws>, events: &Emitter) -> Result<()> {
    for Target { destination, create } in targets {
        let repository = &destination.repository;
        let (Some(options), Some(ecr)) = (create, repository.is_ecr()) else { continue };
        let Some(aws) = aws else {
            return Err(Error::internal(format!("there is no AWS client to create {repository} with")));
        };
        aws.create_repository(&ecr, &repository.repository, options).await?;
        events.emit(crate::event::Event::RepositoryCreated {
            repository: format!("{}/{}", repository.host, repository.repository),
        });
    }
    Ok(())
}

/// What opening the source of a push needs.
pub fn open_options(push: &PushConfig, workbench: &Workbench, registries: &Registries) -> OpenOptions {
    OpenOptions {
        docker: workbench.docker.clone(),
        cache: workbench.cache.clone(),
        compression: push.compression,
        registries: registries.clone(),
    }
}
