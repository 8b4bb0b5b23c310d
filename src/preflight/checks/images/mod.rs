//! What can be told of the images.

pub mod exists;
pub mod platform;
