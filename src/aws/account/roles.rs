//! Roles and what principals may do, as IAM describes and simulates it.

use serde_json::Value;

use super::Known;

/// A role.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The trust policy.
    pub trust: Value,
}

/// Whose permissions are meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// Whoever runs Landfall.
    Caller,
    /// The role with this ARN that ECS uses to start tasks.
    ExecutionRole(String),
    /// The role with this ARN that the program in the containers has.
    TaskRole(String),
}

/// A permission that a deployment needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Demand {
    /// Who needs it.
    pub principal: Principal,
    /// `s3:GetObject`
    pub action: String,
    /// An ARN, or `*` where the action has no narrower one.
    pub resource: String,
    /// What for, as in "reads the env file at the start of each task".
    pub purpose: String,
}

/// What the simulation of a demand said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What was asked.
    pub demand: Demand,
    /// Whether the principal's own policies allow it, or else the policy of the resource.
    pub allowed: Known<bool>,
    /// Where it is not allowed for certain: why the policy of the resource may allow it all the same, as a part of a
    /// sentence about that resource. Absent where nothing can.
    pub perhaps: Option<String>,
}
