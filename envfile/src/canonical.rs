//! The form that is stored: the same meaning has the same bytes, and so the same hash.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::env_file::Variable;

/// The bytes to store, their hash, and the variables that they give.
#[derive(Clone)]
pub struct Canonical {
    bytes: Zeroizing<Vec<u8>>,
    hash: String,
    variables: Vec<Variable>,
}

impl Canonical {
    /// One `NAME=value` a line, LF, sorted by name, without comments and blank lines (facts 2.2, the safe subset).
    ///
    /// An empty variable has its line too, which Fargate passes over: it is set by `environment`, and the line is
    /// what a later run knows that by. Names are unique, and no value has a line break.
    pub(crate) fn of(mut variables: Vec<Variable>) -> Self {
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        let length = variables.iter().map(|v| v.name.len() + v.value.expose().len() + 2).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        for variable in &variables {
            bytes.extend_from_slice(variable.name.as_bytes());
            bytes.push(b'=');
            bytes.extend_from_slice(variable.value.expose().as_bytes());
            bytes.push(b'\n');
        }
        Self::exactly(bytes, variables)
    }

    /// The canonical form of what tasks read from an object; `None` where its bytes are not UTF-8.
    pub fn of_stored(bytes: &[u8]) -> Option<Self> {
        crate::ecs::read_stored(bytes).map(Self::of)
    }

    /// These bytes, whatever they are.
    pub(crate) fn exactly(bytes: Zeroizing<Vec<u8>>, variables: Vec<Variable>) -> Self {
        let hash = hex::encode(Sha256::digest(&bytes[..]));
        Self { bytes, hash, variables }
    }

    /// What is stored. Holds values: for the upload alone.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The variables, the empty ones too (but for a file that is stored verbatim: ECS passes over them), with their lines in the file that they were read from.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Names of the variables whose value is empty: ECS does not set them from a file (facts 2.2).
    pub fn empty(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().filter(|v| v.value.expose().is_empty()).map(|v| v.name.as_str())
    }
}

impl std::fmt::Debug for Canonical {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canonical")
            .field("hash", &self.hash)
            .field("variables", &self.variables.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn lines_are_sorted_and_debug_shows_no_value() {
        let variable =
            |name: &str, value: &str| Variable { name: name.into(), value: Secret::new(value), line: 7 };
        let canonical = Canonical::of(vec![variable("B", ""), variable("A", "canary")]);
        assert_eq!(canonical.bytes(), b"A=canary\nB=\n");
        assert!(!format!("{canonical:?}{:?}", canonical.variables()).contains("canary"));
        assert_eq!(canonical.hash().len(), 64);
        assert_eq!(canonical.empty().collect::<Vec<_>>(), ["B"]);
    }
}
