//! Scenarios of whole rollouts.

mod conditions;
mod failures;
mod kinds;
mod leaders;
mod measured;
mod property;
mod restarts;
mod success;
