//! The last words of containers that ended badly, fetched beside the watching: a look at the deployment never waits
//! for a log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use super::diagnose_log;
use super::logs::{ContainerLog, LogPlace, cut, log_of_container, readable, suspects};
use crate::aws::{Aws, NoLogs};
use crate::emit::Emitter;
use crate::event::{ContainerLogs, Event, LogLine, Role};
use crate::task_definition::TaskDefinition;

/// How many lines of a log are told.
const LINES: usize = 30;
/// How many logs are told for one service: the tenth task that crashes says what the first one said.
const LOGS: usize = 3;
/// Lines may arrive after the task has stopped; so long is waited, and so often is asked again.
const LATE: Duration = Duration::from_secs(2);
const AGAIN: usize = 2;
/// How long the end of a run waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(3);

/// A container and how it ended: the same end is told once.
type End = (String, Option<i32>);

/// Fetches the logs of containers that ended badly, and tells them.
#[derive(Debug)]
pub struct LogEvidence<'a> {
    aws: &'a Aws,
    definition: &'a TaskDefinition,
    role: Role,
    events: Emitter,
    told: BTreeSet<End>,
    pending: Arc<Mutex<BTreeMap<End, ContainerLogs>>>,
    /// Codes of findings that have been made, by the tasks or by a log.
    found: Arc<Mutex<BTreeSet<String>>>,
    fetches: JoinSet<()>,
}

impl<'a> LogEvidence<'a> {
    /// For a deployment of `definition`.
    pub fn new(aws: &'a Aws, definition: &'a TaskDefinition, events: &Emitter) -> Self {
        Self {
            aws,
            definition,
            role: Role::Followed,
            events: events.clone(),
            told: BTreeSet::new(),
            pending: Arc::default(),
            found: Arc::default(),
            fetches: JoinSet::new(),
        }
    }

    /// The same for a deployment that puts the service back: its tasks are told as those of a newer one.
    #[must_use]
    pub fn of_rollback(mut self) -> Self {
        self.role = Role::Newer;
        self
    }

    /// Starts fetching where an event says that a container of the deployment has ended badly. It does not
    /// wait.
    pub fn notice(&mut self, event: &Event) {
        if let Event::FindingMade { finding } = event {
            lock(&self.found).insert(finding.code.clone());
        }
        match event {
            Event::TaskChanged { task } => {
                let stopped = task.stopped.as_ref().filter(|_| task.role == self.role);
                let ends = stopped.map(|stopped| suspects(self.definition, stopped)).unwrap_or_default();
                self.read(&task.id, ends);
            }
            // A restart in place goes on in the same log stream (facts 7.2: its name has the task's id).
            Event::ContainerRestarted { task, container, exit_code, .. } => {
                self.read(task, vec![(container.clone(), *exit_code)]);
            }
            _ => {}
        }
    }

    fn read(&mut self, task: &str, ends: Vec<End>) {
        for end in ends {
            if self.told.len() >= LOGS || !self.told.insert(end.clone()) {
                continue;
            }
            let place = log_of_container(self.definition, &end.0, task);
            let mut logs = ContainerLogs {
                task: task.to_owned(),
                container: end.0.clone(),
                exit_code: end.1,
                group: None,
                stream: None,
                lines: Vec::new(),
                reason: None,
            };
            match place {
                ContainerLog::Elsewhere(why) => {
                    logs.reason = Some(why);
                    self.events.emit(Event::ContainerLogs(logs));
                }
                ContainerLog::CloudWatch(place) => {
                    logs.group = Some(place.group.clone());
                    logs.stream = Some(place.stream.clone());
                    lock(&self.pending).insert(end.clone(), logs);
                    self.fetches.spawn(self.fetch(end, place));
                }
            }
        }
    }

    fn fetch(&self, end: End, place: LogPlace) -> impl Future<Output = ()> + use<> {
        let (aws, events) = (self.aws.clone(), self.events.clone());
        let (pending, found) = (Arc::clone(&self.pending), Arc::clone(&self.found));
        async move {
            let answer = ask(&aws, &place).await;
            // Gone where the run did not want to wait any longer, and has said so.
            let Some(mut logs) = lock(&pending).remove(&end) else { return };
            match answer {
                Ok(lines) => logs.lines = shown(lines, &events),
                Err(error) => logs.reason = Some(events.hide(&error.sentence(&place, &aws.region))),
            }
            if logs.lines.is_empty() && logs.reason.is_none() {
                logs.reason = Some("the container wrote nothing, or it has not arrived yet".to_owned());
            }
            let findings: Vec<_> = logs.lines.iter().filter_map(|line| diagnose_log(&line.text)).collect();
            events.emit(Event::ContainerLogs(logs));
            for finding in findings {
                if lock(&found).insert(finding.code.clone()) {
                    events.emit(Event::FindingMade { finding });
                }
            }
        }
    }

    /// Waits a little for what is under way; what does not come is told, too.
    pub async fn finish(mut self) {
        let all = async { while self.fetches.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, all).await.is_ok() {
            return;
        }
        let missing = std::mem::take(&mut *lock(&self.pending));
        for mut logs in missing.into_values() {
            logs.reason = Some("its log had not arrived when the run ended".to_owned());
            self.events.emit(Event::ContainerLogs(logs));
        }
    }
}

/// The newest lines; asked for again while there are none, unless that would not help.
async fn ask(aws: &Aws, place: &LogPlace) -> Result<Vec<LogLine>, NoLogs> {
    let mut answer = aws.last_lines(place, LINES).await;
    for _ in 0..AGAIN {
        let late = match &answer {
            Ok(lines) => lines.is_empty(),
            Err(NoLogs::NoStream) => true,
            Err(_) => false,
        };
        if !late {
            break;
        }
        tokio::time::sleep(LATE).await;
        answer = aws.last_lines(place, LINES).await;
    }
    answer
}

/// Log events as lines that can be shown. One event may be several.
fn shown(lines: Vec<LogLine>, events: &Emitter) -> Vec<LogLine> {
    let readable = |line: &LogLine| readable(&line.text, |text| events.hide(text));
    let mut shown: Vec<LogLine> = lines
        .iter()
        .flat_map(|line| {
            readable(line).into_iter().map(|text| LogLine { at_ms: line.at_ms, text: cut(&text) })
        })
        .collect();
    shown.split_off(shown.len().saturating_sub(LINES))
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A poisoned lock only means that another fetch panicked; what is in it is whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
