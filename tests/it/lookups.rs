//! Lookups through the binary.
