//! What can be wrong: at least one fault for each check.

use landfall_sandbox::{
    AclEntryOptions, RouteOptions, SecurityGroupOptions, SubnetOptions, TargetGroupOptions,
    VpcEndpointOptions,
};
use serde_json::json;

use super::stage::{CALLER, EXECUTION, KEY, NEXT, Stage, TASK, mount_target};

/// One thing that goes wrong with a sound account, and the check that finds it.
pub struct Fault {
    /// The check.
    pub code: &'static str,
    /// Before the service is there: what AWS itself takes.
    pub before: fn(&mut Stage),
    /// While the service runs, and in the task definition that is to be deployed.
    pub after: fn(&mut Stage),
    /// More flags.
    pub args: &'static [&'static str],
}

const fn before(code: &'static str, before: fn(&mut Stage)) -> Fault {
    Fault { code, before, after: |_| {}, args: &[] }
}

const fn after(code: &'static str, after: fn(&mut Stage)) -> Fault {
    Fault { code, before: |_| {}, after, args: &[] }
}

/// An entry that lets TCP to these ports out, or in.
fn tcp(egress: bool, ports: (u16, u16)) -> AclEntryOptions {
    AclEntryOptions { ports: Some(ports), ..AclEntryOptions::all(egress) }
}

pub const FAULTS: &[Fault] = &[
    // The task definition.
    after("task-definition-limits", |stage| {
        stage.container("app")["essential"] = json!(false);
    }),
    after("fargate-task-size", |stage| stage.definition["memory"] = json!("640")),
    after("container-sizes", |stage| stage.container("app")["memory"] = json!(1024)),
    after("fargate-runtime", |stage| stage.definition["ephemeralStorage"] = json!({ "sizeInGiB": 20 })),
    after("fargate-network-mode", |stage| {
        stage.container("app")["portMappings"][0]["hostPort"] = json!(80);
    }),
    after("fargate-refused-parameter", |stage| stage.container("side")["privileged"] = json!(true)),
    after("container-ports", |stage| {
        stage.container("side")["portMappings"] = json!([{ "containerPort": 8080 }]);
    }),
    after("container-dependencies", |stage| {
        stage.container("proxy")["dependsOn"][0]["condition"] = json!("HEALTHY");
    }),
    after("container-timing", |stage| stage.container("app")["stopTimeout"] = json!(300)),
    after("mount-points", |stage| {
        stage.container("app")["mountPoints"][0]["sourceVolume"] = json!("other");
    }),
    after("efs-volume-settings", |stage| {
        stage.definition["volumes"][0]["efsVolumeConfiguration"]["transitEncryption"] = json!("DISABLED");
    }),
    after("env-file-rules", |stage| {
        stage.container("app")["environmentFiles"][0]["value"] = json!("arn:aws:s3:::env-store/web.txt");
    }),
    after("secret-names", |stage| {
        stage.container("app")["environment"] = json!([{ "name": "TOKEN", "value": "x" }]);
    }),
    after("log-driver", |stage| {
        let options = &mut stage.container("app")["logConfiguration"]["options"];
        options.as_object_mut().expect("options").remove("awslogs-stream-prefix");
    }),
    after("registry-login", |stage| {
        let login = "arn:aws:ssm:us-east-1:000000000000:parameter/login";
        stage.container("proxy")["repositoryCredentials"]["credentialsParameter"] = json!(login);
    }),
    after("execution-role-required", |stage| {
        stage.definition.as_object_mut().expect("an object").remove("executionRoleArn");
    }),
    before("platform-version", |stage| stage.service["platformVersion"] = json!("1.3.0")),
    after("mutable-image-tag", |stage| stage.container("proxy")["image"] = json!("busybox:latest")),
    // Its images.
    after("images-exist", |stage| {
        // A repository that has no image.
        stage.sandbox.create_repository("gone");
        stage.container("side")["image"] = json!(NEXT.replace("/web:", "/gone:"));
    }),
    after("image-platform", |stage| stage.definition["runtimePlatform"]["cpuArchitecture"] = json!("ARM64")),
    after("image-storage", |stage| {
        let bytes = 21 << 30;
        stage.sandbox.seed_image_of_size("web", "v2", bytes).expect("an image");
    }),
    // The service.
    before("service-deployable", |stage| {
        stage.service["deploymentController"] = json!({ "type": "CODE_DEPLOY" });
    }),
    before("express-service", |stage| stage.service["resourceManagementType"] = json!("ECS")),
    after("cluster-active", |stage| stage.sandbox.set_cluster_status("demo", "DEPROVISIONING")),
    before("capacity-providers", |stage| {
        stage.on_providers(json!([{ "capacityProvider": "gone", "weight": 1 }]));
    }),
    before("deployment-percent", |stage| {
        stage.service["deploymentConfiguration"] =
            json!({ "minimumHealthyPercent": 100, "maximumPercent": 100 });
    }),
    after("load-balancer-container", |stage| {
        stage.container("app")["portMappings"][0]["containerPort"] = json!(8081);
    }),
    before("target-group-type", |stage| {
        stage.stand_behind(TargetGroupOptions { instance_targets: true, ..TargetGroupOptions::default() });
    }),
    after("target-group-listener", |stage| stage.sandbox.detach_target_group(&stage.target_group)),
    after("target-group-vpc", |stage| {
        let elsewhere = SubnetOptions { vpc: "vpc-1".to_owned(), ..SubnetOptions::default() };
        stage.sandbox.put_subnet("subnet-0a", elsewhere);
    }),
    after("service-connect-ports", |stage| {
        stage.container("app")["portMappings"][0]["name"] = json!("web");
    }),
    before("health-check-grace-period", |stage| {
        let hasty = TargetGroupOptions { unhealthy_threshold: 2, interval_s: 5, ..Default::default() };
        stage.stand_behind(hasty);
        stage.container("app")["healthCheck"] =
            json!({ "command": ["CMD", "true"], "startPeriod": 120, "interval": 5 });
    }),
    before("drain-time", |stage| {
        stage.stand_behind(TargetGroupOptions { deregistration_delay_s: 0, ..Default::default() });
    }),
    Fault {
        code: "deployment-running",
        // Its env file is missing, so that its first deployment never ends.
        before: |stage| {
            stage.container("app")["environmentFiles"][0]["value"] = json!("arn:aws:s3:::env-store/no.env");
            stage.settles = false;
        },
        after: |_| {},
        args: &[],
    },
    Fault { code: "nobody-rolls-back", before: |_| {}, after: |_| {}, args: &["--rollback", "never"] },
    before("spot-only", |stage| {
        stage.on_providers(json!([{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }]));
    }),
    after("fargate-vcpu-quota", |stage| stage.sandbox.set_vcpu_quota(0)),
    // The network.
    before("network-configuration", |stage| {
        stage.service["networkConfiguration"] =
            json!({ "awsvpcConfiguration": { "subnets": ["subnet-gone"] } });
    }),
    after("no-route-to-ecr", |stage| stage.routes(Vec::new())),
    after("no-route-to-s3", |stage| stage.routes(Vec::new())),
    after("no-route-to-logs", |stage| {
        stage.routes(vec![RouteOptions { blackhole: true, ..RouteOptions::to("0.0.0.0/0", "nat-1") }]);
    }),
    after("no-route-to-secrets", |stage| {
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
    after("no-route-to-parameters", |stage| stage.routes(Vec::new())),
    after("no-route-to-registry", |stage| stage.routes(Vec::new())),
    after("no-route-to-ecr", |stage| stage.endpoint_that_lets_nothing_through("ecr.api")),
    after("no-route-to-s3", |stage| stage.endpoint_that_lets_nothing_through("s3")),
    after("network-acls", |stage| {
        // Requests go out, and no answer comes in.
        stage.acl(vec![AclEntryOptions::all(true), tcp(false, (443, 443))]);
    }),
    after("network-acls", |stage| {
        stage.acl(vec![tcp(true, (80, 80)), AclEntryOptions::all(false)]);
    }),
    before("free-addresses", |stage| {
        let full = SubnetOptions { free_addresses: 1, ..SubnetOptions::default() };
        stage.sandbox.put_subnet("subnet-0a", full);
        stage.service["desiredCount"] = json!(2);
    }),
    after("efs-mount-targets", |stage| stage.sandbox.put_file_system("fs-1", "deleting")),
    after("efs-security-groups", |stage| {
        stage.sandbox.put_security_group("sg-closed", SecurityGroupOptions::default());
        stage.sandbox.put_mount_target("fsmt-1", mount_target(&["sg-closed"]));
    }),
    after("efs-access-points", |stage| stage.sandbox.put_access_point("fsap-1", "fs-2", "available")),
    // Permissions.
    after("roles-assumable", |stage| stage.sandbox.delete_role(EXECUTION)),
    after("execution-role-ecr", |stage| stage.sandbox.deny(EXECUTION, "ecr:BatchGetImage", "*")),
    after("execution-role-env-files", |stage| stage.sandbox.deny(EXECUTION, "s3:GetObject", "*")),
    after("execution-role-secrets", |stage| {
        stage.sandbox.deny(EXECUTION, "secretsmanager:GetSecretValue", "*");
    }),
    after("execution-role-keys", |stage| stage.sandbox.deny(EXECUTION, "kms:Decrypt", KEY)),
    after("execution-role-logs", |stage| stage.sandbox.deny(EXECUTION, "logs:*", "*")),
    after("task-role-efs", |stage| stage.sandbox.deny(TASK, "elasticfilesystem:*", "*")),
    after("caller-pass-role", |stage| stage.sandbox.deny(CALLER, "iam:PassRole", TASK)),
    after("caller-permissions", |stage| stage.sandbox.deny(CALLER, "ecs:UpdateService", "*")),
    after("caller-reads", |stage| stage.sandbox.deny(CALLER, "logs:GetLogEvents", "*")),
    // What is referred to.
    after("secrets-exist", |stage| {
        stage.sandbox.put_secret("db", r#"{"user":"canary-44e3"}"#);
    }),
    after("secrets-exist", |stage| stage.sandbox.schedule_secret_deletion(&stage.secret)),
    after("secret-keys-enabled", |stage| stage.sandbox.put_key(KEY, "PendingDeletion")),
    after("parameters-exist", |stage| stage.sandbox.delete_parameter("/web/token")),
    after("log-groups-exist", |stage| stage.sandbox.delete_log_group("/ecs/web")),
    after("env-files-exist", |stage| {
        stage.container("app")["environmentFiles"][0]["value"] = json!("arn:aws:s3:::env-store/no.env");
    }),
];
