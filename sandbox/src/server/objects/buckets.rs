//! What a bucket is like, apart from its objects.

use http::StatusCode;

use super::refuse;
use crate::server::{
    answer::{Answer, answer},
    objects::target::Target,
    xml,
};

const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

/// Whether a bucket has a policy, and what GetBucketPolicyStatus says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BucketPolicy {
    /// There is no policy.
    #[default]
    Absent,
    /// A policy that gives nothing to the public.
    Restricted,
    /// A policy that makes the bucket public.
    Public,
}

/// What a bucket is like. The default is a new bucket of the account in its Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketOptions {
    /// Where the bucket is; `None`: in the sandbox's Region. A request for a bucket elsewhere is
    /// redirected (301) until it is signed for that Region.
    pub region: Option<String>,
    /// Whose the bucket is, 12 digits; `None`: the sandbox's account. A bucket of another account
    /// lets everyone in: only `x-amz-expected-bucket-owner` tells.
    pub owner: Option<String>,
    /// The bucket policy.
    pub policy: BucketPolicy,
    /// Whether the ACL lets everyone (AllUsers) READ the bucket.
    pub public_acl: bool,
    /// Whether there is a public access block, with all four settings on. It changes neither the
    /// policy status nor the ACL that are answered.
    pub public_access_block: bool,
}

impl Default for BucketOptions {
    fn default() -> Self {
        BucketOptions {
            region: None,
            owner: None,
            policy: BucketPolicy::Absent,
            public_acl: false,
            public_access_block: true,
        }
    }
}

pub(super) fn location(region: &str) -> Answer {
    // The oldest Region has no name here.
    let region = if region == "us-east-1" { "" } else { region };
    ok(format!("<LocationConstraint {NAMESPACE}>{region}</LocationConstraint>"))
}

pub(super) fn public_access_block(target: &Target, bucket: &BucketOptions) -> Answer {
    if !bucket.public_access_block {
        let text = "The public access block configuration was not found";
        return refuse(target, StatusCode::NOT_FOUND, "NoSuchPublicAccessBlockConfiguration", text);
    }
    let fields = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
        .map(|name| xml::element(name, "true"))
        .concat();
    ok(format!("<PublicAccessBlockConfiguration {NAMESPACE}>{fields}</PublicAccessBlockConfiguration>"))
}

pub(super) fn policy(target: &Target, policy: Option<String>) -> Answer {
    match policy {
        Some(policy) => answer(StatusCode::OK, "application/json", policy),
        None => no_policy(target),
    }
}

fn no_policy(target: &Target) -> Answer {
    refuse(target, StatusCode::NOT_FOUND, "NoSuchBucketPolicy", "The bucket policy does not exist")
}

pub(super) fn policy_status(target: &Target, bucket: &BucketOptions) -> Answer {
    let public = match bucket.policy {
        BucketPolicy::Absent => return no_policy(target),
        BucketPolicy::Restricted => "false",
        BucketPolicy::Public => "true",
    };
    ok(format!("<PolicyStatus {NAMESPACE}>{}</PolicyStatus>", xml::element("IsPublic", public)))
}

/// The owner may do everything; with a public ACL everyone may read.
pub(super) fn acl(bucket: &BucketOptions, account: &str) -> Answer {
    // S3 names owners by 64 hexadecimal digits.
    let owner = bucket.owner.as_deref().unwrap_or(account);
    let id = xml::element("ID", &format!("{owner:0>64}"));
    let grant = |kind: &str, grantee: &str, permission: &str| {
        format!(
            "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\">{grantee}</Grantee>{}</Grant>",
            xml::element("Permission", permission)
        )
    };
    let mut grants = grant("CanonicalUser", &id, "FULL_CONTROL");
    if bucket.public_acl {
        let everyone = xml::element("URI", "http://acs.amazonaws.com/groups/global/AllUsers");
        grants.push_str(&grant("Group", &everyone, "READ"));
    }
    ok(format!(
        "<AccessControlPolicy {NAMESPACE}><Owner>{id}</Owner><AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
    ))
}

fn ok(body: String) -> Answer {
    answer(StatusCode::OK, "application/xml", body)
}
