//! The services that are spoken to, and how.

/// How requests and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::aws) enum Protocol {
    /// A form in, XML out; this API version.
    Query(&'static str),
    /// JSON both ways; the header `x-amz-target` names this service.
    Json(&'static str),
    /// JSON, and the operation is a method and a path.
    RestJson,
}

/// A service.
#[derive(Debug, Clone, Copy)]
pub(in crate::aws) struct Api {
    /// The prefix of its actions in IAM, which also is its name in signatures and in host names, except where AWS
    /// says otherwise.
    pub(super) prefix: &'static str,
    /// Its name in the SDKs, from which `AWS_ENDPOINT_URL_<SERVICE>` and the section `services` of a profile are read.
    pub(super) service_id: &'static str,
    /// Its protocol.
    pub(super) protocol: Protocol,
    /// One endpoint for all Regions of a partition.
    pub(super) global: bool,
}

impl Api {
    const fn regional(prefix: &'static str, service_id: &'static str, protocol: Protocol) -> Self {
        Self { prefix, service_id, protocol, global: false }
    }
}

/// EC2, of which VPC is a part. Its Query protocol numbers the entries of lists without `member`.
pub(in crate::aws) const EC2: Api = Api::regional("ec2", "EC2", Protocol::Query("2016-11-15"));
/// IAM.
pub(in crate::aws) const IAM: Api =
    Api { prefix: "iam", service_id: "IAM", protocol: Protocol::Query("2010-05-08"), global: true };
/// CloudFormation.
pub(in crate::aws) const CLOUDFORMATION: Api =
    Api::regional("cloudformation", "CloudFormation", Protocol::Query("2010-05-15"));
/// Systems Manager, of which Parameter Store is a part.
pub(in crate::aws) const SSM: Api = Api::regional("ssm", "SSM", Protocol::Json("AmazonSSM"));
/// Secrets Manager.
pub(in crate::aws) const SECRETS_MANAGER: Api =
    Api::regional("secretsmanager", "Secrets Manager", Protocol::Json("secretsmanager"));
/// Key Management Service.
pub(in crate::aws) const KMS: Api = Api::regional("kms", "KMS", Protocol::Json("TrentService"));
/// Service Quotas.
pub(in crate::aws) const SERVICE_QUOTAS: Api =
    Api::regional("servicequotas", "Service Quotas", Protocol::Json("ServiceQuotasV20190624"));
/// Elastic File System.
pub(in crate::aws) const EFS: Api = Api::regional("elasticfilesystem", "EFS", Protocol::RestJson);
