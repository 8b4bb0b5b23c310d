//! How to start a sandbox, and what can go wrong with it.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    Scenario,
    world::{NeverSteady, RegistryError},
};

/// How to start a [`Sandbox`](crate::Sandbox).
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; a free one when `None`.
    pub port: Option<u16>,
    /// The Region in every ARN.
    pub region: String,
    /// The account in every ARN, 12 digits.
    pub account: String,
    /// Virtual seconds per real second.
    pub speed: f64,
    /// What goes wrong after [`settle`](crate::Sandbox::settle).
    pub scenario: Scenario,
    /// Decides every jitter and identifier.
    pub seed: u64,
    /// The registry's account setting BLOB_MOUNTING, without which no blob is mounted from another
    /// repository. What a real account starts with is not known.
    pub blob_mounting: bool,
    /// How long a login to the registry lasts, in virtual time; `None`: it never ends.
    pub token_life: Option<Duration>,
    /// Actions of the AWS APIs that the caller may not do, by IAM's names, e.g.
    /// `ecr:CreateRepository` or `s3:GetObject`. The registry protocol and what tasks read are not
    /// concerned.
    pub denied_actions: BTreeSet<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            port: None,
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            speed: 20.0,
            scenario: Scenario::Healthy,
            seed: 1,
            blob_mounting: true,
            token_life: None,
            denied_actions: BTreeSet::new(),
        }
    }
}

/// The sandbox cannot do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The port is in use, or loopback cannot be used at all.
    #[error("the sandbox cannot listen on 127.0.0.1:{}", port.unwrap_or(0))]
    Listen {
        /// The port that was asked for.
        port: Option<u16>,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The temporary folder that holds images and objects cannot be used.
    #[error("the sandbox cannot use its temporary folder")]
    Storage(#[from] std::io::Error),
    /// A name of a bucket or a key of an object would leave its folder.
    #[error("{name:?} is no name for a bucket or an object")]
    Name {
        /// The name.
        name: String,
    },
    /// The bucket does not exist.
    #[error("there is no bucket {bucket}")]
    NoBucket {
        /// Its name.
        bucket: String,
    },
    /// The image cannot be put into the registry.
    #[error("the image cannot be put into the sandbox's registry")]
    Image(#[from] RegistryError),
    /// A service does not become steady.
    #[error(transparent)]
    NeverSteady(#[from] NeverSteady),
}
