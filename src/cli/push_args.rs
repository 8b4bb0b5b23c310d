//! The clap types of pushing images: what `deploy` and `push` share, and `push` itself.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::args::{Global, given, given_list};
use crate::config::{Config, ImageConfig, Overrides, PushConfig, PushOverrides, PushRequest};
use crate::error::{Error, Result};

/// How images are pushed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Push")]
pub struct PushArgs {
    /// Create the ECR repository where it does not exist
    #[arg(long, env = "LANDFALL_CREATE_REPOSITORY", value_parser = FalseyValueParser::new())]
    pub create_repository: bool,
    /// Whether the tags of a created repository can be moved [default: immutable]
    #[arg(long, env = "LANDFALL_REPOSITORY_TAGS", value_name = "immutable|mutable")]
    pub repository_tags: Option<String>,
    /// Create the repository without a scan of what is pushed
    #[arg(long, env = "LANDFALL_NO_SCAN_ON_PUSH", value_parser = FalseyValueParser::new())]
    pub no_scan_on_push: bool,
    /// How a created repository is encrypted, for good [default: aes256]
    #[arg(long, env = "LANDFALL_REPOSITORY_ENCRYPTION", value_name = "aes256|kms|kms:KEY")]
    pub repository_encryption: Option<String>,
    /// How layers are compressed that the source gives uncompressed [default: gzip]
    #[arg(long, env = "LANDFALL_COMPRESSION", value_name = "gzip|zstd")]
    pub compression: Option<String>,
    /// Neither read nor write the cache of compressed layers
    #[arg(long, env = "LANDFALL_NO_CACHE", value_parser = FalseyValueParser::new())]
    pub no_cache: bool,
}

impl PushArgs {
    /// What the flags say over the file.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) naming the flag whose value is not known.
    pub fn overrides(&self) -> Result<PushOverrides> {
        Ok(PushOverrides {
            create_repository: self.create_repository,
            repository_tags: parsed("--repository-tags", &self.repository_tags)?,
            scan_on_push: self.no_scan_on_push.then_some(false),
            encryption: parsed("--repository-encryption", &self.repository_encryption)?,
            compression: parsed("--compression", &self.compression)?,
        })
    }
}

/// Reads a flag's value where there is one. Clap would read it too, but an empty `LANDFALL_*` variable has to
/// pass for one that is not set.
fn parsed<T: std::str::FromStr<Err = Error>>(flag: &str, value: &Option<String>) -> Result<Option<T>> {
    given(value).map(|text| text.parse().map_err(|error| of_flag(flag, &error))).transpose()
}

fn of_flag(flag: &str, error: &Error) -> Error {
    Error::new(error.kind(), format!("{flag}: {error}")).hint(error.hint_text().unwrap_or("See --help."))
}

const EXAMPLES: &str = "\
Examples:
  landfall push --from docker:api --to 123456789012.dkr.ecr.eu-west-1.amazonaws.com/api:v1
  docker save api | landfall push --from - --to registry.example/api:v1 --to registry.example/api:main
  landfall push api      the image of the service `api` in landfall.yml

Standard output has one line for each repository, HOST/REPOSITORY@sha256:...; the rest is on standard error.";

/// `landfall push`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PushCommandArgs {
    /// Only the images of these services of the configuration [default: all]
    pub services: Vec<String>,
    /// What to push, without a configuration file: docker:NAME[:TAG], docker-archive:FILE[:REF],
    /// oci-archive:FILE[:REF], oci:DIR[:REF], registry:REFERENCE, or - for an archive on standard input
    #[arg(long, env = "LANDFALL_FROM", value_name = "SOURCE")]
    pub from: Option<String>,
    /// Where to: HOST/REPOSITORY:TAG; may be repeated. Without HOST it is Docker Hub, and without TAG the
    /// image is only found by its digest
    #[arg(long, visible_alias = "image", env = "LANDFALL_TO", value_name = "REFERENCE")]
    pub to: Vec<String>,
    /// How to push
    #[command(flatten)]
    pub push: PushArgs,
}

impl PushCommandArgs {
    /// Whether the configuration file says what to push, and the flags do not.
    pub fn needs_config(&self) -> bool {
        given(&self.from).is_none() && given_list(&self.to).is_empty()
    }

    /// What the flags say over the file.
    ///
    /// # Errors
    /// As [`PushArgs::overrides`].
    pub fn overrides(&self, global: &Global) -> Result<Overrides> {
        Ok(Overrides {
            only: self.services.clone(),
            region: given(&global.region),
            cluster: given(&global.cluster),
            push: self.push.overrides()?,
            only_images: true,
            ..Overrides::default()
        })
    }

    /// What to push: what `--from` and `--to` say, or the images of `config`, which was loaded with
    /// [`Self::overrides`]; it is only asked for where [`Self::needs_config`].
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where nothing is to be pushed, or half of it is said.
    pub fn push_requests(&self, config: Option<Config>) -> Result<Vec<PushRequest>> {
        if !self.needs_config() {
            return Ok(vec![self.request_of_flags()?]);
        }
        let config = config.ok_or_else(|| {
            Error::usage("there is no landfall.yml here, and no --from").hint(
                "Write a landfall.yml, or say everything by flags: --from SOURCE --to HOST/REPOSITORY:TAG.",
            )
        })?;
        let mut requests = Vec::new();
        for service in config.services {
            let before = requests.len();
            for container in service.containers {
                let Some(ImageConfig::Push(push)) = container.image else { continue };
                let name = match container.name {
                    Some(container) => format!("{}/{container}", service.name),
                    None => service.name.clone(),
                };
                requests.push(PushRequest { name, push });
            }
            // Who names a service expects something of it.
            if requests.len() == before && self.services.contains(&service.name) {
                return Err(nothing_to_push(&format!("service {}", service.name)));
            }
        }
        if requests.is_empty() {
            return Err(nothing_to_push("the configuration"));
        }
        Ok(requests)
    }

    fn request_of_flags(&self) -> Result<PushRequest> {
        if let Some(service) = self.services.first() {
            return Err(Error::usage(format!(
                "service {service} of the configuration and --from, --to exclude each other"
            ))
            .hint(
                "Name services, or say everything by flags; LANDFALL_FROM and LANDFALL_TO are flags too.",
            ));
        }
        let from = given(&self.from).ok_or_else(|| {
            Error::usage("--to says where to push, but nothing says what").hint("Add --from SOURCE.")
        })?;
        let from = from.parse().map_err(|error| of_flag("--from", &error))?;
        let to = given_list(&self.to);
        if to.is_empty() {
            return Err(Error::usage("--from says what to push, but nothing says where to")
                .hint("Add --to HOST/REPOSITORY:TAG."));
        }
        let to = to.iter().map(|text| text.parse()).collect::<Result<_>>();
        let push = to.and_then(|to| PushConfig::new(from, to));
        let mut push = push.map_err(|error| of_flag("--to", &error))?;
        self.push.overrides()?.apply(&mut push);
        // A run is about something that has a name: the repository's.
        let name = push.to.first().and_then(|to| to.repository.rsplit('/').next()).unwrap_or("image");
        Ok(PushRequest { name: name.to_owned(), push })
    }
}

fn nothing_to_push(what: &str) -> Error {
    Error::usage(format!("{what} has no image to push"))
        .hint("Give a container `image: { from: SOURCE, to: HOST/REPOSITORY:TAG }`, or use --from and --to.")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::aws::{Encryption, RepositoryTags};
    use crate::cli::args::{Cli, Command};
    use crate::config::load;
    use crate::image::Compression;

    fn push(args: &[&str]) -> (PushCommandArgs, Global) {
        let cli = Cli::try_parse_from(["landfall", "push"].iter().chain(args)).unwrap();
        let Command::Push(push) = cli.command else { panic!("push") };
        (*push, cli.global)
    }

    fn requests(args: &[&str]) -> Result<Vec<PushRequest>> {
        push(args).0.push_requests(None)
    }

    const FILE: &str = "version: 1\nservices:\n  api:\n    containers:\n      web: { image: { from: 'docker:api', to: [r.example/api:1, r.example/api:2] } }\n      log: { image: r.example/log:1 }\n  jobs:\n    containers:\n      main: { image: { from: 'docker:api', to: r.example/jobs:1, compression: zstd } }\n  old:\n    containers:\n      main: { image: r.example/old:1, env_file: .env }\n";

    fn requests_of_file(args: &[&str]) -> Result<Vec<PushRequest>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("landfall.yml");
        std::fs::write(&path, FILE).unwrap();
        let (args, global) = push(args);
        assert!(args.needs_config());
        let config = load(Some(Path::new(&path)), &args.overrides(&global)?, &Default::default())?;
        args.push_requests(Some(config))
    }

    #[test]
    fn flags_alone_say_what_to_push() {
        let args = ["--from", "docker:api", "--to", "r.example/a:1", "--image", "r.example/a:2"];
        assert!(!push(&args).0.needs_config());
        let found = requests(&args).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "a");
        let to: Vec<_> = found[0].push.to.iter().map(ToString::to_string).collect();
        assert_eq!(to, ["r.example/a:1", "r.example/a:2"]);
        assert_eq!(found[0].push.create_repository, None);
    }

    #[test]
    fn every_flag_of_a_push_arrives() {
        let found = requests(&[
            "--from",
            "docker:api",
            "--to",
            "r.example/a:1",
            "--create-repository",
            "--repository-tags",
            "mutable",
            "--no-scan-on-push",
            "--repository-encryption",
            "kms:alias/k",
            "--compression",
            "zstd",
            "--no-cache",
        ])
        .unwrap();
        let options = found[0].push.create_repository.clone().unwrap();
        assert_eq!((options.tags, options.scan_on_push), (RepositoryTags::Mutable, false));
        assert_eq!(options.encryption, Encryption::KmsKey("alias/k".to_owned()));
        assert_eq!(found[0].push.compression, Compression::Zstd);
    }

    #[test]
    fn the_images_of_the_file_are_pushed_and_a_cluster_is_not_needed() {
        let names = |args: &[&str]| -> Vec<String> {
            requests_of_file(args).unwrap().into_iter().map(|request| request.name).collect()
        };
        assert_eq!(names(&[]), ["api/web", "jobs/main"]);
        assert_eq!(names(&["jobs"]), ["jobs/main"]);
        let found = requests_of_file(&["--no-cache", "--create-repository"]).unwrap();
        assert!(found.iter().all(|request| request.push.create_repository.is_some()));
        let compressions: Vec<_> = found.iter().map(|request| request.push.compression).collect();
        assert_eq!(compressions, [Compression::Gzip, Compression::Zstd]);
    }

    #[test]
    fn what_is_only_half_said_is_refused() {
        for (result, expected) in [
            (requests(&[]), "there is no landfall.yml here, and no --from"),
            (requests(&["--from", "docker:a"]), "nothing says where to"),
            (requests(&["--to", "r.example/a"]), "nothing says what"),
            (requests(&["api", "--from", "docker:a", "--to", "r.example/a"]), "exclude each other"),
            (requests(&["--from", "zip:a", "--to", "r.example/a"]), "--from: image source `zip:a`"),
            (requests(&["--from", "docker:a", "--to", "r.example/A"]), "--to: `r.example/A`"),
            (
                requests(&["--from", "docker:a", "--to", "r.example/a", "--to", "r.example/a"]),
                "--to: r.example/a is named twice",
            ),
            (
                requests(&["--from", "docker:a", "--to", "r.example/a", "--compression", "lz4"]),
                "--compression: `lz4`",
            ),
            (requests_of_file(&["--repository-tags", "often"]), "--repository-tags: `often`"),
            (requests_of_file(&["--repository-encryption", "rot13"]), "--repository-encryption: `rot13`"),
            (requests_of_file(&["jobs", "old"]), "service old has no image to push"),
            (requests_of_file(&["none"]), "there is no service `none`"),
        ] {
            let error = result.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint_text().is_some(), "{error}");
        }
    }

    #[test]
    fn empty_texts_are_as_if_not_given_and_white_space_parts_references() {
        let args = ["--from", "", "--to", "", "--repository-tags", "", "--compression", ""];
        let (empty, _) = push(&args);
        assert!(empty.needs_config());
        assert_eq!(empty.push.overrides().unwrap(), PushOverrides::default());
        let found = requests(&["--from", "docker:a", "--to", "r.example/a:1\n  r.example/a:2\n"]).unwrap();
        assert_eq!(found[0].push.to.len(), 2);
    }

    #[test]
    fn an_archive_on_standard_input_is_a_lone_dash() {
        assert_eq!(push(&["--from", "-", "--to", "r.example/a"]).0.from.as_deref(), Some("-"));
    }
}
