//! Facts 5.1: the image cannot be pulled.

use super::entry::Class::{AtOnce, Deterministic, Mixed, Transient};
use super::entry::{Entry, all, network};

const CHECK_NETWORK: &[&str] = &[
    "Give the task a way out: a public IP (assignPublicIp ENABLED in a public subnet), a NAT gateway, or the \
     VPC endpoints ecr.api, ecr.dkr and the S3 gateway endpoint (image layers come from S3).",
    "Let the task's security group reach port 443, and let the endpoints' security group accept it.",
];

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        patterns: &[
            all(&["descriptor matching platform"]),
            all(&["failed to find a descriptor for platform"]),
            all(&["no matching manifest for"]),
        ],
        title: "The image was built for another CPU architecture",
        cause: "The image has no variant for the platform on which the task definition lets it run.",
        fix: &[
            "Build the image for that platform (docker build --platform linux/amd64 or linux/arm64), or set \
             runtimePlatform.cpuArchitecture in the task definition to what the image is built for.",
        ],
        checks: &["docker buildx imagetools inspect IMAGE"],
        ..Entry::row("image-platform-mismatch", &["P4", "P5"], AtOnce)
    },
    Entry {
        patterns: &[all(&["no processor for media-type"])],
        title: "The image reference points at something that is not an image",
        cause: "The tag or digest names an attestation or a layer of a foreign type.",
        fix: &[
            "Push without attestations (docker buildx build --provenance=false --sbom=false), or deploy the \
             digest of the image itself.",
        ],
        ..Entry::row("image-not-an-image", &["P9"], AtOnce)
    },
    Entry {
        patterns: &[all(&["invalid reference format"])],
        title: "The image reference is malformed",
        cause: "The image in the task definition is no valid HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST.",
        fix: &["Correct the container's image in the task definition."],
        ..Entry::row("image-reference-invalid", &["P23"], AtOnce)
    },
    Entry {
        patterns: &[all(&["toomanyrequests"]), all(&["pull rate limit"]), all(&["429 too many requests"])],
        title: "The registry limits the rate of pulls",
        cause: "Too many pulls from this address or account; Docker Hub limits anonymous ones strictly.",
        fix: &["Authenticate the pull (repositoryCredentials), use an ECR pull-through cache, or copy the \
             image to ECR."],
        ..Entry::row("registry-rate-limit", &["P17"], Transient)
    },
    Entry {
        patterns: &[
            all(&["not authorized to perform: ecr:"]),
            all(&["check that the role has the permissions to pull images"]),
            all(&["failed to resolve ref", "403 forbidden"]),
            all(&["failed to resolve ref", "401 unauthorized"]),
            all(&["accessdenied", "ecr:getauthorizationtoken"]),
            all(&["accessdenied", "ecr registry auth"]),
            all(&["no basic auth credentials"]),
        ],
        title: "The registry refuses the task's execution role",
        cause: "The execution role, the repository's policy or the VPC endpoint's policy does not allow the pull.",
        fix: &[
            "Attach AmazonECSTaskExecutionRolePolicy to the execution role (ecr:GetAuthorizationToken, \
             ecr:BatchGetImage, ecr:GetDownloadUrlForLayer).",
            "For a repository of another account its policy has to allow the role, too.",
        ],
        checks: &[
            "aws iam list-attached-role-policies --role-name EXECUTION_ROLE",
            "aws ecr get-repository-policy --repository-name REPOSITORY",
        ],
        ..Entry::row("registry-access-denied", &["P3", "P10", "P11", "R3"], AtOnce)
    },
    Entry {
        patterns: &[all(&["pull access denied for"]), all(&["requested access to the resource is denied"])],
        title: "The image is private, or its name is misspelt",
        cause: "The registry does not say which: it refuses anonymous access to this name.",
        fix: &["Correct the image's name, or give the container repositoryCredentials for the private \
             registry."],
        ..Entry::row("image-private-or-missing", &["P12", "P13"], AtOnce)
    },
    Entry {
        patterns: &[
            all(&["failed to resolve ref", "not found"]),
            all(&["manifest unknown"]),
            all(&["manifest for", "not found"]),
            all(&["api error (404)", "not found"]),
            all(&["the repository with name", "does not exist"]),
            all(&["name unknown"]),
        ],
        title: "The image does not exist",
        cause: "The registry has no such repository, tag or digest; it may be in another Region or account.",
        fix: &["Push the image, or correct the container's image in the task definition."],
        checks: &["aws ecr describe-images --repository-name REPOSITORY --image-ids imageTag=TAG"],
        ..Entry::row("image-not-found", &["P1", "P14", "P21", "P22"], AtOnce)
    },
    Entry {
        patterns: &[all(&["no space left on device"])],
        title: "The image does not fit into the task's storage",
        cause: "The unpacked image is bigger than the ephemeral storage (20 GiB unless set).",
        fix: &["Raise ephemeralStorage.sizeInGiB in the task definition, or make the image smaller."],
        ..Entry::row("ephemeral-storage-full", &["P8"], Deterministic)
    },
    Entry {
        patterns: &[
            all(&["failed to copy: httpreadseeker"]),
            all(&["failed to copy: httpreaderseeker"]),
            all(&["pull command failed: panic"]),
            all(&["error pulling image configuration"]),
        ],
        title: "The image's layers cannot be downloaded",
        cause: "The registry answers, but the layers, which ECR keeps in S3, cannot be reached: usually a missing S3 \
                gateway endpoint, a route, or an endpoint policy. A 5xx status is a passing fault of the service.",
        fix: &["Add an S3 gateway endpoint to the subnets' route tables, allow the bucket \
             prod-REGION-starport-layer-bucket in its policy, and let the security group reach S3's prefix \
             list."],
        checks: &[
            "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values=SUBNET",
            "aws ec2 describe-vpc-endpoints --filters Name=vpc-id,Values=VPC --query 'VpcEndpoints[].[ServiceName,State]'",
        ],
        ..Entry::row("image-layers-unreachable", &["P6", "P7", "P18", "P19"], Mixed)
    },
    Entry {
        patterns: &[
            all(&["connection issue between the task and amazon ecr"]),
            all(&["connection issue between the task and the registry"]),
            network(&["registry auth"]),
            network(&["failed to resolve ref"]),
            network(&["cannotpull"]),
            network(&["api error (500)"]),
            all(&["pull command failed", "signal: killed"]),
            all(&["cannotpullcontainererror: api error"]),
        ],
        title: "The task cannot reach the registry",
        cause: "There is no network path from the task's subnet to the registry.",
        fix: CHECK_NETWORK,
        checks: &[
            "aws ecs describe-services --cluster CLUSTER --services SERVICE --query 'services[].networkConfiguration'",
            "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values=SUBNET",
            "aws ec2 describe-vpc-endpoints --filters Name=vpc-id,Values=VPC --query 'VpcEndpoints[].[ServiceName,State]'",
        ],
        ..Entry::row("network-path-registry", &["P2", "P6", "P15", "P16", "P21", "R1", "R2", "R20"], Mixed)
    },
    Entry {
        patterns: &[all(&["cannotpull", "context canceled"])],
        title: "The pull of the image was broken off",
        cause: "The image is large or the registry slow, or the network was interrupted.",
        fix: &[
            "ECS tries again.",
            "If it repeats, make the image smaller and check the task's security group.",
        ],
        ..Entry::row("image-pull-interrupted", &["P20"], Transient)
    },
];

/// What is left after all others.
pub(super) const GENERIC: &[Entry] = &[Entry {
    patterns: &[all(&["cannotpull"])],
    title: "The image cannot be pulled",
    cause: "The registry's answer is in the evidence.",
    fix: &["Check the image's name, the execution role's permissions and the task's network."],
    ..Entry::row("image-pull-failed", &["P"], Mixed)
}];
