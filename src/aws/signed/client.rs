//! Sending a request and reading its answer.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_runtime::client::defaults::default_http_client_plugin_v2;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, ModeledAsRetryableClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthSchemeOptionResolver};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::{SharedIdentityCache, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{RuntimePlugin, StaticRuntimePlugin};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use serde_json::Value;
use zeroize::Zeroizing;

use super::api::{Api, EC2, Protocol};
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::sign::{SCHEME, Signer};
use super::xml::Element;
use crate::aws::CallCounter;

/// The client. Clones share connections, credentials and the call counter.
#[derive(Debug, Clone)]
pub(in crate::aws) struct Signed {
    region: String,
    config: SdkConfig,
    http: Option<SharedHttpClient>,
    identity: Option<SharedIdentityResolver>,
    identities: SharedIdentityCache,
    calls: CallCounter,
}

/// What goes into a request beside what every one has.
#[derive(Debug, Clone)]
struct Sent {
    method: &'static str,
    path: String,
    content_type: Option<&'static str>,
    target: Option<String>,
    body: Vec<u8>,
}

/// The body of an answer. It may hold a secret: it is not shown, and overwritten when it is dropped.
pub(in crate::aws) struct Body(Zeroizing<Vec<u8>>);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Signed {
    /// A client with the SDK's configuration. Nothing is asked of AWS yet.
    pub(in crate::aws) fn new(region: &str, config: &SdkConfig, calls: CallCounter) -> Self {
        Self {
            region: region.to_owned(),
            config: config.clone(),
            // One for all calls, so that they share connections.
            http: config.http_client().or_else(default_http_client),
            identity: config.credentials_provider().map(SharedIdentityResolver::new),
            identities: config.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build()),
            calls,
        }
    }

    /// The same in another Region.
    pub(in crate::aws) fn in_region(&self, region: &str) -> Self {
        Self { region: region.to_owned(), ..self.clone() }
    }

    /// All entries of a list of EC2, over all its pages.
    ///
    /// # Errors
    /// [`Failure`], after the retries.
    pub(in crate::aws) async fn ec2_list(
        &self,
        action: &'static str,
        mut parameters: Vec<(String, String)>,
        list: &str,
    ) -> Result<Vec<Element>, Failure> {
        let mut found = Vec::new();
        let fixed = parameters.len();
        loop {
            let page = self.query(EC2, action, &parameters).await?;
            found.extend(page.items(list).cloned());
            let Some(token) = page.text("nextToken") else { return Ok(found) };
            parameters.truncate(fixed);
            parameters.push(("NextToken".to_owned(), token.to_owned()));
        }
    }

    /// One call of a Query API: the parameters as AWS names them, e.g. `SubnetId.1`.
    ///
    /// # Errors
    /// [`Failure`], after the retries.
    pub(in crate::aws) async fn query(
        &self,
        api: Api,
        action: &'static str,
        parameters: &[(String, String)],
    ) -> Result<Element, Failure> {
        let Protocol::Query(version) = api.protocol else { return Err(wrong_protocol(api, action)) };
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", version)
            .extend_pairs(parameters)
            .finish();
        let sent = Sent {
            method: "POST",
            path: "/".to_owned(),
            content_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
            target: None,
            body: body.into_bytes(),
        };
        let Body(answer) = self.send(api, action, sent).await?;
        let strange = |why: String| Failure::strange(&name(api, action), why);
        let answer = std::str::from_utf8(&answer).map_err(|error| strange(error.to_string()))?;
        Element::parse(answer).map_err(strange)
    }

    /// One call of a JSON API.
    ///
    /// # Errors
    /// [`Failure`], after the retries.
    pub(in crate::aws) async fn json(
        &self,
        api: Api,
        operation: &'static str,
        input: &Value,
    ) -> Result<Value, Failure> {
        parsed(api, operation, &self.json_bytes(api, operation, input).await?)
    }

    /// One call of a JSON API whose answer holds a secret: nobody but the caller copies it.
    ///
    /// # Errors
    /// [`Failure`], after the retries.
    pub(in crate::aws) async fn json_bytes(
        &self,
        api: Api,
        operation: &'static str,
        input: &Value,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let Protocol::Json(target) = api.protocol else { return Err(wrong_protocol(api, operation)) };
        let sent = Sent {
            method: "POST",
            path: "/".to_owned(),
            content_type: Some("application/x-amz-json-1.1"),
            target: Some(format!("{target}.{operation}")),
            body: input.to_string().into_bytes(),
        };
        Ok(self.send(api, operation, sent).await?.0)
    }

    /// One reading call of a REST API: its path and its query.
    ///
    /// # Errors
    /// [`Failure`], after the retries.
    pub(in crate::aws) async fn get(
        &self,
        api: Api,
        operation: &'static str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, Failure> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let sent = Sent { method: "GET", path, content_type: None, target: None, body: Vec::new() };
        parsed(api, operation, &self.send(api, operation, sent).await?.0)
    }

    async fn send(&self, api: Api, operation: &'static str, sent: Sent) -> Result<Body, Failure> {
        let name = name(api, operation);
        let endpoint = Endpoint::of(&api, &self.region, &self.config);
        let Some(identity) = self.identity.clone() else {
            let message = "no AWS credentials are configured".to_owned();
            return Err(Failure { operation: name, message, ..Failure::default() });
        };
        let mut components = RuntimeComponentsBuilder::new("signed");
        components
            .set_http_client(self.http.clone())
            .set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
                StaticAuthSchemeOptionResolver::new(vec![SCHEME]),
            )))
            .push_auth_scheme(Signer { service: api.prefix, region: endpoint.region })
            .set_identity_cache(Some(self.identities.clone()))
            .set_identity_resolver(SCHEME, identity);
        let mut layer = Layer::new("signed");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        let auth = StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);
        let protocol = api.protocol;
        let failed = name.clone();
        let call = Operation::builder()
            .service_name(api.prefix)
            .operation_name(Cow::Borrowed(operation))
            .behavior_version(BehaviorVersion::latest())
            .runtime_plugin(auth)
            .endpoint_url(&endpoint.url)
            .standard_retry(&RetryConfig::standard().with_max_attempts(4))
            .retry_classifier(ModeledAsRetryableClassifier::<Failure>::new())
            .retry_classifier(TransientErrorClassifier::<Failure>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(4))
                    .operation_attempt_timeout(Duration::from_secs(10))
                    .operation_timeout(Duration::from_secs(30))
                    .build(),
            )
            .with_connection_poisoning()
            .interceptor(self.calls.clone())
            .serializer(|sent: Sent| request(sent))
            .deserializer(move |answer: &HttpResponse| {
                if answer.status().is_success() {
                    Ok(Body(Zeroizing::new(answer.body().bytes().unwrap_or_default().to_vec())))
                } else {
                    Err(OrchestratorError::operation(Failure::of_answer(&failed, protocol, answer)))
                }
            })
            .build();
        call.invoke(sent).await.map_err(|error| Failure::of_machinery(&name, error))
    }
}

/// `ec2:DescribeSubnets`
fn name(api: Api, operation: &str) -> String {
    format!("{}:{operation}", api.prefix)
}

/// Not reached: the constants of the APIs and their callers belong together.
fn wrong_protocol(api: Api, operation: &str) -> Failure {
    let message = "is spoken in another protocol".to_owned();
    Failure { operation: name(api, operation), message, ..Failure::default() }
}

fn parsed(api: Api, operation: &str, body: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::strange(&name(api, operation), error))
}

fn request(sent: Sent) -> Result<HttpRequest, aws_smithy_runtime_api::box_error::BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(sent.body));
    request.set_method(sent.method)?;
    request.set_uri(sent.path)?;
    let headers = request.headers_mut();
    headers.try_insert("user-agent", concat!("landfall/", env!("CARGO_PKG_VERSION")))?;
    if let Some(content_type) = sent.content_type {
        headers.try_insert("content-type", content_type)?;
    }
    if let Some(target) = sent.target {
        headers.try_insert("x-amz-target", target)?;
    }
    Ok(request)
}

/// What the SDK's own clients get where nobody gave them one: its proxy settings are the environment's.
fn default_http_client() -> Option<SharedHttpClient> {
    let plugin = default_http_client_plugin_v2(BehaviorVersion::latest())?;
    plugin.runtime_components(&RuntimeComponentsBuilder::new("signed")).http_client()
}
