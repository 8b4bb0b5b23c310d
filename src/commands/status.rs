//! `landfall status`: how services stand, in the words of a deployment. The PRIMARY deployment of each is looked at
//! by the same state machine that follows a rollout, and nothing is changed.

use std::cell::Cell;
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
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Step, Verdict};
use crate::rollout::{Followed, Native, NativeObservation, Policy, Rollout, WaitFor, look};

/// How many of the newest service events are told.
const EVENTS: usize = 5;
/// Between two looks of `--watch`.
const PACE: Duration = Duration::from_secs(2);

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
        let service = Look { config, service, aws, watching, events, is_native: Cell::new(false) };
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
    /// Whether its strategy has stages; known once it was described.
    is_native: Cell<bool>,
}

impl Look<'_> {
    async fn once(&self) -> Result<()> {
        let began = Instant::now();
        let mut rollout = self.follow(true).await?;
        let mut native = onlooker(self.service);
        self.look(&mut rollout, began).await?;
        self.look_at_stage(&mut native, began).await?;
        self.finish(&rollout, &native);
        Ok(())
    }

    async fn watch(&self, interrupt: &CancellationToken) -> Result<()> {
        let began = Instant::now();
        let _counted = self.watching.join();
        let step = StepTimer::start(&self.events, Step::Watch);
        let mut rollout = self.follow(true).await?;
        let mut native = onlooker(self.service);
        loop {
            let looks = async {
                let primary = self.look(&mut rollout, began).await?;
                self.look_at_stage(&mut native, began).await?;
                Ok::<_, Error>(primary)
            };
            let primary = tokio::select! {
                primary = looks => primary?,
                () = interrupt.cancelled() => break,
            };
            if primary.is_some_and(|id| id != rollout.deployment_id()) {
                rollout = self.follow(false).await?;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(PACE) => {}
                () = interrupt.cancelled() => break,
            }
        }
        step.finish();
        self.finish(&rollout, &native);
        Ok(())
    }

    /// The stage of a service deployment of strategy BLUE_GREEN, LINEAR or CANARY, if one is under way.
    async fn look_at_stage(&self, native: &mut Native, began: Instant) -> Result<()> {
        if !self.is_native.get() {
            return Ok(());
        }
        let mut deployment = match native.arn() {
            Some(arn) => self.aws.describe_service_deployments(&[arn.to_owned()]).await?.into_iter().next(),
            None => current_service_deployment(self.aws, self.config, self.service).await?,
        };
        if native.outcome().is_some() {
            *native = onlooker(self.service);
            deployment = current_service_deployment(self.aws, self.config, self.service).await?;
        }
        if let Some(deployment) = &deployment {
            native.found(deployment.arn.clone());
        }
        let observation = NativeObservation { at: began.elapsed(), now: Timestamp::now(), deployment };
        self.events.emit_all(native.observe(observation, false));
        Ok(())
    }

    /// One look; the id of the PRIMARY deployment.
    async fn look(&self, rollout: &mut Rollout, began: Instant) -> Result<Option<String>> {
        let observation = look(self.watching, &self.service.service, rollout, began).await?;
        let deployments = &observation.service.deployments;
        let primary = deployments.iter().find(|deployment| deployment.status == "PRIMARY");
        let primary = primary.map(|deployment| deployment.id.clone());
        self.events.emit_all(rollout.observe(observation));
        Ok(primary)
    }

    /// The machine for the deployment that is PRIMARY now. At first the newest service events are news, too.
    async fn follow(&self, first: bool) -> Result<Rollout> {
        let (cluster, name) = (&self.config.cluster, &self.service.service);
        let live = self.aws.describe_service(cluster, name).await?.ok_or_else(|| {
            Error::new(
                ErrorKind::Preflight,
                format!("there is no service {name} in cluster {cluster} ({})", self.aws.region),
            )
            .hint("Check the service's name, the cluster, the Region and the account.")
        })?;
        self.is_native.set(live.is_native());
        let definition = self.aws.describe_task_definition(&live.task_definition).await?;
        let told = if first { EVENTS } else { 0 };
        let mut followed = followed(&live, told);
        if let Some((_, definition)) = &definition {
            followed.judge_by(definition);
        }
        Ok(Rollout::new(followed, Policy::new(WaitFor::Nothing, Duration::MAX)))
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
