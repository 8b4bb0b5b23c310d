//! STS's refusals in words that say what to do (facts 8.2).

use serde_json::json;

use super::claims::Claims;
use super::settings::Step;
use crate::error::{Error, ErrorKind};
use crate::iam_policy::{AUDIENCE, GITHUB_ISSUER, condition, provider_arn};

/// What STS said, and of what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal<'a> {
    pub(super) step: Step<'a>,
    /// As STS names it, such as `IDPRejectedClaim`.
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) region: &'a str,
}

/// The error that a person reads. `claims` are the token's, where there was one.
pub(super) fn refused(refusal: &Refusal<'_>, claims: &Claims) -> Error {
    let Refusal { step, code, message, .. } = refusal;
    let action = if step.by_token { "sts:AssumeRoleWithWebIdentity" } else { "sts:AssumeRole" };
    let mut text = format!("{action} on {}: {code}", step.role);
    if !message.is_empty() {
        text.push_str(&format!(": {}", message.trim_end_matches('.')));
    }
    if let Some(told) = claims.told().filter(|_| is_about_the_token(code)) {
        text.push_str(&format!("; the token says {told}"));
    }
    Error::new(ErrorKind::Aws, text).hint(what_to_do(refusal, claims))
}

fn is_about_the_token(code: &str) -> bool {
    matches!(
        code,
        "AccessDenied"
            | "IDPRejectedClaim"
            | "InvalidIdentityToken"
            | "ExpiredTokenException"
            | "IDPCommunicationError"
    )
}

fn what_to_do(refusal: &Refusal<'_>, claims: &Claims) -> String {
    let Refusal { step, code, message, region } = refusal;
    let lower = message.to_lowercase();
    let account = account(step.role);
    match *code {
        _ if lower.contains("maxsessionduration") => format!(
            "Give a shorter --role-duration, or let the role's sessions last longer: aws iam update-role --role-name {} --max-session-duration {}.",
            name(step.role),
            step.duration.as_secs()
        ),
        _ if lower.contains("role chaining") => {
            "Leave --role-duration out, or give an hour at most: the session of a role that is assumed from another role's session lasts no longer. Landfall logs in again before it ends."
                .to_owned()
        }
        "AccessDenied" | "IDPRejectedClaim" if step.by_token => trust(step, claims),
        "AccessDenied" if lower.contains("sts:tagsession") => format!(
            "Allow sts:TagSession beside sts:AssumeRole, to the caller and in the trust policy of {}, or leave --role-session-tags out.",
            step.role
        ),
        "AccessDenied" => assume(step, &lower),
        "InvalidIdentityToken" => provider(step, &lower, claims),
        "ExpiredTokenException" if step.by_token => {
            "A new token was refused as well: check this machine's clock, and whether the file of --web-identity-token-file is renewed."
                .to_owned()
        }
        "ExpiredTokenException" | "ExpiredToken" => {
            "The credentials that the role is assumed with have ended: get new ones and run the same command again.".to_owned()
        }
        "IDPCommunicationError" => {
            "STS could not reach the provider that signed the token, although it was asked several times: run the job again.".to_owned()
        }
        "MalformedPolicyDocument" => {
            "Landfall sends no session policy: check what is between it and STS (AWS_ENDPOINT_URL_STS, a proxy).".to_owned()
        }
        "PackedPolicyTooLarge" => {
            "Use fewer or shorter session tags: those of --role-session-tags, or those that the provider puts into the token.".to_owned()
        }
        "RegionDisabledException" => format!(
            "Activate STS for {region} in account {account} (IAM console, Account settings), or use another Region: --region, or AWS_ENDPOINT_URL_STS for STS alone."
        ),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" => {
            "Check the credentials that the role is assumed with, and this machine's clock.".to_owned()
        }
        "ValidationError" => {
            "Check --role-to-assume, --role-session-name, --role-external-id and --role-session-tags.".to_owned()
        }
        _ => "Check --role-to-assume and the role's trust policy (docs/iam.md).".to_owned(),
    }
}

/// The trust policy does not accept the token, or the role is not there: STS does not say which.
fn trust(step: &Step<'_>, claims: &Claims) -> String {
    let role = name(step.role);
    let account = account(step.role);
    let unknown = format!(
        "STS gives the same answer where account {account} has no role {role}, which cannot be told from outside."
    );
    let subjects = claims.subjects();
    if subjects.is_empty() {
        return format!("Check the conditions in the trust policy of role {role} and the token. {unknown}");
    }
    let audience = claims.text("aud").unwrap_or_else(|| AUDIENCE.to_owned());
    let of_github = claims.text("iss").is_none_or(|issuer| issuer.ends_with(GITHUB_ISSUER));
    if !of_github {
        return format!(
            "Let the trust policy of role {role} accept aud {audience} and sub {} of this issuer. {unknown}",
            subjects.join(" or ")
        );
    }
    let environment = match claims.text("environment") {
        Some(_) => " The job has an `environment:`, which takes the place of the branch in the subject.",
        None => "",
    };
    let provider = provider_arn(account, partition(step.role));
    let wanted = json!({
        "Principal": { "Federated": provider },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition(&audience, &subjects),
    });
    format!(
        "Let the trust policy of role {role} have a statement with {wanted} (`landfall iam-policy --trust github` prints a whole one).{environment} {unknown}"
    )
}

fn assume(step: &Step<'_>, lower: &str) -> String {
    let role = step.role;
    let who = if step.chained { "the role before it" } else { "the caller" };
    let denied = if lower.contains("explicit deny") { " There is an explicit deny, which wins." } else { "" };
    let external_id = match step.external_id {
        Some(_) => ", with the condition sts:ExternalId as --role-external-id has it",
        None => ", and whether it wants an external id (--role-external-id)",
    };
    format!(
        "Allow {who} `sts:AssumeRole` on {role}, and name it in that role's trust policy{external_id}.{denied} STS gives the same answer where there is no such role."
    )
}

/// The token does not fit the account's identity provider.
fn provider(step: &Step<'_>, lower: &str, claims: &Claims) -> String {
    let account = account(step.role);
    let issuer = claims.text("iss").unwrap_or_else(|| format!("https://{GITHUB_ISSUER}"));
    let audience = claims.text("aud").unwrap_or_else(|| AUDIENCE.to_owned());
    let host = issuer.trim_start_matches("https://");
    let arn = format!("arn:{}:iam::{account}:oidc-provider/{host}", partition(step.role));
    if lower.contains("audience") {
        return format!(
            "Let the provider accept this audience: aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} --client-id {audience}; or give --oidc-audience the one that it has."
        );
    }
    if lower.contains("no openidconnect provider") {
        return format!(
            "Account {account} does not know who signed the token: aws iam create-open-id-connect-provider --url {issuer} --client-id-list {audience}. If it does, the role is in another account than you meant."
        );
    }
    if lower.contains("thumbprint") || lower.contains("certificate") {
        return format!("Correct the thumbprint of the provider {arn}.");
    }
    if lower.contains("verification key") || lower.contains("couldn't retrieve") {
        return "STS could not read the keys of the provider that signed the token: run the job again."
            .to_owned();
    }
    format!("Check that account {account} has the identity provider {arn} with the audience {audience}.")
}

/// `arn:aws:iam::123456789012:role/path/name` -> `123456789012`
fn account(role: &str) -> &str {
    role.split(':').nth(4).unwrap_or_default()
}

fn partition(role: &str) -> &str {
    role.split(':').nth(1).unwrap_or("aws")
}

fn name(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or(role)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::secret::Secret;

    const ROLE: &str = "arn:aws:iam::123456789012:role/ci/deploy";

    fn said(code: &str, message: &str, by_token: bool, payload: &serde_json::Value) -> (String, String) {
        let step = Step {
            role: ROLE,
            by_token,
            chained: !by_token,
            session_name: "s",
            duration: Duration::from_secs(7_200),
            external_id: None,
            tags: &[],
        };
        let token = Secret::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload.to_string())));
        let refusal = Refusal { step, code, message, region: "eu-west-1" };
        let error = refused(&refusal, &Claims::of(&token));
        assert_eq!(error.kind(), ErrorKind::Aws);
        (error.to_string(), error.hint_text().unwrap().to_owned())
    }

    fn of_github() -> serde_json::Value {
        json!({
            "iss": "https://token.actions.githubusercontent.com",
            "sub": "repo:acme@65/shop@74:environment:prod",
            "aud": "sts.amazonaws.com",
            "repository": "acme/shop",
            "repository_owner_id": "65",
            "repository_id": "74",
            "environment": "prod",
            "ref": "refs/heads/main",
        })
    }

    /// AWS's code and sentence, whether GitHub's token was used, what has to stand in the error, and what in the hint.
    type Row = (&'static str, &'static str, bool, &'static [&'static str], &'static [&'static str]);

    #[test]
    fn every_refusal_says_what_to_do() {
        const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        let table: [Row; 17] = [
            (
                "AccessDenied",
                DENIED,
                true,
                &[
                    DENIED,
                    "sub repo:acme@65/shop@74:environment:prod",
                    "aud sts.amazonaws.com",
                    "repository acme/shop",
                    "environment prod",
                    "ref refs/heads/main",
                ],
                &[
                    "\"repo:acme/shop:environment:prod\"",
                    "\"repo:acme@65/shop@74:environment:prod\"",
                    "has no role deploy, which cannot be told",
                    "takes the place of the branch",
                    "StringEquals",
                    "arn:aws:iam::123456789012:oidc-provider/",
                ],
            ),
            (
                "IDPRejectedClaim",
                "Rejected",
                true,
                &["IDPRejectedClaim: Rejected; the token says sub "],
                &["repo:acme/shop:environment:prod"],
            ),
            (
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://token.actions.githubusercontent.com",
                true,
                &["aud sts.amazonaws.com"],
                &[
                    "create-open-id-connect-provider --url https://token.actions.githubusercontent.com --client-id-list sts.amazonaws.com",
                    "123456789012",
                ],
            ),
            (
                "InvalidIdentityToken",
                "Incorrect token audience",
                true,
                &["Incorrect"],
                &["--client-id sts.amazonaws.com", "--oidc-audience"],
            ),
            (
                "InvalidIdentityToken",
                "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
                true,
                &[],
                &[
                    "thumbprint of the provider arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
                ],
            ),
            (
                "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider",
                true,
                &[],
                &["run the job again"],
            ),
            ("InvalidIdentityToken", "odd", true, &[], &["has the identity provider"]),
            (
                "ExpiredTokenException",
                "Token expired",
                true,
                &["the token says"],
                &["A new token was refused as well"],
            ),
            ("ExpiredToken", "", false, &[], &["get new ones"]),
            ("IDPCommunicationError", "", true, &["IDPCommunicationError"], &["several times"]),
            ("MalformedPolicyDocument", "bad", true, &[], &["sends no session policy"]),
            ("PackedPolicyTooLarge", "110%", false, &["110%"], &["--role-session-tags"]),
            (
                "RegionDisabledException",
                "off",
                true,
                &[],
                &["Activate STS for eu-west-1 in account 123456789012"],
            ),
            (
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                true,
                &["exceeds"],
                &["--role-name deploy --max-session-duration 7200"],
            ),
            (
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
                false,
                &[],
                &["an hour at most"],
            ),
            (
                "AccessDenied",
                "User: arn:aws:sts::1:assumed-role/a/b is not authorized to perform: sts:AssumeRole on resource: x",
                false,
                &["sts:AssumeRole on arn"],
                &["Allow the role before it `sts:AssumeRole`", "--role-external-id", "no such role"],
            ),
            (
                "AccessDenied",
                "User: x is not authorized to perform: sts:TagSession on resource: y",
                false,
                &[],
                &["Allow sts:TagSession"],
            ),
        ];
        for (code, message, by_token, in_text, in_hint) in table {
            let (text, hint) = said(code, message, by_token, &of_github());
            assert!(text.starts_with("sts:AssumeRole") && text.contains(code), "{text}");
            for part in in_text {
                assert!(text.contains(part), "{code}: {part}\nis not in\n{text}");
            }
            for part in in_hint {
                assert!(hint.contains(part), "{code}: {part}\nis not in\n{hint}");
            }
        }
    }

    #[test]
    fn a_token_of_somebody_else_and_no_token_are_explained_without_github() {
        let (_, hint) =
            said("AccessDenied", "no", true, &json!({ "iss": "https://idp.test", "sub": "ci", "aud": "x" }));
        assert!(
            hint.contains("accept aud x and sub ci of this issuer") && !hint.contains("github"),
            "{hint}"
        );
        let (text, hint) = said("AccessDenied", "no", true, &json!({}));
        assert!(!text.contains("the token says") && hint.contains("cannot be told"), "{text} {hint}");
    }
}
