//! The revisions of all families.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::world::{ApiError, VirtualTime, json::text};

/// One registered revision. The document is the caller's, with what AWS adds.
pub(crate) struct Revision {
    pub(crate) arn: String,
    pub(crate) family: String,
    pub(crate) number: u64,
    pub(crate) document: Map<String, Value>,
    pub(crate) tags: Vec<Value>,
    pub(crate) deregistered_at: Option<VirtualTime>,
}

impl Revision {
    pub(crate) fn is_active(&self) -> bool {
        self.deregistered_at.is_none()
    }

    pub(crate) fn containers(&self) -> &[Value] {
        self.document.get("containerDefinitions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn container(&self, name: &str) -> Option<&Value> {
        self.containers().iter().find(|container| text(container, "name") == Some(name))
    }

    /// As DescribeTaskDefinition shows it.
    pub(crate) fn render(&self) -> Value {
        let mut document = self.document.clone();
        if let Some(at) = self.deregistered_at {
            document.insert("status".to_owned(), json!("INACTIVE"));
            document.insert("deregisteredAt".to_owned(), json!(at.epoch_seconds()));
        }
        Value::Object(document)
    }
}

#[derive(Default)]
pub(crate) struct TaskDefinitions {
    families: BTreeMap<String, Vec<Revision>>,
}

impl TaskDefinitions {
    /// The number that the family's next revision gets. Numbers are never used twice.
    pub(crate) fn next_number(&self, family: &str) -> u64 {
        self.families.get(family).and_then(|revisions| revisions.last()).map_or(1, |last| last.number + 1)
    }

    pub(crate) fn add(&mut self, revision: Revision) {
        self.families.entry(revision.family.clone()).or_default().push(revision);
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Revision> {
        self.families.values().flatten()
    }

    pub(crate) fn arns(&self) -> impl Iterator<Item = String> {
        self.all().map(|revision| revision.arn.clone())
    }

    pub(crate) fn by_arn(&self, arn: &str) -> Option<&Revision> {
        self.all().find(|revision| revision.arn == arn)
    }

    pub(crate) fn by_arn_mut(&mut self, arn: &str) -> Option<&mut Revision> {
        self.families.values_mut().flatten().find(|revision| revision.arn == arn)
    }

    /// Finds what a request calls a task definition: an ARN, `family:revision`, or a bare family,
    /// which means its latest ACTIVE revision (facts 3.4).
    ///
    /// Errors: `ClientException` `Unable to describe task definition.` (facts 5.7).
    pub(crate) fn resolve(&self, given: &str) -> Result<&Revision, ApiError> {
        let name = given.rsplit('/').next().unwrap_or(given);
        let found = match name.split_once(':') {
            Some((family, number)) => {
                let number: u64 = number.parse().map_err(|_| {
                    ApiError::client_exception(format!("Invalid revision number. Number: {number}"))
                })?;
                self.families
                    .get(family)
                    .and_then(|revisions| revisions.iter().find(|revision| revision.number == number))
            }
            None => self
                .families
                .get(name)
                .and_then(|revisions| revisions.iter().rev().find(|revision| revision.is_active())),
        };
        found.ok_or_else(|| ApiError::client_exception("Unable to describe task definition."))
    }
}
