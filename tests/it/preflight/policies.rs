//! What a role's own policies say nothing about, and the policy of a bucket, a secret, a repository or a key may allow.

use serde_json::{Value, json};

use super::stage::{ENV_FILE, EXECUTION, KEY, Stage, result_of, severity_of};
use crate::support::Ran;

const BUCKET: &str = "arn:aws:s3:::env-store";
const REPOSITORY: &str = "arn:aws:ecr:us-east-1:000000000000:repository/web";

/// An action that the execution role needs, and whose policy may allow it.
struct Case {
    code: &'static str,
    action: &'static str,
    /// What the role wants to do it with.
    resource: String,
    /// What has the policy.
    owner: String,
    /// What the caller needs to read that policy.
    permission: &'static str,
    /// The severity of a plain denial.
    denied: &'static str,
}

fn cases(stage: &Stage) -> [Case; 4] {
    let case = |code, action, resource: &str, owner: &str, permission, denied| Case {
        code,
        action,
        resource: resource.to_owned(),
        owner: owner.to_owned(),
        permission,
        denied,
    };
    let secret = &stage.secret;
    [
        case("execution-role-env-files", "s3:GetObject", ENV_FILE, BUCKET, "s3:GetBucketPolicy", "error"),
        case(
            "execution-role-secrets",
            "secretsmanager:GetSecretValue",
            secret,
            secret,
            "secretsmanager:GetResourcePolicy",
            "error",
        ),
        case(
            "execution-role-ecr",
            "ecr:BatchGetImage",
            REPOSITORY,
            REPOSITORY,
            "ecr:GetRepositoryPolicy",
            "error",
        ),
        case("execution-role-keys", "kms:Decrypt", KEY, KEY, "kms:GetKeyPolicy", "warning"),
    ]
}

/// A policy with one statement that allows an action to a principal.
fn policy(principal: &str, action: &str, condition: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": principal }, "Action": action, "Resource": "*",
        "Condition": condition
    }] })
}

fn message_of(ran: &Ran, code: &str) -> String {
    let checked = ran.events().into_iter().find(|event| event["event"] == "checked" && event["code"] == code);
    let message = checked.map(|event| event["problems"][0]["message"].clone());
    message.and_then(|message| message.as_str().map(str::to_owned)).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_of_the_resource_decides_where_the_roles_own_say_nothing() {
    let stage = Stage::new().await;
    stage.serve();
    let cases = cases(&stage);
    for case in &cases {
        stage.sandbox.withhold(EXECUTION, case.action, &case.resource);
    }
    // Without a policy, and with one for someone else, nothing allows it.
    let without = stage.verify(&[]).await.expect_code(3);
    for case in &cases {
        stage.sandbox.put_resource_policy(
            &case.owner,
            policy("arn:aws:iam::000000000000:role/other", case.action, &json!({})),
        );
    }
    let for_another = stage.verify(&[]).await.expect_code(3);
    for case in &cases {
        for ran in [&without, &for_another] {
            assert_eq!(severity_of(ran, case.code), case.denied, "{}: {}", case.code, ran.all());
            let message = message_of(ran, case.code);
            assert!(message.starts_with(&format!("it may not {}", case.action)), "{message}");
        }
    }
    // Under a condition it may, and nothing refuses a deployment that would go well.
    for case in &cases {
        let condition = json!({ "StringEquals": { "aws:SourceVpce": "vpce-1" } });
        stage.sandbox.put_resource_policy(&case.owner, policy(EXECUTION, case.action, &condition));
    }
    let perhaps = stage.verify(&[]).await.expect_code(0);
    for case in &cases {
        assert_eq!(severity_of(&perhaps, case.code), "warning", "{}", case.code);
        let message = message_of(&perhaps, case.code);
        assert!(message.ends_with("its policy may, under conditions that are not known here"), "{message}");
    }
    for case in &cases {
        stage.sandbox.put_resource_policy(&case.owner, policy(EXECUTION, case.action, &json!({})));
    }
    let allowed = stage.verify(&[]).await.expect_code(0);
    for case in &cases {
        assert_eq!(result_of(&allowed, case.code), "passed", "{}", case.code);
    }
    // Who may not read it cannot tell.
    for case in &cases {
        stage.sandbox.deny_action(case.permission);
    }
    let unread = stage.verify(&[]).await.expect_code(0);
    for case in &cases {
        assert_eq!(severity_of(&unread, case.code), "warning", "{}", case.code);
        let message = message_of(&unread, case.code);
        assert!(message.contains(&format!("(the caller lacks {})", case.permission)), "{message}");
    }
    // What a statement denies, nothing else allows.
    for case in &cases {
        stage.sandbox.deny(EXECUTION, case.action, &case.resource);
    }
    let denied = stage.verify(&[]).await.expect_code(3);
    for case in &cases {
        assert_eq!(severity_of(&denied, case.code), case.denied, "{}", case.code);
    }
}
