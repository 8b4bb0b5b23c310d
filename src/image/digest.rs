//! Digests: `sha256:` and 64 lower-case hexadecimal digits, and nothing else.

use sha2::{Digest as _, Sha256};

const PREFIX: &str = "sha256:";

/// The hexadecimal half of a well-formed digest; `None` for any other text.
///
/// Whatever passes may be used as a file name: it has no separators and no dots.
pub(super) fn hex_part(digest: &str) -> Option<&str> {
    let hex = digest.strip_prefix(PREFIX)?;
    is_hex(hex).then_some(hex)
}

/// Whether the text is the hexadecimal half of a digest.
pub(super) fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The digest of bytes in memory.
pub(super) fn of(bytes: &[u8]) -> String {
    finish(Sha256::new_with_prefix(bytes))
}

/// The digest of what was hashed.
pub(super) fn finish(hasher: Sha256) -> String {
    format!("{PREFIX}{}", hex::encode(hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sha256_with_64_lower_case_digits_is_a_digest() {
        let good = of(b"");
        assert_eq!(good, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(hex_part(&good).is_some());
        for bad in [
            good.to_uppercase(),
            good.replace("sha256", "sha512"),
            good[..70].to_owned(),
            format!("{good}0"),
            "sha256:../../../../etc/passwd".to_owned(),
            String::new(),
        ] {
            assert_eq!(hex_part(&bad), None, "{bad}");
        }
    }
}
