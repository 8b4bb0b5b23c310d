//! Why a call failed, and what that makes of a fact.

use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::{ErrorKind, ProvideErrorKind};
use serde_json::Value;

use super::super::error::chain;
use super::api::Protocol;
use super::xml::Element;
use crate::aws::account::Known;

/// A call that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::aws) struct Failure {
    /// IAM's name of the call: `ec2:DescribeSubnets`.
    pub(in crate::aws) operation: String,
    /// AWS's name of the error; empty where AWS did not answer.
    pub(in crate::aws) code: String,
    /// AWS's words, or why there was no answer.
    pub(in crate::aws) message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, code, message } = self;
        match (code.as_str(), message.as_str()) {
            ("", message) => write!(f, "{operation}: {message}"),
            (code, "") => write!(f, "{operation}: {code}"),
            (code, message) => write!(f, "{operation}: {code}: {message}"),
        }
    }
}

impl std::error::Error for Failure {}

impl ProvideErrorKind for Failure {
    fn retryable_error_kind(&self) -> Option<ErrorKind> {
        match self.code.as_str() {
            // What the SDKs take for throttling, of the services here.
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "EC2ThrottledException"
            | "PriorRequestNotComplete" => Some(ErrorKind::ThrottlingError),
            "RequestTimeout" | "RequestTimeoutException" | "InternalError" | "InternalFailure" => {
                Some(ErrorKind::TransientError)
            }
            _ => None,
        }
    }

    fn code(&self) -> Option<&str> {
        Some(self.code.as_str())
    }
}

impl Failure {
    /// What an answer with an error status says.
    pub(super) fn of_answer(operation: &str, protocol: Protocol, answer: &HttpResponse) -> Self {
        let body = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default());
        let (code, message) = match protocol {
            Protocol::Query(_) => in_xml(&body),
            Protocol::Json(_) | Protocol::RestJson => {
                in_json(answer.headers().get("x-amzn-errortype"), &body)
            }
        };
        let status = answer.status().as_u16();
        let message =
            if code.is_empty() && message.is_empty() { format!("HTTP status {status}") } else { message };
        Self { operation: operation.to_owned(), code, message }
    }

    /// What is left of an error of the SDK's machinery: `service` says what AWS answered, where it did.
    pub(super) fn of_machinery(operation: &str, error: SdkError<Self, HttpResponse>) -> Self {
        match error {
            SdkError::ServiceError(context) => context.into_err(),
            other => Self::without_answer(operation, &other),
        }
    }

    /// The failure of a call through an SDK client.
    pub(in crate::aws) fn of_sdk<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        match error.as_service_error() {
            Some(service) => Self {
                operation: operation.to_owned(),
                code: service.code().unwrap_or_default().to_owned(),
                message: service.message().map_or_else(|| chain(error), str::to_owned),
            },
            None => Self::without_answer(operation, error),
        }
    }

    fn without_answer(operation: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self { operation: operation.to_owned(), code: String::new(), message: chain(error) }
    }

    /// An answer that says something else than AWS documents.
    pub(in crate::aws) fn strange(operation: &str, why: impl fmt::Display) -> Self {
        let message = format!("the answer is not what AWS documents: {why}");
        Self { operation: operation.to_owned(), code: String::new(), message }
    }

    /// What the failure makes of the fact that was asked for.
    pub(in crate::aws) fn known<T>(&self) -> Known<T> {
        if let Some(permission) = self.missing_permission() {
            Known::Denied { permission }
        } else if self.is_absence() {
            Known::Absent
        } else {
            Known::Unknown { why: self.to_string() }
        }
    }

    fn missing_permission(&self) -> Option<String> {
        let denied = matches!(
            self.code.as_str(),
            "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized"
        );
        if !denied {
            return None;
        }
        // AWS names the action that was missing, which need not be the one that was called.
        let named = self.message.split("not authorized to perform: ").nth(1);
        let named = named.and_then(|rest| rest.split_whitespace().next()).filter(|name| name.contains(':'));
        Some(named.unwrap_or(&self.operation).to_owned())
    }

    fn is_absence(&self) -> bool {
        let code = self.code.as_str();
        // EC2: `InvalidSubnetID.NotFound`, `InvalidGroup.NotFound`.
        code.ends_with(".NotFound")
            || matches!(
                code,
                "NoSuchEntity"
                    | "NoSuchEntityException"
                    | "ResourceNotFoundException"
                    | "NoSuchResourceException"
                    | "ParameterNotFound"
                    | "FileSystemNotFound"
                    | "AccessPointNotFound"
                    | "MountTargetNotFound"
                    | "TargetGroupNotFound"
                    | "TargetGroupNotFoundException"
                    | "ClusterNotFoundException"
                    // KMS.
                    | "NotFoundException"
                    | "NoSuchBucketPolicy"
                    | "RepositoryPolicyNotFoundException"
            )
            // CloudFormation has no code of its own for it.
            || (code == "ValidationError" && self.message.ends_with("does not exist"))
    }
}

/// The fact, or why it is not known.
pub(in crate::aws) fn known<T>(result: Result<T, Failure>) -> Known<T> {
    result.map_or_else(|failure| failure.known(), Known::Is)
}

/// The answer of a call through an SDK client, or what its failure makes of the fact.
pub(in crate::aws) fn known_of_sdk<T, E>(
    operation: &str,
    result: Result<T, SdkError<E, HttpResponse>>,
) -> Known<T>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    known(result.map_err(|error| Failure::of_sdk(operation, &error)))
}

/// `<Error>` with `<Code>` and `<Message>`, wherever the service puts it.
fn in_xml(body: &str) -> (String, String) {
    let Ok(root) = Element::parse(body) else { return Default::default() };
    let Some(error) = root.find("Error") else { return Default::default() };
    (error.string("Code"), error.string("Message"))
}

/// The code stands in a header or in the body, with a namespace before it and a link behind it or without.
fn in_json(header: Option<&str>, body: &str) -> (String, String) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
    let code = header.or_else(|| text(&["__type", "code", "ErrorCode"])).unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    (code.to_owned(), text(&["message", "Message", "errorMessage"]).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, message: &str) -> Failure {
        Failure {
            operation: "ec2:DescribeSubnets".to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn the_missing_permission_is_the_one_that_aws_names() {
        for (code, message, permission) in [
            (
                "UnauthorizedOperation",
                "You are not authorized to perform this operation.",
                "ec2:DescribeSubnets",
            ),
            (
                "UnauthorizedOperation",
                "You are not authorized to perform this operation. User: arn:aws:iam::1:user/u is not authorized to perform: ec2:DescribeVpcs because no identity-based policy allows it",
                "ec2:DescribeVpcs",
            ),
            (
                "AccessDeniedException",
                "User: x is not authorized to perform: kms:Decrypt on resource: y",
                "kms:Decrypt",
            ),
            ("AccessDenied", "", "ec2:DescribeSubnets"),
        ] {
            let expected: Known<()> = Known::Denied { permission: permission.to_owned() };
            assert_eq!(failure(code, message).known::<()>(), expected, "{message}");
        }
    }

    #[test]
    fn absence_is_no_failure() {
        for (code, message) in [
            ("InvalidSubnetID.NotFound", "The subnet ID 'subnet-1' does not exist"),
            ("NoSuchEntity", "The role with name x cannot be found."),
            ("ValidationError", "Stack with id x does not exist"),
        ] {
            assert_eq!(failure(code, message).known::<()>(), Known::Absent, "{code}");
        }
        let other = failure("ValidationError", "Template format error").known::<()>();
        let why = "ec2:DescribeSubnets: ValidationError: Template format error".to_owned();
        assert_eq!(other, Known::Unknown { why });
    }

    #[test]
    fn errors_are_read_in_every_form() {
        let ec2 = "<Response><Errors><Error><Code>A</Code><Message>m</Message></Error></Errors><RequestID>1</RequestID></Response>";
        let query = "<ErrorResponse><Error><Type>Sender</Type><Code>A</Code><Message>m</Message></Error></ErrorResponse>";
        for body in [ec2, query] {
            assert_eq!(in_xml(body), ("A".to_owned(), "m".to_owned()));
        }
        for (header, body) in [
            (None, r#"{"__type":"com.amazon.x#A","message":"m"}"#),
            (Some("A:http://internal.amazon.com/x"), r#"{"Message":"m"}"#),
            (None, r#"{"ErrorCode":"A","Message":"m"}"#),
        ] {
            assert_eq!(in_json(header, body), ("A".to_owned(), "m".to_owned()), "{body}");
        }
    }
}
