//! The process environment, read once.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::PathBuf;

use crate::image::{Cache, DockerOptions};
use crate::logins::Workbench;
use crate::report::Terminal;

/// The variables that the process was started with. Names and values that are not UTF-8 are left out.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Name to value.
    pub variables: HashMap<String, String>,
}

impl Environment {
    /// Reads the process environment.
    #[allow(clippy::disallowed_methods, reason = "this is the place that may")]
    pub fn read() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables }
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Where images come from and which logins there are.
    pub fn workbench(&self) -> Workbench {
        let docker_folder = self
            .get("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| self.get("HOME").map(|home| PathBuf::from(home).join(".docker")));
        Workbench {
            docker: DockerOptions { host: self.get("DOCKER_HOST").map(str::to_owned) },
            docker_config: docker_folder.map(|folder| folder.join("config.json")),
            cache: self.cache(),
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
            github_actions: self.get("GITHUB_ACTIONS").is_some(),
            no_color: no_color || self.get("NO_COLOR").is_some() || self.get("TERM") == Some("dumb"),
            unicode: self.speaks_utf8(),
            width: console_size().map(|(_, columns)| columns),
            height: console_size().map(|(rows, _)| rows),
        }
    }
}

/// Rows and columns of the terminal that standard error leads to.
fn console_size() -> Option<(u16, u16)> {
    console::Term::stderr().size_checked()
}
