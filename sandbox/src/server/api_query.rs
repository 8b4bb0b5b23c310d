//! The AWS Query protocol: Elastic Load Balancing, STS, IAM, CloudFormation and, in its own flavour, EC2.

use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Map, Value};

use super::{
    Shared,
    answer::{Answer, MISSING_TOKEN, MISSING_TOKEN_TEXT, Reply, is_signed, read},
    journal::Named,
    shared::Timed,
    xml,
};
use crate::world::{ApiError, Service, is_write};

const MEDIA_TYPE: &str = "text/xml";
const LONGEST: usize = 1024 * 1024;

pub(super) async fn respond(shared: &Shared, request: Request<Incoming>) -> (Named, Answer) {
    let signed = is_signed(&request);
    let body = read(request.into_body(), LONGEST).await.unwrap_or_default();
    let (named, reply) = reply(&mut shared.world(), signed, &body);
    (named, reply.into())
}

/// Answers one request: `body` is its form.
pub(super) fn reply(timed: &mut Timed, signed: bool, body: &[u8]) -> (Named, Reply) {
    let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let (action, version) = (field("Action"), field("Version"));
    let service = match version {
        "2011-06-15" => Ok((Service::Sts, "https://sts.amazonaws.com/doc/2011-06-15/")),
        "2010-05-08" => Ok((Service::Iam, "https://iam.amazonaws.com/doc/2010-05-08/")),
        "2010-05-15" => Ok((Service::CloudFormation, "http://cloudformation.amazonaws.com/doc/2010-05-15/")),
        "2016-11-15" => Ok((Service::Ec2, "http://ec2.amazonaws.com/doc/2016-11-15/")),
        "2015-12-01" => {
            Ok((Service::ElasticLoadBalancing, "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"))
        }
        other => Err(format!("query-{other}")),
    };
    let name = match &service {
        Ok((service, _)) => service.name(),
        Err(unknown) => unknown,
    };
    let named = Named::new(name, action, is_write(action));
    let result = match &service {
        // A token takes the place of a signature.
        _ if !signed && action != "AssumeRoleWithWebIdentity" => {
            Err(ApiError { status: 403, ..ApiError::client(MISSING_TOKEN, MISSING_TOKEN_TEXT) })
        }
        Err(unknown) => Err(ApiError::not_implemented(unknown, action)),
        Ok((service, namespace)) => {
            let now = timed.now();
            timed.world.call(*service, action, &nest(&form), now).map(|value| (value, *namespace))
        }
    };
    let reply = match result {
        Ok((value, namespace)) if name == Service::Ec2.name() => accept_ec2(action, namespace, &value),
        Ok((value, namespace)) => accept(action, namespace, &value),
        Err(error) if name == Service::Ec2.name() => refuse_ec2(&error),
        Err(error) => refuse(&error),
    };
    (named, reply)
}

fn accept(action: &str, namespace: &str, value: &Value) -> Reply {
    let result = xml::fields(value, "member");
    let body = format!(
        "<{action}Response xmlns=\"{namespace}\"><{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata></{action}Response>"
    );
    Reply { status: StatusCode::OK, media_type: MEDIA_TYPE, body, error_type: None }
}

/// EC2 has no element around the result, and its lists have `item` elements.
fn accept_ec2(action: &str, namespace: &str, value: &Value) -> Reply {
    let result = xml::fields(value, "item");
    let body = format!(
        "<{action}Response xmlns=\"{namespace}\"><requestId>00000000-0000-4000-8000-000000000000</requestId>{result}</{action}Response>"
    );
    Reply { status: StatusCode::OK, media_type: MEDIA_TYPE, body, error_type: None }
}

fn refuse_ec2(error: &ApiError) -> Reply {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = format!(
        "<Response><Errors><Error>{}{}</Error></Errors><RequestID>00000000-0000-4000-8000-000000000000</RequestID></Response>",
        xml::element("Code", &error.code),
        xml::element("Message", &error.message),
    );
    Reply { status, media_type: MEDIA_TYPE, body, error_type: None }
}

fn refuse(error: &ApiError) -> Reply {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if error.status < 500 { "Sender" } else { "Receiver" };
    let body = format!(
        "<ErrorResponse><Error>{}{}{}</Error><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>",
        xml::element("Type", kind),
        xml::element("Code", &error.code),
        xml::element("Message", &error.message),
    );
    Reply { status, media_type: MEDIA_TYPE, body, error_type: None }
}

/// `Targets.member.1.Id=x` becomes `{"Targets":[{"Id":"x"}]}`, and so does EC2's `Targets.1.Id=x`.
fn nest(form: &[(String, String)]) -> Value {
    let mut root = Value::Object(Map::new());
    for (key, value) in form {
        let mut place = &mut root;
        for part in key.split('.').filter(|part| *part != "member") {
            if let Ok(index) = part.parse::<usize>() {
                // Lists of the operations here have at most a few hundred entries.
                let index = index.clamp(1, 1000) - 1;
                if !place.is_array() {
                    *place = Value::Array(Vec::new());
                }
                let Value::Array(items) = place else { break };
                if items.len() <= index {
                    items.resize(index + 1, Value::Null);
                }
                place = &mut items[index];
            } else {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                let Value::Object(fields) = place else { break };
                place = fields.entry(part.to_owned()).or_insert(Value::Null);
            }
        }
        *place = Value::String(value.clone());
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_and_structures_are_read() {
        let form = [
            ("Action", "DescribeTargetHealth"),
            ("Targets.member.2.Id", "b"),
            ("Targets.member.1.Id", "a"),
            ("Targets.member.1.Port", "80"),
            ("Names.member.1", "n"),
            ("Filter.1.Name", "f"),
            ("Filter.1.Value.2", "w"),
            ("Filter.1.Value.1", "v"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(
            nest(&form),
            json!({
                "Action": "DescribeTargetHealth",
                "Targets": [{ "Id": "a", "Port": "80" }, { "Id": "b" }],
                "Names": ["n"],
                "Filter": [{ "Name": "f", "Value": ["v", "w"] }],
            })
        );
    }
}
