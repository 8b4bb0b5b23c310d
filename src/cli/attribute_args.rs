//! The clap types on what a service deploys and how it is set, beside its task definition's edits.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::args::given;
use crate::config::Overrides;
use crate::error::{Error, Result};

/// Attributes of the service, and which revision it gets.
#[derive(Debug, Args)]
#[command(next_help_heading = "One service")]
pub struct AttributeArgs {
    /// A revision that exists, in place of a file: its ARN, FAMILY:NUMBER, or FAMILY for the newest one
    #[arg(
        long,
        env = "LANDFALL_TASK_DEFINITION_ARN",
        value_name = "REVISION",
        conflicts_with = "task_definition"
    )]
    pub task_definition_arn: Option<String>,
    /// Start a new deployment also where nothing has changed
    #[arg(long, env = "LANDFALL_FORCE_NEW_DEPLOYMENT", value_parser = clap::builder::FalseyValueParser::new())]
    pub force_new_deployment: bool,
    /// How many tasks the service wants [default: as it is]
    #[arg(long, env = "LANDFALL_DESIRED_COUNT", value_name = "COUNT")]
    pub desired_count: Option<u32>,
    /// Whose tags tasks get [default: as it is]
    #[arg(long, env = "LANDFALL_PROPAGATE_TAGS", value_enum, ignore_case = true)]
    pub propagate_tags: Option<PropagateTagsArg>,
    /// Whether tasks are tagged with the names of cluster and service [default: as it is]
    #[arg(long, env = "LANDFALL_ENABLE_ECS_MANAGED_TAGS", value_name = "true|false")]
    pub enable_ecs_managed_tags: Option<bool>,
    /// The EBS volume of each task, for a volume that is configuredAtLaunch: its settings as JSON
    #[arg(long, env = "LANDFALL_MANAGED_EBS_VOLUME", value_name = "NAME=JSON")]
    pub managed_ebs_volume: Option<String>,
    /// Take the task-definition file as it stands: nothing in it is an expression, and empty values are dropped
    #[arg(long, hide = true)]
    pub verbatim: bool,
    /// With --verbatim: keys whose empty values stay
    #[arg(long, hide = true, value_name = "KEY", value_delimiter = ',', requires = "verbatim")]
    pub keep_null_value_keys: Vec<String>,
}

/// `--propagate-tags`
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PropagateTagsArg {
    /// The task definition's
    TaskDefinition,
    /// The service's
    Service,
    /// Nobody's
    None,
}

impl AttributeArgs {
    /// What the flags say over the file, beside what is known of it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a volume that is no JSON object, or has no role.
    pub(super) fn over(&self, known: Overrides) -> Result<Overrides> {
        let mut attributes = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                attributes.insert(name.to_owned(), value);
            }
        };
        set("desiredCount", self.desired_count.map(Value::from));
        let propagate = self.propagate_tags.map(|from| match from {
            PropagateTagsArg::TaskDefinition => "TASK_DEFINITION",
            PropagateTagsArg::Service => "SERVICE",
            PropagateTagsArg::None => "NONE",
        });
        set("propagateTags", propagate.map(Value::from));
        set("enableECSManagedTags", self.enable_ecs_managed_tags.map(Value::from));
        set("volumeConfigurations", given(&self.managed_ebs_volume).map(|text| volume(&text)).transpose()?);
        Ok(Overrides {
            revision: given(&self.task_definition_arn),
            verbatim: self.verbatim.then(|| self.keep_null_value_keys.clone()),
            force_new_deployment: self.force_new_deployment,
            attributes,
            ..known
        })
    }
}

/// `volumeConfigurations` of UpdateService: one volume of each task, which ECS manages (facts 3.4).
fn volume(text: &str) -> Result<Value> {
    let wrong = |what: &str| {
        Error::usage(format!("--managed-ebs-volume: {what}"))
            .hint("Write NAME={\"roleArn\": \"arn:aws:iam::...\", \"sizeInGiB\": 30}, with the name of a volume that is configuredAtLaunch.")
    };
    let (name, settings) = text.split_once('=').ok_or_else(|| wrong("it has no NAME= in front"))?;
    let settings: Value =
        serde_json::from_str(settings).map_err(|error| wrong("its settings are no JSON").source(error))?;
    match settings.get("roleArn").and_then(Value::as_str) {
        Some(role) if !role.is_empty() && !name.is_empty() => {}
        _ => return Err(wrong("it needs a name, and a `roleArn` in its settings")),
    }
    Ok(json!([{ "name": name, "managedEBSVolume": settings }]))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn overrides(args: &[&str]) -> Result<Overrides> {
        let cli = Cli::try_parse_from(["landfall", "deploy"].iter().chain(args)).unwrap();
        let Command::Deploy(deploy) = cli.command else { panic!("deploy") };
        deploy.overrides(&cli.global)
    }

    #[test]
    fn attributes_are_as_update_service_takes_them() {
        let found = overrides(&[
            "--desired-count=3",
            "--propagate-tags=service",
            "--enable-ecs-managed-tags=true",
            "--managed-ebs-volume=data={\"roleArn\": \"arn:aws:iam::1:role/ebs\", \"sizeInGiB\": 30}",
            "--force-new-deployment",
        ])
        .unwrap();
        let volume = json!({
            "name": "data", "managedEBSVolume": {"roleArn": "arn:aws:iam::1:role/ebs", "sizeInGiB": 30}
        });
        assert_eq!(
            Value::Object(found.attributes),
            json!({
                "desiredCount": 3, "propagateTags": "SERVICE", "enableECSManagedTags": true,
                "volumeConfigurations": [volume]
            })
        );
        assert!(found.force_new_deployment && found.verbatim.is_none());
    }

    #[test]
    fn a_volume_that_ecs_would_refuse_is_refused_here() {
        for wrong in ["data", "data=x", "data={}", "={\"roleArn\": \"r\"}", "data={\"roleArn\": \"\"}"] {
            assert!(overrides(&["--managed-ebs-volume", wrong]).is_err(), "{wrong}");
        }
    }
}
