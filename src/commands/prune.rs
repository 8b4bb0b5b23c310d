//! `landfall prune`: env files in the store that no revision names any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::env::{check_cluster, counted, started, store_of, unless_interrupted};
use crate::aws::{Aws, AwsSettings, StoredObject};
use crate::config::{Config, EnvStore, ServiceConfig};
use crate::emit::Emitter;
use crate::envfile::{folder, parse_arn};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, RunStarted, Verdict};
use crate::lookup::Account;
use crate::prepare::definition_file;

/// How many calls are under way at once: DescribeTaskDefinition refills 20 a second (facts 7.1).
const AT_ONCE: usize = 8;

/// What is asked of `landfall prune`.
pub struct PruneJob {
    /// The services whose env files are looked at.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// Younger objects stay: a deployment may be about to name them.
    pub min_age: Duration,
    /// Delete, and do not only show.
    pub yes: bool,
}

/// Shows or deletes env files that no ACTIVE revision names, and tells each by an event. Where anything that could
/// name one cannot be read, nothing is deleted.
///
/// # Errors
/// What kept the run from going on; the caller tells it.
pub async fn prune(job: PruneJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    let config = &job.config;
    let store = store_of(config)?;
    check_cluster(config)?;
    let aws = Aws::connect(AwsSettings {
        region: config.region.clone(),
        told: events.for_calls(),
        ..job.aws.clone()
    })
    .await?;
    events.emit(Event::RunStarted(RunStarted {
        dry_run: !job.yes,
        ..started("prune", &aws.region, Some(config))
    }));
    let work = async {
        let owner = match &store.owner {
            Some(owner) => owner.clone(),
            None => aws.account().await?,
        };
        let pruning = Pruning { job: &job, store, aws: &aws, owner };
        // What any service names is known before the first object goes.
        let found = config.services.iter().map(|service| pruning.look(service));
        for found in try_join_all(found).await? {
            pruning.end(found, events).await?;
        }
        Ok(())
    };
    let stands = "no object that a revision names is gone; run the same command again to see what is left";
    let result = unless_interrupted(interrupt, events, stands, work).await;
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result
}

struct Pruning<'a> {
    job: &'a PruneJob,
    store: &'a EnvStore,
    aws: &'a Aws,
    /// The account that must own the bucket.
    owner: String,
}

/// What was found of one service.
struct Found<'a> {
    service: &'a ServiceConfig,
    /// Bucket and key of every env file that a revision names, by revision; a revision never changes.
    named: BTreeMap<String, BTreeSet<(String, String)>>,
    /// Objects that nothing names and that are old enough.
    objects: Vec<StoredObject>,
    /// How many nothing names that are younger.
    young: usize,
}

impl<'a> Pruning<'a> {
    async fn look(&self, service: &'a ServiceConfig) -> Result<Found<'a>> {
        let folder = folder(self.store, &service.name);
        // The objects first: what a deployment stores and names after this list is not in it.
        let objects = self.aws.list_objects(&self.store.bucket, &folder, &self.owner).await?;
        let mut found = Found { service, named: BTreeMap::new(), objects: Vec::new(), young: 0 };
        self.learn_names(&mut found).await?;
        let now = Timestamp::now();
        for object in objects.into_iter().filter(|object| is_ours(&folder, &object.key)) {
            if found.names(&self.store.bucket, &object.key) {
                continue;
            }
            // A clock that is ahead makes an object from the future young.
            let age = Duration::try_from(now.duration_since(object.written)).unwrap_or_default();
            if age < self.job.min_age {
                found.young += 1;
            } else {
                found.objects.push(object);
            }
        }
        Ok(found)
    }

    /// Reads what the revisions name that count, so far as they are not known yet.
    async fn learn_names(&self, found: &mut Found<'_>) -> Result<()> {
        let revisions = self.revisions(found.service).await?;
        let new = revisions.into_iter().filter(|arn| !found.named.contains_key(arn));
        let described: Vec<_> = stream::iter(new.collect::<Vec<_>>())
            .map(|arn| async move {
                let named = self.named_by(&arn).await?;
                Ok::<_, Error>((arn, named))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        found.named.extend(described);
        Ok(())
    }

    /// The ACTIVE revisions of the service's families, and those of its deployments whatever their status.
    async fn revisions(&self, service: &ServiceConfig) -> Result<BTreeSet<String>> {
        let (cluster, name) = (&self.job.config.cluster, &service.service);
        let live = self.aws.describe_service(cluster, name).await?.ok_or_else(|| {
            let error = self.aws.no_service(cluster, name);
            error.hint("Without the service it is not known which env files are needed: check its name, the cluster, the Region and the account.")
        })?;
        let deployed = live.service.deployments.iter().map(|deployment| deployment.task_definition.clone());
        let mut revisions: BTreeSet<String> = deployed.chain([live.task_definition.clone()]).collect();
        revisions.retain(|arn| !arn.is_empty());
        let mut families: BTreeSet<String> =
            revisions.iter().filter_map(|arn| family(arn)).map(str::to_owned).collect();
        let account = Account::of(self.aws);
        let file = definition_file(service, &self.job.config.expressions, &account).await?;
        if let Some(definition) = file.map(|loaded| loaded.content) {
            families.insert(definition.family().to_owned());
        }
        let lists = families.iter().map(|family| self.aws.active_revisions(family));
        for list in try_join_all(lists).await? {
            revisions.extend(list);
        }
        Ok(revisions)
    }

    /// Bucket and key of the env files of all containers of a revision.
    async fn named_by(&self, arn: &str) -> Result<BTreeSet<(String, String)>> {
        let (_, definition) = self.aws.describe_task_definition(arn).await?.ok_or_else(|| {
            Error::new(
                ErrorKind::Aws,
                format!("the task definition {arn} cannot be read, so nothing was deleted"),
            )
            .hint("Run the same command again; the caller needs `ecs:DescribeTaskDefinition`.")
        })?;
        let files =
            definition.containers().filter_map(|container| container.get("environmentFiles")?.as_array());
        let arns = files.flatten().filter_map(|entry| entry.get("value").and_then(Value::as_str));
        Ok(arns.filter_map(parse_arn).map(|key| (key.bucket, key.key)).collect())
    }

    /// Shows what was found, or deletes it.
    async fn end(&self, mut found: Found<'a>, events: &Emitter) -> Result<()> {
        let events = events.for_service(&found.service.name);
        let mut objects = std::mem::take(&mut found.objects);
        let young = match found.young {
            0 => String::new(),
            young => format!("; {} too young to go", counted(young, "unused env file")),
        };
        let finish = |verdict: Verdict, reason: String| {
            events.emit(Event::RolloutFinished { verdict, reason, zero_downtime: None });
        };
        if objects.is_empty() {
            finish(Verdict::Unchanged, format!("there is nothing to delete{young}"));
            return Ok(());
        }
        let what = counted(objects.len(), "env file");
        if !self.job.yes {
            objects.iter().for_each(|object| events.emit(self.told(object, false)));
            let reason = format!("{what} can go, and nothing was deleted: run it again with --yes{young}");
            finish(Verdict::Planned, reason);
            return Ok(());
        }
        // A deployment may have named one that was there already.
        self.learn_names(&mut found).await?;
        objects.retain(|object| !found.names(&self.store.bucket, &object.key));
        let count = objects.len();
        let mut deleted = stream::iter(objects)
            .map(|object| async move {
                self.aws.delete_object(&self.store.bucket, &object.key, &self.owner).await?;
                Ok::<_, Error>(object)
            })
            .buffered(AT_ONCE);
        while let Some(object) = deleted.try_next().await? {
            events.emit(self.told(&object, true));
        }
        finish(Verdict::Succeeded, format!("{} deleted{young}", counted(count, "env file")));
        Ok(())
    }

    fn told(&self, object: &StoredObject, deleted: bool) -> Event {
        Event::Prunable {
            object: format!("s3://{}/{}", self.store.bucket, object.key),
            written: object.written,
            size: object.size,
            deleted,
        }
    }
}

impl Found<'_> {
    fn names(&self, bucket: &str, key: &str) -> bool {
        let object = (bucket.to_owned(), key.to_owned());
        self.named.values().any(|named| named.contains(&object))
    }
}

/// `web` of `arn:aws:ecs:REGION:ACCOUNT:task-definition/web:7`.
fn family(arn: &str) -> Option<&str> {
    let (family, _) = arn.rsplit('/').next()?.rsplit_once(':')?;
    (!family.is_empty()).then_some(family)
}

/// Whether Landfall has stored this object: `FOLDER/CONTAINER/HASH.env`. Everything else belongs to someone else.
fn is_ours(folder: &str, key: &str) -> bool {
    let Some((container, name)) = key.strip_prefix(folder).and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let hash = name.strip_suffix(".env").unwrap_or_default();
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    !container.is_empty() && hash.len() == 64 && hash.chars().all(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_landfall_writes_are_its_own() {
        let hash = "0f".repeat(32);
        assert!(is_ours("prod/web/", &format!("prod/web/app/{hash}.env")));
        assert!(is_ours("web/", &format!("web/app/{hash}.env")));
        for key in [
            format!("prod/web/{hash}.env"),
            format!("prod/web//{hash}.env"),
            format!("prod/web/app/more/{hash}.env"),
            format!("prod/web2/app/{hash}.env"),
            format!("prod/web/app/{hash}.txt"),
            format!("prod/web/app/{}.env", hash.to_uppercase()),
            format!("prod/web/app/{}.env", &hash[1..]),
            "prod/web/app/production.env".to_owned(),
        ] {
            assert!(!is_ours("prod/web/", &key), "{key}");
        }
    }

    #[test]
    fn a_family_is_what_stands_before_the_revision() {
        assert_eq!(family("arn:aws:ecs:eu-west-1:1:task-definition/web-api:7"), Some("web-api"));
        assert_eq!(family("web:7"), Some("web"));
        assert_eq!(family("web"), None);
    }
}
