//! [`Requester`]: one request of a probe, as a new visitor would make it.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use reqwest::header::{CONNECTION, HeaderMap, HeaderValue};
use reqwest::{Client, redirect, retry};

use crate::config::ProbeConfig;
use crate::error::{Error, Result};

/// More of an answer is not read.
const BODY_LIMIT: usize = 1024 * 1024;

/// Sends requests, each with a lookup of the name and a connection of its own.
#[derive(Debug)]
pub(super) struct Requester {
    client: Client,
    config: ProbeConfig,
}

impl Requester {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where this machine cannot make such requests, as one without
    /// certificates for `https://`.
    pub fn new(config: &ProbeConfig) -> Result<Self> {
        let mut headers = HeaderMap::new();
        // The server need not hold a connection that no second request comes over.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        for (name, value) in &config.headers {
            // The configuration has seen that it can be one.
            if let Ok(mut value) = HeaderValue::from_str(value.expose()) {
                value.set_sensitive(true);
                headers.append(name.clone(), value);
            }
        }
        // Without a pool no connection is used again, and each new one looks the name up: neither reqwest nor hyper
        // remembers addresses.
        let builder = Client::builder()
            .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none())
            .retry(retry::never());
        let builder = if config.url.is_local() { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| {
            Error::usage(format!("the probe of {} cannot be sent from here", config.url))
                .source(error.without_url())
        })?;
        Ok(Self { client, config: config.clone() })
    }

    /// Sends one and reads its answer to the end.
    ///
    /// # Errors
    /// What was not as expected, in a few words in which nothing of the address or the answer stands.
    pub async fn send(&self) -> Result<(), String> {
        let url = self.config.url.expose().clone();
        let request = self.client.request(self.config.method.clone(), url);
        let mut answer = request.send().await.map_err(|error| failure(&error))?;
        let mut read = 0;
        while let Some(part) = answer.chunk().await.map_err(|error| cut(&error))? {
            read += part.len();
            if read > BODY_LIMIT {
                break;
            }
        }
        let status = answer.status().as_u16();
        if self.config.expect.iter().any(|range| range.contains(&status)) {
            Ok(())
        } else {
            Err(format!("HTTP {status}"))
        }
    }

    /// From a request to the end of its answer.
    pub fn limit(&self) -> Duration {
        self.config.timeout
    }
}

/// Why there was no answer.
fn failure(error: &reqwest::Error) -> String {
    let causes = || std::iter::successors(error.source(), |cause| (*cause).source());
    let told = || causes().map(ToString::to_string);
    if let Some(kind) = causes().find_map(io_kind) {
        match kind {
            io::ErrorKind::ConnectionRefused => return "connection refused".to_owned(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                return "connection reset".to_owned();
            }
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                return "host unreachable".to_owned();
            }
            io::ErrorKind::TimedOut => return "timed out".to_owned(),
            _ => {}
        }
    }
    if told().any(|text| text.contains("certificate")) {
        return "the certificate is not trusted".to_owned();
    }
    if told().any(|text| text.contains("dns error")) {
        return "the name was not found".to_owned();
    }
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    if error.is_connect() {
        return "no connection".to_owned();
    }
    "connection closed before an answer".to_owned()
}

/// Why an answer did not come to its end.
fn cut(error: &reqwest::Error) -> String {
    if error.is_timeout() { "timed out".to_owned() } else { "the answer broke off".to_owned() }
}

/// An I/O error can be wrapped in others of its kind, which have no kind of their own.
fn io_kind(cause: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    cause.downcast_ref::<io::Error>().map(io::Error::kind).filter(|kind| *kind != io::ErrorKind::Other)
}
