//! Facts 5.7 and 5.8: what the API of AWS refuses.
//!
//! These end a run before or between rollouts, so that no ledger counts them: the class says whether the
//! same call can work later. [`api_error`] finds the row for the hint of an error.

use super::entry::Class::{AtOnce, Transient};
use super::entry::{Entry, Scope, all, normalize};
use super::placement;

/// The row that explains an error of the API. `action` is IAM's name of the call, and `text` is
/// `CODE: message`.
pub(crate) fn api_error(action: &str, text: &str) -> Option<&'static Entry> {
    // Texts of ECS say nothing about other services' errors: a repository that does not exist is one thing
    // to a task and another to a push.
    if !action.starts_with("ecs:") {
        return None;
    }
    let text = normalize(text);
    ENTRIES.iter().chain(placement::ENTRIES).find(|entry| entry.matches(&text))
}

const fn refused(code: &'static str, rows: &'static [&'static str]) -> Entry {
    Entry { scope: Scope::Api, ..Entry::row(code, rows, AtOnce) }
}

const fn passing(code: &'static str, rows: &'static [&'static str]) -> Entry {
    Entry { scope: Scope::Api, ..Entry::row(code, rows, Transient) }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        patterns: &[all(&["servicenotactiveexception"]), all(&["service was not active"])],
        title: "The service is being deleted",
        cause: "It is DRAINING or INACTIVE, and takes no update any more.",
        fix: &["Create the service anew, or correct its name, cluster and Region."],
        ..refused("service-not-active", &["5.7 ServiceNotActiveException"])
    },
    Entry {
        patterns: &[
            all(&["servicenotfoundexception"]),
            all(&["service not found"]),
            all(&["reason: missing"]),
        ],
        title: "The cluster has no such service",
        cause: "The name, the cluster, the Region or the account is another one than meant. DescribeServices says \
                MISSING among its failures, and answers with success otherwise.",
        fix: &[
            "Correct service, cluster and region in the configuration.",
            "Check that the credentials are those of the account that you mean.",
        ],
        checks: &["aws ecs list-services --cluster CLUSTER", "aws sts get-caller-identity"],
        ..refused(
            "service-not-found",
            &["5.7 ServiceNotFoundException", "5.7 failures MISSING", "5.8 MISSING"],
        )
    },
    Entry {
        patterns: &[all(&["clusternotfoundexception"]), all(&["cluster not found"])],
        title: "There is no such cluster",
        cause: "The name, the Region or the account is another one than meant.",
        fix: &[
            "Correct cluster and region in the configuration.",
            "Check that the credentials are those of the account that you mean.",
        ],
        checks: &["aws ecs list-clusters", "aws sts get-caller-identity"],
        ..refused("cluster-not-found", &["5.7 ClusterNotFoundException"])
    },
    Entry {
        patterns: &[all(&["taskdefinition is inactive"])],
        title: "The task-definition revision was deregistered",
        cause: "An INACTIVE revision cannot be deployed, and nothing can go back to it.",
        fix: &["Register the revision anew: deploy the same image and settings again."],
        ..refused("revision-inactive", &["5.7 TaskDefinition is inactive"])
    },
    Entry {
        patterns: &[all(&["unable to describe task definition"]), all(&["taskdefinition not found"])],
        title: "There is no such task-definition revision",
        cause: "The family or the revision's number does not exist in this Region and account.",
        fix: &["Correct the task definition's name, or register it."],
        checks: &["aws ecs list-task-definitions --family-prefix FAMILY"],
        ..refused("revision-not-found", &["5.7 Unable to describe task definition"])
    },
    Entry {
        patterns: &[all(&["too many concurrent attempts to create a new revision"])],
        title: "Several revisions of the family are being registered at the same time",
        cause: "ECS registers one revision of a family after the other. Landfall has tried several times.",
        fix: &["Run the same command again.", "Do not let several pipelines deploy one family at a time."],
        ..passing("revision-conflict", &["5.7 Too many concurrent attempts"])
    },
    Entry {
        patterns: &[all(&["requires task definition to have execution role"])],
        title: "The task definition has no execution role",
        cause: "Fargate pulls images from ECR, reads env files and secrets and writes logs with the execution role.",
        fix: &["Set executionRoleArn to a role that has AmazonECSTaskExecutionRolePolicy."],
        page: Some("task_execution_IAM_role"),
        ..refused("execution-role-missing", &["5.7 execution role"])
    },
    Entry {
        patterns: &[
            all(&["invalid 'cpu' setting for task"]),
            all(&["invalid 'memory' setting for task"]),
            all(&["no fargate configuration exists for given values"]),
        ],
        title: "Fargate has no task of this size",
        cause: "cpu and memory of a Fargate task go together in certain pairs only.",
        fix: &["Choose a pair from the table of task sizes, such as 256 and 512, or 1024 and 2048."],
        page: Some("task-cpu-memory-error"),
        ..refused("task-size-invalid", &["5.7 Invalid 'cpu' setting"])
    },
    Entry {
        patterns: &[
            all(&["fargate only supports network mode"]),
            all(&["not supported", "fargate"]),
            all(&["invalid setting for container", "fargate"]),
        ],
        title: "The task definition has a setting that Fargate refuses",
        cause: "Fargate takes network mode awsvpc alone, and none of the settings that concern an EC2 host.",
        fix: &["Set networkMode to awsvpc, and take out the setting that AWS's text names."],
        ..refused("fargate-setting-refused", &["5.7 network mode awsvpc"])
    },
    Entry {
        patterns: &[all(&["efs iam authorization requires a task role"])],
        title: "An EFS volume with IAM authorization needs a task role",
        cause: "authorizationConfig.iam is ENABLED, and the task definition has no taskRoleArn.",
        fix: &["Set taskRoleArn to a role that may mount the file system, or turn IAM authorization off."],
        ..refused("efs-task-role-missing", &["5.7 EFS IAM authorization"])
    },
    Entry {
        patterns: &[all(&["invalid revision number"]), all(&["family contains invalid characters"])],
        title: "The task definition's name is malformed",
        cause: "A revision is FAMILY:NUMBER. A family has letters, digits, - and _ only.",
        fix: &["Correct family in the task definition."],
        ..refused("task-definition-name-invalid", &["5.7 Invalid revision number"])
    },
    Entry {
        patterns: &[
            all(&["the container", "does not exist in the task definition"]),
            all(&["did not have a container port"]),
        ],
        title: "The service's load balancer names a container or port that the task definition lacks",
        cause: "The service was created with another container name or port than the new revision has.",
        fix: &[
            "Give the container in the task definition the name and the containerPort that the service's \
             loadBalancers have, or update these.",
        ],
        checks: &[
            "aws ecs describe-services --cluster CLUSTER --services SERVICE --query 'services[].loadBalancers'",
        ],
        ..refused("load-balancer-container-missing", &["5.7 container does not exist"])
    },
    Entry {
        patterns: &[all(&["has target type instance", "incompatible with the awsvpc network mode"])],
        title: "The target group's type is instance",
        cause: "A task with network mode awsvpc has an address of its own, which only a target group of type ip \
                takes.",
        fix: &["Create a target group of type ip, and give it to the listener and to the service."],
        ..refused("target-type-instance", &["5.7 target type instance"])
    },
    Entry {
        patterns: &[all(&["does not have an associated load balancer"])],
        title: "No load balancer uses the target group",
        cause: "No listener or rule forwards to it; right after its creation ECS may not know of it yet.",
        fix: &["Add the target group to a listener, then run the same command again."],
        ..refused("target-group-without-listener", &["5.7 no associated load balancer"])
    },
    Entry {
        patterns: &[all(&["unable to update", "code_deploy deployment controller"])],
        title: "The service is deployed by CodeDeploy",
        cause: "A service with deployment controller CODE_DEPLOY takes no new revision from UpdateService.",
        fix: &["Deploy it with CodeDeploy, or recreate the service with the deployment controller ECS."],
        ..refused("codedeploy-controller", &["5.7 CODE_DEPLOY", "5.7 CODE_DEPLOY network"])
    },
    Entry {
        patterns: &[all(&["creation of service was not idempotent"])],
        title: "A service of this name exists with other settings",
        cause: "CreateService was called for a name that the cluster has already.",
        fix: &["Update the existing service, or choose another name."],
        ..refused("service-exists", &["5.7 not idempotent"])
    },
    Entry {
        patterns: &[
            all(&["capacity provider", "not found"]),
            all(&["capacity provider", "not associated with the cluster"]),
        ],
        title: "The cluster does not have the capacity provider",
        cause: "The service's strategy names a capacity provider that does not exist or is not the cluster's.",
        fix: &["Add the capacity provider to the cluster (FARGATE, FARGATE_SPOT), or correct the strategy."],
        ..refused("capacity-provider-missing", &["5.7 capacity provider"])
    },
    Entry {
        patterns: &[all(&["platformtaskdefinitionincompatibilityexception"])],
        title: "The service's platform version cannot run the task definition",
        cause: "The revision uses something that this version of Fargate's platform lacks.",
        fix: &["Set the service's platformVersion to LATEST."],
        ..refused("platform-version-incompatible", &["5.7 PlatformTaskDefinitionIncompatibilityException"])
    },
    Entry {
        patterns: &[all(&["platformunknownexception"])],
        title: "There is no such platform version",
        cause: "The service's platformVersion is unknown to Fargate.",
        fix: &["Set platformVersion to LATEST."],
        ..refused("platform-version-unknown", &["5.7 PlatformUnknownException"])
    },
    Entry {
        patterns: &[all(&["unsupportedfeatureexception"])],
        title: "The Region does not have a feature that is asked for",
        cause: "Not every feature of ECS is in every Region.",
        fix: &["Leave the feature out, or use another Region."],
        ..refused("feature-unsupported", &["5.7 UnsupportedFeatureException"])
    },
    Entry {
        patterns: &[all(&["namespacenotfoundexception"])],
        title: "The Service Connect namespace does not exist",
        cause: "The service's configuration names a Cloud Map namespace that is not there.",
        fix: &["Create the namespace, or correct serviceConnectConfiguration."],
        ..refused("namespace-missing", &["5.7 NamespaceNotFoundException"])
    },
    Entry {
        patterns: &[all(&["limitexceededexception"])],
        title: "A quota of the account is used up",
        cause: "AWS's text says which one.",
        fix: &["Remove what is not needed, or ask for a higher quota in Service Quotas."],
        ..refused("quota-reached", &["5.7 LimitExceededException"])
    },
    Entry {
        patterns: &[all(&["conflictexception"])],
        title: "The request does not fit the state that ECS is in",
        cause: "A token was used for another request, or a deployment is in a state that cannot be stopped.",
        fix: &["Look at the service with `landfall status`, then run the same command again."],
        ..refused("request-conflict", &["5.7 ConflictException"])
    },
    Entry {
        patterns: &[all(&["throttlingexception"]), all(&["rate exceeded"])],
        title: "AWS throttles this account",
        cause: "The account's calls of all programs together are over the rate that AWS allows, and Landfall's \
                retries were not enough.",
        fix: &["Run the same command again.", "Do not start many deployments in the same second."],
        page: Some("request-throttling"),
        ..passing("api-throttled", &["5.7 ThrottlingException"])
    },
    Entry {
        patterns: &[all(&["serverexception"])],
        title: "ECS has a fault",
        cause: "It answered with a status of 5xx, and Landfall's retries were not enough.",
        fix: &["Run the same command again."],
        ..passing("aws-server-error", &["5.7 ServerException"])
    },
    Entry {
        patterns: &[all(&["not authorized to perform: iam:passrole"])],
        title: "The caller may not hand the task its roles",
        cause: "Whoever registers a revision or updates a service passes the execution role and the task role on, \
                and needs a permission for it. A service control policy can deny it as well.",
        fix: &["Allow the caller iam:PassRole on both roles, with the condition iam:PassedToService = \
             ecs-tasks.amazonaws.com."],
        ..refused("pass-role-denied", &["5.7 iam:PassRole"])
    },
    Entry {
        patterns: &[all(&["accessdenied"]), all(&["not authorized to perform"])],
        title: "The caller lacks a permission",
        cause: "Its policies do not allow the action that AWS's text names, or a boundary or service control policy \
                denies it.",
        fix: &["Allow the caller the action that AWS's text names."],
        ..refused("caller-access-denied", &["5.7 AccessDeniedException"])
    },
    Entry {
        patterns: &[all(&["expiredtoken"]), all(&["security token included in the request is expired"])],
        title: "The session has ended",
        cause: "Temporary credentials are valid for an hour or so, and the run took longer than was left of it.",
        fix: &[
            "Get new credentials and run the same command again: it goes on where the first run was.",
            "Give the role a longer maximum session duration.",
        ],
        ..refused("session-expired", &["5.7 ExpiredTokenException"])
    },
    Entry {
        patterns: &[
            all(&["unrecognizedclientexception"]),
            all(&["invalidclienttokenid"]),
            all(&["signaturedoesnotmatch"]),
            all(&["invalidsignatureexception"]),
            all(&["signature expired"]),
        ],
        title: "AWS does not accept the credentials",
        cause: "The key is unknown or was deleted, belongs to another partition, or this machine's clock is wrong.",
        fix: &["Check the access key and the Region.", "Set the clock of this machine."],
        checks: &["aws sts get-caller-identity", "date -u"],
        ..refused("credentials-invalid", &["5.7 UnrecognizedClientException"])
    },
    Entry {
        patterns: &[all(&["blockedexception"])],
        title: "AWS has blocked the account",
        cause: "AWS does so for unpaid bills or suspected abuse.",
        fix: &["Contact AWS Support."],
        ..refused("account-blocked", &["5.7 BlockedException"])
    },
    Entry {
        patterns: &[all(&["deployment_blocked"])],
        title: "Scale-in protection of tasks was refused",
        cause: "A deployment has not reached a steady state because protected tasks hold it up.",
        fix: &["Take the protection off the old tasks, or let it expire."],
        page: Some("task-scale-in-protection"),
        ..passing("protection-blocked", &["5.8 DEPLOYMENT_BLOCKED"])
    },
    Entry {
        patterns: &[all(&["task_not_valid"])],
        title: "The task cannot be protected",
        cause: "It is no task of a service, is not RUNNING, or belongs to an old deployment.",
        fix: &["Protect running tasks of the newest deployment only."],
        page: Some("task-scale-in-protection"),
        ..refused("protection-not-valid", &["5.8 TASK_NOT_VALID"])
    },
];
