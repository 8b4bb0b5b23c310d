//! The clap types of the verbs that show task definitions: `render` and `diff`.

use clap::Args;

use super::args::{Global, given};
use crate::config::Overrides;

/// `landfall render`
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// The service of the configuration [default: the only one]
    pub service_key: Option<String>,
    /// ECS service: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
    /// Print values of `environment` and what else may be a credential, instead of ***
    #[arg(long)]
    pub show_values: bool,
}

/// `landfall diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// What is there before: `file` (what would be registered), `live`, a revision's number, FAMILY:NUMBER or an ARN
    #[arg(default_value = "live")]
    pub from: String,
    /// What comes after: as above
    #[arg(default_value = "file")]
    pub to: String,
    /// Only these services of the configuration [default: all]
    pub services: Vec<String>,
    /// ECS service: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
    /// Exit 10 when they differ
    #[arg(long)]
    pub detailed_exitcode: bool,
}

impl RenderArgs {
    /// What the flags say over the file.
    pub fn overrides(&self, global: &Global) -> Overrides {
        let only = given(&self.service_key).into_iter().collect();
        over(only, &self.service, global)
    }
}

impl DiffArgs {
    /// What the flags say over the file.
    pub fn overrides(&self, global: &Global) -> Overrides {
        over(self.services.clone(), &self.service, global)
    }
}

fn over(only: Vec<String>, service: &Option<String>, global: &Global) -> Overrides {
    Overrides {
        only,
        region: given(&global.region),
        cluster: given(&global.cluster),
        service: given(service),
        ..Overrides::default()
    }
}
