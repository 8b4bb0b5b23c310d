//! A small world for tests: a service with an old deployment and a new one that is followed.

use std::collections::HashSet;
use std::time::Duration;

use super::{
    Container, Deployment, Followed, Fresh, Observation, Outcome, Policy, Rollout, Rules, Service,
    ServiceEvent, Target, TargetGroupHealth, TargetGroupRef, TargetKind, Task, WaitFor,
};
use crate::event::{Event, Finding};

pub const OLD: &str = "ecs-svc/1";
pub const NEW: &str = "ecs-svc/2";
pub const WEB: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/aaaa";
pub const API: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/bbbb";

/// The ARN of a revision of the family `app`.
pub fn revision(number: u32) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/app:{number}")
}

pub fn deployment(id: &str, status: &str, number: u32) -> Deployment {
    Deployment {
        id: id.to_owned(),
        status: status.to_owned(),
        task_definition: revision(number),
        rollout_state: Some("IN_PROGRESS".to_owned()),
        rollout_state_reason: None,
        desired: 0,
        running: 0,
        pending: 0,
        failed: 0,
    }
}

pub fn task(id: &str, started_by: &str, number: u32) -> Task {
    Task {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:task/cluster/{id}"),
        task_definition: revision(number),
        started_by: Some(started_by.to_owned()),
        last_status: "PROVISIONING".to_owned(),
        desired_status: "RUNNING".to_owned(),
        health_status: "UNKNOWN".to_owned(),
        stop_code: None,
        stopped_reason: None,
        private_ip: None,
        container_instance: None,
        ec2_instance: None,
        started_at_ms: None,
        stopping_at_ms: None,
        containers: vec![Container {
            name: "web".to_owned(),
            last_status: "PENDING".to_owned(),
            exit_code: None,
            reason: None,
            health_status: None,
            runtime_id: None,
            ports: Vec::new(),
        }],
    }
}

/// A stopped task with AWS's words on it.
pub fn stopped_task(code: &str, reason: &str) -> Task {
    let mut task = task("0123abcd", NEW, 2);
    task.last_status = "STOPPED".to_owned();
    task.desired_status = "STOPPED".to_owned();
    task.stop_code = Some(code.to_owned());
    task.stopped_reason = Some(reason.to_owned());
    task
}

/// What the next observation will show.
#[derive(Clone)]
pub struct World {
    pub status: String,
    pub desired: u32,
    pub deployments: Vec<Deployment>,
    pub tasks: Vec<Task>,
    pub groups: Vec<TargetGroupHealth>,
    pub events: Vec<ServiceEvent>,
    pub instances_denied: bool,
    /// Counts of deployments come from the tasks, unless a test sets them.
    pub counted: bool,
}

impl World {
    /// `desired` old tasks serve behind `groups`, and the new deployment has been made.
    pub fn new(desired: u32, groups: &[&str]) -> Self {
        let mut old = deployment(OLD, "ACTIVE", 1);
        old.rollout_state = Some("COMPLETED".to_owned());
        let mut world = Self {
            status: "ACTIVE".to_owned(),
            desired,
            deployments: vec![deployment(NEW, "PRIMARY", 2), old],
            tasks: Vec::new(),
            groups: groups
                .iter()
                .map(|arn| TargetGroupHealth { arn: (*arn).to_owned(), targets: Vec::new() })
                .collect(),
            events: Vec::new(),
            instances_denied: false,
            counted: true,
        };
        for number in 0..desired {
            world.add(&format!("old{number}"), OLD, 1);
            world.serve(&format!("old{number}"));
        }
        world
    }

    pub fn add(&mut self, id: &str, started_by: &str, number: u32) {
        let mut task = task(id, started_by, number);
        task.private_ip = Some(format!("10.0.0.{}", self.tasks.len() + 1));
        self.tasks.push(task);
    }

    /// A task of the followed deployment appears.
    pub fn start(&mut self, id: &str) {
        self.add(id, NEW, 2);
    }

    pub fn task(&mut self, id: &str) -> &mut Task {
        self.tasks.iter_mut().find(|task| task.id() == id).expect("a known task")
    }

    pub fn deployment(&mut self, id: &str) -> &mut Deployment {
        self.deployments.iter_mut().find(|deployment| deployment.id == id).expect("a known deployment")
    }

    /// The task is RUNNING.
    pub fn run(&mut self, id: &str) {
        self.task(id).last_status = "RUNNING".to_owned();
    }

    /// Every target group shows the task in a state.
    pub fn target(&mut self, id: &str, state: &str) {
        let ip = self.task(id).private_ip.clone().expect("an address");
        for group in &mut self.groups {
            group.targets.retain(|target| target.id != ip);
            group.targets.push(Target {
                id: ip.clone(),
                port: 80,
                state: state.to_owned(),
                reason: None,
                description: None,
            });
        }
    }

    /// The task is RUNNING, and its targets are healthy.
    pub fn serve(&mut self, id: &str) {
        self.run(id);
        self.target(id, "healthy");
    }

    /// Starts and serves at once.
    pub fn start_serving(&mut self, ids: &[&str]) {
        for id in ids {
            self.start(id);
            self.serve(id);
        }
    }

    /// ECS takes the task out of service; it is deregistered and then stopped.
    pub fn drain(&mut self, id: &str) {
        self.target(id, "draining");
        let task = self.task(id);
        task.desired_status = "STOPPED".to_owned();
        task.last_status = "DEACTIVATING".to_owned();
        task.stop_code = Some("ServiceSchedulerInitiated".to_owned());
        task.stopped_reason = Some("Scaling activity initiated by (deployment ecs-svc/2)".to_owned());
    }

    /// The task has ended.
    pub fn stop(&mut self, id: &str, code: &str, reason: &str) {
        let ip = self.task(id).private_ip.clone();
        for group in &mut self.groups {
            group.targets.retain(|target| Some(&target.id) != ip.as_ref());
        }
        let task = self.task(id);
        task.desired_status = "STOPPED".to_owned();
        task.last_status = "STOPPED".to_owned();
        task.stop_code = Some(code.to_owned());
        task.stopped_reason = Some(reason.to_owned());
    }

    /// Its program ended with a code.
    pub fn exit(&mut self, id: &str, exit_code: i32) {
        self.stop(id, "EssentialContainerExited", "Essential container in task exited");
        self.task(id).containers[0].exit_code = Some(exit_code);
    }

    /// The old tasks have stopped, and their deployment is no longer listed.
    pub fn finish_old(&mut self) {
        let old: Vec<String> = self
            .tasks
            .iter()
            .filter(|task| task.started_by.as_deref() == Some(OLD))
            .map(|t| t.id().to_owned())
            .collect();
        for id in old {
            self.stop(
                &id,
                "ServiceSchedulerInitiated",
                "Scaling activity initiated by (deployment ecs-svc/2)",
            );
        }
        self.deployments.retain(|deployment| deployment.id != OLD);
    }

    pub fn complete(&mut self, id: &str) {
        self.deployment(id).rollout_state = Some("COMPLETED".to_owned());
    }

    /// Everything as it is when the rollout has succeeded.
    pub fn succeed(&mut self) {
        self.finish_old();
        self.complete(NEW);
    }

    /// A service event, the newest so far.
    pub fn say(&mut self, id: &str, message: &str) {
        self.events.insert(0, ServiceEvent { id: id.to_owned(), message: message.to_owned() });
    }

    /// One look, so many seconds after the update.
    pub fn look(&self, seconds: u64) -> Observation {
        let mut world = self.clone();
        let counts = |id: &str, wanted: &[&str]| {
            let of = self.tasks.iter().filter(|task| task.started_by.as_deref() == Some(id));
            u32::try_from(of.filter(|task| wanted.contains(&task.last_status.as_str())).count()).expect("few")
        };
        if self.counted {
            for deployment in &mut world.deployments {
                deployment.running = counts(&deployment.id, &["RUNNING"]);
                deployment.pending = counts(&deployment.id, &["PROVISIONING", "PENDING", "ACTIVATING"]);
                deployment.desired = if deployment.status == "PRIMARY" { self.desired } else { 0 };
            }
        }
        Observation {
            fresh: Fresh::ALL,
            at: Duration::from_secs(seconds),
            spread: Duration::ZERO,
            service: Service {
                status: world.status,
                desired_count: world.desired,
                running_count: world.deployments.iter().map(|d| d.running).sum(),
                pending_count: world.deployments.iter().map(|d| d.pending).sum(),
                deployments: world.deployments,
                events: world.events,
            },
            tasks: world.tasks,
            target_groups: world.groups,
            instances_denied: world.instances_denied,
        }
    }
}

pub fn followed(world: &World) -> Followed {
    Followed {
        deployment_id: NEW.to_owned(),
        task_definition: revision(2),
        desired_count: world.desired,
        minimum_healthy_percent: 100,
        rules: Rules::default(),
        restart_policies: Vec::new(),
        health_checked_containers: Vec::new(),
        target_groups: world
            .groups
            .iter()
            .map(|group| TargetGroupRef {
                arn: group.arn.clone(),
                container_name: "web".to_owned(),
                container_port: 80,
                kind: TargetKind::Ip,
                health_check: None,
            })
            .collect(),
        health_check_grace_period: Duration::ZERO,
        earlier_deployments: vec![OLD.to_owned()],
        earlier_task_definition: Some(revision(1)),
        seen_event_ids: HashSet::new(),
        something_ran_before: true,
        resumed: false,
        undoes: None,
    }
}

pub fn policy() -> Policy {
    Policy::new(WaitFor::Steady, Duration::from_secs(900))
}

/// A rollout in a world, and everything that it has said.
pub struct Run {
    pub rollout: Rollout,
    pub events: Vec<Event>,
}

impl Run {
    pub fn new(followed: Followed, policy: Policy) -> Self {
        Self { rollout: Rollout::new(followed, policy), events: Vec::new() }
    }

    pub fn of(world: &World) -> Self {
        Self::new(followed(world), policy())
    }

    /// One observation; what it said.
    pub fn see(&mut self, world: &World, seconds: u64) -> Vec<Event> {
        let events = self.rollout.observe(world.look(seconds));
        self.events.extend(events.iter().cloned());
        events
    }

    /// One observation a second, from and to inclusive.
    pub fn see_throughout(&mut self, world: &World, from: u64, to: u64) {
        for second in from..=to {
            self.see(world, second);
        }
    }

    pub fn outcome(&self) -> Option<&Outcome> {
        self.rollout.outcome()
    }

    pub fn reason(&self) -> &str {
        match self.outcome() {
            Some(Outcome::Failed { reason } | Outcome::TimedOut { reason }) => reason,
            other => panic!("not failed: {other:?}"),
        }
    }

    pub fn succeeded(&self) -> bool {
        matches!(self.outcome(), Some(Outcome::Succeeded { .. }))
    }

    pub fn finding(&self, code: &str) -> &Finding {
        let findings = self.rollout.findings();
        findings
            .iter()
            .find(|finding| finding.code == code)
            .unwrap_or_else(|| panic!("no {code} in {findings:#?}"))
    }

    pub fn said(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(event)).count()
    }
}
