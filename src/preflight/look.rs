//! Named views of what a check looks at: documents of AWS stay JSON, and this is where they are read.

use serde_json::{Map, Value};

use super::facts::Input;
use super::size::{cpu_units, memory_mib};
use crate::task_definition::TaskDefinition;

/// A container definition and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Container<'a> {
    /// Its place in `containerDefinitions`.
    pub index: usize,
    /// Its name, or an empty text.
    pub name: &'a str,
    /// The definition.
    pub fields: &'a Map<String, Value>,
}

impl<'a> Container<'a> {
    /// The containers of a task definition, in order.
    pub fn all(definition: &'a TaskDefinition) -> impl Iterator<Item = Self> + use<'a> {
        definition.containers().enumerate().map(|(index, fields)| Self {
            index,
            name: fields.get("name").and_then(Value::as_str).unwrap_or_default(),
            fields,
        })
    }

    /// `container web`
    pub fn subject(&self) -> String {
        format!("container {}", self.name)
    }

    /// The JSON path of a field: `containerDefinitions[0].links`.
    pub fn path(&self, field: &str) -> String {
        format!("containerDefinitions[{}].{field}", self.index)
    }

    /// A field that is a text.
    pub fn text(&self, field: &str) -> Option<&'a str> {
        self.fields.get(field)?.as_str()
    }

    /// A field that is a number that is not negative.
    pub fn number(&self, field: &str) -> Option<u64> {
        self.fields.get(field)?.as_u64()
    }

    /// The objects of a list; none where there is no such list.
    pub fn list(&self, field: &str) -> impl Iterator<Item = &'a Map<String, Value>> + use<'a> {
        objects(self.fields.get(field))
    }

    /// Whether the task ends with it (facts 3.2): a container is essential unless it says otherwise.
    pub fn is_essential(&self) -> bool {
        self.fields.get("essential").and_then(Value::as_bool).unwrap_or(true)
    }

    /// Its image, or an empty text.
    pub fn image(&self) -> &'a str {
        self.text("image").unwrap_or_default()
    }

    /// `logConfiguration.logDriver`
    pub fn log_driver(&self) -> Option<&'a str> {
        self.fields.get("logConfiguration")?.get("logDriver")?.as_str()
    }

    /// An entry of `logConfiguration.options`.
    pub fn log_option(&self, name: &str) -> Option<&'a str> {
        self.fields.get("logConfiguration")?.get("options")?.get(name)?.as_str()
    }

    /// The ARNs in `environmentFiles`.
    pub fn env_files(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.list("environmentFiles").filter_map(|file| file.get("value")?.as_str())
    }

    /// What is read from Secrets Manager or Parameter Store when the container starts: what it is for, and `valueFrom`.
    pub fn references(&self) -> Vec<(String, &'a str)> {
        let named = |list: Option<&'a Value>, what: &'static str| {
            objects(list).filter_map(move |entry| {
                let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
                Some((format!("{what} {name}"), entry.get("valueFrom")?.as_str()?))
            })
        };
        let log_options = self.fields.get("logConfiguration").and_then(|log| log.get("secretOptions"));
        let login =
            self.fields.get("repositoryCredentials").and_then(|login| login.get("credentialsParameter"));
        named(self.fields.get("secrets"), "secret")
            .chain(named(log_options, "log option"))
            .chain(login.and_then(Value::as_str).map(|from| ("registry login".to_owned(), from)))
            .collect()
    }
}

/// An entry of a service's `loadBalancers` with a target group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Balancer<'a> {
    /// ARN of the target group.
    pub target_group: &'a str,
    /// The other one of a strategy that shifts traffic (facts 4.3).
    pub alternate: Option<&'a str>,
    /// The container that gets the requests.
    pub container: &'a str,
    /// Its port.
    pub port: u64,
}

impl<'a> Input<'a> {
    /// The containers in order.
    pub(crate) fn containers(&self) -> impl Iterator<Item = Container<'a>> + use<'a> {
        Container::all(self.definition)
    }

    /// A field of the task definition.
    pub(crate) fn field(&self, name: &str) -> Option<&'a Value> {
        self.definition.as_map().get(name).filter(|value| !value.is_null())
    }

    /// A field of the task definition that is a text and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.field(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// Whether the tasks run on Fargate: the service says so by launch type or capacity providers; where it says
    /// neither, the task definition does.
    pub(crate) fn is_fargate(&self) -> bool {
        let providers = self.capacity_providers();
        if !providers.is_empty() {
            return providers.iter().any(|provider| provider.starts_with("FARGATE"));
        }
        match self.service.get("launchType").and_then(Value::as_str) {
            Some(kind) => kind == "FARGATE",
            None => texts(self.field("requiresCompatibilities")).any(|kind| kind == "FARGATE"),
        }
    }

    /// Whether the tasks run on Windows (facts 1.4).
    pub(crate) fn is_windows(&self) -> bool {
        let family = self.field("runtimePlatform").and_then(|platform| platform.get("operatingSystemFamily"));
        family.and_then(Value::as_str).is_some_and(|family| family.starts_with("WINDOWS"))
    }

    /// Names of the capacity providers of the service's strategy.
    pub(crate) fn capacity_providers(&self) -> Vec<&'a str> {
        objects(self.service.get("capacityProviderStrategy"))
            .filter_map(|entry| entry.get("capacityProvider")?.as_str())
            .collect()
    }

    /// The platform version where it is set and not LATEST.
    pub(crate) fn platform_version(&self) -> Option<&'a str> {
        let version = self.service.get("platformVersion").and_then(Value::as_str)?;
        (!version.is_empty() && version != "LATEST").then_some(version)
    }

    /// The subnets of the service.
    pub(crate) fn subnets(&self) -> Vec<&'a str> {
        self.awsvpc().map(|network| texts(network.get("subnets")).collect()).unwrap_or_default()
    }

    /// The security groups of the tasks; none means the VPC's default group.
    pub(crate) fn security_groups(&self) -> Vec<&'a str> {
        self.awsvpc().map(|network| texts(network.get("securityGroups")).collect()).unwrap_or_default()
    }

    /// Whether the tasks get public addresses: only where it is ENABLED.
    pub(crate) fn has_public_ip(&self) -> bool {
        let wanted = self.awsvpc().and_then(|network| network.get("assignPublicIp"));
        wanted.and_then(Value::as_str) == Some("ENABLED")
    }

    /// `networkConfiguration.awsvpcConfiguration` of the service.
    pub(crate) fn awsvpc(&self) -> Option<&'a Map<String, Value>> {
        self.service.get("networkConfiguration")?.get("awsvpcConfiguration")?.as_object()
    }

    /// The target groups of the service, each with the container behind it.
    pub(crate) fn balancers(&self) -> Vec<Balancer<'a>> {
        objects(self.service.get("loadBalancers"))
            .filter_map(|entry| {
                let advanced = entry.get("advancedConfiguration");
                Some(Balancer {
                    target_group: entry.get("targetGroupArn")?.as_str()?,
                    alternate: advanced
                        .and_then(|advanced| advanced.get("alternateTargetGroupArn")?.as_str()),
                    container: entry.get("containerName").and_then(Value::as_str).unwrap_or_default(),
                    port: entry.get("containerPort").and_then(Value::as_u64).unwrap_or(0),
                })
            })
            .collect()
    }

    /// The ARNs of all target groups, each once.
    pub(crate) fn target_groups(&self) -> Vec<&'a str> {
        let mut all = Vec::new();
        for balancer in self.balancers() {
            for arn in std::iter::once(balancer.target_group).chain(balancer.alternate) {
                if !all.contains(&arn) {
                    all.push(arn);
                }
            }
        }
        all
    }

    /// How many tasks the service wants.
    pub(crate) fn desired(&self) -> u64 {
        let wanted = self.service.get("desiredCount").and_then(Value::as_u64);
        wanted.unwrap_or_else(|| u64::from(self.live.service.desired_count))
    }

    /// How many tasks may run at once during the deployment (facts 3.5 and 4.3).
    pub(crate) fn most_tasks(&self) -> u64 {
        if self.live.is_native() { self.desired() * 2 } else { self.desired() * self.maximum_percent() / 100 }
    }

    /// `maximumPercent`; 200 where ECS gives none.
    pub(crate) fn maximum_percent(&self) -> u64 {
        self.percent("maximumPercent").unwrap_or_else(|| u64::from(self.live.rules.maximum_percent))
    }

    /// `minimumHealthyPercent`; 100 where ECS gives none.
    pub(crate) fn minimum_healthy_percent(&self) -> u64 {
        self.percent("minimumHealthyPercent").unwrap_or_else(|| u64::from(self.live.minimum_healthy_percent))
    }

    fn percent(&self, field: &str) -> Option<u64> {
        self.service.get("deploymentConfiguration")?.get(field)?.as_u64()
    }

    /// CPU units of a task, where they are set and can be read.
    pub(crate) fn cpu(&self) -> Option<u64> {
        cpu_units(self.text("cpu")?)
    }

    /// MiB of a task, where they are set and can be read.
    pub(crate) fn memory(&self) -> Option<u64> {
        memory_mib(self.text("memory")?)
    }

    /// `awsvpc`, `bridge`, ...
    pub(crate) fn network_mode(&self) -> Option<&'a str> {
        self.text("networkMode")
    }
}

/// The objects of a list.
pub(crate) fn objects(list: Option<&Value>) -> impl Iterator<Item = &Map<String, Value>> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// The texts of a list.
pub(crate) fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
