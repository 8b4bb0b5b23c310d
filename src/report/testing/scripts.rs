//! Scripted runs.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::error::ErrorKind;
use crate::event::*;

/// An instant, counted from the start of the run.
pub fn at(ms: i64) -> Timestamp {
    let start: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
    start + SignedDuration::from_millis(ms)
}

pub fn warning(message: &str) -> Record {
    let event = Event::Warning { message: message.to_owned(), hint: None };
    Record { time: at(0), service: None, event }
}

/// Records with their time since the start of the run.
#[derive(Clone)]
pub struct Script {
    pub service: &'static str,
    pub(super) records: Vec<Record>,
}

pub const DIGESTS: [&str; 3] = [
    "sha256:1f2e3d4c5b6a79880102030405060708090a0b0c0d0e0f101112131415161718",
    "sha256:9a8b7c6d5e4f30211213141516171819202122232425262728292a2b2c2d2e2f",
    "sha256:77aa55bb33cc11dd0102030405060708090a0b0c0d0e0f101112131415161718",
];
pub const IMAGE: &str = "sha256:4c1e9f02ab77d3e80102030405060708090a0b0c0d0e0f101112131415161718";

fn arn(revision: u32) -> String {
    format!("arn:aws:ecs:ap-northeast-2:123456789012:task-definition/hello:{revision}")
}

impl Script {
    pub fn new(services: &[&str], dry_run: bool) -> Self {
        let start = RunStarted {
            version: "0.1.0".to_owned(),
            command: "deploy".to_owned(),
            region: "ap-northeast-2".to_owned(),
            cluster: "demo".to_owned(),
            services: services.iter().map(|name| (*name).to_owned()).collect(),
            dry_run,
            detailed_exitcode: false,
            sandbox: None,
        };
        let mut script = Self { service: "hello", records: Vec::new() };
        script.run(0, Event::RunStarted(start));
        script
    }

    /// The records so far.
    pub fn records(&self) -> Vec<Record> {
        self.records.clone()
    }

    /// Concerns the whole run.
    pub fn run(&mut self, ms: i64, event: Event) {
        self.records.push(Record { time: at(ms), service: None, event });
    }

    /// Concerns the service.
    pub fn on(&mut self, ms: i64, event: Event) {
        self.records.push(Record { time: at(ms), service: Some(self.service.to_owned()), event });
    }

    pub(super) fn start(&mut self, ms: i64, step: Step) {
        self.on(ms, Event::StepStarted { step });
    }

    pub(super) fn end(&mut self, ms: i64, step: Step, duration_ms: u64) {
        self.on(ms, Event::StepFinished { step, duration_ms });
    }

    pub fn plan(&mut self, changes: Vec<Change>) {
        self.start(0, Step::Plan);
        self.on(
            400,
            Event::Planned {
                ecs_service: "hello-svc".to_owned(),
                current_task_definition: Some(arn(8)),
                changes,
                variables: Vec::new(),
                details: None,
                api_calls: 4,
            },
        );
        self.end(410, Step::Plan, 410);
    }

    fn push(&mut self) {
        let sizes = [28_400_000, 3_200_000, 2_100];
        let (container, digest) = ("web".to_owned(), |blob: usize| DIGESTS[blob].to_owned());
        self.start(500, Step::PushImage);
        self.start(500, Step::UploadEnvFiles);
        self.on(
            510,
            Event::ImagePushStarted {
                container: container.clone(),
                source: "oci:build/hello".to_owned(),
                target: "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/hello:v2".to_owned(),
                blobs: (0..3).map(|blob| Blob { digest: digest(blob), size: sizes[blob] }).collect(),
            },
        );
        let pushed = |blob: usize, outcome| Event::BlobPushed {
            container: "web".to_owned(),
            digest: digest(blob),
            size: sizes[blob],
            outcome,
            duration_ms: 0,
        };
        let progress = |blob: usize, sent| Event::BlobProgress {
            container: "web".to_owned(),
            digest: digest(blob),
            sent,
            size: sizes[blob],
        };
        self.on(700, pushed(1, Transfer::Exists));
        self.on(700, progress(0, 1_000_000));
        self.on(
            900,
            Event::EnvFileStored(EnvFileReport {
                container: container.clone(),
                file: ".env.prod".to_owned(),
                arn: "arn:aws:s3:::deploy-env/hello/3f2a.env".to_owned(),
                variables: 12,
                outcome: Transfer::Uploaded,
            }),
        );
        self.end(910, Step::UploadEnvFiles, 410);
        self.on(1_000, pushed(2, Transfer::Uploaded));
        self.on(3_700, progress(0, 12_300_000));
        self.on(6_000, progress(0, 22_300_000));
        self.on(7_500, progress(0, 28_400_000));
        self.on(7_800, pushed(0, Transfer::Uploaded));
        self.on(
            8_000,
            Event::ImagePushed {
                container,
                reference: format!("123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/hello@{IMAGE}"),
                digest: IMAGE.to_owned(),
                media_type: None,
                manifest_size: None,
                bytes_sent: 28_402_100,
                outcome: Transfer::Uploaded,
                duration_ms: 7_500,
            },
        );
        self.end(8_010, Step::PushImage, 7_510);
    }

    fn update(&mut self) {
        self.start(8_020, Step::RegisterTaskDefinition);
        self.on(8_200, Event::TaskDefinitionRegistered { arn: arn(9) });
        self.end(8_200, Step::RegisterTaskDefinition, 180);
        self.start(8_200, Step::UpdateService);
        self.on(
            8_500,
            Event::ServiceUpdated {
                deployment_id: "ecs-svc/9000000000000000009".to_owned(),
                task_definition: arn(9),
                previous_task_definition: Some(arn(8)),
                desired_count: 2,
                floor: 2,
            },
        );
        self.end(8_500, Step::UpdateService, 300);
        self.start(8_500, Step::Watch);
        self.task(9_000, task("0c9e11aa", Role::Old, "RUNNING", "healthy"));
        self.task(9_000, task("d4f1bb02", Role::Old, "RUNNING", "healthy"));
        self.deployment(9_000, Role::Followed, "IN_PROGRESS", (2, 0, 0));
        self.deployment(9_000, Role::Old, "COMPLETED", (2, 2, 0));
    }

    fn task(&mut self, ms: i64, task: TaskState) {
        self.on(ms, Event::TaskChanged { task });
    }

    /// `counts` are desired, running, failed.
    fn deployment(&mut self, ms: i64, role: Role, rollout: &str, counts: (u32, u32, u32)) {
        let (desired, running, failed) = counts;
        let (id, status, revision) = match role {
            Role::Followed => ("ecs-svc/9000000000000000009", "PRIMARY", 9),
            Role::Old => ("ecs-svc/8000000000000000008", "ACTIVE", 8),
            Role::Newer => ("ecs-svc/7000000000000000007", "PRIMARY", 8),
        };
        let deployment = DeploymentState {
            id: id.to_owned(),
            role,
            task_definition: arn(revision),
            status: status.to_owned(),
            rollout_state: Some(rollout.to_owned()),
            desired,
            running,
            pending: desired.saturating_sub(running),
            failed,
        };
        self.on(ms, Event::DeploymentChanged { deployment });
    }

    fn finish(&mut self, ms: i64, verdict: Verdict, reason: &str, zero_downtime: Option<ZeroDowntime>) {
        self.run(ms, Event::ApiCalls { counts: BTreeMap::from([("ecs:DescribeServices".to_owned(), 31)]) });
        self.on(ms, Event::RolloutFinished { verdict, reason: reason.to_owned(), zero_downtime });
    }
}

/// `target` is empty where no target group knows the task.
pub fn task(id: &str, role: Role, status: &str, target: &str) -> TaskState {
    let target_state = TargetState {
        target_group: "hello-tg".to_owned(),
        state: target.to_owned(),
        reason: None,
        description: None,
    };
    let down = ["DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"].contains(&status);
    TaskState {
        id: format!("{id}0000000000000000000000"),
        role,
        task_definition: None,
        last_status: status.to_owned(),
        desired_status: if down { "STOPPED" } else { "RUNNING" }.to_owned(),
        health: if target == "healthy" { "HEALTHY" } else { "UNKNOWN" }.to_owned(),
        targets: if target.is_empty() { Vec::new() } else { vec![target_state] },
        stopped: None,
    }
}

pub fn measured(verdict: ZeroDowntimeVerdict, lowest: u32) -> ZeroDowntime {
    let violated_at_ms = (verdict == ZeroDowntimeVerdict::Violated).then_some(4_200);
    let (observations, longest_gap_ms) = (31, 1_240);
    ZeroDowntime { verdict, floor: 2, lowest, observations, longest_gap_ms, violated_at_ms, probe: None }
}

fn changes() -> Vec<Change> {
    let text = |text: &str| Some(text.to_owned());
    vec![
        Change {
            subject: "image of web".to_owned(),
            before: text(&format!("sha256:{}", "0d".repeat(32))),
            after: text(IMAGE),
        },
        Change {
            subject: "env file of web".to_owned(),
            before: None,
            after: text("s3://deploy-env/hello/3f2a.env"),
        },
        Change {
            subject: "task definition".to_owned(),
            before: text("hello:8"),
            after: text("a new revision"),
        },
    ]
}

fn until_update() -> Script {
    let mut script = Script::new(&["hello"], false);
    script.plan(changes());
    script.push();
    script.update();
    script
}

/// Two old tasks, two new ones, everything goes well.
pub fn success() -> Vec<Record> {
    let mut s = until_update();
    let message = "(service hello-svc) has started 2 tasks: (task 7f3a9c12) (task b01d77e4).";
    s.on(10_000, Event::ServiceMessage { message: message.to_owned() });
    s.task(10_000, task("7f3a9c12", Role::Followed, "PROVISIONING", ""));
    s.task(10_200, task("b01d77e4", Role::Followed, "PROVISIONING", ""));
    s.task(13_000, task("7f3a9c12", Role::Followed, "PENDING", ""));
    s.task(14_000, task("b01d77e4", Role::Followed, "PENDING", ""));
    s.on(18_500, Event::Waiting { elapsed_ms: 10_000, healthy: 0, desired: 2, reason: None });
    s.task(19_000, task("7f3a9c12", Role::Followed, "ACTIVATING", "initial"));
    s.task(20_000, task("7f3a9c12", Role::Followed, "RUNNING", "initial"));
    s.deployment(20_000, Role::Followed, "IN_PROGRESS", (2, 1, 0));
    s.task(22_000, task("7f3a9c12", Role::Followed, "RUNNING", "healthy"));
    s.on(22_500, Event::Throttled { operation: "ecs:DescribeTasks".to_owned(), delay_ms: 4_000 });
    s.task(23_000, task("b01d77e4", Role::Followed, "RUNNING", "healthy"));
    s.deployment(23_000, Role::Followed, "IN_PROGRESS", (2, 2, 0));
    s.on(23_000, Event::Healthy { at_ms: 14_500 });
    s.task(25_000, task("0c9e11aa", Role::Old, "DEACTIVATING", "draining"));
    s.task(25_000, task("d4f1bb02", Role::Old, "DEACTIVATING", "draining"));
    s.deployment(25_000, Role::Old, "COMPLETED", (0, 2, 0));
    s.task(33_000, task("0c9e11aa", Role::Old, "STOPPED", ""));
    s.task(34_000, task("d4f1bb02", Role::Old, "STOPPED", ""));
    s.on(35_000, Event::DeploymentGone { id: "ecs-svc/8000000000000000008".to_owned() });
    s.deployment(35_000, Role::Followed, "COMPLETED", (2, 2, 0));
    s.on(35_000, Event::Steady { at_ms: 26_500 });
    s.end(35_000, Step::Watch, 26_500);
    let zero = measured(ZeroDowntimeVerdict::Observed, 2);
    s.finish(35_010, Verdict::Succeeded, "hello:9 is healthy and steady", Some(zero));
    s.records
}

pub fn bad_finding(occurrences: u32) -> Finding {
    Finding {
        code: "container-exited".to_owned(),
        class: FailureClass::Mixed,
        title: "The container web exits with code 1 soon after it starts".to_owned(),
        cause: "The program in the container ends by itself, so ECS stops the task.".to_owned(),
        fix: "Read the container's last log lines, and start the image locally with the same environment.".to_owned(),
        evidence: vec![
            "EssentialContainerExited: Essential container in task exited".to_owned(),
            "\u{1b}[31mError: Cannot find module '/app/server.js'\u{1b}[0m\n::error::at Function._resolveFilename\r\n"
                .to_owned(),
        ],
        occurrences,
    }
}

fn failing() -> Script {
    let mut s = until_update();
    s.task(10_000, task("7f3a9c12", Role::Followed, "PENDING", ""));
    for (ms, id, occurrences) in [(14_000, "7f3a9c12", 1), (19_000, "b01d77e4", 2)] {
        let stopped = Stopped {
            code: Some("EssentialContainerExited".to_owned()),
            reason: Some("Essential container in task exited".to_owned()),
            containers: vec![StoppedContainer { name: "web".to_owned(), exit_code: Some(1), reason: None }],
        };
        let task = task(id, Role::Followed, "STOPPED", "");
        s.task(ms, TaskState { stopped: Some(stopped), ..task });
        s.deployment(ms, Role::Followed, "IN_PROGRESS", (2, 0, occurrences));
        s.on(ms, Event::FindingMade { finding: bad_finding(occurrences) });
    }
    s
}

/// The new tasks exit, and Landfall puts the service back.
pub fn rolled_back() -> Vec<Record> {
    let mut s = failing();
    s.start(19_500, Step::Rollback);
    let (by, task_definition) = (RollbackBy::Landfall, arn(8));
    let reason = "2 tasks have failed".to_owned();
    s.on(19_500, Event::RollbackStarted { by, task_definition: task_definition.clone(), reason });
    s.deployment(20_000, Role::Newer, "IN_PROGRESS", (2, 2, 0));
    s.on(27_000, Event::RollbackFinished { by, task_definition, complete: true });
    s.end(27_000, Step::Rollback, 7_500);
    let zero = measured(ZeroDowntimeVerdict::Observed, 2);
    s.finish(27_010, Verdict::RolledBack, "2 tasks of hello:9 failed, the limit is 2", Some(zero));
    s.records
}

/// The new tasks exit, and nobody puts the service back.
pub fn failed() -> Vec<Record> {
    let mut s = failing();
    let zero = measured(ZeroDowntimeVerdict::Violated, 1);
    s.finish(19_500, Verdict::Failed, "2 tasks of hello:9 failed, the limit is 2", Some(zero));
    s.records
}

fn ended(verdict: Verdict, reason: &str) -> Vec<Record> {
    let mut s = until_update();
    s.finish(20_000, verdict, reason, None);
    s.records
}

pub fn superseded() -> Vec<Record> {
    ended(Verdict::Superseded, "deployment ecs-svc/7 of hello:10 took over")
}

pub fn timed_out() -> Vec<Record> {
    ended(Verdict::TimedOut, "not healthy after 15 min; 1 of 2 tasks is RUNNING")
}

pub fn interrupted() -> Vec<Record> {
    let mut s = until_update();
    let message = "ECS goes on with deployment ecs-svc/9 of hello:9; run the same command again to follow it";
    s.run(12_000, Event::Interrupted { message: message.to_owned() });
    s.finish(12_000, Verdict::Interrupted, "interrupted while 0 of 2 tasks were healthy", None);
    s.records
}

/// An interrupt that has the service put back: ECS is told, and not waited for.
pub fn interrupted_and_put_back() -> Vec<Record> {
    let mut s = until_update();
    let (by, task_definition) = (RollbackBy::Landfall, arn(8));
    let reason = "the run was interrupted".to_owned();
    s.on(12_000, Event::RollbackStarted { by, task_definition, reason });
    let message = "ECS goes on with what was started; `landfall status` shows it";
    s.run(12_010, Event::Interrupted { message: message.to_owned() });
    s.records
}

/// AWS refuses in the middle of the plan.
pub fn errored() -> Vec<Record> {
    let mut s = Script::new(&["hello"], false);
    s.start(0, Step::Plan);
    let error = ErrorReport {
        kind: ErrorKind::Aws,
        message: "cannot read the service hello-svc on cluster demo: AccessDeniedException: User: \
                  arn:aws:iam::123456789012:user/ci is not authorized to perform: ecs:DescribeServices"
            .to_owned(),
        hint: Some(
            "allow ecs:DescribeServices for this user; `landfall iam-policy` prints the policy".to_owned(),
        ),
    };
    s.run(300, Event::RunFailed { error });
    s.records
}

/// The registry breaks off after the image of nothing was used.
pub fn errored_after_register() -> Vec<Record> {
    let mut s = Script::new(&["hello"], false);
    s.plan(changes());
    s.push();
    s.start(8_020, Step::RegisterTaskDefinition);
    s.on(8_200, Event::TaskDefinitionRegistered { arn: arn(9) });
    let error =
        ErrorReport { kind: ErrorKind::Aws, message: "cannot update hello-svc".to_owned(), hint: None };
    s.run(8_300, Event::RunFailed { error });
    s.records
}

pub fn up_to_date() -> Vec<Record> {
    let mut s = Script::new(&["hello"], false);
    s.plan(Vec::new());
    s.finish(420, Verdict::Unchanged, "nothing to do", None);
    s.records
}

pub fn dry_run() -> Vec<Record> {
    let mut s = Script::new(&["hello"], true);
    s.plan(changes());
    s.finish(420, Verdict::Planned, "3 changes", None);
    s.records
}

pub fn all_scripts() -> Vec<(&'static str, Vec<Record>)> {
    vec![
        ("success", success()),
        ("rolled back", rolled_back()),
        ("failed", failed()),
        ("superseded", superseded()),
        ("timed out", timed_out()),
        ("interrupted", interrupted()),
        ("interrupted and put back", interrupted_and_put_back()),
        ("errored", errored()),
        ("errored after register", errored_after_register()),
        ("up to date", up_to_date()),
        ("dry run", dry_run()),
    ]
}
