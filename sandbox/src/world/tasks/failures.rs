//! Why a task does not start (facts 2.5 and 5.1).

use std::collections::BTreeMap;

use super::{
    Fate,
    environment::{self, FileFailure},
};
use crate::world::{World, images::ImageReference, json::list};

impl World {
    /// What stops a task when it fetches its environment files and images, if anything does.
    /// The container that is to blame comes with the text. When nothing does, the containers have
    /// their environment from then on.
    pub(super) fn start_failure(&mut self, task: usize) -> Option<(Option<String>, String)> {
        let environments = match self.environments(task) {
            Ok(environments) => environments,
            Err(failure) => return Some((None, self.environment_file_text(failure))),
        };
        let gone = self.tasks[task].fate == Fate::ImageGone;
        for container in &mut self.tasks[task].containers {
            match self.registry.pull(&container.image) {
                Some(digest) if !gone => container.image_digest = Some(digest),
                _ => return Some((Some(container.name.clone()), not_found(&container.image))),
            }
        }
        for (container, environment) in self.tasks[task].containers.iter_mut().zip(environments) {
            container.environment = Some(environment);
        }
        None
    }

    /// The variables of each container, from the objects as they are at this moment (facts 2.1).
    fn environments(&self, task: usize) -> Result<Vec<BTreeMap<String, String>>, FileFailure> {
        let task = &self.tasks[task];
        let revision = self.task_definitions.by_arn(&task.task_definition);
        let containers = revision.map_or(&[][..], |revision| revision.containers());
        let has_files = containers.iter().any(|container| !list(container, "environmentFiles").is_empty());
        if has_files && task.fate == Fate::EnvironmentFileDenied {
            return Err(FileFailure::Missing);
        }
        containers.iter().map(|container| environment::effective(container, &*self.objects)).collect()
    }

    fn environment_file_text(&mut self, failure: FileFailure) -> String {
        let start = "ResourceInitializationError: failed to download env files:";
        match failure {
            // S3 says 403 for a missing key too when the role may not list the bucket (facts 2.4).
            FileFailure::Missing => format!(
                "{start} service call has been retried 1 time(s): operation error S3: HeadObject, https response error StatusCode: 403, RequestID: {}, HostID: {}, api error Forbidden: Forbidden",
                self.random.hex(16).to_uppercase(),
                self.random.hex(24),
            ),
            // How ECS words these two is not known.
            FileFailure::NotText => format!("{start} the file is not valid UTF-8"),
            FileFailure::LongLine => format!("{start} bufio.Scanner: token too long"),
        }
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
