//! Where a run comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was built, and what built it: as far as the CI system, flags or a checkout say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The page of the build or workflow run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// What the CI system calls it: the ARN of a build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The tag, branch or pull request that was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Origin {
    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// What this one does not say, from another.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        // A run's page and its name belong together.
        let (run_url, run_id) = match (&self.run_url, &self.run_id) {
            (None, None) => (other.run_url, other.run_id),
            _ => (self.run_url, self.run_id),
        };
        Self {
            commit: self.commit.or(other.commit),
            version: self.version.or(other.version),
            run_url,
            run_id,
        }
    }
}
