//! What preflight and lookups read of an account, against the stand-in: what is there, what is not, and what the
//! caller may not ask for.

use std::collections::BTreeMap;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use landfall::aws::account::{
    Demand, EndpointKind, Known, ParameterKind, Peer, Principal, Route, TargetGroupFacts,
};
use landfall::aws::{Aws, AwsSettings, StaticEndpoint};
use landfall_sandbox::{
    InProcess, MountTargetOptions, Options, PermissionOptions, RouteOptions, RouteTableOptions, Sandbox,
    SecurityGroupOptions, SubnetOptions, TargetGroupOptions, VpcEndpointOptions,
};
use serde_json::json;

use crate::simulated::{Faults, Wire};
use crate::stage::{definition, serve};

const ROLE: &str = "arn:aws:iam::000000000000:role/path/tasks";

/// An account, and the clients that read it.
async fn account() -> (Sandbox, Aws) {
    let sandbox = Sandbox::start(Options::default()).await.expect("it starts");
    let aws = connect(&sandbox).await;
    (sandbox, aws)
}

async fn connect(sandbox: &Sandbox) -> Aws {
    let endpoint = StaticEndpoint {
        url: sandbox.endpoint(),
        access_key_id: "AKIASANDBOXSANDBOX00".to_owned(),
        secret_access_key: "made-up".to_owned(),
    };
    let settings = AwsSettings {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint),
        ..AwsSettings::default()
    };
    Aws::connect(settings).await.expect("clients")
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn denied<T>(permission: &str) -> Known<T> {
    Known::Denied { permission: permission.to_owned() }
}

#[track_caller]
fn is<T: std::fmt::Debug>(known: Known<T>) -> T {
    match known {
        Known::Is(fact) => fact,
        other => panic!("it is not known: {other:?}"),
    }
}

#[tokio::test]
async fn the_caller_is_asked_for_once() {
    let (sandbox, aws) = account().await;
    let (first, second) = tokio::join!(aws.caller(), aws.caller());
    assert_eq!(is(first).account, "000000000000");
    assert_eq!(is(second).arn, "arn:aws:iam::000000000000:user/sandbox");
    assert_eq!(sandbox.calls().len(), 1);
}

#[tokio::test]
async fn the_network_that_every_account_has() {
    let (_sandbox, aws) = account().await;
    let network = is(aws.network(&owned(&["subnet-0a", "subnet-0b", "subnet-none"])).await);
    let zones: Vec<_> =
        network.subnets.iter().map(|subnet| (subnet.id.as_str(), subnet.zone.as_str())).collect();
    assert_eq!(zones, [("subnet-0a", "us-east-1a"), ("subnet-0b", "us-east-1b")]);
    assert_eq!(network.subnets[0].cidr, "10.0.0.0/24");
    assert_eq!(network.subnets[0].free_addresses, 251);
    let tables = is(network.route_tables);
    assert!(tables[0].is_main && tables[0].subnets.is_empty(), "{tables:?}");
    let internet = Route { destination: "0.0.0.0/0".to_owned(), target: "igw-0a".to_owned(), active: true };
    assert!(tables[0].routes.contains(&internet), "{tables:?}");
    assert_eq!(is(network.endpoints), []);
    let groups = is(network.security_groups);
    assert_eq!(groups[0].id, "sg-0a");
    assert_eq!(groups[0].outbound[0].protocol, "-1");
    assert_eq!(groups[0].outbound[0].ports, None);

    let nothing = is(aws.network(&owned(&["subnet-none"])).await);
    assert_eq!(nothing.subnets, []);
}

#[tokio::test]
async fn a_private_network_with_endpoints() {
    let (sandbox, aws) = account().await;
    sandbox.put_subnet("subnet-0c", SubnetOptions { vpc: "vpc-2".to_owned(), ..SubnetOptions::default() });
    let dead = RouteOptions { blackhole: true, ..RouteOptions::to("0.0.0.0/0", "nat-1") };
    let table = RouteTableOptions {
        vpc: "vpc-2".to_owned(),
        subnets: owned(&["subnet-0c"]),
        routes: vec![dead, RouteOptions::to("::/0", "eigw-1"), RouteOptions::to("pl-1", "vpce-1")],
        ..RouteTableOptions::default()
    };
    sandbox.put_route_table("rtb-2", table);
    let gateway = VpcEndpointOptions {
        vpc: "vpc-2".to_owned(),
        service: "com.amazonaws.us-east-1.s3".to_owned(),
        is_gateway: true,
        route_tables: owned(&["rtb-2"]),
        ..VpcEndpointOptions::default()
    };
    sandbox.put_vpc_endpoint("vpce-1", gateway);
    let interface = VpcEndpointOptions {
        vpc: "vpc-2".to_owned(),
        subnets: owned(&["subnet-0c"]),
        security_groups: owned(&["sg-2"]),
        ..VpcEndpointOptions::default()
    };
    sandbox.put_vpc_endpoint("vpce-2", interface);
    let from_tasks =
        PermissionOptions { groups: owned(&["sg-3"]), ..PermissionOptions::tcp(443, "10.0.0.0/8") };
    let to_s3 = PermissionOptions {
        protocol: "tcp".to_owned(),
        ports: Some((443, 443)),
        cidrs: owned(&["::/0"]),
        prefix_lists: owned(&["pl-1"]),
        ..PermissionOptions::default()
    };
    let group =
        SecurityGroupOptions { vpc: "vpc-2".to_owned(), inbound: vec![from_tasks], outbound: vec![to_s3] };
    sandbox.put_security_group("sg-2", group);

    let network = is(aws.network(&owned(&["subnet-0c"])).await);
    let tables = is(network.route_tables);
    let routes: Vec<_> = tables[0]
        .routes
        .iter()
        .map(|route| (route.destination.as_str(), route.target.as_str(), route.active))
        .collect();
    let expected = [
        ("10.0.0.0/16", "local", true),
        ("0.0.0.0/0", "nat-1", false),
        ("::/0", "eigw-1", true),
        ("pl-1", "vpce-1", true),
    ];
    assert_eq!(routes, expected);
    assert_eq!(tables[0].subnets, ["subnet-0c"]);
    let endpoints = is(network.endpoints);
    assert_eq!((endpoints[0].kind, endpoints[0].private_dns), (EndpointKind::Gateway, false));
    assert_eq!(endpoints[0].route_tables, ["rtb-2"]);
    assert_eq!((endpoints[1].kind, endpoints[1].private_dns), (EndpointKind::Interface, true));
    assert_eq!(endpoints[1].state, "available");
    assert_eq!(
        (&endpoints[1].subnets, &endpoints[1].security_groups),
        (&owned(&["subnet-0c"]), &owned(&["sg-2"]))
    );
    let groups = is(network.security_groups);
    let peers = [Peer::Cidr("10.0.0.0/8".to_owned()), Peer::SecurityGroup("sg-3".to_owned())];
    assert_eq!(groups[0].inbound[0].peers, peers);
    assert_eq!(groups[0].inbound[0].ports, Some((443, 443)));
    let peers = [Peer::Cidr("::/0".to_owned()), Peer::PrefixList("pl-1".to_owned())];
    assert_eq!(groups[0].outbound[0].peers, peers);
}

#[tokio::test]
async fn a_missing_permission_is_named_for_each_part_of_the_network() {
    let (sandbox, aws) = account().await;
    for action in ["ec2:DescribeRouteTables", "ec2:DescribeVpcEndpoints", "ec2:DescribeSecurityGroups"] {
        sandbox.deny_action(action);
    }
    let network = is(aws.network(&owned(&["subnet-0a"])).await);
    assert_eq!(network.route_tables, denied("ec2:DescribeRouteTables"));
    assert_eq!(network.endpoints, denied("ec2:DescribeVpcEndpoints"));
    assert_eq!(network.security_groups, denied("ec2:DescribeSecurityGroups"));
    sandbox.deny_action("ec2:DescribeSubnets");
    assert_eq!(aws.network(&owned(&["subnet-0a"])).await, denied("ec2:DescribeSubnets"));
}

#[tokio::test]
async fn roles_and_their_trust() {
    let (sandbox, aws) = account().await;
    let trust =
        json!({ "Statement": [{ "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Sid": "a+b %" }] });
    sandbox.put_role(ROLE, trust.clone());
    let role = is(aws.role(ROLE).await);
    assert_eq!((role.arn.as_str(), &role.trust), (ROLE, &trust));
    assert_eq!(is(aws.role("tasks").await).arn, ROLE);
    assert_eq!(aws.role("arn:aws:iam::000000000000:role/none").await, Known::Absent);
    // IAM finds a role by its name alone.
    let other_account = aws.role("arn:aws:iam::999999999999:role/tasks").await;
    assert!(matches!(other_account, Known::Unknown { .. }), "{other_account:?}");
    sandbox.deny_action("iam:GetRole");
    assert_eq!(aws.role(ROLE).await, denied("iam:GetRole"));
}

fn demand(principal: &Principal, action: &str, resource: &str) -> Demand {
    Demand {
        principal: principal.clone(),
        action: action.to_owned(),
        resource: resource.to_owned(),
        purpose: "tests".to_owned(),
    }
}

#[tokio::test]
async fn what_principals_may_do() {
    let (sandbox, aws) = account().await;
    sandbox.put_role(ROLE, json!({}));
    sandbox.deny(ROLE, "s3:*", "arn:aws:s3:::env/*");
    sandbox.allow(ROLE, "s3:GetObject", "arn:aws:s3:::env/a*");
    sandbox.deny_action("ecs:UpdateService");
    let role = Principal::ExecutionRole(ROLE.to_owned());
    let none = Principal::TaskRole("arn:aws:iam::000000000000:role/none".to_owned());
    let demands = vec![
        demand(&role, "s3:GetObject", "arn:aws:s3:::env/a.env"),
        demand(&role, "s3:PutObject", "arn:aws:s3:::env/a.env"),
        demand(&role, "s3:GetObject", "arn:aws:s3:::env/b.env"),
        demand(&Principal::Caller, "ecs:UpdateService", "*"),
        demand(&Principal::Caller, "ecs:DescribeServices", "*"),
        demand(&Principal::Caller, "iam:PassRole", ROLE),
        demand(&none, "s3:GetObject", "*"),
    ];
    let decisions = aws.simulate(demands.clone()).await;
    let allowed: Vec<_> = decisions.iter().map(|decision| decision.allowed.clone()).collect();
    let expected = [true, false, false, false, true, true].map(Known::Is);
    assert_eq!(allowed[..6], expected);
    assert_eq!(allowed[6], Known::Absent);
    assert_eq!(decisions.into_iter().map(|decision| decision.demand).collect::<Vec<_>>(), demands);
    let simulations = sandbox.calls().into_iter().filter(|call| call.operation == "SimulatePrincipalPolicy");
    assert_eq!(simulations.map(|call| call.write).collect::<Vec<_>>(), [false; 5]);

    sandbox.deny_action("iam:SimulatePrincipalPolicy");
    let decisions = aws.simulate(vec![demand(&role, "s3:GetObject", "*")]).await;
    assert_eq!(decisions[0].allowed, denied("iam:SimulatePrincipalPolicy"));
}

#[tokio::test]
async fn a_session_is_simulated_as_its_role() {
    let (sandbox, aws) = account().await;
    let demand = demand(&Principal::Caller, "ecs:UpdateService", "*");
    sandbox.set_caller("arn:aws:sts::000000000000:assumed-role/tasks/session");
    sandbox.put_role(ROLE, json!({}));
    sandbox.deny_action("ecs:UpdateService");
    assert_eq!(aws.simulate(vec![demand.clone()]).await[0].allowed, Known::Is(false));
    sandbox.allow_action("ecs:UpdateService");
    assert_eq!(aws.simulate(vec![demand.clone()]).await[0].allowed, Known::Is(true));

    for nobody in ["arn:aws:iam::000000000000:root", "arn:aws:sts::000000000000:federated-user/bob"] {
        sandbox.set_caller(nobody);
        let aws = connect(&sandbox).await;
        let decision = aws.simulate(vec![demand.clone()]).await.remove(0);
        assert!(matches!(decision.allowed, Known::Unknown { .. }), "{nobody}: {decision:?}");
    }
}

#[tokio::test]
async fn secrets_and_their_names_but_never_their_values() {
    let (sandbox, aws) = account().await;
    let json = sandbox.put_secret("prod/db", r#"{"password":"canary-7aa1","user":"u"}"#);
    let text = sandbox.put_secret("prod/token", "canary-7aa2");
    let facts = is(aws.secret(&json, true).await);
    assert_eq!((facts.arn.as_str(), facts.is_deleted), (json.as_str(), false));
    assert_eq!(facts.json_keys, Known::Is(owned(&["password", "user"])));
    let facts = is(aws.secret(&text, true).await);
    assert_eq!(facts.json_keys, Known::Absent);
    assert!(!format!("{facts:?}").contains("canary"), "{facts:?}");
    let before = sandbox.calls().len();
    assert_eq!(is(aws.secret(&json, false).await).json_keys, Known::NotAsked);
    assert_eq!(sandbox.calls().len(), before + 1, "the value was read although nobody wants it");

    sandbox.schedule_secret_deletion(&json);
    let facts = is(aws.secret(&json, true).await);
    assert!(facts.is_deleted && matches!(facts.json_keys, Known::Unknown { .. }), "{facts:?}");
    sandbox.delete_secret(&json);
    assert_eq!(aws.secret(&json, true).await, Known::Absent);

    sandbox.deny_action("secretsmanager:GetSecretValue");
    let facts = is(aws.secret(&text, true).await);
    assert_eq!(facts.json_keys, denied("secretsmanager:GetSecretValue"));
    sandbox.deny_action("secretsmanager:DescribeSecret");
    assert_eq!(aws.secret(&text, true).await, denied("secretsmanager:DescribeSecret"));
}

#[tokio::test]
async fn parameters_by_name_and_by_arn() {
    let (sandbox, aws) = account().await;
    let mut names = Vec::new();
    for index in 0..12 {
        let name = format!("/app/p{index:02}");
        sandbox.put_parameter(&name, "String", "value");
        names.push(name);
    }
    sandbox.put_parameter("/app/secret", "SecureString", "canary-7aa3");
    sandbox.put_parameter("plain", "StringList", "a,b");
    let arn = "arn:aws:ssm:us-east-1:000000000000:parameter/app/secret".to_owned();
    names.extend([arn.clone(), "plain".to_owned(), "/none".to_owned()]);
    let found = aws.parameters(&names).await;
    assert_eq!(found.len(), 15);
    assert_eq!(
        found[&arn].get().map(|facts| (facts.kind, facts.arn.clone())),
        Some((ParameterKind::Secure, arn))
    );
    assert_eq!(found["plain"].get().map(|facts| facts.kind), Some(ParameterKind::List));
    assert_eq!(found["/app/p11"].get().map(|facts| facts.kind), Some(ParameterKind::Text));
    assert_eq!(found["/none"], Known::Absent);
    assert_eq!(sandbox.calls().len(), 2, "ten names a call");

    assert_eq!(is(aws.parameter_value("/app/p00").await), (ParameterKind::Text, "value".to_owned()));
    assert_eq!(is(aws.parameter_value("/app/secret").await), (ParameterKind::Secure, String::new()));
    assert_eq!(aws.parameter_value("/none").await, Known::Absent);
    sandbox.deny_action("ssm:GetParameter");
    sandbox.deny_action("ssm:GetParameters");
    assert_eq!(aws.parameter_value("/app/p00").await, denied("ssm:GetParameter"));
    assert_eq!(aws.parameters(&owned(&["plain"])).await["plain"], denied("ssm:GetParameters"));
}

#[tokio::test]
async fn outputs_of_stacks() {
    let (sandbox, aws) = account().await;
    sandbox.put_stack("network", &[("Subnet", "subnet-0a"), ("Odd", "<&>")]);
    let outputs = is(aws.stack_outputs("network").await);
    let expected = [("Odd", "<&>"), ("Subnet", "subnet-0a")];
    assert_eq!(
        outputs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(aws.stack_outputs("none").await, Known::Absent);
    sandbox.deny_action("cloudformation:DescribeStacks");
    assert_eq!(aws.stack_outputs("network").await, denied("cloudformation:DescribeStacks"));
}

#[tokio::test]
async fn file_systems_with_their_mount_targets_and_access_points() {
    let (sandbox, aws) = account().await;
    sandbox.put_file_system("fs-1", "available");
    let target = MountTargetOptions {
        file_system: "fs-1".to_owned(),
        subnet: "subnet-0b".to_owned(),
        state: "available".to_owned(),
        security_groups: owned(&["sg-0a"]),
    };
    sandbox.put_mount_target("fsmt-1", target);
    sandbox.put_access_point("fsap-1", "fs-1", "available");
    sandbox.put_access_point("fsap-2", "fs-2", "creating");
    let wanted = BTreeMap::from([
        ("fs-1".to_owned(), owned(&["fsap-1", "fsap-2", "fsap-none"])),
        ("fs-none".to_owned(), Vec::new()),
    ]);
    let found = aws.file_systems(&wanted).await;
    let system = is(found["fs-1"].clone());
    assert_eq!(system.state, "available");
    let targets = is(system.mount_targets);
    assert_eq!(targets.len(), 1);
    assert_eq!((targets[0].zone.as_str(), targets[0].subnet.as_str()), ("us-east-1b", "subnet-0b"));
    assert_eq!(targets[0].vpc, "vpc-0a1b2c3d4e5f60718");
    assert_eq!(targets[0].security_groups, Known::Is(owned(&["sg-0a"])));
    let points: Vec<_> =
        is(system.access_points).into_iter().map(|it| (it.id, it.file_system, it.state)).collect();
    let point = |id: &str, of: &str, state: &str| (id.to_owned(), of.to_owned(), state.to_owned());
    assert_eq!(points, [point("fsap-1", "fs-1", "available"), point("fsap-2", "fs-2", "creating")]);
    assert_eq!(found["fs-none"], Known::Absent);

    sandbox.deny_action("elasticfilesystem:DescribeMountTargetSecurityGroups");
    sandbox.deny_action("elasticfilesystem:DescribeAccessPoints");
    let system = is(aws.file_systems(&wanted).await["fs-1"].clone());
    let groups = is(system.mount_targets)[0].security_groups.clone();
    assert_eq!(groups, denied("elasticfilesystem:DescribeMountTargetSecurityGroups"));
    assert_eq!(system.access_points, denied("elasticfilesystem:DescribeAccessPoints"));
    sandbox.deny_action("elasticfilesystem:DescribeFileSystems");
    assert_eq!(aws.file_systems(&wanted).await["fs-1"], denied("elasticfilesystem:DescribeFileSystems"));
}

#[tokio::test]
async fn the_quota_of_vcpus() {
    let (sandbox, aws) = account().await;
    sandbox.set_vcpu_quota(6);
    assert_eq!(aws.vcpu_quota().await, Known::Is(6));
    sandbox.deny_action("servicequotas:GetServiceQuota");
    assert_eq!(aws.vcpu_quota().await, denied("servicequotas:GetServiceQuota"));
}

#[tokio::test]
async fn clusters_services_target_groups_and_log_groups() {
    let (sandbox, aws) = account().await;
    sandbox.create_cluster("demo");
    let group = sandbox.create_target_group("web", TargetGroupOptions::default());
    let logs = json!({ "logConfiguration": { "logDriver": "awslogs", "options": {
        "awslogs-group": "/ecs/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"
    } } });
    serve(&sandbox, &definition(&logs), &json!({ "tags": [{ "key": "team", "value": "a" }] }));

    let cluster = is(aws.cluster("demo").await);
    assert_eq!(
        (cluster.status.as_str(), cluster.capacity_providers),
        ("ACTIVE", owned(&["FARGATE", "FARGATE_SPOT"]))
    );
    assert_eq!(aws.cluster("none").await, Known::Absent);
    let service = is(aws.service_document("demo", "web").await);
    assert_eq!(service["serviceName"], "web");
    assert_eq!(service["tags"], json!([{ "key": "team", "value": "a" }]));
    assert_eq!(aws.service_document("demo", "none").await, Known::Absent);

    let none = group.replace("/web/", "/none/");
    let groups = aws.target_groups(&[group.clone(), none.clone()]).await;
    let TargetGroupFacts { target_type, deregistration_delay_s, load_balancers, .. } =
        is(groups[&group].clone());
    assert_eq!((target_type.as_str(), load_balancers.len()), ("ip", 1));
    assert_eq!(deregistration_delay_s, Known::Is(10));
    assert_eq!(groups[&none], Known::Absent);

    let found = aws.log_groups(&owned(&["/ecs/web", "/ecs/w"]), None).await;
    assert!(found["/ecs/web"].get().is_some(), "{found:?}");
    assert_eq!(found["/ecs/w"], Known::Absent, "a prefix is not the group");
    // What a seeded task definition names is there.
    assert!(aws.role("arn:aws:iam::000000000000:role/execution").await.get().is_some());

    for action in [
        "ecs:DescribeClusters",
        "ecs:DescribeServices",
        "elasticloadbalancing:DescribeTargetGroups",
        "logs:DescribeLogGroups",
    ] {
        sandbox.deny_action(action);
    }
    assert_eq!(aws.cluster("demo").await, denied("ecs:DescribeClusters"));
    assert_eq!(aws.service_document("demo", "web").await, denied("ecs:DescribeServices"));
    // One that was not described a moment ago.
    let other = sandbox.create_target_group("other", TargetGroupOptions::default());
    let groups = aws.target_groups(std::slice::from_ref(&other)).await;
    assert_eq!(groups[&other], denied("elasticloadbalancing:DescribeTargetGroups"));
    let found = aws.log_groups(&owned(&["/ecs/web"]), Some("us-east-1")).await;
    assert_eq!(found["/ecs/web"], denied("logs:DescribeLogGroups"));
}

/// The signed client goes through the connector that the SDK's clients were given, on paused time, and every attempt is
/// counted.
#[tokio::test(start_paused = true)]
async fn faults_are_retried_and_every_attempt_is_counted() {
    let wire = Wire::new(InProcess::new(Options::default()), 5);
    let endpoint = StaticEndpoint {
        url: "http://aws.invalid".to_owned(),
        access_key_id: "AKIASANDBOXSANDBOX00".to_owned(),
        secret_access_key: "made-up".to_owned(),
    };
    let settings = AwsSettings {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint),
        http: Some(SharedHttpClient::new(wire.clone())),
        ..AwsSettings::default()
    };
    let aws = Aws::connect(settings).await.expect("clients");
    let attempts = || aws.calls.counts().get("ec2:DescribeSubnets").copied().unwrap_or(0);
    let subnets = owned(&["subnet-0a"]);

    let resets = Faults { resets: 1.0, ..Faults::default() };
    for faults in [
        resets,
        Faults { throttled: 1.0, ..Faults::default() },
        Faults { server_errors: 1.0, ..Faults::default() },
        Faults { hangs: 1.0, ..Faults::default() },
    ] {
        let before = attempts();
        wire.set_faults(faults);
        let mend = async {
            wire.struck().await;
            wire.set_faults(Faults::default());
        };
        let (network, ()) = tokio::join!(aws.network(&subnets), mend);
        assert_eq!(is(network).subnets.len(), 1, "{faults:?}");
        assert!(attempts() > before + 1, "{faults:?}");
    }

    let before = attempts();
    wire.set_faults(resets);
    let network = aws.network(&subnets).await;
    assert!(matches!(&network, Known::Unknown { why } if why.contains("ec2:DescribeSubnets")), "{network:?}");
    assert_eq!(attempts(), before + 4);
}
