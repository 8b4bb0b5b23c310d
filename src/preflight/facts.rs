//! What checks are made of.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::aws::LiveService;
use crate::aws::account::{
    ClusterFacts, Decision, FileSystem, Known, LogGroup, Network, ParameterFacts, Role, SecretFacts,
    TargetGroupFacts,
};
use crate::config::ServiceConfig;
use crate::plan::{ImageFacts, Plan};
use crate::task_definition::TaskDefinition;

/// Everything that a check may look at.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// What is asked for.
    pub config: &'a ServiceConfig,
    /// What the run would do.
    pub plan: &'a Plan,
    /// The task definition that would run.
    pub definition: &'a TaskDefinition,
    /// The service as DescribeServices shows it, with the attributes that the run would change laid over it.
    pub service: &'a Map<String, Value>,
    /// The service as it is.
    pub live: &'a LiveService,
    /// The images that the containers get.
    pub images: &'a [ImageFacts],
    /// What was read of the account.
    pub facts: &'a Facts,
}

/// What was read of the account for one service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// AWS Region.
    pub region: String,
    /// The caller's account.
    pub account: String,
    /// The caller's ARN, as STS gives it.
    pub caller: String,
    /// The cluster of the service.
    pub cluster: Known<ClusterFacts>,
    /// By ARN.
    pub target_groups: BTreeMap<String, Known<TargetGroupFacts>>,
    /// By ARN: the execution role and the task role.
    pub roles: BTreeMap<String, Known<Role>>,
    /// What was simulated.
    pub decisions: Vec<Decision>,
    /// By ARN without what follows the name: every `valueFrom` of Secrets Manager in the task definition.
    pub secrets: BTreeMap<String, Known<SecretFacts>>,
    /// By ARN, id or alias as the secrets have it: the state of each key of the account's own.
    pub keys: BTreeMap<String, Known<String>>,
    /// By name or ARN as in the task definition.
    pub parameters: BTreeMap<String, Known<ParameterFacts>>,
    /// By Region and name: every group of the awslogs driver.
    pub log_groups: BTreeMap<(String, String), Known<LogGroup>>,
    /// Where the tasks run.
    pub network: Known<Network>,
    /// By id.
    pub file_systems: BTreeMap<String, Known<FileSystem>>,
    /// The quota of Fargate's on-demand vCPUs in this Region (facts 7.3).
    pub vcpu_quota: Known<u32>,
    /// Whether each image by reference exists: those that this run does not push.
    pub images: BTreeMap<String, Known<()>>,
    /// Whether each env file by ARN exists: those that this run does not store.
    pub env_files: BTreeMap<String, Known<()>>,
}
