//! What goes wrong in the sandbox, by name.

use std::{fmt, str::FromStr};

/// A way in which deployments behave once the seeded state has settled.
///
/// A scenario touches only deployments that were started after the world settled and whose task
/// definition was registered after that, so putting a service back to its seeded revision works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scenario {
    /// Everything works.
    #[default]
    Healthy,
    /// Everything works, about five times slower.
    Slow,
    /// The pushed image cannot be found when a task pulls it.
    ImageNotFound,
    /// The essential container exits with code 3 soon after the task is RUNNING.
    CrashLoop,
    /// The load balancer's health check is answered with 404.
    UnhealthyTarget,
    /// The execution role may not read the environment file.
    EnvFileDenied,
    /// Many ECS and Elastic Load Balancing calls are throttled.
    Throttled,
    /// Someone else deploys while the deployment is under way.
    Superseded,
    /// The service's deployment circuit breaker trips and rolls back.
    BreakerRollback,
}

impl Scenario {
    /// All scenarios, in the order in which a list of them reads well.
    pub const ALL: [Scenario; 9] = [
        Scenario::Healthy,
        Scenario::Slow,
        Scenario::ImageNotFound,
        Scenario::CrashLoop,
        Scenario::UnhealthyTarget,
        Scenario::EnvFileDenied,
        Scenario::Throttled,
        Scenario::Superseded,
        Scenario::BreakerRollback,
    ];

    /// The kebab-case name, as [`FromStr`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Healthy => "healthy",
            Scenario::Slow => "slow",
            Scenario::ImageNotFound => "image-not-found",
            Scenario::CrashLoop => "crash-loop",
            Scenario::UnhealthyTarget => "unhealthy-target",
            Scenario::EnvFileDenied => "env-file-denied",
            Scenario::Throttled => "throttled",
            Scenario::Superseded => "superseded",
            Scenario::BreakerRollback => "breaker-rollback",
        }
    }

    /// What happens, and what ECS says, in one or two plain sentences.
    pub fn description(self) -> &'static str {
        match self {
            Scenario::Healthy => {
                "New tasks start and become healthy, then the old ones drain. ECS reports the deployment COMPLETED."
            }
            Scenario::Slow => {
                "As healthy, but pulling the image and health checks take about five times as long."
            }
            Scenario::ImageNotFound => {
                "New tasks cannot pull their image, as if it had been deleted after the push. ECS stops each of them with CannotPullContainerError: ... not found."
            }
            Scenario::CrashLoop => {
                "The container exits with code 3 a few seconds after its task is RUNNING, and ECS starts another one for ever. Tasks stop with: Essential container in task exited."
            }
            Scenario::UnhealthyTarget => {
                "The health check of the target group is answered with 404 (a service without a target group fails its container health check, if it has one). ECS stops the tasks with: Task failed ELB health checks in (target-group ...)."
            }
            Scenario::EnvFileDenied => {
                "New tasks that name an environment file may not read it. ECS stops them with ResourceInitializationError: failed to download env files ... StatusCode: 403."
            }
            Scenario::Throttled => {
                "About 40 % of the calls to ECS and Elastic Load Balancing are answered with ThrottlingException: Rate exceeded. The deployment itself works."
            }
            Scenario::Superseded => {
                "Some 15 seconds into the deployment someone else registers another revision and updates the service. The first deployment is no longer PRIMARY and is drained."
            }
            Scenario::BreakerRollback => {
                "New tasks exit with code 1 before they are RUNNING until the deployment circuit breaker trips. ECS marks the deployment FAILED and rolls back to the old revision."
            }
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name that is no scenario's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario {name:?}; there are {}", Scenario::ALL.map(Scenario::name).join(", "))]
pub struct UnknownScenario {
    /// The name that was asked for.
    pub name: String,
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Scenario::ALL
            .into_iter()
            .find(|scenario| scenario.name() == name)
            .ok_or_else(|| UnknownScenario { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.name().parse(), Ok(scenario));
            assert!(scenario.description().ends_with('.'));
        }
        assert!("nonsense".parse::<Scenario>().unwrap_err().to_string().contains("crash-loop"));
    }
}
