//! What the containers of tasks write.

use serde_json::Value;

use super::store::Place;
use crate::world::{
    World,
    json::{list, number},
    tasks::Fate,
};

impl World {
    /// The log driver makes the streams of a task's containers when it creates them.
    pub(crate) fn open_logs(&mut self, task: usize) {
        for (place, _) in self.places(task) {
            self.logs.create_stream(&place.group, &place.stream);
        }
    }

    /// The containers have started.
    pub(crate) fn log_start(&mut self, task: usize) {
        let crashes = matches!(self.tasks[task].fate, Fate::ExitsWhileRunning { .. });
        let now = self.now;
        for (place, container) in self.places(task) {
            let port =
                list(&container, "portMappings").first().and_then(|port| number(port, "containerPort"));
            let line = match port {
                _ if crashes => "reading the configuration".to_owned(),
                Some(port) => format!("listening on port {port}"),
                None => "started".to_owned(),
            };
            self.logs.write(&place, now, [line]);
        }
    }

    /// A container exits by itself.
    pub(crate) fn log_exit(&mut self, task: usize, container: &str, code: i32) {
        let now = self.now;
        let words = self.logs.last_words.clone().unwrap_or_else(|| last_words(code));
        let mut places = self.places(task).into_iter();
        let named = |definition: &Value| definition.get("name").and_then(Value::as_str) == Some(container);
        if let Some((place, _)) = places.find(|(_, definition)| named(definition)) {
            self.logs.write(&place, now, words);
        }
    }

    /// Where each container of a task writes, with its definition.
    fn places(&self, task: usize) -> Vec<(Place, Value)> {
        let task = &self.tasks[task];
        let containers =
            self.task_definitions.by_arn(&task.task_definition).map_or(&[][..], |it| it.containers());
        let place = |container: &Value| Some((Place::of(container, &task.id)?, container.clone()));
        containers.iter().filter_map(place).collect()
    }
}

fn last_words(code: i32) -> Vec<String> {
    [
        "panic: DATABASE_URL is not set".to_owned(),
        "  at load (config.rs:41)".to_owned(),
        "  at main (main.rs:12)".to_owned(),
        format!("exit status {code}"),
    ]
    .to_vec()
}
