//! S3, by the crates s3s and s3s-fs, with what they leave out.

mod buckets;
mod delegate;
mod encryption;
mod files;
mod target;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use quick_xml::{Reader, events::Event};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;

use self::{
    delegate::delegate,
    encryption::ObjectEncryption,
    target::{Target, action},
};
use super::{
    Shared,
    answer::{Answer, answer, empty, header, is_signed, read, set},
    journal::Named,
    xml,
};

pub use buckets::{BucketOptions, BucketPolicy};
pub(crate) use files::ObjectFiles;

/// Objects of a deployment are small; bigger ones are refused.
const LONGEST: usize = 64 * 1024 * 1024;

pub(crate) struct Objects {
    files: ObjectFiles,
    service: S3Service,
    /// Buckets that are not as a new bucket is.
    buckets: Mutex<HashMap<String, BucketOptions>>,
    /// By bucket and key; what is not here has the default.
    encryption: Mutex<HashMap<(String, String), ObjectEncryption>>,
    /// Held while an object is written, so that of two writers with `If-None-Match: *` one loses.
    writing: tokio::sync::Mutex<()>,
}

impl Objects {
    /// Errors: the folder cannot be used.
    pub(crate) fn new(files: ObjectFiles) -> std::io::Result<Objects> {
        let system =
            FileSystem::new(files.root()).map_err(|error| std::io::Error::other(format!("{error:?}")))?;
        let service = S3ServiceBuilder::new(system).build();
        Ok(Objects {
            files,
            service,
            buckets: Mutex::default(),
            encryption: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn files(&self) -> &ObjectFiles {
        &self.files
    }

    /// Writes an object to its place `path`, as if it had been last modified at `at` if that is given.
    ///
    /// Errors: the file cannot be written.
    pub(crate) fn write(
        &self,
        (bucket, key): (&str, &str),
        path: &Path,
        bytes: &[u8],
        at: Option<SystemTime>,
    ) -> std::io::Result<()> {
        self.files.write(bucket, key, path, bytes)?;
        lock(&self.encryption).remove(&(bucket.to_owned(), key.to_owned()));
        at.map_or(Ok(()), |at| files::set_modified(path, at))
    }

    pub(crate) fn set_bucket(&self, bucket: &str, options: BucketOptions) {
        lock(&self.buckets).insert(bucket.to_owned(), options);
    }

    fn bucket(&self, bucket: &str) -> BucketOptions {
        lock(&self.buckets).get(bucket).cloned().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) async fn respond(shared: &Shared, request: Request<Incoming>) -> (Named, Answer) {
    let target = Target::of(&request);
    let operation = target.operation();
    let write = !matches!(target.method, Method::GET | Method::HEAD);
    let signed = is_signed(&request) || target.asks("X-Amz-Signature");
    let (parts, body) = request.into_parts();
    let response = match read(body, LONGEST).await {
        // The code of S3 itself for a request without credentials is another one than that of the JSON APIs.
        _ if !signed => refuse(&target, StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
        Err(error) => refuse(&target, StatusCode::BAD_REQUEST, "IncompleteBody", &error.to_string()),
        Ok(body) => serve(shared, &target, &operation, Request::from_parts(parts, body)).await,
    };
    (Named::new("s3", &operation, write), response)
}

async fn serve(shared: &Shared, target: &Target, operation: &str, request: Request<Bytes>) -> Answer {
    let bucket_exists = shared.objects.files.bucket(&target.bucket).is_some_and(|path| path.is_dir());
    if !target.bucket.is_empty() && !bucket_exists && operation != "CreateBucket" {
        let text = "The specified bucket does not exist";
        return refuse(target, StatusCode::NOT_FOUND, "NoSuchBucket", text);
    }
    let bucket = shared.objects.bucket(&target.bucket);
    let mut response = serve_bucket(shared, target, operation, &bucket, request).await;
    // S3 says where the bucket is even to those who may not use it.
    if operation == "HeadBucket" || response.status() == StatusCode::MOVED_PERMANENTLY {
        set(&mut response, "x-amz-bucket-region", bucket.region.as_ref().unwrap_or(&shared.region));
    }
    response
}

async fn serve_bucket(
    shared: &Shared,
    target: &Target,
    operation: &str,
    bucket: &BucketOptions,
    request: Request<Bytes>,
) -> Answer {
    let region = bucket.region.as_ref().unwrap_or(&shared.region);
    // All Regions have one endpoint here; the signature says which one the caller means.
    if *region != shared.region && target.region.as_ref() != Some(region) {
        return moved(target, region);
    }
    let owner = bucket.owner.as_ref().unwrap_or(&shared.account);
    if header(&request, "x-amz-expected-bucket-owner").is_some_and(|expected| expected != owner) {
        return refuse(target, StatusCode::FORBIDDEN, "AccessDenied", "Access Denied");
    }
    if let Some(text) = denial(shared, target, operation) {
        return match operation {
            "DeleteObjects" => none_deleted(request.body(), &text),
            _ => refuse(target, StatusCode::FORBIDDEN, "AccessDenied", &text),
        };
    }
    match operation {
        "GetBucketLocation" => buckets::location(region),
        "GetPublicAccessBlock" => buckets::public_access_block(target, bucket),
        "GetBucketPolicyStatus" => buckets::policy_status(target, bucket),
        "GetBucketPolicy" => {
            let policy = shared.world().world.resource_policy(&target.arn()).map(ToString::to_string);
            buckets::policy(target, policy)
        }
        "GetBucketAcl" => buckets::acl(bucket, &shared.account),
        _ => {
            let response = delegate(shared, target, operation, request).await;
            // Who may not list a bucket does not learn that an object is missing (facts 2.4).
            let missing =
                matches!(operation, "GetObject" | "HeadObject") && response.status() == StatusCode::NOT_FOUND;
            match denial(shared, target, "ListObjectsV2") {
                Some(_) if missing => refuse(target, StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
                _ => response,
            }
        }
    }
}

/// What S3 says when the caller may not do this.
fn denial(shared: &Shared, target: &Target, operation: &str) -> Option<String> {
    let action = action(operation);
    shared.world().world.denial(&action, &format!("\"{}\"", target.arn()))
}

/// The answer to a request that went to the wrong Region.
fn moved(target: &Target, region: &str) -> Answer {
    let status = StatusCode::MOVED_PERMANENTLY;
    if target.method == Method::HEAD {
        return empty(status);
    }
    let text = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.";
    error(
        status,
        "PermanentRedirect",
        text,
        &[
            xml::element("Endpoint", &format!("s3.{region}.amazonaws.com")),
            xml::element("Bucket", &target.bucket),
        ],
    )
}

/// DeleteObjects succeeds even when it may not delete any of the objects; it says so of each.
fn none_deleted(body: &[u8], text: &str) -> Answer {
    let mut errors = String::new();
    let mut reader = Reader::from_reader(body);
    // What cannot be read names no objects.
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) if tag.name().as_ref() == b"Key" => {
                if let Ok(key) = reader.read_text(tag.name())
                    && let Ok(key) = key.decode()
                {
                    let reason = [xml::element("Code", "AccessDenied"), xml::element("Message", text)];
                    // The key is still escaped.
                    errors.push_str(&format!("<Error><Key>{key}</Key>{}</Error>", reason.concat()));
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let body =
        format!("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{errors}</DeleteResult>");
    answer(StatusCode::OK, "application/xml", body)
}

/// An S3 error; the answer to HEAD has no body.
fn refuse(target: &Target, status: StatusCode, code: &str, message: &str) -> Answer {
    if target.method == Method::HEAD { empty(status) } else { error(status, code, message, &[]) }
}

fn error(status: StatusCode, code: &str, message: &str, more: &[String]) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>{}{}{}<RequestId>0000000000000000</RequestId></Error>",
        xml::element("Code", code),
        xml::element("Message", message),
        more.concat(),
    );
    answer(status, "application/xml", body)
}
