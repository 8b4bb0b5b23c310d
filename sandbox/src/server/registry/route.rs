//! Paths of the registry protocol.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;

use super::{
    super::{
        Shared,
        answer::{Answer, answer, discard, header},
        journal::Named,
    },
    answers::{expired, method_not_allowed, refuse, registry_error, unauthorized},
    blobs, manifests,
};
use crate::world::Login;

/// A parsed path.
pub(super) enum Place {
    Root,
    Blob { repository: String, digest: String },
    Uploads { repository: String },
    Upload { repository: String, id: String },
    Manifest { repository: String, reference: String },
    Unknown,
}

impl Place {
    pub(super) fn of(path: &str) -> Place {
        let Some(rest) = path.strip_prefix("/v2/").filter(|rest| !rest.is_empty()) else {
            return Place::Root;
        };
        let owned = |text: &str| text.to_owned();
        if let Some((repository, id)) = rest.split_once("/blobs/uploads/") {
            let repository = owned(repository);
            return match id {
                "" => Place::Uploads { repository },
                id => Place::Upload { repository, id: owned(id) },
            };
        }
        if let Some(repository) = rest.strip_suffix("/blobs/uploads") {
            return Place::Uploads { repository: owned(repository) };
        }
        if let Some((repository, digest)) = rest.split_once("/blobs/") {
            return Place::Blob { repository: owned(repository), digest: owned(digest) };
        }
        if let Some((repository, reference)) = rest.split_once("/manifests/") {
            return Place::Manifest { repository: owned(repository), reference: owned(reference) };
        }
        Place::Unknown
    }

    fn repository(&self) -> Option<&str> {
        match self {
            Place::Blob { repository, .. }
            | Place::Uploads { repository }
            | Place::Upload { repository, .. }
            | Place::Manifest { repository, .. } => Some(repository),
            Place::Root | Place::Unknown => None,
        }
    }

    /// The name in the journal, e.g. `PUT blob`.
    fn operation(&self, method: &Method) -> String {
        let what = match self {
            Place::Root => "/v2/",
            Place::Blob { .. } => "blob",
            Place::Upload { .. } if method == Method::PUT => "blob",
            Place::Uploads { .. } | Place::Upload { .. } => "upload",
            Place::Manifest { .. } => "manifest",
            Place::Unknown => "unknown",
        };
        format!("{method} {what}")
    }
}

pub(crate) async fn respond(shared: &Shared, request: Request<Incoming>) -> (Named, Answer) {
    let place = Place::of(request.uri().path());
    let method = request.method().clone();
    let write = !matches!(method, Method::GET | Method::HEAD);
    let named = Named::new("registry", &place.operation(&method), write);
    let refusal = match login(shared, &request) {
        Login::Good => {
            let missing =
                place.repository().and_then(|name| shared.world().world.check_repository(name).err());
            missing.map(|error| registry_error(&error, &shared.account))
        }
        Login::Expired => Some(expired()),
        Login::Unknown => Some(unauthorized(&shared.host)),
    };
    let response = match refusal {
        Some(refusal) => {
            discard(request.into_body()).await;
            refusal
        }
        None => dispatch(shared, place, &method, request).await,
    };
    (named, response)
}

fn login(shared: &Shared, request: &Request<Incoming>) -> Login {
    let given = header(request, "authorization")
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value.trim()).ok())
        .and_then(|pair| String::from_utf8(pair).ok());
    match given.as_deref().and_then(|pair| pair.strip_prefix("AWS:")) {
        Some(password) => {
            let timed = shared.world();
            timed.world.registry_login(password, timed.now())
        }
        None => Login::Unknown,
    }
}

async fn dispatch(shared: &Shared, place: Place, method: &Method, request: Request<Incoming>) -> Answer {
    match (place, method) {
        (Place::Root, &Method::GET | &Method::HEAD) => answer(StatusCode::OK, "application/json", "{}"),
        (Place::Blob { repository, digest }, &Method::GET | &Method::HEAD) => {
            blobs::get(shared, &repository, &digest, method == Method::HEAD).await
        }
        (Place::Uploads { repository }, &Method::POST) => blobs::begin(shared, &repository, request).await,
        (Place::Upload { repository, id }, &Method::PATCH) => {
            blobs::patch(shared, &repository, &id, request).await
        }
        (Place::Upload { repository, id }, &Method::PUT) => {
            blobs::finish(shared, &repository, &id, request).await
        }
        (Place::Manifest { repository, reference }, &Method::PUT) => {
            manifests::put(shared, &repository, &reference, request).await
        }
        (Place::Manifest { repository, reference }, &Method::GET | &Method::HEAD) => {
            manifests::get(shared, &repository, &reference, method == Method::HEAD)
        }
        (Place::Unknown, _) => {
            let path = request.uri().path();
            let text = format!("the sandbox does not implement registry:{method} {path}");
            refuse(StatusCode::NOT_FOUND, "UNSUPPORTED", &text)
        }
        _ => method_not_allowed(),
    }
}
