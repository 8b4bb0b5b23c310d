//! Policies that belong to a resource, and the state of keys.

use serde_json::{Value, json};

use super::policy::{Says, says};
use super::{Demand, Known};
use crate::aws::Aws;
use crate::aws::ecr::in_region;
use crate::aws::signed::{Failure, KMS, SECRETS_MANAGER, known, known_of_sdk};

/// Whether things of the kind of this ARN may have a policy of their own that allows what a principal's does not.
pub(super) fn may_have_policy(arn: &str) -> bool {
    matches!(part(arn, 2), "s3" | "secretsmanager" | "kms")
        || (part(arn, 2) == "ecr" && arn.contains(":repository/"))
}

/// What has the policy: of an object, its bucket.
pub(super) fn with_policy(arn: &str) -> &str {
    match arn.split_once('/') {
        Some((bucket, _)) if part(arn, 2) == "s3" => bucket,
        _ => arn,
    }
}

/// Whether a thing is, as far as its ARN tells, in the account of a principal. What is in another account needs the
/// principal's own policies as well.
pub(super) fn is_in_account_of(arn: &str, principal: &str) -> bool {
    let owner = part(arn, 4);
    owner.is_empty() || owner == part(principal, 4)
}

/// A part of an ARN, between colons.
fn part(arn: &str, index: usize) -> &str {
    arn.split(':').nth(index).unwrap_or_default()
}

/// What becomes of a demand about which the principal's own policies say nothing: whether the policy of the resource
/// allows it, and if not for certain, why it may.
pub(super) fn weigh(policy: &Known<Value>, principals: &[&str], demand: &Demand) -> (bool, Option<String>) {
    let unread = |why: &str| Some(format!("its policy could not be read ({why})"));
    match policy {
        Known::Is(policy) => match says(policy, principals, &demand.action, &demand.resource) {
            Says::Allows => (true, None),
            Says::Perhaps => {
                (false, Some("its policy may, under conditions that are not known here".to_owned()))
            }
            Says::Nothing => (false, None),
        },
        Known::Absent => (false, None),
        Known::Denied { permission } => (false, unread(&format!("the caller lacks {permission}"))),
        Known::Unknown { why } => (false, unread(why)),
        Known::NotAsked => (false, unread("it was not asked for")),
    }
}

impl Aws {
    /// The policy of a bucket, a secret, a repository or a key, by ARN.
    pub(super) async fn resource_policy(&self, arn: &str) -> Known<Value> {
        let text = match part(arn, 2) {
            "s3" => {
                let answer = self.s3.get_bucket_policy().bucket(part(arn, 5)).send().await;
                known_of_sdk("s3:GetBucketPolicy", answer).and_then(|answer| of_text(answer.policy))
            }
            "ecr" => {
                let name = part(arn, 5).trim_start_matches("repository/");
                let call = self.ecr.get_repository_policy().registry_id(part(arn, 4)).repository_name(name);
                let answer = call.customize().config_override(in_region(part(arn, 3))).send().await;
                known_of_sdk("ecr:GetRepositoryPolicy", answer).and_then(|answer| of_text(answer.policy_text))
            }
            "secretsmanager" => {
                let input = json!({ "SecretId": arn });
                let answer = self.signed_for(arn).json(SECRETS_MANAGER, "GetResourcePolicy", &input).await;
                known(answer).and_then(|answer| of_text(text_of(&answer, "ResourcePolicy")))
            }
            _ => {
                let input = json!({ "KeyId": arn, "PolicyName": "default" });
                let answer = self.signed_for(arn).json(KMS, "GetKeyPolicy", &input).await;
                known(answer).and_then(|answer| of_text(text_of(&answer, "Policy")))
            }
        };
        text.and_then(|text| {
            let strange = |error| Failure::strange(&format!("the policy of {arn}"), error);
            known(serde_json::from_str(&text).map_err(strange))
        })
    }

    /// The state of a key of KMS (`Enabled`, `Disabled`, `PendingDeletion`, ...), by ARN, id or alias; `near` is the ARN
    /// of what it protects, whose Region it is in where its own name does not say.
    pub async fn key_state(&self, key: &str, near: &str) -> Known<String> {
        let client = self.signed_for(if key.starts_with("arn:") { key } else { near });
        let answer = client.json(KMS, "DescribeKey", &json!({ "KeyId": key })).await;
        known(answer).and_then(|answer| {
            let state = answer.get("KeyMetadata").and_then(|key| text_of(key, "KeyState"));
            state.map_or(Known::Absent, Known::Is)
        })
    }
}

fn text_of(answer: &Value, field: &str) -> Option<String> {
    answer.get(field).and_then(Value::as_str).map(str::to_owned)
}

/// Secrets Manager answers without a policy where there is none.
fn of_text(text: Option<String>) -> Known<String> {
    text.filter(|text| !text.is_empty()).map_or(Known::Absent, Known::Is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_a_policy_is_told_by_its_arn() {
        for (arn, expected) in [
            ("arn:aws:s3:::b/k.env", true),
            ("arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf", true),
            ("arn:aws:ecr:us-east-1:1:repository/web", true),
            ("arn:aws:kms:us-east-1:1:key/a", true),
            ("arn:aws:iam::1:role/task", false),
            ("arn:aws:ssm:us-east-1:1:parameter/p", false),
            ("*", false),
        ] {
            assert_eq!(may_have_policy(arn), expected, "{arn}");
        }
    }

    #[test]
    fn an_object_has_its_buckets() {
        assert_eq!(with_policy("arn:aws:s3:::b/p/k.env"), "arn:aws:s3:::b");
        assert_eq!(with_policy("arn:aws:s3:::b"), "arn:aws:s3:::b");
        let repository = "arn:aws:ecr:us-east-1:1:repository/team/web";
        assert_eq!(with_policy(repository), repository);
    }

    #[test]
    fn only_in_the_principals_own_account_is_one_policy_enough() {
        let role = "arn:aws:iam::1:role/execution";
        assert!(is_in_account_of("arn:aws:kms:us-east-1:1:key/a", role));
        assert!(!is_in_account_of("arn:aws:kms:us-east-1:2:key/a", role));
        // The ARN of a bucket does not say whose it is.
        assert!(is_in_account_of("arn:aws:s3:::b/k.env", role));
    }
}
