//! ECS's service deployments and service revisions (facts 4). Not every endpoint has them: stand-ins of
//! AWS lack them, and so do services under CODE_DEPLOY or EXTERNAL control.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_ecs::types as sdk;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::future::try_join_all;
use jiff::Timestamp;

use super::clients::Aws;
use super::error::aws_error;
use crate::error::Result;
use crate::rollout::{Hook, RollbackTo, ServiceDeployment, Share};

/// DescribeServiceDeployments and DescribeServiceRevisions take at most this many (facts 4.1).
const PER_CALL: usize = 20;
/// As many of the newest service deployments are looked at more closely.
const LOOKED_AT: usize = 100;

/// An element of ListServiceDeployments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDeploymentBrief {
    /// The service deployment's ARN.
    pub arn: String,
    /// `PENDING` ... `ROLLBACK_FAILED` (facts 4.2).
    pub status: String,
    /// The service revision that it brings.
    pub target_revision: String,
    /// When it was asked for.
    pub created_at: Option<Timestamp>,
}

/// How a paused service deployment goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookAction {
    /// To the next stage.
    Continue,
    /// Back to the revision before.
    Rollback,
}

impl Aws {
    /// The service deployments of a service, newest first; those in one of `statuses`, or all where none
    /// is given. `None` where the endpoint or the service's controller does not have them.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws);
    /// [`ErrorKind::Preflight`](crate::error::ErrorKind::Preflight) where the cluster or the service does
    /// not exist.
    pub async fn list_service_deployments(
        &self,
        cluster: &str,
        service: &str,
        statuses: &[&str],
    ) -> Result<Option<Vec<ServiceDeploymentBrief>>> {
        let wanted: Vec<_> =
            statuses.iter().map(|status| sdk::ServiceDeploymentStatus::from(*status)).collect();
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .ecs
                .list_service_deployments()
                .cluster(cluster)
                .service(service)
                .set_status((!wanted.is_empty()).then(|| wanted.clone()))
                .max_results(100)
                .set_next_token(token)
                .send()
                .await;
            let page = match page {
                Ok(page) => page,
                Err(error) if is_unknown(&error) => return Ok(None),
                Err(error) => {
                    let resource = format!("{cluster}/{service}");
                    return Err(aws_error("ecs:ListServiceDeployments", &resource, error));
                }
            };
            found.extend(page.service_deployments.unwrap_or_default().into_iter().map(brief));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        // AWS does not say in which order they come (facts 4.1).
        found.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
        Ok(Some(found))
    }

    /// Service deployments by ARN; those that do not exist are left out.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws).
    pub async fn describe_service_deployments(&self, arns: &[String]) -> Result<Vec<ServiceDeployment>> {
        let calls = arns.chunks(PER_CALL).map(async |chunk| {
            let answer = self
                .ecs
                .describe_service_deployments()
                .set_service_deployment_arns(Some(chunk.to_vec()))
                .send()
                .await
                .map_err(|error| aws_error("ecs:DescribeServiceDeployments", &chunk.join(" "), error))?;
            Ok(answer.service_deployments.unwrap_or_default())
        });
        Ok(try_join_all(calls).await?.into_iter().flatten().map(service_deployment).collect())
    }

    /// The task definition ARN of each of these service revisions; those that do not exist are left out.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws).
    pub async fn describe_service_revisions(&self, arns: &[String]) -> Result<HashMap<String, String>> {
        let calls = arns.chunks(PER_CALL).map(async |chunk| {
            let answer = self
                .ecs
                .describe_service_revisions()
                .set_service_revision_arns(Some(chunk.to_vec()))
                .send()
                .await
                .map_err(|error| aws_error("ecs:DescribeServiceRevisions", &chunk.join(" "), error))?;
            Ok(answer.service_revisions.unwrap_or_default())
        });
        let revisions = try_join_all(calls).await?.into_iter().flatten();
        Ok(revisions
            .filter_map(|revision| Some((revision.service_revision_arn?, revision.task_definition?)))
            .collect())
    }

    /// The task definition ARNs of the service's SUCCESSFUL service deployments, each once, newest first,
    /// from the newest hundred of them. `None` where the endpoint or the service's controller does not
    /// have service deployments.
    ///
    /// # Errors
    /// As [`list_service_deployments`](Self::list_service_deployments).
    pub async fn completed_revisions(&self, cluster: &str, service: &str) -> Result<Option<Vec<String>>> {
        let Some(mut deployments) = self.list_service_deployments(cluster, service, &["SUCCESSFUL"]).await?
        else {
            return Ok(None);
        };
        // A stand-in may overlook the filter.
        deployments.retain(|deployment| deployment.status == "SUCCESSFUL");
        deployments.truncate(LOOKED_AT);
        let mut targets: Vec<String> = Vec::new();
        for deployment in deployments {
            if !targets.contains(&deployment.target_revision) {
                targets.push(deployment.target_revision);
            }
        }
        let known = self.describe_service_revisions(&targets).await?;
        let mut revisions: Vec<String> = Vec::new();
        for arn in targets.iter().filter_map(|target| known.get(target)) {
            if !revisions.contains(arn) {
                revisions.push(arn.clone());
            }
        }
        Ok(Some(revisions))
    }

    /// Has ECS put the service back to what ran before a service deployment (`stopType` ROLLBACK; ABORT is
    /// in the model, and its text says that it is not valid, facts 4.1).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws).
    pub async fn stop_service_deployment(&self, arn: &str) -> Result<()> {
        self.ecs
            .stop_service_deployment()
            .service_deployment_arn(arn)
            .stop_type(sdk::StopServiceDeploymentStopType::Rollback)
            .send()
            .await
            .map_err(|error| aws_error("ecs:StopServiceDeployment", arn, error))?;
        Ok(())
    }

    /// Answers a hook that a service deployment waits at.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws).
    pub async fn continue_service_deployment(&self, arn: &str, hook: &str, action: HookAction) -> Result<()> {
        self.ecs
            .continue_service_deployment()
            .service_deployment_arn(arn)
            .hook_id(hook)
            .action(match action {
                HookAction::Continue => sdk::DeploymentLifecycleHookAction::Continue,
                HookAction::Rollback => sdk::DeploymentLifecycleHookAction::Rollback,
            })
            .send()
            .await
            .map_err(|error| aws_error("ecs:ContinueServiceDeployment", arn, error))?;
        Ok(())
    }
}

/// Whether an endpoint refuses because it does not know the operation, or does not have it for this
/// service. Stand-ins word it in their own ways.
fn is_unknown<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let Some(service) = error.as_service_error() else { return false };
    let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
    says_unknown(service.code().unwrap_or_default(), service.message().unwrap_or_default(), status)
}

fn says_unknown(code: &str, message: &str, status: u16) -> bool {
    const CODES: [&str; 7] = [
        "UnsupportedFeatureException",
        "UnknownOperationException",
        "UnknownOperation",
        "UnknownAction",
        "InvalidAction",
        "NotImplemented",
        "NotImplementedException",
    ];
    const TEXTS: [&str; 5] = [
        "not implemented",
        "not yet implemented",
        "unknown operation",
        "unknown action",
        "not been implemented",
    ];
    let message = message.to_lowercase();
    CODES.contains(&code)
        || matches!(status, 404 | 405 | 501)
        // AWS always names the error; a page of HTML from a stand-in does not.
        || (code.is_empty() && status >= 400)
        || TEXTS.iter().any(|text| message.contains(text))
}

fn brief(found: sdk::ServiceDeploymentBrief) -> ServiceDeploymentBrief {
    ServiceDeploymentBrief {
        arn: found.service_deployment_arn.unwrap_or_default(),
        status: found.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        target_revision: found.target_service_revision_arn.unwrap_or_default(),
        created_at: found.created_at.as_ref().and_then(timestamp),
    }
}

fn timestamp(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(at.as_nanos()).ok()
}

fn service_deployment(found: sdk::ServiceDeployment) -> ServiceDeployment {
    let configuration = found.deployment_configuration;
    let hooks: Vec<Hook> = found.lifecycle_hook_details.unwrap_or_default().into_iter().map(hook).collect();
    let waits = hooks.iter().any(Hook::is_paused);
    let only_pause = configuration.as_ref().and_then(only_pause).filter(|_| waits);
    let bake_minutes = configuration.as_ref().and_then(|configuration| configuration.bake_time_in_minutes);
    ServiceDeployment {
        arn: found.service_deployment_arn.unwrap_or_default(),
        status: found.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        status_reason: found.status_reason.filter(|reason| !reason.is_empty()),
        stage: found.lifecycle_stage.map(|stage| stage.as_str().to_owned()).or(only_pause),
        updated_at: found.updated_at.as_ref().and_then(timestamp),
        target: found.target_service_revision.map(share).unwrap_or_default(),
        sources: found.source_service_revisions.unwrap_or_default().into_iter().map(share).collect(),
        hooks,
        strategy: configuration
            .and_then(|configuration| configuration.strategy)
            .map_or_else(|| "ROLLING".to_owned(), |strategy| strategy.as_str().to_owned()),
        bake_time: Duration::from_secs(60 * u64::try_from(bake_minutes.unwrap_or(0)).unwrap_or(0)),
        rollback: found
            .rollback
            .map(|rollback| RollbackTo { reason: rollback.reason, revision: rollback.service_revision_arn }),
    }
}

/// The stage at which a PAUSE hook is configured, if there is only one: a paused deployment waits there, should AWS not
/// say at which stage it is (facts 4.2 list stages without their strategies).
fn only_pause(configuration: &sdk::DeploymentConfiguration) -> Option<String> {
    let hooks = configuration.lifecycle_hooks().iter();
    let pauses = hooks.filter(|hook| hook.target_type().is_some_and(|kind| kind.as_str() == "PAUSE"));
    let mut stages = pauses.flat_map(|hook| hook.lifecycle_stages());
    let only = stages.next()?;
    stages.next().is_none().then(|| only.as_str().to_owned())
}

fn share(found: sdk::ServiceRevisionSummary) -> Share {
    Share {
        revision: found.arn.unwrap_or_default(),
        production_percent: found.requested_production_traffic_weight,
        test_percent: found.requested_test_traffic_weight,
    }
}

fn hook(found: sdk::DeploymentLifecycleHookDetail) -> Hook {
    Hook {
        id: found.hook_id.unwrap_or_default(),
        kind: found.target_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        status: found.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        expires_at: found.expires_at.as_ref().and_then(timestamp),
        timeout_action: found.timeout_action.map(|action| action.as_str().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use landfall_sandbox::{Options, Sandbox};
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::{AwsSettings, StaticEndpoint};
    use crate::error::ErrorKind;

    /// A service on `web:1`, and a controller of its own where one is given.
    async fn start(controller: &str) -> (Sandbox, Aws) {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        sandbox.create_cluster("demo");
        let definition = json!({
            "family": "web", "cpu": "256", "memory": "512", "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{ "name": "app", "image": "docker.io/library/app:v1" }],
        });
        let revision = sandbox.register_task_definition(&definition).unwrap();
        let service: Value = json!({
            "cluster": "demo", "serviceName": "web", "taskDefinition": revision, "desiredCount": 1,
            "deploymentController": { "type": controller },
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-0a"] } },
        });
        sandbox.create_service(&service).unwrap();
        sandbox.settle().unwrap();
        let endpoint = StaticEndpoint {
            url: sandbox.endpoint(),
            access_key_id: "AKIASANDBOXSANDBOX00".to_owned(),
            secret_access_key: "made-up".to_owned(),
        };
        let settings = AwsSettings {
            region: Some("us-east-1".to_owned()),
            endpoint: Some(endpoint),
            ..AwsSettings::default()
        };
        let aws = Aws::connect(settings).await.unwrap();
        (sandbox, aws)
    }

    #[tokio::test]
    async fn what_was_successful_is_known_by_its_task_definition() {
        let (_sandbox, aws) = start("ECS").await;
        let revisions = aws.completed_revisions("demo", "web").await.unwrap().unwrap();
        assert_eq!(revisions.len(), 1);
        assert!(revisions[0].ends_with(":task-definition/web:1"), "{revisions:?}");
        let missing = aws.completed_revisions("demo", "nobody").await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Preflight);
        let (_sandbox, aws) = start("CODE_DEPLOY").await;
        assert_eq!(aws.completed_revisions("demo", "web").await.unwrap(), None);
    }

    #[test]
    fn endpoints_without_the_api_are_told_from_refusals() {
        for (code, message, status) in [
            ("UnsupportedFeatureException", "only with the ECS controller", 400),
            ("UnknownOperationException", "", 400),
            ("InvalidAction", "Unknown ECS action: ListServiceDeployments", 400),
            ("InternalFailure", "The list_service_deployments action has not been implemented", 500),
            ("", "", 500),
            ("Anything", "", 501),
        ] {
            assert!(says_unknown(code, message, status), "{code} {message} {status}");
        }
        for (code, message) in [
            ("AccessDeniedException", "not authorized to perform: ecs:ListServiceDeployments"),
            ("ThrottlingException", "Rate exceeded"),
            ("ServiceNotFoundException", "Service not found."),
            ("ServerException", "Internal error"),
        ] {
            assert!(!says_unknown(code, message, 400), "{code} {message}");
        }
    }

    #[test]
    fn names_that_the_sdk_does_not_know_are_kept() {
        let found = sdk::ServiceDeployment::builder()
            .status("HALF_WAY".into())
            .lifecycle_stage("PRE_PRODUCTION_TRAFFIC_SHIFT".into())
            .build();
        let read = service_deployment(found);
        assert_eq!(read.status, "HALF_WAY");
        assert_eq!(read.stage.as_deref(), Some("PRE_PRODUCTION_TRAFFIC_SHIFT"));
    }
}
