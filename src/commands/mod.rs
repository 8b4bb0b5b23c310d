//! One file a verb: wires parts together, decides nothing.

mod completions;
mod continue_;
mod deploy;
mod diff;
mod env;
mod explain;
mod iam_policy;
mod init;
mod logs;
mod manpage;
mod prune;
mod push;
mod register;
mod render;
mod rollback;
mod sandbox;
mod status;
mod verify;

pub use completions::completions;
pub use continue_::{ContinueJob, continue_paused};
pub use deploy::{DeployRequest, aws_settings, deploy};
pub use diff::{DiffJob, diff};
pub use env::{
    EnvCheckJob, EnvDiffJob, EnvPullJob, EnvPushJob, check as env_check, diff as env_diff, pull as env_pull,
    push as env_push,
};
pub use explain::{explain, write_checks, write_pages};
pub use iam_policy::{IamPolicyJob, Printed, TrustJob, iam_policy, trust};
pub use init::{InitFrom, InitJob, init};
pub use logs::{LogsJob, logs};
pub use manpage::{manpage, write_manpages};
pub use prune::{PruneJob, prune};
pub use push::{PushJob, push};
pub use register::{RegisterJob, RenderBase, RenderFileJob, register, render_file};
pub use render::{RenderJob, render};
pub use rollback::{RollbackJob, rollback};
pub use sandbox::{how_to_use, scenarios, start_sandbox};
pub use status::{StatusJob, status};
pub use verify::{VerifyJob, verify};
