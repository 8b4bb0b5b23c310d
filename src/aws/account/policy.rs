//! What the policy of a bucket, a secret, a repository, a key or an endpoint says about one action.
//!
//! Only what is certain is told as such: conditions and denials are not evaluated, so that an answer which depends on
//! them is [`Says::Perhaps`].

use serde_json::{Map, Value};

/// What a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// None of its statements can allow it.
    Nothing,
    /// A statement allows it, and none denies anything of the kind.
    Allows,
    /// It depends on a condition, on a denial, or on what cannot be told from here.
    Perhaps,
}

/// Whether a statement is about something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    No,
    Perhaps,
    Yes,
}

impl From<bool> for Match {
    fn from(fits: bool) -> Self {
        if fits { Self::Yes } else { Self::No }
    }
}

/// What a policy of a resource says about an action that one of these ARNs (a user, a role, its session) wants to do
/// there. Naming the account (`arn:aws:iam::1:root`) allows nothing by itself: it hands the decision to the principals'
/// own policies, which said nothing.
pub(super) fn says(policy: &Value, principals: &[&str], action: &str, resource: &str) -> Says {
    let matches = |statement: &Map<String, Value>| {
        let condition =
            if statement.get("Condition").is_some_and(is_set) { Match::Perhaps } else { Match::Yes };
        [
            of_principal(statement, principals),
            of_action(statement, action).into(),
            of_resource(statement, resource),
            condition,
        ]
        .into_iter()
        .min()
        .unwrap_or(Match::No)
    };
    let best = |effect: &str| with_effect(policy, effect).map(matches).max().unwrap_or(Match::No);
    match (best("Allow"), best("Deny")) {
        (Match::No, _) => Says::Nothing,
        (Match::Yes, Match::No) => Says::Allows,
        _ => Says::Perhaps,
    }
}

/// Whether some statement of a policy allows the action to anyone, under whatever conditions.
pub(super) fn allows_someone(policy: &Value, action: &str) -> bool {
    with_effect(policy, "Allow").any(|statement| of_action(statement, action))
}

fn with_effect<'a>(policy: &'a Value, effect: &'a str) -> impl Iterator<Item = &'a Map<String, Value>> {
    let statements = policy.get("Statement").map(each).unwrap_or_default();
    let has = move |one: &&Map<String, Value>| one.get("Effect").and_then(Value::as_str) == Some(effect);
    statements.into_iter().filter_map(Value::as_object).filter(has)
}

/// A list, or the one that stands for a list of one.
fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    each(value).into_iter().filter_map(Value::as_str)
}

fn is_set(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| !fields.is_empty())
}

fn of_principal(statement: &Map<String, Value>, principals: &[&str]) -> Match {
    if statement.contains_key("NotPrincipal") {
        return Match::Perhaps;
    }
    let named = |value: &Value| texts(value).any(|text| text == "*" || principals.contains(&text));
    match statement.get("Principal") {
        Some(Value::Object(kinds)) => kinds.get("AWS").is_some_and(named).into(),
        Some(all) => named(all).into(),
        None => Match::No,
    }
}

/// Names of actions are the same in capitals and small letters.
fn of_action(statement: &Map<String, Value>, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let fits = |value: &Value| texts(value).any(|pattern| is_like(&pattern.to_ascii_lowercase(), &action));
    match (statement.get("Action"), statement.get("NotAction")) {
        (Some(named), _) => fits(named),
        (None, Some(others)) => !fits(others),
        (None, None) => false,
    }
}

fn of_resource(statement: &Map<String, Value>, resource: &str) -> Match {
    if statement.contains_key("NotResource") {
        return Match::Perhaps;
    }
    // The policy of a repository names no resource: it is about itself.
    let Some(named) = statement.get("Resource") else { return Match::Yes };
    let of = |pattern: &str| match pattern.contains("${") {
        true => Match::Perhaps,
        false => is_like(pattern, resource).into(),
    };
    texts(named).map(of).max().unwrap_or(Match::No)
}

/// Whether a text fits a pattern, in which `*` stands for any characters and `?` for one.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where the last star was, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(one) if *one == '?' || *one == text[place] => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((from, taken)) => {
                    star = Some((from, taken + 1));
                    at = from + 1;
                    place = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROLE: &str = "arn:aws:iam::1:role/execution";
    const FILE: &str = "arn:aws:s3:::env/prod/web.env";

    fn of(statement: Value) -> Says {
        says(&json!({ "Statement": statement }), &[ROLE], "s3:GetObject", FILE)
    }

    fn allow(more: Value) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Principal": { "AWS": ROLE }, "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::env/*"
        });
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        statement
    }

    #[test]
    fn a_statement_for_the_role_allows_it() {
        for more in [
            json!({}),
            json!({ "Principal": "*" }),
            json!({ "Principal": { "AWS": ["arn:aws:iam::1:role/other", ROLE] } }),
            json!({ "Action": ["S3:get*", "s3:PutObject"] }),
            json!({ "Resource": ["arn:aws:s3:::env/????/web.env"] }),
            json!({ "Condition": {} }),
        ] {
            assert_eq!(of(allow(more.clone())), Says::Allows, "{more}");
        }
        assert_eq!(of(json!([allow(json!({}))])), Says::Allows);
    }

    #[test]
    fn a_statement_about_something_else_says_nothing() {
        for more in [
            json!({ "Principal": { "AWS": "arn:aws:iam::1:role/other" } }),
            // It leaves the decision to the role's own policies.
            json!({ "Principal": { "AWS": "arn:aws:iam::1:root" } }),
            json!({ "Principal": { "Service": "logging.s3.amazonaws.com" } }),
            json!({ "Action": "s3:PutObject" }),
            json!({ "Resource": "arn:aws:s3:::env/stage/*" }),
            json!({ "Effect": "Deny" }),
        ] {
            assert_eq!(of(allow(more.clone())), Says::Nothing, "{more}");
        }
        assert_eq!(of(json!([])), Says::Nothing);
    }

    #[test]
    fn what_depends_on_more_than_is_known_may_allow_it() {
        let vpce = json!({ "Condition": { "StringEquals": { "aws:SourceVpce": "vpce-1" } } });
        assert_eq!(of(allow(vpce)), Says::Perhaps);
        assert_eq!(of(allow(json!({ "Resource": "arn:aws:s3:::env/${aws:username}/*" }))), Says::Perhaps);
        assert_eq!(of(json!([allow(json!({})), allow(json!({ "Effect": "Deny" }))])), Says::Perhaps);
        let others =
            json!({ "Effect": "Allow", "NotPrincipal": { "AWS": "x" }, "Action": "*", "Resource": "*" });
        assert_eq!(of(others), Says::Perhaps);
    }

    #[test]
    fn an_endpoint_lets_an_action_through_that_some_statement_allows() {
        let policy = |statement: Value| json!({ "Statement": [statement] });
        let open = policy(json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" }));
        assert!(allows_someone(&open, "ecr:BatchGetImage"));
        let reads = policy(json!({ "Effect": "Allow", "Principal": "*", "Action": "s3:Get*" }));
        assert!(allows_someone(&reads, "s3:GetObject") && !allows_someone(&reads, "s3:PutObject"));
        let rest = policy(json!({ "Effect": "Allow", "Principal": "*", "NotAction": "s3:Get*" }));
        assert!(!allows_someone(&rest, "s3:GetObject") && allows_someone(&rest, "s3:PutObject"));
    }
}
