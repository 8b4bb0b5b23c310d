//! What ECS has to know about S3.

/// Reads S3 objects for tasks that name environment files. It is asked while the world advances,
/// so it has to answer at once.
pub trait ObjectStore: Send {
    /// The object's content as it is now; `None` when it is not there.
    fn read(&self, bucket: &str, key: &str) -> Option<Vec<u8>>;
}

/// A store in which every object exists and is empty, for worlds without S3.
#[derive(Clone, Copy, Debug, Default)]
pub struct EveryObject;

impl ObjectStore for EveryObject {
    fn read(&self, _bucket: &str, _key: &str) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}
