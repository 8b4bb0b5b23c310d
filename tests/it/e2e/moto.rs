//! What moto keeps of a task definition and of a service, against what was written: a second opinion on the
//! idempotence that tests/it/plan_idempotence.rs holds the sandbox to. moto is one account for all tests and all runs.

use landfall::task_definition::TaskDefinition;
use serde_json::json;

use super::raw::{Query, Raw, element, elements};
use super::unique;
use crate::plan_idempotence::{
    Furniture, RealService, RealTaskDefinition, different, own_cases, real_services, real_task_definitions,
    updates,
};
use crate::stage::lay_over;

/// A client of moto.
#[derive(Clone)]
pub struct Moto(Raw);

impl std::ops::Deref for Moto {
    type Target = Raw;

    fn deref(&self) -> &Raw {
        &self.0
    }
}

impl Moto {
    pub fn connect() -> Self {
        Self(Raw::of("LANDFALL_E2E_MOTO"))
    }

    /// Registers and describes; a refusal of moto's is an error.
    async fn round(&self, written: &TaskDefinition) -> Result<Vec<String>, String> {
        let registered = self.try_ecs("RegisterTaskDefinition", written.to_value()).await?;
        let arn = &registered["taskDefinition"]["taskDefinitionArn"];
        let described = self
            .try_ecs("DescribeTaskDefinition", json!({ "taskDefinition": arn, "include": ["TAGS"] }))
            .await?;
        Ok(different(described, written))
    }

    /// The default VPC.
    pub async fn network(&self) -> Network {
        let subnets = self.query(Query::Ec2, "DescribeSubnets", &[]).await;
        let vpc = element(&subnets, "vpcId");
        let mut ids = elements(&subnets, "subnetId");
        let groups = self
            .query(
                Query::Ec2,
                "DescribeSecurityGroups",
                &[("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", &vpc)],
            )
            .await;
        Network {
            subnets: std::array::from_fn(|_| ids.next().expect("two subnets")),
            security_group: element(&groups, "groupId"),
            vpc,
        }
    }
}

/// Where tasks can run.
pub struct Network {
    pub vpc: String,
    pub subnets: [String; 2],
    pub security_group: String,
}

/// What moto drops of our own cases, and why. Nothing else may be missing, and all of this has to be.
const DROPPED: [(&str, &str); 2] = [
    ("inventedField.deep", "moto answers by AWS's model of today, which has no such field"),
    ("containerDefinitions[app].inventedInside", "the same within a container"),
];

#[tokio::test]
async fn every_way_to_write_the_same_is_the_same() {
    let moto = Moto::connect();
    let mut found = Vec::new();
    for value in own_cases() {
        let written = TaskDefinition::from_value(value).expect("a definition");
        found.extend(moto.round(&written).await.unwrap_or_else(|refusal| panic!("{refusal}")));
    }
    assert_eq!(found, DROPPED.map(|(path, _)| path));
}

#[tokio::test]
async fn real_task_definitions_come_back_without_a_difference() {
    let moto = Moto::connect();
    let all = real_task_definitions();
    if all.is_empty() {
        return;
    }
    let (mut same, mut invalid) = (0, 0);
    let mut wrong = Vec::new();
    for RealTaskDefinition { name, document, troubles } in all {
        let Ok(written) = TaskDefinition::from_value(document) else {
            invalid += 1;
            continue;
        };
        // A field that AWS's model does not have is dropped there (see DROPPED); the rest AWS refuses.
        if !troubles.is_empty() {
            invalid += 1;
            continue;
        }
        match moto.round(&written).await {
            Ok(found) if found.is_empty() => same += 1,
            other => wrong.push(format!("{name} {other:?}")),
        }
    }
    println!("{same} come back as they were, {invalid} are none that AWS would take");
    assert_eq!(wrong, Vec::<String>::new());
    assert!(same > 20, "{same} of {}", same + invalid);
}

/// Attributes of services that moto's CreateService does not read, so that DescribeServices cannot show them.
const NOT_READ: [(&str, &str); 4] = [
    ("deploymentConfiguration", "the circuit breaker and the percentages"),
    ("enableExecuteCommand", "moto shows none"),
    ("healthCheckGracePeriodSeconds", "moto shows none"),
    ("loadBalancer", "no attribute of AWS's: a slip of one file, which the checks of documents name"),
];

#[tokio::test]
async fn real_services_come_back_without_a_difference() {
    let moto = Moto::connect();
    let cluster = unique("real");
    moto.ecs("CreateCluster", json!({ "clusterName": cluster })).await;
    let network = moto.network().await;
    let furniture = Furniture {
        subnets: &network.subnets,
        security_group: &network.security_group,
        target_group: "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/real/0123456789abcdef",
    };
    let all = real_services(&furniture);
    if all.is_empty() {
        return;
    }
    let number = all.len();
    let mut wrong = Vec::new();
    for RealService { name, file, task_definition, mut creation } in all {
        let registered = moto.ecs("RegisterTaskDefinition", task_definition).await;
        let arn = &registered["taskDefinition"]["taskDefinitionArn"];
        lay_over(
            &mut creation,
            &json!({ "cluster": cluster, "serviceName": name.split('.').next(), "taskDefinition": arn }),
        );
        let which = json!({ "cluster": cluster, "services": [creation["serviceName"]] });
        if let Err(refusal) = moto.try_ecs("CreateService", creation).await {
            wrong.push(format!("{name}: {refusal}"));
            continue;
        }
        let found = updates(&moto.ecs("DescribeServices", which).await, &file).into_iter().filter(|path| {
            let attribute = path.split('.').next().unwrap_or_default();
            !NOT_READ.iter().any(|(unread, _)| *unread == attribute)
        });
        wrong.extend(found.map(|path| format!("{name}: {path}")));
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(number > 10, "{number}");
}
