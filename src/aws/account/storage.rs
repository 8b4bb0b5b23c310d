//! File systems of EFS.

use super::Known;

/// A file system that a task definition mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// `fs-...`
    pub id: String,
    /// `available`
    pub state: String,
    /// Where it can be reached.
    pub mount_targets: Known<Vec<MountTarget>>,
    /// Those that the task definition names.
    pub access_points: Known<Vec<AccessPoint>>,
}

/// Where a file system can be reached in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountTarget {
    /// `fsmt-...`
    pub id: String,
    /// `us-east-1a`
    pub zone: String,
    /// `subnet-...`
    pub subnet: String,
    /// `vpc-...`
    pub vpc: String,
    /// `available`
    pub state: String,
    /// Its security groups.
    pub security_groups: Known<Vec<String>>,
}

/// A way into a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPoint {
    /// `fsap-...`
    pub id: String,
    /// The file system that it belongs to.
    pub file_system: String,
    /// `available`
    pub state: String,
}
