//! What only GitHub Actions knows.

mod mask;

pub use mask::mask_commands;
