//! Reading file systems from EFS.

use std::collections::BTreeMap;

use futures_util::future::{join_all, join3};
use serde_json::Value;

use super::{AccessPoint, FileSystem, Known, MountTarget};
use crate::aws::Aws;
use crate::aws::signed::{EFS, Failure, known};

const FILE_SYSTEMS: &str = "/2015-02-01/file-systems";
const MOUNT_TARGETS: &str = "/2015-02-01/mount-targets";
const ACCESS_POINTS: &str = "/2015-02-01/access-points";

impl Aws {
    /// File systems by id, each with the access points that are mounted with it. An access point that does not exist
    /// is missing there; one that is another file system's names it.
    pub async fn file_systems(
        &self,
        wanted: &BTreeMap<String, Vec<String>>,
    ) -> BTreeMap<String, Known<FileSystem>> {
        let asked = wanted.iter().map(|(id, access_points)| async {
            let (file_system, mount_targets, access_points) =
                join3(self.file_system(id), self.mount_targets(id), self.access_points(access_points)).await;
            let facts = |state| {
                let (mount_targets, access_points) = (known(mount_targets), known(access_points));
                FileSystem { id: id.clone(), state, mount_targets, access_points }
            };
            (id.clone(), known(file_system.map(facts)))
        });
        join_all(asked).await.into_iter().collect()
    }

    /// Its state.
    async fn file_system(&self, id: &str) -> Result<String, Failure> {
        let operation = "DescribeFileSystems";
        let answer = self.signed.get(EFS, operation, FILE_SYSTEMS, &[("FileSystemId", id)]).await?;
        let state = answer.pointer("/FileSystems/0").map(|found| text(found, "LifeCycleState"));
        state.ok_or_else(|| Failure::strange("elasticfilesystem:DescribeFileSystems", "no file system"))
    }

    async fn mount_targets(&self, file_system: &str) -> Result<Vec<MountTarget>, Failure> {
        let mut found: Vec<Value> = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let mut query = vec![("FileSystemId", file_system)];
            query.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let page = self.signed.get(EFS, "DescribeMountTargets", MOUNT_TARGETS, &query).await?;
            found.extend(page["MountTargets"].as_array().cloned().unwrap_or_default());
            match page["NextMarker"].as_str() {
                Some(next) => marker = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(join_all(found.iter().map(|found| self.mount_target(found))).await)
    }

    async fn mount_target(&self, found: &Value) -> MountTarget {
        let id = text(found, "MountTargetId");
        let path = format!("{MOUNT_TARGETS}/{id}/security-groups");
        let groups = self.signed.get(EFS, "DescribeMountTargetSecurityGroups", &path, &[]).await;
        let names = |answer: Value| {
            let groups = answer["SecurityGroups"].as_array().cloned().unwrap_or_default();
            groups.iter().filter_map(|group| Some(group.as_str()?.to_owned())).collect()
        };
        MountTarget {
            id,
            zone: text(found, "AvailabilityZoneName"),
            subnet: text(found, "SubnetId"),
            vpc: text(found, "VpcId"),
            state: text(found, "LifeCycleState"),
            security_groups: known(groups.map(names)),
        }
    }

    async fn access_points(&self, ids: &[String]) -> Result<Vec<AccessPoint>, Failure> {
        let asked = ids.iter().map(|id| async {
            let query = [("AccessPointId", id.as_str())];
            match self.signed.get(EFS, "DescribeAccessPoints", ACCESS_POINTS, &query).await {
                Ok(answer) => Ok(answer.pointer("/AccessPoints/0").map(|found| AccessPoint {
                    id: id.clone(),
                    file_system: text(found, "FileSystemId"),
                    state: text(found, "LifeCycleState"),
                })),
                Err(failure) if failure.known::<()>() == Known::Absent => Ok(None),
                Err(failure) => Err(failure),
            }
        });
        join_all(asked).await.into_iter().filter_map(Result::transpose).collect()
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
