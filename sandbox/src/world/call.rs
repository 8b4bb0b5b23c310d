//! One request, one answer.

use serde_json::Value;

use super::{ApiError, VirtualTime, World};
use crate::Scenario;

/// The AWS APIs that a [`World`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon Elastic Container Service.
    Ecs,
    /// Amazon Elastic Container Registry, the API (not the registry protocol).
    Ecr,
    /// Elastic Load Balancing, version 2.
    ElasticLoadBalancing,
    /// Amazon CloudWatch Logs.
    Logs,
    /// Security Token Service.
    Sts,
    /// Amazon EC2, of which VPC is a part.
    Ec2,
    /// Identity and Access Management.
    Iam,
    /// AWS Secrets Manager.
    SecretsManager,
    /// AWS Systems Manager, of which Parameter Store is a part.
    Ssm,
    /// AWS CloudFormation.
    CloudFormation,
    /// Amazon Elastic File System.
    Efs,
    /// Service Quotas.
    ServiceQuotas,
    /// AWS Key Management Service.
    Kms,
}

impl Service {
    /// The name as in IAM actions, e.g. `ecs`.
    pub fn name(self) -> &'static str {
        match self {
            Service::Ecs => "ecs",
            Service::Ecr => "ecr",
            Service::ElasticLoadBalancing => "elasticloadbalancing",
            Service::Logs => "logs",
            Service::Sts => "sts",
            Service::Ec2 => "ec2",
            Service::Iam => "iam",
            Service::SecretsManager => "secretsmanager",
            Service::Ssm => "ssm",
            Service::CloudFormation => "cloudformation",
            Service::Efs => "elasticfilesystem",
            Service::ServiceQuotas => "servicequotas",
            Service::Kms => "kms",
        }
    }
}

/// Whether an operation changes something, judged by its name as IAM's access levels do.
pub fn is_write(operation: &str) -> bool {
    !["Describe", "List", "Get", "Filter", "BatchGet", "BatchCheck", "Head", "Simulate"]
        .iter()
        .any(|prefix| operation.starts_with(prefix))
}

impl World {
    /// Moves the world on to `now` and answers one request. An earlier `now` than before does not
    /// turn time back.
    ///
    /// Errors: what AWS answers to the request, or `UnknownOperationException` for an operation
    /// that is not modelled.
    pub fn call(
        &mut self,
        service: Service,
        operation: &str,
        input: &Value,
        now: VirtualTime,
    ) -> Result<Value, ApiError> {
        self.advance(now);
        let throttled = self.armed
            && self.scenario == Scenario::Throttled
            && matches!(service, Service::Ecs | Service::ElasticLoadBalancing);
        if throttled {
            self.throttle.admit(operation)?;
        }
        self.allow(service, operation)?;
        match service {
            Service::Ecs => self.call_ecs(operation, input),
            Service::Ecr => self.call_ecr(operation, input),
            Service::ElasticLoadBalancing => self.call_load_balancing(operation, input),
            Service::Logs => self.call_logs(operation, input),
            Service::Sts => self.call_sts(operation, input),
            Service::Ec2 => self.call_ec2(operation, input),
            Service::Iam => self.call_iam(operation, input),
            Service::SecretsManager => self.call_secrets_manager(operation, input),
            Service::Ssm => self.call_ssm(operation, input),
            Service::CloudFormation => self.call_cloudformation(operation, input),
            Service::Efs => self.call_efs(operation, input),
            Service::ServiceQuotas => self.call_service_quotas(operation, input),
            Service::Kms => self.call_kms(operation, input),
        }
    }

    /// Errors: as IAM has a service answer when the action is denied.
    fn allow(&self, service: Service, operation: &str) -> Result<(), ApiError> {
        let Some(text) = self.denial(&format!("{}:{operation}", service.name()), "*") else {
            return Ok(());
        };
        Err(match service {
            Service::Ecs
            | Service::Ecr
            | Service::Logs
            | Service::SecretsManager
            | Service::Ssm
            | Service::ServiceQuotas
            | Service::Kms => ApiError::client("AccessDeniedException", text),
            Service::ElasticLoadBalancing | Service::Sts => ApiError::client("AccessDenied", text),
            Service::Iam | Service::CloudFormation => {
                ApiError { status: 403, ..ApiError::client("AccessDenied", text) }
            }
            Service::Efs => ApiError { status: 403, ..ApiError::client("AccessDeniedException", text) },
            Service::Ec2 => {
                let text = format!("You are not authorized to perform this operation. {text}");
                ApiError { status: 403, ..ApiError::client("UnauthorizedOperation", text) }
            }
        })
    }

    /// IAM's text when the caller may not do an action.
    pub(crate) fn denial(&self, action: &str, resource: &str) -> Option<String> {
        let caller = self.caller_arn();
        let denied = self.denied_actions.contains(action)
            || (action != "sts:AssumeRoleWithWebIdentity" && self.forbids(action, resource));
        denied.then(|| {
            format!(
                "User: {caller} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action"
            )
        })
    }

    /// Takes an action from the caller, by IAM's name, e.g. `s3:GetObject`.
    pub fn deny_action(&mut self, action: &str) {
        self.denied_actions.insert(action.to_owned());
    }

    /// Gives a denied action back to the caller.
    pub fn allow_action(&mut self, action: &str) {
        self.denied_actions.remove(action);
    }

    fn call_ecs(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        match operation {
            "DescribeClusters" => self.describe_clusters(input),
            "RegisterTaskDefinition" => self.register_task_definition(input),
            "DescribeTaskDefinition" => self.describe_task_definition(input),
            "DeregisterTaskDefinition" => self.deregister_task_definition(input),
            "ListTaskDefinitions" => self.list_task_definitions(input),
            "CreateService" => self.create_service(input),
            "DescribeServices" => self.describe_services(input),
            "UpdateService" => self.update_service(input),
            "DeleteService" => self.delete_service(input),
            "ListServiceDeployments" => self.list_service_deployments(input),
            "DescribeServiceDeployments" => self.describe_service_deployments(input),
            "DescribeServiceRevisions" => self.describe_service_revisions(input),
            "StopServiceDeployment" => self.stop_service_deployment(input),
            "ContinueServiceDeployment" => self.continue_service_deployment(input),
            "ListServices" => self.list_services(input),
            "ListTasks" => self.list_tasks(input),
            "DescribeTasks" => self.describe_tasks(input),
            "DescribeContainerInstances" => self.describe_container_instances(input),
            "StopTask" => self.stop_task(input),
            "ListTagsForResource" => self.list_tags_for_resource(input),
            "TagResource" => self.tag_resource(input),
            _ => Err(ApiError::not_implemented("ecs", operation)),
        }
    }
}
