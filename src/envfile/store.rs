//! Where an env file is stored.

use crate::config::EnvStore;

/// The bucket and key of one content of one container's env file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreKey {
    /// The bucket.
    pub bucket: String,
    /// `PREFIX/SERVICE/CONTAINER/HASH.env`; ECS wants the ending (facts 2.1).
    pub key: String,
}

impl StoreKey {
    /// The place of the content with this hash.
    pub fn new(store: &EnvStore, service: &str, container: &str, hash: &str) -> Self {
        Self {
            bucket: store.bucket.clone(),
            key: format!("{}{container}/{hash}.env", folder(store, service)),
        }
    }

    /// What `environmentFiles` names (facts 2.1). `partition` is `aws`, `aws-cn` or `aws-us-gov`.
    pub fn arn(&self, partition: &str) -> String {
        format!("arn:{partition}:s3:::{}/{}", self.bucket, self.key)
    }
}

/// What the ARNs of all contents of this container's env files begin with.
pub fn arn_prefix(partition: &str, store: &EnvStore, service: &str, container: &str) -> String {
    format!("arn:{partition}:s3:::{}/{}{container}/", store.bucket, folder(store, service))
}

/// What the keys of all env files of a service begin with.
pub fn folder(store: &EnvStore, service: &str) -> String {
    match store.prefix.as_str() {
        "" => format!("{service}/"),
        prefix => format!("{prefix}/{service}/"),
    }
}

/// Bucket and key of an ARN, as the EC2 agent takes it apart (facts 2.1).
pub fn parse_arn(arn: &str) -> Option<StoreKey> {
    let (_, rest) = arn.strip_prefix("arn:")?.split_once(":s3:::")?;
    let (bucket, key) = rest.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty())
        .then(|| StoreKey { bucket: bucket.to_owned(), key: key.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_service_container_and_hash() {
        let store: EnvStore = "s3://deploy-env/prod".parse().unwrap();
        let key = StoreKey::new(&store, "web", "app", "abc");
        let arn = key.arn("aws");
        assert_eq!(arn, "arn:aws:s3:::deploy-env/prod/web/app/abc.env");
        assert_eq!(parse_arn(&arn), Some(key.clone()));
        assert!(key.arn("aws-cn").starts_with(&arn_prefix("aws-cn", &store, "web", "app")));
        let store = EnvStore { prefix: String::new(), ..store };
        assert_eq!(StoreKey::new(&store, "web", "app", "abc").key, "web/app/abc.env");
        for wrong in ["", "arn:aws:s3:::", "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/", "s3://bucket/key"] {
            assert_eq!(parse_arn(wrong), None, "{wrong}");
        }
    }
}
