//! Someone else deploys in the middle of a deployment.

use serde_json::{Map, Value};

use crate::world::World;

/// Fields of a registered revision that RegisterTaskDefinition does not take.
const ADDED_BY_ECS: [&str; 7] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
];

impl World {
    /// Registers a copy of the newest revision as another user and puts the service on it.
    pub(super) fn interfere(&mut self, index: usize) {
        let service = &mut self.services[index];
        service.interference_at = None;
        service.interfered = true;
        let Some(primary) = service.deployments.first() else { return };
        let Some(revision) = self.task_definitions.by_arn(&primary.task_definition) else { return };
        let mut copy: Map<String, Value> = revision.document.clone();
        for field in ADDED_BY_ECS {
            copy.shift_remove(field);
        }
        let someone = format!("arn:aws:iam::{}:user/someone-else", self.account);
        // A copy of a registered revision passes the checks that the original passed.
        let Ok(answer) = self.register_as(&Value::Object(copy), &someone) else { return };
        let arn = answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap_or_default().to_owned();
        self.start_deployment(index, arn, false);
    }
}
