//! ECS: services, task definitions and tasks.

use std::time::Duration;

use aws_sdk_ecs::types as sdk;
use backon::{ExponentialBuilder, Retryable};
use futures_util::future::try_join_all;
use serde_json::{Map, Value};

use super::clients::Aws;
use super::error::aws_error;
use super::live::LiveService;
use super::raw::{RawResponse, replace_body};
use crate::error::{Error, ErrorKind, Result};
use crate::rollout::{
    Container, Deployment, EarlySuccess, PortBinding, Rules, Service, ServiceEvent, TargetGroupRef,
    TargetKind, Task,
};
use crate::task_definition::TaskDefinition;

/// DescribeTasks takes at most this many (facts 7.3).
pub(super) const TASKS_PER_CALL: usize = 100;
/// DescribeServices takes at most this many (facts 7.3).
pub(super) const SERVICES_PER_CALL: usize = 10;

impl Aws {
    /// A service, or `None` where the cluster has none of that name (HTTP 200 with `MISSING`, facts
    /// 5.7). One that was deleted is INACTIVE for a while.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`]; [`ErrorKind::Preflight`] where the cluster does not exist.
    pub async fn describe_service(&self, cluster: &str, service: &str) -> Result<Option<LiveService>> {
        Ok(self.describe_services(cluster, vec![service.to_owned()]).await?.into_iter().next())
    }

    /// A service that has to be there.
    ///
    /// # Errors
    /// As [`Aws::describe_service`], and [`Aws::no_service`].
    pub async fn existing_service(&self, cluster: &str, service: &str) -> Result<LiveService> {
        let live = self.describe_service(cluster, service).await?;
        live.ok_or_else(|| self.no_service(cluster, service))
    }

    /// That the cluster has no such service; [`ErrorKind::Preflight`].
    pub fn no_service(&self, cluster: &str, service: &str) -> Error {
        let message = format!("there is no service {service} in cluster {cluster} ({})", self.region);
        Error::new(ErrorKind::Preflight, message)
            .hint("Check the service's name, the cluster, the Region and the account.")
    }

    /// The same as [`Aws::describe_service`] with [`LiveService::document`].
    ///
    /// # Errors
    /// As [`Aws::describe_service`].
    pub async fn describe_whole_service(&self, cluster: &str, service: &str) -> Result<Option<LiveService>> {
        let raw = RawResponse::default();
        let answer = self
            .ecs
            .describe_services()
            .cluster(cluster)
            .services(service)
            .customize()
            .interceptor(raw.clone())
            .send()
            .await
            .map_err(|error| aws_error("ecs:DescribeServices", &format!("{cluster}/{service}"), error))?;
        let Some(found) = answer.services.and_then(|services| services.into_iter().next()) else {
            return Ok(None);
        };
        let document = match raw.json()?.pointer_mut("/services/0").map(Value::take) {
            Some(Value::Object(document)) => document,
            _ => Map::new(),
        };
        Ok(Some(LiveService { document, ..live_service(found) }))
    }

    /// At most [`SERVICES_PER_CALL`] services; those that the cluster does not have are left out.
    pub(super) async fn describe_services(
        &self,
        cluster: &str,
        services: Vec<String>,
    ) -> Result<Vec<LiveService>> {
        let resource = format!("{cluster}/{}", services.join(","));
        let answer = self
            .ecs
            .describe_services()
            .cluster(cluster)
            .set_services(Some(services))
            .send()
            .await
            .map_err(|error| aws_error("ecs:DescribeServices", &resource, error))?;
        Ok(answer.services.unwrap_or_default().into_iter().map(live_service).collect())
    }

    /// A task definition by ARN, `family:revision` or, for the newest ACTIVE one, `family`: its
    /// ARN and the whole document with its tags. `None` where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`].
    pub async fn describe_task_definition(&self, name: &str) -> Result<Option<(String, TaskDefinition)>> {
        let raw = RawResponse::default();
        let result = self
            .ecs
            .describe_task_definition()
            .task_definition(name)
            .include(sdk::TaskDefinitionField::Tags)
            .customize()
            .interceptor(raw.clone())
            .send()
            .await;
        if let Err(error) = result {
            let text = error.as_service_error().map(|service| service.to_string()).unwrap_or_default();
            let error = aws_error("ecs:DescribeTaskDefinition", name, error);
            // The text, not the code, tells an absent revision from a malformed request (facts 5.7).
            let absent =
                format!("{text} {error}").to_lowercase().contains("unable to describe task definition");
            return if absent { Ok(None) } else { Err(error) };
        }
        let document = raw.json()?;
        let arn = document
            .pointer("/taskDefinition/taskDefinitionArn")
            .and_then(Value::as_str)
            .ok_or_else(|| Error::internal("ecs:DescribeTaskDefinition answered without an ARN"))?
            .to_owned();
        Ok(Some((arn, TaskDefinition::from_value(document)?)))
    }

    /// The ARNs of the ACTIVE revisions of a family.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`].
    pub async fn active_revisions(&self, family: &str) -> Result<Vec<String>> {
        let mut arns = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .ecs
                .list_task_definitions()
                .family_prefix(family)
                .status(sdk::TaskDefinitionStatus::Active)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| aws_error("ecs:ListTaskDefinitions", family, error))?;
            // AWS calls it a prefix and takes it for the whole name; stand-ins may take the word.
            let of_family = |arn: &String| {
                let name = arn.rsplit('/').next().and_then(|name| name.rsplit_once(':'));
                name.is_some_and(|(name, _)| name == family)
            };
            arns.extend(page.task_definition_arns.unwrap_or_default().into_iter().filter(of_family));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(arns);
            }
        }
    }

    /// Registers a revision and gives its ARN. The document is sent as it is. Where others register
    /// revisions of the family at the same time, it is tried again (facts 5.7: the SDK does not, because
    /// the code is a ClientException).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`].
    pub async fn register_task_definition(&self, definition: &TaskDefinition) -> Result<String> {
        let again = ExponentialBuilder::default().with_jitter().with_max_times(6);
        (|| self.register_once(definition))
            .retry(again)
            .when(|error| error.to_string().contains("Too many concurrent attempts"))
            .await
    }

    async fn register_once(&self, definition: &TaskDefinition) -> Result<String> {
        let body = definition.to_value();
        let answer = self
            .ecs
            .register_task_definition()
            .family(definition.family())
            .customize()
            .mutate_request(move |request| replace_body(request, &body))
            .send()
            .await
            .map_err(|error| aws_error("ecs:RegisterTaskDefinition", definition.family(), error))?;
        answer
            .task_definition
            .and_then(|definition| definition.task_definition_arn)
            .ok_or_else(|| Error::internal("ecs:RegisterTaskDefinition answered without an ARN"))
    }

    /// The service's tasks, RUNNING and recently STOPPED ones (facts 3.1: `startedBy` cannot be
    /// combined with another filter, so both lists are fetched whole).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`].
    pub async fn service_tasks(&self, cluster: &str, service: &str) -> Result<Vec<Task>> {
        let lists = [false, true].map(|stopped| self.list_tasks(cluster, service, stopped));
        let arns: Vec<String> = try_join_all(lists).await?.into_iter().flatten().collect();
        let chunks = arns.chunks(TASKS_PER_CALL).map(|chunk| self.describe_tasks(cluster, chunk));
        Ok(try_join_all(chunks).await?.into_iter().flatten().collect())
    }

    /// The ARNs of a service's tasks: those that are to run, or those that were stopped within the last hour (facts 3.1).
    pub(super) async fn list_tasks(
        &self,
        cluster: &str,
        service: &str,
        stopped: bool,
    ) -> Result<Vec<String>> {
        let status = if stopped { sdk::DesiredStatus::Stopped } else { sdk::DesiredStatus::Running };
        let mut arns = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .ecs
                .list_tasks()
                .cluster(cluster)
                .service_name(service)
                .desired_status(status.clone())
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| aws_error("ecs:ListTasks", &format!("{cluster}/{service}"), error))?;
            arns.extend(page.task_arns.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(arns);
            }
        }
    }

    /// At most [`TASKS_PER_CALL`] tasks; those that AWS does not know any more are left out.
    pub(super) async fn describe_tasks(&self, cluster: &str, arns: &[String]) -> Result<Vec<Task>> {
        let answer = self
            .ecs
            .describe_tasks()
            .cluster(cluster)
            .set_tasks(Some(arns.to_vec()))
            .send()
            .await
            .map_err(|error| aws_error("ecs:DescribeTasks", cluster, error))?;
        Ok(answer.tasks.unwrap_or_default().into_iter().map(task).collect())
    }
}

impl Aws {
    /// At most [`TASKS_PER_CALL`] container instances: the ARN of each, and the id of its EC2 instance. One that AWS
    /// does not know, or that is none of EC2's, has no id.
    pub(super) async fn describe_container_instances(
        &self,
        cluster: &str,
        arns: &[String],
    ) -> Result<Vec<(String, Option<String>)>> {
        let answer = self
            .ecs
            .describe_container_instances()
            .cluster(cluster)
            .set_container_instances(Some(arns.to_vec()))
            .send()
            .await
            .map_err(|error| aws_error("ecs:DescribeContainerInstances", cluster, error))?;
        let found = answer.container_instances.unwrap_or_default();
        let id = |arn: &String| {
            let instance = found.iter().find(|it| it.container_instance_arn.as_ref() == Some(arn));
            instance.and_then(|instance| instance.ec2_instance_id.clone())
        };
        Ok(arns.iter().map(|arn| (arn.clone(), id(arn))).collect())
    }
}

/// A count that AWS gives as `int` but that is never negative.
fn count(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

pub(super) fn live_service(found: sdk::Service) -> LiveService {
    let configuration = found.deployment_configuration;
    let percent = |value: Option<i32>, default| value.map_or(default, count);
    // The defaults are those of CreateService's documentation.
    let daemon = found.scheduling_strategy == Some(sdk::SchedulingStrategy::Daemon);
    let (minimum, maximum) = if daemon { (0, 100) } else { (100, 200) };
    LiveService {
        name: found.service_name.unwrap_or_default(),
        document: Map::new(),
        task_definition: found.task_definition.unwrap_or_default(),
        minimum_healthy_percent: percent(
            configuration.as_ref().and_then(|configuration| configuration.minimum_healthy_percent),
            minimum,
        ),
        rules: Rules {
            maximum_percent: percent(
                configuration.as_ref().and_then(|configuration| configuration.maximum_percent),
                maximum,
            ),
            daemon,
            // A strategy that ECS carries out in stages tells of its bake time as a stage.
            alarms: configuration
                .as_ref()
                .filter(|configuration| {
                    configuration.strategy.as_ref().is_none_or(|strategy| strategy.as_str() == "ROLLING")
                })
                .and_then(|configuration| configuration.alarms.as_ref())
                .filter(|alarms| alarms.enable)
                .map(|alarms| alarms.alarm_names.clone())
                .unwrap_or_default(),
            early_success: configuration
                .as_ref()
                .and_then(|configuration| configuration.early_success_criteria.as_ref())
                .filter(|criteria| criteria.enable)
                .map(|criteria| EarlySuccess {
                    healthy_percent: percent(criteria.healthy_percent, 100),
                    deferred: criteria
                        .source_service_revision_cleanup
                        .as_ref()
                        .is_some_and(|cleanup| cleanup.as_str() == "DEFERRED"),
                }),
        },
        circuit_breaker_rolls_back: configuration
            .as_ref()
            .and_then(|configuration| configuration.deployment_circuit_breaker.as_ref())
            .is_some_and(|breaker| breaker.enable && breaker.rollback),
        has_lifecycle_hooks: configuration
            .as_ref()
            .is_some_and(|configuration| !configuration.lifecycle_hooks().is_empty()),
        strategy: configuration
            .and_then(|configuration| configuration.strategy)
            .map_or_else(|| "ROLLING".to_owned(), |strategy| strategy.as_str().to_owned()),
        health_check_grace_period: Duration::from_secs(u64::from(
            found.health_check_grace_period_seconds.map_or(0, count),
        )),
        controller: found
            .deployment_controller
            .map_or_else(|| "ECS".to_owned(), |controller| controller.r#type.as_str().to_owned()),
        alternate_target_groups: found
            .load_balancers
            .iter()
            .flatten()
            .filter_map(|balancer| {
                let advanced = balancer.advanced_configuration.as_ref()?;
                Some((balancer.target_group_arn.clone()?, advanced.alternate_target_group_arn.clone()?))
            })
            .collect(),
        target_groups: found
            .load_balancers
            .unwrap_or_default()
            .into_iter()
            .filter_map(|balancer| {
                Some(TargetGroupRef {
                    arn: balancer.target_group_arn?,
                    container_name: balancer.container_name.unwrap_or_default(),
                    container_port: balancer.container_port.map_or(0, count),
                    kind: TargetKind::Ip,
                    health_check: None,
                })
            })
            .collect(),
        service: Service {
            status: found.status.unwrap_or_default(),
            desired_count: count(found.desired_count),
            running_count: count(found.running_count),
            pending_count: count(found.pending_count),
            deployments: found.deployments.unwrap_or_default().into_iter().map(deployment).collect(),
            events: found
                .events
                .unwrap_or_default()
                .into_iter()
                .map(|event| ServiceEvent {
                    id: event.id.unwrap_or_default(),
                    message: event.message.unwrap_or_default(),
                })
                .collect(),
        },
    }
}

fn deployment(found: sdk::Deployment) -> Deployment {
    Deployment {
        id: found.id.unwrap_or_default(),
        status: found.status.unwrap_or_default(),
        task_definition: found.task_definition.unwrap_or_default(),
        rollout_state: found.rollout_state.map(|state| state.as_str().to_owned()),
        rollout_state_reason: found.rollout_state_reason,
        desired: count(found.desired_count),
        running: count(found.running_count),
        pending: count(found.pending_count),
        failed: count(found.failed_tasks),
    }
}

fn task(found: sdk::Task) -> Task {
    let containers = found.containers.unwrap_or_default();
    let private_ip = private_ip(found.attachments.as_deref().unwrap_or_default(), &containers);
    Task {
        arn: found.task_arn.unwrap_or_default(),
        task_definition: found.task_definition_arn.unwrap_or_default(),
        started_by: found.started_by,
        last_status: found.last_status.unwrap_or_default(),
        desired_status: found.desired_status.unwrap_or_default(),
        health_status: found
            .health_status
            .map_or_else(|| "UNKNOWN".to_owned(), |health| health.as_str().to_owned()),
        // Stand-ins of AWS write an empty text where AWS leaves the field out.
        stop_code: found.stop_code.map(|code| code.as_str().to_owned()).filter(|code| !code.is_empty()),
        stopped_reason: found.stopped_reason.filter(|reason| !reason.is_empty()),
        private_ip,
        container_instance: found.container_instance_arn,
        ec2_instance: None,
        started_at_ms: found.started_at.and_then(|at| at.to_millis().ok()),
        stopping_at_ms: found.stopping_at.or(found.stopped_at).and_then(|at| at.to_millis().ok()),
        containers: containers
            .into_iter()
            .map(|container| Container {
                name: container.name.unwrap_or_default(),
                last_status: container.last_status.unwrap_or_default(),
                exit_code: container.exit_code,
                reason: container.reason,
                health_status: container.health_status.map(|health| health.as_str().to_owned()),
                runtime_id: container.runtime_id.filter(|id| !id.is_empty()),
                ports: container.network_bindings.unwrap_or_default().iter().filter_map(binding).collect(),
            })
            .collect(),
    }
}

fn binding(found: &sdk::NetworkBinding) -> Option<PortBinding> {
    Some(PortBinding { container_port: count(found.container_port?), host_port: count(found.host_port?) })
}

/// The address that target groups of type `ip` know the task by: the ENI attachment has it, and so
/// have the containers' network interfaces, which stand-ins of AWS fill more often.
fn private_ip(attachments: &[sdk::Attachment], containers: &[sdk::Container]) -> Option<String> {
    let from_attachment = attachments
        .iter()
        .flat_map(|attachment| attachment.details())
        .find(|detail| detail.name.as_deref() == Some("privateIPv4Address"))
        .and_then(|detail| detail.value.clone());
    from_attachment.or_else(|| {
        containers
            .iter()
            .flat_map(|container| container.network_interfaces())
            .find_map(|interface| interface.private_ipv4_address.clone())
    })
}
