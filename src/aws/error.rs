//! SDK errors to ours: what AWS said, and what to do about it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::{Error, ErrorKind};

/// Turns an SDK error into ours. `action` is IAM's name of the call, `resource` what it was about.
pub(crate) fn aws_error<E>(action: &str, resource: &str, error: SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default().to_owned();
    let text = match error.as_service_error() {
        // AWS's own words say more than the SDK's wrapping of them.
        Some(service) => match service.message() {
            Some(message) if code.is_empty() => message.to_owned(),
            Some(message) => format!("{code}: {message}"),
            // The answer to HEAD has no body that could say more.
            None if code.is_empty() => match error.raw_response().map(|answer| answer.status().as_u16()) {
                Some(status) => format!("HTTP status {status}"),
                None => chain(&error),
            },
            None => code.clone(),
        },
        None => chain(&error),
    };
    let kind = match code.as_str() {
        "ServiceNotFoundException"
        | "ClusterNotFoundException"
        | "ServiceNotActiveException"
        | "RepositoryNotFoundException" => ErrorKind::Preflight,
        _ => ErrorKind::Aws,
    };
    let result = Error::new(kind, format!("{action} on {resource}: {text}"));
    // A login that failed in the middle of a run says itself what to do.
    let of_login = ours(&error).and_then(Error::hint_text).map(str::to_owned);
    match of_login.or_else(|| hint(action, &code, &text)) {
        Some(hint) => result.hint(hint),
        None => result,
    }
}

/// The first error of ours among the sources.
fn ours<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// The messages of an error and its sources, each once.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = error.source();
    }
    text
}

fn hint(action: &str, code: &str, text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    match code {
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation"
            if lower.contains("iam:passrole") =>
        {
            Some(
                "Allow the caller `iam:PassRole` on the task and execution roles of the task definition."
                    .to_owned(),
            )
        }
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" => {
            // AWS names the action that was missing, which need not be the one that was called.
            let missing = text.split_once("not authorized to perform: ").map(|(_, rest)| rest);
            let missing = missing.and_then(|rest| rest.split_whitespace().next()).unwrap_or(action);
            Some(format!("Allow the caller `{missing}`."))
        }
        "ExpiredTokenException" | "ExpiredToken" => {
            Some("The session has ended: get new credentials and run the same command again.".to_owned())
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException" => {
            Some("Check the credentials, their Region, and this machine's clock.".to_owned())
        }
        "ThrottlingException" | "Throttling" => {
            Some("AWS throttled this account beyond the retries: run the same command again.".to_owned())
        }
        "ClusterNotFoundException" => {
            Some("Check the cluster's name, the Region and the account.".to_owned())
        }
        _ if lower.contains("credential") => Some(
            "Give AWS credentials: `aws sso login`, AWS_PROFILE, AWS_ACCESS_KEY_ID, or a role of the CI job."
                .to_owned(),
        ),
        _ if lower.contains("connect") || lower.contains("dns error") || lower.contains("timeout") => Some(
            "AWS cannot be reached: check the network, the Region, and AWS_ENDPOINT_URL where it is set."
                .to_owned(),
        ),
        _ => {
            // What the catalogue knows of the API's refusals (facts 5.7).
            let entry = crate::rollout::api_error(action, text)?;
            Some(format!("{} (landfall explain {})", entry.fix.join(" "), entry.code))
        }
    }
}
