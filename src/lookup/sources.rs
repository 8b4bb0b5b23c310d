//! Reading what lookups ask for: each source once in a run, all at the same time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::expression::{Found, Lookup, NotFound, Values};
use super::state::{Missing, State, nearest};
use crate::aws::account::{Known, ParameterKind};
use crate::aws::{Aws, AwsSettings};
use crate::error::{Error, ErrorKind, Result};

/// Where a Terraform state is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StateLocation {
    /// A file.
    File(PathBuf),
    /// An object of S3.
    Object {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
}

impl StateLocation {
    /// Reads `s3://BUCKET/KEY`, or a path that is relative to `base`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for another kind of address.
    pub fn read(text: &str, base: &Path) -> Result<Self> {
        if let Some(rest) = text.strip_prefix("s3://") {
            return match rest.split_once('/') {
                Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
                    Ok(Self::Object { bucket: bucket.to_owned(), key: key.to_owned() })
                }
                _ => Err(Error::usage(format!("tfstate: `{text}` names no object"))
                    .hint("Write s3://BUCKET/KEY; that of a workspace is below `env:/WORKSPACE/`.")),
            };
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(Error::usage(format!("tfstate: Landfall does not read states from {scheme}://"))
                .hint("Name an object of S3 or a file: `terraform state pull > terraform.tfstate` writes one from any backend."));
        }
        Ok(Self::File(base.join(text)))
    }
}

impl fmt::Display for StateLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Object { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

/// The states that a configuration names.
#[derive(Debug, Clone, Default)]
pub struct StateSources(pub BTreeMap<String, StateLocation>);

impl StateSources {
    /// The name of the state that `${tfstate:...}` means where there are several.
    pub const MAIN: &str = "main";

    fn named(&self, name: Option<&str>) -> Result<&StateLocation, NotFound> {
        let names = || self.0.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let found = match name {
            Some(name) => self.0.get(name),
            None => match self.0.len() {
                1 => self.0.values().next(),
                _ => self.0.get(Self::MAIN),
            },
        };
        found.ok_or_else(|| match (name, self.0.is_empty()) {
            (_, true) => not_found(
                ErrorKind::Usage,
                "no Terraform state is configured",
                "Set `tfstate: s3://BUCKET/KEY` (or a file) at the top level of landfall.yml.",
            ),
            (Some(name), false) => not_found(
                ErrorKind::Usage,
                format!("there is no Terraform state `{name}`"),
                format!("`tfstate` in landfall.yml has {}.", names()),
            ),
            (None, false) => not_found(
                ErrorKind::Usage,
                "several Terraform states are configured, and none is called `main`",
                format!("Say which one: ${{tfstate.NAME:ADDRESS}} with one of {}.", names()),
            ),
        })
    }
}

fn not_found(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> NotFound {
    NotFound { kind, message: message.into(), hint: hint.into() }
}

fn of_error(error: &Error) -> NotFound {
    not_found(error.kind(), error.full_message(), error.hint_text().unwrap_or_default())
}

fn of_missing(missing: Missing, whose: &str) -> NotFound {
    not_found(ErrorKind::Usage, format!("{}: {}", whose, missing.message), missing.hint)
}

/// Why nothing is looked up in AWS where the embedded stand-in is used, and what to do.
pub const NOT_IN_THE_SANDBOX: (&str, &str) = (
    "this is looked up in AWS, and the embedded stand-in has none of it",
    "Leave --sandbox out, or give the value as an environment variable: ${NAME}.",
);

/// How AWS is reached, if a lookup needs it.
#[derive(Debug)]
pub struct Account {
    settings: Result<Box<AwsSettings>, NotFound>,
    aws: OnceCell<Aws>,
}

impl Account {
    /// With these clients.
    pub fn of(aws: &Aws) -> Self {
        Self { aws: OnceCell::new_with(Some(aws.clone())), ..Self::none("", "") }
    }

    /// With clients that are made at the first use.
    pub fn with(settings: AwsSettings) -> Self {
        Self { settings: Ok(Box::new(settings)), aws: OnceCell::new() }
    }

    /// Not at all: what needs AWS is refused, for this reason.
    pub fn none(why: &str, hint: &str) -> Self {
        Self { settings: Err(not_found(ErrorKind::Usage, why, hint)), aws: OnceCell::new() }
    }

    async fn get(&self) -> Result<&Aws, NotFound> {
        let make = || async {
            match &self.settings {
                Ok(settings) => {
                    Aws::connect(settings.as_ref().clone()).await.map_err(|error| of_error(&error))
                }
                Err(refusal) => Err(refusal.clone()),
            }
        };
        self.aws.get_or_try_init(make).await
    }
}

/// What is read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    State(StateLocation),
    Stack(String),
    Parameter(String),
}

/// What was read in AWS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LookedUp {
    /// A Terraform state in S3.
    Object {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// A stack of CloudFormation, by name.
    Stack(String),
    /// A parameter of Parameter Store, by name or ARN.
    Parameter(String),
}

/// What was read.
#[derive(Debug)]
enum Content {
    State(State),
    Outputs(BTreeMap<String, String>),
    Parameter(String),
}

/// What expressions are replaced from in this run. Clones share what was read.
#[derive(Clone, Default)]
pub struct Expressions {
    variables: Arc<HashMap<String, String>>,
    states: StateSources,
    read: Arc<Mutex<HashMap<Source, Arc<OnceCell<Content>>>>>,
}

impl fmt::Debug for Expressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Variables and states hold secrets.
        f.debug_struct("Expressions").field("states", &self.states).finish_non_exhaustive()
    }
}

impl Expressions {
    /// With the process environment and the states of a configuration.
    pub fn new(variables: HashMap<String, String>, states: StateSources) -> Self {
        Self { variables: Arc::new(variables), states, read: Arc::default() }
    }

    /// For [`substitute`](super::substitute).
    pub fn values<'a>(&'a self, found: &'a Found) -> Values<'a> {
        Values { variables: &self.variables, found }
    }

    /// What was read in AWS so far.
    pub fn looked_up(&self) -> Vec<LookedUp> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let in_aws = |source: &Source| match source {
            Source::State(StateLocation::File(_)) => None,
            Source::State(StateLocation::Object { bucket, key }) => {
                Some(LookedUp::Object { bucket: bucket.clone(), key: key.clone() })
            }
            Source::Stack(name) => Some(LookedUp::Stack(name.clone())),
            Source::Parameter(name) => Some(LookedUp::Parameter(name.clone())),
        };
        let mut all: Vec<LookedUp> = read.keys().filter_map(in_aws).collect();
        all.sort();
        all
    }

    /// Looks everything up, each source once and all of them at the same time.
    pub async fn find(&self, wanted: BTreeSet<Lookup>, account: &Account) -> Found {
        let all = wanted.into_iter().map(|lookup| async move {
            let value = self.value(&lookup, account).await;
            (lookup, value)
        });
        join_all(all).await.into_iter().collect()
    }

    async fn value(&self, lookup: &Lookup, account: &Account) -> Result<String, NotFound> {
        let source = match lookup {
            Lookup::State { source, .. } => Source::State(self.states.named(source.as_deref())?.clone()),
            Lookup::Stack { stack, .. } => Source::Stack(stack.clone()),
            Lookup::Parameter(name) => Source::Parameter(name.clone()),
        };
        let cell = {
            let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            read.entry(source.clone()).or_default().clone()
        };
        let content = cell.get_or_try_init(|| read(&source, account)).await?;
        match (content, lookup) {
            (Content::State(state), Lookup::State { address, .. }) => {
                let whose = match &source {
                    Source::State(location) => location.to_string(),
                    _ => String::new(),
                };
                state.find(address).map_err(|missing| of_missing(missing, &whose))
            }
            (Content::Outputs(outputs), Lookup::Stack { stack, output }) => {
                outputs.get(output).cloned().ok_or_else(|| {
                    not_found(
                        ErrorKind::Usage,
                        format!("the stack {stack} has no output `{output}`"),
                        nearest(output, outputs.keys().cloned().collect()),
                    )
                })
            }
            (Content::Parameter(value), _) => Ok(value.clone()),
            _ => Err(not_found(ErrorKind::Internal, "a source was read as another kind", "")),
        }
    }
}

async fn read(source: &Source, account: &Account) -> Result<Content, NotFound> {
    match source {
        Source::State(location) => {
            let bytes = match location {
                StateLocation::File(path) => {
                    tokio::fs::read(path).await.map(zeroize::Zeroizing::new).map_err(|error| {
                        not_found(
                            ErrorKind::Usage,
                            format!("cannot read the Terraform state {location}: {error}"),
                            "Correct `tfstate` in landfall.yml; a path is relative to it.",
                        )
                    })?
                }
                StateLocation::Object { bucket, key } => {
                    let aws = account.get().await?;
                    aws.get_state(bucket, key).await.map_err(|error| of_error(&error))?
                }
            };
            let state = State::read(&bytes);
            Ok(Content::State(state.map_err(|missing| of_missing(missing, &location.to_string()))?))
        }
        Source::Stack(name) => {
            let outputs = account.get().await?.stack_outputs(name).await;
            let absent = (
                format!("there is no CloudFormation stack `{name}`"),
                "Correct its name, the Region or the account.",
            );
            known(outputs, absent, "cloudformation:DescribeStacks").map(Content::Outputs)
        }
        Source::Parameter(name) => {
            let parameter = account.get().await?.parameter_value(name).await;
            let absent =
                (format!("there is no parameter `{name}`"), "Correct its name, the Region or the account.");
            match known(parameter, absent, "ssm:GetParameter")? {
                (ParameterKind::Secure, _) => Err(not_found(
                    ErrorKind::Usage,
                    format!("the parameter `{name}` is a SecureString"),
                    "It would be readable in the task definition: put it under `secrets`, so that ECS reads it.",
                )),
                (_, value) => Ok(Content::Parameter(value)),
            }
        }
    }
}

fn known<T>(fact: Known<T>, absent: (String, &str), action: &str) -> Result<T, NotFound> {
    match fact {
        Known::Is(fact) => Ok(fact),
        Known::Absent => Err(not_found(ErrorKind::Usage, absent.0, absent.1)),
        Known::Denied { permission } => Err(not_found(
            ErrorKind::Aws,
            format!("the caller may not {permission}"),
            format!("Allow {permission}, or give the value as an environment variable: ${{NAME}}."),
        )),
        Known::Unknown { why } => {
            Err(not_found(ErrorKind::Aws, format!("{action} failed: {why}"), "Run the same command again."))
        }
        Known::NotAsked => Err(not_found(ErrorKind::Internal, format!("{action} was not asked"), "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(source: Option<&str>, address: &str) -> Lookup {
        Lookup::State { source: source.map(str::to_owned), address: address.to_owned() }
    }

    #[test]
    fn a_state_is_a_file_or_an_object() {
        let base = Path::new("deploy");
        let read = |text: &str| StateLocation::read(text, base);
        assert_eq!(read("a.tfstate").unwrap(), StateLocation::File("deploy/a.tfstate".into()));
        let object = StateLocation::Object { bucket: "b".into(), key: "env:/prod/k".into() };
        assert_eq!(read("s3://b/env:/prod/k").unwrap(), object);
        for wrong in ["s3://b", "s3://b/", "gs://b/k", "https://x/y", "remote://app.terraform.io/x"] {
            assert!(read(wrong).unwrap_err().hint_text().is_some(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_state_without_a_name_is_the_only_one_or_main() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, value: &str| {
            let text = format!(r#"{{"version":4,"outputs":{{"x":{{"value":"{value}"}}}},"resources":[]}}"#);
            std::fs::write(folder.path().join(name), text).unwrap();
            StateLocation::File(folder.path().join(name))
        };
        let (one, two) = (write("one", "1"), write("two", "2"));
        let with = |sources: &[(&str, &StateLocation)]| {
            let sources = sources.iter().map(|(name, location)| ((*name).to_owned(), (*location).clone()));
            Expressions::new(HashMap::new(), StateSources(sources.collect()))
        };
        let find = async |expressions: &Expressions, source: Option<&str>| {
            let wanted = BTreeSet::from([lookup(source, "output.x")]);
            let found = expressions.find(wanted, &Account::none("no AWS here", "")).await;
            found.into_values().next().unwrap().map_err(|error| format!("{} | {}", error.message, error.hint))
        };
        let single = with(&[("net", &one)]);
        assert_eq!(find(&single, None).await.as_deref(), Ok("1"));
        assert_eq!(find(&single, Some("net")).await.as_deref(), Ok("1"));
        let several = with(&[("main", &one), ("net", &two)]);
        assert_eq!(find(&several, None).await.as_deref(), Ok("1"));
        assert_eq!(find(&several, Some("net")).await.as_deref(), Ok("2"));
        assert!(
            find(&several, Some("nat")).await.unwrap_err().contains("no Terraform state `nat` | `tfstate`")
        );
        let unclear = with(&[("a", &one), ("b", &two)]);
        assert!(find(&unclear, None).await.unwrap_err().contains("none is called `main`"));
        assert!(find(&with(&[]), None).await.unwrap_err().contains("no Terraform state is configured"));
        // What was read is read once: the file may go.
        std::fs::remove_file(folder.path().join("one")).unwrap();
        assert_eq!(find(&single, None).await.as_deref(), Ok("1"));
        assert!(
            find(&with(&[("one", &one)]), None)
                .await
                .unwrap_err()
                .contains("cannot read the Terraform state")
        );
    }

    #[tokio::test]
    async fn what_needs_aws_is_refused_without_it() {
        let wanted = BTreeSet::from([Lookup::Parameter("/x".into())]);
        let found = Expressions::default().find(wanted, &Account::none("no AWS here", "")).await;
        assert!(found.into_values().next().unwrap().unwrap_err().message.contains("no AWS here"));
    }
}
