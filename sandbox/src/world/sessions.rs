//! STS: sessions of roles. A role's trust policy decides who may have one, as far as it names principals, identity
//! providers and the conditions StringEquals and StringLike.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::identity::is_like;
use super::json::{list, number, text};
use super::policies::{Context, any_text, statements};
use super::{ApiError, World};

/// A role's own limit, as GetRole tells it.
const MAX_SESSION: i64 = 3_600;

/// Who signs tokens that roles may trust, and what is in store for those who log in.
#[derive(Default)]
pub(crate) struct SignIns {
    /// Identity providers by host: the audiences that each accepts.
    providers: BTreeMap<String, Vec<String>>,
    refusals: VecDeque<ApiError>,
    life: Option<Duration>,
    given: u64,
}

impl World {
    /// Registers an identity provider by its host, for these audiences.
    pub fn put_identity_provider(&mut self, host: &str, audiences: &[&str]) {
        let audiences = audiences.iter().map(|text| (*text).to_owned()).collect();
        self.sign_ins.providers.insert(host.to_owned(), audiences);
    }

    /// Has the next AssumeRole or AssumeRoleWithWebIdentity refused with this code and text.
    pub fn refuse_login(&mut self, code: &str, message: &str) {
        let status = if code == "AccessDenied" || code == "RegionDisabledException" { 403 } else { 400 };
        self.sign_ins.refusals.push_back(ApiError { status, ..ApiError::client(code, message) });
    }

    /// Lets sessions last so long, whatever is asked for.
    pub fn set_session_life(&mut self, life: Duration) {
        self.sign_ins.life = Some(life);
    }

    /// Errors: as STS refuses.
    pub(crate) fn assume_role(&mut self, input: &Value) -> Result<Value, ApiError> {
        let asked = self.asked(input)?;
        let caller = self.caller_arn();
        let mut context = Context::new();
        if let Some(id) = text(input, "ExternalId") {
            context.insert("sts:ExternalId".to_owned(), id.to_owned());
        }
        let names = caller_names(&caller);
        let is_caller = |principal: &Value| {
            any_text(principal.get("AWS"), |name| names.iter().any(|known| known == name))
        };
        let mut actions = vec!["sts:AssumeRole"];
        if !list(input, "Tags").is_empty() {
            actions.push("sts:TagSession");
        }
        for action in actions {
            if !self.trusts(&asked.role, action, &context, is_caller) {
                return Err(denied(format!(
                    "User: {caller} is not authorized to perform: {action} on resource: {}",
                    asked.role
                )));
            }
        }
        if caller.contains(":assumed-role/") && asked.seconds > MAX_SESSION {
            return Err(invalid(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            ));
        }
        self.session(&asked, json!({}))
    }

    /// Errors: as STS refuses.
    pub(crate) fn assume_role_with_web_identity(&mut self, input: &Value) -> Result<Value, ApiError> {
        let asked = self.asked(input)?;
        let token = text(input, "WebIdentityToken").unwrap_or_default();
        let claims = claims(token).ok_or_else(|| {
            ApiError::client("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
        })?;
        let claim = |name: &str| text(&claims, name).unwrap_or_default();
        let (issuer, audience) = (claim("iss"), claim("aud"));
        let host = issuer.trim_start_matches("https://").to_owned();
        let audiences = self.sign_ins.providers.get(&host).ok_or_else(|| {
            let text = format!("No OpenIDConnect provider found in your account for {issuer}");
            ApiError::client("InvalidIdentityToken", text)
        })?;
        if !audiences.iter().any(|known| known == audience) {
            return Err(ApiError::client("InvalidIdentityToken", "Incorrect token audience"));
        }
        let context: Context =
            ["sub", "aud"].iter().map(|name| (format!("{host}:{name}"), claim(name).to_owned())).collect();
        let provider = format!(":oidc-provider/{host}");
        let is_provider =
            |principal: &Value| any_text(principal.get("Federated"), |arn| arn.ends_with(&provider));
        if !self.trusts(&asked.role, "sts:AssumeRoleWithWebIdentity", &context, is_provider) {
            return Err(denied("Not authorized to perform sts:AssumeRoleWithWebIdentity".to_owned()));
        }
        let more = json!({
            "SubjectFromWebIdentityToken": claim("sub"),
            "Audience": audience,
            "Provider": format!("arn:aws:iam::{}{provider}", self.account),
        });
        self.session(&asked, more)
    }

    /// What both operations take, checked as the model has it.
    fn asked(&mut self, input: &Value) -> Result<Asked, ApiError> {
        let role = text(input, "RoleArn").unwrap_or_default();
        let name = text(input, "RoleSessionName").unwrap_or_default();
        if !role.starts_with("arn:") || !role.contains(":role/") {
            return Err(invalid(format!("{role} is invalid")));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if !(2..=64).contains(&name.len()) || !name.chars().all(fits) {
            return Err(invalid(format!(
                "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
            )));
        }
        let seconds = number(input, "DurationSeconds").unwrap_or(MAX_SESSION);
        if !(900..=43_200).contains(&seconds) {
            return Err(invalid(format!(
                "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint"
            )));
        }
        if let Some(refusal) = self.sign_ins.refusals.pop_front() {
            return Err(refusal);
        }
        if seconds > MAX_SESSION && !self.caller_arn().contains(":assumed-role/") {
            return Err(invalid(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        Ok(Asked { role: role.to_owned(), name: name.to_owned(), seconds })
    }

    /// Whether a statement of the role's trust policy allows this to a principal.
    fn trusts(&self, role: &str, action: &str, context: &Context, is_meant: impl Fn(&Value) -> bool) -> bool {
        let Some(trust) = self.identities.trust(role) else { return false };
        statements(trust).any(|statement| {
            text(statement, "Effect") == Some("Allow")
                && any_text(statement.get("Action"), |pattern| is_like(pattern, action))
                && statement.get("Principal").is_some_and(&is_meant)
                && super::policies::met(statement, context, &mut Vec::new())
        })
    }

    /// From now on it is the session that calls.
    fn session(&mut self, asked: &Asked, more: Value) -> Result<Value, ApiError> {
        self.sign_ins.given += 1;
        let number = self.sign_ins.given;
        let account = asked.role.split(':').nth(4).unwrap_or_default().to_owned();
        let name = asked.role.rsplit('/').next().unwrap_or_default();
        let arn = format!("arn:aws:sts::{account}:assumed-role/{name}/{}", asked.name);
        self.set_caller(&arn);
        let asked_for = Duration::from_secs(u64::try_from(asked.seconds).unwrap_or_default());
        let end = self.now() + self.sign_ins.life.unwrap_or(asked_for);
        let end = jiff::Timestamp::from_microsecond(i64::try_from(end.as_micros()).unwrap_or(i64::MAX));
        let end = end.map_err(|error| ApiError::client("InternalFailure", error.to_string()))?;
        let mut answer = json!({
            "Credentials": {
                "AccessKeyId": format!("ASIASANDBOX{number:09}"),
                "SecretAccessKey": format!("session-secret-{number:09}"),
                "SessionToken": format!("session-token-{number:09}"),
                "Expiration": end.to_string(),
            },
            "AssumedRoleUser": { "AssumedRoleId": format!("AROASANDBOXSANDBOX00:{}", asked.name), "Arn": arn },
        });
        if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), more) {
            answer.extend(more);
        }
        Ok(answer)
    }
}

struct Asked {
    role: String,
    name: String,
    seconds: i64,
}

/// How a trust policy may name whoever calls: as it is, as the role of a session, and as the account.
fn caller_names(caller: &str) -> Vec<String> {
    let account = caller.split(':').nth(4).unwrap_or_default();
    let role = caller.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
    let role = role.map(|role| format!("arn:aws:iam::{account}:role/{role}"));
    let all = [
        Some(caller.to_owned()),
        role,
        Some(format!("arn:aws:iam::{account}:root")),
        Some(account.to_owned()),
    ];
    all.into_iter().flatten().chain(["*".to_owned()]).collect()
}

fn claims(token: &str) -> Option<Value> {
    let parts: Vec<&str> = token.split('.').collect();
    let [_, payload, _] = parts.as_slice() else { return None };
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok().filter(Value::is_object)
}

fn denied(message: String) -> ApiError {
    ApiError { status: 403, ..ApiError::client("AccessDenied", message) }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::client("ValidationError", message)
}
