//! Policies of principals: what a simulation says of them, and which calls they let through.

use std::collections::BTreeMap;

use serde_json::Value;

use super::World;
use super::identity::is_like;
use super::json::{list, text, texts};

/// The policy of each principal that has one, by ARN. Who has one may do nothing else.
#[derive(Default)]
pub(crate) struct Policies(BTreeMap<String, Value>);

/// Condition keys and their values.
pub(crate) type Context = BTreeMap<String, String>;

impl World {
    /// Gives a principal (a role, or a user) this policy and no other: it may do nothing that is not in it. Requests
    /// are judged by their action alone, but for those of S3, where the resource counts too; simulations by all.
    pub fn put_policy(&mut self, principal: &str, policy: Value) {
        self.policies.0.insert(principal.to_owned(), policy);
    }

    /// What a simulation says of an action on a resource, and which keys it would have had to know.
    pub(super) fn judged(
        &self,
        input: &Value,
        principal: &str,
        action: &str,
        resource: &str,
    ) -> (&'static str, Vec<String>) {
        let Some(policy) = self.policies.0.get(principal) else {
            return (self.simulated(principal, action, resource), Vec::new());
        };
        let entry = |entry: &Value| {
            let value = texts(entry, "ContextKeyValues").first().map(|value| (*value).to_owned());
            Some((text(entry, "ContextKeyName")?.to_owned(), value?))
        };
        let context: Context = list(input, "ContextEntries").iter().filter_map(entry).collect();
        let mut missing = Vec::new();
        let applies = |statement: &&Value| {
            any_text(statement.get("Action"), |pattern| is_like(pattern, action))
                && any_text(statement.get("Resource"), |pattern| is_like(pattern, resource))
        };
        let mut decision = "implicitDeny";
        for statement in statements(policy).filter(applies) {
            if met(statement, &context, &mut missing) {
                match text(statement, "Effect") {
                    Some("Deny") => return ("explicitDeny", Vec::new()),
                    _ => decision = "allowed",
                }
            }
        }
        (decision, if decision == "allowed" { Vec::new() } else { missing })
    }

    /// Whether the caller has a policy, and it does not let this request through.
    pub(super) fn forbids(&self, action: &str, resource: &str) -> bool {
        let Some(policy) = self.policies.0.iter().find(|(principal, _)| self.is_caller(principal)) else {
            return false;
        };
        let mut resource = resource.trim_matches('"');
        if action == "s3:ListBucket" {
            // Whoever asks about an object is asked for this one, too, and it is the bucket's.
            resource = resource.split('/').next().unwrap_or(resource);
        }
        let lets_through = |statement: &Value| {
            text(statement, "Effect") == Some("Allow")
                && any_text(statement.get("Action"), |pattern| is_like(pattern, action))
                && (resource == "*"
                    || any_text(statement.get("Resource"), |pattern| is_like(pattern, resource)))
        };
        // Who one is, everybody may ask.
        action != "sts:GetCallerIdentity" && !statements(policy.1).any(lets_through)
    }
}

/// The statements of a policy: a list, or one.
pub(super) fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    let all = policy.get("Statement");
    let many = all.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    many.iter().chain(all.filter(|one| one.is_object()))
}

/// A text or a list of texts of which one fits.
pub(super) fn any_text(value: Option<&Value>, fits: impl Fn(&str) -> bool) -> bool {
    match value {
        Some(Value::String(text)) => fits(text),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).any(fits),
        _ => false,
    }
}

/// Whether all conditions of a statement are met; keys that are not known go to `missing`.
pub(super) fn met(statement: &Value, context: &Context, missing: &mut Vec<String>) -> bool {
    let conditions = statement.get("Condition").and_then(Value::as_object);
    conditions.into_iter().flatten().all(|(operator, keys)| {
        keys.as_object().into_iter().flatten().all(|(key, wanted)| match context.get(key) {
            Some(value) => any_text(Some(wanted), |pattern| match operator.as_str() {
                "StringEquals" | "ArnEquals" => pattern == value,
                "StringLike" | "ArnLike" => is_like(pattern, value),
                _ => false,
            }),
            None => {
                missing.push(key.clone());
                false
            }
        })
    })
}
