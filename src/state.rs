//! [`RunState`]: the fold of all events of a run. The last JSON line, the human summary and the exit
//! code are pure views of it, so a recorded run can be replayed into any of them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::error::exit_code;
use crate::event::{ErrorReport, Event, Origin, Record, RunReport, RunStarted, Step, Verdict};

mod native;
mod push;
mod service;
pub mod timeline;

pub use native::NativeState;
pub use push::{BlobState, PackedState, PackingState, PushDone, PushState};
pub use service::{RollbackState, ServiceState};
pub use timeline::Timeline;

/// Everything that is known about a run so far.
#[derive(Debug, Clone, Default)]
pub struct RunState {
    /// The first event's fields.
    pub run: Option<RunStarted>,
    /// Where the run comes from, as far as that is known.
    pub origin: Option<Origin>,
    /// When the first event happened.
    pub started_at: Option<Timestamp>,
    /// When the newest event happened.
    pub now: Option<Timestamp>,
    /// In the order of the configuration.
    pub services: Vec<ServiceState>,
    /// Warnings in order.
    pub warnings: Vec<String>,
    /// `ecs:DescribeServices` -> count.
    pub api_calls: BTreeMap<String, u64>,
    /// Why the run could not go on.
    pub error: Option<ErrorReport>,
    /// A signal has arrived.
    pub interrupted: bool,
    /// Where things stood when it arrived, and how to go on.
    pub interrupt_message: Option<String>,
    /// The steps that have begun, in that order.
    pub steps: Vec<StepState>,
}

/// A step of the run, for the whole run or for one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepState {
    /// The key of the service; `None` for the whole run.
    pub service: Option<String>,
    /// Which step.
    pub step: Step,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took; `None` while it is under way, or when it did not end well.
    pub duration_ms: Option<u64>,
}

impl RunState {
    /// Folds one event in.
    pub fn apply(&mut self, record: &Record) {
        if matches!(record.event, Event::RunFinished(_)) {
            // It is made from this state, so it must not change it: a replay makes the same one.
            return;
        }
        self.now = Some(record.time);
        self.started_at.get_or_insert(record.time);
        // Only a deployment touches a service.
        let deploys_nothing = !self.is_deployment();
        match &record.event {
            Event::RunStarted(run) => {
                self.services = run.services.iter().map(|name| ServiceState::new(name)).collect();
                self.run = Some(run.clone());
            }
            Event::Origin(origin) => self.origin = Some(origin.clone()),
            Event::Warning { message, .. } => self.warnings.push(message.clone()),
            Event::ApiCalls { counts } => self.api_calls = counts.clone(),
            Event::RunFailed { error } => {
                self.error = Some(error.clone());
                // A call that was made and never answered may have been accepted; a refusal is an answer.
                let answered =
                    !["dispatch failure", "timeout"].iter().any(|text| error.message.contains(text));
                let asked = |name: &str| {
                    !answered
                        && self.steps.iter().any(|step| {
                            step.step == Step::UpdateService
                                && step.duration_ms.is_none()
                                && step.service.as_deref() == Some(name)
                        })
                };
                for service in self.services.iter_mut().filter(|service| !service.finished) {
                    let asked = asked(&service.report.name);
                    service.abandon(asked);
                    if deploys_nothing {
                        service.report.reason = Some("the run could not go on".to_owned());
                    }
                }
            }
            Event::Interrupted { message } => {
                self.interrupted = true;
                self.interrupt_message = Some(message.clone());
                for service in self.services.iter_mut().filter(|service| !service.finished) {
                    service.interrupt();
                    if deploys_nothing {
                        service.report.reason = Some(message.clone());
                    }
                }
            }
            Event::StepStarted { step } => self.steps.push(StepState {
                service: record.service.clone(),
                step: *step,
                started_at: record.time,
                duration_ms: None,
            }),
            Event::StepFinished { step, duration_ms } => {
                let known = self.steps.iter_mut().rev().find(|known| {
                    known.step == *step && known.service == record.service && known.duration_ms.is_none()
                });
                if let Some(known) = known {
                    known.duration_ms = Some(*duration_ms);
                }
            }
            _ => {
                if let Some(name) = &record.service {
                    let time = record.time;
                    self.service_mut(name).apply(time, &record.event);
                }
            }
        }
    }

    /// The state of one service, if it has been heard of.
    pub fn service(&self, name: &str) -> Option<&ServiceState> {
        self.services.iter().find(|service| service.report.name == name)
    }

    fn service_mut(&mut self, name: &str) -> &mut ServiceState {
        let index = match self.services.iter().position(|service| service.report.name == name) {
            Some(index) => index,
            None => {
                self.services.push(ServiceState::new(name));
                self.services.len() - 1
            }
        };
        &mut self.services[index]
    }

    /// Whether services are deployed; other commands push images, or look at env files.
    pub fn is_deployment(&self) -> bool {
        self.run.as_ref().is_none_or(|run| matches!(run.command.as_str(), "deploy" | "rollback"))
    }

    /// The worst verdict of the services; [`Verdict::Failed`] where the run could not go on.
    pub fn verdict(&self) -> Verdict {
        let worst = self.services.iter().map(|service| service.report.verdict).max_by_key(|v| severity(*v));
        match worst {
            _ if self.error.is_some() => Verdict::Failed,
            Some(verdict) => verdict,
            None if self.interrupted => Verdict::Interrupted,
            None => Verdict::Unchanged,
        }
    }

    /// What the process exits with.
    pub fn exit_code(&self) -> u8 {
        if let Some(error) = &self.error {
            return exit_code::of_error(error.kind);
        }
        let verdict = self.verdict();
        let detailed = self.run.as_ref().is_some_and(|run| run.detailed_exitcode);
        match verdict {
            Verdict::Planned if detailed => exit_code::CHANGES_PLANNED,
            verdict => exit_code::of_verdict(verdict),
        }
    }

    /// The last event's fields.
    pub fn report(&self) -> RunReport {
        let duration_ms = match (self.started_at, self.now) {
            (Some(start), Some(now)) => u64::try_from(now.duration_since(start).as_millis()).unwrap_or(0),
            _ => 0,
        };
        RunReport {
            verdict: self.verdict(),
            exit_code: self.exit_code(),
            duration_ms,
            api_calls: self.api_calls.clone(),
            services: self.services.iter().map(|service| service.report.clone()).collect(),
            error: self.error.clone(),
            origin: self.origin.clone(),
        }
    }
}

/// The higher, the more a person has to do.
fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Unchanged => 0,
        Verdict::Succeeded => 1,
        Verdict::Planned => 2,
        Verdict::Superseded => 3,
        Verdict::RolledBack => 4,
        Verdict::TimedOut => 5,
        Verdict::Interrupted => 6,
        Verdict::Failed => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::event::{ErrorReport, RunStarted, Step};

    fn reason_after(error: &str) -> String {
        let mut state = RunState::default();
        let events = [
            Event::RunStarted(RunStarted {
                version: "0".into(),
                command: "deploy".into(),
                region: "r".into(),
                cluster: "c".into(),
                services: vec!["web".into()],
                dry_run: false,
                detailed_exitcode: false,
                sandbox: None,
            }),
            Event::StepStarted { step: Step::UpdateService },
            Event::RunFailed {
                error: ErrorReport { kind: ErrorKind::Aws, message: error.into(), hint: None },
            },
        ];
        for event in events {
            state.apply(&Record { time: Timestamp::UNIX_EPOCH, service: Some("web".into()), event });
        }
        state.services[0].report.reason.clone().unwrap()
    }

    #[test]
    fn an_update_without_an_answer_may_have_been_made() {
        let lost = reason_after("ecs:UpdateService on c/web: operation timeout");
        assert!(lost.contains("whether the service was updated is not known"), "{lost}");
        let refused = reason_after("ecs:UpdateService on c/web: AccessDeniedException: no");
        assert!(refused.contains("the service was not touched"), "{refused}");
    }
}
