//! Who is calling.

use super::Known;
use crate::aws::Aws;
use crate::aws::signed::{Failure, known};

/// Whoever the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Account id, 12 digits.
    pub account: String,
    /// The ARN as STS gives it: of a user, of the root user, or of a session of a role.
    pub arn: String,
}

const ASKED: &str = "sts:GetCallerIdentity";

impl Aws {
    /// Who is calling. Needs no permission, and is asked once however often it is wanted.
    pub async fn caller(&self) -> Known<Caller> {
        known(self.caller.get_or_try_init(|| self.ask_for_caller()).await.cloned())
    }

    async fn ask_for_caller(&self) -> Result<Caller, Failure> {
        let answer = self.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| Failure::of_sdk(ASKED, &error))?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(Caller { account, arn }),
            _ => Err(Failure::strange(ASKED, "no account or no ARN")),
        }
    }
}
