//! [`Source`]: where an image comes from, as written in the configuration.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::reference::Reference;
use crate::error::{Error, Result};

const KNOWN: &str = "`docker:NAME[:TAG]`, `docker-archive:FILE[:REF]`, `oci-archive:FILE[:REF]`, `oci:DIR[:REF]`, \
     `registry:HOST/REPOSITORY:TAG`, or `-` for an archive on standard input";

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `oci:DIR[:REF]`: a directory in the OCI image layout.
    OciLayout {
        /// The directory.
        dir: PathBuf,
        /// Which image, where the layout holds several: its `org.opencontainers.image.ref.name`, its
        /// full name as buildx writes it, or its digest.
        reference: Option<String>,
    },
    /// `oci-archive:FILE[:REF]`: the same in a tar archive, which may be compressed.
    OciArchive {
        /// The archive.
        file: PathBuf,
        /// As in a directory.
        reference: Option<String>,
    },
    /// `docker-archive:FILE[:REF]`: what `docker save` writes; it may be compressed.
    DockerArchive {
        /// The archive.
        file: PathBuf,
        /// Which image, where the archive holds several: `name:tag`.
        reference: Option<String>,
    },
    /// `registry:REF`: an image of another repository or registry.
    Registry(Reference),
    /// `-`: an archive of either kind on standard input.
    Stdin,
    /// `docker:NAME[:TAG]`: an image of a Docker engine (or podman's API).
    Docker {
        /// A name, a name with a tag, or an image id.
        name: String,
    },
}

/// What decides which Docker engine is meant, as for the `docker` command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DockerOptions {
    /// Have every image exported, also where the engine's storage could be read.
    pub never_read_store: bool,
    /// The value of `DOCKER_HOST`; `None` means the engine of the context, or a default socket.
    pub host: Option<String>,
    /// The value of `DOCKER_CONTEXT`; `None` means the current context of `config.json`.
    pub context: Option<String>,
    /// The folder with `config.json` and `contexts`.
    pub config_folder: Option<PathBuf>,
    /// Whether `DOCKER_TLS_VERIFY` is set: `DOCKER_HOST` is spoken to over TLS.
    pub tls_verify: bool,
    /// The value of `DOCKER_CERT_PATH`; `None` means `config_folder`.
    pub cert_path: Option<PathBuf>,
    /// The value of `XDG_RUNTIME_DIR`, below which podman listens.
    pub runtime_dir: Option<PathBuf>,
}

impl FromStr for Source {
    type Err = Error;

    /// Reads `PREFIX:REST`.
    ///
    /// # Errors
    ///
    /// Usage, naming the prefixes that are known.
    fn from_str(text: &str) -> Result<Self> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        let unknown = || {
            Error::usage(format!("image source `{text}` does not start with a known prefix"))
                .hint(format!("use {KNOWN}"))
        };
        let (prefix, rest) = text.split_once(':').ok_or_else(unknown)?;
        match prefix {
            "oci" | "oci-archive" | "docker-archive" => {
                // As skopeo does: the first colon ends the path, so that the reference may hold some.
                let (path, reference) = match rest.split_once(':') {
                    Some((path, reference)) => (path, Some(reference)),
                    None => (rest, None),
                };
                if path.is_empty() || reference == Some("") {
                    return Err(Error::usage(format!("image source `{text}` is incomplete"))
                        .hint(format!("write `{prefix}:PATH` or `{prefix}:PATH:REF`")));
                }
                let (path, reference) = (PathBuf::from(path), reference.map(str::to_owned));
                Ok(match prefix {
                    "oci" => Self::OciLayout { dir: path, reference },
                    "oci-archive" => Self::OciArchive { file: path, reference },
                    _ => Self::DockerArchive { file: path, reference },
                })
            }
            "registry" => rest.parse().map(Self::Registry),
            "docker" => {
                if !is_docker_name(rest) {
                    return Err(Error::usage(format!("image source `{text}` does not name an image"))
                        .hint("write `docker:NAME:TAG` as `docker image ls` shows it"));
                }
                Ok(Self::Docker { name: rest.to_owned() })
            }
            _ => Err(unknown()),
        }
    }
}

/// Whether the name may stand in a path of the engine's API as it is.
fn is_docker_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._/:@-".contains(&byte);
    text.bytes().all(allowed)
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, path, reference) = match self {
            Self::OciLayout { dir, reference } => ("oci", dir, reference),
            Self::OciArchive { file, reference } => ("oci-archive", file, reference),
            Self::DockerArchive { file, reference } => ("docker-archive", file, reference),
            Self::Registry(reference) => return write!(f, "registry:{reference}"),
            Self::Stdin => return f.write_str("-"),
            Self::Docker { name } => return write!(f, "docker:{name}"),
        };
        write!(f, "{prefix}:{}", path.display())?;
        reference.as_ref().map_or(Ok(()), |reference| write!(f, ":{reference}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_written_back() {
        for text in [
            "oci:build/image",
            "oci:/tmp/image:v2",
            "oci:image:docker.io/library/app:v2",
            "docker:app",
            "docker:localhost:5000/team/app:latest",
            "docker:sha256:0123",
            "docker-archive:app.tar",
            "docker-archive:app.tar:app:v2",
            "oci-archive:/tmp/app.tar.gz",
            "registry:localhost:5000/team/app:v2",
            "-",
        ] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
        assert_eq!(
            "oci:dir:app:v2".parse::<Source>().unwrap(),
            Source::OciLayout { dir: "dir".into(), reference: Some("app:v2".to_owned()) }
        );
    }

    #[test]
    fn an_unknown_prefix_names_the_known_ones() {
        for text in ["dir:x", "image", "", "docker://app"] {
            let error = text.parse::<Source>().unwrap_err();
            assert_eq!(error.kind(), crate::error::ErrorKind::Usage);
            let hint = error.hint_text().unwrap();
            assert!(hint.contains("docker:NAME"), "{text}: {hint}");
        }
    }

    #[test]
    fn incomplete_or_climbing_names_are_refused() {
        for text in [
            "oci:",
            "oci::ref",
            "oci:dir:",
            "docker:",
            "docker:../x",
            "docker:a/../b",
            "docker:a?b",
            "oci-archive:",
            "registry:a b",
        ] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }
}
