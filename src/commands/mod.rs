//! One file a verb: wires parts together, decides nothing.

mod deploy;
mod push;
mod sandbox;

pub use deploy::{DeployRequest, aws_settings, deploy};
pub use push::{PushJob, push};
pub use sandbox::{how_to_use, scenarios, start_sandbox};
