//! JSON bodies as they are: what the SDK's typed builders and outputs would drop passes through.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

use crate::error::{Error, Result};

/// Keeps the bytes of a response. Register a clone as the operation's interceptor.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawResponse {
    body: Arc<Mutex<Option<Vec<u8>>>>,
}

impl RawResponse {
    /// The response's body as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::error::ErrorKind::Internal) where there was none.
    pub(crate) fn json(&self) -> Result<Value> {
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        let body = body.ok_or_else(|| Error::internal("the SDK kept no response body"))?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::internal("AWS answered with something that is not JSON").source(error))
    }
}

#[dyn_dispatch_hint]
impl Intercept for RawResponse {
    fn name(&self) -> &'static str {
        "RawResponse"
    }

    // The body is loaded only now; `read_before_deserialization` would see a stream.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(bytes) = context.response().body().bytes() {
            *self.body.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.to_vec());
        }
        Ok(())
    }
}

/// Puts `body` in the place of what the typed builder serialised. Runs before signing.
pub(crate) fn replace_body(request: &mut Request, body: &Value) {
    let bytes = body.to_string().into_bytes();
    request.headers_mut().insert("content-length", bytes.len().to_string());
    *request.body_mut() = SdkBody::from(bytes);
}
