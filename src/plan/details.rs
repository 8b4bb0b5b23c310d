//! What a plan says in detail: pure.

use serde_json::{Map, Value, json};

use super::arithmetic::{Rolling, forecast};
use super::cost::{Capacity, estimate};
use super::decide::{Action, Plan, Revision};
use super::snapshot::Snapshot;
use crate::aws::LiveService;
use crate::event::{Difference, ImageChange, PlanDetails, RolloutForecast};
use crate::task_definition::TaskDefinition;

/// The details of a plan. `different` is what differs in the task definition, `after` the service as it will be.
pub(super) fn details(
    snapshot: &Snapshot,
    plan: &Plan,
    different: Vec<Difference>,
    after: &LiveService,
) -> PlanDetails {
    PlanDetails {
        images: images(snapshot),
        task_definition: different,
        attributes: plan.attributes.changes.clone(),
        rollout: rollout(snapshot, plan, after),
        cost: (plan.action != Action::Nothing).then(|| {
            estimate(
                &snapshot.prices,
                &snapshot.region,
                after.service.desired_count,
                (&snapshot.live_definition, capacity(&snapshot.live.document, &snapshot.live_definition)),
                (&plan.definition, capacity(&after.document, &plan.definition)),
            )
        }),
        calls: calls(snapshot, plan),
        // Where the plan's inputs come from is known to whoever read them.
        definition_file: None,
    }
}

fn images(snapshot: &Snapshot) -> Vec<ImageChange> {
    let images = snapshot.images.iter().map(|image| ImageChange {
        container: image.container.clone(),
        before: snapshot.live_definition.image(&image.container).map(str::to_owned),
        after: image.target.with_digest(&image.digest),
        tag: image.target.tag.clone(),
        push: image.ours && !image.present,
    });
    images.collect()
}

fn rollout(snapshot: &Snapshot, plan: &Plan, after: &LiveService) -> Option<RolloutForecast> {
    if matches!(plan.action, Action::Nothing | Action::Adjust) {
        return None;
    }
    let mut configuration = match after.document.get("deploymentConfiguration") {
        Some(Value::Object(configuration)) => configuration.clone(),
        _ => Map::new(),
    };
    configuration.insert("strategy".to_owned(), json!(after.strategy));
    configuration.insert("minimumHealthyPercent".to_owned(), json!(after.minimum_healthy_percent));
    configuration.insert("maximumPercent".to_owned(), json!(after.rules.maximum_percent));
    forecast(&Rolling {
        desired: after.service.desired_count,
        configuration: &configuration,
        definition: &plan.definition,
        old_definition: &snapshot.live_definition,
        target_groups: &snapshot.target_groups,
        balanced: !after.target_groups.is_empty(),
    })
}

/// Where the tasks of a service run. One that says neither is on instances; so is one of which nothing is known and
/// whose tasks are not made for Fargate.
fn capacity(service: &Map<String, Value>, definition: &TaskDefinition) -> Capacity {
    let providers = service.get("capacityProviderStrategy").and_then(Value::as_array).map(Vec::as_slice);
    let named = |name: &str| {
        providers
            .unwrap_or_default()
            .iter()
            .any(|provider| provider.get("capacityProvider") == Some(&json!(name)))
    };
    if providers.is_some_and(|providers| !providers.is_empty()) {
        let spot = named("FARGATE_SPOT");
        return Capacity { fargate: spot || named("FARGATE"), spot };
    }
    let fargate = match service.get("launchType").and_then(Value::as_str) {
        Some(launch_type) => launch_type == "FARGATE",
        None => definition.wants_fargate(),
    };
    Capacity { fargate, spot: false }
}

/// The calls by which a deploy changes something, in order.
fn calls(snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    let uploaded = snapshot.env_files.iter().filter(|file| !file.present).map(|_| "s3:PutObject");
    let registered = (plan.revision == Revision::Register).then_some("ecs:RegisterTaskDefinition");
    let updated = match plan.action {
        Action::Nothing | Action::Follow(_) => None,
        Action::Update | Action::Redeploy | Action::Adjust => Some("ecs:UpdateService"),
    };
    let others = uploaded.chain(registered).chain(updated).map(str::to_owned);
    snapshot.image_calls.iter().cloned().chain(others).collect()
}
