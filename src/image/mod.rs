//! Where images come from, and pushing them.
