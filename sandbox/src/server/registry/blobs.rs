//! Blobs: asking, uploading, downloading (facts 6.2).

use futures_util::TryStreamExt;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::{
    super::{
        Shared,
        answer::{Answer, BoxError, discard, empty, header, set},
    },
    answers::{broken, refuse, registry_error, upload_unknown},
};

const DIGEST: &str = "docker-content-digest";

/// HEAD and GET of a blob: 404 unless this repository has it.
pub(super) async fn get(shared: &Shared, repository: &str, digest: &str, head: bool) -> Answer {
    let unknown = || refuse(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry");
    match shared.world().world.has_blob(repository, digest) {
        Err(error) => return registry_error(&error, &shared.account),
        Ok(false) => return unknown(),
        Ok(true) => {}
    }
    let Some(path) = shared.blobs.path(digest) else { return unknown() };
    let opened = async {
        let file = File::open(path).await?;
        let size = file.metadata().await?.len();
        Ok((file, size))
    };
    let (file, size) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return broken(&error),
    };
    let mut response = if head {
        empty(StatusCode::OK)
    } else {
        let stream =
            ReaderStream::with_capacity(file, 256 * 1024).map_ok(Frame::data).map_err(BoxError::from);
        Response::new(StreamBody::new(stream).boxed_unsync())
    };
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/octet-stream"));
    set(&mut response, "content-length", &size.to_string());
    set(&mut response, DIGEST, digest);
    response
}

/// POST: an upload session. With `mount` and `from` the blob itself, when another repository can give
/// it; otherwise `mount` is answered like any other request (facts 6.3).
pub(super) async fn begin(shared: &Shared, repository: &str, request: Request<Incoming>) -> Answer {
    let (mount, from) = (query(&request, "mount"), query(&request, "from"));
    let host = host(shared, &request);
    discard(request.into_body()).await;
    if let (Some(digest), Some(from)) = (mount, from) {
        let mounted = shared.world().world.mount_blob(repository, &digest, &from);
        match mounted {
            Err(error) => return registry_error(&error, &shared.account),
            Ok(true) => return created(&host, repository, &digest),
            Ok(false) => {}
        }
    }
    let id = shared.blobs.begin(repository);
    let mut response = empty(StatusCode::ACCEPTED);
    set_location(&mut response, &host, repository, &id);
    set(&mut response, "docker-upload-uuid", &id);
    set(&mut response, "range", "0-0");
    response
}

fn set_location(response: &mut Answer, host: &str, repository: &str, id: &str) {
    // Absolute and with a query of its own: a client has to follow it as given.
    let location = format!("http://{host}/v2/{repository}/blobs/uploads/{id}?_state=sandbox");
    set(response, "location", &location);
}

/// PATCH: ECR answers 201 where the specification says 202, and takes only one.
pub(super) async fn patch(shared: &Shared, repository: &str, id: &str, request: Request<Incoming>) -> Answer {
    let host = host(shared, &request);
    let Some(mut upload) = shared.blobs.take(id, repository) else {
        discard(request.into_body()).await;
        return upload_unknown();
    };
    if upload.size > 0 {
        let text = format!("First byte of the layer part is 0 instead of {}", upload.size);
        shared.blobs.put_back(id, upload);
        discard(request.into_body()).await;
        return refuse(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", &text);
    }
    if let Err(error) = upload.append(request.into_body()).await {
        upload.discard().await;
        return broken(&error);
    }
    let mut response = empty(StatusCode::CREATED);
    set_location(&mut response, &host, repository, id);
    set(&mut response, "docker-upload-uuid", id);
    set(&mut response, "range", &format!("0-{}", upload.size.saturating_sub(1)));
    shared.blobs.put_back(id, upload);
    response
}

/// PUT: the rest of the blob, or all of it, and its digest. A session whose body breaks off is gone.
pub(super) async fn finish(
    shared: &Shared,
    repository: &str,
    id: &str,
    request: Request<Incoming>,
) -> Answer {
    let digest = query(&request, "digest").unwrap_or_default();
    let host = host(shared, &request);
    let Some(mut upload) = shared.blobs.take(id, repository) else {
        discard(request.into_body()).await;
        return upload_unknown();
    };
    if let Err(error) = upload.append(request.into_body()).await {
        upload.discard().await;
        return broken(&error);
    }
    match shared.blobs.finish(upload, &digest).await {
        Err(error) => return broken(&error),
        Ok(false) => {
            let text = "provided digest did not match uploaded content";
            return refuse(StatusCode::BAD_REQUEST, "DIGEST_INVALID", text);
        }
        Ok(true) => {}
    }
    if let Err(error) = shared.world().world.add_blob(repository, &digest) {
        return registry_error(&error, &shared.account);
    }
    created(&host, repository, &digest)
}

fn created(host: &str, repository: &str, digest: &str) -> Answer {
    let mut response = empty(StatusCode::CREATED);
    set(&mut response, "location", &format!("http://{host}/v2/{repository}/blobs/{digest}"));
    set(&mut response, DIGEST, digest);
    response
}

/// The name by which the client knows this server: to another it would not send its password.
fn host(shared: &Shared, request: &Request<Incoming>) -> String {
    header(request, "host").unwrap_or(&shared.host).to_owned()
}

/// A parameter of the query.
fn query(request: &Request<Incoming>, name: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
