//! Editing a container of the document in place.

use serde_json::{Map, Value, json};

use super::document::TaskDefinition;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Which entry of `environmentFiles` is ours to replace.
#[derive(Debug, Clone, Copy)]
pub struct EnvFileSlot<'a> {
    /// The new objects' ARNs, in the order in which they count.
    pub arns: &'a [&'a str],
    /// Objects of this service and container stand under this ARN prefix; entries that start with it
    /// are earlier contents of the same file.
    pub prefix: &'a str,
}

impl TaskDefinition {
    /// The container that a configuration without a name means.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where there are several.
    pub fn only_container(&self) -> Result<String> {
        match self.container_names().as_slice() {
            [name] => Ok((*name).to_owned()),
            names => Err(Error::usage(format!(
                "the task definition {} has {} containers",
                self.family(),
                names.len()
            ))
            .hint(format!("Say which one with --container: {}.", names.join(", ")))),
        }
    }

    /// Sets a container's image.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where there is no such container; so do
    /// the other editors.
    pub fn set_image(&mut self, container: &str, image: &str) -> Result<()> {
        self.container_mut(container)?.insert("image".to_owned(), Value::String(image.to_owned()));
        Ok(())
    }

    /// Puts env files in the place of their earlier contents, or in front of the list: the first file that
    /// has a key wins (facts 2.3), and what is configured here is meant to count. The order of the others
    /// stays.
    pub fn set_env_files(&mut self, container: &str, slot: EnvFileSlot<'_>) -> Result<()> {
        let list = list_mut(self.container_mut(container)?, "environmentFiles");
        let ours = |item: &Value| {
            item.get("value").and_then(Value::as_str).is_some_and(|value| value.starts_with(slot.prefix))
        };
        let place = list.iter().position(ours).unwrap_or(0);
        list.retain(|item| !ours(item));
        let entries = slot.arns.iter().map(|arn| json!({"value": arn, "type": "s3"}));
        list.splice(place..place, entries);
        Ok(())
    }

    /// The ARNs in a container's `environmentFiles`, in order.
    pub fn env_files(&self, container: &str) -> Vec<String> {
        let list =
            self.container(container).and_then(|container| container.get("environmentFiles")?.as_array());
        let values = list.into_iter().flatten().filter_map(|entry| entry.get("value")?.as_str());
        values.map(str::to_owned).collect()
    }

    /// Whether `environment` or `secrets` of a container has this name.
    pub fn sets(&self, container: &str, name: &str) -> bool {
        ["environment", "secrets"].iter().any(|key| self.names(container, key).contains(&name))
    }

    /// The names in `environment` or `secrets` of a container.
    pub fn names(&self, container: &str, key: &str) -> Vec<&str> {
        let list = self.container(container).and_then(|container| container.get(key)?.as_array());
        list.into_iter().flatten().filter_map(|entry| entry.get("name")?.as_str()).collect()
    }

    /// Whether `environment` of a container sets this name to nothing.
    pub fn is_empty_variable(&self, container: &str, name: &str) -> bool {
        let list = self.container(container).and_then(|container| container.get("environment")?.as_array());
        let mut list = list.into_iter().flatten();
        list.any(|item| is_named(item, name) && item.get("value").and_then(Value::as_str) == Some(""))
    }

    /// Takes an `environment` entry of this name away if its value is empty.
    pub fn remove_empty(&mut self, container: &str, name: &str) -> Result<()> {
        if let Some(Value::Array(list)) = self.container_mut(container)?.get_mut("environment") {
            list.retain(|item| {
                !is_named(item, name) || item.get("value").and_then(Value::as_str) != Some("")
            });
        }
        Ok(())
    }

    /// Sets one variable of `environment`. A `secrets` entry of the same name goes: ECS refuses both.
    pub fn set_environment(&mut self, container: &str, name: &str, value: &Secret) -> Result<()> {
        let container = self.container_mut(container)?;
        remove_named(container, "secrets", name);
        set_named(container, "environment", name, json!({"name": name, "value": value.expose()}));
        Ok(())
    }

    /// Sets one variable of `secrets`. An `environment` entry of the same name goes.
    pub fn set_secret(&mut self, container: &str, name: &str, value_from: &str) -> Result<()> {
        let container = self.container_mut(container)?;
        remove_named(container, "environment", name);
        set_named(container, "secrets", name, json!({"name": name, "valueFrom": value_from}));
        Ok(())
    }
}

fn list_mut<'a>(container: &'a mut Map<String, Value>, key: &str) -> &'a mut Vec<Value> {
    let value = container.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    if !value.is_array() {
        // `null` is a common way to write "none".
        *value = Value::Array(Vec::new());
    }
    match value {
        Value::Array(list) => list,
        _ => unreachable!("it was made an array just above"),
    }
}

fn is_named(item: &Value, name: &str) -> bool {
    item.get("name").and_then(Value::as_str) == Some(name)
}

fn remove_named(container: &mut Map<String, Value>, key: &str, name: &str) {
    if let Some(Value::Array(list)) = container.get_mut(key) {
        list.retain(|item| !is_named(item, name));
    }
}

fn set_named(container: &mut Map<String, Value>, key: &str, name: &str, entry: Value) {
    let list = list_mut(container, key);
    match list.iter_mut().find(|item| is_named(item, name)) {
        Some(item) => *item = entry,
        None => list.push(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(container: Value) -> TaskDefinition {
        TaskDefinition::from_value(json!({"family": "web", "containerDefinitions": [container]})).unwrap()
    }

    #[test]
    fn an_env_file_takes_the_place_of_its_earlier_content() {
        let mut web = definition(json!({"name": "app", "environmentFiles": [
            {"value": "arn:aws:s3:::other/first.env", "type": "s3"},
            {"value": "arn:aws:s3:::store/p/web/app/old.env", "type": "s3"},
            {"value": "arn:aws:s3:::other/last.env", "type": "s3"},
            {"value": "arn:aws:s3:::store/p/web/app/older.env", "type": "s3"}
        ]}));
        let slot = EnvFileSlot {
            arns: &["arn:aws:s3:::store/p/web/app/new.env", "arn:aws:s3:::store/p/web/app/base.env"],
            prefix: "arn:aws:s3:::store/p/web/app/",
        };
        web.set_env_files("app", slot).unwrap();
        let values: Vec<_> = web.container("app").unwrap()["environmentFiles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["value"].as_str().unwrap())
            .collect();
        assert_eq!(
            values,
            [
                "arn:aws:s3:::other/first.env",
                "arn:aws:s3:::store/p/web/app/new.env",
                "arn:aws:s3:::store/p/web/app/base.env",
                "arn:aws:s3:::other/last.env"
            ]
        );
    }

    #[test]
    fn a_name_is_in_environment_or_in_secrets_never_in_both() {
        let mut web = definition(
            json!({"name": "app", "environment": null, "secrets": [{"name": "A", "valueFrom": "/a"}]}),
        );
        web.set_environment("app", "A", &Secret::new("1")).unwrap();
        web.set_secret("app", "B", "/b").unwrap();
        web.set_environment("app", "C", &Secret::new("")).unwrap();
        web.set_secret("app", "C", "/c").unwrap();
        let app = web.container("app").unwrap();
        assert_eq!(app["environment"], json!([{"name": "A", "value": "1"}]));
        assert_eq!(
            app["secrets"],
            json!([{"name": "B", "valueFrom": "/b"}, {"name": "C", "valueFrom": "/c"}])
        );
    }

    #[test]
    fn a_container_that_is_not_there_is_named_with_those_that_are() {
        let error = definition(json!({"name": "app"})).set_image("ap", "x").unwrap_err();
        assert_eq!(error.hint_text(), Some("It has: app."));
    }
}
