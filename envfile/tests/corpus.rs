//! Real `.env` files of public repositories. They are not in this repository: they are read where they lie beside it.
//! A golden holds codes and positions alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use landfall_envfile::{Code, EnvFile, Options, Outcome, Policy, Settled};

/// The files by their number. Nothing where the folder is not there, which is said.
fn corpus() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/envs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("the corpus is not beside the repository: nothing was compared");
        return BTreeMap::new();
    };
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap()[..3].to_owned(), std::fs::read(path).unwrap())
        })
        .collect()
}

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

/// One line a finding: position, code, and what becomes of it.
fn told(settled: &Settled) -> String {
    let mut told = String::new();
    for (finding, outcome) in &settled.findings {
        let outcome = match outcome {
            Outcome::Repaired => "repaired",
            Outcome::Kept => "kept",
            Outcome::Refused => "refused",
        };
        writeln!(told, "{}:{} {} {outcome}", finding.line, finding.column, finding.code).unwrap();
    }
    told
}

/// `UPDATE_GOLDENS=1` writes them anew; what has changed is to be read.
#[test]
fn findings_are_where_the_goldens_say() {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    for (number, bytes) in corpus() {
        let told = told(&EnvFile::read(&bytes, false).settle(&Options::default()));
        let golden = goldens().join(format!("{number}.txt"));
        if update {
            std::fs::write(&golden, &told).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(told == expected, "{number}: found\n{told}\nexpected\n{expected}");
    }
}

/// Beside the readings themselves: a file whose findings say nothing of a difference has none.
#[test]
fn where_nothing_is_found_both_readings_agree() {
    for (number, bytes) in corpus() {
        let file = EnvFile::read(&bytes, false);
        let differs = |code: Code| code != Code::Credential && code != Code::NameUnusual;
        if file.findings().iter().any(|finding| differs(finding.code)) {
            continue;
        }
        let ecs: Vec<_> = file.as_ecs().into_iter().map(|v| (v.name, v.value)).collect();
        let dotenv: Vec<_> = file.as_dotenv().into_iter().map(|v| (v.name, v.value)).collect();
        assert!(ecs == dotenv, "{number}: the two readings of a clean file differ");
    }
}

/// dotenvy also replaces from the process environment and joins lines behind a stray quote, which is why a file that
/// it refuses in any line is left out.
#[test]
fn the_dotenv_reading_is_that_of_dotenvy() {
    let mut compared = 0;
    let files = corpus();
    for (number, bytes) in &files {
        let oracle: Result<Vec<(String, String)>, _> = dotenvy::from_read_iter(&bytes[..]).collect();
        let Ok(oracle) = oracle else { continue };
        let file = EnvFile::read(bytes, true);
        let ours: Vec<_> =
            file.as_dotenv().into_iter().map(|v| (v.name, v.value.expose().to_owned())).collect();
        for (index, (theirs, ours)) in oracle.iter().zip(&ours).enumerate() {
            assert!(theirs.0 == ours.0, "{number}: name {index} differs");
            let from_outside = std::env::vars()
                .any(|(name, _)| String::from_utf8_lossy(bytes).contains(&format!("${name}")));
            assert!(from_outside || theirs.1 == ours.1, "{number}: the value of {} differs", ours.0);
        }
        assert_eq!(oracle.len(), ours.len(), "{number}");
        compared += 1;
    }
    assert!(files.is_empty() || compared >= 20, "only {compared} files were compared");
}

#[test]
fn a_rewritten_file_means_the_same_and_stays_as_it_is() {
    for (number, bytes) in corpus() {
        let file = EnvFile::read(&bytes, false);
        let Some(new) = file.rewritten() else { continue };
        let again = EnvFile::read(new.as_bytes(), false);
        assert!(again.rewritten().is_none(), "{number}: rewritten twice");
        let meaning = |file: &EnvFile| {
            let content = file.settle(&Options::default()).content;
            content.map(|content| content.hash().to_owned())
        };
        assert_eq!(meaning(&file), meaning(&again), "{number}");
        // `verbatim` is the ECS reading: of the new file it is nearer to what is meant, never farther away.
        let verbatim = Options { policy: Policy::Verbatim, ..Options::default() };
        assert!(again.settle(&verbatim).findings.len() <= file.settle(&verbatim).findings.len(), "{number}");
    }
}
