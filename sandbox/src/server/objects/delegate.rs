//! Handing requests to s3s.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;

use super::{ObjectEncryption, Target, lock, refuse};
use crate::server::{Shared, answer::Answer, chunked};

/// Hands a request to s3s. It is sent without its signature, which s3s could only check with the
/// caller's secret key; for that the body has to be decoded here.
pub(super) async fn delegate(
    shared: &Shared,
    target: &Target,
    operation: &str,
    request: Request<Bytes>,
) -> Answer {
    let (mut parts, mut body) = request.into_parts();
    let streaming = parts
        .headers
        .get("x-amz-content-sha256")
        .is_some_and(|value| value.as_bytes().starts_with(b"STREAMING-"));
    if streaming {
        let Some(decoded) = chunked::decode(&body) else {
            return refuse(
                target,
                StatusCode::BAD_REQUEST,
                "IncompleteBody",
                "The chunks of the body are broken.",
            );
        };
        body = decoded.body.into();
        take_trailers(&mut parts.headers, &decoded.trailers);
    }
    for name in ["authorization", "x-amz-content-sha256", "transfer-encoding"] {
        parts.headers.remove(name);
    }
    parts.headers.insert("content-length", HeaderValue::from(body.len()));
    let Some(asked) = ObjectEncryption::asked(&parts.headers, &shared.region, &shared.account) else {
        let text = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms";
        return refuse(target, StatusCode::BAD_REQUEST, "InvalidArgument", text);
    };
    let _writing = shared.objects.writing.lock().await;
    let request = Request::from_parts(parts, s3s::Body::from(body));
    match shared.objects.service.call(request).await {
        Ok(response) => {
            let mut response = response.map(|body| body.boxed_unsync());
            if response.status().is_success() {
                let mut known = lock(&shared.objects.encryption);
                let object = (target.bucket.clone(), target.key.clone());
                match operation {
                    "PutObject" => {
                        asked.tell(&mut response);
                        known.insert(object, asked);
                    }
                    "GetObject" | "HeadObject" => {
                        known.get(&object).cloned().unwrap_or_default().tell(&mut response);
                    }
                    _ => {}
                }
            }
            response
        }
        Err(error) => {
            refuse(target, StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &format!("{error:?}"))
        }
    }
}

/// Makes ordinary headers of the checksums that followed the body, so that they are verified.
fn take_trailers(headers: &mut HeaderMap, trailers: &[(String, String)]) {
    for name in ["x-amz-trailer", "x-amz-decoded-content-length", "content-encoding"] {
        headers.remove(name);
    }
    for (name, value) in trailers.iter().filter(|(name, _)| name.starts_with("x-amz-checksum-")) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    }
}
