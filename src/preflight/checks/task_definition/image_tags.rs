//! Images whose content changes under their name (facts 4.4).

use crate::image::Reference;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// No container runs whatever is behind a moving tag.
pub const CHECK: Check = Check {
    code: "mutable-image-tag",
    title: "No image is named by :latest or without a tag",
    severity: Severity::Warning,
    cause: "What :latest means is decided when a deployment starts: the next one may get another image, and a rollback \
            to this revision does not bring back what ran.",
    fix: &["Name the image by a version or a digest (REPOSITORY@sha256:...)."],
    prevents: &[],
    source: "deployment-container-image-stability",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    for container in input.containers() {
        // What cannot be read as a reference is another check's business.
        let Ok(reference) = container.image().parse::<Reference>() else { continue };
        if reference.digest.is_some() {
            continue;
        }
        match reference.tag.as_deref() {
            None => tally
                .problem(container.subject(), format!("{} has neither tag nor digest", container.image())),
            Some("latest") => {
                tally.problem(
                    container.subject(),
                    format!("{} means another image over time", container.image()),
                );
            }
            Some(_) => {}
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{passes, problem};

    #[test]
    fn latest_and_no_tag_are_told() {
        let said = problem(&CHECK, |world| world.container()["image"] = json!("nginx:latest"));
        assert_eq!(said, "container app: nginx:latest means another image over time");
        let said = problem(&CHECK, |world| world.container()["image"] = json!("nginx"));
        assert!(said.ends_with("neither tag nor digest"), "{said}");
    }

    #[test]
    fn a_version_or_a_digest_passes() {
        passes(&CHECK, |world| world.container()["image"] = json!("nginx:1.27"));
        let digest = format!("nginx@sha256:{}", "a".repeat(64));
        passes(&CHECK, |world| world.container()["image"] = json!(digest));
    }
}
