//! Lifecycle hooks (facts 4.3).

use std::time::Duration;

use serde_json::{Value, json};

use super::model::{Native, Stage};
use crate::world::{
    VirtualTime,
    json::{number, text, texts},
};

/// How long a Lambda function takes.
const LAMBDA_TAKES: Duration = Duration::from_secs(2);

/// Where a hook stands (facts 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HookStatus {
    AwaitingAction,
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
}

impl HookStatus {
    fn name(self) -> &'static str {
        match self {
            HookStatus::AwaitingAction => "AWAITING_ACTION",
            HookStatus::InProgress => "IN_PROGRESS",
            HookStatus::Succeeded => "SUCCEEDED",
            HookStatus::Failed => "FAILED",
            HookStatus::TimedOut => "TIMED_OUT",
        }
    }
}

pub(crate) struct Hook {
    pub(crate) id: String,
    pause: bool,
    target_arn: Option<String>,
    pub(crate) status: HookStatus,
    expires_at: VirtualTime,
    rolls_back: bool,
}

impl Hook {
    pub(crate) fn render(&self) -> Value {
        let mut whole = json!({
            "hookId": self.id,
            "targetType": if self.pause { "PAUSE" } else { "AWS_LAMBDA" },
            "status": self.status.name(),
        });
        if let Some(arn) = &self.target_arn {
            whole["targetArn"] = json!(arn);
        }
        if self.pause {
            whole["expiresAt"] = json!(self.expires_at.epoch_seconds());
            whole["timeoutAction"] = json!(if self.rolls_back { "ROLLBACK" } else { "CONTINUE" });
        }
        whole
    }
}

/// What the hooks of a stage say to going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Say {
    GoOn,
    /// Not before.
    Wait(VirtualTime),
    GoBack,
}

impl Native {
    pub(super) fn has_hook_at(&self, stage: Stage) -> bool {
        self.configured.iter().any(|hook| texts(hook, "lifecycleStages").contains(&stage.name()))
    }

    /// Starts the hooks that are configured for a stage; those of earlier stages stay on the list.
    pub(super) fn start_hooks(&mut self, stage: Stage, now: VirtualTime, mut new_id: impl FnMut() -> String) {
        for configured in &self.configured {
            if !texts(configured, "lifecycleStages").contains(&stage.name()) {
                continue;
            }
            let pause = text(configured, "targetType") == Some("PAUSE");
            let time_out = &configured["timeoutConfiguration"];
            let minutes = u64::try_from(number(time_out, "timeoutInMinutes").unwrap_or(1440)).unwrap_or(0);
            let expires_at = if pause { now + Duration::from_secs(60 * minutes) } else { now + LAMBDA_TAKES };
            self.hooks.push(Hook {
                id: new_id(),
                pause,
                target_arn: text(configured, "hookTargetArn").map(str::to_owned),
                status: if pause { HookStatus::AwaitingAction } else { HookStatus::InProgress },
                expires_at,
                rolls_back: text(time_out, "action") != Some("CONTINUE"),
            });
        }
    }

    /// Lets hooks come to their ends.
    pub(super) fn ask_hooks(&mut self, now: VirtualTime) -> Say {
        let mut say = Say::GoOn;
        for hook in &mut self.hooks {
            match hook.status {
                HookStatus::InProgress if hook.expires_at <= now => hook.status = HookStatus::Succeeded,
                HookStatus::AwaitingAction if hook.expires_at <= now => {
                    hook.status = HookStatus::TimedOut;
                    if hook.rolls_back {
                        return Say::GoBack;
                    }
                }
                HookStatus::InProgress | HookStatus::AwaitingAction => {
                    say = match say {
                        Say::Wait(other) => Say::Wait(other.min(hook.expires_at)),
                        _ => Say::Wait(hook.expires_at),
                    };
                }
                HookStatus::Failed => return Say::GoBack,
                HookStatus::Succeeded | HookStatus::TimedOut => {}
            }
        }
        say
    }
}
