//! `landfall iam-policy`: with exactly what it prints, and nothing else, a deployment is made and every check of
//! permissions passes.

use std::path::Path;

use landfall::iam_policy::is_like;
use landfall_sandbox::{Options, Sandbox, TargetGroupOptions};
use serde_json::{Value, json};

use crate::stage::{definition, lay_over, leading_to, seeded_image, serve};
use crate::support::{Landfall, Ran, api_calls, root};

const ROLE: &str = "arn:aws:iam::000000000000:role/deploy";
const EXECUTION: &str = "arn:aws:iam::000000000000:role/execution";
const CHECKS: [&str; 3] = ["caller-permissions", "caller-pass-role", "caller-reads"];

/// An account with the service `web`, and a folder with all that deploys it anew: a pushed image, an env file, secrets
/// and a log group.
struct Stage {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Self {
        let sandbox =
            Sandbox::start(Options { speed: 200.0, ..Options::default() }).await.expect("it starts");
        sandbox.create_cluster("demo");
        sandbox.create_bucket("env-store").expect("a bucket");
        let secret = sandbox.put_secret("db", "canary-9c1d");
        let mut definition = definition(&json!({
            "image": seeded_image(&sandbox),
            "portMappings": [{ "containerPort": 8080 }],
            "secrets": [{ "name": "DB", "valueFrom": secret }],
            "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "/ecs/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"
            } },
        }));
        lay_over(&mut definition, &json!({ "taskRoleArn": "arn:aws:iam::000000000000:role/task" }));
        let target_group = sandbox.create_target_group("web", TargetGroupOptions::default());
        let balancers =
            json!([{ "targetGroupArn": target_group, "containerName": "app", "containerPort": 8080 }]);
        serve(&sandbox, &definition, &json!({ "loadBalancers": balancers }));
        let anyone = json!({ "Statement": [{
            "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::000000000000:root" }, "Action": "sts:AssumeRole",
        }]});
        sandbox.put_role(ROLE, anyone);

        let folder = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("written");
        write("task-definition.json", definition.to_string());
        write("web.env", "GREETING=hello\n".to_owned());
        write(
            "landfall.yml",
            format!(
                "version: 1\nregion: us-east-1\ncluster: demo\nenv_store: s3://env-store/prod\nservices:\n  web:\n    \
             task_definition: task-definition.json\n    containers:\n      app:\n        image:\n          \
             from: oci:{}/examples/hello/image\n          \
             to: 000000000000.dkr.ecr.us-east-1.amazonaws.com/web:v2\n        env_file: web.env\n",
                root().display()
            ),
        );
        Self { sandbox, folder }
    }

    async fn landfall(&self, args: &[&str]) -> Ran {
        run_in(self.folder.path(), &leading_to(&self.sandbox), args).await
    }
}

async fn run_in(folder: &Path, variables: &[(String, String)], args: &[&str]) -> Ran {
    let landfall = Landfall::new(args).envs(variables).in_folder(folder);
    tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran")
}

/// The policy, which is alone on standard output.
#[track_caller]
fn policy(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout()).unwrap_or_else(|error| panic!("{error}: {}", ran.all()))
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn statements(policy: &Value) -> &[Value] {
    policy["Statement"].as_array().expect("statements")
}

#[track_caller]
fn statement<'a>(policy: &'a Value, sid: &str) -> &'a Value {
    let found = statements(policy).iter().find(|statement| statement["Sid"] == sid);
    found.unwrap_or_else(|| panic!("there is no statement {sid}: {policy:#}"))
}

fn actions(policy: &Value) -> Vec<&str> {
    statements(policy).iter().flat_map(|statement| texts(&statement["Action"])).collect()
}

/// The action that a call needs, by IAM's name.
fn action(call: &str) -> String {
    match call {
        "s3:HeadObject" => "s3:GetObject",
        "s3:HeadBucket" | "s3:ListObjectsV2" => "s3:ListBucket",
        "s3:GetPublicAccessBlock" => "s3:GetBucketPublicAccessBlock",
        other => other,
    }
    .to_owned()
}

fn result_of(ran: &Ran, code: &str) -> String {
    let told = ran.events().into_iter().find(|event| event["event"] == "checked" && event["code"] == code);
    told.unwrap_or_else(|| panic!("{code} was not told: {}", ran.all()))["result"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_printed_policy_alone_everything_passes_and_is_deployed() {
    let stage = Stage::new().await;
    // Neither credentials nor an account is needed to print it.
    let printed = run_in(stage.folder.path(), &[], &["iam-policy"]).await.expect_code(0);
    assert!(printed.stderr().contains("of the 6144 characters"), "{}", printed.all());
    let printed = policy(&printed);
    stage.sandbox.put_policy(ROLE, printed.clone());
    let args = ["deploy", "--role-to-assume", ROLE, "--output", "json"];
    let ran = stage.landfall(&args).await.expect_code(0);
    for check in CHECKS {
        assert_eq!(result_of(&ran, check), "\"passed\"", "{check}: {}", ran.all());
    }
    let calls = api_calls(&ran.report());
    assert!(calls.contains_key("s3:PutObject") && calls.contains_key("ecs:UpdateService"), "{calls:?}");
    for call in calls.keys().filter(|call| !call.starts_with("sts:")) {
        let needed = action(call);
        assert!(
            actions(&printed).iter().any(|known| is_like(known, &needed)),
            "{call} is not allowed: {printed:#}"
        );
    }
    let calls = stage.sandbox.calls();
    let refused: Vec<_> = calls
        .iter()
        .filter(|call| call.service != "registry" && matches!(call.http_status, 400 | 401 | 403))
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_action_that_is_taken_away_is_missed_before_anything_is_changed() {
    let printed = {
        let stage = Stage::new().await;
        policy(&run_in(stage.folder.path(), &[], &["iam-policy"]).await.expect_code(0))
    };
    let cases = [
        ("ecs:UpdateService", "caller-permissions"),
        ("iam:PassRole", "caller-pass-role"),
        ("s3:PutObject", "caller-permissions"),
        ("ecr:PutImage", "caller-permissions"),
        ("ecs:ListTasks", "caller-reads"),
    ];
    let missed = cases.map(|(taken, check)| {
        let mut less = printed.clone();
        for statement in less["Statement"].as_array_mut().expect("statements") {
            let left: Vec<&str> =
                texts(&statement["Action"]).into_iter().filter(|known| *known != taken).collect();
            statement["Action"] = json!(left);
        }
        async move {
            let stage = Stage::new().await;
            stage.sandbox.put_policy(ROLE, less);
            let ran = stage.landfall(&["verify", "--role-to-assume", ROLE, "--output", "json"]).await;
            assert_eq!(result_of(&ran, check), "\"problems\"", "{taken}: {}", ran.all());
            assert_eq!(ran.code(), if check == "caller-reads" { 0 } else { 3 }, "{taken}: {}", ran.all());
        }
    });
    futures_util::future::join_all(missed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_is_narrow() {
    let stage = Stage::new().await;
    let printed = policy(&run_in(stage.folder.path(), &[], &["iam-policy"]).await.expect_code(0));
    let pass = statement(&printed, "PassRolesToTasks");
    assert_eq!(texts(&pass["Resource"]), [EXECUTION, "arn:aws:iam::000000000000:role/task"]);
    assert_eq!(pass["Condition"]["StringEquals"]["iam:PassedToService"], "ecs-tasks.amazonaws.com");
    let follow = statement(&printed, "FollowTasks");
    assert_eq!(
        follow["Condition"]["ArnEquals"]["ecs:cluster"],
        "arn:aws:ecs:us-east-1:000000000000:cluster/demo"
    );
    for (sid, resource) in [
        ("DeployServices", "arn:aws:ecs:us-east-1:000000000000:service/demo/web"),
        ("RegisterRevisions", "arn:aws:ecs:us-east-1:000000000000:task-definition/web:*"),
        ("StoreEnvFiles", "arn:aws:s3:::env-store/prod/web/*"),
        ("LookAtBucket", "arn:aws:s3:::env-store"),
        ("PushImages", "arn:aws:ecr:us-east-1:000000000000:repository/web"),
        ("ReadLogs", "arn:aws:logs:us-east-1:000000000000:log-group:/ecs/web:log-stream:*"),
    ] {
        assert_eq!(texts(&statement(&printed, sid)["Resource"]), [resource], "{sid}");
    }
    assert!(statements(&printed).iter().all(|one| one["Sid"] != "Other"), "{printed:#}");
    assert!(
        !actions(&printed).iter().any(|action| action.contains('*') || action.contains("GetSecretValue"))
    );

    // An image that is there already and no env file: no push, and nothing of S3.
    let image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/web:v1";
    let folder = tempfile::tempdir().expect("a folder");
    let args =
        ["iam-policy", "--region", "us-east-1", "--cluster", "demo", "--service", "web", "--image", image];
    let ran = run_in(folder.path(), &[], &[&args[..], &["--no-checks"]].concat()).await.expect_code(0);
    assert!(ran.stderr().contains("--resolve"), "{}", ran.all());
    let small = policy(&ran);
    let of = |prefix: &str| {
        actions(&small).into_iter().filter(|action| action.starts_with(prefix)).collect::<Vec<_>>()
    };
    assert_eq!(of("s3:"), Vec::<&str>::new());
    assert_eq!(of("ecr:"), ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]);
    assert_eq!(of("ec2:"), Vec::<&str>::new());
    assert_eq!(
        texts(&statement(&small, "PassRolesToTasks")["Resource"]),
        ["arn:aws:iam::000000000000:role/*"]
    );
    let ran =
        run_in(folder.path(), &[], &[&args[..7], &["--image", "busybox:1"]].concat()).await.expect_code(2);
    assert!(ran.all().contains("--account 123456789012"), "{}", ran.all());

    // What no file has is read of the service.
    let args = ["iam-policy", "--cluster", "demo", "--service", "web", "--resolve"];
    let resolved = policy(&run_in(folder.path(), &leading_to(&stage.sandbox), &args).await.expect_code(0));
    assert_eq!(texts(&statement(&resolved, "PassRolesToTasks")["Resource"])[0], EXECUTION);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_execution_role_passes_its_checks_with_what_is_printed_for_it() {
    let stage = Stage::new().await;
    let printed =
        policy(&run_in(stage.folder.path(), &[], &["iam-policy", "--execution-role"]).await.expect_code(0));
    stage.sandbox.put_policy(EXECUTION, printed.clone());
    let ran = stage.landfall(&["verify", "--output", "json"]).await.expect_code(0);
    for part in ["ecr", "env-files", "secrets", "logs"] {
        let check = format!("execution-role-{part}");
        assert_eq!(result_of(&ran, &check), "\"passed\"", "{check}: {}", ran.all());
    }
    assert!(!actions(&printed).iter().any(|action| action.starts_with("ecs:")), "{printed:#}");
}

#[test]
fn a_trust_policy_is_said_to_be_wide_and_to_lack_ids() {
    let args = ["iam-policy", "--trust", "github", "--account", "123456789012"];
    let ran = Landfall::new(&[&args[..], &["--repository", "acme/shop"]].concat()).run().expect_code(0);
    let condition = &policy(&ran)["Statement"][0]["Condition"];
    assert_eq!(condition["StringLike"]["token.actions.githubusercontent.com:sub"], "repo:acme/shop:*");
    assert!(ran.stderr().contains("--owner-id") && ran.stderr().contains("--branch"), "{}", ran.all());
    // In a workflow, it is about the repository of the workflow.
    let variables = [
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_REPOSITORY_ID", "74"),
        ("GITHUB_REPOSITORY_OWNER_ID", "65"),
        ("AWS_REGION", "cn-north-1"),
    ];
    let mut landfall = Landfall::new(&[&args[..], &["--environment", "prod"]].concat());
    for (name, value) in variables {
        landfall = landfall.env(name, value);
    }
    let ran = landfall.run().expect_code(0);
    assert_eq!(ran.stderr(), "");
    let statement = &policy(&ran)["Statement"][0];
    let subjects = &statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"];
    assert_eq!(texts(subjects), ["repo:acme/shop:environment:prod", "repo:acme@65/shop@74:environment:prod"]);
    let provider = "arn:aws-cn:iam::123456789012:oidc-provider/token.actions.githubusercontent.com";
    assert_eq!(statement["Principal"]["Federated"], provider);

    for (wrong, part) in [("shop", "OWNER/REPO"), ("acme/*", "OWNER/REPO")] {
        let ran = Landfall::new(&[&args[..], &["--repository", wrong]].concat()).run().expect_code(2);
        assert!(ran.all().contains(part), "{}", ran.all());
    }
    let ran = Landfall::new(&["iam-policy", "--trust", "github", "--account", "12"]).run().expect_code(2);
    assert!(ran.all().contains("twelve digits"), "{}", ran.all());
}
