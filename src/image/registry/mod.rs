//! The registry protocol, as far as pushing needs it (registry facts 3 and 4).
//!
//! | file | what it does |
//! | --- | --- |
//! | `http` | the HTTP clients of one registry |
//! | `client` | one registry: its address, its manifests |
//! | `auth` | what is sent as `Authorization`, and when it is fetched anew |
//! | `answer`, `retry` | what an answer means, and when to try again |
//! | `upload`, `body` | sends one blob |
//! | `fetch` | reads an image, as the source of a push |
//! | `push` | sends what is missing of an image, side by side |

mod answer;
mod auth;
mod bearer;
mod body;
mod client;
mod destination;
mod fetch;
mod http;
mod push;
mod retry;
mod scope;
mod sender;
mod upload;

#[cfg(test)]
mod auth_tests;
#[cfg(test)]
mod bearer_tests;
#[cfg(test)]
mod copy_tests;
#[cfg(test)]
pub(super) mod fake;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;

pub(super) use answer::printable;
pub use auth::{Credentials, CredentialsProvider};
pub use client::{Registry, missing_repository};
pub use destination::Destination;
pub(super) use fetch::fetch;
pub use fetch::survey;
pub(super) use http::USER_AGENT;
pub(super) use push::side_by_side;
pub use push::{Pushed, push, settle};
