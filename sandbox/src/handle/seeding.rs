//! Putting things into the account before anything talks to it.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{Sandbox, SandboxError};
use crate::{
    BucketOptions,
    world::{ApiError, RepositoryOptions, TargetGroupOptions},
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

impl Sandbox {
    /// Makes a cluster; an existing one is left alone.
    pub fn create_cluster(&self, name: &str) {
        self.shared.world().world.create_cluster(name);
    }

    /// Sets what DescribeClusters says of a cluster that is there (`DEPROVISIONING`); its services go on.
    pub fn set_cluster_status(&self, name: &str, status: &str) {
        self.shared.world().world.set_cluster_status(name, status);
    }

    /// Makes an image repository with AWS's defaults; an existing one is left alone.
    pub fn create_repository(&self, name: &str) {
        self.create_repository_with(name, RepositoryOptions::default());
    }

    /// Makes an image repository; an existing one is left alone.
    pub fn create_repository_with(&self, name: &str, options: RepositoryOptions) {
        self.shared.world().world.create_repository(name, options);
    }

    /// Makes a bucket; an existing one is left alone.
    ///
    /// Errors: [`SandboxError::Name`], [`SandboxError::Storage`].
    pub fn create_bucket(&self, name: &str) -> Result<(), SandboxError> {
        let path = self.shared.objects.files().bucket(name).ok_or_else(|| bad_name(name))?;
        Ok(std::fs::create_dir_all(path)?)
    }

    /// Makes a bucket that is like this, or changes an existing one; its objects stay.
    ///
    /// Errors: [`SandboxError::Name`], [`SandboxError::Storage`].
    pub fn set_bucket(&self, name: &str, options: BucketOptions) -> Result<(), SandboxError> {
        self.create_bucket(name)?;
        self.shared.objects.set_bucket(name, options);
        Ok(())
    }

    /// Takes an action from the caller (not from tasks), by IAM's name, e.g. `s3:GetObject`:
    /// the service refuses it from then on, S3 with 403 AccessDenied.
    pub fn deny_action(&self, action: &str) {
        self.shared.world().world.deny_action(action);
    }

    /// Gives a denied action back to the caller.
    pub fn allow_action(&self, action: &str) {
        self.shared.world().world.allow_action(action);
    }

    /// Sets what essential containers write to their log before they exit by themselves.
    pub fn set_last_words(&self, lines: &[&str]) {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        self.shared.world().world.set_last_words(lines);
    }

    /// Deletes a log group with all its streams, where it is there.
    pub fn delete_log_group(&self, name: &str) {
        self.shared.world().world.delete_log_group(name);
    }

    /// Writes an object; an existing one is replaced.
    ///
    /// Errors: [`SandboxError::NoBucket`], [`SandboxError::Name`], [`SandboxError::Storage`].
    pub fn put_object(&self, bucket: &str, key: &str, bytes: &[u8]) -> Result<(), SandboxError> {
        self.write_object(bucket, key, bytes, None)
    }

    /// Writes an object as if it had been last modified at another time; an existing one is replaced.
    ///
    /// Errors: as [`put_object`](Sandbox::put_object).
    pub fn put_object_at(
        &self,
        bucket: &str,
        key: &str,
        bytes: &[u8],
        last_modified: SystemTime,
    ) -> Result<(), SandboxError> {
        self.write_object(bucket, key, bytes, Some(last_modified))
    }

    fn write_object(
        &self,
        bucket: &str,
        key: &str,
        bytes: &[u8],
        last_modified: Option<SystemTime>,
    ) -> Result<(), SandboxError> {
        let objects = &self.shared.objects;
        if !objects.files().bucket(bucket).is_some_and(|path| path.is_dir()) {
            return Err(SandboxError::NoBucket { bucket: bucket.to_owned() });
        }
        let path = objects.files().object(bucket, key).ok_or_else(|| bad_name(key))?;
        Ok(objects.write((bucket, key), &path, bytes, last_modified)?)
    }

    /// Makes a target group with a load balancer and returns its ARN; one of that name is left alone.
    pub fn create_target_group(&self, name: &str, options: TargetGroupOptions) -> String {
        self.shared.world().world.create_target_group(name, options)
    }

    /// Takes a target group out of every listener; its targets stay.
    pub fn detach_target_group(&self, arn: &str) {
        self.shared.world().world.detach_target_group(arn);
    }

    /// Puts a tiny valid image (a config, one small layer, a manifest) under a tag and returns the
    /// manifest's digest. Other tags and repositories give other digests.
    ///
    /// Errors: [`SandboxError::Image`] when the repository does not exist, [`SandboxError::Storage`].
    pub fn seed_image(&self, repository: &str, tag: &str) -> Result<String, SandboxError> {
        self.seed_image_of_size(repository, tag, None)
    }

    /// The same with a layer that has this many bytes by its manifest, whatever it really has.
    ///
    /// Errors: as [`seed_image`](Sandbox::seed_image).
    pub fn seed_image_of_size(
        &self,
        repository: &str,
        tag: &str,
        layer_bytes: impl Into<Option<u64>>,
    ) -> Result<String, SandboxError> {
        let layer = tiny_tar(&format!("{repository}:{tag}\n"));
        let layer_digest = self.shared.blobs.put(&layer)?;
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Cmd": ["/bin/true"] },
            "rootfs": { "type": "layers", "diff_ids": [layer_digest] },
            "history": [{ "created_by": "sandbox" }],
        })
        .to_string();
        let config_digest = self.shared.blobs.put(config.as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config_digest,
                "size": config.len(),
            },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": layer_digest,
                "size": layer_bytes.into().unwrap_or(layer.len() as u64),
            }],
        })
        .to_string();
        let mut timed = self.shared.world();
        let now = timed.now();
        let world = &mut timed.world;
        world.add_blob(repository, &layer_digest)?;
        world.add_blob(repository, &config_digest)?;
        Ok(world.put_manifest(repository, tag, MANIFEST, manifest.into_bytes(), now)?)
    }

    /// Registers a task definition from the JSON of RegisterTaskDefinition and returns its ARN.
    ///
    /// Errors: what AWS would answer.
    pub fn register_task_definition(&self, input: &Value) -> Result<String, ApiError> {
        self.shared.world().world.seed_task_definition(input)
    }

    /// Creates a service from the JSON of CreateService and returns its ARN.
    ///
    /// Errors: what AWS would answer.
    pub fn create_service(&self, input: &Value) -> Result<String, ApiError> {
        self.shared.world().world.seed_service(input)
    }

    /// Lets virtual time pass, at once, until all services are steady: tasks RUNNING, targets
    /// healthy, deployments COMPLETED. From then on the scenario is in force.
    ///
    /// Errors: [`SandboxError::NeverSteady`].
    pub fn settle(&self) -> Result<(), SandboxError> {
        let mut timed = self.shared.world();
        let now = timed.now();
        timed.world.advance(now);
        let settled = timed.world.settle()?;
        timed.clock.jump(settled);
        Ok(())
    }
}

fn bad_name(name: &str) -> SandboxError {
    SandboxError::Name { name: name.to_owned() }
}

/// A tar archive with one short file in it.
fn tiny_tar(content: &str) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &[u8]| {
        for (place, byte) in header.iter_mut().skip(at).zip(text) {
            *place = *byte;
        }
    };
    put(0, b"sandbox.txt");
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (place, byte) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *place = byte;
    }
    let mut archive = header.to_vec();
    archive.extend_from_slice(content.as_bytes());
    let whole_blocks = archive.len().div_ceil(512) * 512;
    // Two empty blocks end an archive.
    archive.resize(whole_blocks + 1024, 0);
    archive
}
