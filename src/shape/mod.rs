//! What a task definition or a service definition has to look like before AWS takes it, told with line and column:
//! types, required fields, names that AWS does not know, and placeholders that nobody filled in.
//!
//! It judges the form alone. What Fargate makes of a well-formed document is for [`preflight`](crate::preflight).

mod check;
mod placeholder;
mod table;

pub use crate::written::{Place, Source, Step};
pub use check::{Document, Remark, Trouble, check};
