//! UpdateService: once and no more, also where its answer is lost.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use backon::{ExponentialBuilder, Retryable};
use serde_json::{Map, Value, json};

use super::clients::Aws;
use super::ecs::live_service;
use super::error::aws_error;
use super::live::LiveService;
use super::raw::replace_body;
use crate::error::{Error, ErrorKind, Result};

/// How often a call is sent whose answers are lost and that was not carried out.
const TRIES: u32 = 5;
/// How often a service is looked at after a call whose answer was lost, and how long after each other.
const SECOND_LOOKS: u32 = 4;
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(2);

/// What UpdateService answered.
#[derive(Debug, Clone)]
pub struct Updated {
    /// The id of the PRIMARY deployment in the response.
    pub deployment_id: String,
    /// The service as it is after the call.
    pub live: LiveService,
}

/// Why a call gave no answer that counts.
struct Failed {
    error: Error,
    /// It may have been carried out all the same.
    unclear: bool,
    /// AWS refused because of too many calls, and did nothing.
    throttled: bool,
}

impl Aws {
    /// Sets a service to a revision, which starts a deployment (facts 3.4); where it is set already, only
    /// `force` does. Nothing else is touched: the desired count stays with whoever scales the service.
    ///
    /// A call whose answer was lost may have been carried out, and is not simply sent again: the service is looked at,
    /// and a deployment of the revision that is not among the `known` ones is the one that the call made.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`]; [`ErrorKind::Preflight`] where the service or the cluster does not exist.
    pub async fn update_service(
        &self,
        cluster: &str,
        service: &str,
        task_definition: &str,
        force: bool,
        known: &[String],
    ) -> Result<Updated> {
        self.update_service_and(cluster, service, task_definition, force, known, &Map::new()).await
    }

    /// The same, with attributes of the service in the same call, whatever they are: the JSON goes out as it is.
    ///
    /// # Errors
    /// As [`Aws::update_service`].
    pub async fn update_service_and(
        &self,
        cluster: &str,
        service: &str,
        task_definition: &str,
        force: bool,
        known: &[String],
        attributes: &Map<String, Value>,
    ) -> Result<Updated> {
        let patience = || ExponentialBuilder::default().with_jitter().with_max_times(5);
        let once = || self.update_once(cluster, service, task_definition, force, attributes);
        let made_by_us = |live: &LiveService| {
            let mut new =
                live.service.deployments.iter().filter(|deployment| !known.contains(&deployment.id));
            new.find(|deployment| deployment.task_definition == task_definition).map(|found| found.id.clone())
        };
        let mut tries = 0;
        loop {
            tries += 1;
            let failed = match once.retry(patience()).when(|failed: &Failed| failed.throttled).await {
                Ok(updated) => return Ok(updated),
                Err(failed) if failed.unclear => failed.error,
                Err(failed) => return Err(failed.error),
            };
            // A look that finds nothing may be an answer from before; after the last one it was not carried out.
            let mut untouched = false;
            for _ in 0..SECOND_LOOKS {
                tokio::time::sleep(SECOND_LOOK_AFTER).await;
                let Ok(Some(live)) = self.describe_service(cluster, service).await else { continue };
                if let Some(deployment_id) = made_by_us(&live) {
                    return Ok(Updated { deployment_id, live });
                }
                untouched = true;
            }
            // Sent again, a call without `force` does nothing where an earlier one was carried out after all (facts 3.4).
            if !untouched || force || tries == TRIES {
                return Err(failed.hint(
                    "Whether the service was updated is not known: run the same command again, which finds out.",
                ));
            }
        }
    }

    /// Sets how many tasks a service wants, which starts no deployment (facts 3.4).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`].
    pub async fn scale_service(&self, cluster: &str, service: &str, desired_count: i32) -> Result<()> {
        let call = self.ecs.update_service().cluster(cluster).service(service).desired_count(desired_count);
        let place = format!("{cluster}/{service}");
        call.send().await.map(|_| ()).map_err(|error| aws_error("ecs:UpdateService", &place, error))
    }

    /// Sets attributes of a service that start no deployment (facts 3.4); doing so twice does no harm.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`].
    pub async fn adjust_service(
        &self,
        cluster: &str,
        service: &str,
        attributes: &Map<String, Value>,
    ) -> Result<()> {
        let body = json!({"cluster": cluster, "service": service});
        let call = self.ecs.update_service().cluster(cluster).service(service).customize();
        let call = call.mutate_request(body_with(body, attributes));
        let place = format!("{cluster}/{service}");
        call.send().await.map(|_| ()).map_err(|error| aws_error("ecs:UpdateService", &place, error))
    }

    async fn update_once(
        &self,
        cluster: &str,
        service: &str,
        task_definition: &str,
        force: bool,
        attributes: &Map<String, Value>,
    ) -> Result<Updated, Failed> {
        let alone = aws_sdk_ecs::config::Config::builder().retry_config(RetryConfig::disabled());
        let mut body = json!({"cluster": cluster, "service": service, "taskDefinition": task_definition});
        if force {
            body["forceNewDeployment"] = json!(true);
        }
        let call = self
            .ecs
            .update_service()
            .cluster(cluster)
            .service(service)
            .task_definition(task_definition)
            .set_force_new_deployment(force.then_some(true))
            .customize()
            .config_override(alone)
            .mutate_request(body_with(body, attributes));
        let answer = call.send().await.map_err(|error| Failed {
            unclear: is_unclear(&error),
            throttled: error.code().is_some_and(|code| code.contains("Throttling")),
            error: aws_error("ecs:UpdateService", &format!("{cluster}/{service}"), error),
        })?;
        let certain = |error| Failed { error, unclear: false, throttled: false };
        let live = answer
            .service
            .map(live_service)
            .ok_or_else(|| certain(Error::internal("ecs:UpdateService answered without a service")))?;
        let primary = live.service.primary().map(|deployment| deployment.id.clone());
        let deployment_id = primary.ok_or_else(|| {
            let text = format!("{service} has no PRIMARY deployment after the update");
            certain(
                Error::new(ErrorKind::Aws, text)
                    .hint("Services under CODE_DEPLOY or EXTERNAL control are not supported yet."),
            )
        })?;
        Ok(Updated { deployment_id, live })
    }
}

/// Puts attributes beside what the call says; where there are none the request stays as the SDK made it.
fn body_with(
    mut body: Value,
    attributes: &Map<String, Value>,
) -> impl Fn(&mut Request) + Send + Sync + 'static {
    let wanted = !attributes.is_empty();
    if let Value::Object(body) = &mut body {
        for (name, value) in attributes {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    move |request| {
        if wanted {
            replace_body(request, &body);
        }
    }
}

/// Whether a call may have been carried out although it failed: it was sent, and AWS did not say no.
fn is_unclear<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(answer) => answer.raw().status().as_u16() >= 500,
        _ => false,
    }
}
