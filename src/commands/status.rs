//! `landfall status`: how services stand, in the words of a deployment. The PRIMARY deployment of each is looked at
//! by the same state machine that follows a rollout, and nothing is changed.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::continue_::{current_service_deployment, onlooker};
use super::env::{check_cluster, started};
use crate::aws::{Aws, AwsSettings, LiveService, Watching};
use crate::config::{Config, ServiceConfig};
use crate::emit::{Emitter, StepTimer};
use crate::error::Result;
use crate::event::{Event, Step, Verdict};
use crate::rollout::{Followed, Native, NativeObservation, Onlooker, Policy, Rollout, WaitFor, look};

/// How many of the newest service events are told.
const EVENTS: usize = 5;
/// That no service deployment is under way is asked again this often.
const STAGES_EVERY: Duration = Duration::from_secs(15);

/// What is asked of `landfall status`.
pub struct StatusJob {
    /// The services to look at.
    pub config: Config,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// Go on until a signal arrives.
    pub watch: bool,
}

/// Looks at services and tells how they stand. A signal ends it, which is no failure.
///
/// # Errors
/// What kept it from looking; the caller tells it.
pub async fn status(job: StatusJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    let config = &job.config;
    check_cluster(config)?;
    let settings = AwsSettings { region: config.region.clone(), told: events.for_calls(), ..job.aws };
    let aws = Aws::connect(settings).await?;
    let command = if job.watch { "status --watch" } else { "status" };
    events.emit(Event::RunStarted(started(command, &aws.region, Some(config))));
    let watching = Watching::new(&aws, &config.cluster);
    let looks = config.services.iter().map(|service| {
        let (aws, watching) = (&aws, &watching);
        let events = events.for_service(&service.name);
        let service = Look { config, service, aws, watching, events };
        async move { if job.watch { service.watch(interrupt).await } else { service.once().await } }
    });
    let result = try_join_all(looks).await.map(|_| ());
    events.emit(Event::ApiCalls { counts: aws.calls.counts() });
    result
}

struct Look<'a> {
    config: &'a Config,
    service: &'a ServiceConfig,
    aws: &'a Aws,
    watching: &'a Watching,
    events: Emitter,
}

/// The PRIMARY deployment of a service, and what belongs to it.
struct Primary {
    rollout: Rollout,
    /// Whether its deployments go through stages or may be paused.
    has_stages: bool,
    alternates: Vec<(String, String)>,
}

/// The service deployment that is under way, if one is.
struct Stages {
    native: Native,
    /// When it was last asked whether there is one.
    asked: Option<Instant>,
    /// Since when the PRIMARY deployment is what it is.
    since: Instant,
}

impl Stages {
    fn new(service: &ServiceConfig) -> Self {
        Self { native: onlooker(service), asked: None, since: Instant::now() }
    }

    /// One that is under way is always looked at; that there is none is believed for a while, unless the service has a
    /// new PRIMARY deployment: the service deployment may be listed a little later.
    fn is_due(&self) -> bool {
        self.native.is_under_way()
            || self.since.elapsed() < STAGES_EVERY
            || self.asked.is_none_or(|asked| asked.elapsed() >= STAGES_EVERY)
    }
}

impl Look<'_> {
    async fn once(&self) -> Result<()> {
        let began = Instant::now();
        let Primary { mut rollout, has_stages, alternates } = self.follow(true).await?;
        let observation = look(self.watching, &self.service.service, &rollout, &alternates, began).await?;
        self.events.emit_all(rollout.observe(observation));
        let mut stages = Stages::new(self.service);
        if has_stages {
            self.look_at_stage(&mut stages, began).await?;
        }
        self.finish(&rollout, &stages.native);
        Ok(())
    }

    async fn watch(&self, interrupt: &CancellationToken) -> Result<()> {
        let began = Instant::now();
        let step = StepTimer::start(&self.events, Step::Watch);
        let mut primary = self.follow(true).await?;
        let mut eyes = self.eyes(&primary);
        let mut stages = Stages::new(self.service);
        loop {
            let looks = async {
                let beside = match primary.has_stages && stages.is_due() {
                    true => self.look_at_stage(&mut stages, began).await,
                    false => Ok(0.0),
                };
                eyes.look(&mut primary.rollout, &self.events, beside).await
            };
            let looked = tokio::select! {
                looked = looks => looked?,
                () = interrupt.cancelled() => break,
            };
            if looked.primary.is_some_and(|id| id != primary.rollout.deployment_id()) {
                primary = self.follow(false).await?;
                eyes = self.eyes(&primary);
                stages.since = Instant::now();
            }
            tokio::select! {
                () = tokio::time::sleep_until(looked.again) => {}
                () = interrupt.cancelled() => break,
            }
        }
        step.finish();
        self.finish(&primary.rollout, &stages.native);
        Ok(())
    }

    fn eyes(&self, primary: &Primary) -> Onlooker<'_> {
        Onlooker::new(self.watching, &self.service.service, &primary.rollout, &primary.alternates)
    }

    /// The stage of the service deployment that is under way, if one is; how many calls that took.
    async fn look_at_stage(&self, stages: &mut Stages, began: Instant) -> Result<f64> {
        let native = &mut stages.native;
        if native.outcome().is_some() {
            *native = onlooker(self.service);
        }
        let (mut deployment, mut calls) = (None, 1.0);
        if let Some(arn) = native.arn().map(str::to_owned) {
            deployment = self.aws.describe_service_deployments(&[arn]).await?.into_iter().next();
        } else {
            stages.asked = Some(Instant::now());
            if let Some(found) = current_service_deployment(self.aws, self.config, self.service).await? {
                calls += 1.0;
                native.found(found.arn.clone());
                deployment = Some(found);
            }
        }
        let observation = NativeObservation { at: began.elapsed(), now: Timestamp::now(), deployment };
        self.events.emit_all(native.observe(observation, false));
        Ok(calls)
    }

    /// The machine for the deployment that is PRIMARY now. At first the newest service events are news, too.
    async fn follow(&self, first: bool) -> Result<Primary> {
        let (cluster, name) = (&self.config.cluster, &self.service.service);
        let live = self.aws.existing_service(cluster, name).await?;
        let definition = self.aws.describe_task_definition(&live.task_definition).await?;
        let told = if first { EVENTS } else { 0 };
        let mut followed = followed(&live, told);
        if let Some((_, definition)) = &definition {
            followed.judge_by(definition);
        }
        let rollout = Rollout::new(followed, Policy::new(WaitFor::Nothing, Duration::MAX));
        let has_stages = live.has_stages();
        Ok(Primary { rollout, has_stages, alternates: live.alternate_target_groups })
    }

    fn finish(&self, rollout: &Rollout, native: &Native) {
        let mut reason = rollout.standing().to_owned();
        if native.is_under_way() {
            reason.push_str(&format!("; {}", native.standing()));
        }
        self.events.emit(Event::RolloutFinished { verdict: Verdict::Unchanged, reason, zero_downtime: None });
    }
}

/// The PRIMARY deployment of a service, for looking at it; but for the newest `told`, its events are known.
fn followed(live: &LiveService, told: usize) -> Followed {
    let deployments = &live.service.deployments;
    let primary = deployments.iter().find(|deployment| deployment.status == "PRIMARY");
    let earlier = deployments.iter().filter(|deployment| deployment.status != "PRIMARY");
    let known: HashSet<String> =
        live.service.events.iter().skip(told).map(|event| event.id.clone()).collect();
    Followed {
        deployment_id: primary.map(|deployment| deployment.id.clone()).unwrap_or_default(),
        task_definition: primary.map_or(&live.task_definition, |primary| &primary.task_definition).clone(),
        desired_count: live.service.desired_count,
        minimum_healthy_percent: live.minimum_healthy_percent,
        rules: live.rules.clone(),
        health_checked_containers: Vec::new(),
        restart_policies: Vec::new(),
        target_groups: live.target_groups.clone(),
        health_check_grace_period: live.health_check_grace_period,
        earlier_deployments: earlier.clone().map(|deployment| deployment.id.clone()).collect(),
        earlier_task_definition: earlier.map(|deployment| deployment.task_definition.clone()).next(),
        seen_event_ids: known,
        something_ran_before: true,
        resumed: false,
        undoes: None,
    }
}
