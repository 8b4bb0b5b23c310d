//! ECR's API: the registry login, and repositories.

use std::fmt;
use std::str::FromStr;

use aws_config::Region;
use aws_sdk_ecr::types as sdk;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use super::clients::Aws;
use super::error::aws_error;
use crate::error::{Error, Result};
use crate::image::{Credentials, EcrHost};
use crate::secret::Secret;

/// What a look at a repository came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryLook {
    /// It exists.
    There(Repository),
    /// It does not exist.
    Missing,
    /// The caller may not look, which says nothing about whether it may push: the registry has the last
    /// word then.
    NotAllowed,
}

/// A repository as it is, so far as it matters to a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Whether a tag in it can be moved to another image.
    pub tag_mutability: TagMutability,
}

/// Whether a tag can be moved to another image (facts 6.5). The filters are ECR's: `*` stands for any
/// run of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagMutability {
    /// Every tag can be.
    Mutable,
    /// No tag can be.
    Immutable,
    /// Only tags that match a filter can be.
    ImmutableExcept(Vec<String>),
    /// Only tags that match no filter can be.
    MutableExcept(Vec<String>),
}

/// What a repository is created with. Encryption can never be changed afterwards (facts 6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryOptions {
    /// Whether its tags can be moved.
    pub tags: RepositoryTags,
    /// Whether ECR scans what is pushed; a registry's own scanning rules win (facts 6.6).
    pub scan_on_push: bool,
    /// How its images are encrypted at rest.
    pub encryption: Encryption,
}

impl Default for RepositoryOptions {
    fn default() -> Self {
        Self { tags: RepositoryTags::default(), scan_on_push: true, encryption: Encryption::default() }
    }
}

/// The rule for the tags of a repository that is created.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RepositoryTags {
    /// A tag stays with the image that it was given to first.
    #[default]
    Immutable,
    /// A tag can be moved to another image.
    Mutable,
}

/// How images are encrypted at rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Encryption {
    /// With keys of S3.
    #[default]
    Aes256,
    /// With AWS's own KMS key for ECR.
    Kms,
    /// With this KMS key of the same Region: an alias, an id or an ARN.
    KmsKey(String),
}

impl Aws {
    /// User and password for the registries of a Region that the caller may reach; valid for 12
    /// hours (facts 6.1: the token is per Region, which need not be the service's).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws) where AWS refuses.
    pub async fn registry_login(&self, region: &str) -> Result<Credentials> {
        let action = "ecr:GetAuthorizationToken";
        let answer = self
            .ecr
            .get_authorization_token()
            .customize()
            .config_override(in_region(region))
            .send()
            .await
            .map_err(|error| aws_error(action, "the registry", error))?;
        let malformed = || Error::internal(format!("{action} answered without a usable token"));
        let token = answer
            .authorization_data
            .unwrap_or_default()
            .into_iter()
            .find_map(|data| data.authorization_token)
            .ok_or_else(malformed)?;
        let decoded = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = Secret::new(decoded.ok_or_else(malformed)?);
        let (user, password) = decoded.expose().split_once(':').ok_or_else(malformed)?;
        Ok(Credentials::Login { user: user.to_owned(), password: Secret::new(password) })
    }

    /// Looks at a repository before a push: ECR cuts the connection of a push into one that is missing
    /// (facts 6.2), and refuses to move a tag only when everything has been sent (facts 6.5).
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws), but not for a lack of permission.
    pub async fn repository(&self, host: &EcrHost, name: &str) -> Result<RepositoryLook> {
        let result = self
            .ecr
            .describe_repositories()
            .registry_id(&host.account)
            .repository_names(name)
            .customize()
            .config_override(in_region(&host.region))
            .send()
            .await;
        match result {
            Ok(answer) => Ok(match answer.repositories.unwrap_or_default().into_iter().next() {
                Some(found) => RepositoryLook::There(repository(found)),
                None => RepositoryLook::Missing,
            }),
            Err(error) if error.code() == Some("RepositoryNotFoundException") => Ok(RepositoryLook::Missing),
            Err(error) if is_denied(error.code()) => Ok(RepositoryLook::NotAllowed),
            Err(error) => Err(aws_error("ecr:DescribeRepositories", &in_words(host, name), error)),
        }
    }

    /// Creates a repository. One that someone else has created meanwhile is as good, whatever it was
    /// created with.
    ///
    /// # Errors
    /// [`ErrorKind::Aws`](crate::error::ErrorKind::Aws) where AWS refuses.
    pub async fn create_repository(
        &self,
        host: &EcrHost,
        name: &str,
        options: &RepositoryOptions,
    ) -> Result<()> {
        let action = "ecr:CreateRepository";
        let encryption = match &options.encryption {
            Encryption::Aes256 => sdk::EncryptionConfiguration::builder().encryption_type("AES256".into()),
            Encryption::Kms => sdk::EncryptionConfiguration::builder().encryption_type("KMS".into()),
            Encryption::KmsKey(key) => {
                sdk::EncryptionConfiguration::builder().encryption_type("KMS".into()).kms_key(key)
            }
        };
        let encryption = encryption
            .build()
            .map_err(|error| Error::internal(format!("{action} cannot be put together")).source(error))?;
        let mutability = match options.tags {
            RepositoryTags::Immutable => sdk::ImageTagMutability::Immutable,
            RepositoryTags::Mutable => sdk::ImageTagMutability::Mutable,
        };
        let scanning = sdk::ImageScanningConfiguration::builder().scan_on_push(options.scan_on_push);
        let result = self
            .ecr
            .create_repository()
            .registry_id(&host.account)
            .repository_name(name)
            .image_tag_mutability(mutability)
            .image_scanning_configuration(scanning.build())
            .encryption_configuration(encryption)
            .customize()
            .config_override(in_region(&host.region))
            .send()
            .await;
        let Err(error) = result else { return Ok(()) };
        if error.code() == Some("RepositoryAlreadyExistsException") {
            return Ok(());
        }
        let denied = is_denied(error.code());
        let key = error.code() == Some("KmsException");
        let error = aws_error(action, &in_words(host, name), error);
        if key {
            let region = &host.region;
            return Err(error.hint(format!(
                "Check that the key of `encryption` exists in {region}, is enabled, and may be used by the caller."
            )));
        }
        if denied {
            // AWS's text may name another action, such as kms:CreateGrant; what it says stays first.
            let said = error.hint_text().unwrap_or_default().to_owned();
            return Err(error.hint(format!(
                "{said} Without `{action}`, have someone else run `aws ecr create-repository --repository-name {name} --registry-id {} --region {}`.",
                host.account, host.region
            )));
        }
        Err(error)
    }
}

/// The Region that a host's name gives: with it go the partition and its endpoints, so that China and
/// GovCloud need nothing of their own.
pub(super) fn in_region(region: &str) -> aws_sdk_ecr::config::Builder {
    aws_sdk_ecr::config::Builder::new().region(Region::new(region.to_owned()))
}

fn in_words(host: &EcrHost, name: &str) -> String {
    format!("repository {name} of account {} in {}", host.account, host.region)
}

fn is_denied(code: Option<&str>) -> bool {
    matches!(code, Some("AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation"))
}

fn repository(found: sdk::Repository) -> Repository {
    let filters = found.image_tag_mutability_exclusion_filters.unwrap_or_default();
    // WILDCARD is the only type of a filter (facts 6.5).
    let filters = filters.into_iter().map(|filter| filter.filter).collect();
    let tag_mutability = match found.image_tag_mutability {
        Some(sdk::ImageTagMutability::Immutable) => TagMutability::Immutable,
        Some(sdk::ImageTagMutability::ImmutableWithExclusion) => TagMutability::ImmutableExcept(filters),
        Some(sdk::ImageTagMutability::MutableWithExclusion) => TagMutability::MutableExcept(filters),
        // A rule that is not known yet must not stop a push that the registry would take.
        _ => TagMutability::Mutable,
    };
    Repository { tag_mutability }
}

impl TagMutability {
    /// Whether `tag` can be moved to another image once it is given.
    pub fn allows_move(&self, tag: &str) -> bool {
        let excepted = |filters: &[String]| filters.iter().any(|filter| matches_filter(filter, tag));
        match self {
            Self::Mutable => true,
            Self::Immutable => false,
            Self::ImmutableExcept(filters) => excepted(filters),
            Self::MutableExcept(filters) => !excepted(filters),
        }
    }
}

/// Whether a tag matches a WILDCARD filter: each `*` stands for any run of characters.
fn matches_filter(filter: &str, tag: &str) -> bool {
    let mut parts = filter.split('*');
    let Some(rest) = tag.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    parts.all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

impl FromStr for RepositoryTags {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage), naming both.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "immutable" => Ok(Self::Immutable),
            "mutable" => Ok(Self::Mutable),
            _ => Err(Error::usage(format!("`{text}` is no rule for the tags of a repository"))
                .hint("Write `immutable` or `mutable`.")),
        }
    }
}

impl FromStr for Encryption {
    type Err = Error;

    /// Reads `aes256`, `kms` or `kms:KEY`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage), naming the three.
    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            None if text == "aes256" => Ok(Self::Aes256),
            None if text == "kms" => Ok(Self::Kms),
            Some(("kms", key)) if !key.is_empty() => Ok(Self::KmsKey(key.to_owned())),
            _ => Err(Error::usage(format!("`{text}` is no encryption of a repository"))
                .hint("Write `aes256`, `kms` (AWS's own key) or `kms:KEY` with a key's alias, id or ARN.")),
        }
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aes256 => f.write_str("aes256"),
            Self::Kms => f.write_str("kms"),
            Self::KmsKey(key) => write!(f, "kms:{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use landfall_sandbox::{Options, Sandbox};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::aws::{AwsSettings, StaticEndpoint};
    use crate::error::ErrorKind;

    async fn start(denied: &[&str]) -> (Sandbox, Aws) {
        let denied_actions = denied.iter().map(|action| (*action).to_owned()).collect();
        let sandbox = Sandbox::start(Options { denied_actions, ..Options::default() }).await.unwrap();
        let aws = connect(sandbox.endpoint()).await;
        (sandbox, aws)
    }

    async fn connect(url: String) -> Aws {
        let endpoint = StaticEndpoint {
            url,
            access_key_id: "AKIASANDBOXSANDBOX00".to_owned(),
            secret_access_key: "made-up".to_owned(),
        };
        let settings = AwsSettings {
            region: Some("us-east-1".to_owned()),
            endpoint: Some(endpoint),
            ..AwsSettings::default()
        };
        Aws::connect(settings).await.unwrap()
    }

    fn host() -> EcrHost {
        EcrHost { account: "123456789012".to_owned(), region: "cn-north-1".to_owned() }
    }

    #[tokio::test]
    async fn a_repository_is_created_once_and_then_there() {
        let (_sandbox, aws) = start(&[]).await;
        assert_eq!(aws.repository(&host(), "team/api").await.unwrap(), RepositoryLook::Missing);
        aws.create_repository(&host(), "team/api", &RepositoryOptions::default()).await.unwrap();
        let there = RepositoryLook::There(Repository { tag_mutability: TagMutability::Immutable });
        assert_eq!(aws.repository(&host(), "team/api").await.unwrap(), there);
        // Someone else was quicker, with another rule: what is there stays.
        let mutable = RepositoryOptions { tags: RepositoryTags::Mutable, ..RepositoryOptions::default() };
        aws.create_repository(&host(), "team/api", &mutable).await.unwrap();
        assert_eq!(aws.repository(&host(), "team/api").await.unwrap(), there);
    }

    #[tokio::test]
    async fn what_was_asked_for_is_what_is_created() {
        let (_sandbox, aws) = start(&[]).await;
        let key = "arn:aws-cn:kms:cn-north-1:123456789012:key/1";
        let options = [
            RepositoryOptions::default(),
            RepositoryOptions {
                tags: RepositoryTags::Mutable,
                scan_on_push: false,
                encryption: Encryption::KmsKey(key.to_owned()),
            },
            RepositoryOptions { encryption: Encryption::Kms, ..RepositoryOptions::default() },
        ];
        let expected = [
            ("IMMUTABLE", true, "AES256", None),
            ("MUTABLE", false, "KMS", Some(key)),
            ("IMMUTABLE", true, "KMS", None),
        ];
        for (index, (options, expected)) in options.iter().zip(expected).enumerate() {
            let name = format!("repository-{index}");
            aws.create_repository(&host(), &name, options).await.unwrap();
            let answer = aws.ecr.describe_repositories().repository_names(&name).send().await.unwrap();
            let found = &answer.repositories()[0];
            let encryption = found.encryption_configuration().unwrap();
            assert_eq!(
                (
                    found.image_tag_mutability().unwrap().as_str(),
                    found.image_scanning_configuration().unwrap().scan_on_push(),
                    encryption.encryption_type().as_str(),
                    encryption.kms_key(),
                ),
                expected
            );
        }
    }

    #[tokio::test]
    async fn a_denied_look_stops_nothing_and_a_denied_creation_says_what_to_do() {
        let (_sandbox, aws) = start(&["ecr:DescribeRepositories", "ecr:CreateRepository"]).await;
        assert_eq!(aws.repository(&host(), "api").await.unwrap(), RepositoryLook::NotAllowed);
        let error = aws.create_repository(&host(), "api", &RepositoryOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Aws);
        assert!(
            error.to_string().contains("repository api of account 123456789012 in cn-north-1"),
            "{error}"
        );
        let hint = error.hint_text().unwrap();
        assert!(hint.starts_with("Allow the caller `ecr:CreateRepository`."), "{hint}");
        assert!(hint.contains("--registry-id 123456789012 --region cn-north-1"), "{hint}");
    }

    #[tokio::test]
    async fn the_account_and_the_region_are_those_of_the_host() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let aws = connect(format!("http://{}", listener.local_addr().unwrap())).await;
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
            String::from_utf8(request).unwrap()
        };
        let host = host();
        let (request, look) = tokio::join!(serve, aws.repository(&host, "api"));
        assert_eq!(look.unwrap(), RepositoryLook::Missing);
        assert!(request.contains("/cn-north-1/ecr/aws4_request"), "{request}");
        assert!(request.contains("\"registryId\":\"123456789012\""), "{request}");
    }

    #[tokio::test]
    async fn filters_of_a_live_repository_are_understood() {
        let (sandbox, aws) = start(&[]).await;
        let tags = landfall_sandbox::TagMutability::ImmutableWithExclusion(vec!["dev-*".to_owned()]);
        let options = landfall_sandbox::RepositoryOptions { tags, ..Default::default() };
        sandbox.create_repository_with("api", options);
        let look = aws.repository(&host(), "api").await.unwrap();
        let RepositoryLook::There(Repository { tag_mutability }) = look else { panic!("{look:?}") };
        assert_eq!(tag_mutability, TagMutability::ImmutableExcept(vec!["dev-*".to_owned()]));
    }

    #[test]
    fn rules_and_their_exceptions_say_which_tags_move() {
        let filters = || vec!["dev-*".to_owned(), "*-rc*".to_owned(), "latest".to_owned()];
        for (tag, excepted) in [
            ("dev-1", true),
            ("dev-", true),
            ("v1-rc2", true),
            ("latest", true),
            ("latest-1", false),
            ("v1", false),
        ] {
            assert_eq!(TagMutability::ImmutableExcept(filters()).allows_move(tag), excepted, "{tag}");
            assert_eq!(TagMutability::MutableExcept(filters()).allows_move(tag), !excepted, "{tag}");
        }
        assert!(TagMutability::Mutable.allows_move("v1") && !TagMutability::Immutable.allows_move("v1"));
    }

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (filter, tag, expected) in [
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b", "ab", true),
            ("a*b", "a-b-b", true),
            ("a*b", "abc", false),
            ("*a*a*", "ba-ab", true),
            ("*a*a*", "a", false),
            ("**", "x", true),
        ] {
            assert_eq!(matches_filter(filter, tag), expected, "{filter} {tag}");
        }
    }

    #[test]
    fn encryption_is_read_and_written_back() {
        for text in ["aes256", "kms", "kms:alias/images", "kms:arn:aws:kms:eu-west-1:1:key/2"] {
            assert_eq!(text.parse::<Encryption>().unwrap().to_string(), text);
        }
        for text in ["", "AES", "kms:", "aes256:x", "none"] {
            let error = text.parse::<Encryption>().unwrap_err();
            assert!(error.hint_text().unwrap().contains("`kms:KEY`"), "{text}: {error}");
        }
        assert!("sometimes".parse::<RepositoryTags>().is_err());
    }
}
