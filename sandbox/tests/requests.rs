//! Requests that are refused, paging, and documents that are kept as they came.

mod support;

use landfall_sandbox::{
    Scenario,
    world::{Service, World},
};
use serde_json::{Value, json};
use support::{Account, CLUSTER, SERVICE, empty_world, task_definition};

fn register(world: &mut World, definition: &Value) -> Result<Value, String> {
    let now = world.now();
    world
        .call(Service::Ecs, "RegisterTaskDefinition", definition, now)
        .map_err(|error| format!("{}: {}", error.code, error.message))
}

#[test]
fn fields_that_nobody_knows_survive() {
    let mut account = Account::new(Scenario::Healthy, 1);
    let mut definition = task_definition("v2", false);
    definition["inventedField"] = json!({ "deep": [1, 2.5, null] });
    definition["containerDefinitions"][0]["inventedToo"] = json!("kept");
    definition["cpu"] = json!("1 vCPU");
    definition["memory"] = json!("2 GB");
    definition["tags"] = json!([{ "key": "commit", "value": "abc" }]);
    account.ecs("RegisterTaskDefinition", &definition).unwrap();
    let answer = account
        .ecs("DescribeTaskDefinition", &json!({ "taskDefinition": "api", "include": ["TAGS"] }))
        .unwrap();
    let kept = &answer["taskDefinition"];
    assert_eq!(kept["inventedField"], definition["inventedField"]);
    let container = &kept["containerDefinitions"][0];
    assert_eq!(container["inventedToo"], "kept");
    assert_eq!((&kept["cpu"], &kept["memory"]), (&json!("1024"), &json!("2048")));
    assert_eq!(
        container["portMappings"],
        json!([{ "containerPort": 8080, "protocol": "tcp", "hostPort": 8080 }])
    );
    assert_eq!(
        (&container["essential"], &container["cpu"], &container["environment"]),
        (&json!(true), &json!(0), &json!([]))
    );
    assert_eq!((&kept["revision"], &kept["status"]), (&json!(2), &json!("ACTIVE")));
    assert!(kept["registeredAt"].is_f64());
    assert_eq!(kept.get("tags"), None);
    assert_eq!(answer["tags"], json!([{ "key": "commit", "value": "abc" }]));
}

#[test]
fn what_register_refuses() {
    let cases: [(&str, Value, &str); 14] = [
        ("/family", json!(""), "Family should not be null or empty."),
        ("/family", json!("a b"), "Family contains invalid characters."),
        ("/containerDefinitions", json!([]), "Container list cannot be empty."),
        ("/containerDefinitions/0/image", json!(""), "Container.image should not be null or empty."),
        (
            "/containerDefinitions/0/essential",
            json!(false),
            "At least one container must be marked as essential",
        ),
        ("/cpu", json!("many"), "Invalid 'cpu' setting for task."),
        ("/cpu", json!("300"), "No Fargate configuration exists for given values: 300 CPU, 512 memory."),
        ("/memory", json!("4096"), "No Fargate configuration exists for given values: 256 CPU, 4096 memory."),
        ("/networkMode", json!("bridge"), "Fargate only supports network mode ‘awsvpc’."),
        (
            "/executionRoleArn",
            json!(""),
            "Fargate requires task definition to have execution role ARN to support ECR images.",
        ),
        (
            "/containerDefinitions/0/environmentFiles/0/value",
            json!("s3://b/k.env"),
            "Invalid arn syntax in environment file",
        ),
        (
            "/containerDefinitions/0/environmentFiles/0/value",
            json!("arn:aws:s3:::b/k.txt"),
            "Environment file must have a .env extension",
        ),
        ("/containerDefinitions/0/environmentFiles/0/type", json!("http"), "Invalid environment file type."),
        (
            "/containerDefinitions/0/portMappings/0",
            json!({ "containerPort": 80, "hostPort": 81 }),
            "the host ports and container ports in port mappings must match",
        ),
    ];
    let mut world = empty_world(Scenario::Healthy, 1);
    for (place, value, text) in cases {
        let mut definition = task_definition("v1", false);
        definition["containerDefinitions"][0]["image"] =
            json!("000000000000.dkr.ecr.us-east-1.amazonaws.com/api:v1");
        definition["containerDefinitions"][0]["essential"] = json!(true);
        *definition.pointer_mut(place).unwrap() = value;
        let error = register(&mut world, &definition).unwrap_err();
        assert!(error.starts_with("ClientException: ") && error.contains(text), "{place}: {error}");
    }
    let mut definition = task_definition("v1", false);
    definition["executionRoleArn"] = json!("");
    definition["containerDefinitions"][0]["logConfiguration"] = json!({ "logDriver": "awslogs" });
    assert!(register(&mut world, &definition).unwrap_err().contains("to support log driver awslogs"));
    register(&mut world, &task_definition("v1", false)).unwrap();
}

#[test]
fn what_update_refuses() {
    let mut account = Account::new(Scenario::Healthy, 1);
    let mut update = |fields: Value| {
        let mut input = json!({ "cluster": CLUSTER, "service": SERVICE });
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let error = account.ecs("UpdateService", &input).unwrap_err();
        format!("{}: {}", error.code, error.message)
    };
    let balancer = |container: &str, port: u16, group: &str| json!({ "loadBalancers": [{ "targetGroupArn": group, "containerName": container, "containerPort": port }] });
    assert_eq!(update(json!({ "cluster": "other" })), "ClusterNotFoundException: Cluster not found.");
    assert_eq!(update(json!({ "service": "other" })), "ServiceNotFoundException: Service not found.");
    assert_eq!(
        update(json!({ "taskDefinition": "api:9" })),
        "ClientException: Unable to describe task definition."
    );
    assert_eq!(
        update(json!({ "taskDefinition": "api:x" })),
        "ClientException: Invalid revision number. Number: x"
    );
    assert!(update(balancer("api", 8080, "arn:none")).starts_with("InvalidParameterException: "));
    let group = account.group.clone();
    for (container, port, text) in [
        ("web", 8080, "The container web does not exist in the task definition."),
        ("api", 9090, "The container api did not have a container port 9090 defined."),
    ] {
        let mut input = balancer(container, port, &group);
        input["cluster"] = json!(CLUSTER);
        input["service"] = json!(SERVICE);
        assert_eq!(account.ecs("UpdateService", &input).unwrap_err().message, text);
    }
    // The new revision has to have the container that the load balancer needs.
    let mut definition = task_definition("v2", false);
    definition["containerDefinitions"][0]["name"] = json!("renamed");
    account.world.seed_task_definition(&definition).unwrap();
    let input = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "api:2" });
    let error = account.ecs("UpdateService", &input).unwrap_err();
    assert_eq!(error.message, "The container api does not exist in the task definition.");
}

#[test]
fn inactive_revisions_cannot_be_deployed_and_families_skip_them() {
    let mut account = Account::new(Scenario::Healthy, 1);
    account.world.seed_task_definition(&task_definition("v2", false)).unwrap();
    let answer = account.ecs("DeregisterTaskDefinition", &json!({ "taskDefinition": "api:2" })).unwrap();
    assert_eq!(answer["taskDefinition"]["status"], "INACTIVE");
    let input = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "api:2" });
    assert_eq!(account.ecs("UpdateService", &input).unwrap_err().message, "TaskDefinition is inactive");
    assert_eq!(account.describe_revision("api")["revision"], 1);
    let list = |account: &mut Account, status: &str| {
        let input = json!({ "familyPrefix": "api", "status": status });
        account.ecs("ListTaskDefinitions", &input).unwrap()["taskDefinitionArns"].as_array().unwrap().len()
    };
    assert_eq!((list(&mut account, "ACTIVE"), list(&mut account, "INACTIVE")), (1, 1));
    // A number is never used again.
    let arn = account.world.seed_task_definition(&task_definition("v3", false)).unwrap();
    assert!(arn.ends_with("api:3"));
}

#[test]
fn revisions_are_listed_in_numeric_order_and_in_pages() {
    let mut account = Account::new(Scenario::Healthy, 1);
    for version in 2..=12 {
        account.world.seed_task_definition(&task_definition(&format!("v{version}"), false)).unwrap();
    }
    let mut other = task_definition("v1", false);
    other["family"] = json!("api-worker");
    account.world.seed_task_definition(&other).unwrap();
    for revision in ["api:2", "api:11"] {
        account.ecs("DeregisterTaskDefinition", &json!({ "taskDefinition": revision })).unwrap();
    }

    let list = |account: &mut Account, fields: Value| {
        let mut input = json!({ "familyPrefix": "api", "maxResults": 4 });
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let mut seen = Vec::new();
        loop {
            let page = account.ecs("ListTaskDefinitions", &input).unwrap();
            let arns = page["taskDefinitionArns"].as_array().unwrap();
            assert!(arns.len() <= 4);
            seen.extend(arns.iter().map(|arn| arn.as_str().unwrap().rsplit(':').next().unwrap().to_owned()));
            match page.get("nextToken") {
                Some(next) => input["nextToken"] = next.clone(),
                None => return seen.join(" "),
            }
        }
    };
    // The prefix is a whole family's name, and without a status it is ACTIVE.
    assert_eq!(list(&mut account, json!({})), "1 3 4 5 6 7 8 9 10 12");
    assert_eq!(list(&mut account, json!({ "sort": "DESC" })), "12 10 9 8 7 6 5 4 3 1");
    assert_eq!(list(&mut account, json!({ "status": "INACTIVE", "sort": "DESC" })), "11 2");
    assert_eq!(list(&mut account, json!({ "status": "DELETE_IN_PROGRESS" })), "");
    for bad in [json!({ "status": "GONE" }), json!({ "sort": "UP" }), json!({ "maxResults": 0 })] {
        let error = account.ecs("ListTaskDefinitions", &bad).unwrap_err();
        assert_eq!(error.code, "InvalidParameterException", "{bad}");
    }
}

#[test]
fn an_inactive_revision_goes_on_as_before() {
    let mut account = Account::new(Scenario::Healthy, 1);
    account.world.seed_task_definition(&task_definition("v2", false)).unwrap();
    account.ecs("DeregisterTaskDefinition", &json!({ "taskDefinition": "api:1" })).unwrap();
    let revision = account.describe_revision("api:1");
    assert_eq!((&revision["status"], &revision["revision"]), (&json!("INACTIVE"), &json!(1)));
    assert!(revision["deregisteredAt"].is_number());
    assert_eq!(revision["containerDefinitions"][0]["image"], "docker.io/library/api:v1");
    // Services that run it keep it, and replace their tasks with it.
    let victim = account.tasks("RUNNING")[0]["taskArn"].clone();
    account.ecs("StopTask", &json!({ "cluster": CLUSTER, "task": victim })).unwrap();
    account.wait(200);
    let tasks = account.tasks("RUNNING");
    assert_eq!(tasks.len(), 2);
    assert!(tasks.iter().all(|task| task["taskDefinitionArn"].as_str().unwrap().ends_with("api:1")));
    // One revision has to be named.
    for (given, code) in [("api", "ClientException"), ("api:9", "ClientException")] {
        let error = account.ecs("DeregisterTaskDefinition", &json!({ "taskDefinition": given })).unwrap_err();
        assert_eq!(error.code, code, "{given}");
    }
}

#[test]
fn missing_things_are_failures_with_status_200() {
    let mut account = Account::new(Scenario::Healthy, 1);
    let answer = account
        .ecs("DescribeServices", &json!({ "cluster": CLUSTER, "services": ["none", SERVICE] }))
        .unwrap();
    assert_eq!(answer["services"].as_array().unwrap().len(), 1);
    assert_eq!(
        answer["failures"],
        json!([{ "arn": "arn:aws:ecs:us-east-1:000000000000:service/prod/none", "reason": "MISSING" }])
    );
    let answer = account.ecs("DescribeTasks", &json!({ "cluster": CLUSTER, "tasks": ["none"] })).unwrap();
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    let answer = account.ecs("DescribeClusters", &json!({ "clusters": ["none", CLUSTER] })).unwrap();
    assert_eq!(answer["clusters"][0]["status"], "ACTIVE");
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
}

#[test]
fn lists_come_in_pages() {
    let mut account = Account::new(Scenario::Healthy, 1);
    account.update(&json!({ "desiredCount": 7 }));
    account.wait(200);
    let mut seen = Vec::new();
    let mut token = Value::Null;
    loop {
        let input =
            json!({ "cluster": CLUSTER, "serviceName": SERVICE, "maxResults": 3, "nextToken": token });
        let page = account.ecs("ListTasks", &input).unwrap();
        let arns = page["taskArns"].as_array().unwrap().clone();
        assert!(arns.len() <= 3);
        seen.extend(arns.into_iter().map(|arn| arn.as_str().unwrap().to_owned()));
        match page.get("nextToken") {
            Some(next) => token = next.clone(),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7);
    for bad in [
        json!({ "maxResults": 101 }),
        json!({ "nextToken": "made up" }),
        json!({ "startedBy": "x", "serviceName": SERVICE }),
    ] {
        let mut input = json!({ "cluster": CLUSTER });
        input.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        assert_eq!(account.ecs("ListTasks", &input).unwrap_err().code, "InvalidParameterException", "{bad}");
    }
    let id = account.service()["deployments"][0]["id"].clone();
    let by_deployment = account.ecs("ListTasks", &json!({ "cluster": CLUSTER, "startedBy": id })).unwrap();
    assert_eq!(by_deployment["taskArns"].as_array().unwrap().len(), 7);
    let pending =
        account.ecs("ListTasks", &json!({ "cluster": CLUSTER, "desiredStatus": "PENDING" })).unwrap();
    assert_eq!(pending["taskArns"], json!([]));
}

#[test]
fn create_service_is_idempotent_and_keeps_unknown_fields() {
    let mut account = Account::new(Scenario::Healthy, 1);
    let input = json!({
        "cluster": CLUSTER, "serviceName": "worker", "taskDefinition": "api:1", "desiredCount": 1,
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-a"] } }, "inventedField": 1,
    });
    let first = account.ecs("CreateService", &input).unwrap();
    assert_eq!(account.ecs("CreateService", &input).unwrap(), first);
    assert_eq!(first["service"]["inventedField"], 1);
    let mut other = input.clone();
    other["desiredCount"] = json!(2);
    assert_eq!(
        account.ecs("CreateService", &other).unwrap_err().message,
        "Creation of service was not idempotent."
    );
    let listed = account.ecs("ListServices", &json!({ "cluster": CLUSTER })).unwrap();
    assert_eq!(listed["serviceArns"].as_array().unwrap().len(), 2);
}

#[test]
fn a_deleted_service_is_not_active_and_its_name_is_free() {
    let mut account = Account::new(Scenario::Healthy, 1);
    let input = json!({ "cluster": CLUSTER, "service": SERVICE });
    let error = account.ecs("DeleteService", &input).unwrap_err();
    assert_eq!(error.message, "The service cannot be stopped while it is scaled above 0.");
    let forced = json!({ "cluster": CLUSTER, "service": SERVICE, "force": true });
    assert_eq!(account.ecs("DeleteService", &forced).unwrap()["service"]["status"], "DRAINING");
    let error = account.ecs("UpdateService", &input).unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("ServiceNotActiveException", "Service was not ACTIVE.")
    );
    account.wait(60);
    assert_eq!(account.service()["status"], "INACTIVE");
    assert_eq!(account.service()["runningCount"], 0);
    let again = json!({
        "cluster": CLUSTER, "serviceName": SERVICE, "taskDefinition": "api:1", "desiredCount": 1,
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-a"] } },
    });
    assert_eq!(account.ecs("CreateService", &again).unwrap()["service"]["status"], "ACTIVE");
}

#[test]
fn a_stopped_task_is_replaced() {
    let mut account = Account::new(Scenario::Healthy, 1);
    let victim = account.tasks("RUNNING")[0]["taskArn"].clone();
    let answer =
        account.ecs("StopTask", &json!({ "cluster": CLUSTER, "task": victim, "reason": "a test" })).unwrap();
    assert_eq!(answer["task"]["desiredStatus"], "STOPPED");
    assert_eq!(answer["task"]["lastStatus"], "RUNNING");
    account.wait(5);
    assert_eq!(account.tasks("RUNNING").len(), 2);
    account.wait(120);
    assert_eq!(account.service()["runningCount"], 2);
    let gone = &account.tasks("STOPPED")[0];
    assert_eq!((&gone["stopCode"], &gone["stoppedReason"]), (&json!("UserInitiated"), &json!("a test")));
}

#[test]
fn load_balancing_requests_that_are_refused() {
    let mut account = Account::new(Scenario::Healthy, 1);
    let group = account.group.clone();
    let mut call = |operation: &str, input: Value| {
        account.world.call(Service::ElasticLoadBalancing, operation, &input, account.now)
    };
    assert_eq!(
        call("DescribeTargetHealth", json!({ "TargetGroupArn": "none" })).unwrap_err().code,
        "TargetGroupNotFound"
    );
    assert_eq!(
        call("DescribeTargetGroups", json!({ "Names": ["none"] })).unwrap_err().code,
        "TargetGroupNotFound"
    );
    let groups = call("DescribeTargetGroups", json!({ "TargetGroupArns": [group] })).unwrap();
    assert_eq!(groups["TargetGroups"][0]["TargetType"], "ip");
    let balancer = groups["TargetGroups"][0]["LoadBalancerArns"][0].clone();
    let balancers = call("DescribeLoadBalancers", json!({ "LoadBalancerArns": [balancer] })).unwrap();
    assert_eq!(balancers["LoadBalancers"][0]["State"]["Code"], "active");
    let unknown = call(
        "DescribeTargetHealth",
        json!({ "TargetGroupArn": group, "Targets": [{ "Id": "10.9.9.9", "Port": "1" }] }),
    )
    .unwrap();
    assert_eq!(unknown["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"], "Target.NotRegistered");
}
