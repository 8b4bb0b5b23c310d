//! What the simulation of permissions says about some of the demands.

use crate::aws::account::{Demand, Known, Principal};
use crate::preflight::tally::Tally;
use crate::preflight::{Input, Outcome};

/// A problem for each demand among these that is not allowed.
pub(super) fn judge(input: &Input<'_>, is_meant: impl Fn(&Demand) -> bool) -> Outcome {
    let mut tally = Tally::default();
    let mut any = false;
    for decision in input.facts.decisions.iter().filter(|decision| is_meant(&decision.demand)) {
        any = true;
        if tally.know(&decision.allowed) == Some(&false) {
            let Demand { principal, action, resource, purpose } = &decision.demand;
            let who = who(principal, input);
            let place = if resource == "*" { String::new() } else { format!(" on {resource}") };
            match &decision.perhaps {
                Some(why) => tally.warning(
                    who,
                    format!("its own policies do not allow {action}{place}, and {purpose}; {why}"),
                ),
                None => tally.problem(who, format!("it may not {action}{place}, and {purpose}")),
            }
        } else if decision.allowed == Known::Absent {
            // That the role is not there is told by another check.
            tally.unsure("the role does not exist");
        }
    }
    if any { tally.outcome() } else { Outcome::NotApplicable }
}

fn who(principal: &Principal, input: &Input<'_>) -> String {
    let name = |arn: &str| arn.split_once('/').map_or(arn, |(_, name)| name).to_owned();
    match principal {
        Principal::Caller => format!("caller {}", name(&input.facts.caller)),
        Principal::ExecutionRole(arn) => format!("execution role {}", name(arn)),
        Principal::TaskRole(arn) => format!("task role {}", name(arn)),
    }
}

/// The demand is the execution role's and its action one of these services'.
pub(super) fn of_execution_role(demand: &Demand, services: &[&str]) -> bool {
    matches!(demand.principal, Principal::ExecutionRole(_))
        && demand.action.split(':').next().is_some_and(|service| services.contains(&service))
}

/// What holds for each check of this folder: what this principal may not do is named, what it may do passes, what
/// another one may do is not its business, and without the simulation nothing can be told.
#[cfg(test)]
pub(super) fn judges(check: &crate::preflight::Check, whose: &Principal, who: &str, action: &str) {
    use crate::preflight::testing::{
        EXECUTION, World, denied, does_not_apply, outcome, passes, problem, wants,
    };
    let decide = |world: &mut World, principal: Principal, allowed: Known<bool>, perhaps| {
        let demand =
            Demand { principal, action: action.into(), resource: "arn:x".into(), purpose: "needs it".into() };
        world.facts.decisions.push(crate::aws::account::Decision { demand, allowed, perhaps });
    };
    let other = match whose {
        Principal::Caller => Principal::ExecutionRole(EXECUTION.into()),
        _ => Principal::Caller,
    };
    let decided = |allowed: Known<bool>| {
        move |world: &mut World| {
            decide(world, whose.clone(), allowed.clone(), None);
            decide(world, other.clone(), Known::Is(false), None);
        }
    };
    let said = problem(check, decided.clone()(Known::Is(false)));
    assert_eq!(said, format!("{who}: it may not {action} on arn:x, and needs it"));
    passes(check, decided.clone()(Known::Is(true)));
    does_not_apply(check, |_| {});
    let perhaps = outcome(check, |world| {
        decide(world, whose.clone(), Known::Is(false), Some("its policy may".to_owned()));
    });
    let Outcome::Problems(perhaps) = perhaps else { panic!("{perhaps:?}") };
    let said = (perhaps[0].severity, perhaps[0].message.as_str());
    let expected = format!("its own policies do not allow {action} on arn:x, and needs it; its policy may");
    assert_eq!(said, (Some(crate::preflight::Severity::Warning), expected.as_str()));
    let permission = "iam:SimulatePrincipalPolicy";
    wants(check, permission, decided(denied(permission)));
}
