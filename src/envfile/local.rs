//! Env files on this machine.

use std::path::Path;

use landfall_envfile::{Canonical, Code, EnvFile, Outcome, Policy, Variable};
use zeroize::Zeroizing;

use crate::config::EnvFileConfig;
use crate::error::{Error, Result};
use crate::event::{EnvFileCheck, EnvFinding, EnvOutcome};

/// A `.env` file that was read under its policy.
#[derive(Debug, Clone)]
pub struct LocalEnvFile {
    /// As configured.
    pub file: String,
    /// How it is read.
    pub policy: Policy,
    /// Findings that are accepted.
    pub allow: Vec<Code>,
    /// What was found.
    pub findings: Vec<EnvFinding>,
    /// What is to be stored; `None` where a finding refuses.
    pub content: Option<Canonical>,
}

/// Reads a file.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where it cannot be read. What is wrong in it is among the
/// findings: see [`refuse`].
pub fn read(config: &EnvFileConfig) -> Result<LocalEnvFile> {
    let file = EnvFile::read(&bytes_of(&config.path)?, config.interpolate);
    let settled = file.settle(&config.options);
    let findings = settled.findings.iter().map(|(found, outcome)| finding(found, told(*outcome))).collect();
    Ok(LocalEnvFile {
        file: config.path.display().to_string(),
        policy: config.options.policy,
        allow: config.options.allow.clone(),
        findings,
        content: settled.content,
    })
}

/// The bytes of a file, wiped when dropped.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage).
pub(crate) fn bytes_of(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    std::fs::read(path).map(Zeroizing::new).map_err(|error| {
        Error::usage(format!("cannot read the env file {}", path.display()))
            .source(error)
            .hint("Correct `env_file`, or write the file in an earlier step of the job.")
    })
}

fn told(outcome: Outcome) -> EnvOutcome {
    match outcome {
        Outcome::Repaired => EnvOutcome::Repaired,
        Outcome::Kept => EnvOutcome::Kept,
        Outcome::Refused => EnvOutcome::Refused,
    }
}

/// A finding as an event tells it.
pub fn finding(found: &landfall_envfile::Finding, outcome: EnvOutcome) -> EnvFinding {
    EnvFinding {
        code: found.code.as_str().to_owned(),
        title: found.code.title().to_owned(),
        line: found.line,
        column: found.column,
        name: found.name.clone(),
        gets: found.gets.clone(),
        meant: found.meant.clone(),
        fix: found.fix.clone(),
        outcome,
        repaired: (outcome == EnvOutcome::Repaired).then(|| found.code.repaired().to_owned()),
    }
}

impl LocalEnvFile {
    /// What is told of it.
    pub fn check(&self, container: Option<&str>) -> EnvFileCheck {
        let policy = match self.policy {
            Policy::Strict => "strict",
            Policy::Normalize => "normalize",
            Policy::Verbatim => "verbatim",
        };
        EnvFileCheck {
            file: self.file.clone(),
            container: container.map(str::to_owned),
            policy: policy.to_owned(),
            findings: self.findings.clone(),
        }
    }

    /// Adds the findings of names that `environment` or `secrets` sets too (facts 2.3).
    pub fn check_names(&mut self, environment: &[&str], secrets: &[&str]) {
        let Some(content) = &self.content else { return };
        for Variable { name, line, .. } in content.variables() {
            let line = *line;
            let (code, gets, fix) = if secrets.contains(&name.as_str()) {
                (
                    Code::InSecrets,
                    "one of the two values; AWS does not say which",
                    "keep it in one of the two places",
                )
            } else if environment.contains(&name.as_str()) {
                (
                    Code::InEnvironment,
                    "the value of `environment`, always",
                    "remove it from the file, or from `environment` of the task definition",
                )
            } else {
                continue;
            };
            if self.allow.contains(&code) && code == Code::InEnvironment {
                continue;
            }
            let outcome = match (self.policy, code) {
                (_, Code::InSecrets) | (Policy::Strict, _) => EnvOutcome::Refused,
                _ => EnvOutcome::Kept,
            };
            self.findings.push(EnvFinding {
                code: code.as_str().to_owned(),
                title: code.title().to_owned(),
                line,
                column: 1,
                name: landfall_envfile::shown(name).map(str::to_owned),
                gets: gets.to_owned(),
                meant: "one value".to_owned(),
                fix: fix.to_owned(),
                outcome,
                repaired: None,
            });
        }
        self.findings.sort_by_key(|finding| (finding.line, finding.column));
    }
}

/// Refuses a file of which a finding refuses. All findings are told by the event; the error names the first.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) with file, line and column, and the fix.
pub fn refuse(check: &EnvFileCheck) -> Result<()> {
    let mut refusals = check.findings.iter().filter(|finding| finding.outcome == EnvOutcome::Refused);
    let Some(first) = refusals.next() else { return Ok(()) };
    let more = match refusals.count() {
        0 => String::new(),
        1 => " (and one more finding refuses the file)".to_owned(),
        more => format!(" (and {more} more findings refuse the file)"),
    };
    let name = first.name.as_ref().map(|name| format!("`{name}`: ")).unwrap_or_default();
    let place = format!("{}:{}:{}", check.file, first.line, first.column);
    Err(Error::usage(format!("{place}: {name}{} [{}]{more}", first.title, first.code))
        .hint(first.fix.clone()))
}
