//! `landfall env check`

use std::collections::BTreeMap;
use std::io::Read;

use landfall_envfile::{EnvFile, Finding};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::write::replace_content;
use super::{counted, started, unless_interrupted};
use crate::config::{Config, EnvFileConfig};
use crate::emit::Emitter;
use crate::envfile::{LocalEnvFile, finding};
use crate::error::{Error, Result};
use crate::event::{EnvFinding, EnvOutcome, Event};

/// What is asked of `landfall env check`.
pub struct EnvCheckJob {
    /// What to check, in this order; a path of `-` is standard input.
    pub files: Vec<EnvFileConfig>,
    /// Rewrite files so that ECS reads what they mean.
    pub fix: bool,
}

impl EnvCheckJob {
    /// Every env file of a configuration, each reading of it once.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where there is none.
    pub fn of_config(config: &Config, fix: bool) -> Result<Self> {
        let mut files: Vec<EnvFileConfig> = Vec::new();
        for file in config.services.iter().flat_map(|s| &s.containers).flat_map(|c| &c.env_files) {
            if !files.contains(file) {
                files.push(file.clone());
            }
        }
        if files.is_empty() {
            return Err(Error::usage("the configuration has no env file to check")
                .hint("Name one: landfall env check FILE."));
        }
        Ok(Self { files, fix })
    }
}

fn is_stdin(file: &&EnvFileConfig) -> bool {
    file.path.as_os_str() == "-"
}

/// The file's bytes, wiped when dropped. A pipe may keep it waiting, which an interrupt ends.
async fn read(file: &EnvFileConfig) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = if is_stdin(&file) {
        let all = tokio::task::spawn_blocking(|| {
            let mut bytes = Zeroizing::new(Vec::new());
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        });
        all.await.map_err(|error| Error::internal("the reader of standard input failed").source(error))?
    } else {
        tokio::fs::read(&file.path).await.map(Zeroizing::new)
    };
    bytes.map_err(|error| {
        Error::usage(format!("cannot read the env file {}", file.path.display()))
            .source(error)
            .hint("Correct its path.")
    })
}

/// Checks files, and tells everything by events. Asks nothing of AWS.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where something was found that is still there, or a file
/// cannot be read or written; all the others are checked first.
pub async fn check(job: EnvCheckJob, events: &Emitter, interrupt: &CancellationToken) -> Result<()> {
    events.emit(Event::RunStarted(started("env check", "", None)));
    let stdin = job.files.iter().filter(is_stdin).count();
    if stdin > 0 && job.fix {
        return Err(Error::usage("standard input cannot be repaired where it is")
            .hint("Write it to a file, and check that with --fix."));
    }
    if stdin > 1 {
        return Err(Error::usage("standard input can be read once").hint("Name `-` once."));
    }
    let work = check_all(&job, events);
    unless_interrupted(interrupt, events, "nothing was changed but the files that are named above", work)
        .await
}

async fn check_all(job: &EnvCheckJob, events: &Emitter) -> Result<()> {
    let (mut findings, mut bad_files, mut refused) = (0, 0, None);
    let mut failure = None;
    for file in &job.files {
        match check_one(file, job.fix, events).await {
            Ok(left) => {
                findings += left.len();
                bad_files += usize::from(!left.is_empty());
                let allowed = left.iter().find(|finding| file.options.allow.contains(&finding.code));
                refused = refused.or(allowed.map(|finding| finding.code));
            }
            // The first one ends the run; of the others one learns at once too.
            Err(error) if failure.is_some() => events.warn(error.to_string(), error.hint_text()),
            Err(error) => failure = Some(error),
        }
    }
    let found = format!("{} in {}", counted(findings, "finding"), counted(bad_files, "file"));
    match failure {
        Some(error) if findings == 0 => Err(error),
        Some(error) => Err(Error::usage(format!("{error}; and {found}"))
            .hint(error.hint_text().unwrap_or("Correct its path.").to_owned())),
        None if findings == 0 => Ok(()),
        None => {
            let repairs = if job.fix {
                "Correct by hand what --fix cannot repair"
            } else if job.files.iter().all(|file| is_stdin(&file)) {
                "Correct it where it comes from"
            } else {
                "`--fix` repairs what can be repaired"
            };
            let hint = match refused {
                // Only what can be stored can be accepted.
                Some(code) => {
                    format!("{repairs}. {} refuses a file although it is allowed.", code.as_str())
                }
                None => format!("{repairs}; `--allow CODE` accepts what is meant."),
            };
            Err(Error::usage(found).hint(hint))
        }
    }
}

/// Checks one file, and gives the findings that are left in it.
async fn check_one(file: &EnvFileConfig, fix: bool, events: &Emitter) -> Result<Vec<Finding>> {
    let before = EnvFile::read(&read(file).await?, file.interpolate);
    mask(&before, events);
    let mut left = told(&before, file);
    let mut repaired = Vec::new();
    if let Some(text) = before.rewritten().filter(|_| fix) {
        let after = EnvFile::read(text.as_bytes(), file.interpolate);
        let left_after = told(&after, file);
        repaired = mended(&left, &left_after, &line_numbers(before.bytes(), after.bytes()));
        // What is accepted is no reason to touch the file.
        if !repaired.is_empty() {
            replace_content(&file.path, text.as_bytes())?;
            left = left_after;
        }
    }
    let findings = repaired.iter().map(|found| finding(found, EnvOutcome::Repaired));
    let mut findings: Vec<EnvFinding> =
        findings.chain(left.iter().map(|found| finding(found, EnvOutcome::Found))).collect();
    findings.sort_by_key(|finding| (finding.line, finding.column));
    let checked = LocalEnvFile {
        file: file.path.display().to_string(),
        policy: file.options.policy,
        allow: file.options.allow.clone(),
        findings,
        content: None,
    };
    events.emit(Event::EnvFileChecked(checked.check(None)));
    if !repaired.is_empty() {
        let content = format!("{} repaired", counted(repaired.len(), "finding"));
        events.emit(Event::FileWritten { path: checked.file, content });
    }
    Ok(left)
}

/// The findings that a deployment of this file would tell: what is accepted is not among them, unless it refuses
/// the file all the same.
fn told(read: &EnvFile, file: &EnvFileConfig) -> Vec<Finding> {
    read.settle(&file.options).findings.into_iter().map(|(finding, _)| finding).collect()
}

fn mask(read: &EnvFile, events: &Emitter) {
    let values = read.as_dotenv().into_iter().chain(read.as_ecs());
    events.mask(values.map(|variable| variable.value).filter(|value| !value.expose().is_empty()));
}

/// The findings that are not among those that are left. A rewritten line can stand further down than before:
/// `lines` has the new number of each old line.
fn mended(found: &[Finding], left: &[Finding], lines: &[u32]) -> Vec<Finding> {
    let mut still: BTreeMap<(u32, &str, Option<&str>), usize> = BTreeMap::new();
    for finding in left {
        *still.entry((finding.line, finding.code.as_str(), finding.name.as_deref())).or_default() += 1;
    }
    let mut mended = Vec::new();
    for finding in found {
        let index = usize::try_from(finding.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let line = lines.get(index).copied().unwrap_or(finding.line);
        match still.get_mut(&(line, finding.code.as_str(), finding.name.as_deref())) {
            Some(count) if *count > 0 => *count -= 1,
            _ => mended.push(finding.clone()),
        }
    }
    mended
}

/// The new 1-based number of each old line. The rewriting keeps every line, but for a comment behind a value, which
/// moves to a line of its own above it.
fn line_numbers(before: &[u8], after: &[u8]) -> Vec<u32> {
    let is_comment = |line: &[u8]| line.trim_ascii_start().starts_with(b"#");
    let before = before.strip_prefix(b"\xef\xbb\xbf").unwrap_or(before);
    let after: Vec<&[u8]> = after.split(|byte| *byte == b'\n').collect();
    let mut next = 0;
    let mut numbers = Vec::new();
    for old in before.split(|byte| *byte == b'\n') {
        if !is_comment(old) && after.get(next).is_some_and(|new| is_comment(new)) {
            next += 1;
        }
        next += 1;
        numbers.push(u32::try_from(next).unwrap_or(u32::MAX));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_again_below_the_comments_that_moved_above_them() {
        let before = b"# one\nA='x' # why\n  # two\nB = {\"a\": 1}\n";
        let after = EnvFile::read(before, false).rewritten().unwrap();
        assert_eq!(after.as_str(), "# one\n# why\nA=x\n# two\nB= {\"a\": 1}\n");
        assert_eq!(line_numbers(before, after.as_bytes())[..4], [1, 3, 4, 5]);
    }
}
