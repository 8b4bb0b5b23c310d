//! Elastic File System: file systems, mount targets, access points.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ApiError, World, json::text};

/// Everything of EFS, by id.
#[derive(Default)]
pub(crate) struct FileSystems {
    file_systems: BTreeMap<String, String>,
    mount_targets: BTreeMap<String, MountTargetOptions>,
    access_points: BTreeMap<String, (String, String)>,
}

/// What a mount target is like.
#[derive(Clone, Debug)]
pub struct MountTargetOptions {
    /// `fs-...`
    pub file_system: String,
    /// `subnet-...`; its zone and VPC are the subnet's.
    pub subnet: String,
    /// `available`, `creating`, ...
    pub state: String,
    /// Its security groups.
    pub security_groups: Vec<String>,
}

impl World {
    /// Makes a file system in a state (`available`), or changes one.
    pub fn put_file_system(&mut self, id: &str, state: &str) {
        self.file_systems.file_systems.insert(id.to_owned(), state.to_owned());
    }

    /// Makes a mount target, or changes one.
    pub fn put_mount_target(&mut self, id: &str, options: MountTargetOptions) {
        self.file_systems.mount_targets.insert(id.to_owned(), options);
    }

    /// Makes an access point of a file system in a state (`available`), or changes one.
    pub fn put_access_point(&mut self, id: &str, file_system: &str, state: &str) {
        let access_point = (file_system.to_owned(), state.to_owned());
        self.file_systems.access_points.insert(id.to_owned(), access_point);
    }

    /// Makes the file system that a task definition mounts, with a mount target in each subnet, unless it is there.
    pub(crate) fn furnish_file_system(&mut self, id: &str, access_point: Option<&str>) {
        if !self.file_systems.file_systems.contains_key(id) {
            self.put_file_system(id, "available");
            let subnets: Vec<String> = self.network.subnets.keys().cloned().collect();
            for subnet in subnets {
                let target =
                    format!("fsmt-{}-{}", id.trim_start_matches("fs-"), subnet.trim_start_matches("subnet-"));
                let options = MountTargetOptions {
                    file_system: id.to_owned(),
                    subnet,
                    state: "available".to_owned(),
                    security_groups: vec!["sg-0a".to_owned()],
                };
                self.put_mount_target(&target, options);
            }
        }
        if let Some(access_point) =
            access_point.filter(|id| !self.file_systems.access_points.contains_key(*id))
        {
            self.put_access_point(access_point, id, "available");
        }
    }

    pub(crate) fn call_efs(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        match operation {
            "DescribeFileSystems" => self.describe_file_systems(input),
            "DescribeMountTargets" => self.describe_mount_targets(input),
            "DescribeMountTargetSecurityGroups" => {
                let id = text(input, "MountTargetId").unwrap_or_default();
                let message = format!("Mount target '{id}' does not exist.");
                let found = self.file_systems.mount_targets.get(id);
                let target = found.ok_or_else(|| not_found("MountTargetNotFound", message))?;
                Ok(json!({ "SecurityGroups": target.security_groups }))
            }
            "DescribeAccessPoints" => self.describe_access_points(input),
            _ => Err(ApiError::not_implemented("elasticfilesystem", operation)),
        }
    }

    fn describe_file_systems(&self, input: &Value) -> Result<Value, ApiError> {
        let asked = text(input, "FileSystemId");
        let known = &self.file_systems.file_systems;
        if let Some(id) = asked.filter(|id| !known.contains_key(*id)) {
            return Err(no_file_system(id));
        }
        let found = known.iter().filter(|(id, _)| asked.is_none_or(|asked| asked == id.as_str()));
        let render = |(id, state): (&String, &String)| {
            json!({
                "FileSystemId": id,
                "FileSystemArn": format!("arn:aws:elasticfilesystem:{}:{}:file-system/{id}", self.region, self.account),
                "OwnerId": self.account,
                "LifeCycleState": state,
                "Encrypted": true,
                "PerformanceMode": "generalPurpose",
                "Tags": [],
            })
        };
        Ok(json!({ "FileSystems": found.map(render).collect::<Vec<_>>() }))
    }

    fn describe_mount_targets(&self, input: &Value) -> Result<Value, ApiError> {
        let file_system = text(input, "FileSystemId").unwrap_or_default();
        if !self.file_systems.file_systems.contains_key(file_system) {
            return Err(no_file_system(file_system));
        }
        let found =
            self.file_systems.mount_targets.iter().filter(|(_, target)| target.file_system == file_system);
        let render = |(id, target): (&String, &MountTargetOptions)| {
            let subnet = self.network.subnets.get(&target.subnet);
            json!({
                "MountTargetId": id,
                "FileSystemId": target.file_system,
                "SubnetId": target.subnet,
                "LifeCycleState": target.state,
                "AvailabilityZoneName": subnet.map(|subnet| &subnet.zone),
                "VpcId": subnet.map(|subnet| &subnet.vpc),
                "OwnerId": self.account,
            })
        };
        Ok(json!({ "MountTargets": found.map(render).collect::<Vec<_>>() }))
    }

    fn describe_access_points(&self, input: &Value) -> Result<Value, ApiError> {
        let asked = text(input, "AccessPointId");
        let of = text(input, "FileSystemId");
        let known = &self.file_systems.access_points;
        if let Some(id) = asked.filter(|id| !known.contains_key(*id)) {
            return Err(not_found("AccessPointNotFound", format!("Access Point '{id}' does not exist.")));
        }
        let found = known.iter().filter(|(id, (file_system, _))| {
            asked.is_none_or(|asked| asked == id.as_str()) && of.is_none_or(|of| of == file_system)
        });
        let render = |(id, (file_system, state)): (&String, &(String, String))| json!({ "AccessPointId": id, "FileSystemId": file_system, "LifeCycleState": state, "OwnerId": self.account });
        Ok(json!({ "AccessPoints": found.map(render).collect::<Vec<_>>() }))
    }
}

fn not_found(code: &str, message: String) -> ApiError {
    ApiError { status: 404, ..ApiError::client(code, message) }
}

fn no_file_system(id: &str) -> ApiError {
    not_found("FileSystemNotFound", format!("File system '{id}' does not exist."))
}
