//! What principals may do, as IAM simulates it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::Value;

use super::resource_policies::{is_in_account_of, may_have_policy, weigh, with_policy};
use super::{Decision, Demand, Known, Principal};
use crate::aws::Aws;
use crate::aws::signed::{Element, Failure, IAM, known};

const SIMULATE: &str = "iam:SimulatePrincipalPolicy";
/// How many actions are simulated in one call: IAM names no limit, and its answers say much of each.
const ACTIONS_PER_CALL: usize = 25;

/// What the policies of a principal say of a demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ruling {
    Allowed,
    /// By a statement, by an organization or by a permissions boundary: nothing else can allow it.
    Denied,
    /// They neither allow nor deny it (`implicitDeny`).
    Silent,
}

/// Rulings by action.
type Decisions = BTreeMap<String, Known<Ruling>>;

impl Aws {
    /// Whether these demands are met, in the same order: one call for each principal and resource. Simulation does not
    /// know every condition: where a denial depends on one that cannot be told, the decision is [`Known::Unknown`]. Nor
    /// does it take the policy of a resource for a role (only for a user), so that this policy is read and looked at
    /// here, once for each resource about which a principal's own policies say nothing.
    pub async fn simulate(&self, demands: Vec<Demand>) -> Vec<Decision> {
        let mut groups: BTreeMap<(Principal, String), Vec<String>> = BTreeMap::new();
        for demand in &demands {
            let actions = groups.entry((demand.principal.clone(), demand.resource.clone())).or_default();
            if !actions.contains(&demand.action) {
                actions.push(demand.action.clone());
            }
        }
        let cluster = demands.iter().find_map(|demand| cluster_of(&demand.resource));
        let cluster = cluster.as_deref();
        let caller = match demands.iter().any(|demand| demand.principal == Principal::Caller) {
            true => self.caller_as_principal().await,
            false => Known::NotAsked,
        };
        let asked = groups.iter().flat_map(|((principal, resource), actions)| {
            let source = match principal {
                Principal::Caller => caller.clone(),
                Principal::ExecutionRole(arn) | Principal::TaskRole(arn) => Known::Is(arn.clone()),
            };
            actions.chunks(ACTIONS_PER_CALL).map(move |actions| {
                let source = source.clone();
                async move {
                    let decided = match source {
                        Known::Is(source) => known(self.decisions(&source, actions, resource, cluster).await),
                        other => other.without_fact(),
                    };
                    let of_action = |action: &String| {
                        let decided = decided.clone().and_then(|mut all: Decisions| {
                            let missing =
                                || Known::Unknown { why: format!("{SIMULATE}: no decision on {action}") };
                            all.remove(action).unwrap_or_else(missing)
                        });
                        ((principal.clone(), resource.clone(), action.clone()), decided)
                    };
                    actions.iter().map(of_action).collect::<Vec<_>>()
                }
            })
        });
        let decided: BTreeMap<_, _> = join_all(asked).await.into_iter().flatten().collect();
        let silent: BTreeSet<&str> = decided
            .iter()
            .filter(|((_, resource, _), ruling)| {
                **ruling == Known::Is(Ruling::Silent) && may_have_policy(resource)
            })
            .map(|((_, resource, _), _)| with_policy(resource))
            .collect();
        let policies = silent.into_iter().map(|arn| async move { (arn, self.resource_policy(arn).await) });
        let policies: BTreeMap<&str, Known<Value>> = join_all(policies).await.into_iter().collect();
        // A statement may name the session as well as the role.
        let session = match caller.get() {
            Some(_) => self.caller().await.get().map(|caller| caller.arn.clone()),
            None => None,
        };
        let decision = |demand: Demand| {
            let key = (demand.principal.clone(), demand.resource.clone(), demand.action.clone());
            let ruling = decided.get(&key).cloned().unwrap_or_default();
            let names: Vec<&str> = match &demand.principal {
                Principal::Caller => caller.get().into_iter().chain(&session).map(String::as_str).collect(),
                Principal::ExecutionRole(arn) | Principal::TaskRole(arn) => vec![arn],
            };
            let policy = policies.get(with_policy(&demand.resource));
            let policy = policy.filter(|_| names.iter().all(|name| is_in_account_of(&demand.resource, name)));
            let (allowed, perhaps) = match (ruling, policy) {
                (Known::Is(Ruling::Silent), Some(policy)) => {
                    let (allowed, perhaps) = weigh(policy, &names, &demand);
                    (Known::Is(allowed), perhaps)
                }
                (Known::Is(ruling), _) => (Known::Is(ruling == Ruling::Allowed), None),
                (unknown, _) => (unknown.without_fact(), None),
            };
            Decision { demand, allowed, perhaps }
        };
        demands.into_iter().map(decision).collect()
    }

    /// The ARN that IAM knows the caller by. A session of a role has an ARN of STS, from which the role's path is
    /// missing.
    async fn caller_as_principal(&self) -> Known<String> {
        let caller = match self.caller().await {
            Known::Is(caller) => caller.arn,
            other => return other.without_fact(),
        };
        let unknown = |who: &str| Known::Unknown { why: format!("{SIMULATE} knows no policies of {who}") };
        match Identity::of(&caller) {
            Identity::User => Known::Is(caller),
            Identity::Role(name) => match self.get_role(name).await {
                Ok(role) => Known::Is(role.arn),
                // Most roles have no path.
                Err(failure) if matches!(failure.known::<()>(), Known::Denied { .. }) => {
                    Known::Is(without_path(&caller, name))
                }
                Err(failure) => failure.known(),
            },
            Identity::Root => unknown("the root user"),
            Identity::Other => unknown(&caller),
        }
    }

    async fn decisions(
        &self,
        source: &str,
        actions: &[String],
        resource: &str,
        cluster: Option<&str>,
    ) -> Result<Decisions, Failure> {
        let parameters = parameters(source, actions, resource, &self.region, cluster);
        let mut decisions = Decisions::new();
        let mut marker: Option<String> = None;
        loop {
            let mut page = parameters.clone();
            page.extend(marker.take().map(|marker| ("Marker".to_owned(), marker)));
            let answer = self.signed.query(IAM, "SimulatePrincipalPolicy", &page).await?;
            let result = answer.child("SimulatePrincipalPolicyResult");
            let result = result.ok_or_else(|| Failure::strange(SIMULATE, "no result"))?;
            for found in result.items("EvaluationResults") {
                decisions.insert(found.string("EvalActionName"), decision(found));
            }
            match result.text("Marker") {
                Some(next) if result.flag("IsTruncated") => marker = Some(next.to_owned()),
                _ => return Ok(decisions),
            }
        }
    }
}

/// What an ARN of STS stands for.
enum Identity<'a> {
    User,
    Role(&'a str),
    Root,
    Other,
}

impl<'a> Identity<'a> {
    fn of(arn: &'a str) -> Self {
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        match resource.split('/').collect::<Vec<_>>().as_slice() {
            ["root"] => Self::Root,
            ["user", ..] => Self::User,
            ["assumed-role", name, _session] => Self::Role(name),
            _ => Self::Other,
        }
    }
}

/// `arn:aws:sts::1:assumed-role/ci/s` -> `arn:aws:iam::1:role/ci`
fn without_path(session: &str, name: &str) -> String {
    let mut parts = session.split(':');
    let partition = parts.nth(1).unwrap_or("aws");
    let account = parts.nth(2).unwrap_or_default();
    format!("arn:{partition}:iam::{account}:role/{name}")
}

/// `arn:aws:ecs:eu-west-1:1:service/shop/web` -> `arn:aws:ecs:eu-west-1:1:cluster/shop`
fn cluster_of(service: &str) -> Option<String> {
    let (account, path) = service.split_once(":service/")?;
    let (cluster, _) = path.split_once('/')?;
    Some(format!("{account}:cluster/{cluster}"))
}

fn parameters(
    source: &str,
    actions: &[String],
    resource: &str,
    region: &str,
    cluster: Option<&str>,
) -> Vec<(String, String)> {
    let mut all = vec![
        ("PolicySourceArn".to_owned(), source.to_owned()),
        ("ResourceArns.member.1".to_owned(), resource.to_owned()),
    ];
    let numbered =
        |(index, action): (usize, &String)| (format!("ActionNames.member.{}", index + 1), action.clone());
    all.extend(actions.iter().enumerate().map(numbered));
    let mut context = vec![("aws:RequestedRegion", region)];
    if actions.iter().any(|action| action == "iam:PassRole") {
        // Policies commonly allow a role to be passed to ECS alone.
        context.push(("iam:PassedToService", "ecs-tasks.amazonaws.com"));
    }
    if let Some(cluster) = cluster.filter(|_| actions.iter().any(|action| action.starts_with("ecs:"))) {
        // And tasks of one cluster to be looked at.
        context.push(("ecs:cluster", cluster));
    }
    for (index, (key, value)) in context.into_iter().enumerate() {
        let entry = format!("ContextEntries.member.{}", index + 1);
        all.push((format!("{entry}.ContextKeyName"), key.to_owned()));
        all.push((format!("{entry}.ContextKeyType"), "string".to_owned()));
        all.push((format!("{entry}.ContextKeyValues.member.1"), value.to_owned()));
    }
    all
}

/// With one resource in the request, the decision on the action is the one on the resource.
fn decision(found: &Element) -> Known<Ruling> {
    let refused_by = |level: &str, field: &str| {
        found.child(level).is_some_and(|detail| detail.text(field) == Some("false"))
    };
    let refused = refused_by("OrganizationsDecisionDetail", "AllowedByOrganizations")
        || refused_by("PermissionsBoundaryDecisionDetail", "AllowedByPermissionsBoundary");
    match found.text("EvalDecision") {
        _ if refused => Known::Is(Ruling::Denied),
        Some("allowed") => Known::Is(Ruling::Allowed),
        Some(denial) => match found.texts("MissingContextValues").as_slice() {
            [] if denial == "explicitDeny" => Known::Is(Ruling::Denied),
            [] => Known::Is(Ruling::Silent),
            keys => Known::Unknown {
                why: format!("it depends on {}, which a simulation does not know", keys.join(", ")),
            },
        },
        None => Known::Unknown { why: format!("{SIMULATE}: no decision") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_about_tasks_are_simulated_for_the_cluster_of_the_service() {
        let cluster = cluster_of("arn:aws:ecs:eu-west-1:1:service/shop/web").unwrap();
        assert_eq!(cluster, "arn:aws:ecs:eu-west-1:1:cluster/shop");
        assert_eq!(cluster_of("arn:aws:ecs:eu-west-1:1:service/web"), None);
        let keys = |action: &str| {
            let all = parameters("p", &[action.to_owned()], "*", "eu-west-1", Some(&cluster));
            all.into_iter().any(|(_, value)| value == "ecs:cluster")
        };
        assert!(keys("ecs:ListTasks") && !keys("s3:PutObject"));
    }

    #[test]
    fn a_session_is_its_role() {
        let arn = "arn:aws-cn:sts::123456789012:assumed-role/ci/session";
        let Identity::Role(name) = Identity::of(arn) else { panic!("it is a role") };
        assert_eq!(without_path(arn, name), "arn:aws-cn:iam::123456789012:role/ci");
        assert!(matches!(Identity::of("arn:aws:iam::123456789012:root"), Identity::Root));
        assert!(matches!(Identity::of("arn:aws:iam::123456789012:user/a/b"), Identity::User));
        assert!(matches!(Identity::of("arn:aws:sts::123456789012:federated-user/bob"), Identity::Other));
    }

    #[test]
    fn a_denial_that_depends_on_an_unknown_condition_is_not_known() {
        let result = |more: &str| {
            let document = format!("<member><EvalDecision>implicitDeny</EvalDecision>{more}</member>");
            decision(&Element::parse(&document).unwrap())
        };
        assert_eq!(result(""), Known::Is(Ruling::Silent));
        let missing = result("<MissingContextValues><member>aws:SourceVpce</member></MissingContextValues>");
        assert!(matches!(missing, Known::Unknown { why } if why.contains("aws:SourceVpce")));
    }
}
