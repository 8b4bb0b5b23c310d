//! Image references as tasks name them.

/// `host/repository[:tag][@digest]`, with Docker's defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageReference {
    pub(crate) host: String,
    pub(crate) repository: String,
    pub(crate) tag: Option<String>,
    pub(crate) digest: Option<String>,
}

impl ImageReference {
    pub(crate) fn parse(text: &str) -> ImageReference {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        let (rest, tag) = match rest.rsplit_once(':') {
            // A colon before the last slash belongs to the host's port.
            Some((before, tag)) if !tag.contains('/') => (before, Some(tag.to_owned())),
            _ => (rest, None),
        };
        let (host, repository) = match rest.split_once('/') {
            Some((host, repository)) if host.contains(['.', ':']) || host == "localhost" => {
                (host, repository)
            }
            _ => ("docker.io", rest),
        };
        ImageReference { host: host.to_owned(), repository: repository.to_owned(), tag, digest }
    }

    /// The digest, or else the tag (`latest` when neither is given).
    pub(crate) fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_hosts_with_ports_tags_and_digests() {
        let image = ImageReference::parse("127.0.0.1:5000/team/api:v1@sha256:ab");
        assert_eq!((image.host.as_str(), image.repository.as_str()), ("127.0.0.1:5000", "team/api"));
        assert_eq!((image.tag.as_deref(), image.version()), (Some("v1"), "sha256:ab"));
        let image = ImageReference::parse("127.0.0.1:5000/api");
        assert_eq!((image.repository.as_str(), image.version()), ("api", "latest"));
        let image = ImageReference::parse("nginx:1.27");
        assert_eq!(
            (image.host.as_str(), image.repository.as_str(), image.version()),
            ("docker.io", "nginx", "1.27")
        );
    }
}
