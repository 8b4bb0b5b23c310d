//! IAM: roles, and what principals may do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    ApiError, World,
    json::{number, text, texts},
};

/// Roles by ARN, and rules of what principals may do.
#[derive(Default)]
pub(crate) struct Identities {
    /// The trust policy of each role.
    roles: BTreeMap<String, Value>,
    rules: Vec<Rule>,
    /// The policies of buckets, secrets, repositories and keys, by ARN. They are told, and nothing follows from them.
    resource_policies: BTreeMap<String, Value>,
    /// Keys by ARN: their state.
    keys: BTreeMap<String, String>,
}

/// What a simulation says of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulated {
    /// `allowed`
    Allowed,
    /// `explicitDeny`: a statement denies it.
    ExplicitDeny,
    /// `implicitDeny`: no statement of the principal's own policies allows it.
    ImplicitDeny,
}

impl Simulated {
    fn name(self) -> &'static str {
        match self {
            Simulated::Allowed => "allowed",
            Simulated::ExplicitDeny => "explicitDeny",
            Simulated::ImplicitDeny => "implicitDeny",
        }
    }
}

/// The newest rule that fits decides; where none does, a principal that exists may do everything.
struct Rule {
    principal: String,
    action: String,
    resource: String,
    says: Simulated,
}

impl Identities {
    /// The trust policy of a role.
    pub(crate) fn trust(&self, role: &str) -> Option<&Value> {
        self.roles.get(role)
    }
}

impl World {
    pub(crate) fn call_iam(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        match operation {
            "GetRole" => self.get_role(input),
            "SimulatePrincipalPolicy" => self.simulate_principal_policy(input),
            _ => Err(ApiError::not_implemented("iam", operation)),
        }
    }

    /// Makes a role with a trust policy, or changes one. Its ARN may be of another account.
    pub fn put_role(&mut self, arn: &str, trust: Value) {
        self.identities.roles.insert(arn.to_owned(), trust);
    }

    /// Deletes a role, where it is there.
    pub fn delete_role(&mut self, arn: &str) {
        self.identities.roles.remove(arn);
    }

    /// Makes a role that ECS may take on for tasks, unless there is one.
    pub(crate) fn furnish_role(&mut self, arn: &str) {
        let trust = || {
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Service": "ecs-tasks.amazonaws.com" },
                    "Action": "sts:AssumeRole",
                }],
            })
        };
        self.identities.roles.entry(arn.to_owned()).or_insert_with(trust);
    }

    /// Lets a simulation say whether a principal may do an action on a resource. `*` stands for any characters in the
    /// action and in the resource. The newest rule decides.
    pub fn rule(&mut self, principal: &str, action: &str, resource: &str, says: Simulated) {
        let [principal, action, resource] = [principal, action, resource].map(str::to_owned);
        self.identities.rules.push(Rule { principal, action, resource, says });
    }

    /// Gives a bucket, a secret, a repository or a key a policy, by ARN.
    pub fn put_resource_policy(&mut self, arn: &str, policy: Value) {
        self.identities.resource_policies.insert(arn.to_owned(), policy);
    }

    /// The policy of a bucket, a secret, a repository or a key.
    pub fn resource_policy(&self, arn: &str) -> Option<&Value> {
        self.identities.resource_policies.get(arn)
    }

    /// Makes a key in a state (`Enabled`, `Disabled`, `PendingDeletion`), or changes one.
    pub fn put_key(&mut self, arn: &str, state: &str) {
        self.identities.keys.insert(arn.to_owned(), state.to_owned());
    }

    pub(crate) fn call_kms(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        let arn = text(input, "KeyId").unwrap_or_default();
        let state =
            self.identities.keys.get(arn).ok_or_else(|| {
                ApiError::client("NotFoundException", format!("Key '{arn}' does not exist"))
            })?;
        match operation {
            "DescribeKey" => Ok(json!({ "KeyMetadata": {
                "AWSAccountId": self.account,
                "Arn": arn,
                "KeyId": arn.rsplit('/').next(),
                "Enabled": state == "Enabled",
                "KeyState": state,
                "KeyManager": "CUSTOMER",
                "KeyUsage": "ENCRYPT_DECRYPT",
            }})),
            "GetKeyPolicy" => {
                // Every key has one: at first it leaves all to the account.
                let root = format!("arn:aws:iam::{}:root", self.account);
                let default = || {
                    json!({ "Version": "2012-10-17", "Statement": [{
                        "Effect": "Allow", "Principal": { "AWS": root }, "Action": "kms:*", "Resource": "*",
                    }] })
                };
                let policy = self.resource_policy(arn).cloned().unwrap_or_else(default);
                Ok(json!({ "Policy": policy.to_string(), "PolicyName": "default" }))
            }
            _ => Err(ApiError::not_implemented("kms", operation)),
        }
    }

    fn get_role(&self, input: &Value) -> Result<Value, ApiError> {
        let name = text(input, "RoleName").unwrap_or_default();
        let found = self.identities.roles.iter().find(|(arn, _)| arn.rsplit('/').next() == Some(name));
        let (arn, trust) =
            found.ok_or_else(|| no_such_entity(format!("The role with name {name} cannot be found.")))?;
        let path = arn.split_once(":role").map_or("/", |(_, path)| path.trim_end_matches(name));
        Ok(json!({ "Role": {
            "Path": path,
            "RoleName": name,
            "RoleId": "AROASANDBOXSANDBOX00",
            "Arn": arn,
            "CreateDate": "2026-01-01T00:00:00Z",
            "AssumeRolePolicyDocument": percent_encoded(&trust.to_string()),
            "MaxSessionDuration": 3600,
        }}))
    }

    fn simulate_principal_policy(&self, input: &Value) -> Result<Value, ApiError> {
        let principal = text(input, "PolicySourceArn").unwrap_or_default();
        let exists = self.identities.roles.contains_key(principal)
            || (principal == self.caller_arn() && principal.contains(":user/"));
        if !exists {
            return Err(no_such_entity(format!("The entity {principal} cannot be found.")));
        }
        let mut resources = texts(input, "ResourceArns");
        if resources.is_empty() {
            resources.push("*");
        }
        let decide = |action: &&str| {
            let mut missing = Vec::new();
            let mut judge = |resource: &str| {
                let (decision, unknown) = self.judged(input, principal, action, resource);
                missing.extend(unknown);
                decision
            };
            let of_each: Vec<(&str, &str)> =
                resources.iter().map(|resource| (*resource, judge(resource))).collect();
            // One result an action; what it says of all resources is the worst of each.
            let worst = ["explicitDeny", "implicitDeny"]
                .into_iter()
                .find(|worst| of_each.iter().any(|(_, decision)| decision == worst));
            let specific = of_each.iter().map(|(resource, decision)| {
                json!({
                    "EvalResourceName": resource,
                    "EvalResourceDecision": decision,
                    "MatchedStatements": [],
                    "MissingContextValues": [],
                })
            });
            json!({
                "EvalActionName": action,
                "EvalResourceName": resources.first(),
                "EvalDecision": worst.unwrap_or("allowed"),
                "MatchedStatements": [],
                "MissingContextValues": missing,
                "ResourceSpecificResults": specific.collect::<Vec<_>>(),
            })
        };
        let results: Vec<Value> = texts(input, "ActionNames").iter().map(decide).collect();
        let start = text(input, "Marker").and_then(|marker| marker.parse::<usize>().ok()).unwrap_or(0);
        let size = number(input, "MaxItems").and_then(|size| usize::try_from(size).ok()).unwrap_or(100);
        let end = start.saturating_add(size);
        let more = end < results.len();
        Ok(json!({
            "EvaluationResults": results.into_iter().skip(start).take(size).collect::<Vec<_>>(),
            "IsTruncated": more,
            "Marker": more.then(|| end.to_string()),
        }))
    }

    pub(super) fn simulated(&self, principal: &str, action: &str, resource: &str) -> &'static str {
        let fits = |rule: &&Rule| {
            rule.principal == principal && is_like(&rule.action, action) && is_like(&rule.resource, resource)
        };
        match self.identities.rules.iter().rev().find(fits) {
            Some(rule) => rule.says.name(),
            None if self.is_caller(principal) && self.denied_actions.contains(action) => "implicitDeny",
            None => "allowed",
        }
    }

    /// The caller, or the role whose session it is.
    pub(super) fn is_caller(&self, principal: &str) -> bool {
        let caller = self.caller_arn();
        let role = caller.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
        caller == principal || role.is_some_and(|role| principal.rsplit('/').next() == Some(role))
    }
}

fn no_such_entity(message: String) -> ApiError {
    ApiError { status: 404, ..ApiError::client("NoSuchEntity", message) }
}

/// Whether a text fits a pattern in which `*` stands for any characters.
pub(super) fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

/// RFC 3986, as IAM gives policies.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in [
            ("*", "s3:GetObject", true),
            ("s3:Get*", "s3:GetObject", true),
            ("s3:*Object", "s3:GetObject", true),
            ("s3:GetObject", "s3:GetObjects", false),
            ("s3:*Acl", "s3:GetObject", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c", false),
        ] {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
