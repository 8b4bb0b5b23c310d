//! What moto keeps of a task definition and of a service, against what was written: a second opinion on the
//! idempotence that tests/it/plan_idempotence.rs holds the sandbox to. moto is one account for all tests and all runs.

use landfall::task_definition::TaskDefinition;
use serde_json::{Value, json};

use super::raw::{Query, Raw, element};
use super::unique;
use crate::plan_idempotence::{
    Furniture, RealService, different, own_cases, real_services, real_task_definitions, updates,
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

    /// A subnet of the default VPC.
    pub async fn subnet(&self) -> String {
        element(&self.query(Query::Ec2, "DescribeSubnets", &[]).await, "subnetId")
    }

    /// A security group of the default VPC.
    pub async fn security_group(&self) -> String {
        element(&self.query(Query::Ec2, "DescribeSecurityGroups", &[]).await, "groupId")
    }
}

#[tokio::test]
async fn every_way_to_write_the_same_is_the_same() {
    let moto = Moto::connect();
    let mut wrong = Vec::new();
    for value in own_cases() {
        let written = TaskDefinition::from_value(value).expect("a definition");
        match moto.round(&written).await {
            Ok(found) if found.is_empty() => {}
            other => wrong.push(format!("{other:?}")),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn real_task_definitions_come_back_without_a_difference() {
    let moto = Moto::connect();
    let mut wrong = Vec::new();
    for (name, value) in real_task_definitions() {
        let Ok(written) = TaskDefinition::from_value(value) else { continue };
        match moto.round(&written).await {
            Ok(found) if found.is_empty() => {}
            other => wrong.push(format!("{name} {other:?}")),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn real_services_come_back_without_a_difference() {
    let moto = Moto::connect();
    let cluster = unique("real");
    moto.ecs("CreateCluster", json!({ "clusterName": cluster })).await;
    let subnets = [moto.subnet().await];
    let security_group = moto.security_group().await;
    let furniture = Furniture {
        subnets: &subnets,
        security_group: &security_group,
        target_group: "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/real/0123456789abcdef",
    };
    let mut wrong = Vec::new();
    for RealService { name, file, task_definition, mut creation } in real_services(&furniture) {
        let registered = moto.ecs("RegisterTaskDefinition", task_definition).await;
        let arn = &registered["taskDefinition"]["taskDefinitionArn"];
        lay_over(
            &mut creation,
            &json!({ "cluster": cluster, "serviceName": name.split('.').next(), "taskDefinition": arn }),
        );
        match moto.try_ecs("CreateService", creation.clone()).await {
            Ok(_) => {
                let which = json!({ "cluster": cluster, "services": [creation["serviceName"]] });
                let found = updates(&moto.ecs("DescribeServices", which).await, &file);
                wrong.extend(found.into_iter().map(|found| format!("{name}: {found}")));
            }
            Err(refusal) => wrong.push(format!("{name}: {refusal}")),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
