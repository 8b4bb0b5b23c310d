//! Responses, and reading request bodies.

use std::error::Error;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Empty, Full, Limited, combinators::UnsyncBoxBody};
use hyper::body::Incoming;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;
pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A response with a body.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An answer of the AWS JSON and AWS Query APIs, before it goes out.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) media_type: &'static str,
    pub(crate) body: String,
    /// The header `x-amzn-errortype` of an error.
    pub(crate) error_type: Option<String>,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Answer {
        let mut response = answer(reply.status, reply.media_type, reply.body);
        if let Some(error_type) = reply.error_type {
            set(&mut response, "x-amzn-errortype", &error_type);
        }
        response
    }
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// Sets a header; a value that no header can carry is left out.
pub(crate) fn set(response: &mut Answer, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A header of a request as text.
pub(crate) fn header<'a, T>(request: &'a Request<T>, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// Reads a whole body that has to be small.
///
/// Errors: the connection broke, or the body is longer than `limit` bytes.
pub(crate) async fn read(body: Incoming, limit: usize) -> Result<Bytes, BoxError> {
    Ok(Limited::new(body, limit).collect().await?.to_bytes())
}

/// Reads a body to its end and forgets it: a client that is still sending when the connection
/// closes would see a broken pipe and not the answer.
pub(crate) async fn discard(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// Whether the request carries a SigV4 signature. The signature itself is not checked.
pub(crate) fn is_signed<T>(request: &Request<T>) -> bool {
    header(request, "authorization").is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 Credential="))
}

pub(crate) const MISSING_TOKEN: &str = "MissingAuthenticationTokenException";
pub(crate) const MISSING_TOKEN_TEXT: &str = "Missing Authentication Token";
