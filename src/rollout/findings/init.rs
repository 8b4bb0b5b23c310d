//! Facts 5.2, 2.5 and 9.1: what a task needs before its containers start (env files, secrets, logs, file
//! systems).

use super::entry::Class::{AtOnce, Deterministic, Mixed};
use super::entry::{Entry, all, network};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        patterns: &[
            all(&["download env files", "statuscode: 403"]),
            all(&["download env files", "forbidden"]),
            all(&["download env files", "accessdenied"]),
            all(&["download env files", "access denied"]),
        ],
        title: "S3 refuses the .env file to the task's execution role",
        cause: "The execution role, the bucket's policy or the KMS key does not allow it. S3 also says 403 for a key \
                that does not exist, to a caller that may not list the bucket.",
        fix: &[
            "Give the execution role s3:GetObject on the file's ARN and s3:GetBucketLocation on the bucket \
             (and kms:Decrypt on a customer key), and check that the object exists.",
        ],
        checks: &[
            "aws s3api head-object --bucket BUCKET --key KEY",
            "aws iam list-role-policies --role-name EXECUTION_ROLE",
        ],
        ..Entry::row("env-file-denied", &["R12", "2.5 StatusCode 403"], AtOnce)
    },
    Entry {
        patterns: &[
            all(&["download env files", "statuscode: 404"]),
            all(&["download env files", "status code: 404"]),
            all(&["download env files", "notfound"]),
            all(&["download env files", "not found"]),
            all(&["download env files", "nosuchkey"]),
            all(&["download env files", "nosuchbucket"]),
        ],
        title: "The .env file is not in S3",
        cause: "The bucket or the key in environmentFiles does not exist.",
        fix: &["Upload the file to the key that the task definition names, or deploy again with Landfall, \
             which does."],
        ..Entry::row("env-file-missing", &["R12", "2.5 StatusCode 404"], AtOnce)
    },
    Entry {
        patterns: &[
            all(&["can't download the environment variable files", "connection issue"]),
            network(&["download env files"]),
            all(&["download env files", "requestcanceled"]),
        ],
        title: "The task cannot reach S3 for its .env file",
        cause: "There is no network path from the task's subnet to S3. Seen alone it may be a passing fault.",
        fix: &[
            "Add an S3 gateway endpoint to the subnets' route tables (or a NAT gateway, or a public IP), \
             and let the security group reach port 443.",
        ],
        checks: &[
            "aws ecs describe-services --cluster CLUSTER --services SERVICE --query 'services[].networkConfiguration'",
            "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values=SUBNET",
            "aws ec2 describe-vpc-endpoints --filters Name=vpc-id,Values=VPC --query 'VpcEndpoints[].[ServiceName,State]'",
        ],
        ..Entry::row("env-file-network", &["R12", "2.5 RequestCanceled", "2.5 connection issue"], Mixed)
    },
    Entry {
        patterns: &[all(&["download env files"]), all(&["download the environment variable files"])],
        title: "The .env file cannot be loaded",
        cause: "AWS's text in the evidence says why.",
        fix: &["Check the file's ARN in environmentFiles, the execution role's permissions and the task's \
             network."],
        ..Entry::row("env-file-failed", &["R12"], Mixed)
    },
    Entry {
        patterns: &[all(&["did not contain json key"])],
        title: "A secret lacks the JSON key that is asked for",
        cause: "valueFrom names a key that the secret's JSON does not have.",
        fix: &["Correct the key in valueFrom (ARN:KEY::), or add it to the secret."],
        ..Entry::row("secret-json-key-missing", &["R9"], AtOnce)
    },
    Entry {
        patterns: &[all(&["invalid character", "looking for beginning of value"])],
        title: "A secret is plain text where JSON is expected",
        cause: "valueFrom asks for a JSON key, but the secret's value is no JSON.",
        fix: &["Store the secret as JSON, or use its ARN without a key."],
        ..Entry::row("secret-not-json", &["R11"], AtOnce)
    },
    Entry {
        patterns: &[
            all(&["invalid ssm parameters"]),
            all(&["secrets manager can't find the specified secret"]),
            all(&["from secrets manager", "resourcenotfoundexception"]),
            all(&["ssm", "parameternotfound"]),
        ],
        title: "A secret or parameter does not exist",
        cause: "The name in valueFrom is unknown in this Region, was deleted, or has no value.",
        fix: &["Create the parameter or secret and give it a value, or correct valueFrom."],
        checks: &[
            "aws ssm get-parameter --name NAME --query Parameter.ARN",
            "aws secretsmanager describe-secret --secret-id NAME",
        ],
        ..Entry::row("secret-missing", &["R5", "R8"], AtOnce)
    },
    Entry {
        patterns: &[
            all(&["accessdenied", "ssm:getparameter"]),
            all(&["accessdenied", "secretsmanager:getsecretvalue"]),
            all(&["accessdenied", "from secrets manager"]),
            all(&["accessdenied", "secrets from ssm"]),
            all(&["accessdenied", "secret from asm"]),
            all(&["accessdenied", "kms:decrypt"]),
        ],
        title: "The task's execution role may not read a secret",
        cause: "The execution role, the secret's resource policy or its KMS key does not allow it.",
        fix: &[
            "Give the execution role ssm:GetParameters or secretsmanager:GetSecretValue on the secret, and \
             kms:Decrypt where a customer key protects it.",
        ],
        ..Entry::row("secret-access-denied", &["R4", "R7"], AtOnce)
    },
    Entry {
        patterns: &[
            all(&["cannot pull secrets from aws systems manager"]),
            all(&["connection issue between the task and aws systems manager"]),
            all(&["connection issue between the task and aws secrets manager"]),
            network(&["from secrets manager"]),
            network(&["secret from asm"]),
            network(&["secrets from ssm"]),
            network(&["secretsmanager"]),
        ],
        title: "The task cannot reach the store of its secrets",
        cause: "There is no network path from the task's subnet to Systems Manager or Secrets Manager.",
        fix: &[
            "Add the VPC endpoint ssm or secretsmanager (and kms), a NAT gateway, or a public IP, and let \
             the security groups pass port 443.",
        ],
        checks: &[
            "aws ecs describe-services --cluster CLUSTER --services SERVICE --query 'services[].networkConfiguration'",
            "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values=SUBNET",
            "aws ec2 describe-vpc-endpoints --filters Name=vpc-id,Values=VPC --query 'VpcEndpoints[].[ServiceName,State]'",
        ],
        ..Entry::row("secret-network", &["R6", "R10"], Mixed)
    },
    Entry {
        patterns: &[all(&["specified log group does not exist"])],
        title: "The CloudWatch log group does not exist",
        cause: "The log group in the container's logConfiguration is missing in the Region that it names.",
        fix: &["Create the log group, or set awslogs-create-group to \"true\" and give the execution role \
             logs:CreateLogGroup."],
        ..Entry::row("log-group-missing", &["R13"], AtOnce)
    },
    Entry {
        patterns: &[all(&["accessdenied", "logs:create"]), all(&["not authorized to perform: logs:"])],
        title: "The task's execution role may not write logs",
        cause: "The execution role lacks logs:CreateLogStream, or logs:CreateLogGroup, which the managed policy does \
                not have.",
        fix: &["Grant the missing action, or create the log group beforehand and drop awslogs-create-group."],
        ..Entry::row("log-access-denied", &["R14"], AtOnce)
    },
    Entry {
        patterns: &[all(&["unable to get awslogs driver arguments"]), all(&["awslogs-", "is required"])],
        title: "An option of the log driver is missing",
        cause: "logConfiguration lacks awslogs-group, awslogs-region or, on Fargate, awslogs-stream-prefix.",
        fix: &["Add the option to the container's logConfiguration."],
        ..Entry::row("log-option-missing", &["R17"], AtOnce)
    },
    Entry {
        patterns: &[
            all(&["connection issue between the task and amazon cloudwatch"]),
            network(&["validate logger args"]),
            network(&["initialize logging driver"]),
        ],
        title: "The task cannot reach CloudWatch Logs",
        cause: "There is no network path from the task's subnet to CloudWatch Logs.",
        fix: &["Add the VPC endpoint logs, a NAT gateway, or a public IP, and let the security groups pass \
             port 443."],
        checks: &[
            "aws ecs describe-services --cluster CLUSTER --services SERVICE --query 'services[].networkConfiguration'",
            "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values=SUBNET",
            "aws ec2 describe-vpc-endpoints --filters Name=vpc-id,Values=VPC --query 'VpcEndpoints[].[ServiceName,State]'",
        ],
        ..Entry::row("log-network", &["R15", "R16"], Mixed)
    },
    Entry {
        patterns: &[all(&["validate logger args"]), all(&["initialize logging driver"])],
        title: "The log driver does not start",
        cause: "AWS's text in the evidence says why.",
        fix: &["Check the container's logConfiguration, the execution role's permissions and the task's \
             network."],
        ..Entry::row("log-driver-failed", &["R16"], Mixed)
    },
    Entry {
        patterns: &[all(&["efs utils", "failed to resolve"])],
        title: "The EFS file system's name cannot be resolved",
        cause: "The file system's id is wrong, it has no mount target in the task's zone, or the VPC's DNS is off.",
        fix: &[
            "Correct fileSystemId, create a mount target in every zone of the service, and enable DNS in \
             the VPC.",
        ],
        ..Entry::row("efs-unresolvable", &["R18", "9.1 Failed to resolve"], Deterministic)
    },
    Entry {
        patterns: &[all(&["mount.nfs4: access denied"])],
        title: "The EFS file system refuses the mount",
        cause: "The file system's policy or the task role does not allow it, or transit encryption or IAM \
                authorization is not set in the task definition.",
        fix: &[
            "Give the task role elasticfilesystem:ClientMount and ClientWrite, and set transitEncryption \
             ENABLED and authorizationConfig.iam as the policy wants.",
        ],
        ..Entry::row("efs-access-denied", &["R18", "9.1 access denied"], Deterministic)
    },
    Entry {
        patterns: &[all(&["mount.nfs4", "no such file or directory"])],
        title: "The folder to mount does not exist on the EFS file system",
        cause: "rootDirectory names a folder that is not there.",
        fix: &["Create the folder, correct rootDirectory, or use an access point that creates it."],
        ..Entry::row("efs-path-missing", &["R18", "9.1 No such file"], Deterministic)
    },
    Entry {
        patterns: &[
            all(&["mount.nfs4: connection"]),
            all(&["mount attempt", "timeout"]),
            all(&["mount system call failed"]),
        ],
        title: "The task cannot reach the EFS file system",
        cause: "The mount target's security group does not let the tasks in.",
        fix: &["Allow port 2049 from the tasks' security group in the mount target's."],
        ..Entry::row("efs-network", &["R18", "9.1 Connection", "9.1 mount system call failed"], Mixed)
    },
    Entry {
        patterns: &[all(&["failed to invoke efs utils"])],
        title: "The EFS file system cannot be mounted",
        cause: "The mount helper's text in the evidence says why.",
        fix: &["Check efsVolumeConfiguration, the task role and the mount target's security group."],
        ..Entry::row("efs-mount-failed", &["R18"], Deterministic)
    },
];

/// What is left after all others.
pub(super) const GENERIC: &[Entry] = &[Entry {
    patterns: &[all(&["resourceinitializationerror"])],
    title: "The task's resources could not be set up",
    cause: "AWS's text in the evidence says why.",
    fix: &["Check what the text names: the execution role's permissions, the task's network, secrets, env \
         files, logs."],
    ..Entry::row("resource-initialization-failed", &["R"], Mixed)
}];
