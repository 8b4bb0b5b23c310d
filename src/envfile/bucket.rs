//! What a bucket must be before values are stored in it.

use crate::error::{Error, ErrorKind, Result};

/// What is known of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BucketFacts {
    /// It does not exist.
    pub missing: bool,
    /// It belongs to another account than it should, or the caller may not see it.
    pub forbidden: bool,
    /// The Region that it is in; `None` where that is not known.
    pub region: Option<String>,
    /// Its policy or its access control list lets everyone read, and nothing blocks that; `None` where that could
    /// not be found out.
    pub public: Option<bool>,
}

/// Refuses a bucket that is missing, in another Region (facts 2.1), of another owner, or public (design 8).
///
/// # Errors
/// [`ErrorKind::Preflight`] with the fix.
pub fn check_bucket(bucket: &str, facts: &BucketFacts, region: &str, owner: &str) -> Result<()> {
    let refuse = |message: String, hint: String| Err(Error::new(ErrorKind::Preflight, message).hint(hint));
    if facts.missing {
        return refuse(
            format!("the bucket {bucket} of the env store does not exist"),
            format!("Create it, or correct `env_store`: `aws s3 mb s3://{bucket} --region {region}`"),
        );
    }
    if let Some(other) = facts.region.as_deref().filter(|other| *other != region) {
        return refuse(
            format!("the bucket {bucket} of the env store is in {other}, and the service in {region}"),
            format!(
                "Use a bucket in {region}: tasks that reach S3 by a gateway endpoint reach no other Region, and that Fargate reads from one is not documented."
            ),
        );
    }
    if facts.forbidden {
        return refuse(
            format!("the bucket {bucket} of the env store is not for the account {owner}"),
            "If it belongs to another account, name that: `env_store: { url: ..., owner: \"123456789012\" }`. If it is yours, the caller needs s3:ListBucket on it."
                .to_owned(),
        );
    }
    if facts.public == Some(true) {
        return refuse(
            format!("the bucket {bucket} of the env store is public: everyone could read the variables"),
            format!(
                "Block it: `aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true`"
            ),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_that_must_not_be_used_is_refused_with_the_fix() {
        let fine =
            BucketFacts { region: Some("eu-west-1".into()), public: Some(false), ..BucketFacts::default() };
        assert!(check_bucket("b", &fine, "eu-west-1", "1").is_ok());
        assert!(check_bucket("b", &BucketFacts::default(), "eu-west-1", "1").is_ok(), "nothing is known");
        for (facts, message, hint) in [
            (BucketFacts { missing: true, ..fine.clone() }, "does not exist", "aws s3 mb s3://b"),
            (
                BucketFacts { region: Some("us-east-1".into()), ..fine.clone() },
                "is in us-east-1",
                "eu-west-1",
            ),
            (BucketFacts { forbidden: true, ..fine.clone() }, "account 1", "owner"),
            (BucketFacts { public: Some(true), ..fine.clone() }, "public", "put-public-access-block"),
        ] {
            let error = check_bucket("b", &facts, "eu-west-1", "1").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Preflight);
            assert!(error.to_string().contains(message), "{error}");
            assert!(error.hint_text().unwrap().contains(hint), "{error}");
        }
    }
}
