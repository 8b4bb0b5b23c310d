//! What a token says of a job. It is read to explain a refusal and never to trust it: no signature is verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::iam_policy::GithubRepository;
use crate::secret::Secret;

/// What is shown of a token, beside the audience.
const SHOWN: [&str; 6] = ["sub", "repository", "ref", "environment", "repository_owner_id", "repository_id"];
/// A branch may have a long name.
const LONGEST: usize = 300;

/// The payload of a token.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    /// The payload; empty where the text is no token.
    pub(super) fn of(token: &Secret) -> Self {
        let payload = token.expose().trim().split('.').nth(1).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).unwrap_or_default();
        Self(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// A claim in one line.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = match self.0.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            _ => return None,
        };
        // A branch and an environment are named by others.
        let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        Some(text.chars().take(LONGEST).map(printable).collect()).filter(|text: &String| !text.is_empty())
    }

    /// `sub repo:acme/shop:ref:refs/heads/main, aud sts.amazonaws.com, ...`
    pub(super) fn told(&self) -> Option<String> {
        let tell = |name: &str| self.text(name).map(|text| format!("{name} {text}"));
        let mut all: Vec<String> = SHOWN.iter().filter_map(|name| tell(name)).collect();
        all.splice(all.len().min(1)..all.len().min(1), tell("aud"));
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// Every form that the subject of this job may have: as it is, by names, and by numeric ids.
    pub(super) fn subjects(&self) -> Vec<String> {
        let Some(subject) = self.text("sub") else { return Vec::new() };
        let mut all = vec![subject.clone()];
        let suffix = subject.strip_prefix("repo:").and_then(|rest| rest.split_once(':')).map(|(_, end)| end);
        let repository = self.text("repository");
        let names = repository.as_deref().and_then(|repository| repository.split_once('/'));
        if let (Some(suffix), Some((owner, name))) = (suffix, names) {
            let ids = self.text("repository_owner_id").zip(self.text("repository_id"));
            let repository = GithubRepository { owner: owner.to_owned(), name: name.to_owned(), ids };
            all.extend(repository.subjects_with(suffix).into_iter().filter(|other| *other != subject));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(payload: &Value) -> Claims {
        Claims::of(&Secret::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload.to_string()))))
    }

    #[test]
    fn a_subject_is_told_in_all_its_forms() {
        let by_name = "repo:acme/shop:ref:refs/heads/main";
        let by_id = "repo:acme@65/shop@74:ref:refs/heads/main";
        for sub in [by_name, by_id] {
            let claims = claims(&json!({
                "sub": sub, "aud": "sts.amazonaws.com", "ref": "refs/heads/main", "repository": "acme/shop",
                "repository_owner_id": "65", "repository_id": 74, "exp": 1
            }));
            let mut forms = claims.subjects();
            assert_eq!(forms[0], sub);
            forms.sort();
            assert_eq!(forms, [by_name, by_id]);
            let told = claims.told().unwrap();
            assert!(
                told.starts_with(&format!("sub {sub}, aud sts.amazonaws.com, repository acme/shop")),
                "{told}"
            );
        }
        let customised = claims(&json!({ "sub": "job_workflow_ref:acme/x", "repository": "acme/shop" }));
        assert_eq!(customised.subjects(), ["job_workflow_ref:acme/x"]);
    }

    #[test]
    fn no_token_says_nothing_and_a_line_stays_one() {
        for text in ["", "a.b.c", "no token", "..", "e30.e30.e30"] {
            let claims = Claims::of(&Secret::new(text));
            assert_eq!((claims.told(), claims.subjects().len()), (None, 0), "{text}");
        }
        let claims = claims(&json!({ "sub": "a\n::error::b", "aud": ["x", "y"] }));
        assert_eq!(claims.told().unwrap(), "sub a\u{fffd}::error::b, aud x, y");
    }
}
