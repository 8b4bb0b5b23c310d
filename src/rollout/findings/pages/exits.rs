//! The pages of containers' exit codes: `landfall explain 137`. They are views of the table that findings use, and
//! `docs/findings` has them on the page of `essential-container-exited`.

use super::page::Page;
use crate::rollout::findings::container;
use crate::rollout::findings::entry::Class;
use crate::rollout::findings::exit_codes::{ExitCode, all_exit_codes, exit_code};

/// The heading in lists.
pub(super) const GROUP: &str = "Exit codes of containers";
/// AWS's page on them.
const AWS_PAGE: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html";
/// What exit codes can be.
const RANGE: std::ops::RangeInclusive<i32> = 0..=255;

/// The page of an exit code, given as `137`, `exit code 137` or alike. `None` where that is none.
pub fn exit_code_page(asked: &str) -> Option<Page> {
    // `-1` is 255, and nobody would look for it under 1.
    let asked = Some(asked.trim().to_lowercase()).filter(|asked| !asked.starts_with('-'))?;
    let words = asked.split([' ', '-', '_', ':', '=', '(', ')']).filter(|word| !word.is_empty());
    let mut number = None;
    for word in words {
        match word.parse::<i32>() {
            Ok(code) if number.is_none() => number = Some(code),
            Err(_) if ["exit", "exited", "code", "exitcode", "with", "status"].contains(&word) => {}
            _ => return None,
        }
    }
    number.filter(|code| RANGE.contains(code)).map(|code| page(code, exit_code(code)))
}

/// The exit codes that mean the same everywhere, and what they mean.
pub(super) fn listed() -> Vec<(String, String)> {
    let known = all_exit_codes().map(|(code, reading)| (code.to_string(), reading.meaning));
    let others = [
        ("129 to 192".to_owned(), "the signal of that number less 128".to_owned()),
        ("any other".to_owned(), "an error of the application's own".to_owned()),
    ];
    known.chain(others).collect()
}

fn page(code: i32, reading: ExitCode) -> Page {
    let landfall = match reading.class {
        Class::Deterministic => {
            "No retry can help, so two tasks that end with it end the rollout. The finding shows the container's last \
             log lines."
        }
        _ => {
            "Three tasks that end with it end the rollout, if none of the deployment's tasks became healthy in \
             between. The finding shows the container's last log lines."
        }
    };
    let mut fix = vec![reading.fix.to_owned()];
    if !reading.fix.contains("log lines") {
        fix.push("Look at the container's last log lines.".to_owned());
    }
    Page {
        code: format!("exit code {code}"),
        group: GROUP,
        title: reading.meaning,
        cause: reading.cause.to_owned(),
        fix,
        checks: vec!["landfall logs --failed"],
        table: None,
        landfall: format!("{landfall} The finding is `{}`.", container::EXITED.code),
        texts: Vec::new(),
        aws_page: Some(AWS_PAGE.to_owned()),
    }
}
