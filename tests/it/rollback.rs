//! `landfall rollback`, and what becomes of a service that is left or has nothing to go back to.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::stage::LongLived;
use crate::support::{signal, writes};

const HELLO: &str = "examples/hello/landfall.yml";

fn verdict(report: &Value) -> &str {
    report["services"][0]["verdict"].as_str().expect("a verdict")
}

fn runs(sandbox: &LongLived) -> String {
    let status = sandbox.landfall(&["status", "--config", HELLO, "--output", "json"]).run().expect_code(0);
    status.report()["services"][0]["reason"].as_str().expect("a reason").to_owned()
}

#[test]
fn a_service_goes_back_to_what_was_last_good_and_forth_by_number() {
    let sandbox = LongLived::start(&["--config", HELLO]);
    sandbox.landfall(&["deploy", "--config", HELLO]).run().expect_code(0);
    assert!(runs(&sandbox).starts_with("hello:2 is steady"));

    let rollback = ["rollback", "--config", HELLO, "--output", "json"];
    let dry = sandbox.landfall(&[&rollback[..], &["--dry-run"]].concat()).run().expect_code(0);
    assert_eq!(verdict(&dry.report()), "planned");
    assert_eq!(writes(&dry.report()), Vec::<String>::new());
    assert!(dry.all().contains("it would go back to hello:1"), "{}", dry.all());

    let back = sandbox.landfall(&rollback).run().expect_code(0);
    assert_eq!(verdict(&back.report()), "succeeded");
    assert_eq!(writes(&back.report()), ["ecs:UpdateService"]);
    assert!(runs(&sandbox).starts_with("hello:1 is steady"), "{}", runs(&sandbox));

    let to = sandbox.landfall(&[&rollback[..], &["--to", "2"]].concat()).run().expect_code(0);
    assert_eq!(verdict(&to.report()), "succeeded");
    assert!(runs(&sandbox).starts_with("hello:2 is steady"));
    let again = sandbox.landfall(&[&rollback[..], &["--to", "2"]].concat()).run().expect_code(0);
    assert_eq!(verdict(&again.report()), "unchanged");
    assert_eq!(writes(&again.report()), Vec::<String>::new());
}

#[test]
fn a_revision_that_is_not_there_is_one_clear_error() {
    let sandbox = LongLived::start(&["--config", HELLO]);
    let ran = sandbox.landfall(&["rollback", "--config", HELLO, "--to", "77"]).run().expect_code(3);
    assert!(ran.all().contains("there is no task definition hello:77"), "{}", ran.all());
    // The service has only ever run its first revision.
    let ran = sandbox.landfall(&["rollback", "--config", HELLO]).run().expect_code(3);
    assert!(ran.all().contains("hello:1 is the first revision"), "{}", ran.all());
}

#[test]
fn a_deployment_that_fails_and_was_left_is_set_back_by_hand() {
    let sandbox = LongLived::start(&["--config", HELLO, "--scenario", "image-not-found"]);
    sandbox.landfall(&["deploy", "--config", HELLO, "--rollback", "never"]).run().expect_code(5);
    let back = sandbox.landfall(&["rollback", "--config", HELLO, "--output", "plain"]).run().expect_code(0);
    assert!(back.stdout().contains("hello:1"), "{}", back.stdout());
    assert!(runs(&sandbox).starts_with("hello:1 is steady"), "{}", runs(&sandbox));
}

/// The run ends at once, and ECS puts the service back by itself.
#[cfg(unix)]
#[test]
fn an_interrupted_run_puts_the_service_back_where_that_is_wanted() {
    let sandbox = LongLived::start(&["--config", HELLO, "--scenario", "slow"]);
    let deploy = ["deploy", "--config", HELLO, "--on-interrupt", "rollback", "--output", "json"];
    let mut child =
        sandbox.landfall(&deploy).into_command().stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut until = |what: &str| {
        let found = lines.by_ref().map(|line| line.expect("a line")).find(|line| line.contains(what));
        found.unwrap_or_else(|| panic!("{what} was not told"))
    };
    until("task_changed");
    signal("INT", child.id());
    until("rollback_started");
    let report = until("run_finished");
    assert!(report.contains("ECS goes on putting the service back to"), "{report}");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    sandbox.landfall(&["rollback", "--config", HELLO, "--to", "1"]).run().expect_code(0);
    assert!(runs(&sandbox).starts_with("hello:1 is steady"), "{}", runs(&sandbox));
}
