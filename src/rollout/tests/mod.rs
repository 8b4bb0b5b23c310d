//! Scenarios of whole rollouts.

mod conditions;
mod failures;
mod leaders;
mod measured;
mod property;
mod success;
