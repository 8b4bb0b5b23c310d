//! [`OpenImage`]: an image that is ready to be pushed, and [`open`], which makes one from any source.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::TempDir;

use super::cache::Cache;
use super::compression::Compression;
use super::docker_archive::{MANIFEST, Saved};
use super::engine;
use super::layout::{self, Holdings};
use super::reference::Reference;
use super::registry::{Registry, fetch};
use super::slice::{Coding, Slice};
use super::source::{DockerOptions, Source};
use super::tarball::{Tarball, unpack};
use super::unpacked::{Origin, Unpacked};
use crate::error::{Error, ErrorKind, Result};

/// Gives the registry of a reference, logged in.
pub type Registries = Arc<dyn Fn(&Reference) -> Result<Registry> + Send + Sync>;

/// What opening an image may need.
#[derive(Clone)]
pub struct OpenOptions {
    /// The Docker engine, for `docker:`.
    pub docker: DockerOptions,
    /// Where compressed layers are remembered.
    pub cache: Cache,
    /// How layers that come uncompressed are packed.
    pub compression: Compression,
    /// Registries, for `registry:`.
    pub registries: Registries,
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions").field("compression", &self.compression).finish_non_exhaustive()
    }
}

/// A configuration or a layer, and where its bytes are.
#[derive(Debug, Clone)]
pub struct Blob {
    /// `sha256:...`
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// As the manifest calls it.
    pub media_type: String,
    pub(super) content: Content,
}

/// Where the bytes of a blob are.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// In a file that others may change: it is verified while it is sent.
    File(Slice),
    /// In a temporary file of our own, which was hashed while it was written.
    Own(Slice),
    Memory(Bytes),
    /// In a repository.
    Remote(Registry, String),
}

/// A manifest or an index, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// `sha256:...`, of `bytes`.
    pub digest: String,
    /// What it is sent as.
    pub media_type: String,
    /// What is sent.
    pub bytes: Vec<u8>,
}

/// An image whose manifests are known.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// What is pushed under the tag.
    pub(super) top: Manifest,
    /// What an index names, children before their parents.
    pub(super) children: Vec<Manifest>,
    /// Each once.
    pub(super) blobs: Vec<Blob>,
}

/// What one platform of an image needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// `linux/amd64`, `linux/arm64`, `linux/arm/v7`; empty where the image does not say.
    pub platform: String,
    /// Bytes of its layers: unpacked where that is known, else as they are sent.
    pub size: u64,
}

/// An image that can be pushed. Temporary files that it needed go away with it.
#[derive(Debug)]
pub struct OpenImage {
    pub(super) source: String,
    pub(super) form: Form,
    /// Attestations are not among them.
    pub(super) variants: Vec<Variant>,
    /// What a person should know before it is pushed.
    pub(super) notes: Vec<String>,
    pub(super) scratch: Option<TempDir>,
    /// Where it is remembered which repositories have which blobs.
    pub(super) cache: Cache,
}

#[derive(Debug)]
pub(super) enum Form {
    /// Its manifests are known, and its blobs can be read.
    Written(Written),
    /// Its layers are not compressed yet, so its digest follows later.
    Unpacked(Box<Unpacked>),
}

impl OpenImage {
    /// Where it came from, as configured.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The digest of the manifest or index that goes under the tag; `None` as long as layers have to be
    /// compressed for it.
    pub fn digest(&self) -> Option<String> {
        match &self.form {
            Form::Written(written) => Some(written.top.digest.clone()),
            Form::Unpacked(unpacked) => unpacked.expected_manifest().map(|manifest| manifest.digest),
        }
    }

    /// What it runs on, with the room that it needs there. Attestations are not counted.
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// What a person should know before it is pushed: layers that will not be in the registry.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Where its compressed layers go.
    pub(super) fn scratch_dir(&self) -> Result<&Path> {
        match &self.scratch {
            Some(dir) => Ok(dir.path()),
            None => Err(Error::internal(format!("there is no place to compress {}", self.source))),
        }
    }

    pub(super) fn written(source: String, image: layout::Found, scratch: Option<TempDir>) -> Self {
        let layout::Found { written, variants, notes } = image;
        let cache = Cache::disabled();
        Self { source, form: Form::Written(written), variants, notes, scratch, cache }
    }
}

/// Opens an image: reads and checks its manifests, but none of its layers.
///
/// # Errors
///
/// Usage when what the source names is missing or broken; Preflight when the Docker engine cannot be reached
/// or does not have the image; Registry when a source in a registry cannot be read.
pub async fn open(source: &Source, options: &OpenOptions) -> Result<OpenImage> {
    let image = open_source(source, options).await?;
    Ok(OpenImage { cache: options.cache.clone(), ..image })
}

async fn open_source(source: &Source, options: &OpenOptions) -> Result<OpenImage> {
    let text = source.to_string();
    match source {
        Source::OciLayout { dir, reference } => {
            let (dir, reference) = (dir.clone(), reference.clone());
            blocking(move || {
                let found = layout::open(&Holdings::Dir(dir), reference.as_deref())?;
                Ok(OpenImage::written(text, found, None))
            })
            .await
        }
        Source::OciArchive { file, reference } | Source::DockerArchive { file, reference } => {
            let kind = if matches!(source, Source::OciArchive { .. }) { Kind::Oci } else { Kind::Docker };
            let (file, reference, options) = (file.clone(), reference.clone(), options.clone());
            blocking(move || open_archive(&file, Some(kind), reference.as_deref(), text, None, &options))
                .await
        }
        Source::Stdin => {
            let options = options.clone();
            blocking(move || {
                let scratch = scratch()?;
                let file = scratch.path().join("archive.tar");
                let hint = "pipe an image into it: `docker save NAME | landfall push --from - --to ...`";
                // Nobody types an archive: waiting for it would look like hanging.
                if io::stdin().is_terminal() {
                    return Err(Error::usage("standard input is a terminal, not an archive").hint(hint));
                }
                unpack(io::stdin().lock(), &file).map_err(|error| match error.kind() {
                    io::ErrorKind::StorageFull => no_room(error),
                    _ => {
                        Error::usage("the archive on standard input cannot be read").hint(hint).source(error)
                    }
                })?;
                if std::fs::metadata(&file).is_ok_and(|data| data.len() == 0) {
                    return Err(Error::usage("nothing came on standard input").hint(hint));
                }
                open_archive(&file, None, None, text, Some(scratch), &options)
            })
            .await
        }
        Source::Registry(reference) => {
            let registry = (options.registries)(reference)?;
            let found = fetch(&registry, reference).await?;
            Ok(OpenImage::written(text, found, None))
        }
        Source::Docker { name } => engine::open(name, options, text).await,
    }
}

/// What an archive is laid out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Oci,
    Docker,
}

fn open_archive(
    file: &Path,
    kind: Option<Kind>,
    reference: Option<&str>,
    source: String,
    scratch_dir: Option<TempDir>,
    options: &OpenOptions,
) -> Result<OpenImage> {
    let (file, scratch_dir) = plain(file, scratch_dir)?;
    let broken = |what: String| broken(&source, &what);
    let tarball = Tarball::index(&file).map_err(broken)?;
    // What `docker save` of Docker 25 and later writes is both; its manifest.json is the complete half.
    let (has_oci, has_docker) = (tarball.find("oci-layout").is_some(), tarball.find(MANIFEST).is_some());
    let kind = match kind {
        Some(kind) => kind,
        None if has_docker => Kind::Docker,
        None if has_oci => Kind::Oci,
        None => {
            return Err(broken(
                "has neither a `manifest.json` nor an `oci-layout`, so it is no image".to_owned(),
            ));
        }
    };
    match kind {
        Kind::Oci if !has_oci && has_docker => Err(other_kind(&source, "oci-layout", "docker-archive:")),
        Kind::Docker if !has_docker && has_oci => Err(other_kind(&source, MANIFEST, "oci-archive:")),
        Kind::Oci => {
            let found = layout::open(&Holdings::Tar(tarball), reference)?;
            Ok(OpenImage::written(source, found, scratch_dir))
        }
        Kind::Docker => {
            let read = |name: &str| {
                let limit =
                    if name == MANIFEST { super::document::MANIFEST_LIMIT } else { layout::CONFIG_LIMIT };
                tarball.bytes(name, limit)
            };
            let saved = Saved::read(read, reference).map_err(|what| {
                // Nothing is broken where a name is wrong or missing.
                if what.starts_with("has no image `") || what.ends_with("; name one") {
                    let hint = "say which: `docker-archive:FILE:NAME:TAG`";
                    return Error::usage(format!("the image {source} cannot be chosen: it {what}"))
                        .hint(hint);
                }
                broken(what)
            })?;
            let mut layers = Vec::with_capacity(saved.layers.len());
            for (name, diff_id) in saved.layers.iter().zip(&saved.parsed.rootfs.diff_ids) {
                let slice = tarball
                    .find(name)
                    .ok_or_else(|| broken(format!("has no file `{}`", name.escape_debug())))?;
                layers.push((diff_id.clone(), slice.clone()));
            }
            let size = layers.iter().map(|(_, slice)| slice.len).sum();
            let unpacked = Unpacked::new(
                source.clone(),
                super::digest::of(&saved.config),
                saved.parsed.rootfs.diff_ids.clone(),
                Some(saved.config),
                Origin::Archive(layers),
                options,
            );
            Ok(OpenImage {
                source,
                form: Form::Unpacked(Box::new(unpacked)),
                variants: vec![Variant { platform: saved.parsed.platform.name().unwrap_or_default(), size }],
                notes: Vec::new(),
                scratch: Some(scratch_dir.map_or_else(scratch, Ok)?),
                cache: Cache::disabled(),
            })
        }
    }
}

/// The archive itself, or where it has been decompressed to: ranges of a compressed file cannot be read.
fn plain(file: &Path, scratch_dir: Option<TempDir>) -> Result<(PathBuf, Option<TempDir>)> {
    let unreadable = |error: io::Error| {
        let hint = if error.kind() == io::ErrorKind::NotFound {
            "write it with `docker save NAME -o FILE`, or `docker buildx build --output type=oci,dest=FILE .`"
        } else if file.is_dir() {
            "a directory in the OCI image layout is `oci:DIR`; an archive is a file"
        } else {
            "see whether it is a file that you may read"
        };
        Error::usage(format!("the archive {} cannot be read", file.display())).hint(hint).source(error)
    };
    let opened = File::open(file).map_err(unreadable)?;
    let len = opened.metadata().map_err(unreadable)?.len();
    let coding = Slice::whole(file.to_owned(), len).coding().map_err(unreadable)?;
    if coding == Coding::Plain {
        return Ok((file.to_owned(), scratch_dir));
    }
    let scratch_dir = scratch_dir.map_or_else(scratch, Ok)?;
    let to = scratch_dir.path().join("decompressed.tar");
    unpack(opened, &to).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => no_room(error),
        _ => Error::usage(format!("the archive {} cannot be decompressed", file.display()))
            .hint("it is damaged or cut off; write it again")
            .source(error),
    })?;
    Ok((to, Some(scratch_dir)))
}

/// An archive of the other kind than its source says.
fn other_kind(source: &str, missing: &str, kind: &str) -> Error {
    let path = source.split_once(':').map_or(source, |(_, path)| path);
    Error::usage(format!("{source} has no `{missing}`: it is an archive of the other kind"))
        .hint(format!("write `{kind}{path}`"))
}

/// There is no room for an archive that has to be unpacked.
fn no_room(error: io::Error) -> Error {
    Error::internal("cannot unpack the archive")
        .hint("the temporary directory (TMPDIR) needs room for all of it, uncompressed")
        .source(error)
}

/// An error about what a source holds.
pub(super) fn broken(source: &str, what: &str) -> Error {
    let source = if source == "-" { "on standard input" } else { source };
    Error::new(ErrorKind::Preflight, format!("the image {source} is broken: it {what}"))
        .hint("build or save the image again; nothing of it was put under a tag")
}

/// A directory for temporary files.
///
/// # Errors
///
/// Internal, saying how to choose another place.
pub(super) fn scratch() -> Result<TempDir> {
    tempfile::Builder::new().prefix("landfall-image-").tempdir().map_err(|error| {
        Error::internal("cannot create a temporary directory")
            .hint("set TMPDIR to a directory that can be written")
            .source(error)
    })
}

/// Runs file work on the threads that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal("a thread that read an image broke off").source(error)),
    }
}
