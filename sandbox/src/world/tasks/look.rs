//! What no API of AWS shows: the environment inside of tasks.

use std::collections::BTreeMap;

use crate::world::World;

/// A task that is RUNNING, seen from the inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningTask {
    /// Its ARN.
    pub arn: String,
    /// The ARN of its task definition, revision included.
    pub task_definition: String,
    /// The variables of each container by the container's name, as they were when the task
    /// started. A secret has the value `<secret VALUE_FROM>`.
    pub environments: BTreeMap<String, BTreeMap<String, String>>,
}

impl World {
    /// The tasks of a service that are RUNNING, oldest first.
    pub fn running_tasks(&self, cluster: &str, service: &str) -> Vec<RunningTask> {
        let tasks = self.tasks.iter().filter(|task| task.cluster == cluster && task.service == service);
        tasks
            .filter(|task| task.is_running())
            .map(|task| RunningTask {
                arn: task.arn.clone(),
                task_definition: task.task_definition.clone(),
                environments: task
                    .containers
                    .iter()
                    .filter_map(|container| Some((container.name.clone(), container.environment.clone()?)))
                    .collect(),
            })
            .collect()
    }

    /// The environment that a container of a task (an ARN or an id) started with; `None` when
    /// there is no such container or it has never been created.
    pub fn task_environment(&self, task: &str, container: &str) -> Option<BTreeMap<String, String>> {
        let id = task.rsplit('/').next().unwrap_or(task);
        let task = self.tasks.iter().find(|task| task.id == id)?;
        task.containers.iter().find(|it| it.name == container)?.environment.clone()
    }
}
