//! The flags of `landfall init`.

use std::path::PathBuf;

use clap::Args;

use super::args::{given, given_path, path};

/// `landfall init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// ECS service to write down: name or ARN
    #[arg(long, env = "LANDFALL_SERVICE")]
    pub service: Option<String>,
    /// Convert this instead: an ecspresso configuration, or a workflow of GitHub Actions
    #[arg(long, value_name = "FILE", conflicts_with = "service", value_parser = path)]
    pub from: Option<PathBuf>,
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = ".", value_parser = path)]
    pub out: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
}

impl InitArgs {
    /// What to convert, if anything.
    pub fn source(&self) -> Option<PathBuf> {
        given_path(&self.from)
    }

    /// The service to write down.
    pub fn live(&self) -> Option<String> {
        given(&self.service)
    }
}
