//! The catalogue, row by row and by AWS's own words (facts 5).

mod api;
mod limits;
mod rows;
mod texts;
