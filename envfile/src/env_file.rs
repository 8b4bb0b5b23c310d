//! [`EnvFile`]: a file and what was found in it.

use zeroize::Zeroizing;

use crate::check::{self, Checked, Meant};
use crate::codes::{Code, Finding, Remedy};
use crate::dotenv::statements;
use crate::ecs::read_lines;
use crate::lines::{decode, lines};
use crate::rewrite::rewrite;
use crate::secret::Secret;
use crate::settle::{Options, Settled, settle};

/// One variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name. Of a malformed line it can be anything: see [`shown`](crate::shown).
    pub name: String,
    /// Its value.
    pub value: Secret,
    /// 1-based; where in the file it stands.
    pub line: u32,
}

/// A `.env` file in both readings.
pub struct EnvFile {
    bytes: Zeroizing<Vec<u8>>,
    findings: Vec<Finding>,
    meant: Vec<Meant>,
    ecs: Vec<Variable>,
}

impl EnvFile {
    /// Reads a file; it never fails, what is wrong is among the findings. With `interpolate`, `$NAME` and `${NAME}`
    /// stand for variables that the same file sets further up.
    pub fn read(bytes: &[u8], interpolate: bool) -> Self {
        let own = Zeroizing::new(bytes.to_vec());
        let decoded = match decode(&own) {
            Ok(decoded) => decoded,
            Err(wrong) => {
                let finding = check::not_utf8(wrong);
                return Self { bytes: own, findings: vec![finding], meant: Vec::new(), ecs: Vec::new() };
            }
        };
        let lines = lines(decoded.text);
        let Checked { mut findings, meant } = check::check(&lines, &statements(&lines), interpolate);
        if decoded.bom {
            findings.insert(0, check::bom());
        }
        let mut ecs = read_lines(&lines);
        if decoded.bom
            && let Some(first) = ecs.iter_mut().find(|variable| variable.line == 1)
        {
            first.name.insert(0, '\u{feff}');
        }
        Self { findings, meant, ecs, bytes: own }
    }

    /// What was found, in the order of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The file itself. Holds values.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What a task on Fargate gets of the file as it is: of two lines with one name the later one, and no variable
    /// whose value is empty (facts 2.2).
    pub fn as_ecs(&self) -> Vec<Variable> {
        self.ecs.iter().filter(|variable| !variable.value.expose().is_empty()).cloned().collect()
    }

    /// What dotenv libraries read where they agree, and Rust's dotenvy where they do not; references are replaced
    /// by what the file has set before, or by nothing. Every assignment is listed, also of a name that comes twice.
    pub fn as_dotenv(&self) -> Vec<Variable> {
        let mut variables: Vec<Variable> = Vec::new();
        for meant in &self.meant {
            let known = |name: &str| {
                let earlier = variables.iter().rev().find(|variable| variable.name == name);
                earlier.map(|variable| variable.value.expose().to_owned()).unwrap_or_default()
            };
            let value = meant.value.with(|name, _| Some(known(name))).unwrap_or_else(|| Secret::new(""));
            variables.push(Variable { name: meant.name.expose().to_owned(), value, line: meant.line });
        }
        variables
    }

    /// Applies a policy: which findings were repaired, and what is to be stored unless one refuses.
    pub fn settle(&self, options: &Options) -> Settled {
        settle(self, options)
    }

    /// The file rewritten so that ECS reads what it means, as far as that can be written: comments and the order
    /// stay. `None` where nothing can be bettered.
    pub fn rewritten(&self) -> Option<Zeroizing<String>> {
        let repairable = |finding: &Finding| finding.remedy == Remedy::Repair && finding.code != Code::Empty;
        if !self.findings.iter().any(repairable) {
            return None;
        }
        let decoded = decode(&self.bytes).ok()?;
        let new = rewrite(decoded.text);
        (new.as_bytes() != &self.bytes[..]).then_some(new)
    }

    pub(crate) fn meant(&self) -> &[Meant] {
        &self.meant
    }
}

impl std::fmt::Debug for EnvFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnvFile").field("findings", &self.findings).finish_non_exhaustive()
    }
}
