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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::config::{Overrides, load};

    /// The probe of a configuration file, with `URL` replaced.
    fn requester(probe: &str, url: &str) -> Requester {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("landfall.yml");
        let probe = probe.replace("URL", url);
        let text = format!("version: 1\ncluster: c\nservices:\n  api:\n    probe: {probe}\n");
        std::fs::write(&file, text).unwrap();
        let config = load(Some(&file), &Overrides::default(), &HashMap::new()).unwrap();
        Requester::new(config.services[0].probe.as_ref().unwrap()).unwrap()
    }

    async fn listen() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/health", listener.local_addr().unwrap());
        (listener, url)
    }

    /// The head of the next request, and where its answer goes.
    async fn next(listener: &TcpListener) -> (String, TcpStream) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (String::from_utf8(head).unwrap(), stream)
    }

    /// What one request comes to when the server answers with these bytes and closes.
    async fn answered(probe: &str, answer: &[u8]) -> Result<(), String> {
        let (listener, url) = listen().await;
        let requester = requester(probe, &url);
        let serve = async {
            let (_, mut stream) = next(&listener).await;
            // One who has read enough may be gone.
            let _ = stream.write_all(answer).await;
        };
        tokio::join!(requester.send(), serve).0
    }

    #[tokio::test]
    async fn statuses_are_judged_by_what_is_expected() {
        let status = async |probe: &str, status: &str| {
            let answer = format!(
                "HTTP/1.1 {status} x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nok"
            );
            answered(probe, answer.as_bytes()).await
        };
        let any = "{ url: URL }";
        assert_eq!(status(any, "200").await, Ok(()));
        // It is not followed: nobody listens there.
        assert_eq!(status(any, "302").await, Ok(()));
        assert_eq!(status("{ url: URL, expect: 200-299 }", "302").await, Err("HTTP 302".to_owned()));
        assert_eq!(status("{ url: URL, expect: '200, 404' }", "404").await, Ok(()));
        assert_eq!(status(any, "503").await, Err("HTTP 503".to_owned()));
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_none() {
        let any = "{ url: URL }";
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "the answer broke off"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "the answer broke off"),
            ("HTTP/1.1 200 OK\r\nConte", "connection closed before an answer"),
            ("", "connection closed before an answer"),
        ] {
            assert_eq!(answered(any, answer.as_bytes()).await, Err(expected.to_owned()), "{answer:?}");
        }
        // Without a length, the end of the connection is the end of the answer.
        assert_eq!(answered(any, b"HTTP/1.1 200 OK\r\n\r\nok").await, Ok(()));
    }

    #[tokio::test]
    async fn more_than_a_mebibyte_is_not_read() {
        let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n".to_vec();
        answer.resize(answer.len() + 2 * BODY_LIMIT, b'x');
        assert_eq!(answered("{ url: URL }", &answer).await, Ok(()));
    }

    #[tokio::test]
    async fn nobody_listening_is_told_as_such() {
        let (listener, url) = listen().await;
        let requester = requester("{ url: URL }", &url);
        drop(listener);
        assert_eq!(requester.send().await, Err("connection refused".to_owned()));
    }

    #[tokio::test]
    async fn a_reset_is_told_as_such() {
        let (listener, url) = listen().await;
        let requester = requester("{ url: URL }", &url);
        let serve = async {
            // Closing with something unread resets the connection.
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_u8().await.unwrap();
        };
        assert_eq!(tokio::join!(requester.send(), serve).0, Err("connection reset".to_owned()));
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_is_no_connection() {
        let (listener, url) = listen().await;
        let requester = requester("{ url: URL }", &url.replace("http:", "https:"));
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        };
        assert_eq!(tokio::join!(requester.send(), serve).0, Err("no connection".to_owned()));
    }

    #[tokio::test]
    async fn every_request_has_a_connection_of_its_own_and_the_headers_that_were_asked_for() {
        let (listener, url) = listen().await;
        let url = url.replace("http://", "http://me:pass@") + "?key=1";
        let requester = requester("{ url: 'URL', headers: { X-Token: t, Host: api.example.com } }", &url);
        let serve = async {
            let (mut heads, mut open) = (Vec::new(), Vec::new());
            for _ in 0..2 {
                // Had the second request come over the first one's connection, no second would be accepted.
                let (head, mut stream) = next(&listener).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                heads.push(head);
                open.push(stream);
            }
            heads
        };
        let send = async {
            assert_eq!(requester.send().await, Ok(()));
            assert_eq!(requester.send().await, Ok(()));
        };
        let ((), heads) = tokio::join!(send, serve);
        for head in heads {
            let lower = head.to_lowercase();
            assert!(head.starts_with("GET /health?key=1 HTTP/1.1\r\n"), "{head}");
            for line in ["connection: close", "x-token: t", "host: api.example.com", "authorization: basic "]
            {
                assert_eq!(lower.matches(&format!("\r\n{line}")).count(), 1, "{line} in {head}");
            }
        }
    }
}
