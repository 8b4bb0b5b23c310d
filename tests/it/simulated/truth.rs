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
    let deployments = service["deployments"].as_array().cloned().unwrap_or_default();
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
    let definition = account.ecs("DescribeTaskDefinition", &input).expect("the revision");
    let checked = definition["taskDefinition"]["containerDefinitions"][0]["healthCheck"].is_object();
    let groups = service["loadBalancers"].as_array().cloned().unwrap_or_default();
    let well = live.len() as u64 == desired.as_u64().unwrap_or(0)
        && live
            .iter()
            .all(|task| is_well(task, checked) && groups.iter().all(|group| is_reached(wire, group, task)));
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
    Steady { healthy: well, steady: well && ours["rolloutState"] == "COMPLETED" && others == 0 && drained }
}

fn is_well(task: &Value, checked: bool) -> bool {
    let health = task["healthStatus"].as_str().unwrap_or("UNKNOWN");
    task["lastStatus"] == "RUNNING" && health == if checked { "HEALTHY" } else { "UNKNOWN" }
}

fn is_reached(wire: &Wire, group: &Value, task: &Value) -> bool {
    let arn = group["targetGroupArn"].as_str().unwrap_or_default();
    let form = format!(
        "Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn={}",
        percent_encoding::utf8_percent_encode(arn, percent_encoding::NON_ALPHANUMERIC)
    );
    let answer = wire.account().answer(None, form.as_bytes()).body;
    let address = task["attachments"][0]["details"]
        .as_array()
        .and_then(|details| details.iter().find(|detail| detail["name"] == "privateIPv4Address"))
        .and_then(|detail| detail["value"].as_str());
    let Some(address) = address else { return false };
    answer.split("<member>").any(|target| {
        target.contains(&format!("<Id>{address}</Id>")) && target.contains("<State>healthy</State>")
    })
}

/// Every task of the service.
pub fn tasks(wire: &Wire) -> Vec<Value> {
    let mut found = Vec::new();
    for status in ["RUNNING", "STOPPED"] {
        let input = json!({ "cluster": CLUSTER, "serviceName": SERVICE, "desiredStatus": status });
        let arns = wire.account().ecs("ListTasks", &input).expect("tasks")["taskArns"].clone();
        if arns.as_array().is_some_and(|arns| !arns.is_empty()) {
            let input = json!({ "cluster": CLUSTER, "tasks": arns });
            let answer = wire.account().ecs("DescribeTasks", &input).expect("tasks");
            found.extend(answer["tasks"].as_array().cloned().unwrap_or_default());
        }
    }
    found
}
