//! The buildspec that builds and deploys, its commands run as CodeBuild runs them, against ministack and the Docker engine.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use super::ministack::Ministack;
use super::{load_hello, part, unique};
use crate::codebuild::{Buildspec, COMMIT, build_variables};
use crate::package::Release;

/// Buildx pulls a builder to write an OCI layout, and nothing can be pulled here: the engine builds in its place, and
/// skopeo writes what buildx would. All other commands are the engine's client.
const DOCKER: &str = r#"#!/bin/sh
set -eu
real() { PATH=$REAL_PATH DOCKER_BUILDKIT=0 docker -H "$ENGINE" "$@"; }
case "$1 ${2:-}" in
'buildx create') exit 0 ;;
'buildx build') shift 2 ;;
*) real "$@"; exit ;;
esac
while [ $# -gt 1 ]; do
    case $1 in
    --output) output=$2; shift 2 ;;
    --platform) shift 2 ;;
    *) echo "docker: no $1 here" >&2; exit 9 ;;
    esac
done
case $output in type=oci,dest=*) archive=${output#type=oci,dest=} ;; *) echo "docker: no $output here" >&2; exit 9 ;; esac
real build --quiet --tag "$TAG" "$1"
real save --output saved.tar "$TAG"
skopeo copy --quiet docker-archive:saved.tar "oci-archive:$archive"
"#;

fn write_program(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buildspec_builds_an_image_and_deploys_it() {
    let source = tempfile::tempdir().expect("a folder");
    let tools = tempfile::tempdir().expect("a folder");
    let name = unique("codebuild");
    load_hello(tools.path(), &name, "v1");
    let ministack = Ministack::connect();
    let service = ministack.web_service(&name, &format!("{name}:v1")).await;
    // The source of the build: the image that runs, with another greeting.
    std::fs::write(source.path().join("Dockerfile"), format!("FROM {name}:v1\nENV BUILT={COMMIT}\n"))
        .expect("written");
    write_program(&tools.path().join("docker"), DOCKER);

    let release = Release::of_this_build();
    let path = std::env::var("PATH").expect("a PATH");
    let mut variables = build_variables(COMMIT);
    variables.extend(ministack.environment());
    variables.extend(release.variables());
    let more = [
        ("HOME", source.path().display().to_string()),
        ("PATH", format!("{}:{path}", tools.path().display())),
        ("REAL_PATH", path),
        ("ENGINE", part("LANDFALL_E2E_DOCKER_HOST")),
        ("TAG", format!("{name}:built")),
        ("LANDFALL_CLUSTER", name.clone()),
        ("LANDFALL_SERVICE", name.clone()),
        ("REPOSITORY", service.repository.clone()),
    ];
    variables.extend(more.map(|(name, value)| (name.to_owned(), value)));
    let folder = source.path().to_owned();
    let run = move || Buildspec::read("buildspec.yml").run(&folder, &variables);
    let output = tokio::task::spawn_blocking(run).await.expect("it ran");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    for file in Buildspec::read("buildspec.yml").left_behind(source.path()) {
        assert!(file.is_file(), "{}: {said}", file.display());
    }

    let live = ministack.service(&name).await;
    let described =
        ministack.ecs("DescribeTaskDefinition", json!({ "taskDefinition": live["taskDefinition"] })).await;
    let image = &described["taskDefinition"]["containerDefinitions"][0]["image"];
    let written = std::fs::read(source.path().join("imagedefinitions.json")).expect("it is there");
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(written, json!([{ "name": "web", "imageUri": image }]));
    assert!(
        image.as_str().is_some_and(|image| image.starts_with(&format!("{}@sha256:", service.repository)))
    );
}
