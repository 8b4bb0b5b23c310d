//! [`Http`]: the HTTP clients of one registry.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::redirect;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Url};

use crate::error::{Error, Result};

/// Sent with every request.
pub(in crate::image) const USER_AGENT: &str = concat!("landfall/", env!("CARGO_PKG_VERSION"));

const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Speaks HTTP to one registry, and to where it leads. Clones share connections.
///
/// Reading the machine's certificates takes longer than a whole push of what is there already, so that a registry on
/// loopback is spoken to without them.
#[derive(Debug, Clone)]
pub(super) struct Http {
    plain: Client,
    secure: Arc<OnceLock<Client>>,
    proxy: bool,
}

impl Http {
    /// # Errors
    ///
    /// Internal when the machine's TLS cannot be set up.
    pub(super) fn new(base: &Url, proxy: bool) -> Result<Self> {
        let failed = |error| Error::internal("cannot set up an HTTP client").source(error);
        let plain = builder(proxy).tls_certs_only([]).build().map_err(failed)?;
        let secure = OnceLock::new();
        if base.scheme() == "https" {
            // It is empty.
            let _ = secure.set(builder(proxy).build().map_err(failed)?);
        }
        Ok(Self { plain, secure: Arc::new(secure), proxy })
    }

    /// A request to any address.
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let client = if url.scheme() == "https" {
            // Without certificates no one can be trusted, and the request says so.
            self.secure.get_or_init(|| builder(self.proxy).build().unwrap_or_else(|_| self.plain.clone()))
        } else {
            &self.plain
        };
        client.request(method, url)
    }

    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        self.request(Method::POST, url)
    }
}

fn builder(proxy: bool) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_LIMIT)
        // A redirect of an upload cannot be followed with a body that streams, and one of a HEAD is an answer in
        // itself.
        .redirect(redirect::Policy::none());
    if proxy { builder } else { builder.no_proxy() }
}
