//! A fact, or why it is not known.

/// What could be learned of something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Known<T> {
    /// It is so.
    Is(T),
    /// AWS says that there is no such thing.
    Absent,
    /// The caller may not ask.
    Denied {
        /// IAM's name of the action that is missing: `ec2:DescribeSubnets`.
        permission: String,
    },
    /// It could not be asked: a call that failed for another reason.
    Unknown {
        /// AWS's words.
        why: String,
    },
    /// Nothing depended on it, so that nobody asked.
    #[default]
    NotAsked,
}

impl<T> Known<T> {
    /// The fact, if it is known.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Is(fact) => Some(fact),
            _ => None,
        }
    }

    /// What follows from the fact, where it is known; otherwise, why it is not.
    pub fn and_then<U>(self, next: impl FnOnce(T) -> Known<U>) -> Known<U> {
        match self {
            Self::Is(fact) => next(fact),
            other => other.without_fact(),
        }
    }

    /// Why something else is not known either. A fact itself says nothing of anything else: it becomes
    /// [`Known::NotAsked`].
    pub fn without_fact<U>(self) -> Known<U> {
        match self {
            Self::Absent => Known::Absent,
            Self::Denied { permission } => Known::Denied { permission },
            Self::Unknown { why } => Known::Unknown { why },
            Self::Is(_) | Self::NotAsked => Known::NotAsked,
        }
    }
}
