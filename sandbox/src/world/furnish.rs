//! Making what a seeded task definition names.

use serde_json::Value;

use super::{
    World,
    json::{list, text},
};

impl World {
    /// Makes the roles, secrets, parameters and file systems that a task definition names, so that tasks could start.
    pub(crate) fn furnish(&mut self, definition: &Value) {
        for role in ["executionRoleArn", "taskRoleArn"].iter().filter_map(|name| text(definition, name)) {
            self.furnish_role(role);
        }
        for container in list(definition, "containerDefinitions") {
            let log = container.get("logConfiguration").map_or(&[][..], |log| list(log, "secretOptions"));
            for secret in list(container, "secrets").iter().chain(log) {
                if let Some(from) = text(secret, "valueFrom") {
                    self.furnish_value(from);
                }
            }
        }
        for volume in list(definition, "volumes") {
            let Some(mounted) = volume.get("efsVolumeConfiguration") else { continue };
            let access_point =
                mounted.get("authorizationConfig").and_then(|config| text(config, "accessPointId"));
            if let Some(id) = text(mounted, "fileSystemId") {
                self.furnish_file_system(id, access_point);
            }
        }
    }
}
