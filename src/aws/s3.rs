//! S3: objects that are written once and never overwritten.

use aws_sdk_s3::config::Region;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, Grant, PublicAccessBlockConfiguration, ServerSideEncryption};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::clients::Aws;
use super::ecr::Encryption;
use super::error::aws_error;
use crate::envfile::BucketFacts;
use crate::error::{Error, ErrorKind, Result};

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object is new.
    Written,
    /// An object of that key was there already, and was left alone.
    AlreadyThere,
}

/// An object to write.
#[derive(Clone, Copy)]
pub struct NewObject<'a> {
    /// Its bucket.
    pub bucket: &'a str,
    /// Its key.
    pub key: &'a str,
    /// The account that must own the bucket.
    pub owner: &'a str,
    /// How it is encrypted; `None`: as the bucket does.
    pub encryption: Option<&'a Encryption>,
    /// What it holds.
    pub content: &'a [u8],
}

/// An object as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key.
    pub key: String,
    /// When it was last written.
    pub written: Timestamp,
    /// Bytes.
    pub size: u64,
}

/// The longest env file that is read for comparing, in bytes: longer ones keep a process from starting.
const LONGEST_READ: i64 = 4 * 1024 * 1024;

/// The longest Terraform state that is read, in bytes.
const LONGEST_STATE: i64 = 256 * 1024 * 1024;

/// How often a write that met another writer is tried.
const CONFLICTS: usize = 4;

impl Aws {
    /// Whether an object exists, as far as the caller may know: without `s3:ListBucket` S3 answers
    /// 403 for a missing key (facts 2.4), which is `false` here; the look at the bucket and the write then decide.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`] for anything else.
    pub async fn object_exists(&self, bucket: &str, key: &str, owner: &str) -> Result<bool> {
        let result = self.s3.head_object().bucket(bucket).key(key).expected_bucket_owner(owner).send().await;
        match result {
            Ok(_) => Ok(true),
            Err(error) => match error.raw_response().map(|response| response.status().as_u16()) {
                // 301 is what another Region says: the look at the bucket tells which.
                Some(404 | 403 | 301 | 307) => Ok(false),
                _ => Err(aws_error("s3:GetObject", &format!("s3://{bucket}/{key}"), error)),
            },
        }
    }

    /// An env file's bytes, wiped when dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`], also for an object of more than 4 MiB.
    pub async fn get_object(&self, bucket: &str, key: &str) -> Result<Zeroizing<Vec<u8>>> {
        read_object(&self.s3, bucket, key, (LONGEST_READ, "an env file")).await
    }

    /// A Terraform state's bytes, wiped when dropped. Buckets of states are often in another Region than services.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`], also for an object of more than 256 MiB.
    pub async fn get_state(&self, bucket: &str, key: &str) -> Result<Zeroizing<Vec<u8>>> {
        let head = self.s3.head_bucket().bucket(bucket).send().await;
        let region = match &head {
            Ok(head) => head.bucket_region().map(str::to_owned),
            Err(error) => error
                .raw_response()
                .and_then(|response| response.headers().get("x-amz-bucket-region"))
                .map(str::to_owned),
        };
        let elsewhere = region.filter(|region| !region.is_empty() && *region != self.region).map(|region| {
            aws_sdk_s3::Client::from_conf(self.s3.config().to_builder().region(Region::new(region)).build())
        });
        let limit = (LONGEST_STATE, "a Terraform state");
        read_object(elsewhere.as_ref().unwrap_or(&self.s3), bucket, key, limit).await
    }

    /// The objects whose keys begin with `prefix`.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`], also where the bucket is another account's than `owner`'s.
    pub async fn list_objects(&self, bucket: &str, prefix: &str, owner: &str) -> Result<Vec<StoredObject>> {
        let mut objects = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .s3
                .list_objects_v2()
                .bucket(bucket)
                .prefix(prefix)
                .expected_bucket_owner(owner)
                .set_continuation_token(token)
                .send()
                .await
                .map_err(|error| aws_error("s3:ListBucket", &format!("s3://{bucket}/{prefix}"), error))?;
            for object in page.contents.unwrap_or_default() {
                // Without a time it is not known to be old, and stays.
                let (Some(key), Some(written)) = (object.key, object.last_modified.and_then(timestamp))
                else {
                    continue;
                };
                let size = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
                objects.push(StoredObject { key, written, size });
            }
            token = page.next_continuation_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(objects);
            }
        }
    }

    /// Deletes an object; one that is not there is as good as deleted.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`], also where the bucket is another account's than `owner`'s.
    pub async fn delete_object(&self, bucket: &str, key: &str, owner: &str) -> Result<()> {
        let request = self.s3.delete_object().bucket(bucket).key(key).expected_bucket_owner(owner);
        let answer = request.send().await;
        answer.map_err(|error| aws_error("s3:DeleteObject", &format!("s3://{bucket}/{key}"), error))?;
        Ok(())
    }

    /// What is known of a bucket. What the caller may not ask, and what an S3-compatible store does not answer, is
    /// not known.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`] where the bucket cannot be asked for at all.
    pub async fn bucket_facts(&self, bucket: &str, owner: &str) -> Result<BucketFacts> {
        let head = self.s3.head_bucket().bucket(bucket).expected_bucket_owner(owner).send();
        let policy = self.s3.get_bucket_policy_status().bucket(bucket).expected_bucket_owner(owner).send();
        let acl = self.s3.get_bucket_acl().bucket(bucket).expected_bucket_owner(owner).send();
        let block = self.s3.get_public_access_block().bucket(bucket).expected_bucket_owner(owner).send();
        let (head, policy, acl, block) = tokio::join!(head, policy, acl, block);
        let mut facts = BucketFacts::default();
        match head {
            Ok(head) => facts.region = head.bucket_region().map(str::to_owned),
            Err(error) => {
                let response = error.raw_response();
                // The Region is told even where the bucket is not for the caller.
                facts.region = response
                    .and_then(|response| response.headers().get("x-amz-bucket-region"))
                    .map(str::to_owned);
                match response.map(|response| response.status().as_u16()) {
                    Some(404) => facts.missing = true,
                    Some(403) => facts.forbidden = true,
                    Some(301 | 400 | 307) if facts.region.is_some() => {}
                    _ => return Err(aws_error("s3:ListBucket", &format!("s3://{bucket}"), error)),
                }
                return Ok(facts);
            }
        }
        let block = block.ok().and_then(|answer| answer.public_access_block_configuration);
        let blocks = |flag: fn(&PublicAccessBlockConfiguration) -> Option<bool>| {
            block.as_ref().and_then(flag).unwrap_or_default()
        };
        let by_policy = policy.ok().and_then(|answer| answer.policy_status?.is_public);
        let by_acl = acl.ok().map(|answer| answer.grants().iter().any(is_for_everyone));
        let restricted = blocks(|block| block.restrict_public_buckets);
        let ignored = blocks(|block| block.ignore_public_acls);
        facts.public = match (by_policy, by_acl) {
            (Some(true), _) if !restricted => Some(true),
            (_, Some(true)) if !ignored => Some(true),
            (None, None) => None,
            _ => Some(false),
        };
        Ok(facts)
    }

    /// Writes an object unless one of that key exists. The content's checksum is verified by S3, and
    /// the bucket must belong to its owner (design 8).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`]; [`ErrorKind::Preflight`] where the bucket does not exist.
    pub async fn put_object_once(&self, object: NewObject<'_>) -> Result<PutOutcome> {
        // 409: another writer is at work on that key. Whether its object will be there is not known until
        // a further attempt says so.
        for _ in 0..CONFLICTS {
            if let Some(outcome) = self.try_put_object(&object).await? {
                return Ok(outcome);
            }
        }
        Err(Error::new(
            ErrorKind::Aws,
            format!("s3:PutObject on s3://{}/{}: other writers are in the way", object.bucket, object.key),
        )
        .hint("Run the same command again."))
    }

    /// `None` where another writer was in the way.
    async fn try_put_object(&self, object: &NewObject<'_>) -> Result<Option<PutOutcome>> {
        let NewObject { bucket, key, owner, encryption, content } = *object;
        let request = self
            .s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .expected_bucket_owner(owner)
            .if_none_match("*")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .content_type("text/plain; charset=utf-8")
            .body(ByteStream::from(content.to_vec()));
        let request = match encryption {
            // As the bucket does, which may be with a key of its own: S3 encrypts every object.
            None => request,
            Some(Encryption::Aes256) => request.server_side_encryption(ServerSideEncryption::Aes256),
            Some(Encryption::Kms) => request.server_side_encryption(ServerSideEncryption::AwsKms),
            Some(Encryption::KmsKey(id)) => {
                request.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(id)
            }
        };
        let result = request.send().await;
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

/// An object's bytes; `limit` is how many there may be, of what.
async fn read_object(
    client: &aws_sdk_s3::Client,
    bucket: &str,
    key: &str,
    (longest, what): (i64, &str),
) -> Result<Zeroizing<Vec<u8>>> {
    let resource = format!("s3://{bucket}/{key}");
    let wrong = |what: &str| Error::new(ErrorKind::Aws, format!("s3:GetObject on {resource}: {what}"));
    let answer = client.get_object().bucket(bucket).key(key).send().await;
    let answer = answer.map_err(|error| aws_error("s3:GetObject", &resource, error))?;
    if answer.content_length().is_none_or(|length| length > longest) {
        return Err(wrong(&format!("it is too long for {what}")));
    }
    let body = answer.body.collect().await;
    let body = body.map_err(|error| wrong("it broke off").source(error))?;
    Ok(Zeroizing::new(body.to_vec()))
}

fn timestamp(time: DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

fn is_for_everyone(grant: &Grant) -> bool {
    let group = grant.grantee().and_then(|grantee| grantee.uri()).unwrap_or_default();
    group.ends_with("/global/AllUsers") || group.ends_with("/global/AuthenticatedUsers")
}
