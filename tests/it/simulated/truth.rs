//! What is really so, asked of the account itself: neither faults nor Landfall's own code come between.

use serde_json::{Value, json};

use super::run::{CLUSTER, SERVICE};
use super::wire::Wire;

/// How the conditions of success (design 3) stand for one deployment at this instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steady {
    /// 1 to 4.
    pub healthy: bool,
    /// 5 as well.
    pub steady: bool,
}

/// Judges a deployment by everything that the account knows.
pub fn steady(wire: &Wire, deployment: &str) -> Steady {
    let account = wire.account();
    let no = Steady { healthy: false, steady: false };
    let Ok(service) = account.service(CLUSTER, SERVICE) else { return no };
    judge(wire, &service, deployment)
}

/// The same of a service that was described at this instant.
pub fn judge(wire: &Wire, service: &Value, deployment: &str) -> Steady {
    let no = Steady { healthy: false, steady: false };
    let deployments = entries(&service["deployments"]);
    let Some(ours) = deployments.iter().find(|found| found["id"] == deployment) else { return no };
    let desired = &service["desiredCount"];
    let counted = ours["status"] == "PRIMARY"
        && ours["taskDefinition"] == service["taskDefinition"]
        && ours["runningCount"] == *desired
        && ours["pendingCount"] == 0
        && ours["rolloutState"] != "FAILED";
    if !counted {
        return no;
    }
    let tasks = tasks(wire);
    let live: Vec<&Value> = tasks
        .iter()
        .filter(|task| task["startedBy"] == deployment && task["desiredStatus"] != "STOPPED")
        .collect();
    let input = json!({ "taskDefinition": ours["taskDefinition"] });
    let definition = wire.account().ecs("DescribeTaskDefinition", &input).expect("the revision");
    let checked = definition["taskDefinition"]["containerDefinitions"][0]["healthCheck"].is_object();
    let well = live.len() as u64 == desired.as_u64().unwrap_or(0)
        && live.iter().all(|task| is_well(task, checked))
        && entries(&service["loadBalancers"]).iter().all(|group| {
            let healthy = healthy_targets(wire, group);
            live.iter().all(|task| address(task).is_some_and(|ip| healthy.iter().any(|it| it == ip)))
        });
    if !well {
        return no;
    }
    let others: i64 = deployments
        .iter()
        .filter(|other| other["id"] != deployment)
        .map(|other| {
            other["runningCount"].as_i64().unwrap_or(0) + other["pendingCount"].as_i64().unwrap_or(0)
        })
        .sum();
    let drained = tasks.iter().all(|task| {
        task["startedBy"] == deployment
            || matches!(task["lastStatus"].as_str(), Some("STOPPED" | "DEPROVISIONING"))
    });
    Steady { healthy: true, steady: ours["rolloutState"] == "COMPLETED" && others == 0 && drained }
}

fn is_well(task: &Value, checked: bool) -> bool {
    let health = task["healthStatus"].as_str().unwrap_or("UNKNOWN");
    task["lastStatus"] == "RUNNING" && health == if checked { "HEALTHY" } else { "UNKNOWN" }
}

fn entries(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// The addresses that are healthy in the target group of an entry of `loadBalancers`.
fn healthy_targets(wire: &Wire, group: &Value) -> Vec<String> {
    let arn = group["targetGroupArn"].as_str().unwrap_or_default();
    let form = format!(
        "Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn={}",
        percent_encoding::utf8_percent_encode(arn, percent_encoding::NON_ALPHANUMERIC)
    );
    let answer = wire.account().answer(None, form.as_bytes()).body;
    let healthy = answer.split("<member>").filter(|target| target.contains("<State>healthy</State>"));
    let ids = healthy.filter_map(|target| target.split_once("<Id>")?.1.split_once("</Id>"));
    ids.map(|(id, _)| id.to_owned()).collect()
}

fn address(task: &Value) -> Option<&str> {
    let details = entries(&task["attachments"][0]["details"]);
    details.iter().find(|detail| detail["name"] == "privateIPv4Address")?["value"].as_str()
}

/// Every task of the service, as far as ListTasks has them.
pub fn tasks(wire: &Wire) -> Vec<Value> {
    let ecs = |operation, input: Value| wire.account().ecs(operation, &input).expect(operation);
    let mut arns = Vec::new();
    for status in ["RUNNING", "STOPPED"] {
        let input = json!({ "cluster": CLUSTER, "serviceName": SERVICE, "desiredStatus": status });
        arns.extend(entries(&ecs("ListTasks", input)["taskArns"]).iter().cloned());
    }
    let pages =
        arns.chunks(100).map(|page| ecs("DescribeTasks", json!({ "cluster": CLUSTER, "tasks": page })));
    pages
        .flat_map(|mut answer| answer["tasks"].as_array_mut().map(std::mem::take).unwrap_or_default())
        .collect()
}
