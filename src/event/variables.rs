//! What the events of a run say about environment variables: names and places, never a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was found in a `.env` file, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnvFileCheck {
    /// The file, as configured.
    pub file: String,
    /// The container that reads it; absent where a file is checked by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// `strict`, `normalize` or `verbatim`.
    pub policy: String,
    /// In the order of the file.
    pub findings: Vec<EnvFinding>,
}

/// Something about a line of a `.env` file that is probably not what its author meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnvFinding {
    /// Stable name: `env-quotes`.
    pub code: String,
    /// What it is, in a few words.
    pub title: String,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// The variable, where its name may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the container gets of the file as it is.
    pub gets: String,
    /// What was probably meant.
    pub meant: String,
    /// What to write instead.
    pub fix: String,
    /// What became of it.
    pub outcome: EnvOutcome,
    /// What was repaired: `quotes removed`; absent unless `outcome` is `repaired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired: Option<String>,
}

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnvOutcome {
    /// Only told: `env check`.
    Found,
    /// What is stored, or the file after `--fix`, has the meaning.
    Repaired,
    /// What is stored is what the file says.
    Kept,
    /// Nothing is stored.
    Refused,
}

/// The variables that a container will have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerVariables {
    /// The container.
    pub container: String,
    /// Sorted by name.
    pub variables: Vec<EffectiveVariable>,
    /// Env files whose content this run could not read, so that its variables are not listed: ARN and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// One variable of a container: where it comes from and whether it changes. Never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectiveVariable {
    /// Its name; `(not shown)` for one that is no usual name.
    pub name: String,
    /// What sets it; of a variable that goes, what has set it.
    pub from: VariableSource,
    /// What sets it too and loses, the strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<VariableSource>,
    /// Against what the service runs now.
    pub change: VariableChange,
}

/// What sets a variable, the strongest first (facts 2.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum VariableSource {
    /// `secrets` of the task definition.
    Secret {
        /// The parameter or secret.
        value_from: String,
    },
    /// `environment` of the task definition.
    Environment,
    /// An entry of `environmentFiles`.
    EnvFile {
        /// The local file where it is one of this run, else the ARN.
        file: String,
    },
}

/// How a variable changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VariableChange {
    /// It was not set.
    Added,
    /// It has another value, or comes from another secret.
    Changed,
    /// It has the same value.
    Unchanged,
    /// It is not set any more.
    Removed,
    /// An env file that could not be read may have set it.
    Unknown,
}
