//! A small signed client for the services of which so little is read that a whole SDK crate is not worth its build
//! time. It runs on the SDK's own machinery: its connector, credentials, time limits and retries.

mod api;
mod client;
mod endpoint;
mod failure;
mod sign;
mod xml;

pub(super) use api::{CLOUDFORMATION, EFS, IAM, KMS, SECRETS_MANAGER, SERVICE_QUOTAS, SSM};
pub(super) use client::Signed;
pub(super) use failure::{Failure, known, known_of_sdk};
pub(super) use xml::Element;
