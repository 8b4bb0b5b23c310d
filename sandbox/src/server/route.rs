//! Which API a request is for.

use http::Request;
use hyper::body::Incoming;

use super::{
    Shared,
    answer::{Answer, header},
    api_json, api_query, api_rest, objects, registry,
};

/// Answers one request and notes it in the journal.
pub(crate) async fn respond(shared: &Shared, request: Request<Incoming>) -> Answer {
    let access_key = access_key(&request);
    let path = request.uri().path();
    let (named, response) = if path == "/v2" || path.starts_with("/v2/") {
        registry::respond(shared, request).await
    } else if header(&request, "x-amz-target").is_some() {
        api_json::respond(shared, request).await
    } else if api_rest::is_for(&request) {
        api_rest::respond(shared, &request)
    } else if is_form(&request) {
        api_query::respond(shared, request).await
    } else {
        objects::respond(shared, request).await
    };
    shared.journal.add(named, response.status().as_u16(), access_key);
    response
}

/// `AWS4-HMAC-SHA256 Credential=KEY/20260101/...`
fn access_key(request: &Request<Incoming>) -> Option<String> {
    let (_, rest) = header(request, "authorization")?.split_once("Credential=")?;
    rest.split('/').next().map(str::to_owned)
}

fn is_form(request: &Request<Incoming>) -> bool {
    request.method() == http::Method::POST
        && header(request, "content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}
