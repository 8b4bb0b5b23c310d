//! What ECS has to know about S3.

/// Looks up S3 objects for tasks that name environment files. It is asked while the world
/// advances, so it has to answer at once.
pub trait ObjectStore: Send {
    /// Whether the object is there.
    fn exists(&self, bucket: &str, key: &str) -> bool;
}

/// A store in which every object exists, for worlds without S3.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryObject;

impl ObjectStore for EveryObject {
    fn exists(&self, _bucket: &str, _key: &str) -> bool {
        true
    }
}
