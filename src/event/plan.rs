//! What a plan says in detail: differences, the rollout's arithmetic, cost, and the calls that a deploy will make.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The details of the plan of one service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanDetails {
    /// The images that the configuration sets, changed or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageChange>,
    /// How the new revision differs from the one that the service runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub task_definition: Vec<Difference>,
    /// What UpdateService changes besides the task definition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeChange>,
    /// What the rollout will look like; absent where none is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutForecast>,
    /// What the service costs in a month, before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostEstimate>,
    /// The calls by which a deploy changes something, in the order in which they are made: `ecr push`, `s3:PutObject`,
    /// `ecs:RegisterTaskDefinition`, `ecs:UpdateService`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<String>,
    /// The file that the new revision is made from; absent where that is the revision that the service runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition_file: Option<String>,
}

/// An image of a container, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageChange {
    /// The container.
    pub container: String,
    /// What the service runs; absent where the container is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it will run: `host/repository@sha256:...`
    pub after: String,
    /// The tag under which the configuration names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether the registry does not have it yet, so that this run pushes it.
    pub push: bool,
}

/// One difference. Paths are those of AWS's JSON, with named things by their name:
/// `containerDefinitions[web].portMappings[80/tcp].name`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Where.
    pub path: String,
    /// What happens there.
    pub kind: DifferenceKind,
    /// Its value now; absent where there is none and where it is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Its value afterwards; absent where there is none and where it is not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The values are not shown: a credential may hide there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// What happens at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// It was not set.
    Added,
    /// It is not set any more.
    Removed,
    /// It has another value.
    Changed,
}

/// An attribute of the service that UpdateService changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttributeChange {
    /// What changes.
    #[serde(flatten)]
    pub difference: Difference,
    /// Whether ECS starts a deployment for it (facts 3.4).
    pub starts_deployment: bool,
}

/// How a rollout will go, computed beforehand (facts 3.5, 4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutForecast {
    /// `ROLLING`, `BLUE_GREEN`, `LINEAR` or `CANARY`.
    pub strategy: String,
    /// Tasks wanted.
    pub desired: u32,
    /// Tasks that must stay healthy throughout.
    pub floor: u32,
    /// Tasks that may run at once, old and new together.
    pub ceiling: u32,
    /// New tasks that can start at a time.
    pub at_a_time: u32,
    /// How often such a batch is started.
    pub batches: u32,
    /// The shortest time that it is expected to take, in seconds.
    pub shortest_s: u64,
    /// The longest time that it is expected to take when nothing fails, in seconds.
    pub longest_s: u64,
    /// What the times are made of, for a person.
    pub because: Vec<String>,
}

/// What the tasks of a service cost in a month of 730 hours, by a table of list prices. An estimate: without data
/// transfer, load balancers, logs, discounts and taxes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostEstimate {
    /// USD a month now; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_usd: Option<f64>,
    /// USD a month afterwards; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_usd: Option<f64>,
    /// For how many tasks.
    pub tasks: u32,
    /// The date of the price table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices_of: Option<String>,
    /// What the numbers leave out, or why there are none; for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
