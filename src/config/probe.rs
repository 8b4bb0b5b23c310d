//! The probe of a service: how `landfall.yml` and flags write it, and what is made of that.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use indexmap::IndexMap;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Url};
use schemars::JsonSchema;
use serde::Deserialize;

use super::file::Scalar;
use super::values::duration;
use crate::error::{Error, Result};
use crate::secret::Secret;

const DEFAULT_INTERVAL: Duration = Duration::from_millis(500);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// A probe is no load test.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);
const EXPECTED: RangeInclusive<u16> = 200..=399;

/// Requests that go on throughout a rollout, to prove that none is lost.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeEntry {
    /// `http://` or `https://` address, as a visitor would use it; a redirect is not followed.
    pub url: Option<String>,
    /// From one request to the next; default: `500ms`.
    pub interval: Option<String>,
    /// How long an answer may take; default: `5s`.
    pub timeout: Option<String>,
    /// Statuses that count as an answer: `200`, `200-399` (the default), or several with commas between them.
    pub expect: Option<Scalar>,
    /// Default: `GET`.
    pub method: Option<String>,
    /// Headers to send: name -> value. `Host` replaces that of the address.
    #[serde(default)]
    pub headers: IndexMap<String, Scalar>,
    /// `landfall.yml:7`, for messages.
    #[serde(skip)]
    pub(super) written_at: Option<String>,
}

/// What flags say about probes.
#[derive(Debug, Clone, Default)]
pub struct ProbeOverrides {
    /// The address; it may hold a password.
    pub url: Option<Secret>,
    /// From one request to the next, for every probe of the run.
    pub interval: Option<String>,
}

/// Requests that go on throughout a rollout.
#[derive(Debug, Clone)]
pub struct ProbeConfig {
    /// Where they go.
    pub url: ProbeUrl,
    /// From one request to the next.
    pub interval: Duration,
    /// From a request to the end of its answer.
    pub timeout: Duration,
    /// The statuses that count as an answer.
    pub expect: Vec<RangeInclusive<u16>>,
    /// How to ask.
    pub method: Method,
    /// Sent with each request; values may be tokens.
    pub headers: Vec<(HeaderName, Secret)>,
}

/// The address of a probe. Whoever shows it shows it without user, password and query, which may be secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ProbeUrl(Url);

impl ProbeUrl {
    /// With everything in it. Each call is a place to look at when a password leaks.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// Whether it is on this machine, by its host alone.
    pub fn is_local(&self) -> bool {
        self.0.host_str().is_some_and(|host| {
            let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
            host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
        })
    }

    fn read(place: &str, text: &str) -> Result<Self> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            // What was written is not repeated: it may hold a password.
            .ok_or_else(|| {
                Error::usage(format!("{place} is no HTTP address"))
                    .hint("Write it as https://HOST/PATH, for example https://api.example.com/health.")
            })?;
        Ok(Self(url))
    }
}

impl fmt::Display for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // Neither can fail: an HTTP address has a host.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
        shown.set_fragment(None);
        shown.set_query(None);
        write!(f, "{shown}")
    }
}

impl fmt::Debug for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl ProbeEntry {
    /// Every text in which expressions are replaced.
    pub(super) fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let Self { url, interval, timeout, expect, method, headers, written_at: _ } = self;
        let own = [url, interval, timeout, method].into_iter().flatten();
        own.chain(expect.as_mut().map(Scalar::text_mut)).chain(headers.values_mut().map(Scalar::text_mut))
    }
}

impl ProbeOverrides {
    /// Lays itself over what the file says of a service; `place` is the key there.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage). No value that may be secret is in it.
    pub(super) fn apply(&self, entry: Option<ProbeEntry>, place: &str) -> Result<Option<ProbeConfig>> {
        if entry.is_none() && self.url.is_none() {
            return Ok(None);
        }
        let entry = entry.unwrap_or_default();
        let place = &match &entry.written_at {
            Some(written_at) => format!("{written_at}: {place}"),
            None => place.to_owned(),
        };
        let Some(url) = self.url.as_ref().map(Secret::expose).or(entry.url.as_deref()) else {
            return Err(Error::usage(format!("{place} has no url"))
                .hint("Say where the requests go: `url: https://HOST/PATH`."));
        };
        let time = |key: &str, text: Option<&str>, default| {
            text.map_or(Ok(default), |text| duration(&format!("{place}.{key}"), text))
        };
        let interval =
            time("interval", self.interval.as_deref().or(entry.interval.as_deref()), DEFAULT_INTERVAL)?;
        if interval < SHORTEST_INTERVAL {
            return Err(Error::usage(format!("{place}.interval is shorter than 50ms"))
                .hint("A probe is no load test: 500ms is the default."));
        }
        Ok(Some(ProbeConfig {
            url: ProbeUrl::read(&format!("{place}.url"), url)?,
            interval,
            timeout: time("timeout", entry.timeout.as_deref(), DEFAULT_TIMEOUT)?,
            expect: entry
                .expect
                .map_or(Ok(vec![EXPECTED]), |text| statuses(&format!("{place}.expect"), &text.into_text()))?,
            method: method(place, entry.method.as_deref().unwrap_or("GET"))?,
            headers: entry
                .headers
                .into_iter()
                .map(|(name, value)| header(place, &name, value))
                .collect::<Result<_>>()?,
        }))
    }
}

/// `200`, `200-399`, `200-299, 404`
fn statuses(place: &str, text: &str) -> Result<Vec<RangeInclusive<u16>>> {
    let status = |text: &str| text.trim().parse().ok().filter(|status| (100..=599).contains(status));
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = status(first)?..=status(last)?;
        (!range.is_empty()).then_some(range)
    };
    text.split(',').map(range).collect::<Option<Vec<_>>>().ok_or_else(|| {
        Error::usage(format!("{place}: `{text}` is no range of HTTP statuses"))
            .hint("Write 200, 200-399, or several with commas between them: 200-299,404.")
    })
}

fn method(place: &str, text: &str) -> Result<Method> {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST]
        .into_iter()
        .find(|method| method.as_str() == text)
        .ok_or_else(|| {
            Error::usage(format!("{place}.method: `{text}` is no method of a probe"))
                .hint("Write GET, HEAD, OPTIONS or POST.")
        })
}

fn header(place: &str, name: &str, value: Scalar) -> Result<(HeaderName, Secret)> {
    let parsed = name.parse::<HeaderName>().map_err(|_| {
        Error::usage(format!("{place}.headers: `{name}` is no name of a header"))
            .hint("Write it as in HTTP: letters, digits and hyphens.")
    })?;
    let value = Secret::new(value.into_text());
    if HeaderValue::from_str(value.expose()).is_err() {
        return Err(Error::usage(format!("{place}.headers.{name} has characters that no header can have"))
            .hint("It must be one line of text. What was given is not repeated here: it may be a secret."));
    }
    Ok((parsed, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(yaml: &str, flags: &ProbeOverrides) -> Result<Option<ProbeConfig>> {
        let entry = (!yaml.is_empty()).then(|| serde_saphyr::from_str(yaml).unwrap());
        flags.apply(entry, "services.api.probe")
    }

    #[test]
    fn a_url_is_enough() {
        let found = probe("url: https://api.example.com/health", &ProbeOverrides::default());
        let found = found.unwrap().unwrap();
        assert_eq!((found.interval, found.timeout), (DEFAULT_INTERVAL, DEFAULT_TIMEOUT));
        assert_eq!((found.expect, found.method), (vec![200..=399], Method::GET));
        assert_eq!(found.url.to_string(), "https://api.example.com/health");
        assert!(probe("", &ProbeOverrides { interval: Some("1s".into()), url: None }).unwrap().is_none());
    }

    #[test]
    fn flags_replace_the_url_and_the_interval_and_leave_the_rest() {
        let flags =
            ProbeOverrides { url: Some(Secret::new("http://10.0.0.1/")), interval: Some("2s".into()) };
        let found = probe("{url: 'https://a/', timeout: 1s, expect: 204}", &flags).unwrap().unwrap();
        assert_eq!(found.url.to_string(), "http://10.0.0.1/");
        assert_eq!((found.interval, found.timeout), (Duration::from_secs(2), Duration::from_secs(1)));
        assert_eq!(found.expect, [204..=204]);
    }

    #[test]
    fn neither_passwords_nor_queries_nor_headers_are_shown() {
        let yaml = "{url: 'https://me:canary-1@a/h?key=canary-2#x', headers: {Authorization: canary-3}}";
        let found = probe(yaml, &ProbeOverrides::default()).unwrap().unwrap();
        assert_eq!(found.url.to_string(), "https://a/h");
        assert_eq!(found.url.expose().password(), Some("canary-1"));
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_without_repeating_a_secret() {
        for (yaml, expected) in [
            ("interval: 1s", "services.api.probe has no url"),
            ("url: 'ftp://canary/'", "no HTTP address"),
            ("url: 'user:canary@host'", "no HTTP address"),
            ("{url: 'http://a', interval: 49ms}", "interval is shorter than 50ms"),
            ("{url: 'http://a', timeout: soon}", "services.api.probe.timeout: `soon`"),
            ("{url: 'http://a', expect: 399-200}", "no range of HTTP statuses"),
            ("{url: 'http://a', expect: ok}", "no range of HTTP statuses"),
            ("{url: 'http://a', method: DELETE}", "`DELETE`"),
            ("{url: 'http://a', headers: {'a b': x}}", "`a b`"),
            ("{url: 'http://a', headers: {x: \"canary\\nb\"}}", "headers.x has characters"),
        ] {
            let error = probe(yaml, &ProbeOverrides::default()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint_text().is_some() && !error.full_message().contains("canary"), "{error}");
        }
    }

    #[test]
    fn several_statuses_can_be_expected() {
        assert_eq!(statuses("x", "200-299, 404").unwrap(), [200..=299, 404..=404]);
    }
}
