//! Reading roles from IAM.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Known, Role};
use crate::aws::Aws;
use crate::aws::signed::{Failure, IAM, known};

const GET_ROLE: &str = "iam:GetRole";

impl Aws {
    /// A role by ARN or by name. One of another account cannot be looked at.
    pub async fn role(&self, role: &str) -> Known<Role> {
        let name = role.rsplit('/').next().unwrap_or(role);
        let found = known(self.get_role(name).await);
        match found {
            // IAM is asked by name alone, in the caller's account.
            Known::Is(found) if role.starts_with("arn:") && found.arn != role => {
                let why =
                    format!("{GET_ROLE}: the role of that name in the caller's account is {}", found.arn);
                Known::Unknown { why }
            }
            other => other,
        }
    }

    pub(super) async fn get_role(&self, name: &str) -> Result<Role, Failure> {
        let parameters = [("RoleName".to_owned(), name.to_owned())];
        let answer = self.signed.query(IAM, "GetRole", &parameters).await?;
        let role = answer.child("GetRoleResult").and_then(|result| result.child("Role"));
        let role = role.ok_or_else(|| Failure::strange(GET_ROLE, "no role"))?;
        Ok(Role { arn: role.string("Arn"), trust: policy(&role.string("AssumeRolePolicyDocument"))? })
    }
}

/// Policies are JSON in URL encoding (RFC 3986).
fn policy(encoded: &str) -> Result<Value, Failure> {
    let decoded = percent_decode_str(encoded).decode_utf8_lossy();
    serde_json::from_str(&decoded).map_err(|error| Failure::strange(GET_ROLE, error))
}
