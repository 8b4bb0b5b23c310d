//! Following one deployment from `UpdateService` to a verdict.
//!
//! The core is pure: [`Rollout::observe`] takes one [`Observation`] and gives events. There is no clock,
//! network or randomness in it, so that a recorded rollout can be replayed and a random one tested.
//!
//! | file | what it does |
//! | --- | --- |
//! | `observation` | the values that one look at AWS gives |
//! | `policy` | what is followed, and how patiently |
//! | `rules` | what the service and the revision are set to, and the arithmetic on it |
//! | `targets` | which target of a target group is which task |
//! | `conditions` | the five conditions of success (design 3), on one observation alone |
//! | `history` | which deployment leads: ours, a rollback, someone else's, or a stale answer |
//! | `memory`, `stall` | what carries over: tasks that are missing for a moment, and how long nothing has moved |
//! | `restarts` | containers that ECS restarts in place, in a task that stays RUNNING |
//! | `changes` | what is new since the last look, as events |
//! | `findings` | the failure catalogue (facts 5), and when waiting is pointless |
//! | `zero_downtime` | how many tasks could serve at each look |
//! | `probe` | requests that go on meanwhile, with a clock of their own |
//! | `machine` | all of these together, and the outcome |
//! | `cadence` | when to look, and at what |
//! | `eyes` | asks AWS, and makes observations of the answers |
//! | `logs` | where containers log to, and whose log is worth reading |
//! | `evidence` | fetches the last log lines of containers that ended badly, beside the watching |
//! | `native` | the strategies that ECS carries out in stages: their own machine and poller, beside these |
//! | `watch` | the poller: `cadence` and `eyes` feed the state machine; with `evidence`, these alone have a clock and a network |
//! | `onlooker` | the poller of one who only wants to see, and may want to for days |

mod cadence;
mod changes;
mod conditions;
mod evidence;
mod eyes;
mod findings;
mod history;
mod logs;
mod machine;
mod memory;
mod native;
mod observation;
mod onlooker;
mod policy;
mod probe;
mod restarts;
mod rules;
mod stall;
mod targets;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod watch;
mod zero_downtime;

pub use changes::stopped;
pub use evidence::LogEvidence;
pub(crate) use findings::api_error;
pub use findings::pages as explain;
pub use findings::{
    Class, Entry, ExitCode, Pattern, Scope, by_code, catalogue, diagnose, diagnose_event, diagnose_log,
    exit_code,
};
pub use logs::{ContainerLog, LogPlace, failed, log_of_container, logs_of_task, readable, suspects};
pub use machine::{Outcome, Rollout};
pub use native::{
    Hook, Native, NativeEnd, NativeFollowed, NativeObservation, NativeOutcome, RollbackTo, ServiceDeployment,
    Share, find_native, follow_rollback, watch_native,
};
pub use observation::{
    Container, Deployment, Fresh, Observation, PortBinding, Service, ServiceEvent, Target, TargetGroupHealth,
    Task,
};
pub use onlooker::{Looked, Onlooker};
pub use policy::{Followed, HealthCheck, Policy, TargetGroupRef, Undone, WaitFor, floor};
pub use probe::{Board, Probe};
pub use rules::{
    EarlySuccess, RestartPolicy, Rules, TargetKind, bounds, container_check_time, is_blocked,
    least_stall_timeout,
};
pub(crate) use watch::is_final;
pub use watch::{look, watch};
