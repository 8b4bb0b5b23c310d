//! The registry protocol, as far as pushing needs it (registry facts 3 and 4).

mod answer;
mod auth;
mod bearer;
mod client;
mod push;
mod retry;
mod scope;
mod upload;

#[cfg(test)]
mod auth_tests;
#[cfg(test)]
mod bearer_tests;
#[cfg(test)]
pub(super) mod fake;
#[cfg(test)]
mod tests;

pub(super) use answer::printable;
pub use auth::{Credentials, CredentialsProvider};
pub use client::Registry;
pub(super) use client::USER_AGENT;
pub use push::{Progress, Pushed};
