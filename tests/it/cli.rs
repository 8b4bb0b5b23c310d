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
fn variables_of_a_push_are_read_and_empty_ones_are_not() {
    let run = |value: &str, variables: &[&str]| {
        let args = ["deploy", "--cluster", "c", "--service", "s", "--image", "localhost:1/x:y"];
        let variables: Vec<_> = variables.iter().map(|name| ((*name).to_owned(), value.to_owned())).collect();
        Landfall::new(&args).envs(&variables).run().expect_code(2).all()
    };
    let read = ["LANDFALL_REPOSITORY_TAGS", "LANDFALL_REPOSITORY_ENCRYPTION", "LANDFALL_COMPRESSION"];
    for variable in read {
        let text = run("nonsense", &[variable]);
        assert!(text.contains("`nonsense`"), "{variable}: {text}");
    }
    let switches = ["LANDFALL_CREATE_REPOSITORY", "LANDFALL_NO_SCAN_ON_PUSH", "LANDFALL_NO_CACHE"];
    let text = run("", &[&read[..], &switches[..], &["LANDFALL_FROM"]].concat());
    assert!(text.contains("no AWS Region is configured"), "{text}");
}

#[test]
fn a_value_on_the_command_line_is_not_repeated() {
    let text = refusal(&["deploy", "--cluster", "c", "--service", "s", "--env", "canary-55aa"], 2);
    assert!(!text.contains("canary-55aa"), "the value was printed");
    assert!(text.contains("--env NAME=VALUE"), "{text}");
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

/// What stands between two lines of a document.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).unwrap_or_else(|| panic!("there is no {start}")) + start.len();
    let length = text[from..].find(end).unwrap_or_else(|| panic!("there is no {end}"));
    &text[from..from + length]
}

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).expect("read");
    let readme = read("README.md");
    let shown = between(&readme, "```yaml\n# landfall.yml\n", "```");
    let example = read("examples/hello/landfall.yml");
    let (_, example) = example.split_once('\n').expect("the line for editors");
    assert_eq!(shown, example);
}

#[test]
fn the_readme_names_exit_codes_that_the_program_has() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("read");
    let table = between(&readme, "| exit code | meaning |\n| --- | --- |\n", "\n\n");
    let shown: Vec<u8> = table
        .lines()
        .map(|line| line.split('|').nth(1).expect("a cell").trim().parse().expect("a number"))
        .collect();
    use landfall::error::{ErrorKind, exit_code};
    use landfall::event::Verdict;
    let mut known = vec![0, exit_code::CHANGES_PLANNED];
    for kind in [
        ErrorKind::Internal,
        ErrorKind::Usage,
        ErrorKind::Preflight,
        ErrorKind::Aws,
        ErrorKind::Registry,
        ErrorKind::Interrupted,
    ] {
        known.push(exit_code::of_error(kind));
    }
    for verdict in
        [Verdict::Failed, Verdict::RolledBack, Verdict::Superseded, Verdict::TimedOut, Verdict::Interrupted]
    {
        known.push(exit_code::of_verdict(verdict));
    }
    known.sort_unstable();
    known.dedup();
    assert_eq!(shown, known);
}

#[test]
fn every_flag_that_the_documents_name_exists() {
    let verbs = ["deploy", "verify", "push", "logs", "status", "rollback", "continue"];
    let help = verbs.map(|verb| Landfall::new(&[verb, "--help"]).run().expect_code(0).stdout()).concat();
    for file in [
        "README.md",
        "docs/configuration.md",
        "docs/push.md",
        "docs/logs.md",
        "docs/strategies.md",
        "docs/preflight.md",
        "docs/codebuild.md",
    ] {
        let text = std::fs::read_to_string(root().join(file)).expect("read");
        for word in text.split(|c: char| c.is_whitespace() || "`|(),;=[]".contains(c)) {
            if word.starts_with("--")
                && word.len() > 3
                && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            {
                let known = help.contains(word) || ["--fast"].contains(&word);
                assert!(known, "{file} names {word}, which no command has");
            }
        }
    }
}
