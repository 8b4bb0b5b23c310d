//! What AWS answers when it refuses.

/// An error answer of an AWS API: its code, its text and its HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The exception's name, as in `__type`.
    pub code: String,
    /// The text for a person.
    pub message: String,
    /// The HTTP status; 4xx is the caller's fault, 5xx the service's.
    pub status: u16,
}

impl ApiError {
    /// An error that is the caller's fault (HTTP 400).
    pub fn client(code: &str, message: impl Into<String>) -> Self {
        ApiError { code: code.to_owned(), message: message.into(), status: 400 }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::client("InvalidParameterException", message)
    }

    pub(crate) fn client_exception(message: impl Into<String>) -> Self {
        Self::client("ClientException", message)
    }

    /// The answer to an operation that the sandbox has no model of. It is loud on purpose: a
    /// silent empty answer would let a test pass that proves nothing.
    pub(crate) fn not_implemented(service: &str, operation: &str) -> Self {
        Self::client(
            "UnknownOperationException",
            format!("the sandbox does not implement {service}:{operation}"),
        )
    }
}
