//! The body of an upload: a blob, read ahead of the network, and verified before its last bytes are sent.

use std::io::{self, Read as _};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::stream;
use reqwest::{Body, Response};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::answer::Failure;
use super::client::Registry;
use super::retry::attempts;
use super::scope::Scope;
use crate::error::Result;
use crate::image::digest;
use crate::image::open::{Blob, Content};
use crate::image::progress::Meter;
use crate::image::slice::{CHUNK, Slice};

/// Chunks that wait for the network; a few of these are all the memory that a blob takes.
const CHUNKS_AHEAD: usize = 2;

/// Why a blob could not be read.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It is not what its digest says: trying again cannot help. A sentence about it.
    Content(String),
    /// Where it comes from broke off.
    Source(String),
}

/// Whether the blob is what its digest says; unset until it has been read to the end.
pub(super) type Verdict = Arc<OnceLock<Result<(), Wrong>>>;

type Chunks = mpsc::Sender<io::Result<Bytes>>;

/// Begins to read a blob: the body of a request, and where the verdict will be.
///
/// # Errors
///
/// Those of a registry that the blob comes from.
pub(super) async fn start(blob: &Blob, meter: &Arc<Meter>) -> Result<(Body, Verdict), Failure> {
    let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
    let verdict = Verdict::default();
    let seen = Arc::clone(&verdict);
    let expected = Expected { digest: blob.digest.clone(), size: blob.size };
    match &blob.content {
        Content::File(slice) => {
            let slice = slice.clone();
            tokio::task::spawn_blocking(move || {
                let read = read(&slice, &expected, Some(Sha256::new()), &sender, &verdict);
                finish(read, &sender, &verdict);
            });
        }
        // It was hashed while it was written, and the registry hashes it again.
        Content::Own(slice) => {
            let slice = slice.clone();
            tokio::task::spawn_blocking(move || {
                finish(read(&slice, &expected, None, &sender, &verdict), &sender, &verdict);
            });
        }
        Content::Memory(bytes) => {
            // The channel is new and has room.
            let _ = sender.try_send(Ok(bytes.clone()));
            let _ = verdict.set(Ok(()));
        }
        Content::Remote(registry, repository) => {
            let response = remote(registry, repository, &expected.digest).await.map_err(Failure::Final)?;
            let host = registry.host().to_owned();
            tokio::spawn(async move {
                if let Err(wrong) = pass_on(response, &host, &expected, &sender, &verdict).await {
                    let _ = verdict.set(Err(wrong));
                    let _ = sender.send(Err(io::Error::other("the source is not what it should be"))).await;
                }
            });
        }
    }
    let (mut chunks, meter) = (chunks, Arc::clone(meter));
    let body = stream::poll_fn(move |context| {
        chunks
            .poll_recv(context)
            .map(|chunk| chunk.inspect(|chunk| meter.add(chunk.as_ref().map_or(0, Bytes::len))))
    });
    Ok((Body::wrap_stream(body), seen))
}

struct Expected {
    digest: String,
    size: u64,
}

fn finish(read: Result<(), String>, sender: &Chunks, verdict: &Verdict) {
    if let Err(what) = read {
        // It is unset: `read` sets it only before it succeeds.
        let _ = verdict.set(Err(Wrong::Content(what)));
        // The body ends with an error, so that the request breaks off and is never complete. Nobody may listen any
        // more; then it has broken off already.
        let _ = sender.blocking_send(Err(io::Error::other("the file is not what it should be")));
    }
}

/// Reads, hashes and passes on a blob; the last chunk only after the digest is known to be right. Succeeds
/// also when nobody wants more.
fn read(
    slice: &Slice,
    expected: &Expected,
    mut hasher: Option<Sha256>,
    sender: &Chunks,
    verdict: &Verdict,
) -> Result<(), String> {
    let file = slice.file.display();
    let unreadable = |error: io::Error| format!("the file {file} cannot be read ({error})");
    let mut reader = slice.reader().map_err(unreadable)?;
    let mut left = expected.size;
    loop {
        let wanted = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        // Not filled with zeros first: that would cost as much as reading from the page cache.
        let mut chunk = Vec::with_capacity(wanted);
        reader.by_ref().take(wanted as u64).read_to_end(&mut chunk).map_err(unreadable)?;
        left -= chunk.len() as u64;
        if chunk.len() < wanted {
            return Err(format!("the file {file} ends {left} bytes too early"));
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&chunk);
        }
        if left == 0 {
            if let Some(hasher) = hasher.take() {
                let found = digest::finish(hasher);
                if found != expected.digest {
                    return Err(format!(
                        "the file {file} has other content than announced: its digest is {found}"
                    ));
                }
            }
            // Only this call sets it in the case of success.
            let _ = verdict.set(Ok(()));
        }
        if !chunk.is_empty() && sender.blocking_send(Ok(chunk.into())).is_err() {
            return Ok(());
        }
        if left == 0 {
            return Ok(());
        }
    }
}

/// The answer of the registry that has the blob.
async fn remote(registry: &Registry, repository: &str, digest: &str) -> Result<Response> {
    let inner = &registry.inner;
    let doing = &format!("read {}/{repository}, blob {digest}", inner.host);
    attempts(&inner.policy, &inner.auth, &Scope::pull(repository), doing, |token| async move {
        inner.get_blob(repository, digest, &token, doing).await
    })
    .await
}

/// As [`read`], from a registry.
async fn pass_on(
    mut response: Response,
    host: &str,
    expected: &Expected,
    sender: &Chunks,
    verdict: &Verdict,
) -> Result<(), Wrong> {
    let lies = |what: String| Wrong::Content(format!("{host} gave {what} for {}", expected.digest));
    let mut hasher = Sha256::new();
    let mut left = expected.size;
    // Where the end of the right bytes is the end of a chunk, those that follow would not be seen.
    if response.content_length().is_some_and(|length| length > left) {
        return Err(lies("too many bytes".to_owned()));
    }
    loop {
        let chunk = if left == 0 {
            None
        } else {
            response.chunk().await.map_err(|error| {
                Wrong::Source(format!("{host} broke off in the middle of it ({})", error.without_url()))
            })?
        };
        if let Some(chunk) = &chunk {
            hasher.update(chunk);
            left = left.checked_sub(chunk.len() as u64).ok_or_else(|| lies("too many bytes".to_owned()))?;
        } else if left > 0 {
            return Err(Wrong::Source(format!("{host} ended it {left} bytes too early")));
        }
        if left == 0 {
            let found = digest::finish(std::mem::take(&mut hasher));
            if found != expected.digest {
                return Err(lies(format!("content with the digest {found}")));
            }
            let _ = verdict.set(Ok(()));
        }
        let Some(chunk) = chunk else { return Ok(()) };
        if sender.send(Ok(chunk)).await.is_err() || left == 0 {
            return Ok(());
        }
    }
}
