//! Throttling of calls (facts 7.1: `ThrottlingException`, `Rate exceeded`, HTTP 400).

use std::collections::HashMap;

use super::{ApiError, random::Random};

/// How many calls out of a hundred are refused.
const PERCENT: u64 = 40;
/// More refusals than this in a row would outlast the retries of an ordinary client, which is
/// another scenario than a busy account.
const IN_A_ROW: u32 = 2;

pub(crate) struct Throttle {
    random: Random,
    refused_in_a_row: HashMap<String, u32>,
}

impl Throttle {
    pub(crate) fn new(seed: u64) -> Self {
        Throttle { random: Random::new(seed), refused_in_a_row: HashMap::new() }
    }

    /// Whether this call of `operation` is let through.
    pub(crate) fn admit(&mut self, operation: &str) -> Result<(), ApiError> {
        let refused = self.refused_in_a_row.entry(operation.to_owned()).or_default();
        if *refused < IN_A_ROW && self.random.below(100) < PERCENT {
            *refused += 1;
            return Err(ApiError::client("ThrottlingException", "Rate exceeded"));
        }
        *refused = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_about_forty_percent_and_never_three_in_a_row() {
        let mut throttle = Throttle::new(7);
        let mut in_a_row = 0;
        let mut refused = 0;
        for _ in 0..10_000 {
            if throttle.admit("ListTasks").is_err() {
                in_a_row += 1;
                refused += 1;
                assert!(in_a_row <= 2);
            } else {
                in_a_row = 0;
            }
        }
        assert!((3000..4200).contains(&refused), "{refused}");
    }
}
