//! Manifests (facts 6.4).

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use super::{
    super::{
        Shared,
        answer::{Answer, empty, header, read, set},
    },
    answers::{refuse, registry_error},
};

/// Facts 6.4: 4 MiB.
const LONGEST: usize = 4 * 1024 * 1024;

pub(super) fn get(shared: &Shared, repository: &str, reference: &str, head: bool) -> Answer {
    let found = shared.world().world.manifest(repository, reference);
    let manifest = match found {
        Err(error) => return registry_error(&error, &shared.account),
        Ok(None) => return refuse(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "Requested image not found"),
        Ok(Some(manifest)) => manifest,
    };
    let size = manifest.body.len();
    let mut response = if head {
        empty(StatusCode::OK)
    } else {
        let body = Full::new(Bytes::from(manifest.body)).map_err(|never| match never {});
        Response::new(body.boxed_unsync())
    };
    if let Ok(media_type) = HeaderValue::from_str(&manifest.media_type) {
        response.headers_mut().insert(CONTENT_TYPE, media_type);
    }
    set(&mut response, "content-length", &size.to_string());
    set(&mut response, "docker-content-digest", &manifest.digest);
    response
}

/// PUT: ECR answers 201 without a Location.
pub(super) async fn put(
    shared: &Shared,
    repository: &str,
    reference: &str,
    request: Request<Incoming>,
) -> Answer {
    let media_type =
        header(&request, "content-type").unwrap_or("application/vnd.oci.image.manifest.v1+json").to_owned();
    let body = match read(request.into_body(), LONGEST).await {
        Ok(body) => body.to_vec(),
        Err(error) => return refuse(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", &error.to_string()),
    };
    let stored = {
        let mut timed = shared.world();
        let now = timed.now();
        timed.world.put_manifest(repository, reference, &media_type, body, now)
    };
    match stored {
        Err(error) => registry_error(&error, &shared.account),
        Ok(digest) => {
            let mut response = empty(StatusCode::CREATED);
            set(&mut response, "docker-content-digest", &digest);
            response
        }
    }
}
