//! Where the containers of a task log to, whose log is worth reading after a failure, and log lines made fit to be
//! shown: pure.

use serde_json::{Map, Value};

use crate::event::Stopped;
use crate::report::text::neutralise;
use crate::task_definition::TaskDefinition;

/// Longer lines are cut, in characters.
const LONGEST_LINE: usize = 500;

/// A log stream of CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace {
    /// `awslogs-group`
    pub group: String,
    /// `PREFIX/CONTAINER/TASK` (facts 7.2)
    pub stream: String,
    /// `awslogs-region`; the caller's Region where the task definition names none.
    pub region: Option<String>,
}

/// Where a container's output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerLog {
    /// To CloudWatch Logs, in a stream that can be named.
    CloudWatch(LogPlace),
    /// Where it cannot be read from here; a sentence that says why.
    Elsewhere(String),
}

/// Where each container of a task logs to, by name, in the order of the task definition.
pub fn logs_of_task(definition: &TaskDefinition, task: &str) -> Vec<(String, ContainerLog)> {
    let named =
        definition.containers().filter_map(|container| Some((container.get("name")?.as_str()?, container)));
    named.map(|(name, container)| (name.to_owned(), log_of(name, container, task))).collect()
}

/// Where one container of a task logs to. Containers that AWS puts into a task (facts 9.2) are not in the definition.
pub fn log_of_container(definition: &TaskDefinition, container: &str, task: &str) -> ContainerLog {
    match definition.container(container) {
        Some(found) => log_of(container, found, task),
        None => ContainerLog::Elsewhere(format!(
            "container {container} is not in the task definition, so where it logs to is not known"
        )),
    }
}

fn log_of(name: &str, container: &Map<String, Value>, task: &str) -> ContainerLog {
    let elsewhere = |text: String| ContainerLog::Elsewhere(text);
    let Some(configuration) = container.get("logConfiguration").filter(|found| found.is_object()) else {
        return elsewhere(format!(
            "container {name} has no logConfiguration, so its output is not kept anywhere"
        ));
    };
    let driver = configuration.get("logDriver").and_then(Value::as_str).unwrap_or_default();
    if driver != "awslogs" {
        let whither = match driver {
            "awsfirelens" => "through FireLens (awsfirelens) to wherever its log router sends it",
            "splunk" => "to Splunk",
            _ => return elsewhere(format!("container {name} logs with the driver `{driver}`, not awslogs")),
        };
        return elsewhere(format!("container {name} logs {whither}, not to CloudWatch Logs"));
    }
    let option = |key: &str| {
        let options = configuration.get("options")?;
        options.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    };
    let Some(group) = option("awslogs-group") else {
        return elsewhere(format!("the awslogs options of container {name} have no awslogs-group"));
    };
    // Without it, on instances of one's own, the stream is named by an id that only the agent knows.
    let Some(prefix) = option("awslogs-stream-prefix") else {
        return elsewhere(format!(
            "the awslogs options of container {name} have no awslogs-stream-prefix, so its stream cannot be named"
        ));
    };
    ContainerLog::CloudWatch(LogPlace {
        group: group.to_owned(),
        stream: format!("{prefix}/{name}/{task}"),
        region: option("awslogs-region").map(str::to_owned),
    })
}

/// The containers of a stopped task whose logs may say why, each with its exit code. Empty where the task did not
/// fail by what its containers do: scaled in, put back, or never started.
pub fn suspects(definition: &TaskDefinition, stopped: &Stopped) -> Vec<(String, Option<i32>)> {
    let reason = stopped.reason.as_deref().unwrap_or_default();
    if reason.contains("health check") {
        return unhealthy(definition, reason).into_iter().map(|name| (name, None)).collect();
    }
    if !matches!(stopped.code.as_deref(), Some("EssentialContainerExited" | "TaskFailedToStart") | None) {
        return Vec::new();
    }
    let exited: Vec<(String, i32, bool)> = stopped
        .containers
        .iter()
        .filter_map(|it| {
            let out_of_memory = it.reason.as_deref().is_some_and(|reason| reason.contains("OutOfMemory"));
            Some((it.name.clone(), it.exit_code?, out_of_memory))
        })
        .collect();
    // When one container exits, ECS ends the others by SIGTERM and SIGKILL (facts 5.3): 143 and 137.
    let by_itself = |code: i32, out_of_memory: bool| out_of_memory || !matches!(code, 137 | 143);
    let guilty = |it: &&(String, i32, bool)| by_itself(it.1, it.2) && it.1 != 0;
    let quiet = |it: &&(String, i32, bool)| by_itself(it.1, it.2);
    let chosen: Vec<_> = if exited.iter().any(|it| guilty(&it)) {
        exited.iter().filter(guilty).collect()
    } else if exited.iter().any(|it| quiet(&it)) {
        exited.iter().filter(quiet).collect()
    } else {
        exited.iter().collect()
    };
    chosen.into_iter().map(|(name, code, _)| (name.clone(), Some(*code))).collect()
}

/// Whom a health check is about: a container's own check the containers that have one, a load balancer's those that
/// listen.
fn unhealthy(definition: &TaskDefinition, reason: &str) -> Vec<String> {
    let listening = definition.containers().filter(|container| {
        container.get("portMappings").and_then(Value::as_array).is_some_and(|ports| !ports.is_empty())
    });
    let listening = listening.filter_map(|container| container.get("name")?.as_str().map(str::to_owned));
    let checked = definition.health_checked_containers();
    let found = if reason.contains("container health check") { checked } else { listening.collect() };
    match (found.is_empty(), definition.container_names().as_slice()) {
        (true, [only]) => vec![(*only).to_owned()],
        _ => found,
    }
}

/// Whether a task stopped because something went wrong, and not because ECS scaled in or replaced it.
pub fn failed(stopped: &Stopped) -> bool {
    let reason = stopped.reason.as_deref().unwrap_or_default();
    stopped.code.as_deref() != Some("ServiceSchedulerInitiated") || reason.contains("health check")
}

/// A log event as lines that are safe to show: `hide` takes out what is secret, and control sequences go.
pub fn readable(message: &str, hide: impl Fn(&str) -> String) -> Vec<String> {
    // Hidden before: a value may hold what is taken out. And after: colours may have stood within it.
    let hidden = hide(message);
    let lines = hidden.lines().map(|line| hide(&neutralise(line.trim_end())));
    lines.filter(|line| !line.trim().is_empty()).collect()
}

/// What is long, cut: one line must not fill a report.
pub fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{} ...", line[..end].trim_end()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::StoppedContainer;

    fn definition() -> TaskDefinition {
        TaskDefinition::from_value(json!({ "family": "web", "containerDefinitions": [
            { "name": "app", "image": "a", "portMappings": [{ "containerPort": 80 }], "logConfiguration": {
                "logDriver": "awslogs",
                "options": { "awslogs-group": "/ecs/web", "awslogs-stream-prefix": "web", "awslogs-region": "eu-west-1" }
            }},
            { "name": "router", "image": "b", "logConfiguration": { "logDriver": "awsfirelens" } },
            { "name": "agent", "image": "c", "healthCheck": { "command": ["CMD", "true"] } },
            { "name": "half", "image": "d", "logConfiguration": {
                "logDriver": "awslogs", "options": { "awslogs-group": "/ecs/web" }
            }},
        ]}))
        .unwrap()
    }

    #[test]
    fn a_stream_is_named_by_prefix_container_and_task() {
        let ContainerLog::CloudWatch(place) = log_of_container(&definition(), "app", "0123abcd") else {
            panic!("awslogs")
        };
        let named = (place.group.as_str(), place.stream.as_str(), place.region.as_deref());
        assert_eq!(named, ("/ecs/web", "web/app/0123abcd", Some("eu-west-1")));
        assert_eq!(logs_of_task(&definition(), "0123abcd").len(), 4);
    }

    #[test]
    fn what_cannot_be_read_from_here_says_why() {
        for (container, expected) in [
            ("router", "through FireLens (awsfirelens)"),
            ("agent", "has no logConfiguration"),
            ("half", "no awslogs-stream-prefix"),
            ("ecs-service-connect", "is not in the task definition"),
        ] {
            let ContainerLog::Elsewhere(why) = log_of_container(&definition(), container, "1") else {
                panic!("{container} cannot be read")
            };
            assert!(why.contains(expected) && why.contains(container), "{why}");
        }
    }

    fn stopped(code: &str, reason: &str, containers: &[(&str, Option<i32>, Option<&str>)]) -> Stopped {
        let container = |(name, exit_code, reason): &(&str, Option<i32>, Option<&str>)| StoppedContainer {
            name: (*name).to_owned(),
            exit_code: *exit_code,
            reason: reason.map(str::to_owned),
        };
        Stopped {
            code: Some(code.to_owned()),
            reason: Some(reason.to_owned()),
            containers: containers.iter().map(container).collect(),
        }
    }

    #[test]
    fn the_container_that_exited_by_itself_is_asked() {
        let of = |containers: &[(&str, Option<i32>, Option<&str>)]| {
            let reason = "Essential container in task exited";
            let found = suspects(&definition(), &stopped("EssentialContainerExited", reason, containers));
            found.into_iter().map(|(name, code)| format!("{name} {}", code.unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(of(&[("app", Some(3), None), ("agent", Some(143), None)]), ["app 3"]);
        assert_eq!(of(&[("app", Some(0), None), ("agent", Some(143), None)]), ["app 0"]);
        let oom = Some("OutOfMemoryError: Container killed due to memory usage");
        assert_eq!(of(&[("app", Some(137), oom), ("agent", Some(137), None)]), ["app 137"]);
        assert_eq!(of(&[("app", Some(137), None), ("agent", None, None)]), ["app 137"]);
    }

    #[test]
    fn a_health_check_leads_to_whom_it_checks_and_scaling_in_to_nobody() {
        let names = |code: &str, reason: &str| {
            let found = suspects(&definition(), &stopped(code, reason, &[("app", Some(0), None)]));
            found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let scheduler = "ServiceSchedulerInitiated";
        assert_eq!(names(scheduler, "Task failed ELB health checks in (target-group x)"), ["app"]);
        assert_eq!(names(scheduler, "Task failed container health checks"), ["agent"]);
        assert_eq!(names(scheduler, "Scaling activity initiated by (deployment x)"), Vec::<String>::new());
        assert_eq!(names("UserInitiated", "Task stopped by user"), Vec::<String>::new());
    }

    #[test]
    fn lines_are_readable_short_and_without_secrets() {
        let hide = |text: &str| text.replace("hunter22", "***");
        let message = "\u{1b}[2J\u{1b}[31mbad hun\u{1b}[0mter22\r\n\n  at main\t\nhunter22 again";
        assert_eq!(readable(message, hide), ["bad ***", "  at main", "*** again"]);
        let long = cut(&format!("{}é", "é".repeat(LONGEST_LINE)));
        assert_eq!(long.chars().count(), LONGEST_LINE + 4);
        assert!(long.ends_with("é ..."));
    }
}
