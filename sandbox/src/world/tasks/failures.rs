//! Why a task does not start (facts 2.5 and 5.1).

use super::Fate;
use crate::world::{
    World,
    images::ImageReference,
    json::{list, text},
    task_definitions::parse_object_arn,
};

impl World {
    /// What stops a task when it fetches its environment files and images, if anything does.
    /// The container that is to blame comes with the text.
    pub(super) fn start_failure(&mut self, task: usize) -> Option<(Option<String>, String)> {
        if let Some(reason) = self.environment_file_failure(task) {
            return Some((None, reason));
        }
        let gone = self.tasks[task].fate == Fate::ImageGone;
        for container in &mut self.tasks[task].containers {
            match self.registry.pull(&container.image) {
                Some(digest) if !gone => container.image_digest = Some(digest),
                _ => return Some((Some(container.name.clone()), not_found(&container.image))),
            }
        }
        None
    }

    fn environment_file_failure(&mut self, task: usize) -> Option<String> {
        let denied = self.tasks[task].fate == Fate::EnvironmentFileDenied;
        let revision = self.task_definitions.by_arn(&self.tasks[task].task_definition)?;
        let mut files =
            revision.containers().iter().flat_map(|container| list(container, "environmentFiles"));
        let unreadable = files.any(|file| {
            let object = text(file, "value").and_then(parse_object_arn);
            denied || !object.is_some_and(|(bucket, key)| self.objects.exists(bucket, key))
        });
        // S3 says 403 for a missing key too when the role may not list the bucket (facts 2.4).
        unreadable.then(|| {
            format!(
                "ResourceInitializationError: failed to download env files: service call has been retried 1 time(s): operation error S3: HeadObject, https response error StatusCode: 403, RequestID: {}, HostID: {}, api error Forbidden: Forbidden",
                self.random.hex(16).to_uppercase(),
                self.random.hex(24),
            )
        })
    }
}

fn not_found(image: &str) -> String {
    let reference = ImageReference::parse(image);
    let full = match (&reference.tag, &reference.digest) {
        (None, None) => format!("{image}:latest"),
        _ => image.to_owned(),
    };
    format!(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {full}: {full}: not found"
    )
}
