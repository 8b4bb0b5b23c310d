//! Small OCI layouts for tests.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::cache::Cache;
use super::compression::Compression;
use super::digest;
use super::document::{OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST};
use super::layout::Holdings;
use super::open::{Blob, Content, Form, Manifest, OpenImage, OpenOptions, Written};
use super::source::DockerOptions;

/// A layout in a directory that goes away with it.
pub(super) struct Layout {
    dir: TempDir,
}

impl Layout {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("blobs/sha256")).unwrap();
        fs::write(dir.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { dir }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn file_of(&self, descriptor: &Value) -> std::path::PathBuf {
        let digest = descriptor["digest"].as_str().unwrap();
        self.path().join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap())
    }

    /// Stores bytes; their descriptor.
    pub(super) fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let descriptor = json!({"mediaType": media_type, "digest": digest::of(bytes), "size": bytes.len()});
        fs::write(self.file_of(&descriptor), bytes).unwrap();
        descriptor
    }

    pub(super) fn document(&self, document: &Value) -> Value {
        self.blob(document["mediaType"].as_str().unwrap(), document.to_string().as_bytes())
    }

    /// Stores an image; its descriptor.
    pub(super) fn image(&self, architecture: &str, layers: &[&[u8]]) -> Value {
        let config = json!({"os": "linux", "architecture": architecture}).to_string();
        let layers: Vec<Value> = layers.iter().map(|layer| self.blob(OCI_LAYER_GZIP, layer)).collect();
        self.document(&json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": self.blob(OCI_CONFIG, config.as_bytes()), "layers": layers,
        }))
    }

    /// What buildx stores beside an image.
    pub(super) fn attestation(&self, of: &Value) -> Value {
        let mut descriptor = self.document(&json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": self.blob(OCI_CONFIG, br#"{"os":"unknown","architecture":"unknown"}"#),
            "layers": [self.blob("application/vnd.in-toto+json", b"{}")],
        }));
        descriptor["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        descriptor["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": of["digest"],
        });
        descriptor
    }

    pub(super) fn index(&self, manifests: &[&Value]) -> Value {
        self.document(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}))
    }

    /// Writes `index.json`.
    pub(super) fn finish(&self, manifests: &[&Value]) -> &Self {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
        fs::write(self.path().join("index.json"), index.to_string()).unwrap();
        self
    }

    pub(super) fn open(&self, reference: Option<&str>) -> crate::error::Result<OpenImage> {
        let found = super::layout::open(&Holdings::Dir(self.path().to_owned()), reference)?;
        Ok(OpenImage::written("oci:test".to_owned(), found, None))
    }
}

/// A layout with one image of two layers.
pub(super) fn simple() -> Layout {
    let layout = Layout::new();
    let image = layout.image("amd64", &[b"layer one", &[7; 600_000]]);
    layout.finish(&[&image]);
    layout
}

/// No engine, no registries, and nothing is remembered.
pub(super) fn options() -> OpenOptions {
    OpenOptions {
        docker: DockerOptions::default(),
        cache: Cache::disabled(),
        compression: Compression::Gzip,
        registries: std::sync::Arc::new(|reference| panic!("{reference} is not asked for")),
    }
}

impl OpenImage {
    fn known(&self) -> &Written {
        match &self.form {
            Form::Written(written) => written,
            Form::Unpacked(_) => panic!("its layers are not packed yet"),
        }
    }

    pub(super) fn top(&self) -> &Manifest {
        &self.known().top
    }

    pub(super) fn known_digest(&self) -> &str {
        &self.top().digest
    }

    pub(super) fn blobs(&self) -> &[Blob] {
        &self.known().blobs
    }

    pub(super) fn children(&self) -> &[Manifest] {
        &self.known().children
    }

    pub(super) fn size(&self) -> u64 {
        self.blobs().iter().map(|blob| blob.size).sum()
    }

    pub(super) fn platforms(&self) -> Vec<&str> {
        self.variants.iter().map(|variant| variant.platform.as_str()).collect()
    }
}

impl Blob {
    /// The file that holds it.
    pub(super) fn file(&self) -> &Path {
        match &self.content {
            Content::File(slice) | Content::Own(slice) => &slice.file,
            other => panic!("{other:?} is no file"),
        }
    }

    /// Its bytes, if they are on this machine.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match &self.content {
            Content::File(slice) | Content::Own(slice) => slice.read().unwrap(),
            Content::Memory(bytes) => bytes.to_vec(),
            Content::Remote(..) => panic!("it is elsewhere"),
        }
    }
}
