//! Which registry a reference belongs to, and how to log in there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;

use crate::aws::Aws;
use crate::error::{Error, Result};
use crate::image::{Cache, CredentialsProvider, DockerOptions, Logins, Reference, Registries, Registry};

/// What is needed to open images and reach registries.
#[derive(Debug, Clone, Default)]
pub struct Workbench {
    /// The Docker engine.
    pub docker: DockerOptions,
    /// Where logins to registries other than ECR are.
    pub logins: Logins,
    /// Where compressed layers are remembered.
    pub cache: Cache,
}

/// The registries of a run. References to the same place share connections and login; ECR is logged in to through
/// AWS, everything else through Docker's configuration.
pub fn registries(aws: Option<&Aws>, workbench: &Workbench) -> Registries {
    let (aws, logins) = (aws.cloned(), workbench.logins.clone());
    let known: Mutex<HashMap<String, Registry>> = Mutex::default();
    Arc::new(move |reference| {
        // A token of ECR is for all of its repositories; other logins may be for one of them (podman's are).
        let place = match reference.is_ecr() {
            Some(_) => reference.host.clone(),
            None => format!("{}/{}", reference.host, reference.repository),
        };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registry) = known.get(&place) {
            return Ok(registry.clone());
        }
        let registry = log_in(reference, aws.as_ref(), &logins)?;
        known.insert(place, registry.clone());
        Ok(registry)
    })
}

fn log_in(reference: &Reference, aws: Option<&Aws>, logins: &Logins) -> Result<Registry> {
    let host = reference.host.clone();
    let Some(ecr) = reference.is_ecr() else {
        let (logins, login_host, repository) = (logins.clone(), host.clone(), reference.repository.clone());
        let provider: CredentialsProvider = Arc::new(move || {
            let (logins, host, repository) = (logins.clone(), login_host.clone(), repository.clone());
            async move { logins.find(&host, &repository).await }.boxed()
        });
        return Registry::new(&host, None, provider);
    };
    let Some(aws) = aws.cloned() else {
        return Err(Error::internal(format!("there is no AWS client to log in to {host} with")));
    };
    let endpoint = aws.registry_endpoint.clone();
    let provider: CredentialsProvider = Arc::new(move || {
        let (aws, region) = (aws.clone(), ecr.region.clone());
        async move { aws.registry_login(&region).await.map(Some) }.boxed()
    });
    Registry::new(&host, endpoint.as_deref(), provider)
}
