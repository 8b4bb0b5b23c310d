//! [`Reference`]: `host/repository[:tag][@digest]`.

use std::fmt;
use std::str::FromStr;

use super::digest;
use crate::error::{Error, Result};

/// The host that a reference without one means.
pub(super) const DOCKER_HUB: &str = "docker.io";

/// Names an image in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// With its port, if any: `localhost:4566`.
    pub host: String,
    /// `foobar/api`
    pub repository: String,
    /// `v2`; nothing is assumed where there is none.
    pub tag: Option<String>,
    /// `sha256:...`
    pub digest: Option<String>,
}

/// Which account's ECR registry a host name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrHost {
    /// Twelve digits.
    pub account: String,
    /// `ap-northeast-2`
    pub region: String,
}

impl Reference {
    /// `host/repository@digest`: what a task definition gets.
    pub fn with_digest(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.host, self.repository)
    }

    /// What ECR's host name says, where the host is one: `<account>.dkr.ecr[-fips].<region>.amazonaws.com`,
    /// its Chinese form, and the dual-stack `<account>.dkr-ecr[-fips].<region>.on.aws` (AWS facts 6.1).
    pub fn is_ecr(&self) -> Option<EcrHost> {
        let (account, rest) = self.host.split_once('.')?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let region = strip_either(rest, "dkr.ecr.", "dkr.ecr-fips.")
            .and_then(|rest| strip_suffix_of(rest, &[".amazonaws.com", ".amazonaws.com.cn"]))
            .or_else(|| {
                strip_either(rest, "dkr-ecr.", "dkr-ecr-fips.")
                    .and_then(|rest| strip_suffix_of(rest, &[".on.aws", ".on.amazonwebservices.com.cn"]))
            })?;
        let plausible =
            !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plausible.then(|| EcrHost { account: account.to_owned(), region: region.to_owned() })
    }

    /// The last part of a manifest's URL: the digest where there is one, else the tag, else `latest`.
    pub(super) fn manifest_name(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }
}

fn strip_either<'a>(text: &'a str, one: &str, other: &str) -> Option<&'a str> {
    text.strip_prefix(one).or_else(|| text.strip_prefix(other))
}

fn strip_suffix_of<'a>(text: &'a str, suffixes: &[&str]) -> Option<&'a str> {
    suffixes.iter().find_map(|suffix| text.strip_suffix(suffix))
}

impl FromStr for Reference {
    type Err = Error;

    /// Reads a reference as Docker does: without a host it means Docker Hub, and there without a slash
    /// the repository is below `library/`.
    ///
    /// # Errors
    ///
    /// Usage, naming the part that is wrong.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::usage(format!("`{text}` is not an image reference: {what}"))
                .hint("write it as `host/repository:tag`, for example `123456789012.dkr.ecr.us-east-1.amazonaws.com/api:v2`")
        };
        if text.contains("://") {
            return Err(wrong("it is a URL; leave the `scheme://` out"));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        if digest.is_some_and(|digest| digest::hex_part(digest).is_none()) {
            return Err(wrong("after `@` comes `sha256:` and 64 lower-case hexadecimal digits"));
        }
        let (host, path) = match name.split_once('/') {
            // A first part with neither dot nor port is a folder of Docker Hub, not a host.
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (DOCKER_HUB, name),
        };
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (path, None),
        };
        if !is_host(host) {
            return Err(wrong("its host is not a host name with an optional port"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong(
                "a tag has 1 to 128 letters, digits, `_`, `.` and `-`, and starts with neither `.` nor `-`",
            ));
        }
        if path.len() > 255 || !path.split('/').all(is_path_part) {
            return Err(wrong(
                "a repository has lower-case letters and digits, joined by `.`, `_`, `__`, `-` or `/`",
            ));
        }
        let repository = if host == DOCKER_HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        Ok(Self {
            host: host.to_owned(),
            repository,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// A host name, an IPv4 address or a bracketed IPv6 address, with an optional port.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    let port_is_good = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let name_is_good = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
        }
    };
    port_is_good && name_is_good
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
        && text.bytes().next().is_some_and(word)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, from the OCI distribution specification.
fn is_path_part(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends_are_good =
        text.bytes().next().is_some_and(alphanumeric) && text.bytes().next_back().is_some_and(alphanumeric);
    ends_are_good
        && text
            .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
            .all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn references_are_read_as_docker_reads_them() {
        let with_digest = format!("1234.dkr.ecr.us-east-1.amazonaws.com/a/b@{DIGEST}");
        let all_parts = format!("localhost/a/b:v1@{DIGEST}");
        let cases = [
            ("localhost:4566/hello:v2", "localhost:4566", "hello", Some("v2"), None),
            (&with_digest, "1234.dkr.ecr.us-east-1.amazonaws.com", "a/b", None, Some(DIGEST)),
            ("busybox", "docker.io", "library/busybox", None, None),
            ("busybox:1.36", "docker.io", "library/busybox", Some("1.36"), None),
            ("team/app", "docker.io", "team/app", None, None),
            ("[::1]:5000/app:x", "[::1]:5000", "app", Some("x"), None),
            ("[::1]/app", "[::1]", "app", None, None),
            (&all_parts, "localhost", "a/b", Some("v1"), Some(DIGEST)),
        ];
        for (text, host, repository, tag, digest) in cases {
            let read: Reference = text.parse().unwrap();
            assert_eq!((read.host.as_str(), read.repository.as_str()), (host, repository), "{text}");
            assert_eq!((read.tag.as_deref(), read.digest.as_deref()), (tag, digest), "{text}");
            let again: Reference = read.to_string().parse().unwrap();
            assert_eq!(again, read);
        }
    }

    #[test]
    fn what_is_not_a_reference_is_refused() {
        let long_tag = format!("a:{}", "x".repeat(129));
        for text in [
            "",
            "https://localhost/a",
            "localhost:5000/",
            "localhost:port/a",
            "localhost/A",
            "localhost/a//b",
            "localhost/../b",
            "localhost/a-",
            "localhost/a._b",
            "localhost/a:.v",
            "localhost/a:",
            "localhost/a@sha256:abc",
            "ho st.com/a",
            &long_tag,
        ] {
            let error = text.parse::<Reference>().unwrap_err();
            assert_eq!(error.kind(), crate::error::ErrorKind::Usage, "{text}");
            assert!(error.hint_text().is_some());
        }
    }

    #[test]
    fn ecr_hosts_say_their_account_and_region() {
        let ecr = |host: &str| {
            let reference: Reference = format!("{host}/a").parse().unwrap();
            reference.is_ecr().map(|ecr| format!("{} {}", ecr.account, ecr.region))
        };
        for (host, region) in [
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "us-east-1"),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("123456789012.dkr-ecr.eu-west-3.on.aws", "eu-west-3"),
        ] {
            assert_eq!(ecr(host), Some(format!("123456789012 {region}")), "{host}");
        }
        for host in [
            "public.ecr.aws",
            "localhost:4566",
            "1234.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example",
            "123456789012.dkr.ecr.evil.example.amazonaws.com",
        ] {
            assert_eq!(ecr(host), None, "{host}");
        }
    }

    #[test]
    fn a_digest_replaces_the_tag() {
        let reference: Reference = "localhost:4566/hello:v2".parse().unwrap();
        assert_eq!(reference.with_digest(DIGEST), format!("localhost:4566/hello@{DIGEST}"));
    }
}
