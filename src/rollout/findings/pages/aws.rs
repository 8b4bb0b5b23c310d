//! The pages of the catalogue's rows.

use super::page::Page;
use crate::rollout::findings::entry::{Class, Entry, Pattern, Scope};
use crate::rollout::findings::exit_codes::all_exit_codes;
use crate::rollout::findings::{api, container, general, health, infrastructure, init, placement, pull};

/// A heading, AWS's page on the whole of it, and the tables that belong to it.
type Group = (&'static str, Option<&'static str>, &'static [&'static [Entry]]);

const GROUPS: &[Group] = &[
    ("Pulling the image", Some("task_cannot_pull_image"), &[pull::ENTRIES, pull::GENERIC]),
    (
        "What a task needs before it starts: env files, secrets, logs, volumes",
        Some("resource-initialization-error"),
        &[init::ENTRIES, init::GENERIC],
    ),
    (
        "Containers that do not start or do not stay",
        Some("stopped-task-error-codes"),
        &[&[container::EXITED, container::RESTARTING], container::ENTRIES, container::GENERIC],
    ),
    ("Health checks", None, &[health::ENTRIES, &[health::UNUSABLE]]),
    (
        "Tasks stopped from outside",
        Some("stopped-task-error-codes"),
        &[infrastructure::ENTRIES, infrastructure::GENERIC, &[infrastructure::BY_HAND]],
    ),
    (
        "Placing tasks, and the deployment as such",
        Some("service-event-messages-list"),
        &[placement::ENTRIES, placement::GENERIC, &[general::STALLED, general::FAILED, general::UNKNOWN]],
    ),
    ("What the API of AWS refuses", None, &[api::ENTRIES]),
];

pub(super) fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    for (group, group_page, tables) in GROUPS {
        for entry in tables.iter().flat_map(|table| table.iter()) {
            pages.push(of(entry, group, *group_page));
        }
    }
    pages
}

fn of(entry: &Entry, group: &'static str, group_page: Option<&'static str>) -> Page {
    let without_page = [general::STALLED.code, general::UNKNOWN.code].contains(&entry.code);
    let aws_page = entry.page.or(group_page.filter(|_| !without_page && entry.scope != Scope::Log));
    Page {
        code: entry.code.to_owned(),
        group,
        title: entry.title.to_owned(),
        cause: entry.cause.to_owned(),
        fix: entry.fix.iter().map(|step| (*step).to_owned()).collect(),
        checks: entry.checks.to_vec(),
        table: (entry.code == container::EXITED.code).then(|| ("Exit codes", exit_code_lines())),
        landfall: policy(entry).to_owned(),
        texts: entry
            .patterns
            .iter()
            .map(|pattern| text(pattern, entry.scope))
            .chain(entry.signs.iter().map(|sign| (*sign).to_owned()))
            .collect(),
        aws_page: aws_page
            .map(|page| format!("https://docs.aws.amazon.com/AmazonECS/latest/developerguide/{page}.html")),
    }
}

/// What Landfall does about a cause, in plain words.
fn policy(entry: &Entry) -> &'static str {
    match entry.code {
        "essential-container-exited" => {
            return "The exit code decides. Where it says that no retry can help (0, 126, 127), two tasks end the \
                    rollout; otherwise three do, if none of the deployment's tasks became healthy in between.";
        }
        "container-restarting" => {
            return "A container that has restarted counts as healthy when it has run for restartAttemptPeriod since: if \
                    it ends sooner, ECS does not restart it again, and an essential one takes its task along. Three \
                    restarts end the rollout, if no task without a restart became healthy in between. The circuit \
                    breaker does not see them, so that nothing of this is left to it.";
        }
        "deployment-percent-blocked" => {
            return "The arithmetic on the percentages and the desired count decides. Where it agrees before the update, \
                    nothing is changed; where it agrees with ECS's event, the rollout ends at once; where it does not, \
                    the third such event ends it.";
        }
        "no-container-instances" => {
            return "Where no task of the service runs on an instance, waiting does not help, and the rollout ends the \
                    second time that it is seen. Otherwise room may come when old tasks leave, so that the rollout goes \
                    on until the stall timeout or the time limit.";
        }
        "elb-health-check-failed" | "container-health-check-failed" => {
            return "A check that fails may only be a slow start, so it is shown, and nothing else. The rollout ends \
                    when ECS has stopped three tasks for it, if none of the deployment's tasks became healthy in \
                    between.";
        }
        "stalled" => return "The rollout has ended, after the stall timeout.",
        "deployment-failed" | "circuit-breaker-tripped" | "deployment-alarm" => {
            return "The rollout ends when ECS marks the deployment FAILED. Where ECS puts the service back itself, \
                    Landfall follows that to its end; otherwise it does so, unless rollback is never.";
        }
        _ => {}
    }
    match (entry.scope, entry.class) {
        (Scope::Api, Class::Transient) => {
            "It tries again for a while, and then ends the run: the same command may work later."
        }
        (Scope::Api, _) => "It ends the run: the same call would be refused again.",
        (_, Class::AtOnce) => {
            "No retry can differ, so the rollout ends the first time that a task of the deployment shows it."
        }
        (_, Class::Deterministic) => {
            "Waiting does not help, so the rollout ends the second time that it is seen."
        }
        (_, Class::Mixed) => {
            "Once it may be noise. The rollout ends the third time, if none of the deployment's tasks became \
             healthy in between."
        }
        (_, Class::Transient) => {
            "Waiting may help: the rollout goes on. Tasks that fail of it count towards max_failed_tasks, which \
             ends the rollout like the time limit does."
        }
    }
}

fn text(pattern: &Pattern, scope: Scope) -> String {
    let mut all: Vec<String> = pattern.texts().iter().map(|text| format!("`{}`", text.trim())).collect();
    if pattern.is_network() {
        all.push(
            "a word of a broken network path (`i/o timeout`, `dial tcp`, `context deadline exceeded`, ...)"
                .to_owned(),
        );
    }
    let all = all.join(" and ");
    match scope {
        Scope::Any => all,
        Scope::Event => format!("in a service event: {all}"),
        Scope::Log => format!("in the container's log: {all}"),
        Scope::Api => format!("in the answer of an API call: {all}"),
    }
}

fn exit_code_lines() -> Vec<String> {
    let mut lines: Vec<String> = all_exit_codes()
        .map(|(code, reading)| format!("{code} ({}): {} {}", reading.meaning, reading.cause, reading.fix))
        .collect();
    lines.push(
        "129 to 192, any other: the program was ended by the signal of that number less 128.".to_owned(),
    );
    lines.push("Without an exit code the container never started: AWS's reason says why.".to_owned());
    lines
}
