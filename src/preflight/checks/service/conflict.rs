//! A deployment that is already running (facts 3.4).

use crate::aws::LiveService;
use crate::config::OnConflict;
use crate::plan::Action;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// No other deployment is under way.
pub const CHECK: Check = Check {
    code: "deployment-running",
    title: "No other deployment of the service is under way",
    severity: Severity::Warning,
    cause: "A new deployment takes the place of one that is under way: whoever started that one sees it superseded.",
    fix: &[
        "Choose with --on-conflict (or on_conflict in landfall.yml): replace goes on, wait waits for its end, fail \
         refuses.",
    ],
    prevents: &[],
    source: "service-deployment",
    run,
};

/// The id of a deployment that is under way and that the plan would replace.
pub fn conflict<'a>(live: &'a LiveService, action: &Action) -> Option<&'a str> {
    if !matches!(action, Action::Update | Action::Redeploy) {
        return None;
    }
    let primary = live.service.deployments.iter().find(|deployment| deployment.status == "PRIMARY")?;
    primary.is_in("IN_PROGRESS").then_some(primary.id.as_str())
}

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    if let Some(id) = conflict(input.live, &input.plan.action) {
        let subject = format!("service {}", input.live.name);
        match input.config.on_conflict {
            OnConflict::Fail => {
                tally
                    .refusal(subject, format!("its deployment {id} is under way, and --on-conflict is fail"));
            }
            OnConflict::Wait => {
                tally.problem(subject, format!("its deployment {id} is under way and is waited for"))
            }
            OnConflict::Replace => {
                tally.problem(subject, format!("its deployment {id} is under way and would be superseded"));
            }
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::testing::{World, outcome, passes, problem};

    fn running(world: &mut World) {
        world.live = LiveService::testing(&[("web:7", Some("IN_PROGRESS")), ("web:6", Some("COMPLETED"))]);
    }

    #[test]
    fn one_that_is_under_way_is_told_of_or_refused() {
        let said = problem(&CHECK, running);
        assert_eq!(said, "service web: its deployment ecs-svc/1 is under way and would be superseded");
        let Outcome::Problems(refused) = outcome(&CHECK, |world| {
            running(world);
            world.config.on_conflict = OnConflict::Fail;
        }) else {
            panic!()
        };
        assert_eq!(refused[0].severity, Some(Severity::Error));
    }

    #[test]
    fn a_steady_service_and_a_deployment_of_ours_pass() {
        passes(&CHECK, |_| {});
        passes(&CHECK, |world| {
            running(world);
            world.action = Action::Follow("ecs-svc/1".into());
        });
    }
}
