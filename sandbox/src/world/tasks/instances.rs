//! Container instances: where tasks of launch type EC2 run, and what target groups of type `instance` know them by.

use serde_json::{Map, Value, json};

use crate::world::{
    ApiError, World,
    json::{list, number, text, texts},
    services::Service,
};

/// The first host port that Docker gives away by itself.
const FIRST_EPHEMERAL_PORT: u16 = 32_768;

/// An EC2 instance that has joined a cluster.
pub(crate) struct Instance {
    pub(crate) cluster: String,
    pub(crate) arn: String,
    pub(crate) ec2: String,
}

/// Where a task runs, and the ports that it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// The ARN of the container instance.
    pub(crate) arn: String,
    pub(crate) ec2: String,
    /// By container: its ports and the host's.
    pub(crate) ports: Vec<(String, u16, u16)>,
}

impl Host {
    /// The host's port for a container's.
    pub(crate) fn port(&self, container: &str, port: u16) -> u16 {
        let same = |it: &&(String, u16, u16)| it.0 == container && it.1 == port;
        self.ports.iter().find(same).map_or(port, |it| it.2)
    }
}

impl World {
    /// An EC2 instance joins a cluster; the id that EC2 has for it.
    pub fn add_instance(&mut self, cluster: &str) -> String {
        let id = self.random.hex(32);
        let arn = self.ecs_arn(&format!("container-instance/{cluster}/{id}"));
        let ec2 = format!("i-{}", self.random.hex(17));
        self.instances.push(Instance { cluster: cluster.to_owned(), arn, ec2: ec2.clone() });
        let now = self.now;
        for index in 0..self.services.len() {
            let count = self.daemon_count(&self.services[index].cluster);
            let service = &mut self.services[index];
            if service.is_daemon() && !service.deleted {
                service.settings.insert("desiredCount".to_owned(), json!(count));
                service.steady = false;
                service.wake(now);
            }
        }
        ec2
    }

    /// How many tasks a DAEMON service wants: one on each instance.
    pub(crate) fn daemon_count(&self, cluster: &str) -> usize {
        self.instances.iter().filter(|instance| instance.cluster == cluster).count()
    }

    /// The instance for another task of a service, and its ports there; `None` where there is no room.
    pub(super) fn find_host(&self, service: &Service, document: &Map<String, Value>) -> Option<Host> {
        let own = |task: &&super::Task| task.service == service.name && task.cluster == service.cluster;
        let instances = self.instances.iter().filter(|instance| instance.cluster == service.cluster);
        let instance = instances
            .filter(|instance| !service.is_daemon() || self.tasks_on(&instance.arn).find(own).is_none())
            .min_by_key(|instance| self.tasks_on(&instance.arn).count())?;
        let host_network = document.get("networkMode").and_then(Value::as_str) == Some("host");
        let mut taken: Vec<u16> = self
            .tasks_on(&instance.arn)
            .flat_map(|task| task.host.iter().flat_map(|host| host.ports.iter().map(|it| it.2)))
            .collect();
        let mut ports = Vec::new();
        let containers = document.get("containerDefinitions").and_then(Value::as_array);
        for container in containers.into_iter().flatten() {
            let name = text(container, "name").unwrap_or_default();
            for mapping in list(container, "portMappings") {
                let field = |key: &str| number(mapping, key).and_then(|port| u16::try_from(port).ok());
                let Some(port) = field("containerPort") else { continue };
                let fixed =
                    if host_network { Some(port) } else { field("hostPort").filter(|port| *port > 0) };
                let host_port = match fixed {
                    Some(fixed) if taken.contains(&fixed) => return None,
                    Some(fixed) => fixed,
                    None => (FIRST_EPHEMERAL_PORT..).find(|port| !taken.contains(port))?,
                };
                taken.push(host_port);
                ports.push((name.to_owned(), port, host_port));
            }
        }
        Some(Host { arn: instance.arn.clone(), ec2: instance.ec2.clone(), ports })
    }

    /// The tasks that take room on an instance.
    fn tasks_on<'a>(&'a self, arn: &'a str) -> impl Iterator<Item = &'a super::Task> {
        let here = move |task: &&super::Task| task.host.as_ref().is_some_and(|host| host.arn == arn);
        self.tasks.iter().filter(|task| task.takes_room()).filter(here)
    }

    pub(crate) fn describe_container_instances(&mut self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster_name(input)?;
        let asked = texts(input, "containerInstances");
        if asked.is_empty() || asked.len() > 100 {
            return Err(ApiError::invalid_parameter("Container instances must be between 1 and 100."));
        }
        let mut found = Vec::new();
        let mut failures = Vec::new();
        for arn in asked {
            match self.instances.iter().find(|it| it.cluster == cluster && it.arn == arn) {
                Some(instance) => found.push(json!({
                    "containerInstanceArn": instance.arn,
                    "ec2InstanceId": instance.ec2,
                    "status": "ACTIVE",
                    "agentConnected": true,
                })),
                None => failures.push(json!({ "arn": arn, "reason": "MISSING" })),
            }
        }
        Ok(json!({ "containerInstances": found, "failures": failures }))
    }
}
