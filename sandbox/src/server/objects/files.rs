//! The folders and files that hold buckets and objects.

use std::{
    io::ErrorKind,
    path::{Component, Path, PathBuf},
    time::SystemTime,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::world::ObjectStore;

/// The folder that holds the buckets: a folder each, a file for each object.
#[derive(Clone, Debug)]
pub(crate) struct ObjectFiles {
    root: PathBuf,
}

impl ObjectFiles {
    pub(crate) fn new(root: PathBuf) -> Self {
        ObjectFiles { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn bucket(&self, bucket: &str) -> Option<PathBuf> {
        self.inside(Path::new(bucket))
    }

    pub(crate) fn object(&self, bucket: &str, key: &str) -> Option<PathBuf> {
        self.inside(&Path::new(bucket).join(key))
    }

    /// Writes an object past s3s.
    ///
    /// Errors: the file or its folder cannot be written.
    pub(super) fn write(&self, bucket: &str, key: &str, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, bytes)?;
        // What s3s-fs noted beside an earlier object of that key: its ETag and checksums would be
        // wrong now. Without the notes it makes the ETag from the content.
        let [bucket, key] = [bucket, key].map(|name| URL_SAFE_NO_PAD.encode(name));
        for kind in ["internal", "metadata"] {
            let note = self.root.join(format!(".bucket-{bucket}.object-{key}.{kind}.json"));
            match std::fs::remove_file(note) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// A path below the root; `None` when it would leave it.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        plain.then(|| self.root.join(path))
    }
}

/// Sets when a file was last written, which s3s-fs answers as LastModified.
///
/// Errors: the file is not there, or the system refuses.
pub(super) fn set_modified(path: &Path, at: SystemTime) -> std::io::Result<()> {
    std::fs::File::options().write(true).open(path)?.set_modified(at)
}

impl ObjectStore for ObjectFiles {
    fn read(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.object(bucket, key)?).ok()
    }
}
