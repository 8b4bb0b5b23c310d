//! What the command line refuses, and how.

use crate::support::{Landfall, root};

fn refusal(args: &[&str], code: i32) -> String {
    let ran = Landfall::new(args).run().expect_code(code);
    format!("{}{}", ran.stdout(), ran.stderr())
}

#[test]
fn no_region_is_an_error_at_once() {
    let args = ["deploy", "--cluster", "c", "--service", "s", "--image", "localhost:1/x:y"];
    // With metadata allowed, the SDK's own chain would ask 169.254.169.254 and wait.
    let ran = Landfall::new(&args).env("AWS_EC2_METADATA_DISABLED", "false").run().expect_code(2);
    let text = format!("{}{}", ran.stdout(), ran.stderr());
    assert!(text.contains("no AWS Region is configured"), "{text}");
    assert!(text.contains("--region"), "{text}");
}

#[test]
fn nothing_to_deploy_is_an_error_that_says_what_to_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = Landfall::new(&["deploy"]).in_folder(folder.path()).run().expect_code(2);
    assert!(ran.all().contains("there is no landfall.yml here"), "{}", ran.all());
}

#[test]
fn a_missing_configuration_file_is_named() {
    let text = refusal(&["deploy", "--config", "nowhere/landfall.yml"], 2);
    assert!(text.contains("nowhere/landfall.yml"), "{text}");
}

#[test]
fn an_unknown_service_lists_the_known_ones() {
    let text = refusal(&["deploy", "helo", "--config", "examples/hello/landfall.yml"], 2);
    assert!(text.contains("no service `helo`") && text.contains("It has: hello"), "{text}");
}

#[test]
fn an_unknown_scenario_points_to_the_list() {
    let text = refusal(&["deploy", "--sandbox=nope", "--config", "examples/hello/landfall.yml"], 2);
    assert!(text.contains("`nope`") && text.contains("landfall sandbox --list"), "{text}");
}

#[test]
fn a_value_on_the_command_line_is_not_repeated() {
    let text = refusal(&["deploy", "--env", "canary-55aa"], 2);
    assert!(!text.contains("expected NAME=VALUE: canary"), "{text}");
}

#[test]
fn an_unwritable_recording_is_an_error_before_anything_is_done() {
    let text = refusal(
        &["deploy", "--config", "examples/hello/landfall.yml", "--sandbox", "--record", "nowhere/x"],
        2,
    );
    assert!(text.contains("nowhere/x"), "{text}");
}

#[test]
fn the_schemas_in_docs_are_current() {
    for (of, file) in [("events", "docs/events.schema.json"), ("config", "docs/landfall.schema.json")] {
        let ran = Landfall::new(&["schema", of]).run().expect_code(0);
        let kept = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        assert!(
            ran.stdout() == kept,
            "{file} is out of date; write it anew with `cargo run -- schema {of} > {file}`"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let mut child = Landfall::new(&["sandbox", "--list"])
        .into_command()
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}
