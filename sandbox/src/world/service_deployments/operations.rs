//! ListServiceDeployments, DescribeServiceDeployments and DescribeServiceRevisions (facts 4.1).

use serde_json::{Value, json};

use crate::world::{
    ApiError, World,
    json::{page, required, texts},
};

/// ARNs that one Describe call takes (facts 4.1).
const PER_CALL: usize = 20;

impl World {
    pub(crate) fn list_service_deployments(&self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster_name(input)?;
        let given = required(input, "service")?;
        let index = self.active_service(&cluster, given.rsplit('/').next().unwrap_or(given))?;
        let service = &self.services[index];
        let controller = service.settings.get("deploymentController").map(|it| &it["type"]);
        if controller.is_some_and(|kind| kind != "ECS") {
            return Err(ApiError::client(
                "UnsupportedFeatureException",
                "The service deployment APIs are only supported for services that use the ECS deployment controller.",
            ));
        }
        let statuses = texts(input, "status");
        let bound = |key: &str| input.get("createdAt").and_then(|it| it.get(key)).and_then(Value::as_f64);
        let (after, before) = (bound("after"), bound("before"));
        let picked = self.history.deployments.iter().rev().filter(|deployment| {
            let created = deployment.created_at.epoch_seconds();
            deployment.service_arn == service.arn
                && (statuses.is_empty() || statuses.contains(&deployment.status.name()))
                && after.is_none_or(|after| created >= after)
                && before.is_none_or(|before| created <= before)
        });
        let mut sized = input.clone();
        if let Some(fields) = sized.as_object_mut() {
            fields.entry("maxResults").or_insert(json!(PER_CALL));
        }
        let (arns, next) = page(&sized, picked.map(|deployment| deployment.arn.clone()).collect())?;
        let brief = |arn: &String| self.history.by_arn(arn).map(|it| self.render_brief(it));
        let mut answer = json!({ "serviceDeployments": arns.iter().filter_map(brief).collect::<Vec<_>>() });
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }

    pub(crate) fn describe_service_deployments(&self, input: &Value) -> Result<Value, ApiError> {
        let found = |arn: &str| self.history.by_arn(arn).map(|it| self.render_service_deployment(it));
        let (found, failures) = describe(input, "serviceDeploymentArns", found)?;
        Ok(json!({ "serviceDeployments": found, "failures": failures }))
    }

    pub(crate) fn describe_service_revisions(&self, input: &Value) -> Result<Value, ApiError> {
        let found = |arn: &str| self.history.revision(arn).map(|it| self.render_service_revision(it));
        let (found, failures) = describe(input, "serviceRevisionArns", found)?;
        Ok(json!({ "serviceRevisions": found, "failures": failures }))
    }
}

/// What was asked for by ARN, and a failure for each that does not exist.
fn describe(
    input: &Value,
    field: &str,
    find: impl Fn(&str) -> Option<Value>,
) -> Result<(Vec<Value>, Vec<Value>), ApiError> {
    let asked = texts(input, field);
    if asked.is_empty() || asked.len() > PER_CALL {
        return Err(ApiError::invalid_parameter(format!("{field} must have 1 to {PER_CALL} entries.")));
    }
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for arn in asked {
        match find(arn) {
            Some(value) => found.push(value),
            None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
        }
    }
    Ok((found, failures))
}
