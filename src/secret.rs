//! [`Secret`]: a text that no output may show. It comes from the reader of `.env` files, whose values are the first
//! of that type.

pub use landfall_envfile::Secret;
