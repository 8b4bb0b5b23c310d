//! Logging in: a role is assumed with the token that GitHub gives to a job, with a token in a file, or with the
//! credentials that are there; from that role the next one is assumed, and so on (facts 8.2).

mod assume;
mod claims;
mod errors;
mod settings;
mod shared;
mod token;

pub use settings::{FirstStep, GithubJob, LoginSettings, session_name};
pub use shared::Login;
