//! The passwords that GetAuthorizationToken gives out (facts 6.1).

use std::{collections::BTreeMap, time::Duration};

use crate::world::{VirtualTime, random::Random};

/// An authorization token's life (facts 6.1).
const LIFE: Duration = Duration::from_secs(12 * 3600);

/// What a password of the registry's one user, `AWS`, is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// It lets its bearer in.
    Good,
    /// It did once.
    Expired,
    /// It was never given out.
    Unknown,
}

pub(crate) struct Logins {
    random: Random,
    /// `None`: what is said to end after 12 hours never does, however fast the clock runs.
    life: Option<Duration>,
    ends: BTreeMap<String, VirtualTime>,
}

impl Logins {
    pub(crate) fn new(seed: u64, life: Option<Duration>) -> Logins {
        // A sequence of its own, so that logging in does not change a deployment's jitter.
        Logins { random: Random::new(seed ^ 0x7061_7373), life, ends: BTreeMap::new() }
    }

    /// A new password, and when it ends.
    pub(super) fn issue(&mut self, now: VirtualTime) -> (String, VirtualTime) {
        let password = format!("sandbox-{}", self.random.hex(32));
        let end = now + self.life.unwrap_or(LIFE);
        self.ends.insert(password.clone(), end);
        (password, end)
    }

    pub(super) fn check(&self, password: &str, now: VirtualTime) -> Login {
        match self.ends.get(password) {
            None => Login::Unknown,
            Some(end) if self.life.is_some() && now >= *end => Login::Expired,
            Some(_) => Login::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_ends_only_where_a_life_is_set() {
        let start = VirtualTime::from_micros(1);
        let hour = Duration::from_secs(3600);
        let mut short = Logins::new(1, Some(hour));
        let (password, end) = short.issue(start);
        assert_eq!(end, start + hour);
        assert_eq!(short.check(&password, start), Login::Good);
        assert_eq!(short.check(&password, end), Login::Expired);
        let (next, _) = short.issue(end);
        assert_eq!((short.check(&next, end), short.check("made up", end)), (Login::Good, Login::Unknown));

        let mut endless = Logins::new(1, None);
        let (password, end) = endless.issue(start);
        assert_eq!(end, start + LIFE);
        assert_eq!(endless.check(&password, end + hour), Login::Good);
    }
}
