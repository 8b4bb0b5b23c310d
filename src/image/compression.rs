//! [`Compression`]: how the layers of a pushed image are compressed.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::error::{Error, Result};

/// How the layers are compressed that an image source gives uncompressed, as a Docker engine does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Understood everywhere.
    #[default]
    Gzip,
    // Registry facts 3: on Fargate it runs and starts faster; scanners lagged, so it is opt-in.
    /// Smaller and faster to start from; not every tool reads it.
    Zstd,
}

impl FromStr for Compression {
    type Err = Error;

    /// # Errors
    /// Usage, naming both.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => {
                Err(Error::usage(format!("`{text}` is no compression of layers"))
                    .hint("Write `gzip` or `zstd`."))
            }
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_read_and_written_back() {
        for text in ["gzip", "zstd"] {
            assert_eq!(text.parse::<Compression>().unwrap().to_string(), text);
        }
        assert!("lz4".parse::<Compression>().unwrap_err().hint_text().unwrap().contains("zstd"));
        assert_eq!(Compression::default(), Compression::Gzip);
    }
}
