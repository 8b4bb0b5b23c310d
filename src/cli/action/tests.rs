use std::collections::BTreeSet;

use clap::CommandFactory;

use super::*;
use crate::cli::args::Cli;
use crate::commands::RenderBase;

fn inputs(given: &[(&str, &str)]) -> Inputs {
    let variable = |name: &str| format!("INPUT_{}", name.to_uppercase().replace('-', "_"));
    Inputs::read(&given.iter().map(|(name, value)| (variable(name), (*value).to_owned())).collect())
}

fn asked(given: &[(&str, &str)]) -> Request {
    translate(&inputs(given), false).unwrap()
}

fn args(request: &Request) -> Vec<String> {
    let Mode::Deploy(args) = &request.mode else { panic!("it deploys: {:?}", request.mode) };
    args.iter().map(|arg| arg.expose().to_owned()).collect()
}

fn refusal(given: &[(&str, &str)]) -> String {
    let error = translate(&inputs(given), false).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    error.to_string()
}

#[test]
fn the_official_deploy_step_becomes_a_deployment() {
    let request = asked(&[
        ("task-definition", "task definition.json"),
        ("service", "web"),
        ("cluster", "demo"),
        ("wait-for-service-stability", "True"),
        ("wait-for-minutes", "10"),
        ("force-new-deployment", "true"),
        ("desired-count", "3"),
        ("enable-ecs-managed-tags", "true"),
        ("propagate-tags", "SERVICE"),
        ("service-managed-ebs-volume-name", "data"),
        ("service-managed-ebs-volume", "{\"roleArn\": \"r\"}"),
        ("keep-null-value-keys", "tag,command, placementConstraints"),
    ]);
    assert_eq!(
        args(&request),
        [
            "--cluster=demo",
            "--desired-count=3",
            "--propagate-tags=SERVICE",
            "--service=web",
            "--force-new-deployment",
            "--enable-ecs-managed-tags=true",
            "--task-definition=task definition.json",
            "--verbatim",
            "--keep-null-value-keys=tag,command,placementConstraints",
            "--wait-for=steady",
            "--timeout=10m",
            "--managed-ebs-volume=data={\"roleArn\": \"r\"}",
        ]
    );
    assert_eq!(request.notes, Vec::<String>::new());
}

#[test]
fn the_cluster_is_default_where_nothing_says_another_and_false_does_not_wait() {
    let official =
        [("task-definition", "t.json"), ("service", "web"), ("wait-for-service-stability", "false")];
    let found = args(&asked(&official));
    assert!(found.contains(&"--cluster=default".to_owned()) && found.contains(&"--wait-for=none".to_owned()));
    let with_file = translate(&inputs(&[("service", "web")]), true).unwrap();
    assert_eq!(args(&with_file), ["--service=web"]);
}

#[test]
fn values_stay_one_argument_each_and_none_is_taken_for_a_flag() {
    let request = asked(&[
        ("service", "--sandbox"),
        ("cluster", "c; rm -rf ~"),
        ("services", "--dry-run"),
        ("environment-variables", "A=--x\nB=$(id)"),
        ("aws-region", "eu-west-1"),
    ]);
    assert_eq!(
        args(&request),
        ["--cluster=c; rm -rf ~", "--service=--sandbox", "--env=A=--x", "--env=B=$(id)", "--", "--dry-run"]
    );
    assert_eq!(request.globals, ["--region=eu-west-1"]);
    let masks: Vec<&str> = request.masks.iter().map(|value| value.expose()).collect();
    assert_eq!(masks, ["--x", "$(id)"]);
    assert!(!format!("{request:?}").contains("$(id)"));
}

#[test]
fn a_container_and_an_image_without_a_service_are_a_render_step() {
    let request = asked(&[
        ("task-definition", "t.json"),
        ("container-name", "web, worker"),
        ("image", "repo:tag"),
        ("environment-variables", "A=1"),
        ("command", "npm run  start"),
        ("docker-labels", "team=blue=1"),
        ("env-files", "arn:aws:s3:::b/a.env\narn:aws:s3:::b/b.env"),
    ]);
    let Mode::Render(job) = &request.mode else { panic!("it renders: {:?}", request.mode) };
    let (base, rendering) = &**job;
    assert!(matches!(base, RenderBase::File(path) if path.ends_with("t.json")));
    assert_eq!(rendering.containers, ["web", "worker"]);
    assert_eq!(rendering.command, ["npm", "run", "start"]);
    assert_eq!(rendering.docker_labels, [("team".to_owned(), "blue=1".to_owned())]);
    assert_eq!(rendering.env_files.len(), 2);

    let list = asked(&[("task-definition", "t"), ("image", "i"), ("command", "[\"sh\", \"-c\", \"a b\"]")]);
    let Mode::Render(job) = &list.mode else { panic!("it renders") };
    assert_eq!(job.1.command, ["sh", "-c", "a b"]);
    for (given, expected) in [
        (vec![("task-definition-family", "web"), ("task-definition-revision", "7")], "web:7"),
        (vec![("task-definition-family", "web")], "web"),
        (vec![("task-definition-arn", "arn:x"), ("task-definition-family", "web")], "arn:x"),
    ] {
        let request = asked(&[given, vec![("container-name", "web"), ("image", "i")]].concat());
        let Mode::Render(job) = &request.mode else { panic!("it renders") };
        assert!(matches!(&job.0, RenderBase::Revision(name) if name == expected), "{:?}", job.0);
    }
}

#[test]
fn a_file_without_a_service_is_registered_and_what_has_no_effect_is_told() {
    let request = asked(&[
        ("task-definition", "t.json"),
        ("cluster", "demo"),
        ("wait-for-service-stability", "true"),
        ("keep-null-value-keys", "command"),
    ]);
    let Mode::Register { path, keep, dry_run } = &request.mode else { panic!("{:?}", request.mode) };
    assert_eq!((path.as_str(), keep.as_slice(), *dry_run), ("t.json", &["command".to_owned()][..], false));
    assert!(request.notes[0].contains("`cluster`, `wait-for-service-stability` have no effect"));
}

#[test]
fn an_image_with_a_service_is_deployed_in_one_step() {
    let request = asked(&[
        ("service", "web"),
        ("cluster", "demo"),
        ("image", "repo:1 repo:2"),
        ("from", "oci:image"),
        ("container-name", "app"),
        ("secrets", "TOKEN=arn:x"),
        ("env-file", "a b.env\nc.env"),
        ("task-definition-family", "web"),
        ("wait-for", "healthy"),
        ("wait-for-service-stability", "true"),
        ("timeout", "5m"),
        ("dry-run", "true"),
    ]);
    assert_eq!(
        args(&request),
        [
            "--cluster=demo",
            "--from=oci:image",
            "--service=web",
            "--dry-run",
            "--container=app",
            "--image=repo:1",
            "--image=repo:2",
            "--env-file=a b.env",
            "--env-file=c.env",
            "--task-definition-arn=web",
            "--wait-for=healthy",
            "--timeout=5m",
            "--secret=TOKEN=arn:x",
        ]
    );
}

#[test]
fn what_is_not_supported_or_does_not_belong_together_is_named() {
    let web = [("service", "web"), ("task-definition", "t.json")];
    for (more, expected) in [
        (("codedeploy-appspec", "appspec.yaml"), "the input `codedeploy-appspec` is not supported"),
        (("run-task", "true"), "the input `run-task` is not supported"),
        (("docker-labels", "a=b"), "the input `docker-labels` is for a render step"),
        (("dry-run", "hunter2"), "the input `dry-run` is neither true nor false"),
        (("wait-for-minutes", "hunter2"), "the input `wait-for-minutes` is no number"),
        (("environment-variables", "hunter2"), "the input `environment-variables` has no NAME= in line 1"),
        (("service-managed-ebs-volume", "{}"), "needs `service-managed-ebs-volume-name`"),
        (("task-definition-revision", "7"), "needs `task-definition-family`"),
    ] {
        let found = refusal(&[&web[..], &[more]].concat());
        assert!(found.contains(expected), "{found}");
    }
    for (given, expected) in [
        (vec![], "no input says what is to be deployed"),
        (vec![("task-definition", "t"), ("container-name", "a")], "the input `image` is missing"),
        (
            vec![("task-definition", "t"), ("image", "i"), ("from", "oci:x")],
            "`from` means nothing in a step that renders",
        ),
        (vec![("task-definition", "t"), ("from", "oci:x")], "`from` means nothing in a step that registers"),
        (vec![("task-definition-arn", "a")], "there is nothing to do"),
    ] {
        let found = refusal(&given);
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn what_is_turned_off_or_has_no_effect_does_not_stop_a_step() {
    let request = asked(&[
        ("service", "web"),
        ("run-task", "False"),
        ("wait-for-task-stopped", "false"),
        ("run-task-subnets", "subnet-1"),
        ("max-retries", "5"),
        ("wait-for-minutes", "1000"),
    ]);
    assert!(args(&request).contains(&"--timeout=360m".to_owned()));
    let told = request.notes.join("\n");
    for name in ["run-task-subnets", "max-retries", "wait-for-minutes"] {
        assert!(told.contains(&format!("`{name}`")), "{told}");
    }
    assert!(!told.contains("wait-for-task-stopped"), "{told}");
}

/// What `deploy` can be told on the command line can be told in a workflow.
#[test]
fn every_flag_of_deploy_has_an_input() {
    // Said otherwise in a workflow, or of no use there.
    let others = BTreeSet::from([
        "detailed-exitcode",
        "sandbox",
        "sandbox-speed",
        "env",
        "secret",
        "region",
        "output",
        "verbose",
        "no-color",
        "help",
        "version",
        "no-scan-on-push",
        "managed-ebs-volume",
        "verbatim",
        // Of the job: its summary, its commit and its run are known; the rest is for other systems.
        "summary",
        "no-summary",
        "commit",
        "run-url",
        "release",
        "write",
        "junit",
        "web-identity-token-file",
    ]);
    let mut command = Cli::command();
    command.build();
    let deploy = command.find_subcommand("deploy").unwrap();
    for flag in deploy.get_arguments().filter_map(|arg| arg.get_long()) {
        assert!(INPUTS.contains(&flag) || others.contains(flag), "no input for --{flag}");
    }
}
