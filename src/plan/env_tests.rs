//! What env files make of a task definition, and what is told of its variables.

use std::path::PathBuf;

use landfall_envfile::{EnvFile, Options, read_stored};
use serde_json::{Value, json};

use super::tests::{config, snapshot_of};
use super::{Action, EnvFileFacts, Snapshot, plan};
use crate::config::EnvFileConfig;
use crate::envfile::{Content, StoreKey};
use crate::event::VariableChange;
use crate::secret::Secret;

const PREFIX: &str = "arn:aws:s3:::store/web/app/";

/// The container of a revision: these env files, and this `environment`.
fn container(files: &[&str], environment: &[(&str, &str)]) -> Value {
    let files: Vec<Value> = files.iter().map(|arn| json!({"value": arn, "type": "s3"})).collect();
    let pairs = environment.iter().map(|(name, value)| json!({"name": name, "value": value}));
    json!({"name": "app", "image": "web", "environmentFiles": files, "environment": pairs.collect::<Vec<_>>()})
}

fn facts(text: &str) -> EnvFileFacts {
    let content = EnvFile::read(text.as_bytes(), false).settle(&Options::default()).content.unwrap();
    let hash = &content.hash()[..8];
    EnvFileFacts {
        container: "app".into(),
        file: ".env".into(),
        key: StoreKey { bucket: "store".into(), key: format!("web/app/{hash}.env") },
        arn: format!("{PREFIX}{hash}.env"),
        arn_prefix: PREFIX.into(),
        present: true,
        content,
    }
}

/// A service that runs `live`, whose env files have these contents, and is to get `files`.
fn snapshot(live: Value, stored: &[(&str, &str)], files: &[&str]) -> Snapshot {
    let read = |text: &str, label: &str| Content::Read {
        label: label.to_owned(),
        variables: read_stored(text.as_bytes()).unwrap(),
    };
    Snapshot {
        env_files: files.iter().map(|text| facts(text)).collect(),
        stored: stored.iter().map(|(arn, text)| ((*arn).to_owned(), read(text, arn))).collect(),
        ..snapshot_of(live)
    }
}

fn environment(snapshot: &Snapshot) -> Value {
    plan(&config(), snapshot).unwrap().definition.container("app").unwrap()["environment"].clone()
}

#[test]
fn empty_variables_stand_in_environment_and_leave_it_again() {
    let old = format!("{PREFIX}old.env");
    // First: `B` is empty.
    let first = snapshot(container(&[], &[("KEEP", "")]), &[], &["A=1\nB=\n"]);
    assert_eq!(environment(&first), json!([{"name": "KEEP", "value": ""}, {"name": "B", "value": ""}]));
    // Then it has a value, which the empty one would hide; and it is gone altogether.
    for (text, expected) in [("A=1\nB=2\n", json!([])), ("A=1\n", json!([]))] {
        let live = container(&[&old], &[("B", "")]);
        let later = snapshot(live, &[(&old, "A=1\nB=\n")], &[text]);
        assert_eq!(environment(&later), expected, "{text}");
    }
    // In a task definition that is a file, nothing but what the file says is taken away.
    let mut of_file = snapshot(container(&[], &[("B", "")]), &[], &["B=2\n"]);
    of_file.base_is_live = false;
    assert_eq!(environment(&of_file), json!([{"name": "B", "value": ""}]));
}

#[test]
fn what_the_configuration_says_of_a_name_wins_over_an_empty_line() {
    let snapshot = snapshot(container(&[], &[]), &[], &["A=\nB=\n"]);
    let mut config = config();
    config.containers[0].environment = vec![("A".into(), Secret::new("set"))];
    config.containers[0].secrets = vec![("B".into(), "/b".into())];
    let plan = plan(&config, &snapshot).unwrap();
    let app = plan.definition.container("app").unwrap();
    assert_eq!(app["environment"], json!([{"name": "A", "value": "set"}]));
    assert_eq!(app["secrets"], json!([{"name": "B", "valueFrom": "/b"}]));
}

#[test]
fn of_several_files_the_first_that_has_a_name_wins() {
    let snapshot =
        snapshot(container(&["arn:aws:s3:::other/x.env"], &[]), &[], &["A=1\nB=\n", "A=\nB=2\nC=3\n"]);
    let plan = plan(&config(), &snapshot).unwrap();
    let arns: Vec<String> = snapshot.env_files.iter().map(|file| file.arn.clone()).collect();
    assert_eq!(plan.definition.env_files("app")[..2], arns);
    assert_eq!(plan.definition.env_files("app")[2], "arn:aws:s3:::other/x.env");
    assert_eq!(plan.definition.container("app").unwrap()["environment"], json!([{"name": "B", "value": ""}]));
    let told: Vec<String> =
        plan.variables[0].variables.iter().map(|v| format!("{} {}", v.name, v.hidden.len())).collect();
    assert_eq!(told, ["A 0", "B 1", "C 0"]);
    assert_eq!(plan.variables[0].unread, ["arn:aws:s3:::other/x.env: it was not read"]);
}

#[test]
fn the_same_variables_in_another_file_change_nothing() {
    let file = facts("A='1'\nB=\n");
    let live = container(&[&file.arn], &[("B", "")]);
    let same = snapshot(live, &[], &["# a comment\nB=\nA=1\n"]);
    let plan = plan(&config(), &same).unwrap();
    assert_eq!((plan.action, plan.changes.as_slice()), (Action::Nothing, [].as_slice()));
    assert!(plan.variables[0].variables.iter().all(|v| v.change == VariableChange::Unchanged));
}

#[test]
fn changes_are_told_by_name() {
    let old = format!("{PREFIX}old.env");
    let live = container(&[&old], &[("LEVEL", "info")]);
    let snapshot = snapshot(live, &[(&old, "A=1\nB=1\nGONE=1\n")], &["A=1\nB=canary\nNEW=canary\nLEVEL=x\n"]);
    let plan = plan(&config(), &snapshot).unwrap();
    let told: Vec<String> =
        plan.variables[0].variables.iter().map(|v| format!("{} {:?}", v.name, v.change)).collect();
    assert_eq!(told, ["A Unchanged", "B Changed", "GONE Removed", "LEVEL Unchanged", "NEW Added"]);
    assert!(!format!("{:?}{:?}", plan.variables, plan.changes).contains("canary"));
}

#[test]
fn eleven_files_are_too_many() {
    let arns: Vec<String> = (0..10).map(|n| format!("arn:aws:s3:::other/{n}.env")).collect();
    let live = container(&arns.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    let error = plan(&config(), &snapshot(live, &[], &["A=1\n"])).unwrap_err();
    assert!(error.to_string().contains("11 env files"), "{error}");
}

#[test]
fn a_configuration_of_one_container_needs_no_name() {
    let mut config = config();
    let file = EnvFileConfig { path: PathBuf::from(".env"), interpolate: false, options: Options::default() };
    config.containers[0].env_files = vec![file];
    let plan = plan(&config, &snapshot(container(&[], &[]), &[], &["A=1\n"])).unwrap();
    assert_eq!(plan.variables[0].container, "app");
}
