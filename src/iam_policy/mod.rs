//! Policies of IAM: the least one that a configuration needs, and the trust policy of its role. Pure.

mod document;
mod least;
mod subject;
mod trust;

pub use document::{Condition, LONGEST, Policy, is_like};
pub use least::{Deployed, not_allowed, of_caller, of_execution_role};
pub use subject::{Place, Subject, account_of};
pub use trust::{AUDIENCE, GITHUB_ISSUER, GithubRepository, Runs, condition, provider_arn, trust_policy};
