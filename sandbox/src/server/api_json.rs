//! The AWS JSON 1.1 protocol: ECS, ECR, CloudWatch Logs, Secrets Manager, Systems Manager, Service Quotas and KMS.

use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{
    Shared,
    answer::{Answer, MISSING_TOKEN, MISSING_TOKEN_TEXT, Reply, header, is_signed, read},
    journal::Named,
    shared::Timed,
};
use crate::world::{ApiError, Service, is_write};

const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
/// The largest request is a task definition: 64 KiB (facts 7.3).
const LONGEST: usize = 4 * 1024 * 1024;

pub(super) async fn respond(shared: &Shared, request: Request<Incoming>) -> (Named, Answer) {
    let target = header(&request, "x-amz-target").unwrap_or_default().to_owned();
    let signed = is_signed(&request);
    let body = read(request.into_body(), LONGEST).await.map_err(|error| error.to_string());
    let (named, reply) = reply(&mut shared.world(), &target, signed, body.as_deref());
    (named, reply.into())
}

/// Answers one request whose header `x-amz-target` is `target`.
pub(super) fn reply(
    timed: &mut Timed,
    target: &str,
    signed: bool,
    body: Result<&[u8], &String>,
) -> (Named, Reply) {
    let (prefix, operation) = target.rsplit_once('.').unwrap_or((target, ""));
    let service = match prefix {
        "AmazonEC2ContainerServiceV20141113" => Ok(Service::Ecs),
        "AmazonEC2ContainerRegistry_V20150921" => Ok(Service::Ecr),
        "Logs_20140328" => Ok(Service::Logs),
        "secretsmanager" => Ok(Service::SecretsManager),
        "AmazonSSM" => Ok(Service::Ssm),
        "ServiceQuotasV20190624" => Ok(Service::ServiceQuotas),
        "TrentService" => Ok(Service::Kms),
        other => Err(other.split(['_', '.']).next().unwrap_or(other).to_lowercase()),
    };
    let name = service.as_ref().map_or_else(String::as_str, |service| service.name());
    let named = Named::new(name, operation, is_write(operation));
    let result = match (&service, body) {
        _ if !signed => Err(ApiError::client(MISSING_TOKEN, MISSING_TOKEN_TEXT)),
        (Err(unknown), _) => Err(ApiError::not_implemented(unknown, operation)),
        (_, Err(error)) => Err(ApiError::client("SerializationException", error.clone())),
        (Ok(service), Ok(body)) => call(timed, *service, operation, body),
    };
    let reply = match result {
        Ok(value) => Reply {
            status: StatusCode::OK,
            media_type: MEDIA_TYPE,
            body: value.to_string(),
            error_type: None,
        },
        Err(error) => refuse(error),
    };
    (named, reply)
}

fn call(timed: &mut Timed, service: Service, operation: &str, body: &[u8]) -> Result<Value, ApiError> {
    let input = if body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body)
            .map_err(|error| ApiError::client("SerializationException", error.to_string()))?
    };
    let now = timed.now();
    timed.world.call(service, operation, &input, now)
}

pub(super) fn refuse(error: ApiError) -> Reply {
    Reply {
        status: StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        media_type: MEDIA_TYPE,
        body: json!({ "__type": error.code, "message": error.message }).to_string(),
        error_type: Some(error.code),
    }
}
