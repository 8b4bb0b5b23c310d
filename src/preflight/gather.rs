//! Reads what the checks of one service look at: only what its definition needs, and everything at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::{join, join_all};
use serde_json::{Map, Value};

use super::checks::task_definition::efs_volumes::{authorization, efs_volumes};
use super::checks::task_definition::env_files::s3_object;
use super::demands::{Asked, demands, key_demands};
use super::facts::{Facts, Input};
use super::look::{Container, texts};
use super::reference::{SecretReference, parameter};
use crate::aws::Aws;
use crate::aws::account::{Decision, FileSystem, Known, LogGroup, ParameterFacts, Role, SecretFacts};
use crate::config::{Config, ServiceConfig};
use crate::error::Result;
use crate::image::{Reference, Registries};
use crate::plan::{Plan, Snapshot};
use crate::task_definition::TaskDefinition;

/// What is read for, and with what.
#[derive(Clone, Copy)]
pub struct Gather<'a> {
    /// AWS.
    pub aws: &'a Aws,
    /// The registries of the run.
    pub registries: &'a Registries,
    /// The whole configuration.
    pub config: &'a Config,
    /// The service in it.
    pub service: &'a ServiceConfig,
    /// What was read for the plan.
    pub snapshot: &'a Snapshot,
    /// What the run would do.
    pub plan: &'a Plan,
}

/// Everything that an [`Input`] borrows beside what [`Gather`] has.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    /// The service as it would be.
    pub service: Map<String, Value>,
    /// What was read of the account.
    pub facts: Facts,
}

impl<'a> Gather<'a> {
    /// What checks look at.
    pub fn input(&self, gathered: &'a Gathered) -> Input<'a> {
        Input {
            config: self.service,
            plan: self.plan,
            definition: &self.plan.definition,
            service: &gathered.service,
            live: &self.snapshot.live,
            images: &self.snapshot.images,
            facts: &gathered.facts,
        }
    }

    /// Reads. Nothing of it fails: what cannot be read is known to be unknown.
    pub async fn read(&self) -> Gathered {
        let aws = self.aws;
        let by_service = async {
            // As the plan read it a moment ago, with the attributes that it would change.
            let service = self.plan.after.document.clone();
            let (account, arn) = match aws.caller().await {
                Known::Is(caller) => (caller.account, caller.arn),
                _ => (String::new(), String::new()),
            };
            let ((network, target_groups), decisions) = join(
                join(self.network(&service), aws.target_groups(&target_groups(&service))),
                self.decisions(&service, &account),
            )
            .await;
            (service, account, arn, network, target_groups, decisions)
        };
        let by_definition = async {
            let ((roles, secrets), (parameters, log_groups)) =
                join(join(self.roles(), self.secrets()), join(self.parameters(), self.log_groups())).await;
            (roles, secrets, parameters, log_groups)
        };
        let elsewhere = async {
            let ((file_systems, images), (cluster, (vcpu_quota, env_files))) = join(
                join(self.file_systems(), self.images()),
                join(aws.cluster(&self.config.cluster), join(self.quota(), self.env_files())),
            )
            .await;
            (file_systems, images, cluster, vcpu_quota, env_files)
        };
        let (service, (by_definition, elsewhere)) = join(by_service, join(by_definition, elsewhere)).await;
        let (service, account, caller, network, target_groups, decisions) = service;
        let (roles, secrets, parameters, log_groups) = by_definition;
        let (file_systems, images, cluster, vcpu_quota, env_files) = elsewhere;
        let facts = Facts {
            region: aws.region.clone(),
            account,
            caller,
            cluster,
            target_groups,
            roles,
            decisions,
            secrets,
            keys: BTreeMap::new(),
            parameters,
            log_groups,
            network,
            file_systems,
            vcpu_quota,
            images,
            env_files,
        };
        let mut gathered = Gathered { service, facts };
        // Which keys protect secrets is only known now.
        let demands = key_demands(&self.input(&gathered));
        let (decided, keys) = join(aws.simulate(demands), self.keys(&gathered.facts)).await;
        gathered.facts.decisions.extend(decided);
        gathered.facts.keys = keys;
        gathered
    }

    async fn network(&self, service: &Map<String, Value>) -> Known<crate::aws::account::Network> {
        let awsvpc =
            service.get("networkConfiguration").and_then(|network| network.get("awsvpcConfiguration"));
        let subnets: Vec<String> =
            texts(awsvpc.and_then(|awsvpc| awsvpc.get("subnets"))).map(str::to_owned).collect();
        if subnets.is_empty() { Known::NotAsked } else { self.aws.network(&subnets).await }
    }

    async fn decisions(&self, service: &Map<String, Value>, account: &str) -> Vec<Decision> {
        let asked = Asked {
            definition: &self.plan.definition,
            config: self.service,
            store: self.config.env_store.as_ref(),
            service,
            region: &self.aws.region,
            account,
        };
        self.aws.simulate(demands(&asked)).await
    }

    async fn roles(&self) -> BTreeMap<String, Known<Role>> {
        let document = self.plan.definition.as_map();
        let arns: BTreeSet<&str> = ["executionRoleArn", "taskRoleArn"]
            .iter()
            .filter_map(|field| document.get(*field)?.as_str().filter(|arn| !arn.is_empty()))
            .collect();
        let asked = arns.into_iter().map(|arn| async move { (arn.to_owned(), self.aws.role(arn).await) });
        join_all(asked).await.into_iter().collect()
    }

    async fn secrets(&self) -> BTreeMap<String, Known<SecretFacts>> {
        // A value is only read where a name in it is wanted.
        let mut wanted: BTreeMap<&str, bool> = BTreeMap::new();
        for (_, from) in references(&self.plan.definition) {
            if let Some(secret) = SecretReference::parse(from) {
                *wanted.entry(secret.arn).or_default() |= secret.json_key.is_some();
            }
        }
        let asked = wanted
            .into_iter()
            .map(|(arn, keys)| async move { (arn.to_owned(), self.aws.secret(arn, keys).await) });
        join_all(asked).await.into_iter().collect()
    }

    /// The keys that protect the secrets.
    async fn keys(&self, facts: &Facts) -> BTreeMap<String, Known<String>> {
        let keys: BTreeMap<&str, &str> = facts
            .secrets
            .iter()
            .filter_map(|(arn, secret)| Some((secret.get()?.kms_key.as_deref()?, arn.as_str())))
            .collect();
        let asked = keys
            .into_iter()
            .map(|(key, secret)| async move { (key.to_owned(), self.aws.key_state(key, secret).await) });
        join_all(asked).await.into_iter().collect()
    }

    /// The groups that the awslogs driver does not create, each in its Region.
    async fn log_groups(&self) -> BTreeMap<(String, String), Known<LogGroup>> {
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for container in Container::all(&self.plan.definition)
            .filter(|container| container.log_driver() == Some("awslogs"))
            .filter(|container| container.log_option("awslogs-create-group") != Some("true"))
        {
            let region = container.log_option("awslogs-region").unwrap_or(&self.aws.region);
            wanted.entry(region).or_default().extend(container.log_option("awslogs-group"));
        }
        let asked = wanted.into_iter().map(|(region, names)| async move {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let found = self.aws.log_groups(&names, Some(region)).await;
            found.into_iter().map(move |(name, known)| ((region.to_owned(), name), known))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn parameters(&self) -> BTreeMap<String, Known<ParameterFacts>> {
        let names: BTreeSet<String> = references(&self.plan.definition)
            .into_iter()
            .filter(|(what, _)| what != "registry login")
            .filter_map(|(_, from)| parameter(from).map(str::to_owned))
            .collect();
        if names.is_empty() {
            return BTreeMap::new();
        }
        self.aws.parameters(&names.into_iter().collect::<Vec<_>>()).await
    }

    async fn file_systems(&self) -> BTreeMap<String, Known<FileSystem>> {
        let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (_, _, volume) in efs_volumes(&self.plan.definition) {
            if let Some(id) = volume.get("fileSystemId").and_then(Value::as_str) {
                let points = wanted.entry(id.to_owned()).or_default();
                points.extend(authorization(volume, "accessPointId").map(str::to_owned));
            }
        }
        self.aws.file_systems(&wanted).await
    }

    /// Images of containers that this run does not touch, as far as they are in ECR: other registries count pulls.
    async fn images(&self) -> BTreeMap<String, Known<()>> {
        let touched = |name: &str| self.snapshot.images.iter().any(|image| image.container == name);
        let references: BTreeMap<&str, Reference> = Container::all(&self.plan.definition)
            .filter(|container| !touched(container.name))
            .filter_map(|container| Some((container.image(), container.image().parse().ok()?)))
            .filter(|(_, reference): &(_, Reference)| reference.is_ecr().is_some())
            .collect();
        let asked = references.into_iter().map(|(text, reference)| async move {
            let known = match (self.registries)(&reference) {
                Ok(registry) => in_time(&reference.host, registry.resolve(&reference)).await,
                Err(error) => Known::Unknown { why: error.to_string() },
            };
            (text.to_owned(), known)
        });
        join_all(asked).await.into_iter().collect()
    }

    /// Env files that this run does not store.
    async fn env_files(&self) -> BTreeMap<String, Known<()>> {
        let ours = |arn: &str| self.snapshot.env_files.iter().any(|file| file.arn == arn);
        let arns: BTreeSet<&str> = Container::all(&self.plan.definition)
            .flat_map(|container| container.env_files())
            .filter(|arn| !ours(arn))
            .collect();
        let account =
            match (arns.is_empty(), self.config.env_store.as_ref().and_then(|store| store.owner.clone())) {
                (true, _) => return BTreeMap::new(),
                (false, Some(owner)) => owner,
                (false, None) => match self.aws.caller().await {
                    Known::Is(caller) => caller.account,
                    _ => String::new(),
                },
            };
        let account = account.as_str();
        let asked = arns.into_iter().filter_map(|arn| Some((arn, s3_object(arn)?))).map(
            |(arn, (_, bucket, key))| async move {
                // A HEAD says 403 for what is not there, too, without s3:ListBucket (facts 2.4); a list does not.
                let known = match self.aws.list_objects(bucket, key, account).await {
                    Ok(found) if found.iter().any(|object| object.key == key) => Known::Is(()),
                    Ok(_) => Known::Absent,
                    Err(error) if error.to_string().contains("AccessDenied") => {
                        Known::Denied { permission: "s3:ListBucket".to_owned() }
                    }
                    Err(error) => Known::Unknown { why: error.to_string() },
                };
                (arn.to_owned(), known)
            },
        );
        join_all(asked).await.into_iter().collect()
    }

    async fn quota(&self) -> Known<u32> {
        let kinds = self.plan.definition.as_map().get("requiresCompatibilities");
        if texts(kinds).any(|kind| kind == "FARGATE") { self.aws.vcpu_quota().await } else { Known::NotAsked }
    }
}

fn target_groups(service: &Map<String, Value>) -> Vec<String> {
    let mut arns = BTreeSet::new();
    for entry in super::look::objects(service.get("loadBalancers")) {
        let other = entry.get("advancedConfiguration").and_then(|more| more.get("alternateTargetGroupArn"));
        let all = [entry.get("targetGroupArn"), other].into_iter().flatten();
        arns.extend(all.filter_map(Value::as_str).map(str::to_owned));
    }
    arns.into_iter().collect()
}

fn references(definition: &TaskDefinition) -> Vec<(String, &str)> {
    Container::all(definition).flat_map(|container| container.references()).collect()
}

/// How long a registry may take to say whether it has an image.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether an image is in its registry. One that does not answer must not hold up a deployment.
async fn in_time(host: &str, look: impl Future<Output = Result<Option<String>>>) -> Known<()> {
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(Some(_))) => Known::Is(()),
        Ok(Ok(None)) => Known::Absent,
        Ok(Err(error)) => Known::Unknown { why: error.to_string() },
        Err(_) => Known::Unknown {
            why: format!("the registry {host} could not be reached in {} s", PATIENCE.as_secs()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_does_not_answer_is_not_waited_for() {
        let known = in_time("registry.example.com", std::future::pending()).await;
        let why = "the registry registry.example.com could not be reached in 2 s".to_owned();
        assert_eq!(known, Known::Unknown { why });
    }

    #[tokio::test]
    async fn what_a_registry_answers_counts() {
        assert_eq!(in_time("r", async { Ok(Some("sha256:1".to_owned())) }).await, Known::Is(()));
        assert_eq!(in_time("r", async { Ok(None) }).await, Known::Absent);
        let failed = in_time("r", async { Err(Error::internal("refused")) }).await;
        assert!(matches!(failed, Known::Unknown { why } if why.contains("refused")));
    }
}
