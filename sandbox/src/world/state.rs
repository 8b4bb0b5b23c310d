//! The world: everything the sandbox's AWS account holds.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::Duration,
};

use serde_json::Value;

use super::{
    ApiError, ObjectStore, VirtualTime,
    file_systems::FileSystems,
    identity::Identities,
    images::{Logins, Registry, RepositoryOptions},
    load_balancing::{TargetGroup, TargetGroupOptions},
    logs::Logs,
    network::Network,
    policies::Policies,
    random::Random,
    service_deployments::History,
    services::Service,
    sessions::SignIns,
    task_definitions::TaskDefinitions,
    tasks::{Instance, Task},
    throttling::Throttle,
    values::Values,
};
use crate::Scenario;

/// What a [`World`] is made from.
pub struct WorldOptions {
    /// The Region in every ARN.
    pub region: String,
    /// The account in every ARN.
    pub account: String,
    /// `host:port` under which the image registry is reached.
    pub registry_host: String,
    /// What goes wrong after [`World::settle`].
    pub scenario: Scenario,
    /// Decides every jitter and identifier.
    pub seed: u64,
    /// What time it is at first.
    pub start: VirtualTime,
    /// Where environment files are looked up.
    pub objects: Box<dyn ObjectStore>,
    /// The registry's account setting BLOB_MOUNTING.
    pub blob_mounting: bool,
    /// How long a login to the registry lasts; `None`: it never ends.
    pub token_life: Option<Duration>,
    /// Actions that the caller may not do, by IAM's names, e.g. `ecr:CreateRepository`.
    pub denied_actions: BTreeSet<String>,
}

/// A cluster. Fargate clusters hold nothing of their own.
pub(crate) struct Cluster {
    pub(crate) name: String,
    /// `ACTIVE`, `DEPROVISIONING`, ...
    pub(crate) status: String,
}

/// The state of one AWS account in one Region, and its time.
///
/// It is pure: no clock, no network, no threads. [`World::call`] says what time it is.
pub struct World {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) now: VirtualTime,
    pub(crate) random: Random,
    pub(crate) scenario: Scenario,
    /// Whether the scenario is in force.
    pub(crate) armed: bool,
    /// ARNs of the revisions that existed when the scenario came into force.
    pub(crate) seeded_revisions: HashSet<String>,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) task_definitions: TaskDefinitions,
    pub(crate) services: Vec<Service>,
    /// Service deployments and revisions of all services.
    pub(crate) history: History,
    pub(crate) tasks: Vec<Task>,
    /// EC2 instances of the clusters; Fargate needs none.
    pub(crate) instances: Vec<Instance>,
    pub(crate) target_groups: Vec<TargetGroup>,
    pub(crate) logs: Logs,
    pub(crate) registry: Registry,
    pub(crate) objects: Box<dyn ObjectStore>,
    pub(crate) throttle: Throttle,
    pub(crate) ordained: Option<super::Ordained>,
    pub(crate) denied_actions: BTreeSet<String>,
    pub(crate) network: Network,
    pub(crate) identities: Identities,
    pub(crate) policies: Policies,
    pub(crate) sign_ins: SignIns,
    pub(crate) values: Values,
    pub(crate) file_systems: FileSystems,
    /// Who calls, in place of the account's own user.
    pub(crate) caller: Option<String>,
}

impl World {
    /// An empty account.
    pub fn new(options: WorldOptions) -> World {
        World {
            network: Network::new(&options.region),
            identities: Identities::default(),
            policies: Policies::default(),
            sign_ins: SignIns::default(),
            values: Values::default(),
            file_systems: FileSystems::default(),
            caller: None,
            region: options.region,
            account: options.account,
            now: options.start,
            random: Random::new(options.seed),
            scenario: options.scenario,
            armed: false,
            seeded_revisions: HashSet::new(),
            clusters: BTreeMap::new(),
            task_definitions: TaskDefinitions::default(),
            services: Vec::new(),
            history: History::new(options.seed),
            tasks: Vec::new(),
            instances: Vec::new(),
            target_groups: Vec::new(),
            logs: Logs::default(),
            registry: Registry::new(
                options.registry_host,
                Logins::new(options.seed, options.token_life),
                options.blob_mounting,
            ),
            objects: options.objects,
            // Its own sequence, so that throttling does not change the deployment's jitter.
            throttle: Throttle::new(options.seed ^ 0x7468_726f_7474_6c65),
            ordained: None,
            denied_actions: options.denied_actions,
        }
    }

    /// What time it is in the world.
    pub fn now(&self) -> VirtualTime {
        self.now
    }

    /// Makes a cluster; an existing one is left alone.
    pub fn create_cluster(&mut self, name: &str) {
        let made = || Cluster { name: name.to_owned(), status: "ACTIVE".to_owned() };
        self.clusters.entry(name.to_owned()).or_insert_with(made);
    }

    /// Sets what DescribeClusters says of a cluster that is there; its services go on.
    pub fn set_cluster_status(&mut self, name: &str, status: &str) {
        if let Some(cluster) = self.clusters.get_mut(name) {
            cluster.status = status.to_owned();
        }
    }

    /// Makes an image repository; an existing one is left alone.
    pub fn create_repository(&mut self, name: &str, options: RepositoryOptions) {
        let now = self.now;
        self.registry.create(name, options, now);
    }

    /// Makes a target group that has a load balancer, and returns its ARN. A group of
    /// that name is left alone.
    pub fn create_target_group(&mut self, name: &str, options: TargetGroupOptions) -> String {
        if let Some(group) = self.target_groups.iter().find(|group| group.name == name) {
            return group.arn.clone();
        }
        let prefix = format!("arn:aws:elasticloadbalancing:{}:{}", self.region, self.account);
        let arn = format!("{prefix}:targetgroup/{name}/{}", self.random.hex(16));
        let load_balancer = format!("{prefix}:loadbalancer/app/{name}/{}", self.random.hex(16));
        self.target_groups.push(TargetGroup {
            name: name.to_owned(),
            arn: arn.clone(),
            load_balancer: Some(load_balancer),
            options,
            created_at: self.now,
            targets: Vec::new(),
        });
        arn
    }

    /// Takes a target group out of every listener; its targets stay.
    pub fn detach_target_group(&mut self, arn: &str) {
        if let Some(group) = self.target_groups.iter_mut().find(|group| group.arn == arn) {
            group.load_balancer = None;
        }
    }

    /// Sets whose ARN STS gives as the caller's.
    pub fn set_caller(&mut self, arn: &str) {
        self.caller = Some(arn.to_owned());
    }

    /// Sets what an essential container writes to its log before it exits by itself.
    pub fn set_last_words(&mut self, lines: Vec<String>) {
        self.logs.last_words = Some(lines);
    }

    /// Deletes a log group with all its streams, where it is there.
    pub fn delete_log_group(&mut self, name: &str) {
        self.logs.delete_group(name);
    }

    /// Registers a task definition from the JSON of RegisterTaskDefinition and returns its ARN. The roles, secrets,
    /// parameters and file systems that it names are made with it.
    ///
    /// Errors: as RegisterTaskDefinition answers.
    pub fn seed_task_definition(&mut self, input: &Value) -> Result<String, ApiError> {
        let answer = self.register_task_definition(input)?;
        self.furnish(input);
        Ok(answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap_or_default().to_owned())
    }

    /// Creates a service from the JSON of CreateService and returns its ARN. Its tasks start when
    /// time goes on.
    ///
    /// Errors: as CreateService answers.
    pub fn seed_service(&mut self, input: &Value) -> Result<String, ApiError> {
        let answer = self.create_service(input)?;
        Ok(answer["service"]["serviceArn"].as_str().unwrap_or_default().to_owned())
    }

    /// Moves time on until every service is steady, puts the scenario in force and returns the new time.
    ///
    /// Errors: [`NeverSteady`] when a service is not steady within a virtual hour.
    pub fn settle(&mut self) -> Result<VirtualTime, NeverSteady> {
        let limit = self.now + Duration::from_secs(3600);
        while let Some(service) = self.services.iter().find(|service| !self.is_steady(service)) {
            let name = service.name.clone();
            match self.next_due() {
                Some(due) if due <= limit => self.advance(due),
                _ => {
                    let reason = self
                        .tasks
                        .iter()
                        .rev()
                        .find_map(|task| task.stopped_reason.clone())
                        .unwrap_or_else(|| "its tasks do not become healthy".to_owned());
                    return Err(NeverSteady { service: name, reason });
                }
            }
        }
        self.arm();
        Ok(self.now)
    }

    fn arm(&mut self) {
        if self.armed {
            return;
        }
        self.armed = true;
        self.seeded_revisions = self.task_definitions.arns().collect();
        if self.scenario == Scenario::BreakerRollback {
            for service in &mut self.services {
                service.enable_circuit_breaker();
            }
        }
    }

    /// The name of the cluster that a request means: a name, an ARN, or `default`.
    pub(crate) fn cluster_name(&self, input: &Value) -> Result<String, ApiError> {
        let given = super::json::text(input, "cluster").unwrap_or("default");
        let name = given.rsplit('/').next().unwrap_or(given);
        if self.clusters.contains_key(name) {
            Ok(name.to_owned())
        } else {
            Err(ApiError::client("ClusterNotFoundException", "Cluster not found."))
        }
    }

    /// `arn:aws:ecs:REGION:ACCOUNT:REST`
    pub(crate) fn ecs_arn(&self, rest: &str) -> String {
        format!("arn:aws:ecs:{}:{}:{rest}", self.region, self.account)
    }

    pub(crate) fn cluster_arn(&self, cluster: &str) -> String {
        self.ecs_arn(&format!("cluster/{cluster}"))
    }

    /// The caller's ARN, the same for every caller.
    pub(crate) fn caller_arn(&self) -> String {
        let own = || format!("arn:aws:iam::{}:user/sandbox", self.account);
        self.caller.clone().unwrap_or_else(own)
    }
}

/// A service does not reach its steady state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the service {service} does not become steady: {reason}")]
pub struct NeverSteady {
    /// The service's name.
    pub service: String,
    /// What its last stopped task said.
    pub reason: String,
}
