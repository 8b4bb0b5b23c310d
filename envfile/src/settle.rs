//! Findings and a policy: what is stored.

use zeroize::Zeroizing;

use crate::canonical::Canonical;
use crate::codes::{Code, Finding, Remedy};
use crate::env_file::{EnvFile, Variable};

/// What to do about findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Any finding refuses.
    Strict,
    /// What can be repaired without changing the meaning is; what ECS can have as it is stays; the rest refuses.
    #[default]
    Normalize,
    /// The file is stored as it is, and every finding is a warning.
    Verbatim,
}

/// How a file is settled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What to do about findings.
    pub policy: Policy,
    /// Findings that are known and accepted: they are not told, and do not make `Strict` refuse.
    pub allow: Vec<Code>,
}

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// What is stored has the meaning.
    Repaired,
    /// What is stored is what the file says.
    Kept,
    /// Nothing is stored.
    Refused,
}

/// A file under a policy.
#[derive(Debug, Clone)]
pub struct Settled {
    /// What is to be told, in the order of the file.
    pub findings: Vec<(Finding, Outcome)>,
    /// What is to be stored; `None` where a finding refuses.
    pub content: Option<Canonical>,
}

impl Settled {
    /// The findings that refuse.
    pub fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|(_, outcome)| *outcome == Outcome::Refused).map(|(finding, _)| finding)
    }
}

pub(crate) fn settle(file: &EnvFile, options: &Options) -> Settled {
    let outcome = |finding: &Finding| {
        let allowed = options.allow.contains(&finding.code);
        match (options.policy, finding.remedy) {
            (Policy::Verbatim, _) => Outcome::Kept,
            (Policy::Strict, _) if !allowed => Outcome::Refused,
            (_, Remedy::Repair) => Outcome::Repaired,
            (_, Remedy::Keep) => Outcome::Kept,
            (_, Remedy::Refuse) => Outcome::Refused,
        }
    };
    let findings: Vec<(Finding, Outcome)> = file
        .findings()
        .iter()
        .map(|finding| (finding.clone(), outcome(finding)))
        .filter(|(finding, outcome)| !options.allow.contains(&finding.code) || *outcome == Outcome::Refused)
        .collect();
    let refused = findings.iter().any(|(_, outcome)| *outcome == Outcome::Refused);
    let content = match options.policy {
        Policy::Verbatim => Some(Canonical::exactly(Zeroizing::new(file.bytes().to_vec()), file.as_ecs())),
        _ if refused => None,
        _ => Some(Canonical::of(variables(file))),
    };
    Settled { findings, content }
}

/// What is stored of each assignment; one that comes twice has the same value twice, or the file is refused.
fn variables(file: &EnvFile) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for meant in file.meant() {
        if let Some(value) = &meant.stored
            && seen.insert(meant.name.expose())
        {
            let name = meant.name.expose().to_owned();
            variables.push(Variable { name, value: value.clone(), line: meant.line });
        }
    }
    variables
}
