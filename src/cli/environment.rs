//! The process environment, read once.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use crate::aws::Login;
use crate::image::{Cache, DockerOptions, Logins};
use crate::logins::Workbench;
use crate::report::Terminal;

/// The variables that the process was started with. Names and values that are not UTF-8 are left out.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Name to value.
    pub variables: HashMap<String, String>,
    /// How to log in to AWS, where a role is to be assumed: one login for the whole run.
    pub login: Option<Login>,
}

impl Environment {
    /// Reads the process environment.
    #[allow(clippy::disallowed_methods, reason = "this is the place that may")]
    pub fn read() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables, login: None }
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where images come from and which logins there are.
    pub fn workbench(&self, no_cache: bool) -> Workbench {
        let docker_folder = self
            .get("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| self.get("HOME").map(|home| PathBuf::from(home).join(".docker")));
        let path = |name| self.get(name).map(PathBuf::from);
        let runtime_dir = path("XDG_RUNTIME_DIR");
        let podman_file = path("REGISTRY_AUTH_FILE")
            .or_else(|| runtime_dir.as_ref().map(|folder| folder.join("containers/auth.json")));
        let docker_file = docker_folder.as_ref().map(|folder| folder.join("config.json"));
        Workbench {
            docker: DockerOptions {
                never_read_store: self.get("LANDFALL_ENGINE_STORE") == Some("never"),
                host: self.get("DOCKER_HOST").map(str::to_owned),
                context: self.get("DOCKER_CONTEXT").map(str::to_owned),
                config_folder: docker_folder,
                tls_verify: self.get("DOCKER_TLS_VERIFY").is_some(),
                cert_path: path("DOCKER_CERT_PATH"),
                runtime_dir,
            },
            logins: Logins {
                files: docker_file.into_iter().chain(podman_file).collect(),
                search_path: self.get("PATH").map(OsString::from),
            },
            cache: if no_cache { Cache::disabled() } else { self.cache() },
        }
    }

    /// Where compressed layers are remembered: `LANDFALL_CACHE_DIR`, else as the XDG base directory specification
    /// has it. Nowhere without a home.
    fn cache(&self) -> Cache {
        let absolute = |name: &str| self.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        self.get("LANDFALL_CACHE_DIR")
            .map(PathBuf::from)
            .or_else(|| absolute("XDG_CACHE_HOME").map(|cache| cache.join("landfall")))
            .or_else(|| absolute("HOME").map(|home| home.join(".cache").join("landfall")))
            .map_or_else(Cache::disabled, Cache::at)
    }

    /// Whether an endpoint is set in place of AWS's own, in the way of all AWS tools.
    pub fn has_s3_endpoint(&self) -> bool {
        self.get("AWS_ENDPOINT_URL").is_some() || self.get("AWS_ENDPOINT_URL_S3").is_some()
    }

    /// Where the registry protocol of ECR hosts is spoken in place of the host itself.
    pub fn registry_endpoint(&self) -> Option<String> {
        self.get("LANDFALL_REGISTRY_ENDPOINT").map(str::to_owned)
    }

    /// Whether this is a step of GitHub Actions.
    pub fn is_github_actions(&self) -> bool {
        self.get("GITHUB_ACTIONS").is_some()
    }

    /// The run of a workflow that this is a step of.
    pub fn github(&self) -> Option<crate::github::Context> {
        self.is_github_actions().then(|| crate::github::Context::read(|name| self.get(name)))
    }

    /// Whether the locale's character set is UTF-8; a CI log is, whatever its locale says.
    fn speaks_utf8(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| self.get(name));
        let utf8 = |text: &str| text.to_lowercase().replace('-', "").contains("utf8");
        self.get("CI").is_some() || locale.is_some_and(utf8)
    }

    /// What decides how to report.
    pub fn terminal(&self, no_color: bool) -> Terminal {
        Terminal {
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            ci: self.get("CI").is_some(),
            github_actions: self.is_github_actions(),
            no_color: no_color || self.get("NO_COLOR").is_some() || self.get("TERM") == Some("dumb"),
            unicode: self.speaks_utf8(),
            width: console_size().map(|(_, columns)| columns),
            height: console_size().map(|(rows, _)| rows),
        }
    }
}

/// Whether a variable is set to nothing.
#[allow(clippy::disallowed_methods, reason = "this is the place that may")]
pub(super) fn is_empty_variable(name: &std::ffi::OsStr) -> bool {
    std::env::var_os(name).is_some_and(|value| value.is_empty())
}

/// Rows and columns of the terminal that standard error leads to.
fn console_size() -> Option<(u16, u16)> {
    console::Term::stderr().size_checked()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workbench(variables: &[(&str, &str)]) -> Workbench {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Environment { variables, login: None }.workbench(false)
    }

    #[test]
    fn docker_and_podman_are_found_where_their_variables_say() {
        let found = workbench(&[("HOME", "/home/ada"), ("XDG_RUNTIME_DIR", "/run/user/7"), ("PATH", "/bin")]);
        let expected = DockerOptions {
            config_folder: Some("/home/ada/.docker".into()),
            runtime_dir: Some("/run/user/7".into()),
            ..DockerOptions::default()
        };
        assert_eq!(found.docker, expected);
        let files = ["/home/ada/.docker/config.json".into(), "/run/user/7/containers/auth.json".into()];
        assert_eq!(found.logins, Logins { files: files.to_vec(), search_path: Some("/bin".into()) });

        let found = workbench(&[
            ("HOME", "/home/ada"),
            ("DOCKER_CONFIG", "/etc/docker"),
            ("DOCKER_HOST", "tcp://build.test"),
            ("DOCKER_CONTEXT", ""),
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", "/certs"),
            ("REGISTRY_AUTH_FILE", "/auth.json"),
        ]);
        let expected = DockerOptions {
            host: Some("tcp://build.test".to_owned()),
            config_folder: Some("/etc/docker".into()),
            tls_verify: true,
            cert_path: Some("/certs".into()),
            ..DockerOptions::default()
        };
        assert_eq!(found.docker, expected);
        assert_eq!(found.logins.files, ["/etc/docker/config.json", "/auth.json"].map(PathBuf::from));
        assert_eq!(workbench(&[]).logins, Logins::default());
    }
}
