//! The bytes of blobs, on disk.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, OpenOptions},
    io::AsyncWriteExt,
};

/// An upload that was begun with POST.
pub(super) struct Upload {
    pub(super) repository: String,
    pub(super) path: PathBuf,
    pub(super) size: u64,
    hasher: Sha256,
}

/// Blobs by digest, shared by all repositories; which repository has which is the world's affair.
pub(crate) struct BlobStore {
    root: PathBuf,
    uploads: Mutex<HashMap<String, Upload>>,
    counter: AtomicU64,
}

impl BlobStore {
    /// Errors: the folder cannot be made.
    pub(crate) fn new(root: PathBuf) -> io::Result<BlobStore> {
        std::fs::create_dir_all(&root)?;
        Ok(BlobStore { root, uploads: Mutex::default(), counter: AtomicU64::new(1) })
    }

    /// Where a blob's bytes are; `None` for what is no SHA-256 digest.
    pub(crate) fn path(&self, digest: &str) -> Option<PathBuf> {
        let hex = digest.strip_prefix("sha256:")?;
        let valid = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        valid.then(|| self.root.join(hex))
    }

    /// Keeps a small blob and returns its digest.
    ///
    /// Errors: the disk's.
    pub(crate) fn put(&self, bytes: &[u8]) -> io::Result<String> {
        let hex = hex::encode(Sha256::digest(bytes));
        std::fs::write(self.root.join(&hex), bytes)?;
        Ok(format!("sha256:{hex}"))
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<String, Upload>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, repository: &str) -> String {
        let id = format!("upload-{:08x}", self.counter.fetch_add(1, Ordering::Relaxed));
        let upload = Upload {
            repository: repository.to_owned(),
            path: self.root.join(&id),
            size: 0,
            hasher: Sha256::new(),
        };
        self.uploads().insert(id.clone(), upload);
        id
    }

    /// Takes an upload out; whoever has it is the only one that writes to it.
    pub(super) fn take(&self, id: &str, repository: &str) -> Option<Upload> {
        let mut uploads = self.uploads();
        let found = uploads.get(id).is_some_and(|upload| upload.repository == repository);
        found.then(|| uploads.remove(id)).flatten()
    }

    pub(super) fn put_back(&self, id: &str, upload: Upload) {
        self.uploads().insert(id.to_owned(), upload);
    }

    /// Makes a blob of an upload, when its digest is the right one. Says whether it is.
    ///
    /// Errors: the disk's.
    pub(super) async fn finish(&self, upload: Upload, digest: &str) -> io::Result<bool> {
        let real = format!("sha256:{}", hex::encode(upload.hasher.finalize()));
        let matches = real == digest;
        match self.path(digest).filter(|_| matches) {
            Some(path) => fs::rename(&upload.path, path).await?,
            None => remove(&upload.path).await,
        }
        Ok(matches)
    }
}

impl Upload {
    /// Appends a body, streamed to the disk.
    ///
    /// Errors: the disk's, or the connection broke.
    pub(super) async fn append(&mut self, mut body: Incoming) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).await?;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(io::Error::other)?;
            if let Some(data) = frame.data_ref() {
                self.hasher.update(data);
                self.size += data.len() as u64;
                file.write_all(data).await?;
            }
        }
        file.flush().await
    }

    pub(super) async fn discard(self) {
        remove(&self.path).await;
    }
}

/// What cannot be removed now goes with the folder later.
async fn remove(path: &Path) {
    let _ = fs::remove_file(path).await;
}
