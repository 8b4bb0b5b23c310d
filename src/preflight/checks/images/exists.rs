//! Images are in their registries (facts 5.1, P1).

use crate::aws::account::Known;
use crate::image::Reference;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The images are there.
pub const CHECK: Check = Check {
    code: "images-exist",
    title: "The images that this run does not push exist",
    severity: Severity::Error,
    cause: "A task whose image is not in its registry stops before it starts. Images that Landfall pushes, and those of \
            the configuration, were looked up with the plan.",
    fix: &["Push the image, or correct its name, tag, account and Region."],
    prevents: &["image-not-found", "image-reference-invalid", "image-private-or-missing"],
    source: "task_cannot_pull_image",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    for container in input.containers() {
        let image = container.image();
        if image.is_empty() {
            tally.problem(container.subject(), "it has no image");
        } else if let Err(error) = image.parse::<Reference>() {
            tally.problem(container.subject(), format!("`{image}` is no image reference: {error}"));
        } else if input.images.iter().any(|facts| facts.container == container.name) {
            // Of this run: there, or about to be.
        } else if let Some(known) = input.facts.images.get(image) {
            if *known == Known::Absent {
                tally.problem(container.subject(), format!("the image {image} does not exist"));
            } else {
                tally.know(known);
            }
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{IMAGE, denied, passes, problem, wants};

    #[test]
    fn a_missing_image_is_refused() {
        let said = problem(&CHECK, |world| {
            world.images.clear();
            world.facts.images.insert(IMAGE.into(), Known::Absent);
        });
        assert_eq!(said, format!("container app: the image {IMAGE} does not exist"));
        let said = problem(&CHECK, |world| world.container()["image"] = json!("Web Server"));
        assert!(said.contains("`Web Server` is no image reference"), "{said}");
    }

    #[test]
    fn an_image_of_this_run_passes() {
        passes(&CHECK, |world| {
            world.facts.images.insert(IMAGE.into(), Known::Absent);
        });
        passes(&CHECK, |world| world.images.clear());
    }

    #[test]
    fn a_hidden_image_cannot_be_told() {
        wants(&CHECK, "ecr:DescribeImages", |world| {
            world.images.clear();
            world.facts.images.insert(IMAGE.into(), denied("ecr:DescribeImages"));
        });
    }
}
