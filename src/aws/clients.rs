//! Clients with a Region, credentials, retries and time limits.

use std::sync::Arc;
use std::time::Duration;

use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_sdk_s3::config::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::sync::OnceCell;

use super::account::Caller;
use super::calls::CallCounter;
use super::elb::DescribedTargetGroups;
use super::error::aws_error;
use super::login::Login;
use super::signed::Signed;
use crate::emit::Emitter;
use crate::error::{Error, Result};

/// How to reach AWS.
#[derive(Debug, Clone, Default)]
pub struct AwsSettings {
    /// The Region that the configuration names; otherwise the environment's or the profile's.
    pub region: Option<String>,
    /// An endpoint with credentials of its own in place of AWS (the embedded stand-in).
    pub endpoint: Option<StaticEndpoint>,
    /// S3 by path (`host/bucket/key`), as S3-compatible endpoints want it.
    pub s3_path_style: bool,
    /// Where the registry protocol of ECR hosts is spoken in place of the host itself.
    pub registry_endpoint: Option<String>,
    /// Where each call is told, if anywhere (`-v`).
    pub told: Option<Emitter>,
    /// What carries requests, in place of the SDK's own HTTP client: a stand-in of AWS in the same process.
    pub http: Option<SharedHttpClient>,
    /// A role to assume; not with an endpoint that has credentials of its own.
    pub login: Option<Login>,
}

/// An endpoint and the credentials that it takes.
#[derive(Debug, Clone)]
pub struct StaticEndpoint {
    /// `http://127.0.0.1:4000`
    pub url: String,
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
}

/// The clients. Cloning is cheap; clones share connections and the call counter.
#[derive(Debug, Clone)]
pub struct Aws {
    /// The Region that all clients use.
    pub region: String,
    /// Where the registry protocol of ECR hosts is spoken in place of the host itself.
    pub registry_endpoint: Option<String>,
    /// Counts every call.
    pub calls: CallCounter,
    pub(super) ecs: aws_sdk_ecs::Client,
    pub(super) ecr: aws_sdk_ecr::Client,
    pub(super) s3: aws_sdk_s3::Client,
    pub(super) elb: aws_sdk_elasticloadbalancingv2::Client,
    pub(super) target_groups: DescribedTargetGroups,
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) sts: aws_sdk_sts::Client,
    pub(super) signed: Signed,
    /// Who is calling, once it is known.
    pub(super) caller: Arc<OnceCell<Caller>>,
}

impl Aws {
    /// Makes the clients. Nothing is asked of AWS yet.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where no Region is configured: the SDK's
    /// own chain would wait for the instance metadata service of a machine that is not in AWS.
    pub async fn connect(settings: AwsSettings) -> Result<Self> {
        let region = RegionProviderChain::first_try(settings.region.clone().map(Region::new))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .region()
            .await
            .ok_or_else(|| {
                Error::usage("no AWS Region is configured").hint(
                    "Set `region:` in landfall.yml, --region, AWS_REGION, or a region in the AWS profile.",
                )
            })?;
        let calls = CallCounter::telling(settings.told);
        // `AppName` refuses only characters that this literal does not have.
        let app_name = AppName::new("landfall").ok();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region.clone())
            .retry_config(RetryConfig::standard().with_max_attempts(5))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(4))
                    .operation_attempt_timeout(Duration::from_secs(15))
                    .operation_timeout(Duration::from_secs(60))
                    .build(),
            );
        if let Some(app_name) = app_name {
            loader = loader.app_name(app_name);
        }
        if let Some(http) = settings.http {
            loader = loader.http_client(http);
        }
        if let Some(endpoint) = &settings.endpoint {
            loader = loader.endpoint_url(&endpoint.url).credentials_provider(Credentials::new(
                &endpoint.access_key_id,
                &endpoint.secret_access_key,
                None,
                None,
                "static endpoint",
            ));
        }
        let mut config = loader.load().await;
        if let Some(login) = settings.login.filter(|_| settings.endpoint.is_none()) {
            config = login.over(config, &calls).await?;
        }
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(settings.s3_path_style || settings.endpoint.is_some())
            .interceptor(calls.clone())
            .build();
        let ecs = aws_sdk_ecs::config::Builder::from(&config).interceptor(calls.clone()).build();
        let ecr = aws_sdk_ecr::config::Builder::from(&config).interceptor(calls.clone()).build();
        let sts = aws_sdk_sts::config::Builder::from(&config).interceptor(calls.clone()).build();
        let logs = aws_sdk_cloudwatchlogs::config::Builder::from(&config).interceptor(calls.clone()).build();
        let elb =
            aws_sdk_elasticloadbalancingv2::config::Builder::from(&config).interceptor(calls.clone()).build();
        Ok(Self {
            region: region.to_string(),
            registry_endpoint: settings.registry_endpoint,
            ecs: aws_sdk_ecs::Client::from_conf(ecs),
            ecr: aws_sdk_ecr::Client::from_conf(ecr),
            s3: aws_sdk_s3::Client::from_conf(s3),
            elb: aws_sdk_elasticloadbalancingv2::Client::from_conf(elb),
            target_groups: DescribedTargetGroups::default(),
            logs: aws_sdk_cloudwatchlogs::Client::from_conf(logs),
            sts: aws_sdk_sts::Client::from_conf(sts),
            caller: Arc::default(),
            signed: Signed::new(region.as_ref(), &config, calls.clone()),
            calls,
        })
    }

    /// The same for calls that are repeated every second: each is given up early, because the next look is a
    /// better retry than a late answer.
    #[must_use]
    pub(super) fn impatient(&self) -> Self {
        let retry = RetryConfig::standard().with_max_attempts(2);
        let time = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(5))
            .operation_timeout(Duration::from_secs(11))
            .build();
        let ecs = self.ecs.config().to_builder().retry_config(retry.clone()).timeout_config(time.clone());
        let elb = self.elb.config().to_builder().retry_config(retry).timeout_config(time);
        Self {
            ecs: aws_sdk_ecs::Client::from_conf(ecs.build()),
            elb: aws_sdk_elasticloadbalancingv2::Client::from_conf(elb.build()),
            ..self.clone()
        }
    }

    /// The account that the credentials belong to.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws); the call itself needs no permission.
    pub async fn account(&self) -> Result<String> {
        let identity = self
            .sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| aws_error("sts:GetCallerIdentity", "the caller", error))?;
        identity.account.ok_or_else(|| Error::internal("sts:GetCallerIdentity answered without an account"))
    }
}
