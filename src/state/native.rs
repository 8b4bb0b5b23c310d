//! Where a service deployment with stages stands, as a fold of its events.

use std::time::Duration;

use jiff::Timestamp;

use crate::event::Event;

/// Where a service deployment of strategy BLUE_GREEN, LINEAR or CANARY stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NativeState {
    /// `RECONCILE_SERVICE` ... `CLEAN_UP`.
    pub stage: Option<String>,
    /// `PENDING` ... `ROLLBACK_FAILED`.
    pub status: String,
    /// Percent of the production traffic that the new revision is to get.
    pub production_percent: Option<f64>,
    /// When the bake time ends.
    pub bakes_until: Option<Timestamp>,
    /// A hook waits; how to go on.
    pub paused: Option<String>,
}

impl NativeState {
    /// Takes an event in; those about anything else change nothing.
    pub(super) fn apply(state: &mut Option<Self>, event: &Event, time: Timestamp) {
        match event {
            Event::StageChanged { stage, status, .. } => {
                let native = state.get_or_insert_default();
                // A bake and a pause belong to their stage.
                *native = NativeState {
                    stage: stage.clone(),
                    status: status.clone(),
                    production_percent: native.production_percent,
                    ..NativeState::default()
                };
            }
            Event::TrafficShifted { production_percent, .. } => {
                state.get_or_insert_default().production_percent = Some(*production_percent);
            }
            Event::Baking { remaining_ms } => {
                let until = time.checked_add(Duration::from_millis(*remaining_ms)).ok();
                state.get_or_insert_default().bakes_until = until;
            }
            Event::Paused { how, .. } => state.get_or_insert_default().paused = Some(how.clone()),
            _ => {}
        }
    }
}
