//! Small images that are built in the test, as OCI layouts and as what `docker save` writes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// `sha256:...`
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A layer: an archive of these files, all of them executable.
pub fn layer(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        header.set_mtime(0);
        archive.append_data(&mut header, name, *content).expect("a file in an archive");
    }
    archive.into_inner().expect("an archive")
}

fn config(architecture: &str, entrypoint: &[&str], layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest_of(layer)).collect();
    let history: Vec<Value> = layers.iter().map(|_| json!({"created_by": "a test"})).collect();
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": entrypoint},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    });
    // Indented, so that whoever writes it anew is found out.
    serde_json::to_vec_pretty(&config).expect("JSON")
}

/// What `docker save` writes, with this name; the configuration's digest is the image's id.
pub fn docker_archive(file: &Path, name: &str, entrypoint: &[&str], layers: &[Vec<u8>]) -> String {
    let config = config("amd64", entrypoint, layers);
    let id = digest_of(&config);
    let config_name = format!("{}.json", &id["sha256:".len()..]);
    let names: Vec<String> = (0..layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let listed = json!([{"Config": config_name, "RepoTags": [name], "Layers": names}]).to_string();
    let mut files: Vec<(&str, &[u8])> = vec![(&config_name, &config)];
    files.extend(names.iter().map(String::as_str).zip(layers.iter().map(Vec::as_slice)));
    files.push(("manifest.json", listed.as_bytes()));
    std::fs::write(file, layer(&files)).expect("written");
    id
}

/// An OCI layout that is being written.
pub struct Layout {
    pub dir: PathBuf,
}

impl Layout {
    pub fn new(dir: PathBuf) -> Self {
        std::fs::create_dir_all(dir.join("blobs/sha256")).expect("a folder");
        std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).expect("written");
        Self { dir }
    }

    /// An image of one layer with one file.
    pub fn of_one(dir: PathBuf, text: &str) -> Self {
        let layout = Self::new(dir);
        let image = layout.image("amd64", &[layer(&[("note", text.as_bytes())])]);
        layout.finish(&image);
        layout
    }

    /// As `--from` names it.
    pub fn source(&self) -> String {
        format!("oci:{}", self.dir.display())
    }

    /// Stores a blob; its descriptor.
    pub fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest_of(bytes);
        std::fs::write(self.file(&digest), bytes).expect("written");
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.dir.join("blobs").join(digest.replace(':', "/"))
    }

    pub fn read(&self, digest: &str) -> Vec<u8> {
        std::fs::read(self.file(digest)).expect("a blob")
    }

    /// Stores an image; the descriptor of its manifest.
    pub fn image(&self, architecture: &str, layers: &[Vec<u8>]) -> Value {
        let described: Vec<Value> = layers.iter().map(|layer| self.blob(OCI_LAYER, layer)).collect();
        let config = self.blob(OCI_CONFIG, &config(architecture, &["/note"], layers));
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": described,
        });
        let mut descriptor = self.blob(OCI_MANIFEST, &serde_json::to_vec_pretty(&manifest).expect("JSON"));
        descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
        descriptor
    }

    /// Stores an attestation as buildx writes it; the descriptor of its manifest.
    pub fn attestation(&self, of: &Value) -> Value {
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": [of]}).to_string();
        let statement = statement.as_bytes();
        let mut layer = self.blob(IN_TOTO, statement);
        layer["annotations"] = json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"});
        let config = json!({
            "architecture": "unknown", "os": "unknown", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(statement)]},
        });
        let config = self.blob(OCI_CONFIG, config.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer],
        });
        let mut descriptor = self.blob(OCI_MANIFEST, manifest.to_string().as_bytes());
        descriptor["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        descriptor["annotations"] = json!({
            "vnd.docker.reference.digest": of["digest"],
            "vnd.docker.reference.type": "attestation-manifest",
        });
        descriptor
    }

    /// Stores an index; its descriptor.
    pub fn index(&self, manifests: &[Value]) -> Value {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
        self.blob(OCI_INDEX, &serde_json::to_vec_pretty(&index).expect("JSON"))
    }

    /// Makes this what the layout is about.
    pub fn finish(&self, top: &Value) {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [top]});
        std::fs::write(self.dir.join("index.json"), index.to_string()).expect("written");
    }
}
