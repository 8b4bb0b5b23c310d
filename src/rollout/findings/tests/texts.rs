//! Every row of the catalogue by AWS's own words (facts 5).

use std::collections::BTreeSet;

use crate::event::FailureClass::{self, Deterministic, Mixed, Transient};
use crate::rollout::findings::*;
use crate::rollout::testing::stopped_task;
use crate::rollout::{Container, Task};

pub(super) type Row = (&'static str, &'static str, &'static str, FailureClass);

/// Stop reasons of tasks that did not start: row of the facts, text, code, class.
#[rustfmt::skip]
pub(super) const FAILED_TO_START: &[Row] = &[
    ("P1", "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref 123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v9: 123456789012.dkr.ecr.us-east-1.amazonaws.com/app:v9: not found", "image-not-found", Deterministic),
    ("P2", "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref x/app:v9: failed to do request: Head \"https://x/v2/app/manifests/v9\": dial tcp 10.0.1.2:443: i/o timeout", "network-path-registry", Mixed),
    ("P3", "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref x/app:v9: unexpected status from HEAD request to https://x/v2/app/manifests/v9: 403 Forbidden", "registry-access-denied", Deterministic),
    ("P4", "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'", "image-platform-mismatch", Deterministic),
    ("P4", "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform 'linux/arm64'", "image-platform-mismatch", Deterministic),
    ("P5", "CannotPullContainerError: failed to find a descriptor for platform", "image-platform-mismatch", Deterministic),
    ("P6", "CannotPullContainerError: The task cannot pull x/app:v9 from the registry x/app. There is a connection issue between the task and the registry. Check your task network configuration.", "network-path-registry", Mixed),
    ("P6", "CannotPullContainerError: The task cannot pull x/app:v9 from the registry x/app. There is a connection issue between the task and the registry. Check your task network configuration. : failed to copy: httpReadSeeker: failed open: failed to do request: Get \"https://prod-us-east-1-starport-layer-bucket.s3\": dial tcp: i/o timeout", "image-layers-unreachable", Mixed),
    ("P7", "CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: httpReaderSeeker: failed open: unexpected status code https://x/v2/app/blobs/sha256:1: 403 Forbidden", "image-layers-unreachable", Mixed),
    ("P8", "CannotPullContainerError: failed to extract layer sha256:1: write /var/lib/x: no space left on device", "ephemeral-storage-full", Deterministic),
    ("P9", "CannotPullContainerError: failed to unpack image on snapshotter overlayfs: mismatched image rootfs and manifest layers: no processor for media-type: unknown", "image-not-an-image", Deterministic),
    ("P10", "CannotPullContainerError: The task can\u{2019}t pull the image. Check that the role has the permissions to pull images from the registry", "registry-access-denied", Deterministic),
    ("P11", "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref x/app:v9: pulling from host x failed with status code [manifests v9]: denied: User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:2:repository/app", "registry-access-denied", Deterministic),
    ("P12", "CannotPullContainerError: pull access denied for private/app, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed", "image-private-or-missing", Deterministic),
    ("P13", "CannotPullContainerError: Check whether the image exists. denied: requested access to the resource is denied", "image-private-or-missing", Deterministic),
    ("P14", "CannotPullContainerError: API error (404): repository x/app not found", "image-not-found", Deterministic),
    ("P15", "CannotPullContainerError: API error (500): Get https://111122223333.dkr.ecr.us-east-1.amazonaws.com/v2/: net/http: request canceled while waiting for connection", "network-path-registry", Mixed),
    ("P16", "CannotPullContainerError: API error", "network-path-registry", Mixed),
    ("P17", "CannotPullContainerError: toomanyrequests: Too Many Requests or You have reached your pull rate limit.", "registry-rate-limit", Transient),
    ("P17", "CannotPullContainerError: failed to resolve ref docker.io/library/x:1: unexpected status code: 429 Too Many Requests", "registry-rate-limit", Transient),
    ("P17", "CannotPullContainerError: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading", "registry-rate-limit", Transient),
    ("P18", "CannotPullContainerError: pull command failed: panic: runtime error: invalid memory address or nil pointer dereference", "image-layers-unreachable", Mixed),
    ("P19", "CannotPullContainerError: error pulling image configuration: error parsing HTTP 403 response body", "image-layers-unreachable", Mixed),
    ("P20", "CannotPullContainerError: context canceled", "image-pull-interrupted", Transient),
    ("P21", "CannotPullContainerError: inspect image has been retried 5 time(s): failed to resolve ref \"x/app:v9\": x/app:v9: not found", "image-not-found", Deterministic),
    ("P21", "CannotPullContainerError: inspect image has been retried 5 time(s): failed to resolve ref \"x/app:v9\": failed to do request: dial tcp 1.2.3.4:443: i/o timeout", "network-path-registry", Mixed),
    ("P22", "CannotPullContainerError: manifest for x/app:v9 not found: manifest unknown: Requested image not found", "image-not-found", Deterministic),
    ("P22", "CannotPullContainerError: The repository with name 'app' does not exist in the registry with id '123456789012'", "image-not-found", Deterministic),
    ("P23", "CannotPullContainerError: invalid reference format", "image-reference-invalid", Deterministic),
    ("P", "CannotPullContainerError: something that nobody has seen before", "image-pull-failed", Mixed),
    ("R1", "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. operation error ECR: GetAuthorizationToken, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , request send failed, Post \"https://api.ecr.us-east-1.amazonaws.com/\": dial tcp 1.2.3.4:443: i/o timeout", "network-path-registry", Mixed),
    ("R2", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request failed caused by: Post \"https://api.ecr.us-east-1.amazonaws.com/\"", "network-path-registry", Mixed),
    ("R3", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: ecr:GetAuthorizationToken on resource: *", "registry-access-denied", Deterministic),
    ("R4", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): AccessDeniedException: User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: ssm:GetParameters on resource: arn:aws:ssm:us-east-1:1:parameter/x", "secret-access-denied", Deterministic),
    ("R5", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: invalid ssm parameters: /foobar/prod/db_password", "secret-missing", Deterministic),
    ("R6", "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull secrets from AWS Systems Manager. There is a connection issue between the task and AWS Systems Manager Parameter Store. Check your task network configuration.", "secret-network", Mixed),
    ("R7", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:us-east-1:1:secret:x from secrets manager: AccessDeniedException: User: r is not authorized to perform: secretsmanager:GetSecretValue", "secret-access-denied", Deterministic),
    ("R8", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:x from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT", "secret-missing", Deterministic),
    ("R8", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: ResourceNotFoundException: Secrets Manager can't find the specified secret", "secret-missing", Deterministic),
    ("R9", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved secret from Secrets Manager did not contain json key password", "secret-json-key-missing", Deterministic),
    ("R10", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 5 time(s): failed to fetch secret arn:x from secrets manager: RequestCanceled: request context canceled caused by: context deadline exceeded", "secret-network", Mixed),
    ("R11", "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: invalid character 'p' looking for beginning of value", "secret-not-json", Deterministic),
    ("R12", "ResourceInitializationError: failed to download env files: something else", "env-file-failed", Mixed),
    ("2.5 RequestCanceled", "ResourceInitializationError: failed to download env files: file download command: non empty error stream: RequestCanceled: request context canceled caused by: context deadline exceeded", "env-file-network", Mixed),
    ("2.5 StatusCode 403", "ResourceInitializationError: failed to download env files: service call has been retried 1 time(s): operation error S3: HeadObject, https response error StatusCode: 403, RequestID: 0404, HostID: x, api error Forbidden: Forbidden", "env-file-denied", Deterministic),
    ("2.5 StatusCode 404", "ResourceInitializationError: failed to download env files: service call has been retried 1 time(s): operation error S3: HeadObject, https response error StatusCode: 404, RequestID: 0403, HostID: x, api error NotFound: Not Found", "env-file-missing", Deterministic),
    ("2.5 connection issue", "ResourceInitializationError: The task can't download the environment variable files from Amazon S3. There is a connection issue between the task and Amazon S3. Check your task network configuration.", "env-file-network", Mixed),
    ("R13", "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: operation error CloudWatch Logs: CreateLogStream, https response error StatusCode: 400, RequestID: x, ResourceNotFoundException: The specified log group does not exist. : exit status 1", "log-group-missing", Deterministic),
    ("R14", "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log group: AccessDeniedException: User: r is not authorized to perform: logs:CreateLogGroup on resource: x", "log-access-denied", Deterministic),
    ("R14", "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: AccessDeniedException: User: r is not authorized to perform: logs:CreateLogStream on resource: x", "log-access-denied", Deterministic),
    ("R15", "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch. Check your network configuration. : signal: killed", "log-network", Mixed),
    ("R16", "ResourceInitializationError: failed to initialize logging driver: something else", "log-driver-failed", Mixed),
    ("R16", "ResourceInitializationError: failed to initialize logging driver: failed to create Cloudwatch log stream: dial tcp 1.2.3.4:443: i/o timeout", "log-network", Mixed),
    ("R17", "ResourceInitializationError: unable to get awslogs driver arguments: awslogs-region is required", "log-option-missing", Deterministic),
    ("R17", "ResourceInitializationError: unable to get awslogs driver arguments: awslogs-group is required", "log-option-missing", Deterministic),
    ("9.1 Failed to resolve", "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve \"fs-1.efs.us-east-1.amazonaws.com\" - check that your file system ID is correct", "efs-unresolvable", Deterministic),
    ("9.1 access denied", "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: b'mount.nfs4: access denied by server while mounting 127.0.0.1:/'", "efs-access-denied", Deterministic),
    ("9.1 No such file", "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: mounting 127.0.0.1:/x failed, reason given by server: No such file or directory", "efs-path-missing", Deterministic),
    ("9.1 Connection", "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: Connection reset by peer", "efs-network", Mixed),
    ("9.1 Connection", "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Mount attempt 1/3 failed due to timeout after 15 sec", "efs-network", Mixed),
    ("9.1 mount system call failed", "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: b'mount: /x: mount system call failed'", "efs-network", Mixed),
    ("R18", "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: something else", "efs-mount-failed", Deterministic),
    ("R19", "ResourceInitializationError: failed to create new container runtime task: failed to create shim: OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"srv\": executable file not found in $PATH: unknown", "container-command-invalid", Deterministic),
    ("R19", "ResourceInitializationError: failed to create new container runtime task: failed to create shim: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/srv\": stat /srv: no such file or directory: unknown", "container-command-invalid", Deterministic),
    ("R19", "ResourceInitializationError: failed to create new container runtime task: failed to create shim: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/srv\": permission denied: unknown", "container-command-invalid", Deterministic),
    ("R20", "ResourceInitializationError: pull command failed: : signal: killed", "network-path-registry", Mixed),
    ("R", "ResourceInitializationError: something that nobody has seen before", "resource-initialization-failed", Mixed),
    ("C1", "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: exec: \"srv\": executable file not found in $PATH", "container-command-invalid", Deterministic),
    ("C1", "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: OCI runtime create failed: something else", "container-start-failed", Mixed),
    ("C2", "CannotStartContainerError: failed to get container status: unknown", "container-status-unknown", Mixed),
    ("C3", "CannotCreateContainerError: context deadline exceeded", "container-start-failed", Mixed),
    ("C3", "CannotCreateVolumeError: x", "container-start-failed", Mixed),
    ("C3", "CannotInspectContainerError: x", "container-start-failed", Mixed),
    ("C3", "CannotStopContainerError: x", "container-start-failed", Mixed),
    ("C4", "ContainerRuntimeError: x", "container-runtime-error", Transient),
    ("C5", "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m: x", "container-start-timeout", Mixed),
    ("C8", "dependency graph: failed to resolve container ordering dependency [web] for target [proxy] as dependency did not exit successfully.", "container-dependency-failed", Deterministic),
    ("C8", "container ordering dependency [web] for target [proxy] has timed out.", "container-dependency-failed", Deterministic),
    ("C8", "dependency graph: container ordering dependency [web] for target [proxy] does not exist.", "container-dependency-failed", Deterministic),
    ("C8", "dependency graph: failed to resolve container ordering dependency [web] for target [proxy] because dependency will never start", "container-dependency-failed", Deterministic),
    ("H1", "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1)", "elb-health-check-failed", Mixed),
    ("H2", "Task failed container health checks", "container-health-check-failed", Mixed),
    ("S3", "Your Spot Task was interrupted.", "spot-interruption", Transient),
    ("S4", "ECS is performing maintenance on the underlying infrastructure hosting the task", "task-retired", Transient),
    ("S5", "Timeout waiting for network interface provisioning to complete.", "network-interface-timeout", Transient),
    ("S5", "Network interface provision complete error timeout expected", "network-interface-timeout", Transient),
    ("S6", "Timeout waiting for EphemeralStorage provisioning to complete", "ephemeral-storage-timeout", Transient),
    ("S7", "InternalError: x", "ecs-internal-error", Transient),
    ("S8", "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-1': InsufficientFreeAddressesInSubnet", "subnet-out-of-addresses", Mixed),
    ("S9", "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-1': UnauthorizedOperation", "network-interface-denied", Deterministic),
    ("S10", "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-1': InvalidSubnetID.NotFound", "network-configuration-missing", Deterministic),
    ("S10", "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment disabled in subnet 'subnet-1': x", "network-interface-failed", Mixed),
    ("S11", "Host EC2 (instance i-1) terminated.", "host-terminated", Transient),
    ("E12", "ECS was unable to assume the role 'arn:aws:iam::1:role/x' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.", "role-not-assumable", Deterministic),
];

/// Service events: row of the facts, text, code, class.
#[rustfmt::skip]
pub(super) const EVENTS: &[Row] = &[
    ("H3", "(service app) (task 0123) (port 80) is unhealthy in (target-group arn:x) due to (reason Health checks failed with these codes: [404]).", "elb-health-check-failed", Mixed),
    ("H3", "service app (port 80) is unhealthy in target-group x due to (reason Health checks failed with these codes: [404]).", "elb-health-check-failed", Mixed),
    ("H4", "(service app) (port 80) is unhealthy in (target-group arn:x) due to (reason Request timed out).", "elb-health-check-failed", Mixed),
    ("H5", "(service app) (port 80) is unhealthy in (target-group arn:x) due to (reason Health checks failed).", "elb-health-check-failed", Mixed),
    ("H6", "(service app) (port 80) is unhealthy in (target-group arn:x) due to (reason TARGET GROUP IS NOT FOUND)", "target-group-missing", Deterministic),
    ("H7", "(service app) (port 80) is unhealthy in (target-group arn:x) due to (reason TARGET IS NOT FOUND)", "target-deregistered", Mixed),
    ("H8", "(service app) (instance i-1) is unhealthy in (elb classic) due to (reason Instance has failed)", "classic-elb-health-check-failed", Mixed),
    ("E1", "(service app) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone.", "fargate-capacity", Transient),
    ("E1", "(service app) was unable to place a task because RESOURCE:FARGATE", "fargate-capacity", Transient),
    ("E2", "(service app) was unable to place a task. Reason: You\u{2019}ve reached the limit on the number of tasks you can run concurrently.", "fargate-task-limit", Mixed),
    ("E3", "(service app) was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run concurrently.", "fargate-vcpu-limit", Mixed),
    ("E4", "(service app) was unable to place a task. Reason: The requested CPU configuration is above your limit.", "task-size-above-limit", Deterministic),
    ("E4", "(service app) was unable to place a task. Reason: The requested MEMORY configuration is above your limit.", "task-size-above-limit", Deterministic),
    ("E5", "(service app) was unable to place a task. Reason: Internal error.", "placement-internal-error", Mixed),
    ("E6", "(service app) was unable to place a task because no container instance met all of its requirements. The closest matching container-instance 1 has insufficient CPU units available.", "no-container-instances", Deterministic),
    ("E6", "(service app) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance 1) is missing an attribute required by your task.", "no-container-instances", Deterministic),
    ("E7", "(service app) was unable to place a task because no container instances met all of its requirements. Reason: No Container Instances were found in your cluster.", "no-container-instances", Deterministic),
    ("E7", "(service app) was unable to place a task. Reason: No Container Instances were found in your capacity provider.", "no-container-instances", Deterministic),
    ("E6", "(service app) was unable to place a task because no container instance met all of its requirements. The closest matching container-instance 1 encountered error \"AGENT\".", "no-container-instances", Deterministic),
    ("E6", "(service app) was unable to place a task because no container instance met all of its requirements. The closest matching container-instance 1 has insufficient memory available.", "no-container-instances", Deterministic),
    ("5.8 EC2", "(service app) was unable to place a task. Reason: RESOURCE:MEMORY.", "no-container-instances", Deterministic),
    ("5.8 RESOURCE:ENI", "(service app) was unable to place a task. Reason: RESOURCE:ENI.", "network-interface-limit", Transient),
    ("E8", "(service app) operations are being throttled on elb. Will try again later.", "ecs-throttled", Transient),
    ("E9", "(service app) is unable to consistently start tasks successfully. For more information, see the Troubleshooting section.", "tasks-fail-repeatedly", Deterministic),
    ("E10", "(service app) was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.", "deployment-percent-blocked", Deterministic),
    ("E11", "(service app) could not launch 2 tasks for deployment ID ecs-svc/2", "task-launch-failed", Transient),
    ("E11", "(service app) was unable to launch tasks.", "task-launch-failed", Transient),
    ("E11", "(service app) was unable to place a task. Reason: something that nobody has seen before", "task-launch-failed", Transient),
    ("E12", "(service app) failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::1:role/x' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.).", "role-not-assumable", Deterministic),
    ("E13", "(service app) failed to register targets in (target-group arn:x) with (error The following targets are not in the target group VPC 'vpc-1': '10.0.0.1')", "target-group-other-vpc", Deterministic),
    ("E14", "(service app) failed to register targets in (target-group arn:x) with (error x)", "target-registration-failed", Deterministic),
    ("E14", "(service app) unable to register targets", "target-registration-failed", Deterministic),
    ("E15", "(service app) IAM permissions policies have been misconfigured", "service-role-misconfigured", Deterministic),
    ("E15", "(service app) IAM trust relationship has been misconfigured", "service-role-misconfigured", Deterministic),
    ("E16", "(service app) was unable to place a task. Reason: The selected task definition is not compatible with the selected compute strategy.", "task-definition-incompatible", Deterministic),
    ("E17", "(service app) unable to place tasks in your cluster because the tasks provisioning capacity limit was exceeded.", "provisioning-limit", Transient),
    ("E18", "(service app) was unable to reach steady state because 1 task is protected from scale-in", "tasks-protected", Transient),
    ("E18", "(service app, taskSet ecs-svc/1) was unable to scale in. Reason: 1 tasks under protection.", "tasks-protected", Transient),
    ("E19", "(service app) was unable to assume role arn:aws:iam::1:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", "service-linked-role-missing", Deterministic),
    ("E20", "(service app) alarms are missing: cpu-high", "deployment-alarm-missing", Transient),
    ("3.7 alarm detected", "(service app) (deployment ecs-svc/2) deployment failed: alarm detected.", "deployment-alarm", Deterministic),
    ("3.7 tasks failed to start", "(service app) (deployment ecs-svc/2) deployment failed: tasks failed to start.", "circuit-breaker-tripped", Deterministic),
    ("P1", "(service app) was unable to place a task. Reason: CannotPullContainerError: failed to resolve ref x: x: not found.", "image-not-found", Deterministic),
];

pub(super) fn exited(containers: &[(&str, Option<i32>, Option<&str>)]) -> Task {
    let mut task = stopped_task("EssentialContainerExited", "Essential container in task exited");
    task.containers = containers
        .iter()
        .map(|(name, exit_code, reason)| Container {
            runtime_id: None,
            ports: Vec::new(),
            name: (*name).to_owned(),
            last_status: "STOPPED".to_owned(),
            exit_code: *exit_code,
            reason: reason.map(str::to_owned),
            health_status: None,
        })
        .collect();
    task
}

#[test]
fn every_stop_reason_gives_its_finding() {
    for (row, text, code, class) in FAILED_TO_START {
        let finding = diagnose(&stopped_task("TaskFailedToStart", text)).expect(text);
        assert_eq!((finding.code.as_str(), finding.class), (*code, *class), "{row}: {text}");
        assert!(
            finding.evidence.iter().any(|line| line.contains(text)),
            "the text is shown whole: {finding:?}"
        );
        assert!(by_code(code).is_some_and(|entry| entry.rows.contains(row)), "{code} names {row}");
    }
}

#[test]
fn a_containers_reason_tells_where_the_tasks_does_not() {
    for (row, text, code, _) in FAILED_TO_START {
        let mut task = stopped_task("TaskFailedToStart", "Task failed to start");
        task.containers[0].reason = Some((*text).to_owned());
        assert_eq!(diagnose(&task).expect(text).code, *code, "{row}: {text}");
    }
}

#[test]
fn every_event_gives_its_finding() {
    for (row, text, code, class) in EVENTS {
        let finding = diagnose_event(text).expect(text);
        assert_eq!((finding.code.as_str(), finding.class), (*code, *class), "{row}: {text}");
        assert!(finding.evidence[0].contains(text), "{finding:?}");
        let sums_up = row.starts_with('P');
        assert!(sums_up || by_code(code).is_some_and(|entry| entry.rows.contains(row)), "{code} names {row}");
    }
}

#[test]
fn ordinary_events_give_none() {
    for text in [
        "(service app) has started 2 tasks: (task 0123) (task 4567).",
        "(service app) has stopped 1 running tasks: (task 0123).",
        "(service app) has begun draining connections on 1 tasks.",
        "(service app) registered 1 targets in (target-group arn:aws:x:targetgroup/error-pages/1)",
        "(service app, taskSet ecs-svc/2) registered 1 targets in (target-group x)",
        "(service app) deregistered 1 targets in (target-group x)",
        "(service app) has reached a steady state.",
        "service app has reached a steady state.",
        "(service unable-to-fail) has reached a steady state.",
        "(service app) (deployment ecs-svc/2) deployment completed.",
        "(service app) rolling back to deployment ecs-svc/1.",
    ] {
        assert_eq!(diagnose_event(text), None, "{text}");
    }
}

#[test]
fn entries_are_complete_and_codes_are_unique() {
    let mut codes = BTreeSet::new();
    for entry in catalogue() {
        assert!(codes.insert(entry.code), "{} is there twice", entry.code);
        let kebab = entry.code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        assert!(kebab, "{}", entry.code);
        assert!(
            !entry.title.is_empty() && !entry.cause.is_empty() && !entry.fix.is_empty(),
            "{}",
            entry.code
        );
        assert!(!entry.title.ends_with('.') && entry.cause.ends_with('.'), "{}", entry.code);
        assert!(
            entry.fix.iter().all(|step| step.ends_with(['.', ')'])),
            "{}: a step is a whole sentence",
            entry.code
        );
    }
}

#[test]
fn exit_codes_are_explained() {
    let cases = [
        (0, "ended without an error", Deterministic),
        (1, "application error", Mixed),
        (3, "an error of the application's own", Mixed),
        (125, "the container runtime failed", Mixed),
        (126, "command not executable", Deterministic),
        (127, "command not found", Deterministic),
        (130, "SIGINT", Mixed),
        (134, "SIGABRT", Mixed),
        (136, "SIGFPE", Mixed),
        (137, "SIGKILL", Mixed),
        (139, "SIGSEGV", Mixed),
        (255, "runtime lost or exit(-1)", Mixed),
    ];
    for (code, meaning, class) in cases {
        let finding = diagnose(&exited(&[("web", Some(code), None)])).expect("a finding");
        assert_eq!((finding.code.as_str(), finding.class), ("essential-container-exited", class), "{code}");
        assert_eq!(finding.title, format!("Container web exited with code {code} ({meaning})"));
        assert!(
            finding.evidence.iter().any(|line| line.contains(&format!("exit code {code}"))),
            "{finding:?}"
        );
    }
}

#[test]
fn out_of_memory_is_told_from_other_kills() {
    let reason = "OutOfMemoryError: Container killed due to memory usage";
    let finding = diagnose(&exited(&[("web", Some(137), Some(reason))])).expect("a finding");
    assert_eq!((finding.code.as_str(), finding.class), ("container-out-of-memory", Mixed));
    assert!(finding.evidence.iter().any(|line| line.contains("137") && line.contains(reason)), "{finding:?}");
}

#[test]
fn the_container_that_failed_is_told_from_those_that_were_stopped_with_it() {
    let finding =
        diagnose(&exited(&[("sidecar", Some(143), None), ("init", Some(0), None), ("web", Some(3), None)]));
    assert!(finding.expect("a finding").title.starts_with("Container web exited with code 3"));
    let finding = diagnose(&exited(&[("web", Some(0), None), ("sidecar", Some(143), None)]));
    assert!(finding.expect("a finding").title.starts_with("Container web exited with code 0"));
}

#[test]
fn ordinary_stops_give_none() {
    let reason = "Scaling activity initiated by (deployment ecs-svc/2)";
    assert_eq!(diagnose(&stopped_task("ServiceSchedulerInitiated", reason)), None);
    let mut killed = stopped_task("ServiceSchedulerInitiated", reason);
    killed.containers[0].exit_code = Some(137);
    assert_eq!(diagnose(&killed), None);
    assert_eq!(diagnose(&stopped_task("ServiceSchedulerInitiated", "")), None);
    assert_eq!(diagnose(&exited(&[("web", Some(143), None)])), None);
    let mut running = stopped_task("TaskFailedToStart", "CannotPullContainerError: x");
    (running.last_status, running.desired_status) = ("RUNNING".to_owned(), "RUNNING".to_owned());
    assert_eq!(diagnose(&running), None);
}

#[test]
fn a_stop_code_tells_where_no_text_does() {
    let cases = [
        ("SpotInterruption", "spot-interruption"),
        ("TerminationNotice", "task-retired"),
        ("InfrastructureHealth", "infrastructure-health"),
        ("UserInitiated", "task-stopped-by-hand"),
    ];
    for (stop_code, code) in cases {
        let finding = diagnose(&stopped_task(stop_code, "as they say")).expect(stop_code);
        assert_eq!((finding.code.as_str(), finding.class), (code, Transient));
    }
}

#[test]
fn unknown_texts_are_shown_whole_once_the_task_has_stopped() {
    let text = "WeHaveNeverSeenThisError: something is odd";
    let mut task = stopped_task("TaskFailedToStart", text);
    let finding = diagnose(&task).expect("a finding");
    assert_eq!((finding.code.as_str(), finding.class), ("unknown-failure", Transient));
    assert!(finding.evidence.iter().any(|line| line.contains(text)));
    task.last_status = "DEPROVISIONING".to_owned();
    assert_eq!(diagnose(&task), None, "the containers' reasons may still come");
    let text = "(service app) has an error that nobody knows";
    assert_eq!(diagnose_event(text).expect("a finding").code, "unknown-failure");
}

#[test]
fn what_is_known_is_told_before_the_task_has_stopped() {
    let mut task =
        stopped_task("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)");
    task.last_status = "DEACTIVATING".to_owned();
    assert_eq!(diagnose(&task).expect("a finding").code, "elb-health-check-failed");
    let mut task = exited(&[("web", None, None)]);
    task.last_status = "STOPPING".to_owned();
    assert_eq!(diagnose(&task), None, "no exit code yet");
    task.last_status = "STOPPED".to_owned();
    assert_eq!(diagnose(&task).expect("a finding").title, "An essential container exited");
}

#[test]
fn ministacks_words_are_understood() {
    let text = "CannotPullContainerError: 404 Client Error for http+docker://localhost/v1.41/images/create: Not Found \
                (\"manifest for localhost:4566/app:x not found: manifest unknown\")";
    assert_eq!(
        diagnose(&stopped_task("TaskFailedToStart", text)).expect("a finding").code,
        "image-not-found"
    );
    let mut task = stopped_task("EssentialContainerExited", "Essential container exited");
    task.containers[0].exit_code = Some(3);
    assert!(diagnose(&task).expect("a finding").title.contains("exited with code 3"));
    assert_eq!(diagnose(&stopped_task("UserInitiated", "Service scaling down")), None);
    assert_eq!(diagnose_event("(service app) rolled back to the last completed deployment."), None);
    let text = "(service app) deployment failed: deployment circuit breaker was triggered.";
    assert_eq!(diagnose_event(text).expect("a finding").code, "circuit-breaker-tripped");
}

#[test]
fn a_log_line_gives_a_wrong_architecture_away() {
    for line in [
        "exec /usr/local/bin/app: exec format error",
        "standard_init_linux.go:228: exec user process caused: exec format error",
    ] {
        assert_eq!(diagnose_log(line).expect(line).code, "exec-format-error");
    }
    assert_eq!(diagnose_log("CannotPullContainerError: x"), None, "a log is not AWS's word");
    assert_ne!(
        diagnose_event("(service app) exec format error").map(|f| f.code).as_deref(),
        Some("exec-format-error")
    );
}
