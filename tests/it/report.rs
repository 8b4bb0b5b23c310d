//! `--report FILE` through the binary.

use std::path::Path;

use crate::stage::SPEED;
use crate::support::{Landfall, Ran};

const HELLO: &str = "examples/hello/landfall.yml";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs a deployment of the example in the sandbox, with a page and a recording in the folder.
fn deploy(folder: &Path, scenario: &str, more: &[&str]) -> Ran {
    let sandbox = format!("--sandbox={scenario}");
    let (page, record) = (folder.join("page.html"), folder.join("run.ndjson"));
    let args = ["deploy", &sandbox, "--sandbox-speed", SPEED, "--config", HELLO, "--output", "plain"];
    let files = ["--report", text(&page), "--record", text(&record)];
    Landfall::new(&[&args[..], &files, more].concat()).run()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a page")
}

#[test]
fn a_failed_deployment_has_a_page_and_a_replay_of_it_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    deploy(folder.path(), "crash-loop", &[]).expect_code(4);
    let page = read(folder.path(), "page.html");
    for told in [
        "deploy hello",
        "failed and rolled back",
        "<code>essential-container-exited</code>",
        "<h3>Timeline</h3>",
        "New tasks of hello:",
        "exit code",
        "The timeline as a table",
        "<h3>Zero downtime</h3>",
        "<h3>Plan</h3>",
        "<h3>Environment variables</h3>",
        "<h2>Calls of AWS</h2>",
        "ecs:UpdateService",
    ] {
        assert!(page.contains(told), "{told:?} is not in the page:\n{page}");
    }
    let again = folder.path().join("again.html");
    let record = folder.path().join("run.ndjson");
    let args = ["replay", text(&record), "--output", "plain"];
    // As a variable, as a workflow sets it.
    Landfall::new(&args).env("LANDFALL_REPORT", text(&again)).run().expect_code(4);
    assert_eq!(read(folder.path(), "again.html"), page);
    assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 3, "nothing is left behind");
}

#[test]
fn a_dry_run_has_a_page_with_the_plan_and_no_timeline() {
    let folder = tempfile::tempdir().expect("a folder");
    deploy(folder.path(), "healthy", &["--dry-run"]).expect_code(0);
    let page = read(folder.path(), "page.html");
    assert!(page.contains("planned") && page.contains("<h3>Plan</h3>"), "{page}");
    assert!(page.contains("Variables of web, by name; values are never shown"), "{page}");
    assert!(!page.contains("<h3>Timeline</h3>"), "{page}");
}

#[test]
fn a_page_that_cannot_be_written_is_a_warning_and_the_verdict_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = folder.path().join("none/page.html");
    let args = ["deploy", "--sandbox", "--sandbox-speed", SPEED, "--config", HELLO, "--output", "plain"];
    let ran = Landfall::new(&[&args[..], &["--report", text(&nowhere)]].concat()).run().expect_code(0);
    let warning = format!("warning: writing to the report {} failed", nowhere.display());
    assert!(ran.stderr().contains(&warning), "{}", ran.all());
}

#[test]
fn an_input_that_nobody_gave_asks_for_no_page() {
    let args = ["deploy", "--sandbox", "--dry-run", "--config", HELLO, "--output", "plain"];
    let ran = Landfall::new(&args).env("LANDFALL_REPORT", "").run().expect_code(0);
    assert!(!ran.stderr().contains("report"), "{}", ran.all());
}
