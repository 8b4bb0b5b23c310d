//! Images run where the task definition puts them, and fit there (facts 5.1, P4 and P8).

use crate::error::Result;
use crate::plan::{check_platform, check_storage};
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The images have the platform.
pub const PLATFORM: Check = Check {
    code: "image-platform",
    title: "The images have the platform that the task definition asks for",
    severity: Severity::Error,
    cause: "An image for another architecture cannot be pulled, or its program ends with `exec format error`.",
    fix: &[
        "Build with `docker buildx build --platform linux/amd64`, or set runtimePlatform.cpuArchitecture.",
    ],
    prevents: &["image-platform-mismatch", "exec-format-error", "image-not-an-image"],
    source: "task_cannot_pull_image",
    run: run_platform,
};

/// The images fit.
pub const STORAGE: Check = Check {
    code: "image-storage",
    title: "The images fit in the task's ephemeral storage",
    severity: Severity::Error,
    cause: "Compressed and unpacked layers count against ephemeral storage, 20 GiB unless set: the pull ends with `no \
            space left on device`.",
    fix: &["Make the image smaller, or set ephemeralStorage.sizeInGiB (21 to 200)."],
    prevents: &["ephemeral-storage-full"],
    source: "fargate-task-storage",
    run: run_storage,
};

fn run_platform(input: &Input<'_>) -> Outcome {
    if input.images.is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    for image in input.images {
        let found = check_platform(input.definition, &image.container, &image.variants);
        refuse(&mut tally, format!("container {}", image.container), found);
    }
    tally.outcome()
}

fn run_storage(input: &Input<'_>) -> Outcome {
    if input.images.is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    refuse(&mut tally, "ephemeralStorage".to_owned(), check_storage(input.definition, input.images));
    tally.outcome()
}

fn refuse(tally: &mut Tally, subject: String, found: Result<()>) {
    if let Err(error) = found {
        tally.problem(subject, error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::testing::{does_not_apply, passes, problem};

    #[test]
    fn another_platform_is_refused() {
        let said = problem(&PLATFORM, |world| world.images[0].variants[0].platform = "linux/arm64".into());
        assert!(said.starts_with("container app: the image of container app is for linux/arm64"), "{said}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let said = problem(&STORAGE, |world| world.images[0].variants[0].size = 25 << 30);
        assert!(
            said.starts_with("ephemeralStorage: the images of the task need at least 25.0 GiB"),
            "{said}"
        );
    }

    #[test]
    fn a_fitting_image_passes() {
        for check in [&PLATFORM, &STORAGE] {
            passes(check, |_| {});
            does_not_apply(check, |world| world.images.clear());
        }
    }
}
