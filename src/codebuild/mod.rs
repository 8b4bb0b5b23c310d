//! What CodeBuild and CodePipeline know and want: build variables, the files that a pipeline's deploy action reads, and
//! test reports.

mod file;
mod junit;
mod variables;
mod write;

pub use junit::{Junit, junit};
pub use variables::origin;
pub use write::{Write, Written, image_definitions, image_detail};
