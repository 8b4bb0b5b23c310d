//! The inputs of the GitHub action, as its step hands them over: `INPUT_CLUSTER` and so on.

use std::collections::{BTreeMap, HashMap};

use crate::error::{Error, Result};

/// Every input that reaches the program. `action.yml` has these and the ones that only its own steps read.
pub const INPUTS: &[&str] = &[
    // Landfall's own.
    "aws-region",
    "cluster",
    "comment",
    "compression",
    "config",
    "container",
    "create-repository",
    "dry-run",
    "env-file",
    "env-policy",
    "env-store",
    "environment-url",
    "from",
    "github-deployment",
    "image",
    "max-failed-tasks",
    "no-cache",
    "oidc-audience",
    "on-conflict",
    "on-first-failure",
    "on-interrupt",
    "prices",
    "probe-interval",
    "probe-url",
    "record",
    "report",
    "repository-encryption",
    "repository-tags",
    "role-duration",
    "role-external-id",
    "role-session-name",
    "role-session-tags",
    "role-to-assume",
    "rollback",
    "service",
    "services",
    "skip-check",
    "stall-timeout",
    "timeout",
    "wait-for",
    // aws-actions/amazon-ecs-deploy-task-definition
    "codedeploy-application",
    "codedeploy-appspec",
    "codedeploy-deployment-config",
    "codedeploy-deployment-description",
    "codedeploy-deployment-group",
    "desired-count",
    "enable-ecs-managed-tags",
    "force-new-deployment",
    "keep-null-value-keys",
    "max-retries",
    "propagate-tags",
    "run-task",
    "run-task-assign-public-ip",
    "run-task-capacity-provider-strategy",
    "run-task-container-overrides",
    "run-task-launch-type",
    "run-task-managed-ebs-volume",
    "run-task-managed-ebs-volume-name",
    "run-task-security-groups",
    "run-task-started-by",
    "run-task-subnets",
    "run-task-tags",
    "service-managed-ebs-volume",
    "service-managed-ebs-volume-name",
    "task-definition",
    "task-definition-arn",
    "wait-for-minutes",
    "wait-for-service-stability",
    "wait-for-task-stopped",
    "wait-max-delay-seconds",
    // aws-actions/amazon-ecs-render-task-definition
    "command",
    "container-name",
    "docker-labels",
    "env-files",
    "environment-variables",
    "execution-role-arn",
    "log-configuration-log-driver",
    "log-configuration-options",
    "secrets",
    "task-definition-family",
    "task-definition-revision",
    "task-role-arn",
];

/// The inputs that were given. The runner passes those that were not as empty texts: they are none.
#[derive(Default)]
pub struct Inputs {
    values: BTreeMap<&'static str, String>,
}

// Values may be secrets.
impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Inputs {
    /// From the variables of the process. Names are taken as the runner writes them (`INPUT_DRY-RUN`) and as a shell can
    /// hold them (`INPUT_DRY_RUN`).
    pub fn read(variables: &HashMap<String, String>) -> Self {
        let mut values = BTreeMap::new();
        for (name, value) in variables {
            let Some(name) = name.strip_prefix("INPUT_") else { continue };
            let name = name.to_lowercase().replace(['_', ' '], "-");
            let known = INPUTS.iter().find(|known| **known == name);
            // White space around a value is YAML's, not the writer's; so the runner's own library has it.
            if let Some(known) = known.filter(|_| !value.trim().is_empty()) {
                values.insert(*known, value.trim().to_owned());
            }
        }
        Self { values }
    }

    /// An input that was given.
    pub fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(INPUTS.contains(&name), "{name} is not in the list");
        self.values.get(name).map(String::as_str)
    }

    /// Whether one of them was given.
    pub fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name).is_some())
    }

    /// The names of all that were given.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.values.keys().copied()
    }

    /// An input that is `true` or `false`, as YAML writes it; `None` where it was not given.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for anything else; the value is not repeated.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name).map(str::to_lowercase).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => {
                Err(wrong(name, "is neither true nor false").hint(format!("Write `{name}: true` or false.")))
            }
        }
    }

    /// The lines of an input, without those that are empty.
    pub fn lines(&self, name: &str) -> Vec<&str> {
        self.get(name).into_iter().flat_map(str::lines).map(str::trim).filter(|l| !l.is_empty()).collect()
    }

    /// The words of an input, between white space or commas.
    pub fn words(&self, name: &str) -> Vec<&str> {
        let parts = self.get(name).into_iter().flat_map(|text| text.split([',', ' ', '\t', '\n', '\r']));
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// `NAME=VALUE` of each line.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) naming the line by its number: its text may be a secret.
    pub fn pairs(&self, name: &str) -> Result<Vec<(String, String)>> {
        let pair = |(number, line): (usize, &str)| match line.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(wrong(name, &format!("has no NAME= in line {}", number + 1))
                .hint("Each line is NAME=VALUE, and a value has one line.")),
        };
        let lines = self.get(name).into_iter().flat_map(str::lines).map(str::trim).enumerate();
        lines.filter(|(_, line)| !line.is_empty()).map(pair).collect()
    }
}

/// An error about an input.
pub fn wrong(name: &str, what: &str) -> Error {
    Error::usage(format!("the input `{name}` {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(given: &[(&str, &str)]) -> Inputs {
        let owned = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Inputs::read(&owned.collect())
    }

    #[test]
    fn both_ways_to_write_a_name_are_read_and_empty_texts_are_none() {
        let found = inputs(&[
            ("INPUT_DRY-RUN", "True"),
            ("INPUT_RUN_TASK_ASSIGN_PUBLIC_IP", "ENABLED"),
            ("INPUT_CLUSTER", " demo\n"),
            ("INPUT_SERVICE", " "),
            ("INPUT_UNKNOWN", "x"),
            ("OTHER", "y"),
        ]);
        assert_eq!(found.flag("dry-run").unwrap(), Some(true));
        assert_eq!(found.get("cluster"), Some("demo"));
        assert_eq!(found.names().collect::<Vec<_>>(), ["cluster", "dry-run", "run-task-assign-public-ip"]);
    }

    #[test]
    fn pairs_keep_what_stands_behind_the_first_equals_sign_and_errors_repeat_nothing() {
        let found = inputs(&[("INPUT_ENVIRONMENT_VARIABLES", "A=1=2\n\n  B= x \nC=")]);
        let pairs = found.pairs("environment-variables").unwrap();
        let expected = [("A", "1=2"), ("B", " x"), ("C", "")];
        assert_eq!(pairs, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let broken = inputs(&[("INPUT_SECRETS", "A=1\nhunter2\n")]);
        let error = broken.pairs("secrets").unwrap_err().to_string();
        assert_eq!(error, "the input `secrets` has no NAME= in line 2");
        assert!(!format!("{broken:?}").contains("hunter2"));
    }

    #[test]
    fn words_and_lines() {
        let found =
            inputs(&[("INPUT_SERVICES", "api, worker\n web"), ("INPUT_ENV_FILE", "a b.env\n\nc.env")]);
        assert_eq!(found.words("services"), ["api", "worker", "web"]);
        assert_eq!(found.lines("env-file"), ["a b.env", "c.env"]);
        assert!(inputs(&[("INPUT_DRY_RUN", "yes")]).flag("dry-run").is_err());
    }
}
