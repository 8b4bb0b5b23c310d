//! S3: objects that are written once and never overwritten.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::clients::Aws;
use super::error::aws_error;
use crate::error::{Error, ErrorKind, Result};

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object is new.
    Written,
    /// An object of that key was there already, and was left alone.
    AlreadyThere,
}

/// How often a write that met another writer is tried.
const CONFLICTS: usize = 4;

impl Aws {
    /// Whether an object exists, as far as the caller may know: without `s3:ListBucket` S3 answers
    /// 403 for a missing key (facts 2.4), which is `false` here; the write then decides.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`] for anything else.
    pub async fn object_exists(&self, bucket: &str, key: &str, owner: &str) -> Result<bool> {
        let result = self.s3.head_object().bucket(bucket).key(key).expected_bucket_owner(owner).send().await;
        match result {
            Ok(_) => Ok(true),
            Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
                Some(404 | 403) => Ok(false),
                _ => Err(aws_error("s3:GetObject", &format!("s3://{bucket}/{key}"), error)),
            },
        }
    }

    /// Writes an object unless one of that key exists. The content's checksum is verified by S3, and
    /// the bucket must belong to `owner`, an account id (design 8).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`]; [`ErrorKind::Preflight`] where the bucket does not exist.
    pub async fn put_object_once(
        &self,
        bucket: &str,
        key: &str,
        owner: &str,
        content: Vec<u8>,
    ) -> Result<PutOutcome> {
        // 409: another writer is at work on that key. Whether its object will be there is not known until
        // a further attempt says so.
        for _ in 0..CONFLICTS {
            if let Some(outcome) = self.try_put_object(bucket, key, owner, content.clone()).await? {
                return Ok(outcome);
            }
        }
        Err(Error::new(
            ErrorKind::Aws,
            format!("s3:PutObject on s3://{bucket}/{key}: other writers are in the way"),
        )
        .hint("Run the same command again."))
    }

    /// `None` where another writer was in the way.
    async fn try_put_object(
        &self,
        bucket: &str,
        key: &str,
        owner: &str,
        content: Vec<u8>,
    ) -> Result<Option<PutOutcome>> {
        let result = self
            .s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .expected_bucket_owner(owner)
            .if_none_match("*")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .content_type("text/plain; charset=utf-8")
            .body(ByteStream::from(content))
            .send()
            .await;
        let error = match result {
            Ok(_) => return Ok(Some(PutOutcome::Written)),
            Err(error) => error,
        };
        let status = error.raw_response().map(|response| response.status().as_u16());
        match status {
            // The key is the content's hash, so what is there has the same bytes.
            Some(412) => return Ok(Some(PutOutcome::AlreadyThere)),
            Some(409) => return Ok(None),
            _ => {}
        }
        if error.code() == Some("NoSuchBucket") {
            return Err(Error::new(ErrorKind::Preflight, format!("the bucket {bucket} does not exist"))
                .hint(format!(
                    "Create it, or correct `env_store`: `aws s3 mb s3://{bucket} --region {}`",
                    self.region
                )));
        }
        Err(aws_error("s3:PutObject", &format!("s3://{bucket}/{key}"), error))
    }
}
