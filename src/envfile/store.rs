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
        Self { bucket: store.bucket.clone(), key: format!("{}{hash}.env", folder(store, service, container)) }
    }

    /// What `environmentFiles` names (facts 2.1). `partition` is `aws`, `aws-cn` or `aws-us-gov`.
    pub fn arn(&self, partition: &str) -> String {
        format!("arn:{partition}:s3:::{}/{}", self.bucket, self.key)
    }
}

/// What the ARNs of all contents of this container's env file begin with.
pub fn arn_prefix(partition: &str, store: &EnvStore, service: &str, container: &str) -> String {
    format!("arn:{partition}:s3:::{}/{}", store.bucket, folder(store, service, container))
}

fn folder(store: &EnvStore, service: &str, container: &str) -> String {
    match store.prefix.as_str() {
        "" => format!("{service}/{container}/"),
        prefix => format!("{prefix}/{service}/{container}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_service_container_and_hash() {
        let store = EnvStore { bucket: "deploy-env".into(), prefix: "prod".into() };
        let key = StoreKey::new(&store, "web", "app", "abc");
        assert_eq!(key.arn("aws"), "arn:aws:s3:::deploy-env/prod/web/app/abc.env");
        assert!(key.arn("aws-cn").starts_with(&arn_prefix("aws-cn", &store, "web", "app")));
        let store = EnvStore { prefix: String::new(), ..store };
        assert_eq!(StoreKey::new(&store, "web", "app", "abc").key, "web/app/abc.env");
    }
}
