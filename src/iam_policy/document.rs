//! A policy as IAM takes it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// The most characters of a customer managed policy; IAM counts no white space outside of texts. An inline policy of a
/// role may have 10,240 for all of them together.
pub const LONGEST: usize = 6_144;

/// A policy that only allows. Statements are in the order in which they were begun.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// What is allowed on what, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    sid: String,
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
    condition: Option<Condition>,
}

/// A condition on one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `StringEquals`, `ArnEquals`
    pub operator: &'static str,
    /// `iam:PassedToService`
    pub key: &'static str,
    /// One of these.
    pub values: BTreeSet<String>,
}

impl Condition {
    /// A condition that wants one value.
    pub fn one(operator: &'static str, key: &'static str, value: impl Into<String>) -> Self {
        Self { operator, key, values: [value.into()].into() }
    }

    fn is_met(&self, context: &BTreeMap<&str, &str>) -> bool {
        context.get(self.key).is_some_and(|value| self.values.iter().any(|wanted| is_like(wanted, value)))
    }
}

impl Policy {
    /// Allows an action on a resource, in the statement of this name. The first condition of a statement is that of
    /// all of it; a later one for the same key adds its values.
    pub fn allow(&mut self, sid: &str, action: &str, resource: &str, condition: Option<&Condition>) {
        let known = self.statements.iter().position(|statement| statement.sid == sid);
        let index = known.unwrap_or_else(|| {
            self.statements.push(Statement {
                sid: sid.to_owned(),
                actions: BTreeSet::new(),
                resources: BTreeSet::new(),
                condition: condition.cloned(),
            });
            self.statements.len() - 1
        });
        let statement = &mut self.statements[index];
        statement.actions.insert(action.to_owned());
        statement.resources.insert(resource.to_owned());
        if let (Some(known), Some(more)) = (&mut statement.condition, condition) {
            known.values.extend(more.values.iter().cloned());
        }
    }

    /// Whether it allows anything.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// Whether it allows an action on a resource where the condition keys have these values.
    pub fn allows(&self, action: &str, resource: &str, context: &BTreeMap<&str, &str>) -> bool {
        self.statements.iter().any(|statement| {
            statement.actions.iter().any(|known| is_like(known, action))
                && statement.resources.iter().any(|known| is_like(known, resource))
                && statement.condition.as_ref().is_none_or(|condition| condition.is_met(context))
        })
    }

    /// The document.
    pub fn to_value(&self) -> Value {
        let statements = self.statements.iter().map(|statement| {
            let mut document = Map::new();
            document.insert("Sid".to_owned(), json!(statement.sid));
            document.insert("Effect".to_owned(), json!("Allow"));
            document.insert("Action".to_owned(), one_or_all(&statement.actions));
            document.insert("Resource".to_owned(), one_or_all(&statement.narrowed()));
            if let Some(Condition { operator, key, values }) = &statement.condition {
                document.insert("Condition".to_owned(), json!({ *operator: { *key: one_or_all(values) } }));
            }
            Value::Object(document)
        });
        json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() })
    }

    /// How long IAM says it is, in characters.
    pub fn length(&self) -> usize {
        self.to_value().to_string().chars().count()
    }
}

impl Statement {
    /// Without what another resource of the same statement includes.
    fn narrowed(&self) -> BTreeSet<String> {
        let included =
            |one: &&String| !self.resources.iter().any(|other| other != *one && is_like(other, one));
        self.resources.iter().filter(included).cloned().collect()
    }
}

fn one_or_all(texts: &BTreeSet<String>) -> Value {
    match texts.first() {
        Some(one) if texts.len() == 1 => json!(one),
        _ => json!(texts),
    }
}

/// Whether a text fits a pattern of IAM: `*` stands for any characters, `?` for one.
pub fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Where the last star was, and how much of the text it had swallowed.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(of) {
            Some('*') => {
                star = Some((of, at));
                of += 1;
            }
            Some(c) if *c == '?' || *c == text[at] => {
                at += 1;
                of += 1;
            }
            _ => match &mut star {
                Some((place, swallowed)) => {
                    *swallowed += 1;
                    at = *swallowed;
                    of = *place + 1;
                }
                None => return false,
            },
        }
    }
    pattern[of..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_iam() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("arn:*:s3:::b/p/*", "arn:aws:s3:::b/p/x/y.env", true),
            ("arn:aws:s3:::b/p/*", "arn:aws:s3:::b/q/x", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*c", "abbc", true),
            ("*b*c", "abbcd", false),
            ("ecs:Describe*", "ecs:DescribeTasks", true),
            ("abc", "abc", true),
            ("abc", "ab", false),
        ] {
            assert_eq!(is_like(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_policy_says_what_it_allows_and_when() {
        let mut policy = Policy::default();
        let passed = Condition::one("StringEquals", "iam:PassedToService", "ecs-tasks.amazonaws.com");
        policy.allow("Pass", "iam:PassRole", "arn:aws:iam::1:role/a", Some(&passed));
        policy.allow("Pass", "iam:PassRole", "arn:aws:iam::1:role/b", Some(&passed));
        policy.allow("Read", "ecs:ListTasks", "*", None);
        policy.allow("Read", "ecs:DescribeTasks", "arn:aws:ecs:r:1:task/c/*", None);
        let tasks = BTreeMap::from([("iam:PassedToService", "ecs-tasks.amazonaws.com")]);
        assert!(policy.allows("iam:PassRole", "arn:aws:iam::1:role/b", &tasks));
        assert!(!policy.allows("iam:PassRole", "arn:aws:iam::1:role/c", &tasks));
        assert!(!policy.allows("iam:PassRole", "arn:aws:iam::1:role/b", &BTreeMap::new()));
        let document = policy.to_value();
        assert_eq!(document["Statement"][0]["Action"], "iam:PassRole");
        assert_eq!(
            document["Statement"][0]["Resource"],
            json!(["arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b"])
        );
        assert_eq!(
            document["Statement"][0]["Condition"]["StringEquals"]["iam:PassedToService"],
            "ecs-tasks.amazonaws.com"
        );
        assert_eq!(document["Statement"][1]["Resource"], "*", "the star includes the other");
        assert_eq!(policy.length(), document.to_string().len());
    }
}
