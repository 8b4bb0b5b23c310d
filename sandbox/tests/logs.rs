//! What containers write, as CloudWatch Logs gives it.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use landfall_sandbox::{Scenario, world::Service};
use serde_json::{Value, json};
use support::Account;

fn logs(account: &mut Account, operation: &str, input: &Value) -> Result<Value, String> {
    let answer = account.world.call(Service::Logs, operation, input, account.now);
    answer.map_err(|error| format!("{}: {}", error.code, error.message))
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

fn id(task: &Value) -> String {
    task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// A crash loop of which one task has ended, and the stream of its container.
fn crashed() -> (Account, String) {
    let mut account = Account::new(Scenario::CrashLoop, 3);
    account.world.set_last_words(vec!["one".to_owned(), "two".to_owned(), "three".to_owned()]);
    let (deployment, _) = account.deploy("v2");
    let ended = |task: &Value| task["startedBy"] == deployment && task["lastStatus"] == "STOPPED";
    for _ in 0..300 {
        if let Some(task) = account.tasks("STOPPED").iter().find(|task| ended(task)) {
            let stream = format!("api/api/{}", id(task));
            return (account, stream);
        }
        account.wait(1);
    }
    panic!("no task ended");
}

#[test]
fn the_newest_lines_come_first_and_tokens_lead_both_ways() {
    let (mut account, stream) = crashed();
    let mut get = |more: Value| {
        let mut input = json!({ "logGroupName": "/ecs/api", "logStreamName": stream });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        logs(&mut account, "GetLogEvents", &input).unwrap()
    };
    let all = get(json!({}));
    assert_eq!(messages(&all), ["reading the configuration", "one", "two", "three"]);
    let newest = get(json!({ "limit": 2 }));
    assert_eq!(messages(&newest), ["two", "three"]);
    let before = get(json!({ "limit": 2, "nextToken": newest["nextBackwardToken"] }));
    assert_eq!(messages(&before), ["reading the configuration", "one"]);
    // The same token again is the end (facts 7.2).
    let end = get(json!({ "limit": 2, "nextToken": before["nextBackwardToken"] }));
    assert_eq!(messages(&end), Vec::<&str>::new());
    assert_eq!(end["nextBackwardToken"], before["nextBackwardToken"]);

    let first = get(json!({ "limit": 3, "startFromHead": true }));
    assert_eq!(messages(&first), ["reading the configuration", "one", "two"]);
    let rest = get(json!({ "startFromHead": true, "nextToken": first["nextForwardToken"] }));
    assert_eq!(messages(&rest), ["three"]);
    let end = get(json!({ "startFromHead": true, "nextToken": rest["nextForwardToken"] }));
    assert_eq!(end["nextForwardToken"], rest["nextForwardToken"]);
    let late = all["events"][1]["timestamp"].as_i64().unwrap();
    assert_eq!(messages(&get(json!({ "startTime": late }))), ["one", "two", "three"]);
}

#[test]
fn streams_are_filtered_together_page_by_page() {
    let (mut account, stream) = crashed();
    let mut filter = |more: Value| {
        let mut input = json!({ "logGroupName": "/ecs/api" });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        logs(&mut account, "FilterLogEvents", &input)
    };
    let page = filter(json!({ "logStreamNames": [stream], "limit": 3 })).unwrap();
    assert_eq!(messages(&page), ["reading the configuration", "one", "two"]);
    assert_eq!(page["events"][0]["logStreamName"], stream);
    let page =
        filter(json!({ "logStreamNames": [stream], "limit": 3, "nextToken": page["nextToken"] })).unwrap();
    assert_eq!(messages(&page), ["three"]);
    assert!(page.get("nextToken").is_none());
    let everything = filter(json!({})).unwrap();
    assert!(messages(&everything).contains(&"listening on port 8080"), "{everything}");
    let error = filter(json!({ "logStreamNames": ["api/api/nothing"] })).unwrap_err();
    assert_eq!(error, "ResourceNotFoundException: The specified log stream does not exist.");
}

#[test]
fn what_is_missing_or_denied_is_refused_as_aws_refuses_it() {
    let (mut account, stream) = crashed();
    let of = |group: &str, stream: &str| json!({ "logGroupName": group, "logStreamName": stream });
    assert_eq!(
        logs(&mut account, "GetLogEvents", &of("/ecs/other", &stream)).unwrap_err(),
        "ResourceNotFoundException: The specified log group does not exist."
    );
    assert_eq!(
        logs(&mut account, "GetLogEvents", &of("/ecs/api", "api/api/0")).unwrap_err(),
        "ResourceNotFoundException: The specified log stream does not exist."
    );
    account.world.deny_action("logs:GetLogEvents");
    let denied = logs(&mut account, "GetLogEvents", &of("/ecs/api", &stream)).unwrap_err();
    assert!(denied.starts_with("AccessDeniedException: "), "{denied}");
    assert!(denied.contains("not authorized to perform: logs:GetLogEvents"), "{denied}");
}
