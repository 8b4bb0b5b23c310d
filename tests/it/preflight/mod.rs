//! `landfall verify`, and the checks of a deployment: each one finds what is wrong, and nothing where nothing is.

mod faults;
mod policies;
mod scenarios;
mod stage;
mod table;
