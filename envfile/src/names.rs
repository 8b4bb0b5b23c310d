//! What may be a variable's name, and which names may be shown.

/// What shells, Docker and every dotenv library read: letters, digits and `_`, not beginning with a digit.
pub fn is_conventional(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A name that a container can have although a shell cannot read it: Java's `spring.datasource.url`.
pub(crate) fn is_possible(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// The name, where it may be shown: a malformed line can hold a secret in front of its `=`.
pub fn shown(name: &str) -> Option<&str> {
    const LONGEST: usize = 128;
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let letter = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (letter && name.len() <= LONGEST && name.chars().all(usual)).then_some(name)
}
