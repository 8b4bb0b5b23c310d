//! Groups, streams and lines.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::world::{VirtualTime, json::text};

/// One line.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) at: VirtualTime,
    pub(super) message: String,
}

/// The account's log groups, each with its streams.
#[derive(Default)]
pub(crate) struct Logs {
    pub(super) groups: BTreeMap<String, BTreeMap<String, Vec<Line>>>,
    /// What an essential container writes before it exits, in place of the scenario's own words.
    pub(crate) last_words: Option<Vec<String>>,
}

impl Logs {
    /// Makes the groups that a task definition's containers write to: nobody creates them otherwise in here.
    pub(crate) fn create_groups(&mut self, containers: &[Value]) {
        for group in containers.iter().filter_map(|container| option(container, "awslogs-group")) {
            self.groups.entry(group.to_owned()).or_default();
        }
    }

    pub(crate) fn delete_group(&mut self, name: &str) {
        self.groups.remove(name);
    }

    pub(super) fn create_stream(&mut self, group: &str, stream: &str) {
        self.groups.entry(group.to_owned()).or_default().entry(stream.to_owned()).or_default();
    }

    pub(super) fn write(&mut self, place: &Place, at: VirtualTime, lines: impl IntoIterator<Item = String>) {
        let streams = self.groups.entry(place.group.clone()).or_default();
        let stream = streams.entry(place.stream.clone()).or_default();
        stream.extend(lines.into_iter().map(|message| Line { at, message }));
    }
}

/// Where a container of a task writes.
pub(super) struct Place {
    pub(super) group: String,
    pub(super) stream: String,
}

impl Place {
    /// `PREFIX/CONTAINER/TASK` (facts 7.2); `None` where the container does not log to CloudWatch.
    pub(super) fn of(container: &Value, task: &str) -> Option<Place> {
        let prefix = option(container, "awslogs-stream-prefix")?;
        let name = text(container, "name")?;
        let group = option(container, "awslogs-group")?.to_owned();
        Some(Place { group, stream: format!("{prefix}/{name}/{task}") })
    }
}

/// An option of the `awslogs` driver.
fn option<'a>(container: &'a Value, key: &str) -> Option<&'a str> {
    let configuration = container.get("logConfiguration")?;
    (text(configuration, "logDriver") == Some("awslogs")).then_some(())?;
    text(configuration.get("options")?, key)
}
