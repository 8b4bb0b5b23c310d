//! StopServiceDeployment and ContinueServiceDeployment (facts 4.1 and 4.2).

use std::time::Duration;

use serde_json::{Value, json};

use super::hooks::HookStatus;
use crate::world::{
    ApiError, World,
    json::{required, text},
    service_deployments::Status,
    services::RolloutState,
};

/// A request to stop is taken up this much later.
const TAKEN_UP: Duration = Duration::from_secs(1);

impl World {
    pub(crate) fn stop_service_deployment(&mut self, input: &Value) -> Result<Value, ApiError> {
        let arn = required(input, "serviceDeploymentArn")?.to_owned();
        let index = self.service_of_deployment(&arn)?;
        let now = self.now;
        let nothing_to_go_back_to = self.services[index].last_completed.is_none();
        let abort = match text(input, "stopType") {
            None | Some("ROLLBACK") => false,
            // In the model, though its text says that only ROLLBACK is valid (facts 4.1): the
            // deployment ends where it is.
            Some("ABORT") => true,
            Some(_) => return Err(ApiError::invalid_parameter("Invalid stopType.")),
        };
        let Some(found) = self.history.by_arn_mut(&arn) else { return Err(not_found()) };
        match found.status {
            status if status.is_terminal() => {
                return Err(ApiError::client(
                    "ConflictException",
                    format!("The service deployment is {} and cannot be stopped.", status.name()),
                ));
            }
            Status::Pending | Status::InProgress => {
                found.reason = Some("Service deployment was stopped by the user.".to_owned());
                if abort || nothing_to_go_back_to {
                    let entry = found.deployment.clone();
                    found.become_status(Status::StopRequested, now);
                    if let Some(entry) = self.services[index].deployment_mut(&entry) {
                        entry.rollout = RolloutState::Failed;
                        entry.updated_at = now;
                    }
                } else {
                    found.become_status(Status::RollbackRequested, now);
                }
                // So that the request can be seen before it is carried out.
                self.services[index].wake(now + TAKEN_UP);
            }
            // It is on its way already.
            _ => {}
        }
        Ok(json!({ "serviceDeploymentArn": arn }))
    }

    pub(crate) fn continue_service_deployment(&mut self, input: &Value) -> Result<Value, ApiError> {
        let arn = required(input, "serviceDeploymentArn")?.to_owned();
        let id = required(input, "hookId")?;
        let index = self.service_of_deployment(&arn)?;
        let now = self.now;
        let Some(found) = self.history.by_arn_mut(&arn) else { return Err(not_found()) };
        let hooks = found.native.iter_mut().flat_map(|native| &mut native.hooks);
        let waits =
            |hook: &&mut super::hooks::Hook| hook.id == id && hook.status == HookStatus::AwaitingAction;
        let Some(hook) = hooks.into_iter().find(waits) else {
            return Err(ApiError::invalid_parameter("The hook does not await an action."));
        };
        match text(input, "action") {
            None | Some("CONTINUE") => hook.status = HookStatus::Succeeded,
            Some("ROLLBACK") => {
                hook.status = HookStatus::Failed;
                found.reason = Some("A lifecycle hook asked for a rollback.".to_owned());
                found.become_status(Status::RollbackRequested, now);
            }
            Some(_) => return Err(ApiError::invalid_parameter("Invalid action.")),
        }
        self.services[index].wake(now);
        Ok(json!({ "serviceDeploymentArn": arn }))
    }

    fn service_of_deployment(&self, arn: &str) -> Result<usize, ApiError> {
        let service = &self.history.by_arn(arn).ok_or_else(not_found)?.service_arn;
        self.services.iter().position(|it| it.arn == *service).ok_or_else(not_found)
    }
}

fn not_found() -> ApiError {
    ApiError::client("ServiceDeploymentNotFoundException", "Service deployment not found.")
}
