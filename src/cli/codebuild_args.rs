//! Flags for the files that CodeBuild and CodePipeline read.

use std::path::PathBuf;

use clap::Args;

use super::args::{given_path, path};
use crate::codebuild::{Junit, Write, Written};
use crate::error::Result;
use crate::report::Sinks;

/// Files for CodeBuild and CodePipeline.
#[derive(Debug, Args)]
pub struct CodeBuildArgs {
    /// When the run has succeeded, write its images for CodePipeline: imagedefinitions.json, imageDetail.json, or
    /// imagedefinitions=PATH; may be repeated
    #[arg(long, global = true, env = "LANDFALL_WRITE", value_name = "FILE")]
    pub write: Vec<String>,
    /// Write a test report, as JUnit XML: steps, checks and findings as test cases
    #[arg(long, global = true, env = "LANDFALL_JUNIT", value_name = "FILE", value_parser = path)]
    pub junit: Option<PathBuf>,
}

impl CodeBuildArgs {
    /// Adds what writes these files.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a file that cannot be written, or is none of these.
    pub(super) fn add_to(&self, mut sinks: Sinks) -> Result<Sinks> {
        // A variable holds one a line.
        let lines = self.write.iter().flat_map(|text| text.lines()).map(str::trim);
        for text in lines.filter(|text| !text.is_empty()) {
            let write: Write = text.parse()?;
            sinks = sinks.with(write.path().display().to_string(), Written(write));
        }
        match given_path(&self.junit) {
            Some(path) => Ok(sinks.with(path.display().to_string(), Junit::open(path)?)),
            None => Ok(sinks),
        }
    }
}
