//! Small values that are texts in the file: durations, `s3://` addresses.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

use super::model::EnvStore;
use crate::error::{Error, Result};

/// Reads `15m`, `500ms`, `1h 30m`.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for anything else, and for zero or less.
pub fn duration(key: &str, text: &str) -> Result<Duration> {
    SignedDuration::from_str(text)
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| {
            Error::usage(format!("{key}: `{text}` is not a duration"))
                .hint("Write a number with a unit: 500ms, 90s, 15m or 1h30m.")
        })
}

impl FromStr for EnvStore {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::usage(format!("env_store: `{text}` is not an S3 address"))
                .hint("Write s3://BUCKET/PREFIX, for example s3://my-deploy-env/production.")
        };
        let rest = text.strip_prefix("s3://").ok_or_else(wrong)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // S3's naming rules, so far as they keep a bucket's name out of the path and the ARN.
        let valid = (3..=63).contains(&bucket.len())
            && bucket.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.');
        if !valid {
            return Err(wrong());
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            encryption: None,
            owner: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_are_positive() {
        assert_eq!(duration("timeout", "15m").unwrap(), Duration::from_secs(900));
        assert_eq!(duration("timeout", "500ms").unwrap(), Duration::from_millis(500));
        for wrong in ["15", "", "0s", "-3s", "soon"] {
            let error = duration("timeout", wrong).unwrap_err().to_string();
            assert!(error.starts_with("timeout: "), "{error}");
        }
    }

    #[test]
    fn an_env_store_is_a_bucket_and_a_prefix() {
        let store: EnvStore = "s3://deploy-env/prod/".parse().unwrap();
        assert_eq!((store.bucket.as_str(), store.prefix.as_str()), ("deploy-env", "prod"));
        assert_eq!("s3://deploy-env".parse::<EnvStore>().unwrap().prefix, "");
        for wrong in ["deploy-env/prod", "s3://", "s3://Upper/x", "https://x/y"] {
            assert!(wrong.parse::<EnvStore>().is_err(), "{wrong}");
        }
    }
}
