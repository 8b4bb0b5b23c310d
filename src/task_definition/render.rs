//! The edits of a render step, as the official action for GitHub makes them: nothing else of the document changes.

use serde_json::{Map, Value, json};

use super::document::TaskDefinition;
use crate::error::Result;
use crate::secret::Secret;

/// What a render step sets. Empty parts leave the document as it is.
#[derive(Debug, Clone, Default)]
pub struct Rendering {
    /// The containers that are edited; empty: the only one.
    pub containers: Vec<String>,
    /// Their image.
    pub image: String,
    /// Entries of `environment`: those of the same name are replaced.
    pub environment: Vec<(String, Secret)>,
    /// Entries of `secrets`, name and `valueFrom`: those of the same name are replaced.
    pub secrets: Vec<(String, String)>,
    /// ARNs of S3 objects that become the whole of `environmentFiles`.
    pub env_files: Vec<String>,
    /// `logConfiguration.logDriver`
    pub log_driver: Option<String>,
    /// Entries of `logConfiguration.options`.
    pub log_options: Vec<(String, String)>,
    /// Entries of `dockerLabels`.
    pub docker_labels: Vec<(String, String)>,
    /// `command`
    pub command: Vec<String>,
    /// `taskRoleArn`
    pub task_role: Option<String>,
    /// `executionRoleArn`
    pub execution_role: Option<String>,
}

impl TaskDefinition {
    /// Makes the edits.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where a container is not there, or none is named of several.
    pub fn render(&mut self, rendering: &Rendering) -> Result<()> {
        let containers = match rendering.containers.is_empty() {
            true => vec![self.only_container()?],
            false => rendering.containers.clone(),
        };
        for name in &containers {
            self.set_image(name, &rendering.image)?;
            for (key, value) in &rendering.environment {
                self.set_environment(name, key, value)?;
            }
            for (key, value_from) in &rendering.secrets {
                self.set_secret(name, key, value_from)?;
            }
            edit(self.container_mut(name)?, rendering);
        }
        let roles = [("taskRoleArn", &rendering.task_role), ("executionRoleArn", &rendering.execution_role)];
        for (key, role) in roles {
            if let Some(role) = role {
                self.set_field(key, json!(role));
            }
        }
        Ok(())
    }
}

fn edit(container: &mut Map<String, Value>, rendering: &Rendering) {
    if !rendering.env_files.is_empty() {
        let files = rendering.env_files.iter().map(|arn| json!({"value": arn, "type": "s3"}));
        container.insert("environmentFiles".to_owned(), files.collect());
    }
    if !rendering.command.is_empty() {
        container.insert("command".to_owned(), json!(rendering.command));
    }
    if rendering.log_driver.is_some() || !rendering.log_options.is_empty() {
        let log = object_mut(container, "logConfiguration");
        if let Some(driver) = &rendering.log_driver {
            log.insert("logDriver".to_owned(), json!(driver));
        }
        if !rendering.log_options.is_empty() {
            set_all(object_mut(log, "options"), &rendering.log_options);
        }
    }
    if !rendering.docker_labels.is_empty() {
        set_all(object_mut(container, "dockerLabels"), &rendering.docker_labels);
    }
}

fn set_all(object: &mut Map<String, Value>, entries: &[(String, String)]) {
    object.extend(entries.iter().map(|(key, value)| (key.clone(), json!(value))));
}

fn object_mut<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = parent.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        // `null` is a common way to write "none".
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(object) => object,
        _ => unreachable!("it was made an object just above"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(entries: &[(&str, &str)]) -> Vec<(String, String)> {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_named_is_set_and_nothing_is_lost() {
        let document = json!({
            "family": "web", "inventedField": {"deep": [null, ""]}, "volumes": [],
            "containerDefinitions": [
                {"name": "app", "image": "old", "command": [], "environment": [{"name": "A", "value": "1"}],
                 "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}}, "dockerLabels": null,
                 "environmentFiles": [{"value": "arn:aws:s3:::b/old.env", "type": "s3"}]},
                {"name": "sidecar", "image": "other", "invented": "${NOT_OURS}"}
            ]
        });
        let mut web = TaskDefinition::from_value(document).unwrap();
        web.render(&Rendering {
            containers: vec!["app".to_owned()],
            image: "new".to_owned(),
            environment: vec![("A".to_owned(), Secret::new("2=3 ${X}")), ("B".to_owned(), Secret::new(""))],
            secrets: pairs(&[("TOKEN", "arn:aws:ssm:r:1:parameter/token")]),
            env_files: vec!["arn:aws:s3:::b/new.env".to_owned()],
            log_options: pairs(&[("awslogs-region", "r"), ("awslogs-group", "h")]),
            docker_labels: pairs(&[("team", "blue")]),
            command: vec!["sh".to_owned()],
            task_role: Some("role".to_owned()),
            ..Rendering::default()
        })
        .unwrap();
        assert_eq!(
            web.to_value(),
            json!({
                "family": "web", "inventedField": {"deep": [null, ""]}, "volumes": [],
                "containerDefinitions": [
                    {"name": "app", "image": "new", "command": ["sh"],
                     "environment": [{"name": "A", "value": "2=3 ${X}"}, {"name": "B", "value": ""}],
                     "secrets": [{"name": "TOKEN", "valueFrom": "arn:aws:ssm:r:1:parameter/token"}],
                     "logConfiguration": {
                         "logDriver": "awslogs", "options": {"awslogs-group": "h", "awslogs-region": "r"}
                     },
                     "dockerLabels": {"team": "blue"},
                     "environmentFiles": [{"value": "arn:aws:s3:::b/new.env", "type": "s3"}]},
                    {"name": "sidecar", "image": "other", "invented": "${NOT_OURS}"}
                ],
                "taskRoleArn": "role"
            })
        );
    }

    #[test]
    fn the_container_may_be_left_out_where_there_is_one_and_must_be_there_where_it_is_named() {
        let one = json!({"family": "web", "containerDefinitions": [{"name": "app"}]});
        let mut one = TaskDefinition::from_value(one).unwrap();
        one.render(&Rendering { image: "x".to_owned(), ..Rendering::default() }).unwrap();
        assert_eq!(one.image("app"), Some("x"));
        let other =
            Rendering { containers: vec!["b".to_owned()], image: "x".to_owned(), ..Rendering::default() };
        assert_eq!(
            one.render(&other).unwrap_err().to_string(),
            "the task definition web has no container `b`"
        );
    }
}
