//! Facts 5.7 and 5.8: what the API refuses, by code and text.

use crate::event::FailureClass::{self, Deterministic, Transient};
use crate::rollout::findings::{api_error, by_code};

/// Row of the facts, `CODE: message` as the API gives it, code, class.
#[rustfmt::skip]
pub(super) const ERRORS: &[(&str, &str, &str, FailureClass)] = &[
    ("5.7 ServiceNotActiveException", "ServiceNotActiveException: Service was not ACTIVE.", "service-not-active", Deterministic),
    ("5.7 ServiceNotFoundException", "ServiceNotFoundException: Service not found.", "service-not-found", Deterministic),
    ("5.7 ClusterNotFoundException", "ClusterNotFoundException: Cluster not found.", "cluster-not-found", Deterministic),
    ("5.7 failures MISSING", "arn:aws:ecs:us-east-1:1:service/c/web, reason: MISSING", "service-not-found", Deterministic),
    ("5.7 TaskDefinition is inactive", "ClientException: TaskDefinition is inactive", "revision-inactive", Deterministic),
    ("5.7 TaskDefinition is inactive", "InvalidParameterException: TaskDefinition is inactive", "revision-inactive", Deterministic),
    ("5.7 Unable to describe task definition", "ClientException: Unable to describe task definition.", "revision-not-found", Deterministic),
    ("5.7 Unable to describe task definition", "ClientException: TaskDefinition not found.", "revision-not-found", Deterministic),
    ("5.7 Too many concurrent attempts", "ClientException: Too many concurrent attempts to create a new revision of the specified family.", "revision-conflict", Transient),
    ("5.7 execution role", "ClientException: Fargate requires task definition to have execution role ARN to support ECR images.", "execution-role-missing", Deterministic),
    ("5.7 execution role", "ClientException: Fargate requires task definition to have execution role ARN to support log driver awslogs.", "execution-role-missing", Deterministic),
    ("5.7 Invalid 'cpu' setting", "ClientException: Invalid 'cpu' setting for task.", "task-size-invalid", Deterministic),
    ("5.7 Invalid 'cpu' setting", "ClientException: No Fargate configuration exists for given values", "task-size-invalid", Deterministic),
    ("5.7 network mode awsvpc", "ClientException: Fargate only supports network mode \u{2018}awsvpc\u{2019}.", "fargate-setting-refused", Deterministic),
    ("5.7 EFS IAM authorization", "ClientException: EFS IAM authorization requires a task role.", "efs-task-role-missing", Deterministic),
    ("5.7 Invalid revision number", "ClientException: Invalid revision number. Number: x", "task-definition-name-invalid", Deterministic),
    ("5.7 Invalid revision number", "ClientException: Family contains invalid characters.", "task-definition-name-invalid", Deterministic),
    ("5.7 container does not exist", "InvalidParameterException: The container web does not exist in the task definition.", "load-balancer-container-missing", Deterministic),
    ("5.7 container does not exist", "InvalidParameterException: The container web did not have a container port 80 defined.", "load-balancer-container-missing", Deterministic),
    ("5.7 target type instance", "InvalidParameterException: The provided target group ARN has target type instance, which is incompatible with the awsvpc network mode specified in the task definition.", "target-type-instance", Deterministic),
    ("5.7 no associated load balancer", "InvalidParameterException: The target group with targetGroupArn arn:x does not have an associated load balancer.", "target-group-without-listener", Deterministic),
    ("5.7 CODE_DEPLOY", "InvalidParameterException: Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment.", "codedeploy-controller", Deterministic),
    ("5.7 CODE_DEPLOY network", "InvalidParameterException: Unable to update network parameters on services with a CODE_DEPLOY deployment controller.", "codedeploy-controller", Deterministic),
    ("5.7 service linked role", "InvalidParameterException: Unable to assume the service linked role. Please verify that the ECS service linked role exists.", "service-linked-role-missing", Deterministic),
    ("5.7 not idempotent", "InvalidParameterException: Creation of service was not idempotent.", "service-exists", Deterministic),
    ("5.7 No Container Instances", "InvalidParameterException: No Container Instances were found in your cluster.", "no-container-instances", Deterministic),
    ("5.7 capacity provider", "InvalidParameterException: The specified capacity provider SPOTS was not found.", "capacity-provider-missing", Deterministic),
    ("5.7 capacity provider", "InvalidParameterException: The capacity provider SPOTS is not associated with the cluster.", "capacity-provider-missing", Deterministic),
    ("5.7 PlatformTaskDefinitionIncompatibilityException", "PlatformTaskDefinitionIncompatibilityException: One or more of the requested capabilities are not supported.", "platform-version-incompatible", Deterministic),
    ("5.7 PlatformUnknownException", "PlatformUnknownException", "platform-version-unknown", Deterministic),
    ("5.7 UnsupportedFeatureException", "UnsupportedFeatureException", "feature-unsupported", Deterministic),
    ("5.7 NamespaceNotFoundException", "NamespaceNotFoundException", "namespace-missing", Deterministic),
    ("5.7 LimitExceededException", "LimitExceededException", "quota-reached", Deterministic),
    ("5.7 ConflictException", "ConflictException", "request-conflict", Deterministic),
    ("5.7 ThrottlingException", "ThrottlingException: Rate exceeded", "api-throttled", Transient),
    ("5.7 ServerException", "ServerException", "aws-server-error", Transient),
    ("5.7 iam:PassRole", "AccessDeniedException: User: arn:aws:sts::1:assumed-role/ci/s is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/exec because no identity-based policy allows the iam:PassRole action", "pass-role-denied", Deterministic),
    ("5.7 iam:PassRole", "AccessDeniedException: User: arn:aws:sts::1:assumed-role/ci/s is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/exec with an explicit deny in a service control policy", "pass-role-denied", Deterministic),
    ("5.7 AccessDeniedException", "AccessDeniedException: User: arn:aws:sts::1:assumed-role/ci/s is not authorized to perform: ecs:UpdateService on resource: arn:aws:ecs:us-east-1:1:service/c/web", "caller-access-denied", Deterministic),
    ("5.7 ExpiredTokenException", "ExpiredTokenException: The security token included in the request is expired", "session-expired", Deterministic),
    ("5.7 UnrecognizedClientException", "UnrecognizedClientException: The security token included in the request is invalid.", "credentials-invalid", Deterministic),
    ("5.7 UnrecognizedClientException", "InvalidClientTokenId", "credentials-invalid", Deterministic),
    ("5.7 UnrecognizedClientException", "SignatureDoesNotMatch", "credentials-invalid", Deterministic),
    ("5.7 UnrecognizedClientException", "InvalidSignatureException: Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z", "credentials-invalid", Deterministic),
    ("5.7 BlockedException", "BlockedException", "account-blocked", Deterministic),
    ("5.8 MISSING", "arn:aws:ecs:us-east-1:1:task/c/1, reason: MISSING", "service-not-found", Deterministic),
    ("5.8 RESOURCE:FARGATE", "RESOURCE:FARGATE", "fargate-capacity", Transient),
    ("5.8 RESOURCE:FARGATE", "Capacity is unavailable at this time. Please try again later or in a different availability zone", "fargate-capacity", Transient),
    ("5.8 RESOURCE:ENI", "RESOURCE:ENI", "network-interface-limit", Transient),
    ("5.8 EC2", "RESOURCE:CPU", "no-container-instances", Deterministic),
    ("5.8 EC2", "RESOURCE:MEMORY", "no-container-instances", Deterministic),
    ("5.8 EC2", "RESOURCE:PORTS", "no-container-instances", Deterministic),
    ("5.8 DEPLOYMENT_BLOCKED", "DEPLOYMENT_BLOCKED", "protection-blocked", Transient),
    ("5.8 TASK_NOT_VALID", "TASK_NOT_VALID", "protection-not-valid", Deterministic),
];

#[test]
fn every_refusal_of_the_api_is_explained() {
    for (row, text, code, class) in ERRORS {
        let entry = api_error("ecs:UpdateService", text).expect(text);
        assert_eq!((entry.code, entry.class.reported()), (*code, *class), "{row}: {text}");
        assert!(by_code(code).is_some_and(|entry| entry.rows.contains(row)), "{code} names {row}");
    }
}

#[test]
fn other_services_and_other_errors_are_not_guessed_at() {
    assert!(api_error("ecr:PutImage", "ServerException: x").is_none());
    assert!(
        api_error("ecs:UpdateService", "ClientException: something that nobody has seen before").is_none()
    );
}
