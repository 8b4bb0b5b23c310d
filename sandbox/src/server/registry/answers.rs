//! Error answers of the registry protocol.

use http::StatusCode;
use serde_json::json;

use crate::server::answer::{Answer, answer, set};
use crate::world::RegistryError;

pub(super) fn refuse(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = json!({ "errors": [{ "code": code, "message": message }] });
    answer(status, "application/json", body.to_string())
}

/// The answer to a failed disk or a broken connection.
pub(super) fn broken(error: &std::io::Error) -> Answer {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", &error.to_string())
}

pub(super) fn unauthorized(host: &str) -> Answer {
    let mut response = answer(StatusCode::UNAUTHORIZED, "text/plain", "Not Authorized\n");
    let realm = format!("Basic realm=\"http://{host}/\",service=\"ecr.amazonaws.com\"");
    set(&mut response, "www-authenticate", &realm);
    response
}

/// An expired login: plain text, not the protocol's JSON (the registry facts, section 3).
pub(super) fn expired() -> Answer {
    let text = "denied: Your authorization token has expired. Reauthenticate and try again.";
    answer(StatusCode::FORBIDDEN, "text/plain", text)
}

pub(super) fn upload_unknown() -> Answer {
    refuse(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "The upload session is not known to the registry.")
}

pub(super) fn method_not_allowed() -> Answer {
    refuse(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "The operation is unsupported.")
}

/// The answer for a [`RegistryError`]; `account` is part of ECR's texts.
pub(super) fn registry_error(error: &RegistryError, account: &str) -> Answer {
    let text = error.to_string();
    match error {
        RegistryError::RepositoryMissing { .. } => {
            refuse(StatusCode::NOT_FOUND, "NAME_UNKNOWN", &format!("{text} with id '{account}'"))
        }
        RegistryError::BlobMissing { .. } => refuse(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", &text),
        RegistryError::ManifestMissing { .. } => refuse(StatusCode::BAD_REQUEST, "MANIFEST_UNKNOWN", &text),
        // Facts 6.5: the code is sure, the status believed.
        RegistryError::TagImmutable { .. } => refuse(StatusCode::BAD_REQUEST, "TAG_INVALID", &text),
        RegistryError::NotAManifest => refuse(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", &text),
        RegistryError::DigestMismatch => refuse(StatusCode::BAD_REQUEST, "DIGEST_INVALID", &text),
    }
}
