//! The attributes of a service that are kept in a file: a JSON document like a task definition, and what
//! UpdateService would change to make the service be as it says.

mod compare;
mod document;

pub use compare::{ServiceUpdate, overlaid, service_update};
pub use document::ServiceDefinition;
