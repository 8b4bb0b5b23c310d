//! `landfall verify`, and the checks of a deployment: each one that reads the account finds what is wrong there.

use futures_util::future::join_all;
use landfall_sandbox::{
    MountTargetOptions, Options, RouteOptions, RouteTableOptions, Sandbox, SecurityGroupOptions,
    SubnetOptions, TargetGroupOptions, VpcEndpointOptions,
};
use serde_json::{Value, json};

use crate::stage::{definition, lay_over, leading_to, seeded_image, serve};
use crate::support::{Landfall, Ran, api_calls, writes};

const EXECUTION: &str = "arn:aws:iam::000000000000:role/execution";
const TASK: &str = "arn:aws:iam::000000000000:role/task";
const CALLER: &str = "arn:aws:iam::000000000000:user/sandbox";
const ENV_FILE: &str = "arn:aws:s3:::env-store/web.env";

/// A service in whose account nothing is wrong, and what tests change.
struct Stage {
    sandbox: Sandbox,
    definition: Value,
    service: Value,
    secret: String,
}

impl Stage {
    async fn new() -> Self {
        let sandbox =
            Sandbox::start(Options { speed: 200.0, ..Options::default() }).await.expect("it starts");
        sandbox.create_cluster("demo");
        sandbox.create_bucket("env-store").expect("a bucket");
        sandbox.put_object("env-store", "web.env", b"A=1\n").expect("an object");
        let secret = sandbox.put_secret("db", r#"{"password":"canary-44e1"}"#);
        sandbox.put_parameter("/web/token", "SecureString", "canary-44e2");
        sandbox.put_file_system("fs-1", "available");
        let target = MountTargetOptions {
            file_system: "fs-1".to_owned(),
            subnet: "subnet-0a".to_owned(),
            state: "available".to_owned(),
            security_groups: Vec::new(),
        };
        sandbox.put_mount_target("fsmt-1", target);
        sandbox.put_access_point("fsap-1", "fs-1", "available");
        let target_group = sandbox.create_target_group("web", TargetGroupOptions::default());
        let container = json!({
            "image": seeded_image(&sandbox),
            "portMappings": [{ "containerPort": 8080, "name": "http" }],
            "environmentFiles": [{ "type": "s3", "value": ENV_FILE }],
            "secrets": [
                { "name": "DB", "valueFrom": format!("{secret}:password::") },
                { "name": "TOKEN", "valueFrom": "/web/token" }
            ],
            "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "/ecs/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"
            } }
        });
        let mut definition = definition(&container);
        lay_over(
            &mut definition,
            &json!({ "taskRoleArn": TASK, "volumes": [{ "name": "data", "efsVolumeConfiguration": {
                "fileSystemId": "fs-1", "transitEncryption": "ENABLED",
                "authorizationConfig": { "accessPointId": "fsap-1", "iam": "ENABLED" }
            } }] }),
        );
        let balancer =
            json!([{ "targetGroupArn": target_group, "containerName": "app", "containerPort": 8080 }]);
        let service = json!({ "loadBalancers": balancer });
        Self { sandbox, definition, service, secret }
    }

    /// Creates the service.
    fn serve(&self) {
        serve(&self.sandbox, &self.definition, &self.service);
    }

    /// A private subnet: the only routes are these.
    fn routes(&self, routes: Vec<RouteOptions>) {
        let table = RouteTableOptions { is_main: true, routes, ..RouteTableOptions::default() };
        self.sandbox.put_route_table("rtb-0a", table);
    }

    fn endpoint(&self, service: &str) {
        let is_gateway = service == "s3";
        let endpoint = VpcEndpointOptions {
            service: format!("com.amazonaws.us-east-1.{service}"),
            is_gateway,
            route_tables: if is_gateway { vec!["rtb-0a".to_owned()] } else { Vec::new() },
            subnets: if is_gateway { Vec::new() } else { vec!["subnet-0a".to_owned()] },
            ..VpcEndpointOptions::default()
        };
        self.sandbox.put_vpc_endpoint(&format!("vpce-{service}"), endpoint);
    }

    async fn landfall(&self, args: &[&str]) -> Ran {
        let mut all = args.to_vec();
        all.extend(["--cluster", "demo", "--service", "web"]);
        let landfall = Landfall::new(&all).envs(&leading_to(&self.sandbox));
        let folder = tempfile::tempdir().expect("a folder");
        let landfall = landfall.in_folder(folder.path());
        let ran = tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran");
        assert!(!ran.all().contains("canary"), "a value is shown: {}", ran.all());
        ran
    }
}

/// What became of each check, by code.
fn results(ran: &Ran) -> Vec<(String, String)> {
    let checked = ran.events().into_iter().filter(|event| event["event"] == "checked");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    checked.map(|event| (text(&event["code"]), text(&event["result"]))).collect()
}

fn result_of(ran: &Ran, code: &str) -> String {
    let found = results(ran).into_iter().find(|(known, _)| known == code);
    found.unwrap_or_else(|| panic!("{code} was not told: {}", ran.all())).1
}

/// The codes of what is wrong before the service is there, and how.
type Break = (&'static str, fn(&mut Stage));

/// What is wrong with the service or its task definition as AWS takes them.
const BEFORE: &[Break] = &[
    ("network-configuration", |stage| {
        stage.service["networkConfiguration"] =
            json!({ "awsvpcConfiguration": { "subnets": ["subnet-gone"] } });
    }),
    ("capacity-providers", |stage| {
        stage.service["launchType"] = Value::Null;
        stage.service["capacityProviderStrategy"] = json!([{ "capacityProvider": "gone", "weight": 1 }]);
    }),
    ("express-service", |stage| stage.service["resourceManagementType"] = json!("ECS")),
    ("spot-only", |stage| {
        stage.service["launchType"] = Value::Null;
        stage.service["capacityProviderStrategy"] =
            json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }]);
    }),
    ("mutable-image-tag", |stage| {
        stage.definition["containerDefinitions"][0]["image"] = json!("busybox:latest");
    }),
];

/// What goes wrong in the account while the service runs.
const AFTER: &[Break] = &[
    ("images-exist", |stage| {
        // Another repository than the one that has the image.
        let image = stage.definition["containerDefinitions"][0]["image"].as_str().expect("an image");
        let gone = image.replace("/web@", "/gone@");
        stage.definition["containerDefinitions"][0]["image"] = json!(gone);
        stage.sandbox.create_repository("gone");
    }),
    ("no-route-to-ecr", |stage| stage.routes(Vec::new())),
    ("no-route-to-s3", |stage| stage.routes(Vec::new())),
    ("no-route-to-logs", |stage| {
        stage.routes(vec![RouteOptions { blackhole: true, ..RouteOptions::to("0.0.0.0/0", "nat-1") }])
    }),
    ("no-route-to-secrets", |stage| {
        // Its private names take the way, and nobody is let in.
        stage.sandbox.put_security_group("sg-closed", SecurityGroupOptions::default());
        let endpoint = VpcEndpointOptions {
            service: "com.amazonaws.us-east-1.secretsmanager".to_owned(),
            subnets: vec!["subnet-0a".to_owned()],
            security_groups: vec!["sg-closed".to_owned()],
            ..VpcEndpointOptions::default()
        };
        stage.sandbox.put_vpc_endpoint("vpce-1", endpoint);
    }),
    ("no-route-to-parameters", |stage| stage.routes(Vec::new())),
    ("free-addresses", |stage| {
        let full = SubnetOptions { free_addresses: 0, ..SubnetOptions::default() };
        stage.sandbox.put_subnet("subnet-0a", full);
    }),
    ("efs-mount-targets", |stage| stage.sandbox.put_file_system("fs-1", "deleting")),
    ("efs-security-groups", |stage| {
        stage.sandbox.put_security_group("sg-closed", SecurityGroupOptions::default());
        let target = MountTargetOptions {
            file_system: "fs-1".to_owned(),
            subnet: "subnet-0a".to_owned(),
            state: "available".to_owned(),
            security_groups: vec!["sg-closed".to_owned()],
        };
        stage.sandbox.put_mount_target("fsmt-1", target);
    }),
    ("efs-access-points", |stage| stage.sandbox.put_access_point("fsap-1", "fs-2", "available")),
    ("roles-assumable", |stage| stage.sandbox.delete_role(EXECUTION)),
    ("execution-role-ecr", |stage| stage.sandbox.deny(EXECUTION, "ecr:BatchGetImage", "*")),
    ("execution-role-env-files", |stage| stage.sandbox.deny(EXECUTION, "s3:GetObject", "*")),
    ("execution-role-secrets", |stage| {
        stage.sandbox.deny(EXECUTION, "secretsmanager:GetSecretValue", "*");
    }),
    ("execution-role-logs", |stage| stage.sandbox.deny(EXECUTION, "logs:*", "*")),
    ("task-role-efs", |stage| stage.sandbox.deny(TASK, "elasticfilesystem:*", "*")),
    ("caller-pass-role", |stage| stage.sandbox.deny(CALLER, "iam:PassRole", TASK)),
    ("caller-permissions", |stage| stage.sandbox.deny(CALLER, "ecs:UpdateService", "*")),
    ("caller-reads", |stage| stage.sandbox.deny(CALLER, "logs:GetLogEvents", "*")),
    ("secrets-exist", |stage| {
        stage.sandbox.put_secret("db", r#"{"user":"canary-44e3"}"#);
    }),
    ("secrets-exist", |stage| stage.sandbox.schedule_secret_deletion(&stage.secret)),
    ("parameters-exist", |stage| stage.sandbox.delete_parameter("/web/token")),
    ("log-groups-exist", |stage| stage.sandbox.delete_log_group("/ecs/web")),
    ("fargate-vcpu-quota", |stage| stage.sandbox.set_vcpu_quota(0)),
    ("nobody-rolls-back", |_| {}),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_account_passes_every_check_and_each_fault_is_found() {
    let stage = Stage::new().await;
    stage.serve();
    let sound = stage.landfall(&["verify", "--output", "json"]).await.expect_code(0);
    let wrong: Vec<_> = results(&sound).into_iter().filter(|(_, result)| result != "passed").collect();
    assert_eq!(wrong, [], "{}", sound.all());
    assert_eq!(writes(&sound.report()), Vec::<String>::new());

    let faults = BEFORE.iter().map(|fault| (fault, true)).chain(AFTER.iter().map(|fault| (fault, false)));
    let found = faults.map(|((code, break_it), before)| {
        let sound = &sound;
        async move {
            // Some have nothing to look at where all is well.
            if !before {
                assert_eq!(result_of(sound, code), "passed");
            }
            let mut stage = Stage::new().await;
            if before {
                break_it(&mut stage);
                stage.serve();
            } else {
                stage.serve();
                break_it(&mut stage);
            }
            let mut args = vec!["verify", "--output", "json"];
            let file = tempfile::NamedTempFile::with_suffix(".json").expect("a file");
            std::fs::write(file.path(), stage.definition.to_string()).expect("written");
            let path = file.path().to_str().expect("a path").to_owned();
            args.extend(["--task-definition", &path]);
            if *code == "nobody-rolls-back" {
                args.extend(["--rollback", "never"]);
            }
            let ran = stage.landfall(&args).await;
            assert_eq!(result_of(&ran, code), "problems", "{code}: {}", ran.all());
        }
    });
    join_all(found).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_a_way_out_of_a_private_subnet() {
    let stage = Stage::new().await;
    stage.serve();
    stage.routes(Vec::new());
    for service in ["ecr.api", "ecr.dkr", "s3", "logs", "secretsmanager", "ssm"] {
        stage.endpoint(service);
    }
    let ran = stage.landfall(&["verify", "--output", "json"]).await.expect_code(0);
    assert_eq!(result_of(&ran, "no-route-to-ecr"), "passed");
    assert_eq!(result_of(&ran, "no-route-to-s3"), "passed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_is_refused_writes_nothing_and_a_check_can_be_turned_off() {
    let stage = Stage::new().await;
    stage.serve();
    stage.sandbox.delete_parameter("/web/token");
    for args in [["deploy", "-e", "A=2"].as_slice(), &["deploy", "-e", "A=2", "--dry-run"]] {
        let ran = stage.landfall(&[args, &["--output", "json"]].concat()).await.expect_code(3);
        let report = ran.report();
        assert_eq!(writes(&report), Vec::<String>::new());
        assert_eq!(report["services"][0]["checks"][0]["code"], "parameters-exist", "{report}");
        assert_eq!(report["services"][0]["preflight"]["errors"], 1);
    }
    let ran = stage.landfall(&["deploy", "-e", "A=2", "--output", "plain"]).await.expect_code(3);
    let text = ran.stdout();
    let problem = text.find("error parameters-exist: secret TOKEN of container app: there is no parameter");
    let passed = text.find(" passed, 1 error");
    assert!(problem.is_some() && problem < passed, "{text}");
    assert!(text.contains("landfall explain parameters-exist"), "{text}");

    let args = ["deploy", "-e", "A=2", "--dry-run", "--skip-check", "parameters-exist"];
    let ran = stage.landfall(&args).await.expect_code(0);
    assert!(ran.all().contains("checks turned off: parameters-exist"), "{}", ran.all());
    let unknown = stage.landfall(&["verify", "--skip-check", "parameter-exist"]).await.expect_code(2);
    assert!(unknown.all().contains("Did you mean `parameters-exist`?"), "{}", unknown.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_not_checked_and_refuses_nothing() {
    let stage = Stage::new().await;
    stage.serve();
    for action in ["ec2:DescribeSubnets", "iam:GetRole", "iam:SimulatePrincipalPolicy", "ssm:GetParameters"] {
        stage.sandbox.deny_action(action);
    }
    let ran = stage.landfall(&["verify", "--output", "json"]).await.expect_code(0);
    for code in ["no-route-to-ecr", "roles-assumable", "caller-pass-role", "parameters-exist"] {
        assert_eq!(result_of(&ran, code), "not_checked", "{code}");
    }
    let report = ran.report();
    let wanted = &report["services"][0]["preflight"]["permissions"];
    assert_eq!(
        *wanted,
        json!(["ec2:DescribeSubnets", "iam:GetRole", "iam:SimulatePrincipalPolicy", "ssm:GetParameters"])
    );
    let text = stage.landfall(&["verify", "--output", "plain"]).await.expect_code(0).stdout();
    assert!(text.contains("(the caller lacks ec2:DescribeSubnets, iam:GetRole,"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_checked_where_there_is_nothing_to_do() {
    let stage = Stage::new().await;
    stage.serve();
    let ran = stage.landfall(&["deploy", "--output", "json"]).await.expect_code(0);
    let report = ran.report();
    assert_eq!(report["verdict"], "unchanged");
    assert_eq!(results(&ran), []);
    assert!(!api_calls(&report).contains_key("ec2:DescribeSubnets"), "{report}");
}
