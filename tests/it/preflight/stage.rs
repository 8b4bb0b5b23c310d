//! A service in whose account nothing is wrong, and what tests change.

use landfall_sandbox::{
    AclEntryOptions, MountTargetOptions, NetworkAclOptions, Options, RouteOptions, RouteTableOptions,
    Sandbox, TargetGroupOptions, VpcEndpointOptions,
};
use serde_json::{Value, json};

use crate::stage::{begin, definition, lay_over, leading_to, seeded_image, serve};
use crate::support::{Landfall, Ran};

pub const EXECUTION: &str = "arn:aws:iam::000000000000:role/execution";
pub const TASK: &str = "arn:aws:iam::000000000000:role/task";
pub const CALLER: &str = "arn:aws:iam::000000000000:user/sandbox";
pub const ENV_FILE: &str = "arn:aws:s3:::env-store/web.env";
pub const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d";
/// The image that `app` gets. It is in the sandbox's ECR, for linux/amd64.
pub const NEXT: &str = "000000000000.dkr.ecr.us-east-1.amazonaws.com/web:v2";

/// A service with everything that a check looks at: `app` behind a target group, `side` whose image is in ECR, and
/// `proxy` from a registry elsewhere.
pub struct Stage {
    pub sandbox: Sandbox,
    pub definition: Value,
    pub service: Value,
    pub secret: String,
    pub target_group: String,
    /// Whether [`Stage::serve`] waits until the service is steady.
    pub settles: bool,
}

impl Stage {
    pub async fn new() -> Self {
        let sandbox =
            Sandbox::start(Options { speed: 200.0, ..Options::default() }).await.expect("it starts");
        sandbox.create_cluster("demo");
        sandbox.create_bucket("env-store").expect("a bucket");
        sandbox.put_object("env-store", "web.env", b"A=1\n").expect("an object");
        let secret = sandbox.put_secret("db", r#"{"password":"canary-44e1"}"#);
        sandbox.set_secret_key(&secret, KEY);
        sandbox.put_key(KEY, "Enabled");
        let login = sandbox.put_secret("login", r#"{"username":"u","password":"canary-44e4"}"#);
        sandbox.put_parameter("/web/token", "SecureString", "canary-44e2");
        sandbox.put_file_system("fs-1", "available");
        sandbox.put_mount_target("fsmt-1", mount_target(&[]));
        sandbox.put_access_point("fsap-1", "fs-1", "available");
        let target_group = sandbox.create_target_group("web", TargetGroupOptions::default());
        let image = seeded_image(&sandbox);
        sandbox.seed_image("web", "v2").expect("an image");
        let container = json!({
            "image": image,
            "portMappings": [{ "containerPort": 8080, "name": "http" }],
            "mountPoints": [{ "sourceVolume": "data", "containerPath": "/data" }],
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
            &json!({
                "taskRoleArn": TASK,
                "runtimePlatform": { "operatingSystemFamily": "LINUX", "cpuArchitecture": "X86_64" },
                "volumes": [{ "name": "data", "efsVolumeConfiguration": {
                    "fileSystemId": "fs-1", "transitEncryption": "ENABLED",
                    "authorizationConfig": { "accessPointId": "fsap-1", "iam": "ENABLED" }
                } }]
            }),
        );
        let side = json!({ "name": "side", "image": image, "essential": false });
        let proxy = json!({
            "name": "proxy",
            "image": "registry.example.com/proxy:1.2",
            "essential": false,
            "repositoryCredentials": { "credentialsParameter": login },
            "dependsOn": [{ "containerName": "app", "condition": "START" }]
        });
        definition["containerDefinitions"].as_array_mut().expect("a list").extend([side, proxy]);
        let balancer =
            json!([{ "targetGroupArn": target_group, "containerName": "app", "containerPort": 8080 }]);
        let service = json!({
            "loadBalancers": balancer,
            "platformVersion": "1.4.0",
            "serviceConnectConfiguration": { "enabled": true, "services": [{ "portName": "http" }] }
        });
        Self { sandbox, definition, service, secret, target_group, settles: true }
    }

    /// A container of the task definition: `app`, `side`, `proxy`.
    pub fn container(&mut self, name: &str) -> &mut Value {
        let all = self.definition["containerDefinitions"].as_array_mut().expect("a list");
        all.iter_mut().find(|container| container["name"] == name).expect("a container")
    }

    /// Puts another target group in the place of the service's.
    pub fn stand_behind(&mut self, options: TargetGroupOptions) {
        let other = self.sandbox.create_target_group("other", options);
        self.service["loadBalancers"][0]["targetGroupArn"] = json!(other);
    }

    /// Gives the service capacity providers in place of its launch type.
    pub fn on_providers(&mut self, strategy: Value) {
        self.service["launchType"] = Value::Null;
        self.service["capacityProviderStrategy"] = strategy;
    }

    /// Creates the service.
    pub fn serve(&self) {
        if self.settles {
            serve(&self.sandbox, &self.definition, &self.service);
        } else {
            begin(&self.sandbox, &self.definition, &self.service);
        }
    }

    /// A private subnet: the only routes are these.
    pub fn routes(&self, routes: Vec<RouteOptions>) {
        let table = RouteTableOptions { is_main: true, routes, ..RouteTableOptions::default() };
        self.sandbox.put_route_table("rtb-0a", table);
    }

    /// Puts a network ACL with these entries around every subnet.
    pub fn acl(&self, entries: Vec<AclEntryOptions>) {
        let acl = NetworkAclOptions { is_default: true, entries, ..NetworkAclOptions::default() };
        self.sandbox.put_network_acl("acl-0a", acl);
    }

    pub fn endpoint(&self, service: &str) {
        self.endpoint_with(service, None);
    }

    /// An endpoint whose policy is for another service than its own.
    pub fn endpoint_that_lets_nothing_through(&self, service: &str) {
        let other = json!({ "Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*" });
        self.endpoint_with(service, Some(json!({ "Statement": [other] })));
    }

    fn endpoint_with(&self, service: &str, policy: Option<Value>) {
        let is_gateway = service == "s3";
        let endpoint = VpcEndpointOptions {
            service: format!("com.amazonaws.us-east-1.{service}"),
            is_gateway,
            route_tables: if is_gateway { vec!["rtb-0a".to_owned()] } else { Vec::new() },
            subnets: if is_gateway { Vec::new() } else { vec!["subnet-0a".to_owned()] },
            policy,
            ..VpcEndpointOptions::default()
        };
        self.sandbox.put_vpc_endpoint(&format!("vpce-{service}"), endpoint);
    }

    /// Leaves `proxy` out, whose image is on the internet.
    pub fn without_proxy(mut self) -> Self {
        let all = self.definition["containerDefinitions"].as_array_mut().expect("a list");
        all.retain(|container| container["name"] != "proxy");
        self
    }

    /// Runs `landfall` on the service; no secret's value is shown, whatever comes of it.
    pub async fn landfall(&self, args: &[&str]) -> Ran {
        self.landfall_with(&[], args).await
    }

    /// The same with more environment variables.
    pub async fn landfall_with(&self, variables: &[(String, String)], args: &[&str]) -> Ran {
        let mut all = args.to_vec();
        all.extend(["--cluster", "demo", "--service", "web", "--container", "app"]);
        let landfall = Landfall::new(&all).envs(&leading_to(&self.sandbox)).envs(variables);
        let folder = tempfile::tempdir().expect("a folder");
        let landfall = landfall.in_folder(folder.path());
        let ran = tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran");
        assert!(!ran.all().contains("canary"), "a value is shown: {}", ran.all());
        ran
    }

    /// The checks of a deployment of the stage's task definition with the image [`NEXT`].
    pub async fn verify(&self, more: &[&str]) -> Ran {
        let file = tempfile::NamedTempFile::with_suffix(".json").expect("a file");
        std::fs::write(file.path(), self.definition.to_string()).expect("written");
        let path = file.path().to_str().expect("a path");
        let mut args = vec!["verify", "--output", "json", "--task-definition", path, "--image", NEXT];
        args.extend(more);
        self.landfall(&args).await
    }
}

/// A mount target of `fs-1` in the service's subnet.
pub fn mount_target(groups: &[&str]) -> MountTargetOptions {
    MountTargetOptions {
        file_system: "fs-1".to_owned(),
        subnet: "subnet-0a".to_owned(),
        state: "available".to_owned(),
        security_groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

/// What became of each check, by code.
pub fn results(ran: &Ran) -> Vec<(String, String)> {
    let checked = ran.events().into_iter().filter(|event| event["event"] == "checked");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    checked.map(|event| (text(&event["code"]), text(&event["result"]))).collect()
}

pub fn result_of(ran: &Ran, code: &str) -> String {
    let found = results(ran).into_iter().find(|(known, _)| known == code);
    found.unwrap_or_else(|| panic!("{code} was not told: {}", ran.all())).1
}

/// The worst severity of a check's problems.
pub fn severity_of(ran: &Ran, code: &str) -> String {
    let checked = ran.events().into_iter().find(|event| event["event"] == "checked" && event["code"] == code);
    let checked = checked.unwrap_or_else(|| panic!("{code} was not told: {}", ran.all()));
    checked["problems"][0]["severity"].as_str().unwrap_or_default().to_owned()
}
