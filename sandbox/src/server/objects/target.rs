//! What an S3 request is about.

use http::{Method, Request};

use crate::server::answer::header;

pub(super) struct Target {
    pub(super) method: Method,
    pub(super) bucket: String,
    /// Decoded.
    pub(super) key: String,
    query: Vec<String>,
    /// The Region that the signature is for, which says whose endpoint the caller means.
    pub(super) region: Option<String>,
}

impl Target {
    pub(super) fn of<T>(request: &Request<T>) -> Target {
        let path = request.uri().path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        Target {
            method: request.method().clone(),
            bucket: bucket.to_owned(),
            key: decode(key),
            query: query.map(|(name, _)| name.into_owned()).collect(),
            region: header(request, "authorization").and_then(signed_region),
        }
    }

    pub(super) fn asks(&self, name: &str) -> bool {
        self.query.iter().any(|asked| asked == name)
    }

    pub(super) fn operation(&self) -> String {
        let on = |bucket: &str, object: &str| {
            if self.key.is_empty() { bucket.to_owned() } else { object.to_owned() }
        };
        match self.method {
            _ if self.bucket.is_empty() => "ListBuckets".to_owned(),
            Method::GET if self.asks("location") => "GetBucketLocation".to_owned(),
            Method::GET if self.asks("publicAccessBlock") => "GetPublicAccessBlock".to_owned(),
            Method::GET if self.asks("policy") => "GetBucketPolicy".to_owned(),
            Method::GET if self.asks("policyStatus") => "GetBucketPolicyStatus".to_owned(),
            Method::GET if self.asks("acl") => on("GetBucketAcl", "GetObjectAcl"),
            Method::GET if self.asks("list-type") => "ListObjectsV2".to_owned(),
            Method::GET => on("ListObjects", "GetObject"),
            Method::HEAD => on("HeadBucket", "HeadObject"),
            Method::PUT => on("CreateBucket", "PutObject"),
            Method::DELETE => on("DeleteBucket", "DeleteObject"),
            Method::POST if self.asks("delete") => "DeleteObjects".to_owned(),
            _ => format!("{} {}", self.method, on("bucket", "object")),
        }
    }

    /// The ARN of the object or the bucket.
    pub(super) fn arn(&self) -> String {
        let slash = if self.key.is_empty() { "" } else { "/" };
        format!("arn:aws:s3:::{}{slash}{}", self.bucket, self.key)
    }
}

/// The IAM action that an operation needs; several have another name than the operation.
pub(super) fn action(operation: &str) -> String {
    let name = match operation {
        "HeadObject" => "GetObject",
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "ListBucket",
        "ListBuckets" => "ListAllMyBuckets",
        "DeleteObjects" => "DeleteObject",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        other => other,
    };
    format!("s3:{name}")
}

/// The third part of `Credential=KEY/DATE/REGION/s3/aws4_request`.
fn signed_region(authorization: &str) -> Option<String> {
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split('/').nth(2).map(str::to_owned)
}

/// Undoes percent-encoding. In a path, unlike in a form, the characters `+`, `&` and `=` stand for
/// themselves.
fn decode(path: &str) -> String {
    let path = path.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(path.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_paths() {
        assert_eq!(decode("a+b=c&d/e%20f%25%C3%A4"), "a+b=c&d/e f%ä");
        assert_eq!(decode(""), "");
    }

    #[test]
    fn the_signature_says_the_region() {
        let header = "AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/s3/aws4_request, Signature=0";
        assert_eq!(signed_region(header).as_deref(), Some("eu-west-1"));
        assert_eq!(signed_region("Basic AAAA"), None);
    }
}
