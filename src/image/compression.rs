//! [`Compression`]: how layers that come uncompressed are packed.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How layers that come uncompressed (from a Docker engine or its archives) are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Understood everywhere.
    #[default]
    Gzip,
    /// Smaller and quicker to unpack; needs a runtime that knows it, as Fargate's does (registry facts 3).
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}
