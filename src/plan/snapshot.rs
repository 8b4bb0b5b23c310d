//! What is known before a plan is made.

use std::collections::HashMap;

use landfall_envfile::Canonical;

use super::arithmetic::TargetGroupTimes;
use super::cost::Prices;
use crate::aws::LiveService;
use crate::envfile::{Content, StoreKey};
use crate::image::{Reference, Variant};
use crate::service_definition::ServiceDefinition;
use crate::task_definition::TaskDefinition;

/// One look at AWS, at the registry and at the local files, for one service.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The service.
    pub live: LiveService,
    /// The revision that it runs.
    pub live_definition: TaskDefinition,
    /// What the new revision is made from: a file, or `live_definition`.
    pub base: TaskDefinition,
    /// The newest ACTIVE revision of `base`'s family: an interrupted run may have left it behind.
    pub latest: Option<(String, TaskDefinition)>,
    /// The images that the containers get.
    pub images: Vec<ImageFacts>,
    /// The calls by which images are pushed, as a plan lists them.
    pub image_calls: Vec<String>,
    /// The env files that the containers read; those of one container in the order of the configuration.
    pub env_files: Vec<EnvFileFacts>,
    /// Whether `base` is what the service runs, so that what an earlier run has put there can be taken away again.
    pub base_is_live: bool,
    /// What the service's attributes shall be, where a file says.
    pub service_definition: Option<ServiceDefinition>,
    /// The times of its target groups, as far as they could be read.
    pub target_groups: Vec<TargetGroupTimes>,
    /// AWS Region.
    pub region: String,
    /// What tasks cost.
    pub prices: Prices,
    /// ARN -> what is in the env files that the service or `base` names, as far as this run looked.
    pub stored: HashMap<String, Content>,
}

/// An image that a container gets.
#[derive(Debug, Clone)]
pub struct ImageFacts {
    /// The container.
    pub container: String,
    /// Where tasks will pull it from.
    pub target: Reference,
    /// `sha256:...` of what will be there.
    pub digest: String,
    /// Whether it is to be pushed by this run; otherwise it is only referred to.
    pub ours: bool,
    /// Whether the registry already has that digest under that tag.
    pub present: bool,
    /// What it can run on, and the room that it needs there; empty where that is not known.
    pub variants: Vec<Variant>,
}

/// An env file that a container reads.
#[derive(Debug, Clone)]
pub struct EnvFileFacts {
    /// The container.
    pub container: String,
    /// The local file, as configured.
    pub file: String,
    /// What will be stored.
    pub content: Canonical,
    /// Where.
    pub key: StoreKey,
    /// `arn:aws:s3:::BUCKET/KEY`
    pub arn: String,
    /// What the ARNs of earlier contents begin with.
    pub arn_prefix: String,
    /// Whether the object is there already.
    pub present: bool,
}
