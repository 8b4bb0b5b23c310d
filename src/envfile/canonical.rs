//! The form that is stored: the same meaning has the same bytes, and so the same hash.

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::parse::EnvFile;

/// The bytes to store and their hash.
#[derive(Clone)]
pub struct CanonicalEnvFile {
    bytes: Zeroizing<Vec<u8>>,
    hash: String,
    variables: u32,
}

impl CanonicalEnvFile {
    /// One `NAME=value` a line, LF, in the order of the file, without comments and blank lines: the
    /// safe subset of facts 2.2.
    pub fn new(file: &EnvFile) -> Self {
        let mut bytes = Zeroizing::new(Vec::new());
        for variable in &file.variables {
            bytes.extend_from_slice(variable.name.as_bytes());
            bytes.push(b'=');
            bytes.extend_from_slice(variable.value.expose().as_bytes());
            bytes.push(b'\n');
        }
        let hash = hex::encode(Sha256::digest(&bytes[..]));
        let variables = u32::try_from(file.variables.len()).unwrap_or(u32::MAX);
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

    /// How many variables it has.
    pub fn variables(&self) -> u32 {
        self.variables
    }
}

impl std::fmt::Debug for CanonicalEnvFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CanonicalEnvFile")
            .field("hash", &self.hash)
            .field("variables", &self.variables)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::Variable;
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn debug_shows_no_value() {
        let file = EnvFile {
            variables: vec![Variable { name: "A".into(), value: Secret::new("canary") }],
            notes: Vec::new(),
        };
        let canonical = CanonicalEnvFile::new(&file);
        assert_eq!(canonical.bytes(), b"A=canary\n");
        assert!(!format!("{canonical:?}{file:?}").contains("canary"));
        assert_eq!(canonical.hash().len(), 64);
    }
}
