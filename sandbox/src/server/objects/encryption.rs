//! How objects are encrypted, as far as S3 tells.

use http::HeaderMap;

use crate::server::answer::{Answer, set};

const ALGORITHM: &str = "x-amz-server-side-encryption";
const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

/// The encryption of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectEncryption {
    algorithm: String,
    /// The ARN of the KMS key.
    key: Option<String>,
}

impl Default for ObjectEncryption {
    /// S3 encrypts every object, and says so.
    fn default() -> Self {
        ObjectEncryption { algorithm: "AES256".to_owned(), key: None }
    }
}

impl ObjectEncryption {
    /// What PutObject asks for; `None` when a KMS key is given without the algorithm for it, which
    /// S3 refuses.
    pub(super) fn asked(headers: &HeaderMap, region: &str, account: &str) -> Option<ObjectEncryption> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let algorithm = text(ALGORITHM).unwrap_or("AES256");
        if !algorithm.starts_with("aws:kms") {
            return text(KEY)
                .is_none()
                .then(|| ObjectEncryption { algorithm: algorithm.to_owned(), key: None });
        }
        // Without a key it is the one that AWS manages for S3. The answer always has an ARN.
        let key = match text(KEY).unwrap_or("00000000-0000-0000-0000-000000000000") {
            arn if arn.starts_with("arn:") => arn.to_owned(),
            alias if alias.starts_with("alias/") => format!("arn:aws:kms:{region}:{account}:{alias}"),
            id => format!("arn:aws:kms:{region}:{account}:key/{id}"),
        };
        Some(ObjectEncryption { algorithm: algorithm.to_owned(), key: Some(key) })
    }

    /// Says it in the headers of an answer.
    pub(super) fn tell(&self, response: &mut Answer) {
        set(response, ALGORITHM, &self.algorithm);
        if let Some(key) = &self.key {
            set(response, KEY, key);
        }
    }
}
