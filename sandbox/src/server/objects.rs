//! S3, by the crates s3s and s3s-fs, with what they leave out.

use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::sync::Mutex;

use super::{
    Shared,
    answer::{Answer, answer, empty, header, is_signed, read, set},
    chunked,
    journal::Named,
    xml,
};
use crate::world::ObjectStore;

/// Objects of a deployment are small; bigger ones are refused.
const LONGEST: usize = 64 * 1024 * 1024;

/// The folder that holds the buckets: a folder each, a file for each object.
#[derive(Clone, Debug)]
pub(crate) struct ObjectFiles {
    root: PathBuf,
}

impl ObjectFiles {
    pub(crate) fn new(root: PathBuf) -> Self {
        ObjectFiles { root }
    }

    pub(crate) fn bucket(&self, bucket: &str) -> Option<PathBuf> {
        self.inside(Path::new(bucket))
    }

    pub(crate) fn object(&self, bucket: &str, key: &str) -> Option<PathBuf> {
        self.inside(&Path::new(bucket).join(key))
    }

    /// A path below the root; `None` when it would leave it.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        plain.then(|| self.root.join(path))
    }
}

impl ObjectStore for ObjectFiles {
    fn read(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.object(bucket, key)?).ok()
    }
}

pub(crate) struct Objects {
    files: ObjectFiles,
    service: S3Service,
    /// Held while an object is written, so that of two writers with `If-None-Match: *` one loses.
    writing: Mutex<()>,
}

impl Objects {
    /// Errors: the folder cannot be used.
    pub(crate) fn new(files: ObjectFiles) -> std::io::Result<Objects> {
        let system =
            FileSystem::new(&files.root).map_err(|error| std::io::Error::other(format!("{error:?}")))?;
        let service = S3ServiceBuilder::new(system).build();
        Ok(Objects { files, service, writing: Mutex::default() })
    }

    pub(crate) fn files(&self) -> &ObjectFiles {
        &self.files
    }
}

/// What an S3 request is about.
struct Target {
    method: Method,
    bucket: String,
    key: String,
    query: Vec<String>,
}

impl Target {
    fn of<T>(request: &Request<T>) -> Target {
        let path = request.uri().path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        Target {
            method: request.method().clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            query: query.map(|(name, _)| name.into_owned()).collect(),
        }
    }

    fn asks(&self, name: &str) -> bool {
        self.query.iter().any(|asked| asked == name)
    }

    fn operation(&self) -> String {
        let on = |bucket: &str, object: &str| {
            if self.key.is_empty() { bucket.to_owned() } else { object.to_owned() }
        };
        match self.method {
            _ if self.bucket.is_empty() => "ListBuckets".to_owned(),
            Method::GET if self.asks("location") => "GetBucketLocation".to_owned(),
            Method::GET if self.asks("publicAccessBlock") => "GetPublicAccessBlock".to_owned(),
            Method::GET if self.asks("policyStatus") => "GetBucketPolicyStatus".to_owned(),
            Method::GET if self.asks("list-type") => "ListObjectsV2".to_owned(),
            Method::GET => on("ListObjects", "GetObject"),
            Method::HEAD => on("HeadBucket", "HeadObject"),
            Method::PUT => on("CreateBucket", "PutObject"),
            Method::DELETE => on("DeleteBucket", "DeleteObject"),
            _ => format!("{} {}", self.method, on("bucket", "object")),
        }
    }
}

pub(super) async fn respond(shared: &Shared, request: Request<Incoming>) -> (Named, Answer) {
    let target = Target::of(&request);
    let operation = target.operation();
    let write = !matches!(target.method, Method::GET | Method::HEAD);
    let signed = is_signed(&request) || target.asks("X-Amz-Signature");
    let owner = header(&request, "x-amz-expected-bucket-owner").map(str::to_owned);
    let (parts, body) = request.into_parts();
    let response = match read(body, LONGEST).await {
        // The code of S3 itself for a request without credentials is another one than that of the JSON APIs.
        _ if !signed => refuse(&target, StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
        Err(error) => refuse(&target, StatusCode::BAD_REQUEST, "IncompleteBody", &error.to_string()),
        _ if owner.is_some_and(|owner| owner != shared.account) => {
            refuse(&target, StatusCode::FORBIDDEN, "AccessDenied", "Access Denied")
        }
        Ok(body) => serve(shared, &target, &operation, parts, body).await,
    };
    (Named::new("s3", &operation, write), response)
}

async fn serve(
    shared: &Shared,
    target: &Target,
    operation: &str,
    parts: http::request::Parts,
    body: Bytes,
) -> Answer {
    let bucket_exists = shared.objects.files.bucket(&target.bucket).is_some_and(|path| path.is_dir());
    if !target.bucket.is_empty() && !bucket_exists && operation != "CreateBucket" {
        let text = "The specified bucket does not exist";
        return refuse(target, StatusCode::NOT_FOUND, "NoSuchBucket", text);
    }
    match operation {
        "GetBucketLocation" => location(&shared.region),
        "GetPublicAccessBlock" => public_access_block(),
        "GetBucketPolicyStatus" => {
            refuse(target, StatusCode::NOT_FOUND, "NoSuchBucketPolicy", "The bucket policy does not exist")
        }
        _ => delegate(shared, target, operation, parts, body).await,
    }
}

/// Hands a request to s3s. It is sent without its signature, which s3s could only check with the
/// caller's secret key; for that the body has to be decoded here.
async fn delegate(
    shared: &Shared,
    target: &Target,
    operation: &str,
    mut parts: http::request::Parts,
    mut body: Bytes,
) -> Answer {
    let streaming = parts
        .headers
        .get("x-amz-content-sha256")
        .is_some_and(|value| value.as_bytes().starts_with(b"STREAMING-"));
    if streaming {
        let Some(decoded) = chunked::decode(&body) else {
            return refuse(
                target,
                StatusCode::BAD_REQUEST,
                "IncompleteBody",
                "The chunks of the body are broken.",
            );
        };
        body = decoded.body.into();
        take_trailers(&mut parts.headers, &decoded.trailers);
    }
    for name in ["authorization", "x-amz-content-sha256", "transfer-encoding"] {
        parts.headers.remove(name);
    }
    parts.headers.insert("content-length", HeaderValue::from(body.len()));
    let encryption = parts.headers.get("x-amz-server-side-encryption").cloned();
    let _writing = shared.objects.writing.lock().await;
    let request = Request::from_parts(parts, s3s::Body::from(body));
    match shared.objects.service.call(request).await {
        Ok(response) => {
            let mut response = response.map(|body| body.boxed_unsync());
            // S3 encrypts every object, and says so.
            if matches!(operation, "PutObject" | "HeadObject" | "GetObject") && response.status().is_success()
            {
                let encryption = encryption.unwrap_or(HeaderValue::from_static("AES256"));
                response.headers_mut().insert("x-amz-server-side-encryption", encryption);
            }
            if operation == "HeadBucket" {
                set(&mut response, "x-amz-bucket-region", &shared.region);
            }
            response
        }
        Err(error) => {
            refuse(target, StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &format!("{error:?}"))
        }
    }
}

/// Makes ordinary headers of the checksums that followed the body, so that they are verified.
fn take_trailers(headers: &mut HeaderMap, trailers: &[(String, String)]) {
    for name in ["x-amz-trailer", "x-amz-decoded-content-length", "content-encoding"] {
        headers.remove(name);
    }
    for (name, value) in trailers.iter().filter(|(name, _)| name.starts_with("x-amz-checksum-")) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    }
}

fn location(region: &str) -> Answer {
    // The oldest Region has no name here.
    let region = if region == "us-east-1" { "" } else { region };
    let body = format!(
        "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{region}</LocationConstraint>"
    );
    answer(StatusCode::OK, "application/xml", body)
}

fn public_access_block() -> Answer {
    let fields = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
        .map(|name| xml::element(name, "true"))
        .concat();
    let body = format!(
        "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{fields}</PublicAccessBlockConfiguration>"
    );
    answer(StatusCode::OK, "application/xml", body)
}

/// An S3 error; the answer to HEAD has no body.
fn refuse(target: &Target, status: StatusCode, code: &str, message: &str) -> Answer {
    if target.method == Method::HEAD {
        return empty(status);
    }
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>{}{}<RequestId>0000000000000000</RequestId></Error>",
        xml::element("Code", code),
        xml::element("Message", message),
    );
    answer(status, "application/xml", body)
}
