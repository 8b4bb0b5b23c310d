//! The REST protocol with JSON: Elastic File System.

use http::{Method, Request, StatusCode};
use serde_json::{Map, Value};

use super::{
    Shared,
    answer::{Answer, Reply, header, is_signed},
    api_json,
    journal::Named,
};
use crate::world::{ApiError, Service, is_write};

/// The API's version is the start of every path.
const VERSION: &str = "/2015-02-01/";

/// Whether a request is for EFS: a bucket could have the name of its version.
pub(super) fn is_for<T>(request: &Request<T>) -> bool {
    let scope = header(request, "authorization").unwrap_or_default();
    request.uri().path().starts_with(VERSION) && scope.contains("/elasticfilesystem/aws4_request")
}

pub(super) fn respond<T>(shared: &Shared, request: &Request<T>) -> (Named, Answer) {
    let uri = request.uri();
    let mut input = Map::new();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        input.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    let path = uri.path().trim_start_matches(VERSION).trim_end_matches('/');
    let operation = operation(request.method(), path, &mut input);
    let named = Named::new(Service::Efs.name(), operation, is_write(operation));
    // Requests without a signature do not get here: they are told apart by it.
    debug_assert!(is_signed(request));
    let mut timed = shared.world();
    let now = timed.now();
    let reply = match timed.world.call(Service::Efs, operation, &Value::Object(input), now) {
        Ok(value) => Reply {
            status: StatusCode::OK,
            media_type: "application/json",
            body: value.to_string(),
            error_type: None,
        },
        Err(error) => refuse(error),
    };
    (named, reply.into())
}

fn operation(method: &Method, path: &str, input: &mut Map<String, Value>) -> &'static str {
    match (method.as_str(), path.split('/').collect::<Vec<_>>().as_slice()) {
        ("GET", ["file-systems"]) => "DescribeFileSystems",
        ("GET", ["mount-targets"]) => "DescribeMountTargets",
        ("GET", ["mount-targets", id, "security-groups"]) => {
            input.insert("MountTargetId".to_owned(), Value::String((*id).to_owned()));
            "DescribeMountTargetSecurityGroups"
        }
        ("GET", ["access-points"]) => "DescribeAccessPoints",
        _ => "UnknownOperation",
    }
}

/// EFS has names of its own for the fields of an error.
fn refuse(error: ApiError) -> Reply {
    let body = serde_json::json!({ "ErrorCode": error.code, "Message": error.message }).to_string();
    Reply { body, media_type: "application/json", ..api_json::refuse(error) }
}
