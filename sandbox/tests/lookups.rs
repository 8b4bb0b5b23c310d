//! What is looked up before a deployment, in the forms that each service's protocol gives it.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

mod http;

use http::{definition, json_call, query, start};
use landfall_sandbox::{Sandbox, Scenario};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

async fn sandbox() -> Sandbox {
    start(Scenario::Healthy, 1.0).await
}

/// A request to EFS, or to the bucket that has the name of its version.
async fn rest(sandbox: &Sandbox, service: &str, path: &str) -> (StatusCode, String) {
    let scope = format!("Credential=AKIASANDBOXSANDBOX00/20260101/us-east-1/{service}/aws4_request");
    let authorization = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00");
    let request = Client::new().get(format!("{}{path}", sandbox.endpoint()));
    let response = request.header("authorization", authorization).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn ec2_has_a_flavour_of_its_own() {
    let sandbox = sandbox().await;
    let filter = "Filter.1.Name=subnet-id&Filter.1.Value.1=subnet-0a&Filter.1.Value.2=subnet-none";
    let (status, body) =
        query(&sandbox, &format!("Action=DescribeSubnets&Version=2016-11-15&{filter}")).await;
    assert_eq!(status, 200);
    assert!(body.starts_with(
        "<DescribeSubnetsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>"
    ));
    assert_eq!(body.matches("<item><subnetId>").count(), 1, "{body}");
    assert!(!body.contains("Result>") && !body.contains("member"), "{body}");

    let (status, body) =
        query(&sandbox, "Action=DescribeSubnets&Version=2016-11-15&SubnetId.1=subnet-none").await;
    assert_eq!(status, 400);
    assert!(body.starts_with("<Response><Errors><Error><Code>InvalidSubnetID.NotFound</Code>"), "{body}");

    sandbox.deny_action("ec2:DescribeSubnets");
    let (status, body) = query(&sandbox, "Action=DescribeSubnets&Version=2016-11-15").await;
    assert_eq!(status, 403);
    assert!(body.contains("<Code>UnauthorizedOperation</Code>"), "{body}");
    assert!(body.contains("is not authorized to perform: ec2:DescribeSubnets"), "{body}");

    let odd = "Action=DescribeRouteTables&Version=2016-11-15&Filter.1.Name=tag:x&Filter.1.Value.1=y";
    let (_, body) = query(&sandbox, odd).await;
    assert!(body.contains("does not implement ec2:the filter tag:x"), "{body}");
}

#[tokio::test]
async fn ec2_gives_pages_where_they_are_wanted() {
    let sandbox = sandbox().await;
    let first = "Action=DescribeSubnets&Version=2016-11-15&MaxResults=1";
    let (_, body) = query(&sandbox, first).await;
    assert!(body.contains("<nextToken>1</nextToken>") && body.contains("subnet-0a"), "{body}");
    let (_, body) = query(&sandbox, &format!("{first}&NextToken=1")).await;
    assert!(!body.contains("nextToken") && body.contains("subnet-0b"), "{body}");
}

#[tokio::test]
async fn iam_gives_trust_in_url_encoding() {
    let sandbox = sandbox().await;
    sandbox.put_role("arn:aws:iam::000000000000:role/a/b/ci", json!({ "Sid": "a+b" }));
    let (status, body) = query(&sandbox, "Action=GetRole&Version=2010-05-08&RoleName=ci").await;
    assert_eq!(status, 200);
    assert!(body.contains("<GetRoleResult><Role><Path>/a/b/</Path><RoleName>ci</RoleName>"), "{body}");
    assert!(
        body.contains("<AssumeRolePolicyDocument>%7B%22Sid%22%3A%22a%2Bb%22%7D</AssumeRolePolicyDocument>")
    );
    let (status, body) = query(&sandbox, "Action=GetRole&Version=2010-05-08&RoleName=none").await;
    assert_eq!(status, 404);
    assert!(body.contains("<Code>NoSuchEntity</Code>"), "{body}");
}

#[tokio::test]
async fn a_simulation_has_one_result_an_action_and_the_worst_of_its_resources() {
    let sandbox = sandbox().await;
    let role = "arn:aws:iam::000000000000:role/ci";
    sandbox.put_role(role, json!({}));
    sandbox.deny(role, "s3:GetObject", "arn:aws:s3:::b/*");
    let simulate = |more: &str| {
        let resources = "ResourceArns.member.1=arn:aws:s3:::a/x&ResourceArns.member.2=arn:aws:s3:::b/x";
        format!(
            "Action=SimulatePrincipalPolicy&Version=2010-05-08&PolicySourceArn={role}&ActionNames.member.1=s3:GetObject&ActionNames.member.2=s3:PutObject&{resources}{more}"
        )
    };
    let (_, body) = query(&sandbox, &simulate("")).await;
    assert_eq!(body.matches("<EvalActionName>").count(), 2, "{body}");
    assert_eq!(body.matches("<EvalDecision>explicitDeny</EvalDecision>").count(), 1, "{body}");
    assert_eq!(body.matches("<EvalResourceDecision>allowed</EvalResourceDecision>").count(), 3, "{body}");
    let (_, body) = query(&sandbox, &simulate("&MaxItems=1")).await;
    assert!(body.contains("<IsTruncated>true</IsTruncated><Marker>1</Marker>"), "{body}");
    let (_, body) = query(&sandbox, &simulate("&MaxItems=1&Marker=1")).await;
    assert!(body.contains("s3:PutObject") && body.contains("<IsTruncated>false</IsTruncated>"), "{body}");
    assert!(!sandbox.calls().iter().any(|call| call.write));

    let nobody = simulate("").replace("role/ci", "role/none");
    assert_eq!(query(&sandbox, &nobody).await.0, 404);
}

#[tokio::test]
async fn efs_is_told_from_a_bucket_by_the_signature() {
    let sandbox = sandbox().await;
    sandbox.put_file_system("fs-1", "available");
    let path = "/2015-02-01/file-systems?FileSystemId=fs-1";
    let (status, body) = rest(&sandbox, "elasticfilesystem", path).await;
    assert_eq!(status, 200);
    assert_eq!(json(&body)["FileSystems"][0]["LifeCycleState"], "available");
    let (status, body) = rest(&sandbox, "s3", path).await;
    assert_eq!(status, 404, "{body}");
    assert!(body.contains("<Error>"), "{body}");
    let none = "/2015-02-01/file-systems?FileSystemId=fs-none";
    let (status, body) = rest(&sandbox, "elasticfilesystem", none).await;
    assert_eq!(status, 404);
    assert_eq!(json(&body)["ErrorCode"], "FileSystemNotFound");
    let calls = sandbox.calls();
    assert_eq!(
        (calls[0].service.as_str(), calls[0].operation.as_str()),
        ("elasticfilesystem", "DescribeFileSystems")
    );
}

#[tokio::test]
async fn what_a_seeded_task_definition_names_comes_with_it() {
    let sandbox = sandbox().await;
    sandbox.create_cluster("prod");
    sandbox.create_repository("api");
    sandbox.seed_image("api", "v1").unwrap();
    let mut input = definition(&sandbox, "v1", "a");
    let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-Ab12Cd";
    let container = &mut input["containerDefinitions"][0];
    container["secrets"] = json!([
        { "name": "USER", "valueFrom": format!("{secret}:user::") },
        { "name": "PASSWORD", "valueFrom": format!("{secret}:password::") },
        { "name": "TOKEN", "valueFrom": "/api/token" },
        { "name": "KEY", "valueFrom": "arn:aws:ssm:us-east-1:000000000000:parameter/key" },
    ]);
    input["volumes"] = json!([{ "name": "data", "efsVolumeConfiguration": {
        "fileSystemId": "fs-1", "authorizationConfig": { "accessPointId": "fsap-1" }
    } }]);
    sandbox.register_task_definition(&input).unwrap();

    let (_, body) =
        json_call(&sandbox, "secretsmanager.GetSecretValue", &json!({ "SecretId": secret })).await;
    let value = json(body["SecretString"].as_str().unwrap());
    assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), ["user", "password"]);
    let names = json!({ "Names": ["/api/token", "key", "/none"], "WithDecryption": false });
    let (_, body) = json_call(&sandbox, "AmazonSSM.GetParameters", &names).await;
    assert_eq!(body["InvalidParameters"], json!(["/none"]));
    assert_eq!(body["Parameters"][1]["ARN"], "arn:aws:ssm:us-east-1:000000000000:parameter/key");
    let (_, body) = rest(&sandbox, "elasticfilesystem", "/2015-02-01/mount-targets?FileSystemId=fs-1").await;
    assert_eq!(json(&body)["MountTargets"].as_array().unwrap().len(), 2);
    let (_, body) =
        rest(&sandbox, "elasticfilesystem", "/2015-02-01/access-points?AccessPointId=fsap-1").await;
    assert_eq!(json(&body)["AccessPoints"][0]["FileSystemId"], "fs-1");
    let (status, _) = query(&sandbox, "Action=GetRole&Version=2010-05-08&RoleName=execution").await;
    assert_eq!(status, 200);
}
