//! Making a task.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Container, Fate, Health, Task, TaskStatus, instances::Host, model::Durations};
use crate::{
    Scenario,
    world::{
        World,
        json::{number, text},
    },
};

/// In the scenario `slow`, pulls and health checks take this many times as long.
const SLOWNESS: u32 = 5;

impl World {
    /// Adds a task of the service's deployment, PROVISIONING, and returns its id.
    pub(crate) fn launch_task(&mut self, service: usize, deployment: usize) -> Option<String> {
        let fate = self.fate(service, deployment);
        let durations = self.durations(service, deployment);
        let service = &self.services[service];
        let deployment = &service.deployments[deployment];
        let revision = self.task_definitions.by_arn(&deployment.task_definition)?;
        let host = match service.runs_on_instances() {
            true => Some(self.find_host(service, &revision.document)?),
            false => None,
        };
        let awsvpc = revision.document.get("networkMode").and_then(Value::as_str) == Some("awsvpc");
        let on_host = host.as_ref().filter(|_| !awsvpc);
        let target_groups = target_groups(deployment.load_balancers(), on_host);
        let random = &mut self.random;
        let id = random.hex(32);
        let (zone, subnet) = place(&self.region, &deployment.settings, random.next());
        let field =
            |key: &str| revision.document.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let task = Task {
            arn: format!("arn:aws:ecs:{}:{}:task/{}/{id}", self.region, self.account, service.cluster),
            id: id.clone(),
            cluster: service.cluster.clone(),
            service: service.name.clone(),
            deployment: deployment.id.clone(),
            task_definition: deployment.task_definition.clone(),
            status: TaskStatus::Provisioning,
            wanted: true,
            fate,
            durations,
            next_at: Some(self.now + durations.provisioning),
            checked_at: None,
            exits_at: None,
            restarts_at: None,
            runs_since: None,
            host,
            awsvpc,
            presumed_healthy_at: None,
            drained_at: None,
            created_at: self.now,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            stopping_at: None,
            execution_stopped_at: None,
            stopped_at: None,
            stop_code: None,
            stopped_reason: None,
            containers: revision
                .containers()
                .iter()
                .map(|container| make_container(container, &id, random.below(10_000_000_000)))
                .collect(),
            target_groups,
            zone,
            subnet,
            address: format!("10.0.{}.{}", random.below(256), 4 + random.below(250)),
            mac: format!(
                "0a:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}",
                random.below(256),
                random.below(256),
                random.below(256),
                random.below(256),
                random.below(256)
            ),
            interface: format!("eni-{}", random.hex(17)),
            attachment: random.uuid(),
            cpu: field("cpu"),
            memory: field("memory"),
            was_healthy: false,
        };
        self.tasks.push(task);
        Some(id)
    }

    fn fate(&mut self, service: usize, deployment: usize) -> Fate {
        if !self.services[service].deployments[deployment].afflicted {
            return Fate::Ordinary;
        }
        if let Some(fate) = self.ordained() {
            return fate;
        }
        match self.scenario {
            Scenario::ImageNotFound => Fate::ImageGone,
            Scenario::EnvFileDenied => Fate::EnvironmentFileDenied,
            Scenario::UnhealthyTarget => Fate::Unhealthy,
            Scenario::BreakerRollback => Fate::ExitsWhileStarting { code: 1 },
            Scenario::CrashLoop => {
                Fate::ExitsWhileRunning { code: 3, after: self.random.between_ms(2000, 5000) }
            }
            Scenario::Healthy | Scenario::Slow | Scenario::Throttled | Scenario::Superseded => Fate::Ordinary,
        }
    }

    fn durations(&mut self, service: usize, deployment: usize) -> Durations {
        let slow = self.slowness(service, deployment);
        let random = &mut self.random;
        Durations {
            provisioning: random.between_ms(13_000, 18_000),
            pending: random.between_ms(22_000, 30_000) * slow,
            activating: random.between_ms(3_000, 5_000),
            stopping: random.between_ms(3_000, 6_000),
            deprovisioning: random.between_ms(5_000, 8_000),
        }
    }

    /// How many times longer pulls and health checks of a deployment's tasks take.
    pub(crate) fn slowness(&self, service: usize, deployment: usize) -> u32 {
        let afflicted = self.services[service].deployments[deployment].afflicted;
        if afflicted && self.scenario == Scenario::Slow { SLOWNESS } else { 1 }
    }
}

fn make_container(definition: &Value, task: &str, runtime: u64) -> Container {
    Container {
        name: text(definition, "name").unwrap_or_default().to_owned(),
        image: text(definition, "image").unwrap_or_default().to_owned(),
        image_digest: None,
        runtime_id: format!("{task}-{runtime:010}"),
        essential: definition.get("essential") != Some(&Value::Bool(false)),
        checked: definition.get("healthCheck").is_some_and(|check| !check.is_null()),
        health: Health::Unknown,
        cpu: number(definition, "cpu").unwrap_or(0).to_string(),
        exit_code: None,
        reason: None,
        environment: None,
    }
}

/// Target groups and ports of `loadBalancers`: the container's, or those of the host that they are bound to.
fn target_groups(load_balancers: &[Value], host: Option<&Host>) -> Vec<(String, u16)> {
    let one = |entry: &Value| {
        let port = u16::try_from(number(entry, "containerPort")?).ok()?;
        let container = text(entry, "containerName").unwrap_or_default();
        let port = host.map_or(port, |host| host.port(container, port));
        Some((text(entry, "targetGroupArn")?.to_owned(), port))
    };
    load_balancers.iter().filter_map(one).collect()
}

/// An Availability Zone and the subnet in it.
fn place(region: &str, settings: &Map<String, Value>, draw: u64) -> (String, String) {
    let subnets: Vec<&str> = settings
        .get("networkConfiguration")
        .and_then(|network| network["awsvpcConfiguration"]["subnets"].as_array())
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let index = usize::try_from(draw).unwrap_or(0) % subnets.len().max(1);
    let letter = ["a", "b", "c"][index % 3];
    (
        format!("{region}{letter}"),
        subnets.get(index).copied().unwrap_or("subnet-0a1b2c3d4e5f60718").to_owned(),
    )
}

/// When container health checks give their first result after RUNNING (facts 3.2): the longest
/// `interval` of the essential containers, 30 s where none is given; failures take `retries` of
/// them after `startPeriod`.
pub(super) fn check_time(containers: &[Value], succeeds: bool) -> Duration {
    let seconds = containers
        .iter()
        .filter_map(|container| container.get("healthCheck"))
        .map(|check| {
            let field =
                |key: &str, default: i64| u64::try_from(number(check, key).unwrap_or(default)).unwrap_or(0);
            let interval = field("interval", 30);
            if succeeds { interval } else { field("startPeriod", 0) + interval * field("retries", 3) }
        })
        .max();
    Duration::from_secs(seconds.unwrap_or(0))
}
