//! Following one deployment from `UpdateService` to a verdict.
