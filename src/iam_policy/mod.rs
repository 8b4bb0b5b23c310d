//! Policies of IAM: the least one that a configuration needs, and the trust policy of its role. Pure.

mod trust;

pub use trust::{AUDIENCE, GITHUB_ISSUER, GithubRepository, Runs, condition, provider_arn, trust_policy};
