//! The GitHub action against ministack, and what other people's linters say of it.

use std::process::Command;

use super::ministack::Ministack;
use super::{load_hello, part, unique};
use crate::action::runner::{Action, Job, program};
use crate::support::root;

/// One step from an image in the engine to a service that runs it, and a second one that has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_action_deploys_to_real_containers() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = unique("action");
    load_hello(folder.path(), &name, "v1");
    load_hello(folder.path(), &name, "v2");
    let ministack = Ministack::connect();
    let service = ministack.web_service(&name, &format!("{name}:v1")).await;
    let mut job = Job::new(&ministack.environment());
    job.set("DOCKER_HOST", &part("LANDFALL_E2E_DOCKER_HOST"));
    let (from, image) = (format!("docker:{name}:v2"), format!("{}:v2", service.repository));
    let with = [
        ("pre-built", program()),
        ("cluster", service.name.as_str()),
        ("service", service.name.as_str()),
        ("from", from.as_str()),
        ("image", image.as_str()),
        ("timeout", "5m"),
    ];
    let action = Action::read();
    let ended = tokio::task::block_in_place(|| action.run(&mut job, &with)).expect_code(0);
    assert_eq!(ended.output("verdict"), "succeeded", "{}", ended.log);
    let running = ministack.service(&name).await;
    assert_eq!(running["taskDefinition"], ended.output("task-definition-arn"));
    assert!(ended.output("image-digest").starts_with("sha256:"));
    let again = tokio::task::block_in_place(|| action.run(&mut job, &with)).expect_code(0);
    assert_eq!(again.output("verdict"), "unchanged", "{}", again.log);
}

#[test]
fn linters_of_others_have_nothing_to_say() {
    let output = Command::new(root().join("scripts/lint-workflows")).output().expect("it runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", said(&output.stdout), said(&output.stderr));
}
