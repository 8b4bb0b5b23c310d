//! Which registry a reference belongs to, and how to log in there.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;

use crate::aws::Aws;
use crate::error::{Error, Result};
use crate::image::{
    Cache, CredentialsProvider, DockerOptions, Reference, Registries, Registry, docker_config_credentials,
};

/// What is needed to open images and reach registries.
#[derive(Debug, Clone, Default)]
pub struct Workbench {
    /// The Docker engine.
    pub docker: DockerOptions,
    /// Docker's `config.json`, where logins to registries other than ECR stand.
    pub docker_config: Option<PathBuf>,
    /// Where compressed layers are remembered.
    pub cache: Cache,
}

/// The registries of a run: one for each host, so that references to the same host share connections and login.
/// ECR is logged in to through AWS, everything else through Docker's configuration.
pub fn registries(aws: Option<&Aws>, workbench: &Workbench) -> Registries {
    let (aws, docker_config) = (aws.cloned(), workbench.docker_config.clone());
    let known: Mutex<HashMap<String, Registry>> = Mutex::default();
    Arc::new(move |reference| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registry) = known.get(&reference.host) {
            return Ok(registry.clone());
        }
        let registry = log_in(reference, aws.as_ref(), docker_config.clone())?;
        known.insert(reference.host.clone(), registry.clone());
        Ok(registry)
    })
}

fn log_in(reference: &Reference, aws: Option<&Aws>, docker_config: Option<PathBuf>) -> Result<Registry> {
    let host = reference.host.clone();
    let Some(ecr) = reference.is_ecr() else {
        let login_host = host.clone();
        let provider: CredentialsProvider = Arc::new(move || {
            let found = match &docker_config {
                Some(path) if path.exists() => docker_config_credentials(path, &login_host),
                _ => Ok(None),
            };
            async move { found }.boxed()
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
