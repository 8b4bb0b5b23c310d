//! Secrets, parameters, log groups, target groups and clusters, as far as a deployment depends on them. Never a value
//! of a secret.

use super::Known;

/// A secret of Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFacts {
    /// Its full ARN.
    pub arn: String,
    /// The key that encrypts it; `None`: AWS's own.
    pub kms_key: Option<String>,
    /// It is scheduled for deletion and cannot be read.
    pub is_deleted: bool,
    /// The names in it, if they were asked for; absent where it is no JSON object.
    pub json_keys: Known<Vec<String>>,
}

/// A parameter of SSM Parameter Store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterFacts {
    /// Its ARN.
    pub arn: String,
    /// What it is.
    pub kind: ParameterKind,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// `String`
    Text,
    /// `StringList`
    List,
    /// `SecureString`
    Secure,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
}

/// A target group, as far as a service depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroupFacts {
    /// Its ARN.
    pub arn: String,
    /// `ip`, `instance`, `lambda`, `alb`
    pub target_type: String,
    /// `vpc-...`
    pub vpc: Option<String>,
    /// Whether a listener sends requests to it: no load balancer, no health checks.
    pub load_balancers: Vec<String>,
    /// Seconds from one health check to the next.
    pub interval_s: u32,
    /// Seconds after which a check has failed.
    pub timeout_s: u32,
    /// Checks in a row that make a target healthy.
    pub healthy_threshold: u32,
    /// Checks in a row that make a target unhealthy.
    pub unhealthy_threshold: u32,
    /// Seconds for which a target that was deregistered still gets the requests of its connections.
    pub deregistration_delay_s: Known<u32>,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterFacts {
    /// Its ARN.
    pub arn: String,
    /// `ACTIVE`
    pub status: String,
    /// Names of its capacity providers.
    pub capacity_providers: Vec<String>,
}
